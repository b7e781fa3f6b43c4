#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program links the classical primitives it names and no others, and what is constant-time on a
# Cortex-M3 has no long multiplication there. Usage: links.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
lib=$1/libpqi-core.a

# Links one program from the named C expression; $out has its symbols.
link() { # EXPRESSION
    printf '%s\n' '#include <pqi/classic_mcu.h>' 'pqi_status r(uint8_t *out, size_t len);' \
        'pqi_status r(uint8_t *out, size_t len) { (void)out; (void)len; return PQI_ERR_RNG; }' \
        "$1" 'int main(void) { return used == 0; }' >"$tmp/p.c"
    # shellcheck disable=SC2086 # SANITIZE is an option or nothing
    ${CC:-cc} ${SANITIZE:-} -std=c11 -I "$top/include" -o "$tmp/p" "$tmp/p.c" "$lib" 2>"$err" &&
        nm "$tmp/p" >"$out" 2>>"$err"
}

has() {
    for name in "$@"; do grep -q " $name\$" "$out" || return 1; done
}

# The instrumented objects of a sanitizer build need its run-time library.
if nm "$lib" 2>/dev/null | grep -q ' U __asan_init'; then SANITIZE=-fsanitize=address,undefined; fi
if nm "$lib" 2>/dev/null | grep -q ' U __tsan_init'; then SANITIZE=-fsanitize=thread; fi

link 'static const pqi_classic t = PQI_CLASSIC_MCU_SUITES_1_2(r); const volatile pqi_classic *volatile used = &t;'
result $? "a table for suites 0x0001 and 0x0002 links"
has pqi_mcu_gcm_seal pqi_mcu_gcm_open pqi_aes_init pqi_md_sha256 pqi_mcu_x25519
result $? "it has AES-256-GCM, SHA-256 and X25519"
! grep -Eq ' pqi_(mcu_(gcm_siv|ccm|chacha|ed25519|aead|hash$|hmac$)|md_sha512|md_sha384|classic_mcu)' "$out"
result $? "and no CCM, ChaCha20-Poly1305, Ed25519 or SHA-512"

link 'pqi_status (*volatile used)(uint8_t *, const uint8_t *, const uint8_t *) = pqi_mcu_x25519;'
result $? "X25519 alone links"
has pqi_mcu_x25519 pqi_fe_mul && ! grep -Eq ' pqi_(aes|md|mcu_(gcm|ed25519))' "$out"
result $? "and brings nothing but its field"

link 'pqi_status (*volatile used)(const pqi_aead_key *, pqi_cspan, pqi_cspan, pqi_span) = pqi_mcu_ccm_open;'
result $? "AES-CCM alone links"
has pqi_mcu_ccm_open pqi_aes_init && ! grep -Eq ' pqi_(md|fe|mcu_(gcm|chacha))' "$out"
result $? "and brings nothing but AES"

link 'pqi_status (*volatile used)(const pqi_aead_key *, pqi_cspan, pqi_cspan, pqi_span) = pqi_mcu_gcm_siv_open;'
result $? "AES-GCM-SIV alone links"
has pqi_mcu_gcm_siv_open pqi_aes_init pqi_ghash_multiply &&
    ! grep -Eq ' pqi_(md|fe|mcu_(gcm_open|gcm_seal|ccm|chacha))' "$out"
result $? "and brings nothing but AES and the product of GHASH"

link 'void (*volatile used)(pqi_classic *, pqi_status (*)(uint8_t *, size_t)) = pqi_classic_mcu;'
result $? "the whole set links"
has pqi_mcu_gcm_seal pqi_mcu_gcm_siv_seal pqi_mcu_ccm_seal pqi_mcu_chacha_seal pqi_mcu_ed25519_sign pqi_md_sha512
result $? "and has everything"

# Instructions and calls whose time depends on operands, of one file compiled for a core.
long_products() { # CORE OPTIMISATION FILE
    arm-none-eabi-gcc -std=c11 "-mcpu=$1" -mthumb -ffreestanding -I "$top/include" -I "$top/src" \
        "$2" -c -o "$tmp/o.o" "$3" 2>"$err" && arm-none-eabi-objdump -dr "$tmp/o.o" |
        grep -E '[[:space:]](umull|umlal|smull|smlal|[us]div)[[:space:]]|__aeabi_(lmul|.*div)' >"$out"
}

if command -v arm-none-eabi-gcc >"$out" 2>"$err"; then
    for core in cortex-m0 cortex-m3 cortex-m23; do
        found=0
        for file in "$top"/src/prim/mcu/*.c "$top"/src/prim/mlkem/*.c "$top"/src/prim/saber/*.c \
            "$top"/src/prim/mldsa/ntt.c "$top"/src/prim/mldsa/mldsa65*.c "$top"/src/prim/falcon/s*.c; do
            for opt in -Os -O3; do
                ! long_products "$core" "$opt" "$file" && [ ! -s "$err" ] || found=1
            done
        done
        result $found "no long multiplication on $core"
    done
    long_products cortex-m4 -Os "$top/src/prim/mldsa/ntt.c"
    result $? "the search finds those of a core that has them"
else
    skip "no long multiplication on small cores" "no arm-none-eabi-gcc"
fi
finish
