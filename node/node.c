/*
 * node.c -- a node: birth, death, and the thread between.
 *
 * Born in this order: runtime, loop, listener, registration, identity; only
 * then handshakes may begin, since they tell our creation. It dies the other
 * way round: nothing new, processes, what is queued for peers, connections,
 * loop, runtime.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic.h>

#include "attempt.h"
#include "conn.h"
#include "node_room.h"
#include "noise_secret.h"
#include "wire.h"

uint64_t node__now_ms(const struct node *node)
{
    return node->world->now_ns(node->world->ctx) / 1000000;
}

void node__trace(struct node *node, enum node_step step, const char *format,
                 ...)
{
    char text[600];
    va_list args;

    if (node->trace == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    node->trace(node->trace_ctx, step, text);
}

/* ---- Work for the loop's thread
 * ---------------------------------------------- */

struct call {
    struct rt_task task;
    struct node *node;
    void (*work)(void *ctx);
    void *ctx;
    _Atomic uint32_t done;
};

/* Order: release pairs with the acquire in node__on_loop(). The waker's address
 * may be stale by then, which wakes nobody. */
static void run_call(struct rt_task *task)
{
    struct call *call =
        (struct call *)((char *)task - offsetof(struct call, task));
    const struct rt_world *world = call->node->world;
    _Atomic uint32_t *done = &call->done;

    call->work(call->ctx);
    store_release(done, 1);
    world->wake(world->ctx, done, 1);
}

void node__on_loop(struct node *node, void (*work)(void *ctx), void *ctx)
{
    struct call call = {
        .task = { .run = run_call }, .node = node, .work = work, .ctx = ctx
    };

    node->net->post(node->loop, &call.task);
    while (load_acquire(&call.done) == 0)
        node->world->wait(node->world->ctx, &call.done, 0, RT_NEVER);
}

/* ---- A name that is asked for
 * ------------------------------------------------- */

static bool is_nameless(const struct node *node)
{
    return strcmp(node__name(node), NODE__NO_NAME) == 0;
}

/* Whoever encodes for a peer meanwhile finds it in another mode (peer.h). */
static enum agner_err rename_to(struct node *node, const char *name,
                                uint32_t creation)
{
    enum agner_err err = node__identity_set(&node->identity, name, creation);

    if (err != AGNER_OK)
        return err;
    node->life++;
    rt__node_set(node->rt, node__self(node).name, creation);
    return AGNER_OK;
}

bool node__name_take(struct node *node, const char *name, uint32_t creation)
{
    if (!is_nameless(node) || rename_to(node, name, creation) != AGNER_OK)
        return false;
    rt_log(node->rt, RT_LOG_INFO, "%s is our name now", name);
    return true;
}

void node__name_drop(struct node *node)
{
    const struct conn *conn = node->conns;

    if (!node->asks_name || is_nameless(node))
        return;
    while (conn != NULL && conn->phase != CONN_UP)
        conn = conn->next;
    if (conn == NULL) /* that text is there: it cannot fail */
        (void)rename_to(node, NODE__NO_NAME, 0);
}

/* ---- Birth
 * ----------------------------------------------------------------------- */

static void tick(struct rt_loop_timer *timer)
{
    struct node *node =
        (struct node *)((char *)timer - offsetof(struct node, tick_timer));

    for (struct conn *conn = node->conns; conn != NULL; conn = conn->next)
        if (conn->phase == CONN_UP)
            node__wire_tick(conn->wire);
    node__lent_fini(&node->lent);
}

/* ---- Memory ---------------------------------------------------------------
 */

/* Loop thread. Over the hard mark nobody is read (G33). */
static void heed_memory(struct rt_task *task)
{
    struct node *node =
        (struct node *)((char *)task - offsetof(struct node, memory_task));
    bool is_deaf;

    /* First: what changes from here on is told again. Pairs with
     * memory_changed(). */
    (void)swap_acquire(&node->memory_told, 0u);
    is_deaf = rt_memory_level(node->rt) == RT_MEMORY_HARD;
    if (is_deaf == node->is_deaf)
        return;
    node->is_deaf = is_deaf;
    node__lent_fini(&node->lent);
    if (is_deaf)
        node__limit_meet(node, NODE_LIMIT_MEMORY_HARD);
    for (struct conn *conn = node->conns; conn != NULL; conn = conn->next)
        if (conn->phase == CONN_UP)
            node->net->read(conn->net, !is_deaf);
}

static void memory_changed(void *ctx, enum rt_memory_level level)
{
    struct node *node = ctx;

    (void)level; /* the loop looks at what it is by then */
    if (swap_acq_rel(&node->memory_told, 1u) == 0)
        node->net->post(node->loop, &node->memory_task);
}

struct beginning {
    struct node *node;
    enum agner_err err;
    struct agner_error *error;
};

static void begin(void *ctx)
{
    struct beginning *beginning = ctx;
    struct node *node = beginning->node;

    node__admission_init(&node->admission, &node->limits, node__now_ms(node));
    if (!node->no_listen)
        beginning->err = node__listen(node, beginning->error);
    if (beginning->err == AGNER_OK)
        beginning->err = node__register(node, beginning->error);
}

static void open_up(void *ctx)
{
    struct node *node = ctx;
    uint64_t round_ms = node->tick_time_ms / NODE_TICK_INTENSITY;

    node->open = true;
    node->tick_timer.fire = tick;
    if (round_ms == 0)
        round_ms = 1;
    node->net->timer_start(node->loop, &node->tick_timer, round_ms, round_ms);
}

