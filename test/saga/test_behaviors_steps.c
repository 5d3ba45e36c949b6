/*
 * test_behaviors_steps.c -- durable sagas: decisions, rows, and what a person
 * sees of them: gen_steps.h.
 *
 * The steps of these cases do what their saga's input says, so each case is a
 * list: {ok}, {refuse}, {fail}, {hang} for each step, and what compensation
 * does likewise.
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>

#include "../process/bed.h"
#include "atomic.h"
#include "failing.h"
#include "saga/journal.h"
#include "store/store_claim.h"

#define MS 20000u

/* ---- Decisions --------------------------------------------------------- */

static const struct step_rule rules[3] = {
    { .can_undo = true, .tries = 2, .undo_tries = 2 },
    { .can_undo = false, .tries = 1, .undo_tries = 2 },
    { .can_undo = true, .tries = 1, .undo_tries = 1 },
};

/* Letters: I intend, G good, B bad, R refused, T turn, Y retry; small letters
 * are events that must not be taken. What comes next is checked after each. */
static const struct decision {
    const char *events;
    size_t count;
    enum steps_command command;
    size_t index;
    enum steps_phase phase;
    enum step_state states[3];
} decisions[] = {
    { "", 1, STEPS_ACT, 0, STEPS_FORWARD, { STEP_WAITING } },
    { "IG", 1, STEPS_END, 1, STEPS_COMMITTED, { STEP_DONE } },
    { "g", 1, STEPS_ACT, 0, STEPS_FORWARD, { STEP_WAITING } },
    { "IB", 1, STEPS_ACT, 0, STEPS_FORWARD, { STEP_RUNNING } },
    { "IBIB", 1, STEPS_COMPENSATE, 0, STEPS_BACKWARD, { STEP_UNCLEAR } },
    { "IR", 1, STEPS_END, 0, STEPS_COMPENSATED, { STEP_REFUSED } },
    /* An earlier try may have done something. */
    { "IBIR", 1, STEPS_COMPENSATE, 0, STEPS_BACKWARD, { STEP_UNCLEAR } },
    /* An intent without an end, as after a crash, counts as a try begun. */
    { "IIR", 1, STEPS_COMPENSATE, 0, STEPS_BACKWARD, { STEP_UNCLEAR } },
    { "T", 1, STEPS_END, 0, STEPS_COMPENSATED, { STEP_WAITING } },
    { "IT", 1, STEPS_COMPENSATE, 0, STEPS_BACKWARD, { STEP_UNCLEAR } },
    { "ITIG", 1, STEPS_END, 0, STEPS_COMPENSATED, { STEP_COMPENSATED } },
    { "ITIB", 1, STEPS_COMPENSATE, 0, STEPS_BACKWARD, { STEP_COMPENSATING } },
    { "ITIBIB", 1, STEPS_WAIT, 0, STEPS_STUCK, { STEP_COMPENSATING } },
    { "ITIBIBit", 1, STEPS_WAIT, 0, STEPS_STUCK, { STEP_COMPENSATING } },
    { "ITIBIBYIG", 1, STEPS_END, 0, STEPS_COMPENSATED, { STEP_COMPENSATED } },
    { "Iy", 1, STEPS_ACT, 0, STEPS_FORWARD, { STEP_RUNNING } },
    { "IGt", 1, STEPS_END, 1, STEPS_COMMITTED, { STEP_DONE } },
    /* Two steps: the second cannot be undone. */
    { "IGIR",
      2,
      STEPS_COMPENSATE,
      0,
      STEPS_BACKWARD,
      { STEP_DONE, STEP_REFUSED } },
    { "IGIRIG",
      2,
      STEPS_END,
      0,
      STEPS_COMPENSATED,
      { STEP_COMPENSATED, STEP_REFUSED } },
    { "IGIB",
      2,
      STEPS_COMPENSATE,
      0,
      STEPS_BACKWARD,
      { STEP_DONE, STEP_NOT_COMPENSATED } },
    { "IGIBIG",
      2,
      STEPS_END,
      0,
      STEPS_FAILED,
      { STEP_COMPENSATED, STEP_NOT_COMPENSATED } },
    /* Three: in reverse order. */
    { "IGIGIB",
      3,
      STEPS_COMPENSATE,
      2,
      STEPS_BACKWARD,
      { STEP_DONE, STEP_DONE, STEP_UNCLEAR } },
    { "IGIGIBIG",
      3,
      STEPS_COMPENSATE,
      0,
      STEPS_BACKWARD,
      { STEP_DONE, STEP_NOT_COMPENSATED, STEP_COMPENSATED } },
    { "IGIGIBIB",
      3,
      STEPS_WAIT,
      2,
      STEPS_STUCK,
      { STEP_DONE, STEP_DONE, STEP_COMPENSATING } },
    { "IGIGIG",
      3,
      STEPS_END,
      3,
      STEPS_COMMITTED,
      { STEP_DONE, STEP_DONE, STEP_DONE } },
};

static enum steps_event event_of(char letter)
{
    switch (letter) {
    case 'I':
        return STEPS_INTEND;
    case 'G':
        return STEPS_GOOD;
    case 'B':
        return STEPS_BAD;
    case 'R':
        return STEPS_REFUSED;
    case 'T':
        return STEPS_TURN;
    default:
        return STEPS_RETRY;
    }
}

