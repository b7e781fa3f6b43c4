/* SPDX-License-Identifier: Apache-2.0
 * The table of profiles and the names of algorithms. Numbers only: naming a profile links nothing. */
#include <pqi/profile.h>

#include <stdbool.h>

#define KD PQI_PROFILE_KYBER_DILITHIUM
#define KF PQI_PROFILE_KYBER_FALCON
#define SD PQI_PROFILE_SABER_DILITHIUM

/* ML-DSA has no category 1: ML-DSA-44 is of category 2. Falcon has no category 3. kyber-falcon without
 * a level is made for small signatures: Falcon-512 beside ML-KEM-768. */
/* clang-format off */
static const pqi_profile table[] = {
    {KD, 0, PQI_KEM_ID_ML_KEM_768,  0x0002, PQI_SIG_ID_ML_DSA_65,   PQI_SIG_ID_ML_DSA_87},
    {KD, 1, PQI_KEM_ID_ML_KEM_512,  0x0001, PQI_SIG_ID_ML_DSA_44,   PQI_SIG_ID_ML_DSA_87},
    {KD, 3, PQI_KEM_ID_ML_KEM_768,  0x0002, PQI_SIG_ID_ML_DSA_65,   PQI_SIG_ID_ML_DSA_87},
    {KD, 5, PQI_KEM_ID_ML_KEM_1024, 0x0004, PQI_SIG_ID_ML_DSA_87,   PQI_SIG_ID_ML_DSA_87},
    {KF, 0, PQI_KEM_ID_ML_KEM_768,  0x0002, PQI_SIG_ID_FALCON_512,  PQI_SIG_ID_FALCON_1024},
    {KF, 1, PQI_KEM_ID_ML_KEM_512,  0x0001, PQI_SIG_ID_FALCON_512,  PQI_SIG_ID_FALCON_1024},
    {KF, 3, PQI_KEM_ID_ML_KEM_768,  0x0002, PQI_SIG_ID_FALCON_1024, PQI_SIG_ID_FALCON_1024},
    {KF, 5, PQI_KEM_ID_ML_KEM_1024, 0x0004, PQI_SIG_ID_FALCON_1024, PQI_SIG_ID_FALCON_1024},
    {SD, 0, PQI_KEM_ID_SABER,       0x0007, PQI_SIG_ID_ML_DSA_65,   PQI_SIG_ID_ML_DSA_87},
    {SD, 1, PQI_KEM_ID_LIGHTSABER,  0x0006, PQI_SIG_ID_ML_DSA_44,   PQI_SIG_ID_ML_DSA_87},
    {SD, 3, PQI_KEM_ID_SABER,       0x0007, PQI_SIG_ID_ML_DSA_65,   PQI_SIG_ID_ML_DSA_87},
    {SD, 5, PQI_KEM_ID_FIRESABER,   0x0008, PQI_SIG_ID_ML_DSA_87,   PQI_SIG_ID_ML_DSA_87},
};

typedef struct alias {
    const char *name;
    int32_t id;
} alias;

