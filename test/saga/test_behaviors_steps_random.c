/*
 * test_behaviors_steps_random.c -- durable sagas whose nodes end at any write.
 *
 * A case has a few sagas of drawn steps. Acts and compensations succeed, fail,
 * hang, refuse, before or after they have had their effect; workers, drivers
 * and the keeper are killed; the store fails, or the whole node ends at a drawn
 * write, which is there or not when the next life begins. A person retries what
 * is stuck, and aborts now and then. When all has ended:
 *
 *   - each saga that was begun is committed, and all effects are there, once;
 *     or compensated, and none is; or failed, and just those are left whose
 *     steps have no compensation, which it names;
 *   - at each run the journal had that intent already, with that number, no
 *     other step of the saga ran, and no later one was left to be undone;
 *   - no run is missing, but for those that an end or a failure cut off.
 *
 * AGNER_SEED=n runs that seed alone; AGNER_CASES=n so many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "saga/journal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CASES 100u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CASES 100u
#endif
#endif
#ifndef CASES
#define CASES 1000u
#endif

#define SAGAS 3u
#define STEPS 4u
#define LIVES 5u /* the last one has no faults */
#define ROWS  (2u * SAGAS)

/* ---- A case -------------------------------------------------------------- */

struct row {
    uint8_t key[64], value[2000];
    size_t key_size, value_size; /* key_size 0: free */
};

/* What the world outside has seen of one step of one saga. */
struct effect {
    unsigned acts, undos; /* runs begun */
    unsigned applied;     /* effects: the key makes it one at most */
    bool undone;          /* and nothing with that key has an effect any more */
};

struct saga {
    bool acknowledged;
    bool over; /* in the store */
    unsigned active;
    struct effect effects[STEPS];
};

static struct {
    uint64_t seed;
    struct sim *sim;
    struct gen_steps table;
    struct gen_step steps[STEPS];
    struct gen_retry_options backoff;
    struct row disk[ROWS];
    struct saga sagas[SAGAS];
    unsigned saga_count;
    unsigned writes, die_at; /* of this life */
    bool dead, calm;
    unsigned ends; /* of nodes, and failures of the store */
    struct rt *rt;
    struct gen_store *store;
    etf_pid keeper, person;
    char wrong[200];
    unsigned outcomes[3]; /* of all cases */
} run;

static void wrong(const char *what, unsigned saga, unsigned step)
{
    if (run.wrong[0] == '\0')
        (void)snprintf(run.wrong, sizeof run.wrong, "%s (saga %u, step %u)",
                       what, saga, step);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)sim_draw(run.sim, bound);
}

static bool chance(unsigned percent)
{
    return !run.calm && draw(100) < percent;
}

/* ---- The disk ------------------------------------------------------------ */

static struct row *find_row(etf_bytes key)
{
    for (unsigned i = 0; i < ROWS; i++) {
        if (run.disk[i].key_size == key.size &&
            memcmp(run.disk[i].key, key.data, key.size) == 0)
            return &run.disk[i];
    }
    return NULL;
}

static etf_bytes value_of(const struct row *row)
{
    return (etf_bytes){ row->value, row->value_size };
}

static void write_row(const struct gen_store_write *w)
{
    struct row *row = find_row(w->key);

    for (unsigned i = 0; row == NULL && i < ROWS; i++) {
        if (run.disk[i].key_size == 0)
            row = &run.disk[i];
    }
    if (row == NULL || w->erase || w->value.size > sizeof row->value ||
        w->key.size > sizeof row->key) {
        wrong("a write of another kind", 0, 0);
        return;
    }
    memcpy(row->key, w->key.data, w->key.size);
    row->key_size = w->key.size;
    memcpy(row->value, w->value.data, w->value.size);
    row->value_size = w->value.size;
}

static unsigned saga_of(etf_term id)
{
    etf_bytes text;

    if (!etf_get_bytes(id, &text) || text.size != 2 || text.data[0] != 's' ||
        text.data[1] < '0' || text.data[1] >= '0' + (int)SAGAS)
        return SAGAS;
    return text.data[1] - '0';
}

