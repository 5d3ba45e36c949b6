/*
 * steps_drive.c -- one durable saga, from where its journal is to its end.
 *
 * The loop: what is to be done next (steps_decide.c), write that it is
 * intended, do it, note what came of it. What came of a step and the intent of
 * the next are one write. A driver that cannot write ends: what it knew is in
 * the journal, and its keeper starts another one later.
 */
#include <stdio.h>
#include <string.h>

#include "saga/steps_internal.h"

struct drive {
    struct steps_room *room;
    struct steps_entry *entry;
    struct journal j;
    const struct gen_step *steps[STEPS_COUNT_MAX]; /* of the table, by name */
    struct step_rule rules[STEPS_COUNT_MAX];
    size_t present;
    bool fresh;    /* nothing of it is in the store */
    bool aborting; /* `abort_from` waits for that to be written */
    bool turned;   /* ... which has come about */
    struct gen_from abort_from;
    etf_term abort_reason;
};

/* ---- Telling ------------------------------------------------------------- */

static void tell(struct gen *self, struct drive *d, const char *what,
                 etf_term more)
{
    (void)rt_send_pid(self, d->room->keeper,
                      etf_make(self, "{'$steps', _, _, _}", etf_atom(what),
                               etf_box_term(d->entry->id), more));
}

/* Does not return. */
static void leave(struct gen *self, enum agner_err err, const char *why)
{
    rt_exit(self,
            etf_make(self, "{shutdown, {journal, _, _}}", (int64_t)err, why));
}

static void show(struct drive *d)
{
    etf_term reason =
        d->j.record.phase == STEPS_STUCK ? d->j.trouble : d->j.reason;

    gen__steps_show(d->room, d->entry, &d->j, d->present,
                    etf_is_none(reason) ? NULL : etf_box_new(reason));
}

static uint64_t now_ms(const struct drive *d)
{
    return rt_wall_ns(d->room->rt) / 1000000;
}

/* Once this returns, what is decided is in the store. */
static void save(struct gen *self, struct drive *d)
{
    struct agner_error error = { 0 };
    enum agner_err err;

    d->j.updated_ms = now_ms(d);
    err = gen__steps_write(self, d->room, &d->j, d->fresh, &error);
    if (err != AGNER_OK && d->fresh)
        tell(self, d, "not_written",
             gen__steps_error_term(rt_region(self), err));
    if (err != AGNER_OK)
        leave(self, err, error.text);
    show(d);
    if (d->fresh)
        tell(self, d, "written", ETF_A(ok));
    d->fresh = false;
    if (d->aborting && d->turned) {
        (void)gen_reply(self, d->abort_from, ETF_A(ok));
        d->aborting = false;
    }
}

/* ---- Reasons ------------------------------------------------------------- */

/* What is kept of a reason or a result must be possible to store. */
static enum agner_err measure(etf_term term, size_t max, size_t *size)
{
    struct etf_buffer b = { .size_max = max };
    enum agner_err err = etf_encode(&b, term, NULL);

    *size = b.size;
    etf_buffer_fini(&b);
    return err;
}

#define REASON_MAX 4096u /* bytes */

static etf_term small(struct gen *self, etf_term reason)
{
    size_t size;

    if (etf_is_none(reason) || measure(reason, REASON_MAX, &size) != AGNER_OK)
        return etf_make(self, "reason_too_large");
    return reason;
}

static etf_term step_reason(struct gen *self, const struct drive *d,
                            etf_term why)
{
    return etf_make(self, "{_, _}", d->j.names[d->present], small(self, why));
}

/* ---- What comes from outside --------------------------------------------- */

/* Only one abort is taken, and only forward. */
static void take_abort(struct gen *self, struct drive *d, etf_term from_term,
                       etf_term reason)
{
    struct gen_from from;

    if (!rt_get_from(self, from_term, &from))
        return;
    if (d->aborting || d->j.record.phase != STEPS_FORWARD) {
        (void)gen_reply(
            self, from,
            gen__steps_error_term(rt_region(self), AGNER_ENOTALLOWED));
        return;
    }
    d->aborting = true;
    d->abort_from = from;
    d->abort_reason = reason;
}

