/* SPDX-License-Identifier: Apache-2.0
 * What a CA certifies: its policy stands in the registry and is kept at issue, and so are its own
 * algorithms. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <sqlite3.h>

typedef struct world {
    fleet f;
    node n;
    unsigned made;
} world;

static void begin(world *w, const pqi_host_ca_init_opts *init)
{
    memset(w, 0, sizeof *w);
    fleet_begin(&w->f);
    w->f.init = *init;
    assert_int_equal(fleet_init_ca(&w->f), PQI_OK);
}

/* A new device that asks for this. */
static pqi_status ask(world *w, int32_t factory, const pqi_host_join_opts *join)
{
    char id[16];
    uint32_t epoch = 0;
    (void)snprintf(id, sizeof id, "dev-%u", ++w->made);
    node_make(&w->f, &w->n, id);
    w->n.cfg.factory_alg = factory;
    w->n.join = *join;
    fleet_enrol(&w->f, &w->n);
    return fleet_provision(&w->f, &w->n, &epoch);
}

/* Refused, for this reason, with nothing issued: the device can ask for something else. */
static void refused(world *w, int32_t factory, const pqi_host_join_opts *join, const char *words)
{
    assert_int_equal(ask(w, factory, join), PQI_ERR_POLICY);
    if (strstr(pqi_host_ca_why(), words) == NULL) {
        fail_msg("\"%s\" instead of \"%s\"", pqi_host_ca_why(), words);
    }
    pqi_host_ca *ca = NULL;
    pqi_host_ca_info info;
    assert_int_equal(pqi_host_ca_open(&ca, &w->f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_get_info(ca, &info), PQI_OK);
    pqi_host_ca_close(ca);
    assert_true(info.pending == 0);
}

static uint32_t suites_of(const world *w)
{
    pqi_host_device_status s;
    assert_int_equal(pqi_host_device_get_status(&w->n.cfg, &s), PQI_OK);
    assert_true(s.installed);
    return s.suites;
}

static const pqi_host_join_opts saber = {.kem_alg = PQI_KEM_ID_SABER};

static void not_standardised(void **state)
{
    (void)state;
    world w;
    begin(&w, &(pqi_host_ca_init_opts){0});
    refused(&w, 0, &saber, "does not certify Saber (not standardised)");
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){0}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x106); /* with AES-256-GCM-SIV and the composite one */
    fleet_end(&w.f);
    begin(&w, &(pqi_host_ca_init_opts){.allow_unstandard = 1});
    assert_int_equal(ask(&w, 0, &saber), PQI_OK);
    assert_int_equal(suites_of(&w), 0x40);
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){0}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x106);
    fleet_end(&w.f);
}

static void levels(void **state)
{
    (void)state;
    world w;
    begin(&w, &(pqi_host_ca_init_opts){.min_level = 3});
    refused(&w, 0, &(pqi_host_join_opts){.kem_alg = PQI_KEM_ID_ML_KEM_512},
        "ML-KEM-512 is of level 1 and this CA asks for level 3");
    refused(
        &w, 0, &(pqi_host_join_opts){.sig_alg = PQI_SIG_ID_ML_DSA_44}, "ML-DSA-44 is of level 2");
    refused(&w, PQI_SIG_ID_ML_DSA_44, &(pqi_host_join_opts){0}, "ML-DSA-44 is of level 2");
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){0}), PQI_OK);
    assert_int_equal(ask(&w, PQI_SIG_ID_ML_DSA_87,
                         &(pqi_host_join_opts){
                             .kem_alg = PQI_KEM_ID_ML_KEM_1024, .sig_alg = PQI_SIG_ID_ML_DSA_87}),
        PQI_OK);
    fleet_end(&w.f);
}

/* A factory record of a refused algorithm does not come on the list. */
static void factory_at_allow(void **state)
{
    (void)state;
    world w;
    begin(&w, &(pqi_host_ca_init_opts){.min_level = 3});
    pqi_host_ca *ca = NULL;
    pqi_host_ca_change change;
    const pqi_scope scope = {{PQI_LIT("plant/x")}, PQI_RIGHT_PUB, PQI_CLASS_L};
    pqi_host_ca_entry e = {.id = {PQI_LIT("a")},
        .factory_fp = {1},
        .roles = PQI_CERT_ROLE_DEVICE,
        .scopes = &scope,
        .n_scopes = 1,
        .factory_alg = PQI_SIG_ID_ML_DSA_44};
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_allow(ca, &e, &change), PQI_ERR_POLICY);
    e.factory_alg = PQI_SIG_ID_ML_DSA_65;
    assert_int_equal(pqi_host_ca_allow(ca, &e, &change), PQI_OK);
    assert_int_equal(change, PQI_HOST_CA_ADDED);
    pqi_host_ca_close(ca);
    fleet_end(&w.f);
}

/* X-Wing has a mark of its own: a certificate gets the bits that the policy allows and no others. */
static void bits_of_suites(void **state)
{
    (void)state;
    world w;
    begin(&w, &(pqi_host_ca_init_opts){0});
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){.suites = 0x12}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x12);
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){.suites = 0x10}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x10);
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){.suites = 0xffffffffu}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x116);
    fleet_end(&w.f);
    begin(&w, &(pqi_host_ca_init_opts){.forbid_pre = 1});
    refused(&w, 0, &(pqi_host_join_opts){.suites = 0x10}, "offers no suite that this CA certifies");
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){.suites = 0x12}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x02);
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){0}), PQI_OK);
    assert_int_equal(suites_of(&w), 0x06); /* composites are pre-standard */
    /* and the software provider has no place for the other half */
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){.kem_alg = PQI_KEM_ID_ML_KEM_768_P256}),
        PQI_ERR_UNSUPPORTED);
    fleet_end(&w.f);
}

