/*
 * client.c -- a client of a control socket, UNIX or TCP, on a loop of its own.
 *
 * The loop's thread collects bytes until they are one message, and then leaves
 * them alone until the caller wants the next; `state` says what has happened,
 * and is what the caller waits on. All fields under "loop" are the loop's while
 * the state is STATE_WAIT, and the caller's when it has seen STATE_WHOLE or
 * STATE_CLOSED: which of the two comes last it cannot know. What comes when
 * nobody waits is spilled, which only the loop touches; when that is too much
 * the node is not read. Over TCP all bytes go through a channel.
 */
#include "client.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rt_world.h"

#include "msgpack_term.h"
#include "msgpack_walk.h"

#define ANSWER_MAX (64u << 20) /* bytes */
#define SPILL_MAX  (1u << 20)  /* bytes; then the node has to wait */
#define DIAL_MS    5000
#define SHAKE_MS   5000 /* for the handshake of a channel, when it is open */
#define PROLOGUE   "agner-control-1"

enum state {
    STATE_WAIT,
    STATE_NEXT, /* the caller is done with `in`: run_next() will see to it */
    STATE_OPEN,
    STATE_WHOLE,
    STATE_BAD,
    STATE_CLOSED
};

struct client {
    const struct rt_world *world; /* borrowed */
    struct rt_loop *loop;
    struct etf_self self;
    uint32_t id;
    struct rt_address address;
    struct client_tcp tcp; /* own: NULL, for a UNIX socket */
    struct noise_keys own;
    struct rt_task task;
    bool awaited;           /* client_next() has asked, and not got it */
    _Atomic uint32_t state; /* enum state */

    /* loop */
    struct rt_conn *conn; /* NULL: not there, or not any more */
    struct etf_buffer in, out;
    size_t from; /* where in `in` the message begins */
    struct msgpack_walk walk;
    bool answered; /* `in` holds a whole message; stays true when it closes */
    struct rt_write write;
    struct agner_error error;

    /* loop, always */
    struct etf_buffer spill; /* what came behind `in` */
    bool paused;
    struct node_channel *channel; /* owned; NULL: a UNIX connection */
    struct etf_buffer sealed;     /* `out`, through it */
    struct rt_loop_timer shake;
    bool ended; /* the node has said that it is the end */
};

/* What the channel itself has to say. */
struct piece {
    struct rt_write write; /* first */
    struct etf_buffer bytes;
};

/* Order: release pairs with the acquire in wait_change(), which makes the
 * loop's fields the caller's. */
static void set_state(struct client *c, enum state state)
{
    atomic_store_explicit(&c->state, state, memory_order_release);
    c->world->wake(c->world->ctx, &c->state, 1);
}

static enum state get_state(struct client *c)
{
    return (enum state)atomic_load_explicit(&c->state, memory_order_acquire);
}

/* ---- On the loop's thread --------------------------------------------- */

static void give_up(struct client *c, enum agner_err err, const char *text)
{
    agner_fail(&c->error, err, "%s: %s", c->address.host, text);
    set_state(c, STATE_CLOSED);
}

static void piece_written(struct rt_write *write, enum agner_err err)
{
    struct piece *p = (struct piece *)(void *)write;

    (void)err; /* `closed` tells */
    etf_buffer_fini(&p->bytes);
    free(p);
}

/* Takes `bytes`. */
static void write_piece(struct client *c, struct etf_buffer *bytes)
{
    struct piece *p = calloc(1, sizeof *p);

    if (p == NULL || bytes->size == 0) {
        free(p);
        etf_buffer_fini(bytes);
        return;
    }
    p->bytes = *bytes;
    p->write.bytes = p->bytes.data;
    p->write.size = p->bytes.size;
    p->write.done = piece_written;
    c->world->net->write(c->conn, &p->write);
}

static void too_late(struct rt_loop_timer *timer)
{
    struct client *c =
        (struct client *)(void *)((char *)timer -
                                  offsetof(struct client, shake));

    give_up(c, AGNER_ETIMEOUT, "no answer to the handshake in time");
}

static void shake_hands(struct client *c)
{
    struct node_channel_options o = { .initiator = true,
                                      .prologue = PROLOGUE,
                                      .own = &c->own,
                                      .admits = c->tcp.admits,
                                      .ctx = c->tcp.ctx };
    struct etf_buffer out = { 0 };
    enum agner_err err;

    c->world->random(c->world->ctx, o.ephemeral, sizeof o.ephemeral);
    err = node_channel_new(&o, &out, &c->channel);
    node__noise_wipe(o.ephemeral, sizeof o.ephemeral);
    if (err != AGNER_OK) {
        give_up(c, err, agner_strerror(err));
        return;
    }
    c->shake.fire = too_late;
    c->world->net->timer_start(c->loop, &c->shake, SHAKE_MS, 0);
    write_piece(c, &out);
}

