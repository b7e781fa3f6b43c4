/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fault_provider.h"

#include <stdlib.h>
#include <string.h>

typedef struct wrapper {
    pqi_provider base;
    pqi_provider_ops ops;
    pqi_provider *real;
} wrapper;

fault_plan fault;

void fault_arm(unsigned at, pqi_status with)
{
    fault.calls = 0;
    fault.fail_at = at;
    fault.with = with;
    fault.failed = NULL;
}

static pqi_provider *real_of(pqi_provider *p)
{
    return ((wrapper *)(void *)p)->real;
}

/* Is this the call? */
static int fails(const char *name)
{
    fault.calls++;
    if (fault.calls != fault.fail_at) {
        return 0;
    }
    fault.failed = name;
    return 1;
}

static pqi_status op_generate(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    return fails("generate") ? fault.with : pqi_provider_generate(real_of(p), want, kind, alg);
}

static pqi_status op_destroy(pqi_provider *p, pqi_key key)
{
    return fails("destroy") ? fault.with : pqi_provider_destroy(real_of(p), key);
}

static pqi_status op_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    return fails("info") ? fault.with : pqi_provider_info(real_of(p), key, out);
}

static pqi_status op_public_key(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    return fails("public_key") ? fault.with
                               : pqi_provider_public_key(real_of(p), key, out, out_len);
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    return fails("sign") ? fault.with
                         : pqi_provider_sign(real_of(p), key, domain, parts, n_parts, sig, sig_len);
}

static pqi_status op_decapsulate(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    return fails("decapsulate") ? fault.with : pqi_provider_decapsulate(real_of(p), key, ct, ss);
}

static pqi_status op_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    return fails("dh") ? fault.with : pqi_provider_dh(real_of(p), key, peer, ss);
}

static pqi_status op_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    return fails("decrypt")
               ? fault.with
               : pqi_provider_decrypt(real_of(p), kem, dh, suite, ctx, capsule, ct, plain);
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    return fails("random") ? fault.with : pqi_provider_random(real_of(p), out);
}

static pqi_status op_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    return fails("seal") ? fault.with
                         : pqi_provider_seal(real_of(p), label, generation, plain, out);
}

static pqi_status op_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    return fails("unseal") ? fault.with
                           : pqi_provider_unseal(real_of(p), label, generation, blob, plain);
}

static pqi_status op_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    return fails("counter_get") ? fault.with : pqi_provider_counter_get(real_of(p), slot, value);
}

static pqi_status op_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    return fails("counter_advance") ? fault.with
                                    : pqi_provider_counter_advance(real_of(p), slot, value);
}

static pqi_status op_quote(
    pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len)
{
    return fails("quote") ? fault.with
                          : pqi_provider_quote(real_of(p), nonce, pcr_mask, out, out_len);
}

static pqi_status op_zeroize(pqi_provider *p)
{
    return fails("zeroize") ? fault.with : pqi_provider_zeroize(real_of(p));
}

static uint32_t op_alg_caps(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    return pqi_provider_alg_caps(real_of(p), kind, alg);
}

static uint32_t op_native_error(pqi_provider *p, const char **text)
{
    return pqi_provider_native_error(real_of(p), text);
}

static const pqi_provider_ops table = {
    .abi = PQI_PROVIDER_ABI,
    .generate = op_generate,
    .destroy = op_destroy,
    .info = op_info,
    .public_key = op_public_key,
    .sign = op_sign,
    .decapsulate = op_decapsulate,
    .dh = op_dh,
    .decrypt = op_decrypt,
    .random = op_random,
    .seal = op_seal,
    .unseal = op_unseal,
    .counter_get = op_counter_get,
    .counter_advance = op_counter_advance,
    .quote = op_quote,
    .zeroize = op_zeroize,
    .alg_caps = op_alg_caps,
    .native_error = op_native_error,
};

pqi_provider *fault_wrap(pqi_provider *real)
{
    wrapper *w = real != NULL ? calloc(1, sizeof *w) : NULL;
    if (w == NULL) {
        return real;
    }
    w->ops = table;
    w->ops.caps = pqi_provider_caps(real);
    w->ops.name = "fault";
    w->base.ops = &w->ops;
    w->real = real;
    fault.open++;
    return &w->base;
}

pqi_provider *fault_unwrap(pqi_provider *p)
{
    if (p == NULL || strcmp(pqi_provider_name(p), "fault") != 0) {
        return p;
    }
    pqi_provider *real = real_of(p);
    free(p);
    fault.open--;
    return real;
}
