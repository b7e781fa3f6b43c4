/* SPDX-License-Identifier: Apache-2.0
 * Known digests over many runs, for tests/kat and tests/target. */
#ifndef PQI_TESTS_KAT_DIGESTS_H
#define PQI_TESTS_KAT_DIGESTS_H

#include <pqi/kem.h>
#include <pqi/sig.h>

/* SHAKE128 over 100 and 10,000 runs. */
typedef struct pqi_kat_sum {
    int32_t id;
    const char *hash100, *hash10000;
} pqi_kat_sum;

/* ML-KEM: the accumulated test of C2SP CCTV in the form of Go's crypto/mlkem (final FIPS 203). A
 * run draws d || z and m from one SHAKE128 and adds ek, ct, K, and the secret of a ciphertext that
 * is drawn as well. */
static const pqi_kat_sum pqi_kat_kem_sums[] = {
    {PQI_KEM_ID_ML_KEM_512, "86b1b4703b8ffef6f7f3290c6dbce4ad954498a0673ded401a94828e8c519a59",
        "e0112db334d4240ca6feed5b0beab1318925edd4ff7d840c2ebe6d61971fc14c"},
    {PQI_KEM_ID_ML_KEM_768, "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415",
        "8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc"},
    {PQI_KEM_ID_ML_KEM_1024, "800018fec3e2723f73f1d657fe239b4d5d8782efaade297e8cd448e54cc2ac00",
        "f1a3925c9cf8538bb104c56efb2f5ecb74cc3df25087460b73f6c873e96bcb6a"},
};

/* ML-DSA: C2SP CCTV, ML-DSA/accumulated. A run draws the seed and adds the public key and the
 * deterministic signature of the empty message. */
static const pqi_kat_sum pqi_kat_sig_sums[] = {
    {PQI_SIG_ID_ML_DSA_44, "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4",
        "e7fd21f6a59bcba60d65adc44404bb29a7c00e5d8d3ec06a732c00a306a7d143"},
    {PQI_SIG_ID_ML_DSA_65, "8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199",
        "5ff5e196f0b830c3b10a9eb5358e7c98a3a20136cb677f3ae3b90175c3ace329"},
    {PQI_SIG_ID_ML_DSA_87, "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b",
        "80a8cf39317f7d0be0e24972c51ac152bd2a3e09bc0c32ce29dd82c4e7385e60"},
};

#endif
