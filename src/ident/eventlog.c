/* SPDX-License-Identifier: Apache-2.0
 * Event logs of firmware: TCG PC Client Platform Firmware Profile 1.06, section 10. Little-endian, crypto
 * agile. What kernels export is the log from its first byte to the end of its last event. */
#include <pqi/attest.h>

#include "base/mem.h"
#include "base/rd.h"
#include "ct/ct.h"

#define SHA1_LEN     20u
#define ALG_SHA256   0x000bu
#define DIGEST_MAX   64u
#define DRTM_FIRST   17u /* PCRs that a dynamic launch sets to zero before it extends them */
#define DRTM_LAST    22u
#define LOCALITY_LEN 17u /* "StartupLocality" with its NUL, locality u8 */

static uint32_t le(rd *r, size_t n)
{
    pqi_cspan b = rd_bytes(r, n);
    uint32_t v = 0;
    for (size_t i = b.len; i-- > 0;) {
        v = v << 8 | b.ptr[i];
    }
    return v;
}

static void expect_le(rd *r, size_t n, uint32_t want)
{
    if (le(r, n) != want) {
        rd_fail(r);
    }
}

static bool equal(pqi_cspan x, pqi_cspan y)
{
    return x.len == y.len && pqi_ct_eq(x.ptr, y.ptr, x.len) != 0;
}

/* TCG_EfiSpecIDEvent, section 10.4.5.1. */
static void read_spec_id(rd *r, pqi_eventlog *l)
{
    static const pqi_cspan name = {PQI_LIT("Spec ID Event03\0")};
    if (!equal(rd_bytes(r, name.len), name)) {
        rd_fail(r);
    }
    (void)rd_bytes(r, 4 + 1 + 1 + 1 + 1); /* class, version, errata, size of UINTN */
    l->n_algs = le(r, 4);
    if (l->n_algs == 0 || l->n_algs > PQI_EVENTLOG_ALGS) {
        rd_fail(r);
    }
    for (uint32_t i = 0; i < l->n_algs && !r->bad; i++) {
        l->alg[i] = (uint16_t)le(r, 2);
        l->len[i] = (uint16_t)le(r, 2);
        if (l->len[i] == 0 || l->len[i] > DIGEST_MAX ||
            (l->alg[i] == ALG_SHA256 && l->len[i] != PQI_PCR_LEN)) {
            rd_fail(r);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (l->alg[k] == l->alg[i]) {
                rd_fail(r);
            }
        }
    }
    (void)rd_bytes(r, le(r, 1)); /* vendorInfo */
}

static bool has_sha256(const pqi_eventlog *l)
{
    bool found = false;
    for (uint32_t i = 0; i < l->n_algs; i++) {
        found |= l->alg[i] == ALG_SHA256;
    }
    return found;
}

