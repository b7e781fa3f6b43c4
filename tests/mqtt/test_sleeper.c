/* SPDX-License-Identifier: Apache-2.0
 * A device that sleeps while it is written to, at a real mosquitto: docs/spec/prekeys.md section 5. */
#include "support/hostile.h"

#define SET "pq/4/m/valve/set"

typedef struct cast {
    stage *s;
    station *control, *valve;
} cast;

static cast cast_new(void)
{
    cast c = {.s = stage_new(NULL)};
    c.control = stage_device(c.s, "control");
    c.valve = stage_device(c.s, "valve");
    c.valve->filters[0] = "pq/4/m/valve/+";
    station_on(c.s, c.control);
    station_on(c.s, c.valve);
    station_off(c.valve); /* it was seen once, and sleeps now */
    return c;
}

static uint64_t wall(void)
{
    return pqi_host_now().unix_s;
}

static pqi_status leave(
    const cast *c, const char *topic, const char *text, pqi_class cls, uint64_t not_after)
{
    const pqi_outbound m = {.peer = text_of("valve"),
        .topic = text_of(topic),
        .payload = text_of(text),
        .cls = cls,
        .not_after = {not_after != 0 ? PQI_EXPIRY_UNIX : 0u, not_after}};
    return pqi_host_node_send(c->control->link, &m, 1, NULL);
}

/* The command waits at the broker, is delivered once when the device comes back and never again; what is
 * past is refused, for good; of one slot the newest is there. */
static void comes_back(void **state)
{
    (void)state;
    cast c = cast_new();
    c.s->catching = 1;
    assert_int_equal(leave(&c, SET, "open", PQI_CLASS_M, wall() + 86400), PQI_OK);
    assert_int_equal(leave(&c, "pq/4/m/valve/old", "stale", PQI_CLASS_M, wall() - 10), PQI_OK);
    assert_int_equal(leave(&c, "pq/4/m/valve/two", "a", PQI_CLASS_L, 0), PQI_OK);
    assert_int_equal(leave(&c, "pq/4/m/valve/two", "b", PQI_CLASS_L, 0), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    assert_int_equal(c.s->n_caught, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(c.s->caught[i].p[0], PQI_V1_T_PREKEY);
    }
    station_on(c.s, c.valve);
    assert_int_equal(heard(c.valve, "open"), 1);
    assert_int_equal(heard(c.valve, "b"), 1);
    assert_int_equal(c.valve->n_heard, 2);
    dropped(c.valve, PQI_DROP_LATE, 1, PQI_DROP_NONE);
    /* "a" was overwritten: unseen, so whoever kept it can still deliver it, once. */
    eve_repeats(c.s, &c.s->caught[2], 1);
    for (size_t i = 0; i < 4; i++) {
        eve_repeats(c.s, &c.s->caught[i], 1);
    }
    stage_settle(c.s);
    assert_int_equal(heard(c.valve, "a"), 1);
    assert_int_equal(c.valve->n_heard, 3);
    dropped(c.valve, PQI_DROP_REPLAY, 4, PQI_DROP_NONE);
    /* All three slots come again with every subscription. */
    station_off(c.valve);
    station_on(c.s, c.valve);
    assert_int_equal(c.valve->retained_drops, 3);
    assert_int_equal(c.valve->n_heard, 0);
    dropped(c.valve, PQI_DROP_REPLAY, 3, PQI_DROP_NONE);
    station_crash(c.valve);
    station_on(c.s, c.valve);
    assert_int_equal(c.valve->n_heard, 0);
    dropped(c.valve, PQI_DROP_REPLAY, 3, PQI_DROP_NONE);
    stage_free(c.s);
}

/* The broker puts an old object back into its slot, moves one, forges one, empties one. */
static void hostile_broker(void **state)
{
    (void)state;
    cast c = cast_new();
    c.s->catching = 1;
    assert_int_equal(leave(&c, SET, "one", PQI_CLASS_M, 0), PQI_OK);
    assert_int_equal(leave(&c, SET, "two", PQI_CLASS_M, 0), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    station_on(c.s, c.valve);
    assert_int_equal(heard(c.valve, "two"), 1);
    const packet *one = &c.s->caught[0], *two = &c.s->caught[1];
    const uint64_t work = asymmetric(c.valve);
    eve_says(c.s, SET, packet_span(two), 1, 1);
    eve_says(c.s, "pq/4/m/valve/other", packet_span(one), 1, 1);
    eve_says(c.s, "pq/4/m/valve/junk", text_of("junk"), 1, 1);
    eve_says(c.s, SET, (pqi_cspan){NULL, 0}, 1, 1);
    stage_settle(c.s);
    dropped(c.valve, PQI_DROP_REPLAY, 1, PQI_DROP_GATE, 1, PQI_DROP_DECODE, 1, PQI_DROP_NONE);
    assert_int_equal(c.valve->n_heard, 1);
    station_off(c.valve);
    station_on(c.s, c.valve); /* what is left: the junk, and the moved one, now below the mark */
    dropped(c.valve, PQI_DROP_REPLAY, 1, PQI_DROP_DECODE, 1, PQI_DROP_NONE);
    assert_true(asymmetric(c.valve) <= work);
    assert_int_equal(c.valve->n_heard, 0);
    stage_free(c.s);
}

PQI_TEST_MAIN(cmocka_unit_test(comes_back), cmocka_unit_test(hostile_broker))
