/*
 * test_behaviors_service_decide.c -- what an event makes of a service's state,
 * without a service.
 */
#include "../process/bed.h"

#include <agner/gen.h>

#include "service/service_state.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- Events and states --------------------------------------------------- */

static const struct gen_retry_options quick = { .initial_ms = 10,
                                                .max_attempts = 3 };

/* Letters: a active, c configured, l loading, w waits for a retry. */
static struct gen_service_state state_of(const char *letters)
{
    struct gen_service_state s = gen__service_first(1);

    s.active = strchr(letters, 'a') != NULL;
    s.configured = strchr(letters, 'c') != NULL;
    s.loading = strchr(letters, 'l') != NULL;
    s.next_attempt_ns = strchr(letters, 'w') != NULL ? 99 : 0;
    s.generation = 7;
    s.failed_attempts = 2;
    s.last_loading_end_ns = s.loading ? 0 : 5;
    s.err = AGNER_ENOCONN;
    s.last_err_ns = 6;
    return s;
}

static void expect_letters(const struct gen_service_state *s,
                           const char *letters)
{
    char text[8], *p = text;

    if (s->active)
        *p++ = 'a';
    if (s->configured)
        *p++ = 'c';
    if (s->loading)
        *p++ = 'l';
    if (s->next_attempt_ns != 0)
        *p++ = 'w';
    *p = 0;
    assert_string_equal(text, letters);
}

#define C SERVICE_CANCEL
#define L SERVICE_LOAD
#define W SERVICE_WAIT
#define H SERVICE_HOOK
#define F SERVICE_FINAL

/* The table of service_state.h, row by row: spec/service.md 2.2, 2.3. */
static const struct {
    const char *before;
    struct service_event event;
    enum agner_err err;
    const char *after;
    unsigned actions;
    uint64_t generation, failed;
} steps[] = {
    { "", { .kind = SERVICE_START }, AGNER_OK, "a", 0, 7, 2 },
    { "c", { .kind = SERVICE_START }, AGNER_OK, "acl", L, 8, 0 },
    { "ac", { .kind = SERVICE_START }, AGNER_ESTARTED, "ac", 0, 7, 2 },
    { "acl", { .kind = SERVICE_START }, AGNER_ESTARTED, "acl", 0, 7, 2 },
    { "", { .kind = SERVICE_CONFIGURE }, AGNER_OK, "c", 0, 7, 0 },
    { "c", { .kind = SERVICE_CONFIGURE }, AGNER_OK, "c", 0, 7, 0 },
    { "a", { .kind = SERVICE_CONFIGURE }, AGNER_OK, "acl", C | L, 8, 0 },
    { "ac", { .kind = SERVICE_CONFIGURE }, AGNER_OK, "acl", C | L, 8, 0 },
    { "acl", { .kind = SERVICE_CONFIGURE }, AGNER_ELOADING, "acl", 0, 7, 2 },
    { "aclw", { .kind = SERVICE_CONFIGURE }, AGNER_ELOADING, "aclw", 0, 7, 2 },
    { "acl",
      { .kind = SERVICE_CONFIGURE, .replace = true },
      AGNER_OK,
      "acl",
      C | L,
      8,
      0 },
    { "aclw",
      { .kind = SERVICE_CONFIGURE, .replace = true },
      AGNER_OK,
      "acl",
      C | L,
      8,
      0 },
    { "", { .kind = SERVICE_STOP }, AGNER_ESTOPPED, "", 0, 7, 2 },
    { "c", { .kind = SERVICE_STOP }, AGNER_ESTOPPED, "c", 0, 7, 2 },
    { "ac", { .kind = SERVICE_STOP }, AGNER_OK, "c", C | H, 8, 0 },
    { "acl", { .kind = SERVICE_STOP }, AGNER_OK, "c", C | H, 8, 0 },
    { "aclw", { .kind = SERVICE_STOP }, AGNER_OK, "c", C | H, 8, 0 },
    { "acl",
      { .kind = SERVICE_LOADED, .generation = 7 },
      AGNER_OK,
      "ac",
      0,
      7,
      2 },
    { "acl",
      { .kind = SERVICE_LOADED, .generation = 6 },
      AGNER_EUNKNOWN,
      "acl",
      0,
      7,
      2 },
    { "ac",
      { .kind = SERVICE_LOADED, .generation = 7 },
      AGNER_EUNKNOWN,
      "ac",
      0,
      7,
      2 },
    { "acl",
      { .kind = SERVICE_FAILED, .generation = 7 },
      AGNER_OK,
      "c",
      C | F,
      7,
      3 },
    { "acl",
      { .kind = SERVICE_FAILED, .generation = 7, .retry = &quick },
      AGNER_OK,
      "c",
      C | F,
      7,
      3 },
    { "acl",
      { .kind = SERVICE_FAILED, .generation = 6, .retry = &quick },
      AGNER_EUNKNOWN,
      "acl",
      0,
      7,
      2 },
    { "ac",
      { .kind = SERVICE_FAILED, .generation = 7 },
      AGNER_EUNKNOWN,
      "ac",
      0,
      7,
      2 },
    { "ac",
      { .kind = SERVICE_LOST, .generation = 7 },
      AGNER_OK,
      "c",
      C | F,
      8,
      1 },
    { "ac",
      { .kind = SERVICE_LOST, .generation = 7, .retry = &quick },
      AGNER_OK,
      "aclw",
      C | W,
      8,
      1 },
    { "acl",
      { .kind = SERVICE_LOST, .generation = 7 },
      AGNER_EUNKNOWN,
      "acl",
      0,
      7,
      2 },
    { "c",
      { .kind = SERVICE_LOST, .generation = 7 },
      AGNER_EUNKNOWN,
      "c",
      0,
      7,
      2 },
    { "aclw", { .kind = SERVICE_DOWN }, AGNER_OK, "c", 0, 8, 2 },
    { "", { .kind = SERVICE_DOWN }, AGNER_OK, "", 0, 8, 2 },
    { "acl", { .kind = SERVICE_RESUME }, AGNER_OK, "acl", L, 8, 0 },
    { "a", { .kind = SERVICE_RESUME }, AGNER_EUNKNOWN, "a", 0, 7, 2 },
    { "c", { .kind = SERVICE_RESUME }, AGNER_EUNKNOWN, "c", 0, 7, 2 },
};