/* TCG_PCClientPCREvent, section 10.2.1: the header has the form of TPM 1.2. */
pqi_status pqi_eventlog_begin(pqi_eventlog *l, pqi_cspan in)
{
    if (l == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_eventlog x = {0};
    rd r = rd_of(in);
    if (in.len > PQI_EVENTLOG_MAX) {
        return PQI_ERR_DECODE;
    }
    expect_le(&r, 4, 0);
    expect_le(&r, 4, PQI_EV_NO_ACTION);
    (void)rd_bytes(&r, SHA1_LEN);
    const uint32_t size = le(&r, 4);
    rd head = rd_of(rd_bytes(&r, size));
    if (r.bad) {
        return PQI_ERR_DECODE;
    }
    read_spec_id(&head, &x);
    if (rd_done(&head) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if (!has_sha256(&x)) {
        return PQI_ERR_UNSUPPORTED;
    }
    x.left = (pqi_cspan){r.p, r.left};
    *l = x;
    return PQI_OK;
}

/* TPML_DIGEST_VALUES: one digest of each algorithm of the header, in any order. */
static const uint8_t *read_digests(rd *r, const pqi_eventlog *l)
{
    const uint8_t *sha256 = NULL;
    uint32_t seen = 0;
    expect_le(r, 4, l->n_algs);
    for (uint32_t i = 0; i < l->n_algs && !r->bad; i++) {
        const uint32_t alg = le(r, 2);
        uint32_t k = 0;
        while (k < l->n_algs && l->alg[k] != alg) {
            k++;
        }
        if (k == l->n_algs || (seen >> k & 1u) != 0) {
            rd_fail(r);
            break;
        }
        seen |= 1u << k;
        pqi_cspan d = rd_bytes(r, l->len[k]);
        sha256 = alg == ALG_SHA256 ? d.ptr : sha256;
    }
    return sha256;
}

/* TCG_PCR_EVENT2, section 10.2.2. */
pqi_status pqi_eventlog_next(pqi_eventlog *l, pqi_log_event *out)
{
    if (l == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (l->left.len == 0) {
        return PQI_ERR_MISSING;
    }
    if (l->events >= PQI_EVENTLOG_EVENTS) {
        return PQI_ERR_DECODE;
    }
    rd r = rd_of(l->left);
    pqi_log_event e = {0};
    e.pcr = le(&r, 4);
    e.type = le(&r, 4);
    e.digest = read_digests(&r, l);
    const uint32_t size = le(&r, 4);
    e.data = rd_bytes(&r, size);
    if (r.bad || e.pcr >= PQI_TPM_PCRS || e.digest == NULL) {
        return PQI_ERR_DECODE;
    }
    l->left = (pqi_cspan){r.p, r.left};
    l->events++;
    *out = e;
    return PQI_OK;
}

/* ---- replay ------------------------------------------------------------------------------------- */

static pqi_status extend(const pqi_algs *a, pqi_pcrs *p, const pqi_log_event *e)
{
    uint8_t *v = p->v[e->pcr];
    if (e->pcr >= DRTM_FIRST && e->pcr <= DRTM_LAST && (p->extended >> e->pcr & 1u) == 0) {
        memset(v, 0, PQI_PCR_LEN);
    }
    uint8_t next[PQI_PCR_LEN];
    const pqi_cspan parts[2] = {{v, PQI_PCR_LEN}, {e->digest, PQI_PCR_LEN}};
    pqi_status st = a->classic->hash(PQI_HASH_SHA256, parts, 2, next);
    if (st == PQI_OK) {
        memcpy(v, next, PQI_PCR_LEN);
        p->extended |= 1u << e->pcr;
    }
    return st;
}

/* Section 10.4.5.3: before the first extend of PCR 0, once. */
static pqi_status no_action(pqi_pcrs *p, const pqi_log_event *e, bool *located)
{
    static const pqi_cspan name = {PQI_LIT("StartupLocality\0")};
    if (e->pcr != 0 || e->data.len != LOCALITY_LEN ||
        !equal((pqi_cspan){e->data.ptr, name.len}, name)) {
        return PQI_OK;
    }
    if (*located || (p->extended & 1u) != 0) {
        return PQI_ERR_DECODE;
    }
    *located = true;
    p->v[0][PQI_PCR_LEN - 1] = e->data.ptr[name.len];
    return PQI_OK;
}

pqi_status pqi_eventlog_replay(const pqi_algs *a, pqi_cspan in, pqi_pcrs *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_eventlog l;
    pqi_log_event e;
    pqi_pcrs p = {0};
    bool located = false;
    for (uint32_t i = DRTM_FIRST; i <= DRTM_LAST; i++) {
        memset(p.v[i], 0xff, PQI_PCR_LEN);
    }
    pqi_status st = pqi_eventlog_begin(&l, in);
    while (st == PQI_OK && (st = pqi_eventlog_next(&l, &e)) == PQI_OK) {
        st = e.type == PQI_EV_NO_ACTION ? no_action(&p, &e, &located) : extend(a, &p, &e);
    }
    if (st != PQI_ERR_MISSING) {
        return st;
    }
    p.events = l.events;
    *out = p;
    return PQI_OK;
}

pqi_status pqi_pcrs_digest(
    const pqi_algs *a, const pqi_pcrs *p, uint32_t mask, uint8_t out[PQI_PCR_LEN])
{
    if (a == NULL || p == NULL || out == NULL || mask == 0 || (mask & ~PQI_PCR_MASK_ALL) != 0) {
        return PQI_ERR_ARG;
    }
    pqi_cspan parts[PQI_TPM_PCRS];
    size_t n = 0;
    for (uint32_t i = 0; i < PQI_TPM_PCRS; i++) {
        if ((mask >> i & 1u) != 0) {
            parts[n++] = (pqi_cspan){p->v[i], PQI_PCR_LEN};
        }
    }
    return a->classic->hash(PQI_HASH_SHA256, parts, n, out);
}

const char *pqi_eventlog_type(uint32_t type)
{
    /* Tables 27 and 28. */
    static const char *const low[] = {"EV_PREBOOT_CERT", "EV_POST_CODE", "EV_UNUSED",
        "EV_NO_ACTION", "EV_SEPARATOR", "EV_ACTION", "EV_EVENT_TAG", "EV_S_CRTM_CONTENTS",
        "EV_S_CRTM_VERSION", "EV_CPU_MICROCODE", "EV_PLATFORM_CONFIG_FLAGS", "EV_TABLE_OF_DEVICES",
        "EV_COMPACT_HASH", "EV_IPL", "EV_IPL_PARTITION_DATA", "EV_NONHOST_CODE",
        "EV_NONHOST_CONFIG", "EV_NONHOST_INFO", "EV_OMIT_BOOT_DEVICE_EVENTS", "EV_POST_CODE2"};
    static const char *const efi[] = {"EV_EFI_EVENT_BASE", "EV_EFI_VARIABLE_DRIVER_CONFIG",
        "EV_EFI_VARIABLE_BOOT", "EV_EFI_BOOT_SERVICES_APPLICATION", "EV_EFI_BOOT_SERVICES_DRIVER",
        "EV_EFI_RUNTIME_SERVICES_DRIVER", "EV_EFI_GPT_EVENT", "EV_EFI_ACTION",
        "EV_EFI_PLATFORM_FIRMWARE_BLOB", "EV_EFI_HANDOFF_TABLES", "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        "EV_EFI_HANDOFF_TABLES2", "EV_EFI_VARIABLE_BOOT2"};
    if (type < sizeof low / sizeof low[0]) {
        return low[type];
    }
    const uint32_t at = type - 0x80000000u;
    if (type >= 0x80000000u && at < sizeof efi / sizeof efi[0]) {
        return efi[at];
    }
    switch (type) {
    case 0x80000010u:
        return "EV_EFI_HCRTM_EVENT";
    case 0x800000e0u:
        return "EV_EFI_VARIABLE_AUTHORITY";
    case 0x800000e1u:
        return "EV_EFI_SPDM_FIRMWARE_BLOB";
    case 0x800000e2u:
        return "EV_EFI_SPDM_FIRMWARE_CONFIG";
    default:
        return "?";
    }
}
