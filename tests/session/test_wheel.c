/* SPDX-License-Identifier: Apache-2.0
 * The timers of an endpoint's sessions: what a poll says about the time until the next one, against a look
 * at all slots. */
#include "proto/mqtt/endpoint_session.h"

#include "support/fleet.h"

static const dev_spec spec_pump = {.id = "pump-1",
    .epoch = 1,
    .roster = 1,
    .pub = "plant/pump-1",
    .seed = 1,
    .sessions = PQI_SESSIONS_PREFER};
static const dev_spec spec_ctl = {.id = "control",
    .epoch = 1,
    .roster = 3,
    .pub = "plant",
    .seed = 3,
    .sessions = PQI_SESSIONS_PREFER};

static uint8_t out[PQI_ENDPOINT_POLL_MAX];

static uint32_t all_slots(const pqi_endpoint *e)
{
    const pqi_ep_timers *t = &e->sessions->timers;
    uint32_t i = 1;
    while (i < PQI_EP_SLOTS && t->first[(t->tick + i) % PQI_EP_SLOTS] == 0) {
        i++;
    }
    return e->sessions->count != 0 ? 0 : i * PQI_EP_TICK_MS;
}

/* An INIT that nobody answers is sent again, later and later; now and then another session is asked for,
 * which is sooner than what was waited for, or the clock jumps. */
static void wait_is_that_of_the_first_timer(void **state)
{
    (void)state;
    dev *a = dev_new(&spec_pump), *b = dev_new(&spec_ctl);
    assert_int_equal(dev_open(a), PQI_OK);
    assert_int_equal(dev_open(b), PQI_OK);
    dev_meet(a, b);
    uint32_t x = 1, sent = 0, differ = 0, last = 0;
    for (unsigned i = 0; i < 4000; i++) {
        pqi_outpacket o = {0};
        x = x * 1664525u + 1013904223u;
        a->now.mono_ms += x >> 24 == 7 ? 100000u : (x >> 8) % 900u;
        if (x >> 27 == 1) {
            assert_int_equal(pqi_endpoint_connect(&a->ep, &a->now, text_of("control"), 1), PQI_OK);
        }
        assert_int_equal(
            pqi_endpoint_poll(&a->ep, &a->now, (pqi_span){out, sizeof out}, &o), PQI_OK);
        assert_int_equal(o.wait_ms, all_slots(&a->ep));
        sent += o.len != 0;
        differ += o.wait_ms != last;
        last = o.wait_ms;
    }
    assert_true(sent > 100 && differ > 1000);
    dev_free(a);
    dev_free(b);
}

PQI_TEST_MAIN(cmocka_unit_test(wait_is_that_of_the_first_timer))