/* A message that is not the worker's. Ends with the keeper. */
static void take_message(struct gen *self, struct drive *d, etf_term message)
{
    etf_term from, reason;
    etf_pid pid;

    if (etf_match(message, "{'$steps_abort', _, _}", &from, &reason))
        take_abort(self, d, from, reason);
    else if (etf_match(message, "{'EXIT', _, _}", &pid, &reason) &&
             etf_pid_equal(pid, d->room->keeper))
        rt_exit(self, ETF_A(shutdown));
}

/* rt_receive(), or the end of this process. */
static enum agner_err receive(struct gen *self, uint64_t ms, etf_term *message)
{
    enum agner_err err = rt_receive(self, ms, message);

    if (err != AGNER_OK && err != AGNER_ETIMEOUT)
        rt_exit(self, ETF_A(shutdown));
    return err;
}

/* Who has done all is not late. */
static bool is_expired(const struct drive *d)
{
    const struct steps_record *record = &d->j.record;

    return record->phase == STEPS_FORWARD &&
           record->steps[record->count - 1].state != STEP_DONE &&
           now_ms(d) >= d->j.deadline_ms;
}

/* What is left until the time is over, or the deadline is there if it counts:
 * a clock that was set meanwhile is looked at again. */
static uint64_t left_ms(struct gen *self, const struct drive *d,
                        uint64_t start_ms, uint64_t timeout_ms)
{
    uint64_t passed = rt_now_ms(rt_of(self)) - start_ms, left = RT_INFINITY;
    uint64_t now = now_ms(d);

    if (timeout_ms != RT_INFINITY)
        left = passed >= timeout_ms ? 0 : timeout_ms - passed;
    if (d->j.record.phase == STEPS_FORWARD && d->j.deadline_ms != RT_INFINITY) {
        uint64_t more = d->j.deadline_ms > now ? d->j.deadline_ms - now : 0;

        left = more < left ? more : left;
    }
    return left;
}

static void pause_for(struct gen *self, struct drive *d, uint64_t ms)
{
    uint64_t start_ms = rt_now_ms(rt_of(self)), left;
    etf_term message;

    while (!d->aborting && (left = left_ms(self, d, start_ms, ms)) > 0) {
        if (receive(self, left, &message) == AGNER_OK)
            take_message(self, d, message);
    }
}

/* ---- One try ------------------------------------------------------------- */

/* Until the worker is gone. It is killed when its time is over. *result: what
 * it sent, or ETF_NONE; returns what it left with. */
static etf_term wait_for(struct gen *self, struct drive *d, etf_pid worker,
                         uint64_t timeout_ms, etf_term *result)
{
    uint64_t start_ms = rt_now_ms(rt_of(self));
    etf_term message, reason;
    bool killed = false;
    etf_pid pid;

    *result = ETF_NONE;
    for (;;) {
        uint64_t left =
            killed ? RT_INFINITY : left_ms(self, d, start_ms, timeout_ms);

        if (!killed && (left == 0 || d->aborting)) {
            (void)rt_kill(d->room->rt, worker, ETF_A(kill));
            killed = true;
            continue;
        }
        if (receive(self, left, &message) != AGNER_OK ||
            gen__steps_result(message, worker, result))
            continue;
        if (etf_match(message, "{'EXIT', _, _}", &pid, &reason) &&
            etf_pid_equal(pid, worker))
            return killed ? ETF_A(timeout) : reason;
        take_message(self, d, message);
    }
}

/* Is there room for it in the journal? */
static bool fits(const struct drive *d, etf_term result, etf_term *why)
{
    size_t total = 0, size;

    for (size_t i = 0; i < d->j.record.count; i++) {
        if (!etf_is_none(d->j.results[i]) &&
            measure(d->j.results[i], GEN_STEPS_BYTES_MAX, &size) == AGNER_OK)
            total += size;
    }
    switch (measure(result, GEN_STEPS_BYTES_MAX, &size)) {
    case AGNER_OK:
        *why = etf_atom("result_too_large");
        return total + size <= GEN_STEPS_BYTES_MAX;
    case AGNER_EBADTERM:
        *why = etf_atom("result_cannot_be_stored");
        return false;
    default:
        *why = etf_atom("result_too_large");
        return false;
    }
}