static void decides_by_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++) {
        const struct decision *d = &decisions[i];
        struct steps_record record = { .count = d->count };
        size_t index;
        enum steps_command command = gen__steps_next(&record, rules, &index);

        for (const char *at = d->events; *at != '\0'; at++) {
            bool small = *at >= 'a';
            char letter = small ? (char)(*at - 32) : *at;

            if (gen__steps_apply(&record, rules, event_of(letter),
                                 index < d->count ? index : 0) == small)
                fail_msg("%s: %c", d->events, *at);
            command = gen__steps_next(&record, rules, &index);
            if (!gen__steps_is_sound(&record))
                fail_msg("%s: not sound after %c", d->events, *at);
        }
        if (command != d->command || record.phase != d->phase ||
            (command != STEPS_END && index != d->index))
            fail_msg("%s: command %d, step %zu, phase %d", d->events, command,
                     index, record.phase);
        for (size_t step = 0; step < d->count; step++)
            assert_int_equal(record.steps[step].state, d->states[step]);
    }
}

/* ---- Rows ---------------------------------------------------------------- */

static void make_journal(struct etf_region *r, struct journal *j)
{
    memset(j, 0, sizeof *j);
    j->id = etf_text(r, "an id");
    j->input = etf_make(r, "{input, [1, 2.5, \"x\"]}");
    j->created_ms = 1700000000000;
    j->updated_ms = 1700000000001;
    j->deadline_ms = RT_INFINITY;
    j->record.count = 2;
    j->names[0] = etf_text(r, "one");
    j->names[1] = etf_text(r, "two");
    j->record.phase = STEPS_BACKWARD;
    j->record.steps[0] = (struct step_record){ STEP_DONE, 3, 2, 0, 0 };
    j->record.steps[1] = (struct step_record){ STEP_COMPENSATING, 1, 1, 2, 1 };
    j->results[0] = etf_make(r, "{did, it}");
    j->reason = etf_make(r, "because");
}

static etf_bytes bytes_of(const struct etf_buffer *b)
{
    return (etf_bytes){ b->data, b->size };
}

/* Each single bit that flips, and each shorter row, is damage. */
static void rows_are_read_as_written_or_not_at_all(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer head = { 0 }, progress = { 0 };
    struct journal j, back;

    (void)state;
    make_journal(r, &j);
    assert_int_equal(gen__journal_write_head(&head, r, NULL, &j), AGNER_OK);
    assert_int_equal(gen__journal_write_progress(&progress, r, NULL, &j),
                     AGNER_OK);
    assert_int_equal(gen__journal_read(r, NULL, bytes_of(&head),
                                       bytes_of(&progress), &back, NULL),
                     AGNER_OK);
    assert_true(etf_equal(back.id, j.id) && etf_equal(back.input, j.input));
    assert_true(etf_equal(back.results[0], j.results[0]));
    assert_true(etf_is_none(back.results[1]) && etf_is_none(back.trouble));
    assert_true(etf_equal(back.reason, j.reason));
    assert_memory_equal(&back.record, &j.record, sizeof j.record);
    assert_true(back.deadline_ms == RT_INFINITY &&
                back.created_ms == j.created_ms &&
                back.updated_ms == j.updated_ms);
    for (size_t i = 0; i < progress.size * 8; i++) {
        enum agner_err err;

        progress.data[i / 8] ^= (uint8_t)(1u << i % 8);
        err = gen__journal_read(r, NULL, bytes_of(&head), bytes_of(&progress),
                                &back, NULL);
        assert_true(err == AGNER_ECORRUPT || (i < 8 && err == AGNER_ENOTSUP));
        progress.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < head.size; size++)
        assert_int_equal(gen__journal_read(r, NULL,
                                           (etf_bytes){ head.data, size },
                                           bytes_of(&progress), &back, NULL),
                         AGNER_ECORRUPT);
    etf_buffer_fini(&head);
    etf_buffer_fini(&progress);
    etf_region_free(r);
}

/* A check sum that is right proves nothing: what a row says must be possible.
 */
static void rows_that_cannot_be_are_refused(void **state)
{
    static const struct {
        enum steps_phase phase;
        struct step_record steps[2];
    } bad[] = {
        { STEPS_PHASES, { { STEP_DONE, 1, 0, 0, 0 } } },
        { STEPS_FORWARD, { { STEP_STATES, 1, 0, 0, 0 } } },
        { STEPS_FORWARD,
          { { STEP_DONE, 1, 2, 0, 0 }, { STEP_WAITING, 0, 0, 0, 0 } } },
        { STEPS_FORWARD,
          { { STEP_WAITING, 0, 0, 0, 0 }, { STEP_DONE, 1, 0, 0, 0 } } },
        { STEPS_FORWARD,
          { { STEP_WAITING, 1, 0, 0, 0 }, { STEP_WAITING, 0, 0, 0, 0 } } },
        { STEPS_FORWARD,
          { { STEP_RUNNING, 0, 0, 0, 0 }, { STEP_WAITING, 0, 0, 0, 0 } } },
        { STEPS_COMMITTED,
          { { STEP_DONE, 1, 0, 0, 0 }, { STEP_WAITING, 0, 0, 0, 0 } } },
        { STEPS_COMPENSATED,
          { { STEP_COMPENSATED, 1, 0, 1, 0 },
            { STEP_NOT_COMPENSATED, 1, 0, 0, 0 } } },
        { STEPS_COMPENSATED,
          { { STEP_DONE, 1, 0, 0, 0 }, { STEP_REFUSED, 1, 1, 0, 0 } } },
        { STEPS_FAILED,
          { { STEP_COMPENSATED, 1, 0, 1, 0 }, { STEP_REFUSED, 1, 1, 0, 0 } } },
        { STEPS_BACKWARD,
          { { STEP_COMPENSATING, 1, 0, 1, 0 }, { STEP_UNCLEAR, 1, 1, 0, 0 } } },
        { STEPS_BACKWARD,
          { { STEP_RUNNING, 1, 0, 0, 0 }, { STEP_WAITING, 0, 0, 0, 0 } } },
        { STEPS_STUCK,
          { { STEP_COMPENSATING, 1, 0, 1, 2 }, { STEP_WAITING, 0, 0, 0, 0 } } },
    };
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer head = { 0 };
    struct journal j, back;

    (void)state;
    make_journal(r, &j);
    assert_int_equal(gen__journal_write_head(&head, r, NULL, &j), AGNER_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct etf_buffer progress = { 0 };

        j.record.phase = bad[i].phase;
        memcpy(j.record.steps, bad[i].steps, sizeof bad[i].steps);
        assert_int_equal(gen__journal_write_progress(&progress, r, NULL, &j),
                         AGNER_OK);
        if (gen__journal_read(r, NULL, bytes_of(&head), bytes_of(&progress),
                              &back, NULL) != AGNER_ECORRUPT)
            fail_msg("row %zu is taken", i);
        assert_int_equal(gen__journal_read(r, NULL, bytes_of(&progress),
                                           bytes_of(&progress), &back, NULL),
                         AGNER_ECORRUPT);
        etf_buffer_fini(&progress);
    }
    etf_buffer_fini(&head);
    etf_region_free(r);
}

