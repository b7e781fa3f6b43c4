/* SPDX-License-Identifier: Apache-2.0
 * Access rules: their text, and who may do what with which key under which label. */
#include "pqi_test.h"

#include "port/linux/agent_acl.h"

static pqi_agent_acl acl;
static char error[PQI_AGENT_ERROR];
static unsigned line;

static void load(const char *text)
{
    pqi_status st = pqi_agent_acl_parse(&acl, text, strlen(text), error);
    if (st != PQI_OK) {
        fail_msg("%s", error);
    }
}

static pqi_cspan span(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static pqi_status as(uid_t uid, const char *store, pqi_agent_req q)
{
    const pqi_agent_peer who = {.uid = uid, .gid = 50, .pid = 1, .groups = {7, 8}, .n_groups = 2};
    return pqi_agent_acl_check(&acl, &who, store, &q, 1000, &line);
}

static pqi_agent_req sign(pqi_key key, const char *domain)
{
    return (pqi_agent_req){.op = PQI_AGENT_SIGN, .key = key, .name = span(domain)};
}

static pqi_agent_req on_key(uint8_t op, pqi_key key)
{
    return (pqi_agent_req){.op = op, .key = key};
}

static pqi_agent_req on_slot(uint8_t op, uint32_t slot)
{
    return (pqi_agent_req){.op = op, .n = slot};
}

static pqi_agent_req on_label(uint8_t op, const char *label)
{
    return (pqi_agent_req){.op = op, .name = span(label)};
}

/* Every line that is wrong, and what is said of it. */
static void text_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"deny uid=1 store=s ops=random", "line 1: a rule begins with allow"},
        {"allow=x uid=1 store=s ops=random", "line 1: a rule begins with allow"},
        {"# c\n\nallow uid=1 store=s", "line 3: a rule needs uid, store and ops"},
        {"allow store=s ops=random", "line 1: a rule needs uid, store and ops"},
        {"allow uid=1 ops=random", "line 1: a rule needs uid, store and ops"},
        {"allow uid=-1 store=s ops=random", "line 1: uid is a number or any"},
        {"allow uid=4294967295 store=s ops=random", "line 1: uid is a number or any"},
        {"allow uid=18446744073709551617 store=s ops=random", "line 1: uid is a number or any"},
        {"allow uid=root store=s ops=random", "line 1: uid is a number or any"},
        {"allow uid= store=s ops=random", "line 1: a word without a value"},
        {"allow uid=1,2 store=s ops=random", "line 1: uid is a number or any"},
        {"allow uid=1 gid=x store=s ops=random", "line 1: gid is a number or any"},
        {"allow uid=1 uid=2 store=s ops=random", "line 1: a word that is there twice"},
        {"allow uid=1 store=s,t ops=random", "line 1: store is one name of at most 64 bytes"},
        {"allow uid=1 store=s ops=fly", "line 1: an operation that does not exist"},
        {"allow uid=1 store=s ops=hello", "line 1: an operation that does not exist"},
        {"allow uid=1 store=s ops=random,", "line 1: ops is malformed"},
        {"allow uid=1 store=s ops=", "line 1: a word without a value"},
        {"allow uid=1 store=s ops=dh", "line 1: these operations need key"},
        {"allow uid=1 store=s ops=sign key=any", "line 1: sign needs domains"},
        {"allow uid=1 store=s ops=seal", "line 1: seal and unseal need labels"},
        {"allow uid=1 store=s ops=counter_get", "line 1: counters need slots"},
        {"allow uid=1 store=s ops=random burst=2", "line 1: burst needs rate"},
        {"allow uid=1 store=s ops=random rate=2", "line 1: rate is a number per second, as 100/s"},
        {"allow uid=1 store=s ops=random rate=0/s", "line 1: rate is 1/s to 1000000/s"},
        {"allow uid=1 store=s ops=random rate=2/s burst=0", "line 1: burst is 1 to 1000000"},
        {"allow uid=1 store=s ops=dh key=0x80000000",
            "line 1: key is any, or at most 8 handles, as "
            "0x02000000/0xff000000 with a mask"},
        {"allow uid=1 store=s ops=dh key=3/2", "line 1: key is any, or at most 8 handles, as "
                                               "0x02000000/0xff000000 with a mask"},
        {"allow uid=1 store=s ops=dh key=", "line 1: a word without a value"},
        {"allow uid=1 store=s ops=counter_get slots=64", "line 1: slots are numbers and ranges of "
                                                         "0 to 63, as 0-9,60"},
        {"allow uid=1 store=s ops=counter_get slots=9-3", "line 1: slots are numbers and ranges of "
                                                          "0 to 63, as 0-9,60"},
        {"allow uid=1 store=s ops=seal labels=a*b", "line 1: a star stands at the end of a pattern "
                                                    "only"},
        {"allow uid=1 store=s ops=seal labels=any",
            "line 1: at most 8 patterns; for any write '*'"},
        {"allow uid=1 store=s ops=seal labels='a", "line 1: a quote is not closed"},
        {"allow uid=1 store=s ops=seal labels='a'b", "line 1: a list of patterns is malformed"},
        {"allow uid=1 store=s ops=random colour=red", "line 1: a word that does not exist"},
        {"allow uid=1 store=s ops=random red", "line 1: a word that does not exist"},
        {"allow uid=1 store=s ops=random =red", "line 1: a value without a name"},
        {"allow uid=1 store=s ops=random\xc3", "line 1: a byte that is no printable ASCII"},
        {"allow a a a a a a a a a a a a a a a a", "line 1: too many words"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pqi_status st = pqi_agent_acl_parse(&acl, bad[i].text, strlen(bad[i].text), error);
        assert_string_equal(error, bad[i].says);
        assert_int_equal(st, PQI_ERR_DECODE);
        assert_int_equal(acl.n, 0); /* no rule of a file that is wrong counts */
    }
    static char many[129 * 40];
    for (size_t i = 0; i < 129; i++) {
        strcat(many, "allow uid=1 store=s ops=random\n");
    }
    assert_int_equal(pqi_agent_acl_parse(&acl, many, strlen(many), error), PQI_ERR_DECODE);
    assert_string_equal(error, "line 129: more than 128 rules");
    assert_int_equal(pqi_agent_acl_parse(&acl, "allow\0x", 7, error), PQI_ERR_DECODE);
}