static void opened(void *ctx, struct rt_conn *conn)
{
    struct client *c = ctx;

    (void)conn;
    if (c->tcp.own != NULL)
        shake_hands(c);
    else
        set_state(c, STATE_OPEN);
}

static void no_memory(struct client *c)
{
    agner_fail(&c->error, AGNER_ENOMEM, "no memory for the answer");
    set_state(c, STATE_BAD);
}

static enum msgpack_walk_state walk_on(struct client *c)
{
    return apps__msgpack_walk(&c->walk, c->in.data + c->from,
                              c->in.size - c->from);
}

/* Is what has come a whole message by now? */
static void look(struct client *c)
{
    switch (walk_on(c)) {
    case MSGPACK_WALK_MORE:
        break;
    case MSGPACK_WALK_WHOLE:
        c->answered = true;
        set_state(c, STATE_WHOLE);
        break;
    case MSGPACK_WALK_BAD:
    case MSGPACK_WALK_DEEP:
    case MSGPACK_WALK_TOO_BIG:
        agner_fail(&c->error, AGNER_EPROTO, "the answer: %s",
                   apps__msgpack_walk_text(c->walk.state));
        set_state(c, STATE_BAD);
        break;
    }
}

/* Nobody waits: it is kept for the next who does. */
static void spill(struct client *c, const uint8_t *bytes, size_t size)
{
    if (etf_buffer_add(&c->spill, bytes, size) != AGNER_OK) {
        no_memory(c);
    } else if (c->spill.size > SPILL_MAX && !c->paused) {
        c->paused = true;
        c->world->net->read(c->conn, false);
    }
}

static void arrived(struct client *c, const uint8_t *bytes, size_t size)
{
    if (get_state(c) != STATE_WAIT)
        spill(c, bytes, size);
    else if (etf_buffer_add(&c->in, bytes, size) != AGNER_OK)
        no_memory(c);
    else
        look(c);
}

/* The channel has failed. It asked whether the key is admitted, so a failure of
 * the handshake that is not that is the protocol's. */
static void refuse(struct client *c, bool was_up)
{
    give_up(c, was_up ? AGNER_ENOCONN : AGNER_EAUTH,
            node_channel_text(c->channel));
    c->world->net->close(c->conn, false);
}

static void through_channel(struct client *c, const uint8_t *bytes, size_t size)
{
    bool was_up = node_channel_state(c->channel) != NODE_CHANNEL_SHAKES;
    struct etf_buffer plain = { 0 }, out = { 0 };

    if (node_channel_state(c->channel) == NODE_CHANNEL_FAILED)
        return;
    if (node_channel_take(c->channel, bytes, size, &plain, &out) != AGNER_OK) {
        etf_buffer_fini(&plain);
        etf_buffer_fini(&out);
        refuse(c, was_up);
        return;
    }
    write_piece(c, &out);
    if (!was_up && node_channel_state(c->channel) != NODE_CHANNEL_SHAKES) {
        c->world->net->timer_stop(c->loop, &c->shake);
        set_state(c, STATE_OPEN);
    }
    c->ended = node_channel_state(c->channel) == NODE_CHANNEL_ENDED;
    if (plain.size > 0)
        arrived(c, plain.data, plain.size);
    etf_buffer_fini(&plain);
}

static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct client *c = ctx;

    (void)conn;
    if (c->channel != NULL)
        through_channel(c, bytes, size);
    else
        arrived(c, bytes, size);
}

static void closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text)
{
    struct client *c = ctx;

    (void)conn;
    c->conn = NULL;
    if (c->channel != NULL) {
        c->world->net->timer_stop(c->loop, &c->shake);
        if (node_channel_state(c->channel) == NODE_CHANNEL_FAILED)
            return; /* that has been said */
        if (node_channel_state(c->channel) == NODE_CHANNEL_SHAKES) {
            give_up(c, AGNER_EAUTH, "it does not let this client's key in");
            return;
        }
    }
    agner_fail(&c->error, why == AGNER_OK ? AGNER_ENOCONN : why, "%s: %s",
               c->address.host, text);
    set_state(c, STATE_CLOSED);
}

static void run_dial(struct rt_task *task)
{
    struct client *c =
        (struct client *)((char *)task - offsetof(struct client, task));
    const struct rt_conn_owner owner = {
        .ctx = c, .opened = opened, .received = received, .closed = closed
    };

    if (c->world->net->dial(c->loop, &c->address, DIAL_MS, &owner, &c->conn,
                            &c->error) != AGNER_OK)
        set_state(c, STATE_CLOSED);
}