/* ---- Steps that do as they are told ----------------------------------------
 */

static _Atomic unsigned undone_count;
static char undone[100]; /* the order of compensations, in a simulated world */
static etf_pid teller;   /* hears of every run in the cases that want it */

/* The order for that step. */
static etf_term told(const struct gen_step_run *run, size_t index)
{
    etf_term list = run->input, order = ETF_A(ok);

    for (size_t i = 0; i <= index; i++) {
        if (!etf_list_next(&list, &order))
            return ETF_A(ok);
    }
    return order;
}

static etf_term obey(struct gen *self, const struct gen_step_run *run,
                     etf_term order)
{
    uint64_t fails;

    if (etf_match(order, "refuse"))
        gen_step_refuse(self, etf_make(self, "no"));
    if (etf_match(order, "fail") ||
        (etf_match(order, "{fail, _}", &fails) && run->attempt <= fails))
        rt_exit(self, etf_make(self, "{shutdown, failed}"));
    if (etf_match(order, "hang"))
        (void)rt_sleep(self, 10 * MS);
    if (etf_match(order, "resource"))
        return etf_resource(rt_region(self), &teller, NULL);
    if (etf_match(order, "none"))
        return ETF_NONE;
    return etf_make(self, "{done, _}", run->attempt);
}

static etf_term act(struct gen *self, const struct gen_step_run *run,
                    size_t index)
{
    etf_term order = told(run, index), act_order, undo_order;

    if (!etf_pid_is_none(teller))
        (void)rt_send_pid(
            self, teller,
            etf_make(self, "{act, _, _}", run->key, run->results));
    if (etf_match(order, "{_, _}", &act_order, &undo_order) &&
        !etf_match(order, "{fail, __}"))
        order = act_order;
    return obey(self, run, order);
}

static etf_term undo(struct gen *self, const struct gen_step_run *run,
                     size_t index)
{
    etf_term order = told(run, index), act_order, undo_order;

    (void)add_relaxed(&undone_count, 1u);
    undone[strlen(undone) % (sizeof undone - 1)] = (char)('a' + index);
    if (etf_match(order, "{_, _}", &act_order, &undo_order) &&
        !etf_match(order, "{fail, __}"))
        return obey(self, run, undo_order);
    return ETF_A(ok);
}

/* clang-format off */
#define STEP(number)                                                           \
    static etf_term act##number(struct gen *s, const struct gen_step_run *r)  \
    { return act(s, r, number); }                                             \
    static etf_term undo##number(struct gen *s, const struct gen_step_run *r) \
    { return undo(s, r, number); }
STEP(0) STEP(1) STEP(2)
    /* clang-format on */

    static const
    struct gen_retry_options soon = { .initial_ms = 10, .max_ms = 100 };

#define LIMITS \
    { \
        .timeout_ms = 1000, .tries = 2, .backoff = &soon \
    }

static const struct gen_step three[] = {
    { "a", act0, undo0, LIMITS, LIMITS },
    { "b", act1, undo1, LIMITS, LIMITS },
    { "c", act2, undo2, LIMITS, LIMITS },
};
static const struct gen_step keeps_b[] = {
    { "a", act0, undo0, LIMITS, LIMITS },
    { "b", act1, NULL, LIMITS, LIMITS },
    { "c", act2, undo2, LIMITS, LIMITS },
};
static const struct gen_steps plain = { .name = "plain",
                                        .steps = three,
                                        .count = 3 };
static const struct gen_steps not_b = { .name = "plain",
                                        .steps = keeps_b,
                                        .count = 3 };
static const struct gen_steps narrow = { .name = "plain",
                                         .steps = three,
                                         .count = 3,
                                         .running_max = 1,
                                         .waiting_max = 2,
                                         .keep_max = 3,
                                         .keep_ms = 5000 };
static const struct gen_steps shorter = { .name = "plain",
                                          .steps = three,
                                          .count = 2 };

struct desk {
    struct bed *bed;
    struct gen *self;
    struct gen_store *store;
    etf_pid keeper;
    etf_term to;
};

