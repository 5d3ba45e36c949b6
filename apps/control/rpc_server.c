/*
 * rpc_server.c -- the control socket, started and stopped, and its keeper.
 *
 * The keeper is the process agner_control. It starts a session for each
 * connection and is linked to it: a session that ends takes its connection with
 * it, and a keeper that ends takes all sessions.
 */
#include "rpc_conn.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define ATOMS_MAX       16384
/* clang-format on */

/* ---- The keeper ------------------------------------------------------- */

struct keeper {
    struct apps_control *control; /* borrowed: it waits for us */
};

void rpc__count(struct apps_control *control)
{
    atomic_fetch_add_explicit(&control->processes, 1, memory_order_relaxed);
}

void rpc__uncount(struct apps_control *control)
{
    const struct rt_world *world = control->options.world;

    /* Release: pairs with the acquire in apps_control_stop(), which frees the
     * control once this is zero. The word itself is not touched after that. */
    if (atomic_fetch_sub_explicit(&control->processes, 1,
                                  memory_order_release) == 1)
        world->wake(world->ctx, &control->processes, 1);
}

static enum rt_next keeper_init(struct gen *self, etf_term args)
{
    struct keeper *k = rt_state(self);

    (void)args;
    k->control = rt_note(self);
    rpc__count(k->control);
    return rt_guard(self, RT_MAY_ADMIN, false) == AGNER_OK
               ? RT_NEXT
               : rt_stop(self, etf_atom("system_limit"));
}

/* Also without a session the connection must not stay half open. */
static void no_session(struct gen *self, struct keeper *k, uint32_t conn,
                       enum agner_err err)
{
    struct rpc_done *done = calloc(1, sizeof *done);

    rt_log_self(self, RT_LOG_ERROR, "control: no session: %s",
                agner_strerror(err));
    if (done == NULL) /* then it stays, unread, until its client leaves */
        return;
    done->control = k->control;
    done->conn = conn;
    done->hang_up = true;
    rpc__done(done);
}

static void start_session(struct gen *self, struct keeper *k, uint32_t conn,
                          uint32_t role)
{
    struct rt_spawn_options options = { .link = true,
                                        .note = k->control,
                                        .label = "control session" };
    etf_pid pid;
    enum agner_err err =
        rt_start(self, &rpc__session, etf_make(self, "{_, _}", conn, role),
                 &options, &pid, NULL);

    if (err == AGNER_OK)
        err = rpc__bind(k->control, conn, pid);
    if (err != AGNER_OK)
        no_session(self, k, conn, err);
}

static enum rt_next keeper_message(struct gen *self, const struct rt_message *m)
{
    struct keeper *k = rt_state(self);
    uint32_t conn, role;
    etf_pid pid;
    etf_term reason;

    if (m->kind == RT_PARENT_EXIT)
        return rt_stop(self, m->term);
    if (m->kind == RT_MESSAGE &&
        etf_match(m->term, "{accepted, _, _}", &conn, &role))
        start_session(self, k, conn, role);
    else if (m->kind == RT_MESSAGE && etf_match(m->term, "stop"))
        return rt_stop(self, ETF_A(shutdown));
    else if (m->kind == RT_EXIT &&
             etf_match(m->term, "{'EXIT', _, _}", &pid, &reason))
        (void)rpc__unbind(k->control,
                          pid); /* no memory: its client may leave */
    return RT_NEXT;             /* and what nobody sends is dropped */
}

static void keeper_destroy(void *state)
{
    struct keeper *k = state;
    struct apps_control *control = k->control;

    if (control == NULL) /* ended before init */
        return;
    rpc__uncount(control);
}

static const struct rt_behavior keeper = {
    .name = "agner_control",
    .state_size = sizeof(struct keeper),
    .init = keeper_init,
    .message = keeper_message,
    .destroy = keeper_destroy,
};

/* ---- On the loop's thread, and back ----------------------------------- */

struct errand {
    struct rt_task task; /* first */
    struct apps_control *control;
    void (*run)(struct errand *e);
    struct agner_error *error;
    enum agner_err err;
    _Atomic uint32_t done;
};

static void run_errand(struct rt_task *task)
{
    struct errand *e = (struct errand *)task;
    const struct rt_world *world = e->control->options.world;

    e->run(e);
    /* Release: the one who waits reads e->err after its acquire. After this the
     * errand is gone, and only its address is used. */
    atomic_store_explicit(&e->done, 1, memory_order_release);
    world->wake(world->ctx, &e->done, 1);
}

static void wait_for(const struct rt_world *world, _Atomic uint32_t *word,
                     uint32_t wanted)
{
    uint32_t seen;

    while ((seen = atomic_load_explicit(word, memory_order_acquire)) != wanted)
        world->wait(world->ctx, word, seen, RT_NEVER);
}

/* Does `run` on the loop's thread and waits for it. */
static enum agner_err on_loop(struct apps_control *control,
                              void (*run)(struct errand *e),
                              struct agner_error *error)
{
    struct errand e = { .task = { .run = run_errand },
                        .control = control,
                        .run = run,
                        .error = error };

    control->net->post(control->loop, &e.task);
    wait_for(control->options.world, &e.done, 1);
    return e.err;
}

static void listen_errand(struct errand *e)
{
    e->err = rpc__listen(e->control, e->error);
}

static void close_errand(struct errand *e)
{
    rpc__close_all(e->control);
}