static void stop_accepting(void *ctx)
{
    struct node *node = ctx;
    struct peer_walk walk = { 0 };
    struct peer *peer;

    node->open = false;
    node__registrars_close(node);
    node__cluster_close(&node->cluster);
    node__unlisten(node);
    node__epmd_release(node->keeper);
    node->keeper = NULL;
    while ((peer = node__peers_next(&node->peers, &walk)) != NULL)
        node__attempt_abandon(peer);
}

static void close_all(void *ctx)
{
    struct node *node = ctx;

    node->net->timer_stop(node->loop, &node->tick_timer);
    for (struct conn *conn = node->conns; conn != NULL; conn = conn->next)
        node__conn_close(conn, AGNER_OK, "this node stops");
    node__epmd_host_close(node->epmd_host);
    node->epmd_host = NULL;
}

enum agner_err node_start(const struct node_options *options, struct node **out,
                          struct agner_error *error)
{
    struct node *node = calloc(1, sizeof *node);
    struct beginning beginning = { .node = node, .error = error };
    struct rt_carrier carrier;
    uint32_t creation = 0;
    enum agner_err err;

    if (node == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a node");
    err = node__options_take(node, options, error);
    if (err != AGNER_OK)
        goto free_identity;
    node->world =
        options->rt.world != NULL ? options->rt.world : rt_world_real();
    node->net = node->world->net;
    node__cluster_init(&node->cluster, node);
    err = node__peers_init(&node->peers);
    if (err != AGNER_OK) {
        (void)agner_fail(error, err, "no memory for a node");
        goto free_identity;
    }
    err = rt_new(&options->rt, &node->rt, error);
    if (err != AGNER_OK)
        goto fini_peers;
    carrier = node__carrier(node);
    rt__carrier_set(node->rt, &carrier);
    err =
        node->net->loop_new(node->world, node->alive_name, &node->loop, error);
    if (err != AGNER_OK)
        goto free_rt;
    node->memory_task.run = heed_memory;
    rt__memory_watch(node->rt, memory_changed, node);
    node__on_loop(node, begin, &beginning);
    err = beginning.err;
    if (err == AGNER_OK)
        err = node__register_wait(node, &creation, error);
    if (err != AGNER_OK)
        goto free_loop;
    if (!node->asks_name) /* that text is there: it cannot fail */
        (void)rename_to(node, node__name(node), creation);
    node__on_loop(node, open_up, node);
    rt__loop_set(node->rt, node->loop);
    if (node->world == rt_world_real() && geteuid() == 0)
        rt_log(node->rt, RT_LOG_NOTICE,
               "%s: runs as root: what goes wrong in it goes wrong with all "
               "rights of this machine",
               node__name(node));
    *out = node;
    return AGNER_OK;

free_loop:
    rt__memory_watch(node->rt, NULL, NULL);
    node__on_loop(node, stop_accepting, node);
    node__on_loop(node, close_all, node);
    node->net->loop_free(node->loop);
    node__trust_stop(node->trust);
free_rt:
    rt_free(node->rt, 0);
fini_peers:
    node__peers_fini(&node->peers);
free_identity:
    node__policy_fini(&node->policy);
    node__trust_free(node->trust);
    node__permits_fini(&node->permits);
    free(node->secure_text);
    node__lent_fini(&node->lent);
    node__secret_free(node->psks);
    node__identity_fini(&node->identity);
    free(node);
    return err;
}

/* ---- Death
 * -------------------------------------------------------------------------- */

void node__drained(struct node *node)
{
    for (const struct conn *conn = node->conns; conn != NULL; conn = conn->next)
        if (conn->phase == CONN_UP && conn->wire->out.queued > 0)
            return;
    store_release(&node->drained, 1); /* pairs with drain() */
    node->world->wake(node->world->ctx, &node->drained, 1);
}

static void begin_draining(void *ctx)
{
    struct node *node = ctx;

    node->draining = true;
    node__drained(node);
}

/* What is queued for peers goes out, unless they don't take it (G45). */
static void drain(struct node *node)
{
    uint64_t end_ns = node->world->now_ns(node->world->ctx) +
                      (uint64_t)NODE_FLUSH_MS * 1000000;

    node__on_loop(node, begin_draining, node);
    while (load_acquire(&node->drained) == 0 &&
           node->world->now_ns(node->world->ctx) < end_ns)
        node->world->wait(node->world->ctx, &node->drained, 0, end_ns);
}

void node_stop(struct node *node, uint64_t grace_ms)
{
    store_relaxed(&node->stopping, 1);
    node__on_loop(node, stop_accepting, node);
    rt__halt(node->rt, grace_ms);
    drain(node);
    rt__memory_watch(node->rt, NULL, NULL);
    node__on_loop(node, close_all, node);
    rt__loop_unset(node->rt);
    node->net->loop_free(node->loop);
    node__trust_stop(node->trust);
    rt_free(node->rt, 0);
    node__peers_fini(&node->peers);
    node__policy_fini(&node->policy);
    node__trust_free(node->trust);
    node__permits_fini(&node->permits);
    free(node->secure_text);
    node__lent_fini(&node->lent);
    node__secret_free(node->psks);
    node__given_fini(&node->given);
    node__identity_fini(&node->identity);
    node__routes_fini(&node->routes);
    free(node);
}

/* ---- Asking
 * ------------------------------------------------------------------------- */

struct rt *node_rt(const struct node *node)
{
    return node->rt;
}

const char *node_name(const struct node *node)
{
    return node__name(node);
}

uint32_t node_creation(const struct node *node)
{
    return node__self(node).creation;
}

uint16_t node_port(const struct node *node)
{
    return node->no_listen ? 0 : node->listen_address.port;
}