static enum steps_event judge(struct drive *d, bool undo, etf_term result,
                              etf_term left_with, etf_term *why)
{
    *why = left_with;
    if (etf_is_none(result)) {
        if (gen__steps_refusal(left_with, why))
            return STEPS_REFUSED;
        return STEPS_BAD;
    }
    if (undo)
        return STEPS_GOOD;
    if (!fits(d, result, why))
        return STEPS_BAD;
    d->j.results[d->present] = result;
    return STEPS_GOOD;
}

static etf_term key_of(struct gen *self, const struct drive *d, bool undo)
{
    struct etf_buffer b = { 0 };
    const char *name = d->room->table->name, *step = d->steps[d->present]->name;
    etf_term key = ETF_NONE;
    etf_bytes text;
    bool is_text = etf_get_bytes(d->j.id, &text);
    enum agner_err err = etf_buffer_add(&b, name, strlen(name));

    if (err == AGNER_OK)
        err = etf_buffer_add(&b, is_text ? ":" : "#", 1);
    if (err == AGNER_OK)
        err = etf_buffer_add(&b, step, strlen(step));
    if (err == AGNER_OK)
        err = etf_buffer_add(&b, undo ? "/undo:" : ":", undo ? 6 : 1);
    if (err == AGNER_OK && is_text)
        err = etf_buffer_add(&b, text.data, text.size);
    else if (err == AGNER_OK)
        err = etf_encode(&b, d->j.id,
                         &(struct etf_encode_options){ .deterministic = true });
    if (err == AGNER_OK)
        key = etf_binary(rt_region(self), b.data, b.size);
    etf_buffer_fini(&b);
    return key;
}

static etf_term results_before(struct gen *self, const struct drive *d)
{
    etf_term list = etf_nil();

    for (size_t i = d->present; i-- > 0;) {
        if (!etf_is_none(d->j.results[i]))
            list = etf_cons(
                rt_region(self),
                etf_make(self, "{_, _}", d->j.names[i], d->j.results[i]), list);
    }
    return list;
}

static uint64_t time_of(const struct gen_step_limits *limits)
{
    return limits->timeout_ms == 0 ? GEN_STEP_TIMEOUT_MS : limits->timeout_ms;
}

/* Runs what was intended, and says what came of it. */
static enum steps_event try_it(struct gen *self, struct drive *d, bool undo,
                               etf_term *why)
{
    const struct gen_step *step = d->steps[d->present];
    const struct step_record *record = &d->j.record.steps[d->present];
    struct steps_try what = { .step = step, .undo = undo };
    etf_term result, left_with;
    etf_pid worker;

    what.run.id = d->j.id;
    what.run.input = d->j.input;
    what.run.results = results_before(self, d);
    what.run.result = d->j.results[d->present];
    what.run.reason = d->j.reason;
    what.run.act_key = key_of(self, d, false);
    what.run.key = key_of(self, d, undo);
    what.run.attempt = undo ? record->compensations : record->attempts;
    what.run.deadline_ms = d->j.deadline_ms;
    if (gen__steps_work(self, d->room, &what, &worker) != AGNER_OK) {
        *why = etf_make(self, "no_worker");
        return STEPS_BAD;
    }
    left_with = wait_for(
        self, d, worker,
        time_of(undo ? &step->compensate_limits : &step->act_limits), &result);
    return judge(d, undo, result, left_with, why);
}

/* The pause after a failure that leaves tries. */
static uint64_t delay_of(const struct drive *d, bool undo)
{
    const struct gen_step *step = d->steps[d->present];
    const struct step_record *record = &d->j.record.steps[d->present];

    if (undo)
        return gen_retry_delay(step->compensate_limits.backoff,
                               record->undo_failures);
    return gen_retry_delay(step->act_limits.backoff, record->failures);
}

