/*
 * steps.c -- durable sagas: the keeper, a server.
 *
 * It answers, gives out places to run in, and starts drivers; it never waits
 * for one. All that it knows is in the store too, but for who waits. Of a saga
 * it hears from its driver: that it is written, done, or stuck; and from the
 * end of the driver, which is nothing to worry about then, and otherwise a
 * reason to start another one.
 */
#include "saga/steps_keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen_internal.h"

#define PURGE_MS_MAX 60000u

static struct steps_keeper *keeper_of(struct gen *self)
{
    return gen_state(self);
}

/* ---- Drivers ------------------------------------------------------------- */

/* Starts a driver that goes on with it; without memory, later. */
static void start(struct gen *self, struct steps_keeper *k,
                  struct steps_entry *entry)
{
    etf_pid pid;

    if (gen__steps_drive(self, k->room, entry, ETF_NONE, 0, 0, true,
                         entry->again, &pid) != AGNER_OK) {
        (void)rt_send_after(
            self, rt_self_term(self),
            etf_make(self, "{'$steps', again, _, ok}", etf_box_term(entry->id)),
            GEN_RETRY_INITIAL_MS, NULL);
        return;
    }
    entry->again = false;
    entry->runs = true;
    k->running++;
    gen__steps_set_driver(k, entry, pid);
}

static void schedule(struct gen *self, struct steps_keeper *k)
{
    while (k->running < k->room->running_max && k->ready != NULL)
        start(self, k, gen__steps_dequeue(k));
}

/* Nobody drives it, though somebody should. */
static void start_later(struct gen *self, struct steps_keeper *k,
                        struct steps_entry *entry, etf_term reason)
{
    uint64_t delay_ms = gen_retry_delay(NULL, ++entry->restarts);
    char id[80], text[160];

    rt_log_self(self, RT_LOG_WARNING, "%s %s: starts anew in %llu ms: %s",
                k->room->table->name,
                etf_format(id, sizeof id, etf_box_term(entry->id)),
                (unsigned long long)delay_ms,
                etf_format(text, sizeof text, reason));
    (void)rt_send_after(
        self, rt_self_term(self),
        etf_make(self, "{'$steps', again, _, ok}", etf_box_term(entry->id)),
        delay_ms, NULL);
}

/* Those that are too many go at once, those that are too old some day. */
static void purge(struct gen *self, struct steps_keeper *k)
{
    struct steps_room *room = k->room;
    uint64_t ms = room->keep_ms < PURGE_MS_MAX ? room->keep_ms : PURGE_MS_MAX;

    while (gen__steps_purge(self, k))
        continue;
    if (!k->purging && room->finished.count > 0)
        k->purging = rt_send_after(self, rt_self_term(self),
                                   etf_make(self, "'$steps_purge'"), ms,
                                   NULL) == AGNER_OK;
}

static void on_driver_end(struct gen *self, struct steps_keeper *k,
                          struct steps_entry *entry, etf_term reason)
{
    bool ran = entry->runs;

    gen__steps_set_driver(k, entry, (etf_pid){ 0 });
    entry->runs = false;
    if (ran)
        k->running--;
    if (!entry->stored) {
        gen__steps_answer(self, &entry->beginners,
                          gen__steps_error_term(rt_region(self), AGNER_EIO));
        gen__steps_forget(k, entry);
    } else if (entry->again || (!entry->halted && !ran)) {
        gen__steps_queue(k, entry);
    } else if (!entry->halted) {
        start_later(self, k, entry, reason);
    } else if (!k->purging || k->room->finished.count >
                                  k->room->keep_max + k->room->keep_max / 8) {
        purge(self, k);
    }
    schedule(self, k);
}

/* ---- What drivers say ---------------------------------------------------- */

static void on_word(struct gen *self, struct steps_keeper *k,
                    struct steps_entry *entry, etf_term what, etf_term more)
{
    if (etf_atom_is(what, "written")) {
        entry->stored = true;
        gen__steps_answer(self, &entry->beginners,
                          etf_make(self, "{ok, _, {running, none, [], []}}",
                                   etf_box_term(entry->id)));
    } else if (etf_atom_is(what, "not_written")) {
        gen__steps_answer(self, &entry->beginners, more);
    } else if (etf_atom_is(what, "done") && !entry->finished) {
        gen__steps_finish(self, k, entry, more, true);
    } else if (etf_atom_is(what, "stuck")) {
        gen__steps_finish(self, k, entry, more, false);
    } else if (etf_atom_is(what, "again") && !entry->halted && !entry->queued &&
               etf_pid_is_none(entry->driver)) {
        gen__steps_queue(k, entry);
        schedule(self, k);
    }
}