static const alias profiles[] = {
    {"kyber-dilithium", KD}, {"ml-kem-ml-dsa", KD},
    {"kyber-falcon", KF}, {"ml-kem-falcon", KF},
    {"saber-dilithium", SD}, {"saber-ml-dsa", SD},
};
static const alias kems[] = {
    {"ml-kem-512", PQI_KEM_ID_ML_KEM_512}, {"kyber512", PQI_KEM_ID_ML_KEM_512},
    {"ml-kem-768", PQI_KEM_ID_ML_KEM_768}, {"kyber768", PQI_KEM_ID_ML_KEM_768},
    {"ml-kem-768-p256", PQI_KEM_ID_ML_KEM_768_P256},
    {"ml-kem-1024", PQI_KEM_ID_ML_KEM_1024}, {"kyber1024", PQI_KEM_ID_ML_KEM_1024},
    {"lightsaber", PQI_KEM_ID_LIGHTSABER}, {"saber", PQI_KEM_ID_SABER},
    {"firesaber", PQI_KEM_ID_FIRESABER},
};
static const alias sigs[] = {
    {"ml-dsa-44", PQI_SIG_ID_ML_DSA_44}, {"dilithium2", PQI_SIG_ID_ML_DSA_44},
    {"ml-dsa-65", PQI_SIG_ID_ML_DSA_65}, {"dilithium3", PQI_SIG_ID_ML_DSA_65},
    {"ml-dsa-87", PQI_SIG_ID_ML_DSA_87}, {"dilithium5", PQI_SIG_ID_ML_DSA_87},
    {"falcon-512", PQI_SIG_ID_FALCON_512}, {"falcon512", PQI_SIG_ID_FALCON_512},
    {"falcon-1024", PQI_SIG_ID_FALCON_1024}, {"falcon1024", PQI_SIG_ID_FALCON_1024},
    {"ml-dsa-44-p256", PQI_SIG_ID_ML_DSA_44_P256}, {"ml-dsa-65-p256", PQI_SIG_ID_ML_DSA_65_P256},
    {"falcon-512-p256", PQI_SIG_ID_FALCON_512_P256},
    {"falcon-1024-p256", PQI_SIG_ID_FALCON_1024_P256},
};
static const alias suites[] = {
    {"ml-kem-512", 0x0001}, {"kyber512", 0x0001}, {"ml-kem-768", 0x0002}, {"kyber768", 0x0002},
    {"gcm-siv", 0x0003}, {"ml-kem-1024", 0x0004}, {"kyber1024", 0x0004}, {"x-wing", 0x0005},
    {"xwing", 0x0005}, {"ml-kem-768-p256", 0x0009},
    {"lightsaber", 0x0006}, {"saber", 0x0007}, {"firesaber", 0x0008},
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

const pqi_profile *pqi_profile_at(size_t i)
{
    return i < COUNT(table) ? &table[i] : NULL;
}

const pqi_profile *pqi_profile_get(pqi_profile_id id, unsigned level)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].id == id && table[i].level == level) {
            return &table[i];
        }
    }
    return NULL;
}

const char *pqi_profile_name(pqi_profile_id id)
{
    for (size_t i = 0; i < COUNT(profiles); i++) {
        if (profiles[i].id == (int32_t)id) {
            return profiles[i].name; /* the first one is the name, others are aliases */
        }
    }
    return NULL;
}

/* ASCII letters of both cases are the same. */
static bool same(const char *name, pqi_cspan got)
{
    size_t i = 0;
    for (; i < got.len && name[i] != '\0'; i++) {
        uint8_t c = got.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
        if (c != (uint8_t)name[i]) {
            return false;
        }
    }
    return i == got.len && name[i] == '\0';
}

static int32_t find(const alias *a, size_t n, pqi_cspan name)
{
    for (size_t i = 0; i < n && name.ptr != NULL; i++) {
        if (same(a[i].name, name)) {
            return a[i].id;
        }
    }
    return 0;
}

pqi_profile_id pqi_profile_parse(pqi_cspan name)
{
    return (pqi_profile_id)find(profiles, COUNT(profiles), name);
}

uint16_t pqi_kem_parse(pqi_cspan name)
{
    return (uint16_t)find(kems, COUNT(kems), name);
}

int32_t pqi_sig_parse(pqi_cspan name)
{
    return find(sigs, COUNT(sigs), name);
}

uint16_t pqi_suite_parse(pqi_cspan name)
{
    return (uint16_t)find(suites, COUNT(suites), name);
}

const char *pqi_alg_mark(unsigned flags)
{
    return (flags & PQI_ALG_NOT_STANDARD) != 0   ? " (not standardised)"
           : (flags & PQI_ALG_PRE_STANDARD) != 0 ? " (pre-standard)"
                                                 : "";
}