static void every_event_does_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct gen_service_state before = state_of(steps[i].before);
        struct service_event event = steps[i].event;
        struct service_step step;

        event.now_ns = 50;
        step = gen__service_step(&before, &event);
        assert_int_equal(step.err, steps[i].err);
        expect_letters(&step.state, steps[i].after);
        assert_int_equal(step.actions, steps[i].actions);
        assert_int_equal(step.state.generation, steps[i].generation);
        assert_int_equal(step.state.failed_attempts, steps[i].failed);
        assert_int_equal(step.state.version, steps[i].err == AGNER_OK ? 2 : 1);
        if (step.err != AGNER_OK)
            assert_memory_equal(&step.state, &before, sizeof before);
    }
}

/* One step; the state goes on. */
static struct service_step go(struct gen_service_state *s,
                              struct service_event event)
{
    struct service_step step = gen__service_step(s, &event);

    assert_int_equal(step.err, AGNER_OK);
    *s = step.state;
    return step;
}

/* spec/service.md 2.1: which event sets which time, and what clears it. */
static void times_are_those_of_their_events(void **state)
{
    struct gen_service_state s = gen__service_first(1);
    struct service_step step;

    (void)state;
    assert_int_equal(s.last_inactive_ns, 1);
    assert_int_equal(s.version, 1);
    (void)go(&s,
             (struct service_event){ .kind = SERVICE_CONFIGURE, .now_ns = 2 });
    assert_int_equal(s.last_config_ns, 2);
    (void)go(&s, (struct service_event){ .kind = SERVICE_START, .now_ns = 3 });
    assert_int_equal(s.last_active_ns, 3);
    assert_int_equal(s.last_loading_start_ns, 3);
    step = go(&s, (struct service_event){ .kind = SERVICE_FAILED,
                                          .now_ns = 4,
                                          .generation = 1,
                                          .err = AGNER_EIO,
                                          .retry = &quick });
    assert_int_equal(step.delay_ms, 10);
    assert_int_equal(s.next_attempt_ns, 10000004);
    assert_int_equal(s.last_err_ns, 4);
    assert_int_equal(s.err, AGNER_EIO);
    assert_int_equal(s.last_loading_end_ns, 0);
    (void)go(&s, (struct service_event){
                     .kind = SERVICE_LOADED, .now_ns = 5, .generation = 1 });
    assert_int_equal(s.next_attempt_ns, 0);
    assert_int_equal(s.last_loading_end_ns, 5);
    assert_int_equal(s.err, AGNER_EIO); /* stays after a success */
    assert_int_equal(s.failed_attempts, 1);
    (void)go(&s, (struct service_event){ .kind = SERVICE_STOP, .now_ns = 6 });
    assert_int_equal(s.last_inactive_ns, 6);
    assert_int_equal(s.last_loading_end_ns, 5);
    assert_int_equal(s.failed_attempts, 0);
    assert_int_equal(s.err, AGNER_EIO);
    (void)go(&s, (struct service_event){ .kind = SERVICE_START, .now_ns = 7 });
    assert_int_equal(s.err, AGNER_OK);
    assert_int_equal(s.last_loading_end_ns, 0); /* while it loads */
    (void)go(&s, (struct service_event){ .kind = SERVICE_STOP, .now_ns = 8 });
    assert_int_equal(s.last_loading_end_ns, 8);
    assert_int_equal(s.version, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_does_what_the_table_says),
        cmocka_unit_test(times_are_those_of_their_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
