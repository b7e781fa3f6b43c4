/* SPDX-License-Identifier: Apache-2.0
 * A later root manifest for a device: from its grant, or by hand. */
#include "port/linux/device_int.h"

#include <stdlib.h>
#include <string.h>

pqi_status pqi_device_next_root(pqi_host_device *d, pqi_cspan in, pqi_manifest *m)
{
    const pqi_device_record *r = &d->record;
    pqi_manifest *old = malloc(sizeof *old);
    if (old == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_manifest_decode(&d->algs, in, m);
    if (st != PQI_OK) {
        st = pqi_why(st, "this is no root manifest");
    } else if (r->manifest_len == 0) {
        st = pqi_why(
            PQI_ERR_AUTH, "%s has not joined yet and knows its root by the hash alone", d->cfg.dir);
    }
    if (st == PQI_OK) {
        st = pqi_manifest_decode(&d->algs, (pqi_cspan){r->manifest, r->manifest_len}, old);
        st = st == PQI_OK ? st : pqi_why(PQI_ERR_STORAGE, "the installed root is damaged");
    }
    if (st == PQI_OK && m->root_version != (uint64_t)old->root_version + 1u) {
        st = pqi_why(PQI_ERR_AUTH,
            "the root manifest is version %u and the pinned one %u: pqi device root takes them one "
            "after the other",
            m->root_version, old->root_version);
    }
    if (st == PQI_OK) {
        st = pqi_manifest_verify(&d->algs, m, old, d->tmp);
        if (st == PQI_OK) {
            st = pqi_manifest_verify(&d->algs, m, m, d->tmp);
        }
        st = st == PQI_OK
                 ? st
                 : pqi_why(st, "the root manifest is not signed by the pinned one and by itself");
    }
    free(old);
    return st;
}

/* The installed certificate must hold under the new version, or the device could not start. */
static pqi_status check_cert(pqi_host_device *d, const pqi_manifest *m, const pqi_now *now)
{
    pqi_cert c;
    pqi_status st = pqi_cert_decode(&d->algs, pqi_host_device_cert(d), &c);
    if (st == PQI_OK) {
        st = pqi_cert_verify(&d->algs, &c, m, now, d->tmp);
    }
    return st == PQI_ERR_AUTH
               ? pqi_why(PQI_ERR_POLICY, "the new root does not name the issuer of the installed "
                                         "certificate: join again, the grant brings the root")
               : st;
}

static pqi_status take(pqi_host_device *d, pqi_cspan in, const pqi_now *now, uint32_t *version)
{
    pqi_device_record *r = &d->record;
    pqi_manifest *m = malloc(sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_manifest_decode(&d->algs, in, m);
    if (st == PQI_OK && memcmp(m->hash, r->pinned, sizeof r->pinned) == 0 && r->manifest_len != 0) {
        *version = m->root_version; /* it is so already */
        free(m);
        return PQI_OK;
    }
    st = pqi_device_next_root(d, in, m);
    if (st == PQI_OK) {
        st = check_cert(d, m, now);
    }
    if (st == PQI_OK) {
        *version = m->root_version;
        memcpy(r->pinned, m->hash, sizeof r->pinned);
        memcpy(r->manifest, in.ptr, in.len);
        r->manifest_len = in.len;
        st = pqi_device_save(d);
    }
    free(m);
    return st;
}

pqi_status pqi_host_device_new_root(
    const pqi_host_device_cfg *cfg, pqi_cspan manifest, const pqi_now *now, uint32_t *version)
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (now == NULL || version == NULL || manifest.ptr == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *version = 0;
    if (manifest.len > PQI_MANIFEST_MAX) {
        return pqi_why(PQI_ERR_DECODE, "this is no root manifest");
    }
    pqi_status st = pqi_device_attach(&d, cfg, 0);
    if (st == PQI_OK) {
        st = take(d, manifest, now, version);
    }
    if (st != PQI_OK) {
        *version = 0;
    }
    pqi_host_device_close(d);
    return st == PQI_OK ? st : pqi_why_else(st, "cannot take the root: %s", pqi_status_text(st));
}