/* The journal of a saga as it is on the disk. */
static bool read_saga(struct etf_region *r, unsigned saga, struct journal *j)
{
    struct etf_buffer keys[2] = { { 0 } };
    const struct row *rows[2];
    char name[3] = { 's', (char)('0' + saga), '\0' };
    etf_term id = etf_text(r, name);
    bool there = false;

    (void)gen__journal_key(&keys[0], "t", id, JOURNAL_HEAD);
    (void)gen__journal_key(&keys[1], "t", id, JOURNAL_PROGRESS);
    for (unsigned i = 0; i < 2; i++)
        rows[i] = find_row((etf_bytes){ keys[i].data, keys[i].size });
    if ((rows[0] == NULL) != (rows[1] == NULL))
        wrong("half a saga", saga, 0);
    if (rows[0] != NULL && rows[1] != NULL)
        there = gen__journal_read(r, NULL, value_of(rows[0]), value_of(rows[1]),
                                  j, NULL) == AGNER_OK;
    if (rows[0] != NULL && !there)
        wrong("a journal that does not read", saga, 0);
    etf_buffer_fini(&keys[0]);
    etf_buffer_fini(&keys[1]);
    return there;
}

static void note_over(void)
{
    struct etf_region *r = etf_region_new(0);
    struct journal j;

    for (unsigned s = 0; s < run.saga_count; s++) {
        if (!run.sagas[s].over && read_saga(r, s, &j))
            run.sagas[s].over = j.record.phase >= STEPS_COMMITTED;
    }
    etf_region_free(r);
}

static void apply(const struct gen_store_write *writes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_row(&writes[i]);
    note_over();
}

static enum agner_err disk_put(void *ctx, struct gen *self,
                               const struct gen_store_write *writes,
                               size_t count, struct agner_error *error)
{
    (void)ctx;
    if (run.dead)
        return AGNER_EIO;
    if (draw(3) == 0)
        (void)rt_sleep(self, draw(4));
    if (run.dead)
        return AGNER_EIO;
    if (++run.writes == run.die_at) {
        run.dead = true;
        run.ends++;
        if (draw(2) == 0)
            apply(writes, count);
        return AGNER_EIO;
    }
    if (chance(3)) { /* it fails, and what was written may be there */
        run.ends++;
        if (draw(2) == 0)
            apply(writes, count);
        return agner_fail(error, AGNER_EIO, "drawn");
    }
    apply(writes, count);
    return AGNER_OK;
}

static enum agner_err disk_get(void *ctx, struct gen *self, etf_bytes key,
                               struct etf_region *r, etf_bytes *value,
                               struct agner_error *error)
{
    const struct row *row = find_row(key);

    (void)ctx;
    (void)self;
    (void)error;
    if (run.dead)
        return AGNER_EIO;
    if (row == NULL)
        return AGNER_EUNKNOWN;
    (void)etf_get_bytes(etf_binary(r, row->value, row->value_size), value);
    return AGNER_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a;
    const struct row *y = *(const struct row *const *)b;
    size_t both = x->key_size < y->key_size ? x->key_size : y->key_size;
    int by = memcmp(x->key, y->key, both);

    return by != 0 ? by : (int)x->key_size - (int)y->key_size;
}

/* One row at a time, so that pages end everywhere. */
static enum agner_err disk_scan(void *ctx, struct gen *self, etf_bytes prefix,
                                etf_bytes after, size_t limit,
                                struct etf_region *r,
                                struct gen_store_row *rows, size_t *count,
                                struct agner_error *error)
{
    const struct row *sorted[ROWS];
    struct row last = { .key_size = after.size };
    const struct row *pivot = &last;
    size_t n = 0;

    (void)ctx;
    (void)self;
    (void)prefix;
    (void)limit;
    (void)error;
    if (after.size > 0)
        memcpy(last.key, after.data, after.size);
    for (unsigned i = 0; i < ROWS; i++) {
        if (run.disk[i].key_size > 0)
            sorted[n++] = &run.disk[i];
    }
    qsort(sorted, n, sizeof *sorted, by_key);
    *count = 0;
    for (size_t i = 0; i < n && *count == 0; i++) {
        if (by_key(&sorted[i], &pivot) <= 0)
            continue;
        (void)etf_get_bytes(etf_binary(r, sorted[i]->key, sorted[i]->key_size),
                            &rows[0].key);
        (void)etf_get_bytes(
            etf_binary(r, sorted[i]->value, sorted[i]->value_size),
            &rows[0].value);
        *count = 1;
    }
    return AGNER_OK;
}

