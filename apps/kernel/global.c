/*
 * global.c -- global_name_server: the process that is `global` on this node.
 *
 * It feeds the machine (global_internal.h) and does what that says. It never
 * waits for an answer of another node: that is for its helpers, of which the
 * locker and the registrar live as long as it does, and end it when they end.
 * A send waits, as anybody's, while the connection is over its mark.
 *
 * The environment of kernel has OTP's keys: connect_all (true), and
 * prevent_overlapping_partitions (true).
 *
 * Besides the machine's there are these messages, all of this node:
 *
 *   {registrar, Job}        call   a change of names: global_registrar.c
 *   {sync, Nodes}           call   ok, once their names are here
 *   {whereis, Name, From}   info   the answer goes to From, when nobody
 *                                  changes names
 *   {unreachable, Node}     info   a node that somebody wants to sync with
 *
 * Source: spec/distribution.md 10.
 */
#include <stdlib.h>

#include "global_internal.h"
#include "kernel_internal.h"

struct resolving {
    etf_term node; /* a word */
    int64_t tag;
    etf_pid pid;
    struct resolving *next;
};

struct server {
    struct global machine;
    struct global_acts acts;
    etf_pid registrar;
    struct global_syncer *syncers; /* owned: a list */
    struct resolving *resolving;   /* owned: a list */
};

/* ---- What the machine does ---------------------------------------------- */

static void send(void *ctx, etf_term node, etf_term message)
{
    struct gen *self = ctx;

    /* To a node that is gone is fine: its nodedown is here, or comes. */
    (void)rt_send_with(self, etf_make(self, "{global_name_server, _}", node),
                       message, RT_SEND_NOCONNECT);
}

static void disconnect(void *ctx, etf_term node)
{
    (void)rt_disconnect_node(rt_of(ctx), node);
}

static void tell_locker(void *ctx, etf_term message)
{
    struct gen *self = ctx;
    const struct server *s = gen_state(self);

    if (rt_send_pid(self, s->machine.locker, message) != AGNER_OK)
        RT_LOG(self, RT_LOG_ERROR, "global: cannot tell the locker");
}

static etf_term server_name(void)
{
    return etf_atom("global_name_server");
}

/* {join | reach, Node}: connects, and tells the server what came of it. */
static enum rt_next joiner_run(struct gen *self, etf_term args)
{
    etf_term how, node;
    bool joins;

    if (!etf_match(args, "{_, _}", &how, &node))
        return rt_stop(self, ETF_A(badarg));
    joins = etf_atom_is(how, "join");
    if (rt_connect_node(self, node) != AGNER_OK) {
        char text[300];

        RT_LOG(self, RT_LOG_WARNING, "global: cannot connect to %s",
               etf_format(text, sizeof text, node));
        (void)rt_send(self, server_name(),
                      joins ? etf_make(self, "{extra_nodedown, _}", node)
                            : etf_make(self, "{unreachable, _}", node));
    } else if (joins) {
        (void)rt_send(self, server_name(), etf_make(self, "{joined, _}", node));
    }
    return rt_stop(self, ETF_A(normal));
}