static enum gen_next keeper_info(struct gen *self, etf_term message)
{
    struct steps_keeper *k = keeper_of(self);
    struct steps_entry *entry;
    etf_term what, id, more;
    etf_pid pid;

    if (etf_match(message, "{'$steps', _, _, _}", &what, &id, &more)) {
        entry = gen__steps_find(k, id);
        if (entry != NULL)
            on_word(self, k, entry, what, more);
    } else if (etf_match(message, "{'EXIT', _, _}", &pid, &more)) {
        entry = gen__steps_find_pid(k, pid);
        if (entry != NULL)
            on_driver_end(self, k, entry, more);
    } else if (etf_atom_is(message, "$steps_purge")) {
        k->purging = false;
        purge(self, k);
    }
    return GEN_NEXT;
}

/* ---- Requests ------------------------------------------------------------ */

static enum gen_next refuse(struct gen *self, struct gen_from from,
                            enum agner_err err)
{
    return gen_reply(self, from, gen__steps_error_term(rt_region(self), err));
}

static etf_term make_id(struct gen *self)
{
    uint8_t bytes[16];
    char text[2 * sizeof bytes + 1];

    rt_random(rt_of(self), bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return etf_text(rt_region(self), text);
}

static enum agner_err check(const struct steps_room *room, etf_term id,
                            etf_term input)
{
    struct etf_buffer key = { 0 };
    struct etf_buffer all = { .size_max = GEN_STEPS_BYTES_MAX };
    enum agner_err err =
        gen__journal_key(&key, room->table->name, id, JOURNAL_HEAD);

    if (err == AGNER_OK)
        err = etf_encode(&all, input, NULL);
    etf_buffer_fini(&key);
    etf_buffer_fini(&all);
    return err;
}

static etf_term names_of(struct gen *self, const struct gen_steps *table)
{
    etf_term list = etf_nil();

    for (size_t i = table->count; i-- > 0;)
        list = etf_cons(rt_region(self),
                        etf_text(rt_region(self), table->steps[i].name), list);
    return list;
}

static enum agner_err add_new(struct gen *self, struct steps_keeper *k,
                              struct gen_from from, etf_term id, etf_term input,
                              uint64_t lifespan_ms)
{
    const struct gen_steps *table = k->room->table;
    uint64_t now_ms = rt_wall_ns(k->room->rt) / 1000000;
    uint64_t deadline_ms = RT_INFINITY;
    struct steps_entry *entry =
        gen__steps_entry_new(id, names_of(self, table), table->count);
    enum agner_err err = AGNER_ENOMEM;
    etf_pid pid;

    if (lifespan_ms == 0)
        lifespan_ms = table->lifespan_ms;
    if (lifespan_ms != 0 && lifespan_ms < RT_INFINITY - now_ms)
        deadline_ms = now_ms + lifespan_ms;
    if (entry == NULL)
        return err;
    entry->view.created_ms = now_ms;
    entry->view.deadline_ms = deadline_ms;
    entry->runs = k->running < k->room->running_max && k->ready == NULL;
    err = gen__steps_wait(&entry->beginners, from);
    if (err == AGNER_OK)
        err = gen__steps_drive(self, k->room, entry, input, now_ms, deadline_ms,
                               entry->runs, false, &pid);
    if (err != AGNER_OK) {
        gen__steps_entry_free(entry);
        return err;
    }
    gen__steps_add(k, entry);
    gen__steps_set_driver(k, entry, pid);
    if (entry->runs)
        k->running++;
    return AGNER_OK;
}

static etf_term outcome_now(struct gen *self, const struct steps_entry *entry)
{
    if (entry->halted && entry->outcome != NULL)
        return etf_box_term(entry->outcome);
    return etf_make(self, "{running, none, [], []}");
}

static enum gen_next on_begin(struct gen *self, struct steps_keeper *k,
                              struct gen_from from, etf_term id, etf_term input,
                              uint64_t lifespan_ms)
{
    struct steps_room *room = k->room;
    struct steps_entry *entry;
    enum agner_err err;

    if (etf_same(id, ETF_A(undefined)))
        id = make_id(self);
    err = check(room, id, input);
    if (err != AGNER_OK)
        return refuse(self, from, err);
    entry = gen__steps_find(k, id);
    if (entry != NULL && entry->stored)
        return gen_reply(
            self, from,
            etf_make(self, "{ok, _, _}", id, outcome_now(self, entry)));
    if (entry != NULL)
        err = gen__steps_wait(&entry->beginners, from);
    else if (room->active.count >= room->running_max + room->waiting_max)
        err = AGNER_EFULL;
    else
        err = add_new(self, k, from, id, input, lifespan_ms);
    return err == AGNER_OK ? GEN_NEXT : refuse(self, from, err);
}

static enum gen_next on_await(struct gen *self, struct gen_from from,
                              struct steps_entry *entry)
{
    enum agner_err err;

    if (entry->halted && !entry->again)
        return entry->outcome == NULL
                   ? refuse(self, from, AGNER_ENOMEM)
                   : gen_reply(self, from,
                               etf_make(self, "{ok, _}",
                                        etf_box_term(entry->outcome)));
    err = gen__steps_wait(&entry->awaiters, from);
    return err == AGNER_OK ? GEN_NEXT : refuse(self, from, err);
}

static enum gen_next on_retry(struct gen *self, struct steps_keeper *k,
                              struct gen_from from, struct steps_entry *entry)
{
    if (!entry->halted || entry->finished)
        return refuse(self, from, AGNER_ENOTALLOWED);
    entry->halted = false;
    entry->again = true;
    gen__steps_show_stuck(k->room, entry, false, NULL);
    if (etf_pid_is_none(entry->driver)) {
        gen__steps_queue(k, entry);
        schedule(self, k);
    }
    return gen_reply(self, from, ETF_A(ok));
}

/* The driver answers. One that waits for its place begins out of turn. */
static enum gen_next on_abort(struct gen *self, struct steps_keeper *k,
                              struct gen_from from, struct steps_entry *entry,
                              etf_term request, etf_term reason)
{
    etf_term from_term = rt_from_term(self, &from);
    etf_term call = etf_make(self, "{'$gen_call', _, _}", from_term, request);

    if (entry->halted)
        return refuse(self, from, AGNER_ENOTALLOWED);
    if (etf_pid_is_none(entry->driver)) {
        gen__steps_unqueue(k, entry);
        start(self, k, entry);
    }
    if (!entry->runs) { /* its driver only writes it, and is gone in a moment */
        if (rt_send_after(self, rt_self_term(self), call, 1, NULL) != AGNER_OK)
            return refuse(self, from, AGNER_ENOMEM);
        return GEN_NEXT;
    }
    entry->aborted = true;
    if (rt_send_pid(self, entry->driver,
                    etf_make(self, "{'$steps_abort', _, _}", from_term,
                             reason)) != AGNER_OK)
        return refuse(self, from, AGNER_ENOMEM);
    return GEN_NEXT;
}

static enum gen_next on_list(struct gen *self, struct steps_keeper *k,
                             struct gen_from from)
{
    struct steps_entry *entry = k->room->active.first;
    etf_term ids[STEPS_SHOWN];
    size_t count = 0;

    for (; entry != NULL && count < STEPS_SHOWN; entry = entry->next)
        ids[count++] = etf_box_term(entry->id);
    return gen_reply(
        self, from,
        etf_make(self, "{ok, _}",
                 etf_list(rt_region(self), ids, count, etf_nil())));
}

static enum gen_next keeper_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct steps_keeper *k = keeper_of(self);
    struct steps_entry *entry = NULL;
    etf_term what, id, input;
    uint64_t lifespan_ms;

    if (etf_match(request, "{'$saga', 'begin', _, _, _}", &id, &input,
                  &lifespan_ms))
        return on_begin(self, k, from, id, input, lifespan_ms);
    if (etf_match(request, "{'$saga', list}"))
        return on_list(self, k, from);
    if (etf_match(request, "{'$saga', _, _}", &what, &id) ||
        etf_match(request, "{'$saga', _, _, __}", &what, &id))
        entry = gen__steps_find(k, id);
    else
        return refuse(self, from, AGNER_EINVAL);
    if (entry == NULL || !entry->stored)
        return refuse(self, from, AGNER_ETXUNKNOWN);
    if (etf_match(request, "{'$saga', await, __}"))
        return on_await(self, from, entry);
    if (etf_match(request, "{'$saga', retry, __}"))
        return on_retry(self, k, from, entry);
    if (etf_match(request, "{'$saga', info, __}"))
        return gen_reply(
            self, from,
            etf_make(self, "{ok, _}",
                     gen__steps_info(k->room, entry, rt_region(self))));
    if (etf_match(request, "{'$saga', abort, __, _}", &input))
        return on_abort(self, k, from, entry, request, input);
    return refuse(self, from, AGNER_EINVAL);
}