static void start(struct desk *d, const struct gen_steps *steps)
{
    etf_term reason = ETF_NONE;
    char text[100];

    if (gen_steps_start(d->self, steps, d->store, NULL, &d->keeper, &reason) !=
        AGNER_OK)
        fail_msg("%s", etf_format(text, sizeof text, reason));
    d->to = etf_from_pid(NULL, d->keeper);
}

static void open_desk(struct desk *d, struct bed *bed,
                      const struct gen_steps *steps)
{
    *d = (struct desk){ .bed = bed, .self = bed->self };
    memset(undone, 0, sizeof undone);
    store_relaxed(&undone_count, 0u);
    teller = (etf_pid){ 0 };
    assert_int_equal(gen_store_memory(bed->rt, &d->store), AGNER_OK);
    start(d, steps);
}

static void stop(struct desk *d, const char *how)
{
    (void)rt_exit_signal(d->self, d->keeper, etf_atom(how));
    assert_int_equal(rt_wait(d->self, d->keeper, MS), AGNER_OK);
}

static void close_desk(struct desk *d)
{
    stop(d, "kill");
    gen_store_free(d->store);
}

static etf_term id(struct desk *d, const char *text)
{
    return etf_text(rt_region(d->self), text);
}

static enum agner_err begin(struct desk *d, const char *name, etf_term input)
{
    return gen_steps_begin(d->self, d->to, id(d, name), input, 0, MS, NULL,
                           NULL);
}

/* How it ends. */
static void expect(struct desk *d, const char *name, const char *text)
{
    static const char *const names[] = { "running", "committed", "compensated",
                                         "failed", "stuck" };
    struct gen_steps_outcome o = { .state = GEN_STEPS_RUNNING };
    char seen[200], part[100];
    enum agner_err err = gen_steps_await(d->self, d->to, id(d, name), MS, &o);

    if (err != AGNER_OK)
        fail_msg("%s: %s", name, agner_strerror(err));
    (void)snprintf(seen, sizeof seen, "%s", names[o.state]);
    if (!etf_is_none(o.result))
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), " %s",
                       etf_format(part, sizeof part, o.result));
    if (!etf_is_none(o.reason))
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), " %s",
                       etf_format(part, sizeof part, o.reason));
    if (etf_list_size(o.not_compensated) != 0)
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), " %s",
                       etf_format(part, sizeof part, o.not_compensated));
    if (strcmp(seen, text) != 0)
        fail_msg("%s: %s, not %s", name, seen, text);
}

/* ---- What comes of a saga
 * ---------------------------------------------------- */

static void sagas_end(struct bed *bed)
{
    struct gen_steps_outcome o;
    struct desk d;
    etf_term given;

    open_desk(&d, bed, &plain);
    assert_int_equal(begin(&d, "good", etf_make(d.self, "[ok, ok, ok]")),
                     AGNER_OK);
    expect(&d, "good", "committed {done,1}");
    assert_int_equal(begin(&d, "again", etf_make(d.self, "[ok, {fail, 1}]")),
                     AGNER_OK);
    expect(&d, "again", "committed {done,1}");
    assert_int_equal(load_relaxed(&undone_count), 0);
    assert_int_equal(begin(&d, "no", etf_make(d.self, "[ok, ok, refuse]")),
                     AGNER_OK);
    expect(&d, "no", "compensated {<<\"c\">>,no}");
    assert_string_equal(undone, "ba");
    memset(undone, 0, sizeof undone);
    assert_int_equal(begin(&d, "bad", etf_make(d.self, "[ok, ok, fail]")),
                     AGNER_OK);
    expect(&d, "bad", "compensated {<<\"c\">>,{shutdown,failed}}");
    assert_string_equal(undone, "cba");
    assert_int_equal(begin(&d, "odd", etf_make(d.self, "[resource]")),
                     AGNER_OK);
    expect(&d, "odd", "compensated {<<\"a\">>,result_cannot_be_stored}");
    assert_int_equal(begin(&d, "none", etf_make(d.self, "[none]")), AGNER_OK);
    expect(&d, "none", "compensated {<<\"a\">>,{shutdown,no_result}}");
    /* The second begin is told what the first came to. */
    assert_int_equal(gen_steps_begin(d.self, d.to, id(&d, "good"),
                                     etf_make(d.self, "[refuse]"), 0, MS,
                                     &given, &o),
                     AGNER_OK);
    assert_int_equal(o.state, GEN_STEPS_COMMITTED);
    assert_true(etf_equal(given, id(&d, "good")));
    assert_int_equal(gen_steps_begin(d.self, d.to, ETF_NONE,
                                     etf_make(d.self, "[]"), 0, MS, &given, &o),
                     AGNER_OK);
    assert_int_equal(gen_steps_await(d.self, d.to, given, MS, &o), AGNER_OK);
    assert_int_equal(o.state, GEN_STEPS_COMMITTED);
    assert_int_equal(gen_steps_await(d.self, d.to, id(&d, "?"), MS, &o),
                     AGNER_ETXUNKNOWN);
    close_desk(&d);
}

/* A time-out is a failure; a process that hangs is killed. */
static void steps_have_a_time(struct bed *bed)
{
    struct desk d;

    open_desk(&d, bed, &plain);
    assert_int_equal(begin(&d, "slow", etf_make(d.self, "[ok, hang]")),
                     AGNER_OK);
    expect(&d, "slow", "compensated {<<\"b\">>,timeout}");
    assert_string_equal(undone, "ba");
    close_desk(&d);
}