static enum rt_next joiner_message(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior joiner = { .name = "global_joiner",
                                           .init = joiner_run,
                                           .message = joiner_message };

static void start_joiner(struct gen *self, const char *how, etf_term node)
{
    etf_term args = etf_make(self, "{_, _}", etf_atom(how), node);
    etf_pid pid;

    if (etf_is_none(args) ||
        rt_start_nowait(self, &joiner, args, NULL, &pid) != AGNER_OK)
        RT_LOG(self, RT_LOG_ERROR, "global: cannot start a joiner");
}

static void join(void *ctx, etf_term node)
{
    start_joiner(ctx, "join", node);
}

static enum agner_err resolve(void *ctx, etf_term node, int64_t tag,
                              etf_term conflicts, etf_term ops)
{
    struct gen *self = ctx;
    struct server *s = gen_state(self);
    struct resolving *r = calloc(1, sizeof *r);
    enum agner_err err = AGNER_ENOMEM;

    if (r != NULL)
        err = global__resolver_start(self, node, tag, conflicts, ops, &r->pid);
    if (err != AGNER_OK) {
        free(r);
        return err;
    }
    r->node = node;
    r->tag = tag;
    r->next = s->resolving;
    s->resolving = r;
    return AGNER_OK;
}

static void resolve_stop(void *ctx, etf_term node, int64_t tag)
{
    struct gen *self = ctx;
    struct server *s = gen_state(self);
    struct resolving **at = &s->resolving, *r;

    while (*at != NULL && (!etf_same((*at)->node, node) || (*at)->tag != tag))
        at = &(*at)->next;
    r = *at;
    if (r == NULL)
        return;
    *at = r->next;
    (void)rt_exit_signal(self, r->pid, ETF_A(kill));
    free(r);
}

static enum agner_err monitor(void *ctx, etf_pid pid, etf_ref *ref)
{
    struct gen *self = ctx;
    etf_term target = etf_from_pid(rt_region(self), pid);

    return etf_is_none(target) ? AGNER_ENOMEM
                               : rt_monitor(self, target, 0, ref);
}

static void demonitor(void *ctx, etf_ref ref)
{
    (void)rt_demonitor(ctx, ref, true); /* it may have fired */
}

static void link_pid(void *ctx, etf_pid pid, bool on)
{
    /* A dead one: its monitor tells. */
    if (on)
        (void)rt_link(ctx, pid);
    else
        (void)rt_unlink(ctx, pid);
}

static void synced(void *ctx, etf_term node, bool in)
{
    struct gen *self = ctx;
    struct server *s = gen_state(self);
    struct global_syncer *done;

    (void)in; /* both end the wait */
    while ((done = global__sync_done(&s->syncers, node)) != NULL) {
        (void)rt_reply(self, &done->from, ETF_A(ok));
        global__sync_free(done);
    }
}

static uint64_t now_ms(void *ctx)
{
    return rt_now_ms(rt_of(ctx));
}

static void log_terms(void *ctx, enum rt_log_level level, const char *format,
                      etf_term a, etf_term b)
{
    char first[300], second[300];

    /* The machine's formats have one %s for each term that is one. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    RT_LOG((struct gen *)ctx, level, format, etf_format(first, sizeof first, a),
           etf_format(second, sizeof second, b));
#pragma GCC diagnostic pop
}

static const struct global_acts acts = {
    .send = send,
    .disconnect = disconnect,
    .join = join,
    .tell_locker = tell_locker,
    .resolve = resolve,
    .resolve_stop = resolve_stop,
    .monitor = monitor,
    .demonitor = demonitor,
    .link = link_pid,
    .synced = synced,
    .now_ms = now_ms,
    .log = log_terms,
};

/* ---- The process -------------------------------------------------------- */

/* The machine, for this callback: what it builds and does is self's. */
static struct global *machine_of(struct gen *self)
{
    struct server *s = gen_state(self);

    s->acts = acts;
    s->acts.ctx = self;
    s->machine.acts = &s->acts;
    s->machine.region = rt_region(self);
    return &s->machine;
}

/* A key of kernel's environment that is true unless it says otherwise. */
static bool is_on(struct gen *self, const char *key)
{
    etf_term value;

    return rt_env_get(self, etf_atom(key), &value) != AGNER_OK ||
           !etf_same(value, ETF_A(false));
}

static void set_numbers(struct gen *self, struct global *g)
{
    uint64_t random[2];

    rt_random(rt_of(self), random, sizeof random);
    /* Below 2^60, a small integer everywhere; the creation's bits stay. */
    g->creation = (int64_t)((random[0] & 0x0fffffff00000000u) |
                            rt_node(rt_of(self)).creation);
    g->next_tag = (int64_t)(random[1] >> 8);
    g->next_op = 1;
}

/* Nodes that are connected already. A nodeup that is on its way comes too, and
 * changes nothing. */
static void meet_all(struct gen *self, struct global *g)
{
    etf_term nodes = rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE);
    struct rt_node_info info;
    etf_term node;

    while (etf_list_next(&nodes, &node)) {
        if (rt_node_find(rt_of(self), node, &info) == AGNER_OK)
            global__nodeup(g, node, info.connection);
    }
}

static enum gen_next global_init(struct gen *self, etf_term args)
{
    struct server *s = gen_state(self);
    struct global *g = machine_of(self);
    enum agner_err err;

    (void)args;
    (void)rt_trap_exit(self, true);
    g->self = rt_node(rt_of(self)).name;
    g->connect_all = is_on(self, "connect_all");
    g->prevent_overlapping = is_on(self, "prevent_overlapping_partitions");
    set_numbers(self, g);
    err = rt_guard(self, RT_MAY_NAMES, false);
    if (err == AGNER_OK)
        err = gen__global_names(rt_of(self), &g->names);
    if (err == AGNER_OK)
        err = gen_start_link(self, &kernel__global_locker, etf_nil(), NULL,
                             &g->locker, NULL);
    if (err == AGNER_OK)
        err = gen_start_link(self, &kernel__global_registrar, etf_nil(), NULL,
                             &s->registrar, NULL);
    if (err == AGNER_OK)
        err = rt_monitor_nodes_with(self, true, RT_MONITOR_NODES_VISIBLE);
    if (err != AGNER_OK)
        return gen_stop(
            self, etf_make(self, "{error, _}",
                           etf_text(rt_region(self), agner_strerror(err))));
    meet_all(self, g);
    return GEN_NEXT;
}

/* The answer comes from the registrar. */
static enum gen_next pass_on(struct gen *self, struct gen_from from,
                             etf_term job)
{
    const struct server *s = gen_state(self);
    etf_term message =
        etf_make(self, "{job, _, _}", rt_from_term(self, &from), job);

    if (etf_is_none(message) ||
        rt_send_pid(self, s->registrar, message) != AGNER_OK)
        return gen_reply(self, from, etf_make(self, "{error, system_limit}"));
    return GEN_NEXT;
}

static enum gen_next sync_with(struct gen *self, struct gen_from from,
                               etf_term nodes)
{
    struct server *s = gen_state(self);
    etf_term node;

    switch ((int)global__sync_add(&s->syncers, &s->machine, from, nodes)) {
    case AGNER_OK:
        break;
    case AGNER_EALREADY:
        return gen_reply(self, from, ETF_A(ok));
    case AGNER_EINVAL:
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    case AGNER_ELIMIT:
        return gen_reply(self, from, etf_make(self, "{error, system_limit}"));
    default:
        return gen_reply(self, from, etf_make(self, "{error, enomem}"));
    }
    while (etf_list_next(&nodes, &node)) {
        const struct global_peer *peer =
            global__is_node(node) ? global__peer_get(&s->machine.peers, node)
                                  : NULL;

        if (global__is_node(node) && !etf_same(node, s->machine.self) &&
            (peer == NULL || !peer->connected))
            start_joiner(self, "reach", node);
    }
    return GEN_NEXT;
}

static enum gen_next global_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct global *g = machine_of(self);
    etf_term what, reply = ETF_NONE;
    etf_pid pid;

    if (etf_match(request, "{registrar, _}", &what))
        return pass_on(self, from, what);
    if (etf_match(request, "{sync, _}", &what))
        return sync_with(self, from, what);
    if (!etf_match(rt_from_term(self, &from), "{_, __}", &pid) ||
        !global__call(g, pid, request, &reply))
        reply = etf_make(self, "{error, not_supported}");
    return gen_reply(self, from, reply);
}

