/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_profile.h"

#include "algs.h"
#include "cmd_util.h"

#include <stdio.h>
#include <string.h>

pqi_cli_exit pqi_cli_profile_read(
    const pqi_cli_command *self, const pqi_cli_profile_args *a, const pqi_profile **out)
{
    pqi_profile_id id = PQI_PROFILE_KYBER_DILITHIUM;
    if (a->profile != NULL) {
        id = pqi_profile_parse(pqi_cli_span(a->profile));
        if (id == PQI_PROFILE_NONE) {
            return pqi_cli_usage(
                self, "--profile knows kyber-dilithium, kyber-falcon and saber-dilithium");
        }
    }
    *out = pqi_profile_get(id, (unsigned)a->level);
    return *out != NULL ? PQI_CLI_OK : pqi_cli_usage(self, "--level is 1, 3 or 5");
}

static const pqi_suite *suite_of(uint32_t id)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    return pqi_algs_suite(&algs, id); /* points to static tables */
}

uint32_t pqi_cli_suite_bit(uint32_t suite_id)
{
    const pqi_suite *s = suite_of(suite_id);
    return s != NULL ? s->bitmap : 0;
}

uint32_t pqi_cli_suite_kem(uint32_t suite_id)
{
    const pqi_suite *s = suite_of(suite_id);
    return s != NULL ? s->kem->id : 0;
}

void pqi_cli_kem_name(char out[PQI_CLI_ALG_LEN], uint32_t id)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    const pqi_kem *k = pqi_algs_kem(&algs, id);
    if (k == NULL) {
        (void)snprintf(out, PQI_CLI_ALG_LEN, "unknown algorithm %u", id);
        return;
    }
    (void)snprintf(out, PQI_CLI_ALG_LEN, "%s%s", k->name, pqi_alg_mark(k->flags));
}

void pqi_cli_sig_name(char out[PQI_CLI_ALG_LEN], int32_t id)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    const pqi_sig *s = pqi_algs_sig(&algs, id);
    if (s == NULL) {
        (void)snprintf(out, PQI_CLI_ALG_LEN, id != 0 ? "unknown algorithm %d" : "none", id);
        return;
    }
    (void)snprintf(out, PQI_CLI_ALG_LEN, "%s%s", s->name, pqi_alg_mark(s->flags));
}

void pqi_cli_suite_names(char out[PQI_CLI_SUITES_LEN], uint32_t bitmap)
{
    pqi_algs algs;
    size_t at = 0;
    pqi_cli_algs(&algs);
    out[0] = '\0';
    for (size_t i = 0; i < algs.n_suites; i++) {
        const pqi_suite *s = algs.suites[i];
        if ((s->bitmap & bitmap) == 0) {
            continue;
        }
        int n = snprintf(out + at, PQI_CLI_SUITES_LEN - at, "%s%s%s", at != 0 ? "; " : "", s->name,
            pqi_alg_mark(s->flags));
        if (n < 0 || (size_t)n >= PQI_CLI_SUITES_LEN - at) {
            return;
        }
        at += (size_t)n;
    }
}

void pqi_cli_policy_text(char out[PQI_CLI_ALG_LEN], const pqi_alg_policy *p)
{
    static const char *const marks[] = {"not standardised allowed", "pre-standard allowed",
        "not standardised allowed, pre-standard not", "standardised only"};
    _Static_assert((PQI_ALG_NOT_STANDARD | PQI_ALG_PRE_STANDARD) == 3, "the index");
    (void)snprintf(out, PQI_CLI_ALG_LEN, "level %u or higher, %s%s%s",
        p->min_level > 1 ? p->min_level : 1u, marks[p->forbid & 3u],
        (p->forbid & PQI_ALG_NOT_MISUSE_RESISTANT) != 0 ? ", misuse-resistant suites" : "",
        (p->forbid & PQI_ALG_COMPOSITE) != 0 ? ", no composites" : "");
}

pqi_alg_policy pqi_cli_policy(const pqi_cli_policy_args *a)
{
    unsigned forbid = a->standard_only   ? PQI_ALG_PRE_STANDARD | PQI_ALG_NOT_STANDARD
                      : a->no_unstandard ? PQI_ALG_NOT_STANDARD
                                         : 0u;
    forbid |= a->no_composite ? PQI_ALG_COMPOSITE : 0u;
    forbid |= a->misuse_resistant ? PQI_ALG_NOT_MISUSE_RESISTANT : 0u;
    pqi_alg_policy p = {(uint8_t)a->min_level, (uint8_t)forbid};
    return p;
}