/* Issue: a step without a compensation is never reported as compensated. */
static void what_cannot_be_undone_is_named(struct bed *bed)
{
    struct desk d;

    open_desk(&d, bed, &not_b);
    assert_int_equal(begin(&d, "kept", etf_make(d.self, "[ok, ok, refuse]")),
                     AGNER_OK);
    expect(&d, "kept", "failed {<<\"c\">>,no} [<<\"b\">>]");
    assert_string_equal(undone, "a");
    /* It has done nothing: there is nothing to undo. */
    assert_int_equal(begin(&d, "clean", etf_make(d.self, "[ok, refuse]")),
                     AGNER_OK);
    expect(&d, "clean", "compensated {<<\"b\">>,no}");
    close_desk(&d);
}

static void a_stuck_one_waits_for_a_person(struct bed *bed)
{
    struct desk d;
    etf_term info, state, reason;

    open_desk(&d, bed, &plain);
    assert_int_equal(
        begin(&d, "stuck", etf_make(d.self, "[{ok, {fail, 3}}, refuse]")),
        AGNER_OK);
    expect(&d, "stuck", "stuck {<<\"a\">>,{shutdown,failed}}");
    assert_string_equal(undone, "aa");
    assert_int_equal(gen_steps_info(d.self, d.to, id(&d, "stuck"), MS, &info),
                     AGNER_OK);
    assert_true(etf_match(info, "#{state => _, reason => _}", &state, &reason));
    assert_true(etf_atom_is(state, "stuck"));
    assert_int_equal(
        gen_steps_abort(d.self, d.to, id(&d, "stuck"), ETF_A(ok), MS),
        AGNER_ENOTALLOWED);
    /* It is so after a restart too, and nothing runs by itself. */
    stop(&d, "kill");
    start(&d, &plain);
    expect(&d, "stuck", "stuck {<<\"a\">>,{shutdown,failed}}");
    assert_string_equal(undone, "aa");
    assert_int_equal(gen_steps_retry(d.self, d.to, id(&d, "stuck"), MS),
                     AGNER_OK);
    expect(&d, "stuck", "compensated {<<\"b\">>,no}");
    assert_string_equal(undone, "aaaa");
    assert_int_equal(gen_steps_retry(d.self, d.to, id(&d, "stuck"), MS),
                     AGNER_ENOTALLOWED);
    assert_int_equal(gen_steps_retry(d.self, d.to, id(&d, "?"), MS),
                     AGNER_ETXUNKNOWN);
    close_desk(&d);
}

static void an_abort_turns_back(struct bed *bed)
{
    struct desk d;

    open_desk(&d, bed, &narrow);
    assert_int_equal(begin(&d, "one", etf_make(d.self, "[ok, hang]")),
                     AGNER_OK);
    assert_int_equal(begin(&d, "two", etf_make(d.self, "[ok]")), AGNER_OK);
    assert_int_equal(begin(&d, "three", etf_make(d.self, "[ok]")), AGNER_OK);
    /* Only so many wait. */
    assert_int_equal(begin(&d, "four", etf_make(d.self, "[ok]")), AGNER_EFULL);
    assert_int_equal(gen_steps_abort(d.self, d.to, id(&d, "two"),
                                     etf_make(d.self, "enough"), MS),
                     AGNER_OK);
    expect(&d, "two", "compensated enough");
    assert_string_equal(undone, ""); /* it had not begun */
    assert_int_equal(gen_steps_abort(d.self, d.to, id(&d, "one"),
                                     etf_make(d.self, "enough"), MS),
                     AGNER_OK);
    expect(&d, "one", "compensated enough");
    assert_string_equal(undone, "ba");
    assert_int_equal(
        gen_steps_abort(d.self, d.to, id(&d, "one"), ETF_A(ok), MS),
        AGNER_ENOTALLOWED);
    expect(&d, "three", "committed {done,1}");
    close_desk(&d);
}

/* The wall clock goes on while nobody runs the saga. */
static void deadlines_survive_a_restart(struct bed *bed)
{
    struct desk d;

    if (bed->sim == NULL)
        return;
    open_desk(&d, bed, &plain);
    assert_int_equal(gen_steps_begin(d.self, d.to, id(&d, "late"),
                                     etf_make(d.self, "[ok, hang]"), 60000, MS,
                                     NULL, NULL),
                     AGNER_OK);
    assert_int_equal(gen_steps_begin(d.self, d.to, id(&d, "early"),
                                     etf_make(d.self, "[ok, {fail, 1}]"),
                                     6000000, MS, NULL, NULL),
                     AGNER_OK);
    (void)rt_sleep(d.self, 5);
    stop(&d, "kill");
    sim_wall_jump(bed->sim, 61000);
    start(&d, &plain);
    expect(&d, "late", "compensated lifespan");
    expect(&d, "early", "committed {done,1}");
    close_desk(&d);
}

/* ---- What may be wrong
 * -------------------------------------------------------- */

/* The code has changed: that saga waits, and the others go on. */
static void an_unknown_step_stops_its_saga_alone(struct bed *bed)
{
    struct desk d;

    open_desk(&d, bed, &plain);
    assert_int_equal(begin(&d, "old", etf_make(d.self, "[hang]")), AGNER_OK);
    stop(&d, "kill");
    start(&d, &shorter);
    expect(&d, "old", "stuck {unknown_step,<<\"c\">>}");
    assert_int_equal(begin(&d, "new", etf_make(d.self, "[ok, ok]")), AGNER_OK);
    expect(&d, "new", "committed {done,1}");
    assert_int_equal(gen_steps_retry(d.self, d.to, id(&d, "old"), MS),
                     AGNER_OK);
    expect(&d, "old", "stuck {unknown_step,<<\"c\">>}");
    stop(&d, "kill");
    start(&d, &plain);
    expect(&d, "old", "compensated {<<\"a\">>,timeout}");
    close_desk(&d);
}