static void default_deny(void **state)
{
    (void)state;
    load("");
    for (uint8_t op = 1; op <= PQI_AGENT_OP_LAST; op++) {
        assert_int_equal(as(0, "s", on_key(op, 1)), PQI_ERR_POLICY);
    }
    load("# nothing\n\n   \t # more\n");
    assert_int_equal(as(0, "s", on_key(PQI_AGENT_RANDOM, 0)), PQI_ERR_POLICY);
}

/* Each property alone, changed alone, closes the door. */
static void matrix(void **state)
{
    (void)state;
    load("allow uid=1000 store=pump-1 key=0x02000000/0xff000000,0x04000001 ops=sign,decrypt,info "
         "domains='PQI4 v1','PQI4 announce*'\n"
         "allow uid=1000 store=pump-1 ops=counter_get,counter_advance slots=0-9,60\n"
         "allow uid=1000 store=pump-1 ops=seal,unseal labels='state*',x");
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 v1")), PQI_OK);
    assert_int_equal(line, 1);
    assert_int_equal(as(1001, "pump-1", sign(0x02000013, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(0, "pump-1", sign(0x02000013, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-2", sign(0x02000013, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-", sign(0x02000013, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x03000013, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x04000001, "PQI4 v1")), PQI_OK);
    assert_int_equal(as(1000, "pump-1", sign(0x04000002, "PQI4 v1")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 v11")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 v")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 announce")), PQI_OK);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 announce 2")), PQI_OK);
    assert_int_equal(as(1000, "pump-1", sign(0x02000013, "PQI4 announc")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_INFO, 0x02000001)), PQI_OK);
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_PUBLIC_KEY, 0x02000001)), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_DH, 0x02000001)), PQI_ERR_POLICY);
    /* both keys of a box */
    pqi_agent_req d = {.op = PQI_AGENT_DECRYPT, .key = 0x02000001, .key2 = 0x02000002};
    assert_int_equal(as(1000, "pump-1", d), PQI_OK);
    d.key2 = 0x05000002;
    assert_int_equal(as(1000, "pump-1", d), PQI_ERR_POLICY);
    d = (pqi_agent_req){.op = PQI_AGENT_DECRYPT, .key = 0x05000001, .key2 = 0x02000002};
    assert_int_equal(as(1000, "pump-1", d), PQI_ERR_POLICY);
    /* slots */
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_GET, 0)), PQI_OK);
    assert_int_equal(line, 2);
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_ADVANCE, 9)), PQI_OK);
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_ADVANCE, 10)), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_GET, 60)), PQI_OK);
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_GET, 64)), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_slot(PQI_AGENT_COUNTER_GET, 96)), PQI_ERR_POLICY);
    /* labels */
    assert_int_equal(as(1000, "pump-1", on_label(PQI_AGENT_SEAL, "state/peers")), PQI_OK);
    assert_int_equal(as(1000, "pump-1", on_label(PQI_AGENT_UNSEAL, "x")), PQI_OK);
    assert_int_equal(as(1000, "pump-1", on_label(PQI_AGENT_UNSEAL, "xx")), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_label(PQI_AGENT_SEAL, "stat")), PQI_ERR_POLICY);
    /* the rest */
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_ALG_CAPS, 0)), PQI_OK);
    assert_int_equal(as(1001, "pump-1", on_key(PQI_AGENT_ALG_CAPS, 0)), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_RANDOM, 0)), PQI_ERR_POLICY);
    assert_int_equal(as(1000, "pump-1", on_key(PQI_AGENT_GENERATE, 0x02000001)), PQI_ERR_POLICY);
}

