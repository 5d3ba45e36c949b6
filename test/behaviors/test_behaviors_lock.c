/*
 * test_behaviors_lock.c -- the code lock does what its first comment says, in
 * simulated time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/sim.h>

#include "examples.h"

#define WAIT_MS 1000u

struct hall {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    etf_term lock;
};

static int enter_hall(void **state)
{
    static struct hall hall;
    struct rt_options options = { 0 };
    etf_pid pid;

    hall.sim = sim_new(1, NULL);
    options.world = sim_world(hall.sim);
    assert_int_equal(rt_new(&options, &hall.rt, NULL), AGNER_OK);
    hall.self = rt_attach(hall.rt);
    assert_int_equal(gen_statem_start(hall.self, &lock_machine,
                                      etf_make(hall.self, "[1, 2, 3, 4]"), NULL,
                                      &pid, NULL),
                     AGNER_OK);
    hall.lock = etf_from_pid(NULL, pid);
    *state = &hall;
    return 0;
}

static int leave_hall(void **state)
{
    struct hall *hall = *state;

    rt_detach(hall->self);
    rt_free(hall->rt, 1000);
    sim_free(hall->sim);
    return 0;
}

static void press(struct hall *hall, const char *digits)
{
    for (; *digits != '\0'; digits++)
        assert_int_equal(
            gen_cast(hall->self, hall->lock,
                     etf_make(hall->self, "{button, _}", *digits - '0')),
            AGNER_OK);
}

static bool is(struct hall *hall, const char *state)
{
    etf_term answer = ETF_NONE;

    assert_int_equal(gen_call(hall->self, hall->lock,
                              etf_make(hall->self, "state"), WAIT_MS, &answer),
                     AGNER_OK);
    return etf_atom_is(answer, state);
}

static void opens_by_its_code_for_ten_seconds(void **state)
{
    struct hall *hall = *state;

    assert_true(is(hall, "locked"));
    press(hall, "123");
    assert_true(is(hall, "locked"));
    press(hall, "1234"); /* the first 1 makes 1231: wrong */
    assert_true(is(hall, "locked"));
    press(hall, "4");
    assert_true(is(hall, "locked"));
    (void)rt_sleep(hall->self, 30000);
    press(hall, "1234");
    assert_true(is(hall, "open"));
    press(hall, "99");
    (void)rt_sleep(hall->self, 9900);
    assert_true(is(hall, "open"));
    (void)rt_sleep(hall->self, 200);
    assert_true(is(hall, "locked"));
}

static void forgets_after_a_pause(void **state)
{
    struct hall *hall = *state;

    press(hall, "12");
    (void)rt_sleep(hall->self, 30100);
    press(hall, "34");
    assert_true(is(hall, "locked"));
    (void)rt_sleep(hall->self, 30100);
    press(hall, "12");
    (void)rt_sleep(hall->self, 29000);
    press(hall, "34");
    assert_true(is(hall, "open"));
}

static void changes_its_code_when_it_is_open(void **state)
{
    struct hall *hall = *state;
    struct rt_request request;
    etf_term answer = ETF_NONE;

    assert_int_equal(
        gen_send_request(hall->self, hall->lock,
                         etf_make(hall->self, "{change_code, [7, 7]}"),
                         &request),
        AGNER_OK);
    assert_int_equal(gen_wait(hall->self, &request, WAIT_MS, &answer),
                     AGNER_ETIMEOUT);
    press(hall, "1234");
    assert_int_equal(gen_wait(hall->self, &request, WAIT_MS, &answer),
                     AGNER_OK);
    assert_true(etf_same(answer, ETF_A(ok)));
    (void)rt_sleep(hall->self, 10100);
    press(hall, "77");
    assert_true(is(hall, "open"));
    assert_int_equal(gen_call(hall->self, hall->lock,
                              etf_make(hall->self, "{change_code, []}"),
                              WAIT_MS, &answer),
                     AGNER_OK);
    assert_true(etf_is_tagged(answer, ETF_A(error), 2));
}

static void wants_a_code(void **state)
{
    struct hall *hall = *state;
    static const char *const bad[] = { "[]", "[a]",
                                       "[1, 2, 3, 4, 5, 6, 7, 8, 9]" };
    etf_pid pid;

    for (size_t i = 0; i < 3; i++) {
        etf_term code = ETF_NONE;

        assert_int_equal(etf_parse(rt_region(hall->self), bad[i],
                                   strlen(bad[i]), &code, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(
            gen_statem_start(hall->self, &lock_machine, code, NULL, &pid, NULL),
            AGNER_EEXIT);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, enter_hall, leave_hall)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(opens_by_its_code_for_ten_seconds),
        CASE(forgets_after_a_pause),
        CASE(changes_its_code_when_it_is_open),
        CASE(wants_a_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