static const struct gen_store_ops disk = {
    .name = "disk", .put = disk_put, .get = disk_get, .scan = disk_scan
};

/* ---- Acts and compensations ---------------------------------------------- */

struct watch {
    struct rt_hook hook; /* first */
    unsigned saga;
};

static void at_end(struct rt_hook *hook, struct rt *rt)
{
    struct watch *w = (struct watch *)hook;

    (void)rt;
    run.sagas[w->saga].active--;
    free(w);
}

static void count_active(struct gen *self, unsigned saga, unsigned step)
{
    struct watch *w = calloc(1, sizeof *w);

    w->hook.run = at_end;
    w->saga = saga;
    if (rt_hook_add(self, &w->hook) != AGNER_OK) {
        free(w);
        return;
    }
    if (++run.sagas[saga].active > 1)
        wrong("two steps at once", saga, step);
}

static bool may_be_left(enum step_state state)
{
    return state != STEP_DONE && state != STEP_UNCLEAR &&
           state != STEP_COMPENSATING && state != STEP_RUNNING;
}

/* The journal must have this very intent. */
static void check_intent(struct gen *self, const struct gen_step_run *r,
                         unsigned saga, unsigned step, bool undo)
{
    const struct step_record *record;
    struct journal j;

    if (!read_saga(rt_region(self), saga, &j)) {
        wrong("a run without a journal", saga, step);
        return;
    }
    record = &j.record.steps[step];
    if (record->state != (undo ? STEP_COMPENSATING : STEP_RUNNING) ||
        r->attempt != (undo ? record->compensations : record->attempts))
        wrong("a run that the journal does not know", saga, step);
    for (unsigned i = step + 1; undo && i < j.record.count; i++) {
        if (!may_be_left(j.record.steps[i].state))
            wrong("undone out of order", saga, step);
    }
    for (unsigned i = 0; !undo && i < step; i++) {
        if (j.record.steps[i].state != STEP_DONE)
            wrong("done out of order", saga, step);
    }
}

/* "t:b:s0", "t:b/undo:s0" */
static bool parse_key(etf_term key, bool undo, unsigned *saga, unsigned *step)
{
    char text[32];
    unsigned s;
    char letter;

    if (!etf_get_text(key, text, sizeof text) ||
        sscanf(text, undo ? "t:%c/undo:s%u" : "t:%c:s%u", &letter, &s) != 2)
        return false;
    *saga = s;
    *step = (unsigned)(letter - 'a');
    return s < run.saga_count && *step < run.table.count;
}

/* Waits, fails, hangs, as is drawn. */
static void trouble(struct gen *self)
{
    if (chance(50))
        (void)rt_sleep(self, draw(8));
    if (chance(8))
        rt_exit(self, etf_make(self, "{shutdown, drawn}"));
    if (chance(5))
        (void)rt_sleep(self, 60000);
}

static etf_term act(struct gen *self, const struct gen_step_run *r)
{
    unsigned saga, step;
    struct effect *e;

    if (run.dead)
        return ETF_A(ok);
    if (!parse_key(r->key, false, &saga, &step) ||
        !etf_equal(r->key, r->act_key) || saga_of(r->id) != saga) {
        wrong("a key of another kind", 0, 0);
        return ETF_A(ok);
    }
    e = &run.sagas[saga].effects[step];
    e->acts++;
    count_active(self, saga, step);
    check_intent(self, r, saga, step, false);
    trouble(self);
    if (run.dead || e->undone)
        gen_step_refuse(self, etf_make(self, "undone"));
    if (e->applied == 0 && chance(6))
        gen_step_refuse(self, etf_make(self, "drawn"));
    if (e->applied == 0)
        e->applied = 1;
    trouble(self);
    return etf_make(self, "{did, _}", (uint64_t)step);
}

static etf_term undo(struct gen *self, const struct gen_step_run *r)
{
    unsigned saga, step, same_saga, same_step;
    uint64_t number;

    if (run.dead)
        return ETF_A(ok);
    if (!parse_key(r->key, true, &saga, &step) ||
        !parse_key(r->act_key, false, &same_saga, &same_step) ||
        same_saga != saga || same_step != step) {
        wrong("a key of another kind", 0, 1);
        return ETF_A(ok);
    }
    if (!etf_is_none(r->result) &&
        (!etf_match(r->result, "{did, _}", &number) || number != step))
        wrong("a result of another step", saga, step);
    if (etf_is_none(r->reason))
        wrong("it turned back without a reason", saga, step);
    run.sagas[saga].effects[step].undos++;
    count_active(self, saga, step);
    check_intent(self, r, saga, step, true);
    trouble(self);
    if (!run.dead)
        run.sagas[saga].effects[step].undone = true;
    trouble(self);
    return ETF_A(ok);
}

