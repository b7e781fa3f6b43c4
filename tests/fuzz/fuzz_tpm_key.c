/* SPDX-License-Identifier: Apache-2.0
 * Public areas of TPM keys: none is both an attestation and an endorsement key. */
#include <pqi/attest.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_tpm_ak ak, ak_mark;
    pqi_tpm_ek ek, ek_mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&ak, 0x5a, sizeof ak);
    memset(&ek, 0x5a, sizeof ek);
    memcpy(&ak_mark, &ak, sizeof ak);
    memcpy(&ek_mark, &ek, sizeof ek);
    const int is_ak = pqi_tpm_ak_decode(&algs, (pqi_cspan){data, size}, &ak) == PQI_OK;
    const int is_ek = pqi_tpm_ek_decode(&algs, (pqi_cspan){data, size}, &ek) == PQI_OK;
    if ((is_ak && is_ek) || (!is_ak && memcmp(&ak, &ak_mark, sizeof ak) != 0) ||
        (!is_ek && memcmp(&ek, &ek_mark, sizeof ek) != 0)) {
        abort();
    }
    if (is_ak && (ak.pk[0] != 4 || ak.name[0] != 0 || ak.name[1] != 0x0b)) {
        abort();
    }
    return 0;
}
