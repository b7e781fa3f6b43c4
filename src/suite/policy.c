/* SPDX-License-Identifier: Apache-2.0
 * What is accepted, and which suite is chosen. docs/spec/registry.md. */
#include <pqi/profile.h>

#include <stdbool.h>

static pqi_status check(const pqi_alg_policy *p, unsigned level, unsigned flags)
{
    return level >= p->min_level && (flags & p->forbid) == 0 ? PQI_OK : PQI_ERR_POLICY;
}

pqi_status pqi_policy_kem(const pqi_alg_policy *p, const pqi_kem *kem)
{
    return p == NULL || kem == NULL ? PQI_ERR_ARG : check(p, kem->level, kem->flags);
}

pqi_status pqi_policy_sig(const pqi_alg_policy *p, const pqi_sig *sig)
{
    return p == NULL || sig == NULL ? PQI_ERR_ARG : check(p, sig->level, sig->flags);
}

/* The KEM's own marks count even where a suite's row forgot one, and the AEAD's cannot be forgotten:
 * RFC 8452 section 9 against a repeated nonce in each of the others. */
static unsigned flags_of(const pqi_suite *s)
{
    bool resists = s->aead == PQI_AEAD_AES_256_GCM_SIV;
    return (unsigned)s->flags | s->kem->flags | (resists ? 0u : PQI_ALG_NOT_MISUSE_RESISTANT);
}

pqi_status pqi_policy_suite(const pqi_alg_policy *p, const pqi_suite *s)
{
    return p == NULL || s == NULL || s->kem == NULL ? PQI_ERR_ARG
                                                    : check(p, s->kem->level, flags_of(s));
}

uint32_t pqi_policy_suites(const pqi_algs *a, const pqi_alg_policy *p, uint32_t kem_id)
{
    uint32_t bits = 0;
    for (size_t i = 0; a != NULL && i < a->n_suites; i++) {
        const pqi_suite *s = a->suites[i];
        bool fits = kem_id == 0 || s->kem->id == kem_id;
        if (fits && (p == NULL || pqi_policy_suite(p, s) == PQI_OK)) {
            bits |= s->bitmap;
        }
    }
    return bits;
}

/* 0 standardised, 1 pre-standard, 2 not standardised. */
static unsigned mark_of(const pqi_suite *s)
{
    unsigned flags = flags_of(s);
    return (flags & PQI_ALG_NOT_STANDARD) != 0 ? 2u : (flags & PQI_ALG_PRE_STANDARD) != 0 ? 1u : 0u;
}

static bool better(const pqi_suite *s, const pqi_suite *than)
{
    if (than == NULL) {
        return true;
    }
    if (mark_of(s) != mark_of(than)) {
        return mark_of(s) < mark_of(than);
    }
    if (s->level != than->level) {
        return s->level > than->level;
    }
    return s->id < than->id;
}

const pqi_suite *pqi_suite_choose(const pqi_algs *a, const pqi_alg_policy *p, uint32_t offered,
    uint32_t kem_id, const pqi_suite *only)
{
    const pqi_suite *best = NULL;
    for (size_t i = 0; a != NULL && p != NULL && i < a->n_suites; i++) {
        const pqi_suite *s = a->suites[i];
        bool asked = only == NULL || only->id == s->id;
        bool fits = (s->bitmap & offered) != 0 && (kem_id == 0 || s->kem->id == kem_id);
        if (asked && fits && pqi_policy_suite(p, s) == PQI_OK && better(s, best)) {
            best = s;
        }
    }
    return best;
}