static void log_failure(struct gen *self, struct drive *d, bool undo,
                        etf_term why)
{
    char id[80], text[160];

    rt_log_self(self, RT_LOG_WARNING, "%s %s: %s of step %s failed: %s",
                d->room->table->name, etf_format(id, sizeof id, d->j.id),
                undo ? "compensation" : "act", d->steps[d->present]->name,
                etf_format(text, sizeof text, why));
}

/* Is what has just failed what comes next? */
static bool comes_again(const struct drive *d, bool undo)
{
    struct steps_record next = d->j.record;
    size_t index;

    return gen__steps_next(&next, d->rules, &index) ==
               (undo ? STEPS_COMPENSATE : STEPS_ACT) &&
           index == d->present && !is_expired(d);
}

static void step(struct gen *self, struct drive *d, bool undo)
{
    enum steps_event event;
    etf_term why = ETF_NONE;

    (void)gen__steps_apply(&d->j.record, d->rules, STEPS_INTEND, d->present);
    save(self, d);
    event = try_it(self, d, undo, &why);
    (void)gen__steps_apply(&d->j.record, d->rules, event, d->present);
    if (event != STEPS_GOOD && !d->aborting) {
        log_failure(self, d, undo, why);
        why = step_reason(self, d, why);
    } else {
        why = ETF_NONE;
    }
    if (undo)
        d->j.trouble = why;
    else
        d->j.reason = why;
    if (event == STEPS_GOOD || d->aborting || !comes_again(d, undo))
        return;
    save(self, d);
    pause_for(self, d, delay_of(d, undo));
}

/* ---- The loop ------------------------------------------------------------ */

static void check_turn(struct gen *self, struct drive *d)
{
    etf_term message;

    while (rt_receive(self, 0, &message) == AGNER_OK)
        take_message(self, d, message);
    if (!d->aborting && !is_expired(d))
        return;
    if (!gen__steps_apply(&d->j.record, d->rules, STEPS_TURN, 0))
        return;
    d->turned = true;
    d->j.reason =
        d->aborting ? small(self, d->abort_reason) : etf_make(self, "lifespan");
}

/* An abort that came too late. */
static void refuse_aborts(struct gen *self, struct drive *d)
{
    etf_term message;

    if (d->aborting)
        (void)gen_reply(
            self, d->abort_from,
            gen__steps_error_term(rt_region(self), AGNER_ENOTALLOWED));
    d->aborting = true;
    while (rt_receive(self, 0, &message) == AGNER_OK)
        take_message(self, d, message);
}

static void end(struct gen *self, struct drive *d, const char *how)
{
    struct gen_steps_outcome outcome;
    etf_term term;

    save(self, d);
    term = gen__steps_outcome_term(rt_region(self), &d->j);
    tell(self, d, how, term);
    refuse_aborts(self, d);
    if (d->j.record.phase != STEPS_STUCK &&
        d->room->table->handle_done != NULL &&
        gen__steps_outcome_read(term, &outcome))
        d->room->table->handle_done(self, d->j.id, &outcome);
}

static void go(struct gen *self, struct drive *d)
{
    for (;;) {
        enum steps_command command;

        check_turn(self, d);
        command = gen__steps_next(&d->j.record, d->rules, &d->present);
        switch (command) {
        case STEPS_ACT:
            step(self, d, false);
            break;
        case STEPS_COMPENSATE:
            step(self, d, true);
            break;
        case STEPS_WAIT:
            end(self, d, "stuck");
            return;
        case STEPS_END:
            end(self, d, "done");
            return;
        }
    }
}

/* ---- The beginning ------------------------------------------------------- */

static void stuck(struct gen *self, struct drive *d, etf_term reason)
{
    gen__steps_show_stuck(d->room, d->entry, true, etf_box_new(reason));
    tell(self, d, "stuck", etf_make(self, "{stuck, none, [_], []}", reason));
    refuse_aborts(self, d);
}

static const struct gen_step *find_step(const struct gen_steps *table,
                                        etf_term name)
{
    etf_bytes text;

    if (!etf_get_bytes(name, &text))
        return NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (strlen(table->steps[i].name) == text.size &&
            memcmp(table->steps[i].name, text.data, text.size) == 0)
            return &table->steps[i];
    }
    return NULL;
}

