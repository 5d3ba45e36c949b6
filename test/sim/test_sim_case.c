/*
 * test_sim_case.c -- cases as text, runs of them, failures made small. Spec/
 * reliability.md 2.5.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <agner/sim_test.h>
#include <cmocka.h>

/* ---- A test with a bug to be found ------------------------------------------
 *
 * Actors that send numbers to one that takes them: an item for each actor, one
 * for each send. It breaks when a number of at least 700 comes on a bad day.
 */

#define ACTORS 6
#define SENDS  6

struct play {
    struct rt *rt;
    struct gen *self;
    struct sim_run *run;
    size_t item; /* the actor's, while its process starts */
    unsigned received;
};

static enum agner_err numbers_program(struct sim_case *c)
{
    for (int64_t actor = 0; actor < ACTORS; actor++) {
        enum agner_err err = sim_item_add(c, 0, "actor", 1, &actor);

        for (int i = 0; i < SENDS && err == AGNER_OK; i++) {
            int64_t number = (int64_t)sim_case_draw(c, 1000);

            err = sim_item_add(c, 1, "send", 1, &number);
        }
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

struct actor {
    struct play *play;
    size_t item;
};

/* What belongs to its item, one after the other. */
static void act(struct gen *self, void *arg)
{
    struct actor actor = *(struct actor *)arg;
    struct sim *sim = sim_run_sim(actor.play->run);
    size_t count;
    const struct sim_item *items = sim_run_items(actor.play->run, &count);

    free(arg);
    for (size_t i = actor.item + 1; i < count && items[i].level > 0; i++) {
        (void)rt_sleep(self, sim_draw(sim, 100));
        if (strcmp(items[i].word, "abort") == 0)
            abort();
        (void)rt_send_pid(self, rt_self(actor.play->self),
                          etf_make(self, "_", items[i].numbers[0]));
    }
}

static void numbers_setup(struct sim_run *run)
{
    struct play *play = sim_run_state(run);
    struct rt_options options = { .world = sim_world(sim_run_sim(run)) };
    size_t count;
    const struct sim_item *items = sim_run_items(run, &count);

    play->run = run;
    if (rt_new(&options, &play->rt, NULL) != AGNER_OK) {
        sim_fail(run, "setup", "no runtime");
        return;
    }
    play->self = rt_attach(play->rt);
    for (size_t i = 0; i < count; i++) {
        struct actor *actor;
        etf_pid pid;

        if (items[i].level > 0)
            continue;
        actor = malloc(sizeof *actor);
        *actor = (struct actor){ play, i };
        if (rt_spawn(play->self, act, actor, NULL, &pid) != AGNER_OK)
            sim_fail(run, "setup", "no process");
    }
}

static void numbers_check(struct sim_run *run)
{
    struct play *play = sim_run_state(run);
    etf_term message;
    int64_t number;

    while (rt_receive(play->self, 0, &message) == AGNER_OK) {
        bool bad_day = sim_draw(sim_run_sim(run), 10) >= 4;

        play->received++;
        if (bad_day && etf_get_int(message, &number) && number >= 700)
            sim_fail(run, "too big", "%lld", (long long)number);
    }
}

static void numbers_teardown(struct sim_run *run)
{
    struct play *play = sim_run_state(run);

    rt_detach(play->self);
    rt_free(play->rt, 0);
}

static const struct sim_test numbers_test = {
    .name = "numbers",
    .state_size = sizeof(struct play),
    .faults_ms = 10000,
    .calm_ms = 10,
    .program = numbers_program,
    .setup = numbers_setup,
    .check = numbers_check,
    .teardown = numbers_teardown,
};

/* The first seed that fails. */
static struct sim_case find(struct sim_result *result)
{
    struct sim_case c;

    for (uint64_t seed = 1; seed < 100; seed++) {
        assert_int_equal(sim_case_of(&numbers_test, seed, &c), AGNER_OK);
        assert_int_equal(
            sim_test_apart(&numbers_test, &c, true, result, NULL, NULL),
            AGNER_OK);
        if (result->failed)
            return c;
        sim_case_fini(&c);
    }
    fail_msg("nothing fails");
    return c;
}

/* ---- Text -----------------------------------------------------------------
 */

static char *print(const struct sim_case *c)
{
    struct etf_buffer b = { .data = NULL };
    char *text;

    assert_int_equal(sim_case_print(c, &b), AGNER_OK);
    text = strndup((const char *)b.data, b.size);
    etf_buffer_fini(&b);
    return text;
}

static void a_case_is_read_as_it_was_written(void **state)
{
    static const char text[] = "test bank\n"
                               "fails money\n"
                               "seed 18446744073709551615\n"
                               "option pick 2\n"
                               "option delay_mean_us 640\n"
                               "option weather 33\n"
                               "option uid 1000\n"
                               "  actor 3\n"
                               "    send -4 120\n"
                               "      stop\n"
                               "  actor -9223372036854775807\n"
                               "tape 0*120 5 0*3 18446744073709551615\n";
    struct agner_error error;
    struct sim_case c;
    char *again;

    (void)state;
    assert_int_equal(sim_case_parse(text, strlen(text), &c, &error), AGNER_OK);
    assert_int_equal(c.options.pick, SIM_PICK_STARVE);
    assert_int_equal(c.item_count, 4);
    assert_int_equal(c.items[1].numbers[0], -4);
    assert_int_equal(c.tape_count, 125);
    again = print(&c);
    assert_string_equal(again, text);
    free(again);
    sim_case_fini(&c);
}

/* Several lines, which are one tape; and one that is empty. */
static void a_long_tape_is_in_lines(void **state)
{
    struct sim_case c = { .test = "t" }, again;
    uint64_t tape[500];
    char *text;

    (void)state;
    for (size_t i = 0; i < 500; i++)
        tape[i] = i * i;
    c.tape = tape;
    for (c.tape_count = 0; c.tape_count <= 500; c.tape_count += 500) {
        text = print(&c);
        assert_int_equal(sim_case_parse(text, strlen(text), &again, NULL),
                         AGNER_OK);
        assert_non_null(again.tape);
        assert_int_equal(again.tape_count, c.tape_count);
        assert_memory_equal(again.tape, tape, c.tape_count * sizeof *tape);
        sim_case_fini(&again);
        free(text);
    }
}

static void comments_and_empty_lines_are_nothing(void **state)
{
    static const char text[] = "# all\n\n  \ntest t # this\nseed 4\n  a # b\n";
    struct sim_case c;

    (void)state;
    assert_int_equal(sim_case_parse(text, strlen(text), &c, NULL), AGNER_OK);
    assert_int_equal(c.seed, 4);
    assert_int_equal(c.item_count, 1);
    assert_null(c.tape);
    sim_case_fini(&c);
}

static void what_is_no_case_is_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        { "", "no test is named" },
        { "seed 1\n", "no test is named" },
        { "test t\nseed x\n", "line 2: " },
        { "test t\nseed 18446744073709551616\n", "line 2: " },
        { "test t\nseed 1 2\n", "line 2: " },
        { "test t\noption none 1\n", "line 2: no such option" },
        { "test t\noption pick\n", "line 2: " },
        { "test t\n   a\n", "line 2: " },
        { "test t\n  a 1 2 3 4 5 6 7 8 9\n", "line 2: " },
        { "test t\n  a 9223372036854775808\n", "line 2: " },
        { "test t\ntape 5*\n", "line 2: " },
        { "test t\ntape 5x\n", "line 2: " },
        { "test t\ntape 1*99999999999\n", "tape" },
        { "test t\nwhat\n", "line 2: " },
    };
    struct agner_error error;
    struct sim_case c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_not_equal(
            sim_case_parse(rows[i].text, strlen(rows[i].text), &c, &error),
            AGNER_OK);
        assert_memory_equal(error.text, rows[i].error, strlen(rows[i].error));
    }
    assert_int_equal(sim_case_read("/none/there", &c, &error), AGNER_ENONAME);
}