/* ---- Who is around ------------------------------------------------------- */

static void start_keeper(struct gen *self)
{
    etf_term reason = ETF_NONE;
    char text[100];
    enum agner_err err = gen_steps_start(self, &run.table, run.store, NULL,
                                         &run.keeper, &reason);

    if (err != AGNER_OK && !run.dead)
        wrong(etf_format(text, sizeof text, reason), 0, 0);
}

/* Kills a worker, a driver, or whoever it hits; the keeper is started again. */
static void hurt(struct gen *self)
{
    etf_pid pids[64];
    size_t count = rt_process_list(run.rt, (etf_pid){ 0 }, pids, 64);
    etf_pid who = pids[draw((unsigned)count)];

    if (etf_pid_equal(who, rt_self(self)) || etf_pid_equal(who, run.person))
        return;
    run.ends++;
    (void)rt_kill(run.rt, who, ETF_A(kill));
    if (!etf_pid_equal(who, run.keeper))
        return;
    (void)rt_wait(self, who, RT_INFINITY);
    start_keeper(self);
}

static void be_person(struct gen *self, void *arg)
{
    etf_term to;

    (void)arg;
    for (;;) {
        for (unsigned s = 0; s < run.saga_count; s++) {
            char name[3] = { 's', (char)('0' + s), '\0' };
            etf_term id = etf_text(rt_region(self), name);
            struct gen_steps_outcome outcome;

            to = etf_from_pid(NULL, run.keeper);
            if (!run.sagas[s].acknowledged &&
                gen_steps_begin(self, to, id, id, chance(20) ? 50 : 0, 1000,
                                NULL, &outcome) == AGNER_OK)
                run.sagas[s].acknowledged = true;
            else
                (void)gen_steps_retry(self, to, id, 1000);
            if (chance(4))
                (void)gen_steps_abort(self, to, id, etf_make(self, "drawn"),
                                      1000);
        }
        (void)rt_sleep(self, 1 + draw(40));
        if (chance(10))
            hurt(self);
        rt_reset(self);
    }
}

static bool is_settled(void *ctx)
{
    (void)ctx;
    if (run.dead || run.wrong[0] != '\0')
        return true;
    for (unsigned s = 0; s < run.saga_count; s++) {
        if (!run.sagas[s].over)
            return false;
    }
    return true;
}

/* ---- One life of the node ------------------------------------------------ */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void live(unsigned life)
{
    struct sim_options sim_options = {
        .pick = (enum sim_pick)((run.seed + life) % 5),
        .change_points = 4,
        .wall_ns = (1700000000 + 100 * (uint64_t)life) * 1000000000
    };
    struct rt_options options = { .log = no_log };
    struct gen *self;

    run.sim = sim_new(run.seed * LIVES + life, &sim_options);
    options.world = sim_world(run.sim);
    run.calm = life + 1 == LIVES;
    run.writes = 0;
    run.dead = false;
    run.die_at = run.calm || draw(4) == 0 ? 0 : 1 + draw(20);
    if (rt_new(&options, &run.rt, NULL) != AGNER_OK ||
        gen_store_custom(run.rt, &disk, NULL, &run.store) != AGNER_OK) {
        wrong("no memory", 0, 0);
        return;
    }
    self = rt_attach(run.rt);
    start_keeper(self);
    if (rt_spawn(self, be_person, NULL, NULL, &run.person) != AGNER_OK)
        wrong("no person", 0, 0);
    if (!sim_run_until(run.sim, is_settled, NULL, 3600000))
        wrong("it does not end", 0, 0);
    run.dead = true;
    run.ends++;
    rt_detach(self);
    rt_free(run.rt, 0);
    gen_store_free(run.store);
    sim_free(run.sim);
    for (unsigned s = 0; s < run.saga_count; s++) {
        if (run.sagas[s].active != 0)
            wrong("a step lives on", s, 0);
    }
}