/* ---- Life ---------------------------------------------------------------- */

static enum gen_next fail_init(struct gen *self, enum agner_err err,
                               const char *text)
{
    if (err == AGNER_ETAKEN)
        return gen_stop(self, etf_make(self, "already_running"));
    return gen_stop(self, etf_make(self, "{store, _}",
                                   *text == '\0' ? agner_strerror(err) : text));
}

static enum gen_next keeper_init(struct gen *self, etf_term args)
{
    struct steps_keeper *k = keeper_of(self);
    struct agner_error error = { 0 };
    enum agner_err err;
    etf_term room;
    void *value;

    if (!etf_match(args, "_", &room) || !etf_get_resource(room, &value))
        return gen_stop(self, ETF_A(badarg));
    k->room = gen__steps_room_hold(value);
    k->room->keeper = rt_self(self);
    gen__head(self)->sys.name = k->room->table->name;
    (void)rt_trap_exit(self, true);
    err = gen__claim_own(self, k->room->store, k->room->table->name,
                         &k->room->ticket);
    if (err == AGNER_OK)
        err = gen__steps_begin_all(self, k, &error);
    if (err != AGNER_OK)
        return fail_init(self, err, error.text);
    k->room->figures = (struct rt_figures){ .kind = "saga",
                                            .pid = rt_self(self),
                                            .show = gen__steps_figures };
    rt_figures_add(rt_of(self), &k->room->figures);
    purge(self, k);
    schedule(self, k);
    return GEN_NEXT;
}