static void written(struct rt_write *write, enum agner_err err)
{
    (void)write; /* what became of it `closed` tells, or the answer */
    (void)err;
}

static void run_send(struct rt_task *task)
{
    struct client *c =
        (struct client *)((char *)task - offsetof(struct client, task));

    if (c->conn == NULL) {
        set_state(c, STATE_CLOSED);
        return;
    }
    c->spill.size = 0; /* what nobody has asked for is not wanted now */
    c->write.bytes = c->out.data;
    c->write.size = c->out.size;
    if (c->channel != NULL) {
        c->sealed.size = 0;
        if (node_channel_put(c->channel, c->out.data, c->out.size,
                             &c->sealed) != AGNER_OK) {
            give_up(c, AGNER_ENOCONN, "the connection is at its end");
            return;
        }
        c->write.bytes = c->sealed.data;
        c->write.size = c->sealed.size;
    }
    c->write.done = written;
    c->world->net->write(c->conn, &c->write);
}

/* What was spilled follows what is in `in`. */
static void run_next(struct rt_task *task)
{
    struct client *c =
        (struct client *)((char *)task - offsetof(struct client, task));
    enum agner_err err;

    set_state(c, STATE_WAIT);
    err = etf_buffer_add(&c->in, c->spill.data, c->spill.size);
    c->spill.size = 0;
    if (err != AGNER_OK) {
        no_memory(c);
        return;
    }
    look(c);
    if (c->conn == NULL && get_state(c) == STATE_WAIT)
        set_state(c, STATE_CLOSED);
    if (c->conn != NULL && c->paused)
        c->world->net->read(c->conn, true);
    c->paused = false;
}

/* ---- On the caller's -------------------------------------------------- */

/* Waits while the state is `seen`: false when the time is over. */
static bool wait_change(struct client *c, enum state seen, uint64_t timeout_ms)
{
    const struct rt_world *w = c->world;
    uint64_t deadline = RT_NEVER;

    if (timeout_ms < RT_INFINITY / 2000000)
        deadline = w->now_ns(w->ctx) + timeout_ms * 1000000;
    while (get_state(c) == seen) {
        if (w->now_ns(w->ctx) >= deadline)
            return false;
        w->wait(w->ctx, &c->state, (uint32_t)seen, deadline);
    }
    return true;
}

static struct client *new_client(const struct rt_world *world)
{
    struct client *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->world = world;
    c->in.size_max = ANSWER_MAX;
    return c;
}

/* Dials what stands in `c`, which it takes. */
static enum agner_err dial(struct client *c, struct client **out,
                           struct agner_error *error)
{
    const struct rt_world *world = c->world;
    enum agner_err err = world->net->loop_new(world, "client", &c->loop, error);

    if (err != AGNER_OK) {
        free(c);
        return err;
    }
    c->task.run = run_dial;
    world->net->post(c->loop, &c->task);
    (void)wait_change(c, STATE_WAIT,
                      RT_INFINITY); /* dialling has its own time */
    if (get_state(c) == STATE_OPEN) {
        *out = c;
        return AGNER_OK;
    }
    err = c->error.code;
    if (error != NULL)
        *error = c->error;
    client_close(c);
    return err;
}

enum agner_err client_open(const struct rt_world *world, const char *path,
                           struct client **out, struct agner_error *error)
{
    struct client *c = new_client(world);

    if (c == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s", path);
    c->address.kind = RT_ADDRESS_UNIX;
    if (strlen(path) >= sizeof c->address.host) {
        free(c);
        return agner_fail(error, AGNER_EINVAL, "%.100s...: path is too long",
                          path);
    }
    memcpy(c->address.host, path, strlen(path) + 1);
    return dial(c, out, error);
}

enum agner_err client_open_tcp(const struct rt_world *world,
                               const struct client_tcp *tcp,
                               struct client **out, struct agner_error *error)
{
    struct client *c = new_client(world);

    if (c == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory");
    c->address.kind = RT_ADDRESS_TCP;
    memcpy(c->address.host, tcp->at.host, sizeof c->address.host);
    c->address.port = tcp->at.port;
    c->own = *tcp->own;
    c->tcp = *tcp;
    c->tcp.own = &c->own;
    return dial(c, out, error);
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    c->world->net->loop_free(c->loop); /* closes the connection */
    node_channel_free(c->channel);
    node__noise_wipe(&c->own, sizeof c->own);
    etf_buffer_fini(&c->sealed);
    etf_buffer_fini(&c->in);
    etf_buffer_fini(&c->out);
    etf_buffer_fini(&c->spill);
    free(c);
}

void client_set_self(struct client *c, struct etf_self self)
{
    c->self = self;
}

/* The answer that came in, if it is one to our request. */
static enum agner_err read_answer(struct client *c, struct etf_region *r,
                                  etf_term *answer, bool *failed,
                                  struct agner_error *error)
{
    struct rpc_frame frame;
    enum agner_err err = apps__rpc_read(r, c->in.data + c->from, c->walk.next,
                                        &c->self, NULL, &frame, error);