static void items_have_a_word(void **state)
{
    struct sim_case c = { .test = "t" };
    const int64_t numbers[SIM_ITEM_NUMBERS + 1] = { 0 };

    (void)state;
    assert_int_equal(sim_item_add(&c, 0, "", 0, NULL), AGNER_EINVAL);
    assert_int_equal(sim_item_add(&c, 0, "two words", 0, NULL), AGNER_EINVAL);
    assert_int_equal(sim_item_add(&c, 0, "a", SIM_ITEM_NUMBERS + 1, numbers),
                     AGNER_ELIMIT);
    assert_int_equal(c.item_count, 0);
}

/* ---- Runs -----------------------------------------------------------------
 */

static void a_run_is_the_same_here_and_apart(void **state)
{
    struct sim_result here, apart;
    struct sim_case c;

    (void)state;
    assert_int_equal(sim_case_of(&numbers_test, 3, &c), AGNER_OK);
    c.item_count = 3; /* none of them is big */
    c.items[1].numbers[0] = c.items[2].numbers[0] = 1;
    sim_test_here(&numbers_test, &c, &here);
    assert_int_equal(
        sim_test_apart(&numbers_test, &c, true, &apart, NULL, NULL), AGNER_OK);
    assert_false(here.failed);
    assert_false(apart.failed);
    assert_true(here.hash == apart.hash && here.steps == apart.steps);
    sim_case_fini(&c);
}

