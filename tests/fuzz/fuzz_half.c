/* SPDX-License-Identifier: Apache-2.0
 * Statements of a TPM about keys, and the messages that carry them: what does not decode leaves *out alone; what
 * does lies inside the input and is of one kind. */
#include <pqi/attest.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(pqi_cspan s, const uint8_t *data, size_t size)
{
    if (s.len != 0 && (s.ptr < data || s.len > size || (size_t)(s.ptr - data) > size - s.len)) {
        abort();
    }
}

static void statement(const uint8_t *data, size_t size)
{
    pqi_half h, mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&h, 0x5a, sizeof h);
    memcpy(&mark, &h, sizeof h);
    if (pqi_half_decode(&algs, (pqi_cspan){data, size}, &h) != PQI_OK) {
        if (memcmp(&h, &mark, sizeof h) != 0) {
            abort();
        }
        return;
    }
    inside(h.attest, data, size);
    inside(h.extra, data, size);
    if ((h.kind != PQI_KEY_SIG && h.kind != PQI_KEY_KEM) || h.pk[0] != 4 || h.name[1] != 0x0b ||
        h.extra.len != PQI_HALF_EXTRA) {
        abort();
    }
}

/* One encoding: what decodes encodes to the same. */
static void message(const uint8_t *data, size_t size)
{
    uint8_t again[PQI_AK_MSG_MAX];
    size_t len = 0;
    pqi_ak_msg m, mark;
    memset(&m, 0x5a, sizeof m);
    memcpy(&mark, &m, sizeof m);
    if (pqi_ak_msg_decode((pqi_cspan){data, size}, &m) != PQI_OK) {
        if (memcmp(&m, &mark, sizeof m) != 0) {
            abort();
        }
        return;
    }
    inside(m.body, data, size);
    inside(m.half_sig, data, size);
    inside(m.half_kem, data, size);
    if (pqi_ak_msg_encode(&m, (pqi_span){again, sizeof again}, &len) != PQI_OK || len != size ||
        memcmp(again, data, size) != 0) {
        abort();
    }
    if (m.kind == PQI_AK_HALF_PROOF) {
        statement(m.half_sig.ptr, m.half_sig.len);
        statement(m.half_kem.ptr, m.half_kem.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    statement(data, size);
    message(data, size);
    return 0;
}
