# The one list of source files. Other build systems may read it: one file per line, no logic.

# libpqi-core: freestanding, no allocation, no I/O, no OpenSSL.
set(PQI_CORE_SOURCES
    src/ct/ct.c
    src/ct/wipe.c
    src/base/status.c
    src/base/hex.c
    src/base/id.c
    src/base/cbor.c
    src/prim/keccak/keccak.c
    src/prim/keccak/keccak_f1600.c
    src/prim/keccak/hash.c
    src/prim/kem.c
    src/prim/mlkem/mlkem.c
    src/prim/mlkem/mlkem512.c
    src/prim/mlkem/mlkem768.c
    src/prim/mlkem/mlkem1024.c
    src/prim/mlkem/pack.c
    src/prim/mlkem/poly.c
    src/prim/mlkem/sample.c
    src/prim/classic.c
    src/prim/selftest.c
    src/prim/selftest_pq.c
    src/prim/selftest_classic.c
    src/prim/hkdf/hkdf.c
    src/suite/algs.c
    src/suite/algs_all.c
    src/suite/box.c
    src/suite/suite_0001.c
    src/suite/suite_0002.c
    src/suite/suite_0004.c
    src/hal/provider.c
    src/hal/provider_soft.c
    src/hal/soft_core.c
    src/hal/soft_keys.c
    src/hal/soft_selftest.c
    src/hal/soft_state.c
    src/prim/sig.c
    src/prim/mldsa/mldsa.c
    src/prim/mldsa/mldsa44.c
    src/prim/mldsa/mldsa65.c
    src/prim/mldsa/mldsa87.c
    src/prim/mldsa/mu.c
    src/prim/mldsa/ntt.c
    src/prim/mldsa/sample.c
)

# libpqi: the sans-I/O rest: state, identity, sessions, protocols.
set(PQI_PQI_SOURCES
    src/ident/ident.c
    src/ident/cose.c
    src/ident/scope.c
    src/ident/cert.c
    src/ident/cert_wire.c
    src/ident/manifest.c
    src/ident/revoke.c
    src/state/store.c
    src/session/replay.c
    src/session/budget.c
    src/session/v1.c
    src/session/v1_wire.c
)

# libpqi-host: Linux port: OpenSSL, files, SQLite, MQTT.
set(PQI_HOST_SOURCES
    src/port/linux/classic_openssl.c
    src/port/linux/file_atomic.c
    src/port/linux/kek.c
    src/port/linux/protected_mem.c
    src/port/linux/provider_host.c
    src/port/linux/nvm_file.c
    src/port/linux/test_point.c
    src/port/linux/ossl_aead.c
    src/port/linux/ossl_pk.c
    src/port/linux/mqtt.c
)

# The command line tool.
set(PQI_CLI_SOURCES
    apps/pqi/main.c
    apps/pqi/commands.c
    apps/pqi/cli.c
    apps/pqi/options.c
    apps/pqi/algs.c
    apps/pqi/cmd_version.c
    apps/pqi/cli_kek.c
    apps/pqi/cmd_selftest.c
    apps/pqi/cmd_vectors.c
    apps/pqi/vectors/run.c
    apps/pqi/vectors/field.c
    apps/pqi/vectors/kinds.c
    apps/pqi/vectors/mlkem.c
    apps/pqi/vectors/mldsa.c
    apps/pqi/vectors/hash.c
    apps/pqi/vectors/classic.c
)