static void write_row(struct desk *d, const char *name, uint8_t row,
                      const char *value)
{
    struct gen_store_write write = { .erase = value == NULL };
    struct etf_buffer key = { 0 };

    assert_int_equal(gen__journal_key(&key, "plain", id(d, name), row),
                     AGNER_OK);
    write.key = bytes_of(&key);
    if (value != NULL)
        write.value = (etf_bytes){ (const uint8_t *)value, strlen(value) };
    assert_int_equal(gen_store_put(d->self, d->store, &write, 1, NULL),
                     AGNER_OK);
    etf_buffer_fini(&key);
}

static void a_damaged_row_stops_its_saga_alone(struct bed *bed)
{
    struct gen_store_write strange = { .value = { (const uint8_t *)"x", 1 } };
    struct desk d;

    open_desk(&d, bed, &plain);
    for (unsigned i = 0; i < 5; i++) {
        char name[2] = { (char)('a' + i), '\0' };

        assert_int_equal(begin(&d, name, etf_make(d.self, "[hang]")), AGNER_OK);
    }
    stop(&d, "kill");
    write_row(&d, "a", JOURNAL_PROGRESS, "\1amaged");
    write_row(&d, "b", JOURNAL_PROGRESS, NULL);
    write_row(&d, "c", JOURNAL_HEAD, NULL);
    write_row(&d, "d", JOURNAL_PROGRESS, "\x7fzzzzzzz");
    strange.key = (etf_bytes){ (const uint8_t *)"plain\0\0\3zzzh", 12 };
    assert_int_equal(gen_store_put(d.self, d.store, &strange, 1, NULL),
                     AGNER_OK);
    strange.key.size = 8;
    assert_int_equal(gen_store_put(d.self, d.store, &strange, 1, NULL),
                     AGNER_OK);
    start(&d, &plain);
    expect(&d, "a", "stuck {journal,<<\"a row that is damaged\">>}");
    expect(&d, "b", "stuck {journal,<<\"a row that is missing\">>}");
    expect(&d, "c", "stuck {journal,<<\"a row that is missing\">>}");
    expect(&d, "d",
           "stuck {journal,<<\"a row of version 127, which is newer "
           "than 1\">>}");
    expect(&d, "e", "compensated {<<\"a\">>,timeout}");
    assert_int_equal(gen_steps_retry(d.self, d.to, id(&d, "a"), MS), AGNER_OK);
    expect(&d, "a", "stuck {journal,<<\"a row that is damaged\">>}");
    close_desk(&d);
}

static void what_cannot_begin_is_told(struct bed *bed)
{
    static uint8_t large[GEN_STEPS_BYTES_MAX + 1];
    static const struct gen_step same[] = { { .name = "a", .act = act0 },
                                            { .name = "a", .act = act0 } };
    static const struct gen_step odd[] = { { .name = "a:b", .act = act0 } };
    static const struct gen_step empty[] = { { .name = "a" } };
    struct gen_steps wrong[] = {
        { .name = "x", .steps = same, .count = 2 },
        { .name = "x", .steps = odd, .count = 1 },
        { .name = "x", .steps = empty, .count = 1 },
        { .name = "x/y", .steps = three, .count = 3 },
        { .name = "", .steps = three, .count = 3 },
        { .steps = three, .count = 3 },
        { .name = "x", .steps = three, .count = 0 },
        { .name = "x", .steps = three, .count = GEN_STEPS_COUNT_MAX + 1 },
    };
    struct desk d;
    etf_pid pid;
    etf_term reason, big;

    open_desk(&d, bed, &plain);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(
            gen_steps_start(d.self, &wrong[i], d.store, NULL, &pid, NULL),
            AGNER_EINVAL);
    assert_int_equal(
        gen_steps_start(d.self, &plain, d.store, NULL, &pid, &reason),
        AGNER_EEXIT);
    assert_true(etf_atom_is(reason, "already_running"));
    big = etf_binary(rt_region(d.self), large, sizeof large);
    assert_int_equal(begin(&d, "big", big), AGNER_ELIMIT);
    big = etf_binary(rt_region(d.self), large, GEN_STEPS_ID_MAX);
    assert_int_equal(
        gen_steps_begin(d.self, d.to, big, ETF_A(ok), 0, MS, NULL, NULL),
        AGNER_ELIMIT);
    assert_int_equal(
        begin(&d, "res", etf_resource(rt_region(d.self), &d, NULL)),
        AGNER_EBADTERM);
    assert_int_equal(
        gen_call(d.self, d.to, etf_make(d.self, "{'$saga', x}"), MS, &reason),
        AGNER_OK);
    assert_true(etf_match(reason, "{error, badarg}"));
    assert_int_equal(gen_store_close(d.self, d.store), AGNER_OK);
    assert_int_equal(begin(&d, "closed", ETF_A(ok)), AGNER_ECLOSED);
    close_desk(&d);
}

/* ---- Who is finished is known for a time
 * --------------------------------------- */

static size_t rows_left(struct desk *d)
{
    struct gen_store_row rows[100];
    size_t count = 0;

    assert_int_equal(gen_store_scan(d->self, d->store, (etf_bytes){ 0 },
                                    (etf_bytes){ 0 }, 100, rt_region(d->self),
                                    rows, &count, NULL),
                     AGNER_OK);
    return count;
}