static void keeper_destroy(void *state)
{
    struct steps_keeper *k = state;

    if (k->room == NULL)
        return;
    rt_figures_remove(k->room->rt, &k->room->figures);
    gen__steps_room_free(k->room);
}

static etf_term keeper_status(struct gen *self)
{
    struct steps_keeper *k = keeper_of(self);

    return gen__steps_figures(&k->room->figures, rt_region(self));
}

static const struct gen_server keeper = {
    .name = "gen_steps",
    .state_size = sizeof(struct steps_keeper),
    .init = keeper_init,
    .handle_call = keeper_call,
    .handle_info = keeper_info,
    .format_status = keeper_status,
    .destroy = keeper_destroy,
};

static bool is_name(const char *name)
{
    return name != NULL && *name != '\0' &&
           strlen(name) <= GEN_STEPS_NAME_MAX && strpbrk(name, ":#/") == NULL;
}

static bool is_good(const struct gen_steps *steps)
{
    if (steps == NULL || !is_name(steps->name) || steps->count == 0 ||
        steps->steps == NULL || steps->count > GEN_STEPS_COUNT_MAX)
        return false;
    for (size_t i = 0; i < steps->count; i++) {
        if (!is_name(steps->steps[i].name) || steps->steps[i].act == NULL)
            return false;
        for (size_t other = 0; other < i; other++) {
            if (strcmp(steps->steps[other].name, steps->steps[i].name) == 0)
                return false;
        }
    }
    return true;
}

static enum agner_err start_keeper(struct gen *self,
                                   const struct gen_steps *steps,
                                   struct gen_store *store,
                                   const struct rt_spawn_options *options,
                                   bool link, etf_pid *pid, etf_term *reason)
{
    struct rt_spawn_options full = { 0 };
    struct steps_room *room;
    etf_term args;

    if (!is_good(steps))
        return AGNER_EINVAL;
    room = gen__steps_room_new(rt_of(self), steps, store);
    if (room == NULL)
        return AGNER_ENOMEM;
    args = gen__steps_room_term(rt_region(self), room);
    gen__steps_room_free(room);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    if (options != NULL)
        full = *options;
    full.link = full.link || link;
    return gen_start(self, &keeper, args, &full, pid, reason);
}

enum agner_err gen_steps_start(struct gen *self, const struct gen_steps *steps,
                               struct gen_store *store,
                               const struct rt_spawn_options *options,
                               etf_pid *pid, etf_term *reason)
{
    return start_keeper(self, steps, store, options, false, pid, reason);
}

enum agner_err gen_steps_start_link(struct gen *self,
                                    const struct gen_steps *steps,
                                    struct gen_store *store,
                                    const struct rt_spawn_options *options,
                                    etf_pid *pid, etf_term *reason)
{
    return start_keeper(self, steps, store, options, true, pid, reason);
}
