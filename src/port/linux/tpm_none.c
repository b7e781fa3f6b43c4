/* SPDX-License-Identifier: Apache-2.0
 * In place of the TPM driver where the TCG stack was missing at build time. */
#include "port/linux/element.h"
#include "port/linux/why.h"

#include <pqi/host_tpm.h>

static pqi_status none(void)
{
    return pqi_why(
        PQI_ERR_UNSUPPORTED, "this build has no TPM driver: it was made without tpm2-tss");
}

pqi_status pqi_tpm_element_open(pqi_host_element **out, const pqi_element_cfg *cfg)
{
    (void)cfg;
    *out = NULL;
    return none();
}

pqi_status pqi_host_tpm_identity(const char *uri, pqi_tpm_identity *out)
{
    (void)uri;
    (void)out;
    return none();
}

pqi_status pqi_host_tpm_activate(
    const char *uri, pqi_cspan cred, uint8_t secret[PQI_TPM_SECRET_MAX], size_t *len)
{
    (void)uri;
    (void)cred;
    (void)secret;
    (void)len;
    return none();
}

pqi_status pqi_host_tpm_pcr_read(const char *uri, uint32_t mask, pqi_span values)
{
    (void)uri;
    (void)mask;
    (void)values;
    return none();
}

pqi_status pqi_host_tpm_init(const char *uri, unsigned *made)
{
    (void)uri;
    (void)made;
    return none();
}

pqi_status pqi_host_tpm_clear(const char *uri, unsigned *removed)
{
    (void)uri;
    (void)removed;
    return none();
}

pqi_status pqi_host_tpm_show(const char *uri, pqi_tpm_facts *out)
{
    (void)uri;
    (void)out;
    return none();
}

pqi_status pqi_host_tpm_pcrs(const char *text, uint32_t *mask)
{
    (void)text;
    (void)mask;
    return none();
}

pqi_status pqi_host_tpm_approve(const char *pem, pqi_tpm_approval *a, pqi_span out, size_t *len)
{
    (void)pem;
    (void)a;
    (void)out;
    (void)len;
    return none();
}

pqi_status pqi_host_tpm_approval_read(pqi_cspan in, pqi_tpm_approval *out, size_t *used)
{
    (void)in;
    (void)out;
    (void)used;
    return none();
}

pqi_status pqi_host_tpm_approval_add(const char *dir, pqi_cspan approval)
{
    (void)dir;
    (void)approval;
    return none();
}

const char *pqi_host_tpm_why(void)
{
    return pqi_why_get();
}
