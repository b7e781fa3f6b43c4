/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: public records of a role key and of a tick box. */
#include "inspect.h"

#include <pqi/control.h>
#include <pqi/role.h>

pqi_status pqi_inspect_role(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    char sum[PQI_CHECKSUM_TEXT];
    pqi_role_record r;
    pqi_status st = pqi_role_record_open(c->algs, in, &r, c->tmp);
    if (st == PQI_ERR_AUTH) {
        /* The library shows no field of a record whose own signature is wrong. */
        pqi_inspect_put_state(out, out->fields, "signature", st, "not by the key in the record");
        return PQI_OK;
    }
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_checksum_text(r.checksum, sum);
    pqi_inspect_put_str(o, "role", pqi_role_name(r.role));
    pqi_inspect_put_hex(o, "kid", r.kid, sizeof r.kid);
    pqi_inspect_put_str(o, "checksum", sum);
    pqi_inspect_put_sig_key(c, o, "key", r.alg, r.pk);
    pqi_inspect_put_state(out, o, "signature", PQI_OK, "by the key in the record");
    return PQI_OK;
}

pqi_status pqi_inspect_ticks(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    char sum[PQI_CHECKSUM_TEXT];
    pqi_ticks_record r;
    (void)c;
    pqi_status st = pqi_ticks_record_decode(in, &r);
    if (st != PQI_OK) {
        return st;
    }
    pqi_checksum_text(r.anchor, sum);
    pqi_inspect_put_uint(out->fields, "ticks", r.count);
    pqi_inspect_put_hex(out->fields, "anchor", r.anchor, sizeof r.anchor);
    pqi_inspect_put_str(out->fields, "checksum", sum);
    return PQI_OK;
}