/* Two rules that allow half each allow nothing together. */
static void rules_do_not_add_up(void **state)
{
    (void)state;
    load("allow uid=1 store=s key=1 ops=sign domains='PQI4 a'\n"
         "allow uid=1 store=s key=2 ops=sign domains='PQI4 b'\n");
    assert_int_equal(as(1, "s", sign(1, "PQI4 a")), PQI_OK);
    assert_int_equal(as(1, "s", sign(2, "PQI4 b")), PQI_OK);
    assert_int_equal(as(1, "s", sign(1, "PQI4 b")), PQI_ERR_POLICY);
    assert_int_equal(as(1, "s", sign(2, "PQI4 a")), PQI_ERR_POLICY);
}

static void all_is_not_zeroize(void **state)
{
    (void)state;
    load("allow uid=1 store=s key=any ops=all domains='*' labels='*' slots=0-63");
    for (uint8_t op = PQI_AGENT_GENERATE; op <= PQI_AGENT_OP_LAST; op++) {
        pqi_agent_req q = {.op = op, .key = 1, .key2 = 1, .name = span("PQI4 x")};
        assert_int_equal(as(1, "s", q), op == PQI_AGENT_ZEROIZE ? PQI_ERR_POLICY : PQI_OK);
    }
    load("allow uid=1 store=s ops=zeroize");
    assert_int_equal(as(1, "s", on_key(PQI_AGENT_ZEROIZE, 0)), PQI_OK);
}

static void groups(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        pqi_status want;
    } t[] = {{"allow uid=any gid=50 store=s ops=random", PQI_OK},
        {"allow uid=any gid=8 store=s ops=random", PQI_OK},
        {"allow uid=any gid=9 store=s ops=random", PQI_ERR_POLICY},
        {"allow uid=1 gid=8 store=s ops=random", PQI_OK},
        {"allow uid=2 gid=8 store=s ops=random", PQI_ERR_POLICY},
        {"allow uid=any gid=any store=s ops=random", PQI_OK}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        load(t[i].rule);
        assert_int_equal(as(1, "s", on_key(PQI_AGENT_RANDOM, 0)), t[i].want);
    }
}

static pqi_status at(uid_t uid, uint64_t ms)
{
    const pqi_agent_peer who = {.uid = uid};
    const pqi_agent_req q = {.op = PQI_AGENT_RANDOM};
    return pqi_agent_acl_check(&acl, &who, "s", &q, ms, &line);
}

static void rates(void **state)
{
    (void)state;
    load("allow uid=any store=s ops=random rate=10/s burst=3");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(at(1, 1000), PQI_OK);
    }
    assert_int_equal(at(1, 1000), PQI_ERR_LIMIT);
    assert_int_equal(at(2, 1000), PQI_OK); /* each user has a bucket */
    assert_int_equal(at(1, 1099), PQI_ERR_LIMIT);
    assert_int_equal(at(1, 1100), PQI_OK);
    assert_int_equal(at(1, 1100), PQI_ERR_LIMIT);
    assert_int_equal(at(1, 500), PQI_ERR_LIMIT); /* a clock that goes back gives nothing */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(at(1, UINT64_MAX), PQI_OK); /* full again, and no fuller */
    }
    assert_int_equal(at(1, UINT64_MAX), PQI_ERR_LIMIT);
    load("allow uid=any store=s ops=random rate=1/s");
    for (uid_t uid = 0; uid < PQI_AGENT_UIDS; uid++) {
        assert_int_equal(at(uid, 1000), PQI_OK);
    }
    /* new users throw nobody's empty bucket out */
    assert_int_equal(at(999, 1000), PQI_ERR_LIMIT);
    assert_int_equal(at(0, 1000), PQI_ERR_LIMIT);
    assert_int_equal(at(999, 2100), PQI_OK);
    load("allow uid=1 store=s ops=random rate=1/s\nallow uid=any store=s ops=random rate=1/s");
    assert_int_equal(at(1, 1000), PQI_OK);
    assert_int_equal(line, 1);
    assert_int_equal(at(1, 1000), PQI_OK); /* the second rule allows it too */
    assert_int_equal(line, 2);
    assert_int_equal(at(1, 1000), PQI_ERR_LIMIT);
}

static void knows(void **state)
{
    (void)state;
    const pqi_agent_peer a = {.uid = 1}, b = {.uid = 2};
    load("allow uid=1 store='a b' ops=random");
    assert_true(pqi_agent_acl_knows(&acl, &a, "a b"));
    assert_false(pqi_agent_acl_knows(&acl, &b, "a b"));
    assert_false(pqi_agent_acl_knows(&acl, &a, "a"));
}

PQI_TEST_MAIN(cmocka_unit_test(text_errors), cmocka_unit_test(default_deny),
    cmocka_unit_test(matrix), cmocka_unit_test(rules_do_not_add_up),
    cmocka_unit_test(all_is_not_zeroize), cmocka_unit_test(groups), cmocka_unit_test(rates),
    cmocka_unit_test(knows))