/* Own algorithms and policy are final, and the CA keeps its own rule. */
static void own_algorithms(void **state)
{
    (void)state;
    world w;
    static const struct {
        pqi_host_ca_init_opts o;
        pqi_status st;
    } bad[] = {
        {{.min_level = 5}, PQI_ERR_POLICY}, /* the issuer would be ML-DSA-65 */
        {{.min_level = 6}, PQI_ERR_ARG},
        {{.allow_unstandard = 1, .forbid_pre = 1}, PQI_ERR_ARG},
        {{.root_alg = 77}, PQI_ERR_UNSUPPORTED},
        {{.issuer_alg = 77}, PQI_ERR_UNSUPPORTED},
        {{.root_alg = PQI_SIG_ID_ML_DSA_44, .min_level = 3}, PQI_ERR_POLICY},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fleet_begin(&w.f);
        w.f.init = bad[i].o;
        assert_int_equal(fleet_init_ca(&w.f), bad[i].st);
        w.f.init = (pqi_host_ca_init_opts){0};
        assert_int_equal(fleet_init_ca(&w.f), PQI_OK); /* nothing of it stayed */
        fleet_end(&w.f);
    }
    const pqi_host_ca_init_opts first = {.root_alg = PQI_SIG_ID_ML_DSA_65,
        .issuer_alg = PQI_SIG_ID_ML_DSA_44,
        .min_level = 2,
        .allow_unstandard = 1};
    begin(&w, &first);
    assert_int_equal(fleet_init_ca(&w.f), PQI_OK);
    static const pqi_host_ca_init_opts others[] = {
        {.root_alg = PQI_SIG_ID_ML_DSA_87,
            .issuer_alg = PQI_SIG_ID_ML_DSA_44,
            .min_level = 2,
            .allow_unstandard = 1},
        {.root_alg = PQI_SIG_ID_ML_DSA_65, .min_level = 2, .allow_unstandard = 1},
        {.root_alg = PQI_SIG_ID_ML_DSA_65,
            .issuer_alg = PQI_SIG_ID_ML_DSA_44,
            .min_level = 1,
            .allow_unstandard = 1},
        {.root_alg = PQI_SIG_ID_ML_DSA_65, .issuer_alg = PQI_SIG_ID_ML_DSA_44, .min_level = 2},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        w.f.init = others[i];
        assert_int_equal(fleet_init_ca(&w.f), PQI_ERR_STATE);
    }
    pqi_host_ca *ca = NULL;
    pqi_host_ca_info info;
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_get_info(ca, &info), PQI_OK);
    pqi_host_ca_close(ca);
    assert_int_equal(info.root_alg, PQI_SIG_ID_ML_DSA_65);
    assert_int_equal(info.issuer_alg, PQI_SIG_ID_ML_DSA_44);
    assert_int_equal(info.policy.min_level, 2);
    assert_int_equal(info.policy.forbid, 0);
    fleet_end(&w.f);
}

/* A registry of schema 1 opens with the policy of a new one. */
static void older_registry(void **state)
{
    (void)state;
    world w;
    char path[160];
    sqlite3 *db = NULL;
    begin(&w, &(pqi_host_ca_init_opts){0});
    fleet_schema_2(&w.f);
    (void)snprintf(path, sizeof path, "%s/ca.db", w.f.ca_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                         "ALTER TABLE meta DROP COLUMN min_level;"
                         "ALTER TABLE meta DROP COLUMN forbid;"
                         "DELETE FROM migrations WHERE version = 2; PRAGMA user_version=1;",
                         NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    refused(&w, 0, &saber, "does not certify Saber (not standardised)");
    assert_int_equal(ask(&w, 0, &(pqi_host_join_opts){0}), PQI_OK);
    fleet_end(&w.f);
}

/* A device directory keeps the factory algorithm that it began with. */
static void factory_is_final(void **state)
{
    (void)state;
    world w;
    blob record = {NULL, 0};
    begin(&w, &(pqi_host_ca_init_opts){0});
    node_make(&w.f, &w.n, "dev");
    w.n.cfg.factory_alg = PQI_SIG_ID_ML_DSA_44;
    assert_int_equal(node_init(&w.f, &w.n, &record), PQI_OK);
    assert_int_equal(node_init(&w.f, &w.n, &record), PQI_OK);
    w.n.cfg.factory_alg = 0;
    assert_int_equal(node_init(&w.f, &w.n, &record), PQI_ERR_STATE);
    w.n.cfg.factory_alg = 77;
    assert_int_equal(node_init(&w.f, &w.n, &record), PQI_ERR_UNSUPPORTED);
    blob_free(&record);
    fleet_end(&w.f);
}

PQI_TEST_MAIN(cmocka_unit_test(not_standardised), cmocka_unit_test(levels),
    cmocka_unit_test(factory_at_allow), cmocka_unit_test(bits_of_suites),
    cmocka_unit_test(own_algorithms), cmocka_unit_test(older_registry),
    cmocka_unit_test(factory_is_final))