static void a_tape_fails_as_its_seed_did(void **state)
{
    struct sim_result result, again;
    struct sim_case c = find(&result);

    (void)state;
    assert_string_equal(result.name, "too-big");
    assert_int_equal(
        sim_test_apart(&numbers_test, &c, true, &again, &c.tape, &c.tape_count),
        AGNER_OK);
    assert_non_null(c.tape);
    assert_true(again.hash == result.hash);
    assert_int_equal(
        sim_test_apart(&numbers_test, &c, true, &again, NULL, NULL), AGNER_OK);
    assert_true(again.hash == result.hash);
    sim_case_fini(&c);
}

static void a_failure_is_made_as_small_as_it_gets(void **state)
{
    struct sim_budget budget = { .runs = 2000 };
    struct sim_result result;
    struct sim_case c = find(&result);
    char *text;

    (void)state;
    strcpy(c.fails, result.name);
    assert_true(sim_case_shrink(&numbers_test, &c, &budget) > 10);
    c.seed = 0; /* whichever it was */
    text = print(&c);
    assert_string_equal(text, "test numbers\n"
                              "fails too-big\n"
                              "seed 0\n"
                              "  actor 0\n"
                              "    send 700\n"
                              "tape 0*2 4\n");
    free(text);
    sim_case_fini(&c);
}

/* A process that ends itself is a failure like any other. */
static void a_crash_is_found_and_made_small(void **state)
{
    struct sim_budget budget = { .runs = 500 };
    struct sim_result result;
    struct sim_case c;

    (void)state;
    assert_int_equal(sim_case_of(&numbers_test, 1, &c), AGNER_OK);
    strcpy(c.items[10].word, "abort");
    assert_int_equal(
        sim_test_apart(&numbers_test, &c, true, &result, NULL, NULL), AGNER_OK);
    assert_true(result.failed);
    assert_string_equal(result.name, "signal-6");
    strcpy(c.fails, result.name);
    (void)sim_case_shrink(&numbers_test, &c, &budget);
    assert_int_equal(c.item_count, 2);
    assert_string_equal(c.items[1].word, "abort");
    assert_non_null(c.tape);
    assert_int_equal(c.tape_count, 0);
    sim_case_fini(&c);
}

/* ---- Steps, liveness ------------------------------------------------------
 */

static bool never_done(struct sim_run *run)
{
    (void)run;
    return false;
}

static void a_run_has_to_get_done(void **state)
{
    struct sim_test test = numbers_test;
    struct sim_result result;
    struct sim_case c;

    (void)state;
    test.done = never_done;
    test.check = NULL;
    assert_int_equal(sim_case_of(&test, 1, &c), AGNER_OK);
    assert_int_equal(sim_test_apart(&test, &c, true, &result, NULL, NULL),
                     AGNER_OK);
    assert_string_equal(result.name, "liveness");
    test.steps_max = 50;
    assert_int_equal(sim_test_apart(&test, &c, true, &result, NULL, NULL),
                     AGNER_OK);
    assert_string_equal(result.name, "steps");
    sim_case_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_is_read_as_it_was_written),
        cmocka_unit_test(a_long_tape_is_in_lines),
        cmocka_unit_test(comments_and_empty_lines_are_nothing),
        cmocka_unit_test(what_is_no_case_is_refused),
        cmocka_unit_test(items_have_a_word),
        cmocka_unit_test(a_run_is_the_same_here_and_apart),
        cmocka_unit_test(a_tape_fails_as_its_seed_did),
        cmocka_unit_test(a_failure_is_made_as_small_as_it_gets),
        cmocka_unit_test(a_crash_is_found_and_made_small),
        cmocka_unit_test(a_run_has_to_get_done),
    };

    return cmocka_run_group_tests_name("cases", tests, NULL, NULL);
}