    if (err != AGNER_OK)
        return err;
    if (frame.kind != RPC_RESPONSE || frame.id != c->id)
        return agner_fail(error, AGNER_EPROTO,
                          "what came is no answer to the request");
    *failed = !etf_same(frame.error, ETF_A(nil));
    *answer = *failed ? frame.error : frame.result;
    return AGNER_OK;
}

enum agner_err client_call(struct client *c, const char *method, etf_term param,
                           uint64_t timeout_ms, struct etf_region *r,
                           etf_term *answer, bool *failed,
                           struct agner_error *error)
{
    enum agner_err err;

    if (get_state(c) == STATE_CLOSED)
        return agner_fail(error, AGNER_ENOCONN, "the connection is closed");
    c->id++;
    c->in.size = c->out.size = c->from = 0;
    c->answered = false;
    apps__msgpack_walk_init(&c->walk, ANSWER_MAX, MSGPACK_DEPTH_MAX);
    err = apps__rpc_write_request(&c->out, &c->id, method,
                                  etf_cons(r, param, etf_nil()), MSGPACK_STRICT,
                                  &c->self);
    if (err != AGNER_OK)
        return agner_fail(error, err, "the request: %s", agner_strerror(err));
    /* A connection that closes at this moment says so to the send. */
    atomic_store_explicit(&c->state, STATE_WAIT, memory_order_release);
    c->task.run = run_send;
    c->world->net->post(c->loop, &c->task);
    if (!wait_change(c, STATE_WAIT, timeout_ms))
        return agner_fail(error, AGNER_ETIMEOUT, "no answer in time");
    /* A node that stops may close right behind its answer. */
    if (c->answered)
        return read_answer(c, r, answer, failed, error);
    if (error != NULL)
        *error = c->error;
    return c->error.code;
}

/* The message in `in` was read: what stands behind it is next, if it is there.
 * Bytes are moved only when half of them have been read. */
static bool is_next_there(struct client *c)
{
    c->from += c->walk.next;
    if (c->from > c->in.size / 2) {
        c->in.size -= c->from;
        memmove(c->in.data, c->in.data + c->from, c->in.size);
        c->from = 0;
    }
    apps__msgpack_walk_init(&c->walk, ANSWER_MAX, MSGPACK_DEPTH_MAX);
    return walk_on(c) == MSGPACK_WALK_WHOLE;
}

/* Has the loop get it. */
static enum agner_err fetch_next(struct client *c, uint64_t timeout_ms,
                                 struct agner_error *error)
{
    if (!c->awaited) { /* otherwise the last call gave up waiting */
        c->answered = false;
        atomic_store_explicit(&c->state, STATE_NEXT, memory_order_release);
        c->task.run = run_next;
        c->world->net->post(c->loop, &c->task);
        (void)wait_change(c, STATE_NEXT, RT_INFINITY); /* not for long */
    }
    c->awaited = !wait_change(c, STATE_WAIT, timeout_ms);
    if (c->awaited)
        return agner_fail(error, AGNER_ETIMEOUT, "nothing came in time");
    if (c->answered)
        return AGNER_OK;
    if (error != NULL)
        *error = c->error;
    return c->error.code;
}

enum agner_err client_next(struct client *c, uint64_t timeout_ms,
                           struct etf_region *r, etf_bytes *method,
                           etf_term *params, struct agner_error *error)
{
    struct rpc_frame frame;
    enum agner_err err = AGNER_OK;

    if (c->awaited || !is_next_there(c))
        err = fetch_next(c, timeout_ms, error);
    if (err == AGNER_OK)
        err = apps__rpc_read(r, c->in.data + c->from, c->walk.next, &c->self,
                             NULL, &frame, error);
    if (err != AGNER_OK)
        return err;
    if (frame.kind != RPC_NOTIFICATION)
        return agner_fail(error, AGNER_EPROTO, "what came is no notification");
    *method = frame.method;
    *params = frame.params;
    return AGNER_OK;
}

enum agner_err client_wait_closed(struct client *c, uint64_t timeout_ms)
{
    enum state seen;

    while ((seen = get_state(c)) != STATE_CLOSED) {
        if (!wait_change(c, seen, timeout_ms))
            return AGNER_ETIMEOUT;
    }
    return c->channel != NULL && !c->ended ? AGNER_ENOCONN : AGNER_OK;
}