static void the_finished_are_forgotten(struct bed *bed)
{
    struct gen_steps_outcome o;
    struct desk d;
    char name[8];

    if (bed->sim == NULL)
        return;
    open_desk(&d, bed, &narrow);
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(begin(&d, name, etf_make(d.self, "[ok]")), AGNER_OK);
        expect(&d, name, "committed {done,1}");
    }
    (void)rt_sleep(d.self, 10);
    assert_int_equal(rows_left(&d), 6); /* keep_max */
    assert_int_equal(gen_steps_await(d.self, d.to, id(&d, "n0"), MS, &o),
                     AGNER_ETXUNKNOWN);
    expect(&d, "n9", "committed {done,1}");
    stop(&d, "kill");
    start(&d, &narrow);
    expect(&d, "n9", "committed {done,1}");
    (void)rt_sleep(d.self, 11000); /* keep_ms, twice */
    assert_int_equal(rows_left(&d), 0);
    assert_int_equal(gen_steps_await(d.self, d.to, id(&d, "n9"), MS, &o),
                     AGNER_ETXUNKNOWN);
    close_desk(&d);
}

/* ---- What is shown
 * ---------------------------------------------------------------- */

static void figures_are_those_of_the_contract(struct bed *bed)
{
    struct desk d;
    etf_term list, who, map, sagas, saga, steps, step;
    uint64_t in_flight, committed, stuck, attempts, compensations;

    open_desk(&d, bed, &plain);
    assert_int_equal(begin(&d, "good", etf_make(d.self, "[ok, {fail, 1}]")),
                     AGNER_OK);
    expect(&d, "good", "committed {done,1}");
    assert_int_equal(
        begin(&d, "stuck", etf_make(d.self, "[{ok, fail}, refuse]")), AGNER_OK);
    expect(&d, "stuck", "stuck {<<\"a\">>,{shutdown,failed}}");
    list = rt_figures_list(bed->rt, rt_region(d.self), "saga");
    assert_true(etf_match(list, "[{_, _}]", &who, &map));
    assert_true(etf_match(
        map,
        "#{name => plain, type => steps, in_flight => _, committed => _, "
        "cancelled => 0, compensated => 0, failed => 0, stuck => _, "
        "tx_max => 100, list => _}",
        &in_flight, &committed, &stuck, &sagas));
    assert_int_equal(in_flight, 1);
    assert_int_equal(committed, 1);
    assert_int_equal(stuck, 1);
    assert_int_equal(etf_list_size(sagas), 2);
    assert_true(etf_list_next(&sagas, &saga)); /* those in flight first */
    assert_true(etf_match(saga,
                          "#{id => <<\"stuck\">>, state => stuck, left_ms => "
                          "infinity, step => <<\"a\">>, steps => _}",
                          &steps));
    assert_true(etf_list_next(&steps, &step));
    assert_true(
        etf_match(step,
                  "#{name => <<\"a\">>, state => compensating, attempts => "
                  "_, compensations => _}",
                  &attempts, &compensations));
    assert_int_equal(attempts, 1);
    assert_int_equal(compensations, 2);
    assert_true(etf_list_next(&sagas, &saga));
    assert_true(etf_match(saga, "#{state => committed, steps => [__, "
                                "#{state => done, attempts => 2}, __]}"));
    assert_int_equal(gen_steps_list(d.self, d.to, MS, &list), AGNER_OK);
    assert_true(etf_match(list, "[<<\"stuck\">>]"));
    close_desk(&d);
    /* They go with the state, which is after its end is known. */
    while (list = rt_figures_list(bed->rt, rt_region(d.self), "saga"),
           etf_list_size(list) > 0)
        assert_int_equal(rt_sleep(d.self, 1), AGNER_OK);
}

/* The key is the same in each try and after a restart, and tells the step. */
static void keys_stay(struct bed *bed)
{
    struct desk d;

    open_desk(&d, bed, &plain);
    teller = rt_self(d.self);
    assert_int_equal(begin(&d, "x", etf_make(d.self, "[{fail, 1}, ok, ok]")),
                     AGNER_OK);
    bed_expect(bed, "{act,<<\"plain:a:x\">>,[]}");
    bed_expect(bed, "{act,<<\"plain:a:x\">>,[]}");
    bed_expect(bed, "{act,<<\"plain:b:x\">>,[{<<\"a\">>,{done,2}}]}");
    bed_expect(bed, "{act,<<\"plain:c:x\">>,[{<<\"a\">>,{done,2}},"
                    "{<<\"b\">>,{done,1}}]}");
    expect(&d, "x", "committed {done,1}");
    teller = (etf_pid){ 0 };
    close_desk(&d);
}

/* ---- One owner of a name ------------------------------------------------ */

struct claimant {
    struct gen_store *store;
    struct gen_claim_ticket ticket;
    enum agner_err err;
};

static void own(struct gen *self, void *arg)
{
    struct claimant *c = arg;

    c->err = gen__claim_own(self, c->store, "name", &c->ticket);
    if (c->err == AGNER_OK)
        (void)rt_sleep(self, 10);
}

static void join(struct gen *self, void *arg)
{
    struct claimant *c = arg;

    c->err = gen__claim_join(self, &c->ticket);
}

static enum agner_err claim(struct bed *bed, struct claimant *c,
                            void (*code)(struct gen *self, void *arg),
                            bool to_its_end)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, code, c, NULL, &pid), AGNER_OK);
    if (to_its_end)
        assert_int_equal(rt_wait(bed->self, pid, MS), AGNER_OK);
    else
        (void)rt_sleep(bed->self, 2);
    return c->err;
}