/* ---- The oracle ---------------------------------------------------------- */

static void check_step(const struct journal *j, unsigned s, unsigned i)
{
    const struct effect *e = &run.sagas[s].effects[i];
    const struct step_record *record = &j->record.steps[i];
    bool left = e->applied > 0 && !e->undone;

    switch (j->record.phase) {
    case STEPS_COMMITTED:
        if (!left || e->undos > 0)
            wrong("committed without its effect", s, i);
        break;
    case STEPS_COMPENSATED:
        if (left || record->state == STEP_NOT_COMPENSATED)
            wrong("compensated, but something is left", s, i);
        break;
    default:
        if (left && (record->state != STEP_NOT_COMPENSATED ||
                     run.steps[i].compensate != NULL))
            wrong("left, and not told", s, i);
        if (!left && record->state == STEP_NOT_COMPENSATED &&
            run.steps[i].compensate != NULL)
            wrong("told, and could have been undone", s, i);
    }
    if (e->acts > record->attempts || e->undos > record->compensations)
        wrong("more runs than intents", s, i);
    if (record->attempts - e->acts + record->compensations - e->undos >
        run.ends)
        wrong("intents without runs", s, i);
}

static void check_saga(struct etf_region *r, unsigned s)
{
    struct journal j;

    if (!read_saga(r, s, &j)) {
        wrong("it is lost", s, 0);
        return;
    }
    if (j.record.phase < STEPS_COMMITTED) {
        wrong("it is not over", s, 0);
        return;
    }
    run.outcomes[j.record.phase - STEPS_COMMITTED]++;
    for (unsigned i = 0; i < j.record.count; i++)
        check_step(&j, s, i);
}

static void draw_case(void)
{
    static const char *const names[STEPS] = { "a", "b", "c", "d" };

    run.backoff = (struct gen_retry_options){ .initial_ms = 5, .max_ms = 50 };
    run.saga_count = 1 + draw(SAGAS);
    run.table = (struct gen_steps){ .name = "t",
                                    .steps = run.steps,
                                    .count = 1 + draw(STEPS),
                                    .running_max = 1 + draw(SAGAS) };
    for (unsigned i = 0; i < run.table.count; i++) {
        struct gen_step_limits limits = { .timeout_ms = 20 + draw(100),
                                          .tries = 1 + draw(3),
                                          .backoff = &run.backoff };

        run.steps[i] =
            (struct gen_step){ .name = names[i],
                               .act = act,
                               .compensate = draw(6) == 0 ? NULL : undo,
                               .act_limits = limits,
                               .compensate_limits = limits };
    }
}

static const char *play(uint64_t seed)
{
    struct etf_region *r = etf_region_new(0);
    unsigned outcomes[3];

    memcpy(outcomes, run.outcomes, sizeof outcomes);
    memset(&run, 0, sizeof run);
    memcpy(run.outcomes, outcomes, sizeof outcomes);
    run.seed = seed;
    run.sim = sim_new(seed, NULL);
    draw_case();
    sim_free(run.sim);
    for (unsigned life = 0; life < LIVES && run.wrong[0] == '\0'; life++)
        live(life);
    for (unsigned s = 0; s < run.saga_count && run.wrong[0] == '\0'; s++)
        check_saga(r, s);
    etf_region_free(r);
    return run.wrong[0] == '\0' ? NULL : run.wrong;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void sagas_end_as_they_say(void **state)
{
    uint64_t seed = number_from("AGNER_SEED", 0);
    uint64_t first = seed != 0 ? seed : 1;
    uint64_t count = seed != 0 ? 1 : number_from("AGNER_CASES", CASES);

    (void)state;
    for (uint64_t i = 0; i < count; i++) {
        const char *what = play(first + i);

        if (what != NULL)
            fail_msg("AGNER_SEED=%llu: %s", (unsigned long long)(first + i),
                     what);
    }
    print_message("%llu cases: %u committed, %u compensated, %u failed\n",
                  (unsigned long long)count, run.outcomes[0], run.outcomes[1],
                  run.outcomes[2]);
    if (count >= 100) { /* all of it came about */
        assert_true(run.outcomes[0] > 0);
        assert_true(run.outcomes[1] > 0);
        assert_true(run.outcomes[2] > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sagas_end_as_they_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