/* ---- Start and stop --------------------------------------------------- */

static enum agner_err start_keeper(struct gen *self,
                                   struct apps_control *control,
                                   struct agner_error *error)
{
    struct rt_spawn_options options = { .name = etf_atom("agner_control"),
                                        .trap_exit = true,
                                        .note = control };
    enum agner_err err =
        rt_start(self, &keeper, etf_nil(), &options, &control->keeper, NULL);

    if (err != AGNER_OK)
        return agner_fail(error, err, "agner_control: %s", agner_strerror(err));
    return AGNER_OK;
}

static void stop_processes(struct gen *self, struct apps_control *control)
{
    /* Gone already is as good. */
    (void)rt_send_pid(self, control->keeper, ETF_A(stop));
    wait_for(control->options.world, &control->processes, 0);
}

/* From now on the ring has the log's last events. */
static enum agner_err follow_log(struct apps_control *control,
                                 struct agner_error *error)
{
    struct rt_log_handler handler = { .id = "control",
                                      .kind = RT_LOG_CALLBACK,
                                      .event = rpc__ring_add,
                                      .ctx = &control->ring };

    return rt_log_handler_add(control->rt, &handler, error);
}

static void leave_log(struct apps_control *control)
{
    (void)rt_log_handler_remove(control->rt, "control"); /* we added it */
    rpc__ring_fini(&control->ring);
}

static void set_limits(struct apps_control_options *o)
{
#define RPC_LIMIT_ROW(name, word, field, number) \
    if (o->field == 0) \
        o->field = (number);
    RPC_LIMITS(RPC_LIMIT_ROW)
#undef RPC_LIMIT_ROW
}

/* Relaxed: a count stands for itself. */
void rpc__meet(struct apps_control *control, enum rpc_limit limit)
{
    (void)atomic_fetch_add_explicit(&control->limits_met[limit], 1,
                                    memory_order_relaxed);
}

etf_term rpc__limits(struct gen *self, const struct apps_control *control)
{
    etf_term map = etf_map(rt_region(self), NULL, 0);

#define RPC_LIMIT_ROW(name, word, field, number) \
    map = etf_map_put(rt_region(self), map, etf_atom(#word), \
                      etf_make(self, "#{limit => _, met => _}", \
                               (uint64_t)control->options.field, \
                               (uint64_t)atomic_load_explicit( \
                                   &control->limits_met[RPC_LIMIT_##name], \
                                   memory_order_relaxed)));
    RPC_LIMITS(RPC_LIMIT_ROW)
#undef RPC_LIMIT_ROW
    return map;
}

enum agner_err apps_control_start(struct gen *self,
                                  const struct apps_control_options *options,
                                  struct apps_control **out,
                                  struct agner_error *error)
{
    const char *path = options->path == NULL ? "" : options->path;
    struct apps_control *control;
    enum agner_err err;

    if (options->keys_path != NULL &&
        strlen(options->keys_path) >= sizeof control->keys_path)
        return agner_fail(error, AGNER_EINVAL, "%.80s...: path is too long",
                          options->keys_path);
    if (strlen(path) >= sizeof control->path)
        return agner_fail(error, AGNER_EINVAL,
                          "%.100s...: over %zu bytes, the longest name of a "
                          "socket",
                          path, sizeof control->path - 1);
    control = calloc(1, sizeof *control);
    if (control == NULL)
        return agner_fail(error, AGNER_ENOMEM, "control socket");
    control->options = *options;
    memcpy(control->path, path, strlen(path) + 1);
    control->options.path = control->path;
    if (options->keys_path != NULL)
        memcpy(control->keys_path, options->keys_path,
               strlen(options->keys_path) + 1);
    control->options.keys_path = control->keys_path;
    set_limits(&control->options);
    control->rt = node_rt(options->node);
    control->net = options->world->net;
    atomic_init(&control->atoms_left, ATOMS_MAX);
    control->started_ms = rt_now_ms(control->rt);
    rpc__ring_init(&control->ring, control->rt);
    control->scratch = etf_region_new(0);
    err = control->scratch == NULL
              ? agner_fail(error, AGNER_ENOMEM, "control socket")
              : control->net->loop_new(options->world, "control",
                                       &control->loop, error);
    if (err != AGNER_OK)
        goto free_control;
    err = follow_log(control, error);
    if (err != AGNER_OK)
        goto free_loop;
    err = start_keeper(self, control, error);
    if (err != AGNER_OK)
        goto leave_log;
    err = on_loop(control, listen_errand, error);
    if (err != AGNER_OK)
        goto stop_keeper;
    *out = control;
    return AGNER_OK;

stop_keeper:
    (void)on_loop(control, close_errand, NULL); /* one of two may listen */
    wait_for(control->options.world, &control->drained, 1);
    stop_processes(self, control);
leave_log:
    leave_log(control);
free_loop:
    control->net->loop_free(control->loop);
    rpc__tcp_free(control);
free_control:
    etf_region_free(control->scratch);
    free(control);
    return err;
}

void apps_control_stop(struct gen *self, struct apps_control *control)
{
    (void)on_loop(control, close_errand, NULL);
    wait_for(control->options.world, &control->drained, 1);
    stop_processes(self, control);
    leave_log(control);
    control->net->loop_free(control->loop);
    rpc__tcp_free(control);
    etf_region_free(control->scratch);
    free(control);
}