/* Who comes late to an owner that is gone is refused, also by the next one. */
static void a_name_has_one_owner(struct bed *bed)
{
    struct claimant first = { .err = AGNER_EUNKNOWN }, second, late;

    assert_int_equal(gen_store_memory(bed->rt, &first.store), AGNER_OK);
    second = first;
    assert_int_equal(claim(bed, &first, own, false), AGNER_OK);
    late = first;
    assert_int_equal(claim(bed, &second, own, true), AGNER_ETAKEN);
    assert_int_equal(claim(bed, &late, join, true), AGNER_OK);
    (void)rt_sleep(bed->self, 20);
    assert_int_equal(claim(bed, &late, join, true), AGNER_ETERMINATED);
    assert_int_equal(claim(bed, &second, own, false), AGNER_OK);
    assert_int_equal(claim(bed, &late, join, true), AGNER_ETERMINATED);
    (void)rt_sleep(bed->self, 20);
    gen_store_free(first.store);
}

/* ---- Failed allocations
 * --------------------------------------------------------------- */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static enum agner_err use(struct desk *d)
{
    struct gen_steps_outcome o;
    enum agner_err err;

    err = gen_steps_start(d->self, &plain, d->store, NULL, &d->keeper, NULL);
    if (err != AGNER_OK)
        return err;
    d->to = etf_from_pid(NULL, d->keeper);
    err = begin(d, "x", etf_make(d->self, "[ok, {fail, 1}, refuse]"));
    if (err == AGNER_OK)
        err = gen_steps_await(d->self, d->to, id(d, "x"), MS, &o);
    if (err == AGNER_OK && o.state != GEN_STEPS_COMPENSATED)
        fail_msg("it ends as %d", o.state);
    return err;
}

static void do_nothing(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
}

/* G34: the n-th allocation fails. Whatever then goes wrong, the saga ends when
 * there is memory again, and in the only way that it can. */
static bool run_failing(unsigned n)
{
    struct rt_options options = { .log = no_log };
    struct bed bed;
    struct desk d;
    enum agner_err err;
    etf_pid pid;

    bed_open_with(&bed, n, options, NULL);
    d = (struct desk){ .bed = &bed, .self = bed.self };
    (void)rt_trap_exit(d.self, true);
    assert_int_equal(rt_spawn(d.self, do_nothing, NULL, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_wait(d.self, pid, MS), AGNER_OK); /* it has a stack */
    assert_int_equal(gen_store_memory(bed.rt, &d.store), AGNER_OK);
    failing_seen = false;
    failing_in = n;
    err = use(&d);
    failing_in = 0;
    if (!failing_seen)
        assert_int_equal(err, AGNER_OK);
    if (!etf_pid_is_none(d.keeper))
        stop(&d, "kill");
    err = use(&d);
    if (err != AGNER_OK)
        fail_msg("allocation %u: %s afterwards", n, agner_strerror(err));
    close_desk(&d);
    bed_close(&bed);
    return failing_seen;
}

static void each_allocation_may_fail(void **state)
{
    unsigned n = 1;

    (void)state;
    teller = (etf_pid){ 0 };
    while (run_failing(n))
        n++;
    assert_true(n > 50);
}

/* ---- All
 * ---------------------------------------------------------------------------------
 */

static void quietly(void (*fn)(struct bed *bed))
{
    struct rt_options options = { .workers = 3, .log = no_log };

    for (uint64_t seed = 0; seed <= 2; seed++) {
        struct bed bed;

        bed_open_with(&bed, seed, options, NULL);
        fn(&bed);
        bed_close(&bed);
    }
}

/* Those in which something takes its time. */
static void simulated(void (*fn)(struct bed *bed))
{
    struct rt_options options = { .log = no_log };

    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct bed bed;

        bed_open_with(&bed, seed, options, NULL);
        fn(&bed);
        bed_close(&bed);
    }
}

/* clang-format off */
#define CASE(how, name) \
    static void case_##name(void **state) { (void)state; how(name); }
/* clang-format on */
CASE(quietly, sagas_end)
CASE(simulated, steps_have_a_time)
CASE(quietly, what_cannot_be_undone_is_named)
CASE(quietly, a_stuck_one_waits_for_a_person)
CASE(simulated, an_abort_turns_back)
CASE(simulated, deadlines_survive_a_restart)
CASE(simulated, an_unknown_step_stops_its_saga_alone)
CASE(simulated, a_damaged_row_stops_its_saga_alone)
CASE(simulated, what_cannot_begin_is_told)
CASE(simulated, the_finished_are_forgotten)
CASE(quietly, figures_are_those_of_the_contract)
CASE(quietly, keys_stay)
CASE(simulated, a_name_has_one_owner)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_the_table),
        cmocka_unit_test(rows_are_read_as_written_or_not_at_all),
        cmocka_unit_test(rows_that_cannot_be_are_refused),
        cmocka_unit_test(case_sagas_end),
        cmocka_unit_test(case_steps_have_a_time),
        cmocka_unit_test(case_what_cannot_be_undone_is_named),
        cmocka_unit_test(case_a_stuck_one_waits_for_a_person),
        cmocka_unit_test(case_an_abort_turns_back),
        cmocka_unit_test(case_deadlines_survive_a_restart),
        cmocka_unit_test(case_an_unknown_step_stops_its_saga_alone),
        cmocka_unit_test(case_a_damaged_row_stops_its_saga_alone),
        cmocka_unit_test(case_what_cannot_begin_is_told),
        cmocka_unit_test(case_the_finished_are_forgotten),
        cmocka_unit_test(case_figures_are_those_of_the_contract),
        cmocka_unit_test(case_keys_stay),
        cmocka_unit_test(case_a_name_has_one_owner),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