/* The journal's steps in the code of now. false: *unknown is in it no more. */
static bool find_steps(struct drive *d, etf_term *unknown)
{
    for (size_t i = 0; i < d->j.record.count; i++) {
        const struct gen_step *s = find_step(d->room->table, d->j.names[i]);

        *unknown = d->j.names[i];
        if (s == NULL)
            return false;
        d->steps[i] = s;
        d->rules[i] = (struct step_rule){
            .can_undo = s->compensate != NULL,
            .tries =
                s->act_limits.tries == 0 ? GEN_STEP_TRIES : s->act_limits.tries,
            .undo_tries = s->compensate_limits.tries == 0
                              ? GEN_STEP_UNDO_TRIES
                              : s->compensate_limits.tries,
        };
    }
    return true;
}

static void make_new(struct gen *self, struct drive *d, etf_term input,
                     uint64_t created_ms, uint64_t deadline_ms)
{
    const struct gen_steps *table = d->room->table;

    memset(&d->j, 0, sizeof d->j);
    d->j.id = etf_copy(rt_region(self), etf_box_term(d->entry->id));
    d->j.input = input;
    d->j.created_ms = created_ms;
    d->j.deadline_ms = deadline_ms;
    d->j.record.count = table->count;
    for (size_t i = 0; i < table->count; i++)
        d->j.names[i] = etf_text(rt_region(self), table->steps[i].name);
    d->fresh = true;
}

/* false: it cannot be gone on with, which has been told. */
static bool read_old(struct gen *self, struct drive *d)
{
    struct agner_error error = { 0 };
    enum agner_err err = gen__steps_read(
        self, d->room, etf_box_term(d->entry->id), &d->j, &error);

    if (err == AGNER_OK)
        return true;
    if (err != AGNER_ECORRUPT && err != AGNER_ENOTSUP)
        leave(self, err, error.text);
    stuck(self, d, etf_make(self, "{journal, _}", (const char *)error.text));
    return false;
}

static void drive(struct gen *self, etf_term args)
{
    struct drive d = { .aborting = false };
    etf_term room, entry, input, unknown;
    uint64_t created_ms, deadline_ms;
    void *value[2];
    bool go_on, again;

    if (!etf_match(args, "{_, _, _, _, _, _, _}", &room, &entry, &input,
                   &created_ms, &deadline_ms, &go_on, &again) ||
        !etf_get_resource(room, &value[0]) ||
        !etf_get_resource(entry, &value[1]))
        rt_exit(self, ETF_A(badarg)); /* not reached: the keeper made them */
    d.room = value[0];
    d.entry = value[1];
    (void)rt_trap_exit(self, true);
    if (gen__claim_join(self, &d.room->ticket) != AGNER_OK)
        rt_exit(self, ETF_A(shutdown));
    if (etf_match(input, "[_]", &input))
        make_new(self, &d, input, created_ms, deadline_ms);
    else if (!read_old(self, &d))
        return;
    if (!find_steps(&d, &unknown)) {
        stuck(self, &d, etf_make(self, "{unknown_step, _}", unknown));
        return;
    }
    if (again)
        (void)gen__steps_apply(&d.j.record, d.rules, STEPS_RETRY, 0);
    show(&d);
    if (go_on) {
        go(self, &d);
    } else {
        save(self, &d);
        refuse_aborts(self, &d);
    }
}

static const struct gen_proc driver = { .name = "gen_steps_driver",
                                        .run = drive };

enum agner_err gen__steps_drive(struct gen *self, struct steps_room *room,
                                struct steps_entry *entry, etf_term input,
                                uint64_t created_ms, uint64_t deadline_ms,
                                bool go_on, bool retry, etf_pid *pid)
{
    etf_term given =
        etf_is_none(input) ? etf_nil() : etf_make(self, "[_]", input);
    etf_term args = etf_make(self, "{_, _, _, _, _, _, _}",
                             gen__steps_room_term(rt_region(self), room),
                             gen__steps_entry_term(rt_region(self), entry),
                             given, created_ms, deadline_ms, go_on, retry);

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_proc_spawn_link(self, &driver, args, NULL, pid);
}