static enum gen_next global_cast(struct gen *self, etf_term request)
{
    (void)global__cast(machine_of(self), request);
    return GEN_NEXT;
}

/* A helper, or a process that was registered for a node without global. */
static enum gen_next helper_ended(struct gen *self, etf_pid pid,
                                  etf_term reason)
{
    struct server *s = gen_state(self);
    struct resolving *r = s->resolving;

    if (etf_pid_equal(pid, s->machine.locker) ||
        etf_pid_equal(pid, s->registrar))
        return gen_stop(self, etf_make(self, "{helper_ended, _}", reason));
    while (r != NULL && !etf_pid_equal(r->pid, pid))
        r = r->next;
    if (r != NULL && !etf_same(reason, ETF_A(normal)))
        disconnect(self, r->node);
    if (r != NULL)
        resolve_stop(self, r->node, r->tag);
    return GEN_NEXT;
}

/* As long as names are being changed the answer may be an old one. */
static enum gen_next answer_whereis(struct gen *self, etf_term message,
                                    etf_term name, etf_term from_term)
{
    const struct server *s = gen_state(self);
    struct gen_from from;
    etf_pid pid;

    if (global__lock_get(&s->machine.locks, etf_atom("global")) != NULL &&
        rt_send_after(self, rt_self_term(self), message,
                      gen__global_retry_ms(rt_of(self), 0), NULL) == AGNER_OK)
        return GEN_NEXT;
    if (rt_get_from(self, from_term, &from))
        (void)rt_reply(self, &from,
                       gen__global_find(rt_of(self), name, &pid) == AGNER_OK
                           ? etf_from_pid(rt_region(self), pid)
                           : ETF_A(undefined));
    return GEN_NEXT;
}

static enum gen_next global_info(struct gen *self, etf_term message)
{
    struct global *g = machine_of(self);
    etf_term first, second;
    etf_pid pid;

    if (etf_match(message, "{'EXIT', _, _}", &pid, &first))
        return helper_ended(self, pid, first);
    if (etf_match(message, "{whereis, _, _}", &first, &second))
        return answer_whereis(self, message, first, second);
    if (etf_match(message, "{unreachable, _}", &first))
        synced(self, first, false);
    else
        (void)global__info(g, message);
    return GEN_NEXT;
}

static void global_destroy(void *state)
{
    struct server *s = state;

    global__fini(&s->machine);
    while (s->syncers != NULL) {
        struct global_syncer *syncer = s->syncers;

        s->syncers = syncer->next;
        global__sync_free(syncer);
    }
    while (s->resolving != NULL) {
        struct resolving *r = s->resolving;

        s->resolving = r->next;
        free(r);
    }
}

const struct gen_server kernel__global_name_server = {
    .name = "global_name_server",
    .state_size = sizeof(struct server),
    .init = global_init,
    .handle_call = global_call,
    .handle_cast = global_cast,
    .handle_info = global_info,
    .destroy = global_destroy,
};
