/*
 * rpc_conn.c -- connections of the control socket, as the loop's thread sees
 * them: bytes in, messages out to the session, answers back.
 *
 * Nothing here looks into a message beyond its end, except for the id of one
 * that is broken. A connection is read while its session has credit; what came
 * in one piece with the last message that had credit waits in `in`.
 */
#include "rpc_conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rpc_conn *find(struct apps_control *control, uint32_t number)
{
    struct rpc_conn *c = control->conns;

    while (c != NULL && c->number != number)
        c = c->next;
    return c;
}

void rpc__conn_hang_up(struct rpc_conn *c, bool flush)
{
    if (c->closing)
        return;
    c->closing = true;
    if (flush && c->secure != NULL)
        rpc__secure_end(c);
    c->control->net->close(c->conn, flush);
}

/* Posts a message to a process; `t` is in the server's scratch region. */
static enum agner_err tell(struct apps_control *control, etf_pid to, etf_term t)
{
    enum agner_err err = AGNER_ENOMEM;

    if (!etf_is_none(t))
        err = rt_post(control->rt, etf_from_pid(NULL, to), t);
    etf_region_reset(control->scratch);
    return err;
}

/* ---- Out --------------------------------------------------------------------
 */

static void free_done(struct rpc_done *done)
{
    etf_buffer_fini(&done->bytes);
    free(done);
}

/* The session is done with a message: one more may come. */
static void give_credit(struct rpc_conn *c, const struct rpc_done *done)
{
    if (done->frame_size > 0) {
        c->pending--;
        c->pending_bytes -= done->frame_size;
    }
    if (done->hang_up)
        rpc__conn_hang_up(c, true);
    else
        rpc__conn_pump(c);
}

/* Notifications are written: the session may send more. If it cannot be told it
 * would wait for ever. */
static void tell_pusher(struct rpc_conn *c, const struct rpc_done *done)
{
    if (!etf_pid_is_none(done->pusher) &&
        tell(c->control, done->pusher, etf_atom("pushed")) != AGNER_OK)
        rpc__conn_hang_up(c, false);
}

static void written(struct rt_write *write, enum agner_err err)
{
    struct rpc_done *done =
        (struct rpc_done *)((char *)write - offsetof(struct rpc_done, write));
    struct rpc_conn *c = find(done->control, done->conn);

    (void)err; /* a connection that fails is told so by `closed` */
    if (c != NULL) {
        c->out_bytes -= done->bytes.size;
        tell_pusher(c, done);
        give_credit(c, done);
    }
    free_done(done);
}

/* Has the client more to read than it may, with those? What is on its way may
 * be over the limit by what sealing adds. */
static bool is_too_much(const struct rpc_conn *c, size_t size)
{
    size_t most = c->control->options.output_max;

    return c->out_bytes > most || size > most - c->out_bytes;
}

/* Takes `done`. */
static void write_answer(struct rpc_conn *c, struct rpc_done *done)
{
    if (c->secure != NULL && rpc__secure_seal(c, &done->bytes) != AGNER_OK) {
        free_done(done);
        rpc__conn_hang_up(c, false);
        return;
    }
    c->out_bytes += done->bytes.size;
    done->write.bytes = done->bytes.data;
    done->write.size = done->bytes.size;
    done->write.done = written;
    c->control->net->write(c->conn, &done->write);
}

static void run_done(struct rt_task *task)
{
    struct rpc_done *done = (struct rpc_done *)task;
    struct rpc_conn *c = find(done->control, done->conn);

    if (c == NULL || c->closing) {
        free_done(done);
    } else if (done->bytes.size == 0) {
        give_credit(c, done);
        free_done(done);
    } else if (is_too_much(c, done->bytes.size)) {
        rpc__meet(done->control, RPC_LIMIT_OUTPUT);
        rt_log(done->control->rt, RT_LOG_WARNING,
               "control: a client does not read its answers; closed");
        free_done(done);
        rpc__conn_hang_up(c, false); /* B-RPC-3 */
    } else {
        write_answer(c, done);
    }
}

void rpc__done(struct rpc_done *done)
{
    done->task.run = run_done;
    done->control->net->post(done->control->loop, &done->task);
}

/* ---- In ---------------------------------------------------------------------
 */

/* The message at the front, `size` bytes, goes to the session. */
static enum agner_err hand_over(struct rpc_conn *c, size_t size)
{
    struct etf_region *r = c->control->scratch;
    enum agner_err err =
        tell(c->control, c->session,
             etf_make(r, "{frame, _, _}", rt_now_ms(c->control->rt),
                      etf_binary(r, c->in.data + c->taken, size)));

    if (err != AGNER_OK)
        return err;
    c->pending++;
    c->pending_bytes += size;
    c->taken += size;
    apps__msgpack_walk_init(&c->walk, c->control->options.frame_max,
                            MSGPACK_DEPTH_MAX);
    return AGNER_OK;
}

/* Behind a broken message nobody knows where the next one begins: whoever sent
 * it hears why, if the id could be read, and that is the end (B-RPC-1). */
static void refuse(struct rpc_conn *c)
{
    const char *text = apps__msgpack_walk_text(c->walk.state);
    struct rpc_done *done;
    struct etf_region *r = c->control->scratch;
    uint32_t id;

    c->broken = true;
    if (c->walk.state == MSGPACK_WALK_DEEP ||
        c->walk.state == MSGPACK_WALK_TOO_BIG)
        rpc__meet(c->control, RPC_LIMIT_MESSAGE);
    rt_log(c->control->rt, RT_LOG_WARNING,
           "control: a message that is not understood: %s; closed", text);
    done = calloc(1, sizeof *done);
    if (done == NULL ||
        !apps__rpc_peek_id(c->in.data + c->taken, c->in.size - c->taken, &id) ||
        apps__rpc_write_response(&done->bytes, id,
                                 etf_make(r, "[badarg, nil, _]", text),
                                 ETF_NONE, MSGPACK_LOOSE, NULL) != AGNER_OK) {
        free(done);
        rpc__conn_hang_up(c, true);
    } else {
        done->control = c->control;
        done->conn = c->number;
        done->hang_up = true;
        run_done(&done->task);
    }
    etf_region_reset(r);
}

static bool has_credit(const struct rpc_conn *c)
{
    return c->bound && !c->broken && !c->closing &&
           c->pending < c->control->options.pending_max &&
           c->pending_bytes < c->control->options.frame_max;
}

/* Hands over each message that is complete and has credit. Returns true when
 * there is credit left, so that more bytes are wanted. */
static bool hand_over_all(struct rpc_conn *c)
{
    if (c->in.size == 0) /* no memory yet either */
        return has_credit(c);
    while (has_credit(c)) {
        switch (apps__msgpack_walk(&c->walk, c->in.data + c->taken,
                                   c->in.size - c->taken)) {
        case MSGPACK_WALK_MORE:
            return true;
        case MSGPACK_WALK_WHOLE:
            if (hand_over(c, c->walk.next) != AGNER_OK)
                rpc__conn_hang_up(c, false); /* no session, or no memory */
            break;
        case MSGPACK_WALK_BAD:
        case MSGPACK_WALK_DEEP:
        case MSGPACK_WALK_TOO_BIG:
            refuse(c);
            break;
        }
    }
    return false;
}

void rpc__conn_pump(struct rpc_conn *c)
{
    bool more = hand_over_all(c);

    if (c->closing)
        return;
    if (c->taken > 0) {
        c->in.size -= c->taken;
        memmove(c->in.data, c->in.data + c->taken, c->in.size);
        c->taken = 0;
    }
    if (!more && c->pending >= c->control->options.pending_max)
        rpc__meet(c->control, RPC_LIMIT_PENDING);
    c->control->net->read(c->conn, more);
}

static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct rpc_conn *c = ctx;

    (void)conn;
    if (c->closing)
        return;
    if (etf_buffer_add(&c->in, bytes, size) != AGNER_OK)
        rpc__conn_hang_up(c, false);
    else
        rpc__conn_pump(c);
}

/* ---- Coming and going -------------------------------------------------------
 */

static void wake_drained(struct apps_control *control)
{
    if (!control->stopping || control->conns != NULL)
        return;
    /* Release: apps_control_stop() frees what we wrote after its acquire. */
    atomic_store_explicit(&control->drained, 1, memory_order_release);
    control->options.world->wake(control->options.world->ctx, &control->drained,
                                 1);
}

static void closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text)
{
    struct rpc_conn *c = ctx;
    struct apps_control *control = c->control;
    struct rpc_conn **at = &control->conns;

    (void)conn;
    (void)why; /* a client may leave as it likes */
    (void)text;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    (*c->count)--;
    rpc__secure_free(c);
    if (c->bound)
        (void)tell(control, c->session, etf_atom("closed")); /* or it is dead */
    etf_buffer_fini(&c->in);
    free(c);
    wake_drained(control);
}

/* B-RPC-4: the socket's mode keeps others out; this is for a socket whose mode
 * or folder was changed. The superuser could read our memory anyway. */
static bool is_allowed(struct apps_control *control, struct rt_conn *conn)
{
    int64_t uid = control->net->peer_uid(conn);

    if (uid == 0 || uid == (int64_t)geteuid())
        return true;
    rt_log(control->rt, RT_LOG_WARNING,
           "control: refused a connection of user %lld", (long long)uid);
    return false;
}

struct rpc_conn *rpc__conn_new(struct apps_control *control,
                               struct rt_conn *conn, unsigned *count,
                               void (*came)(void *ctx, struct rt_conn *conn,
                                            const uint8_t *bytes, size_t size))
{
    struct rpc_conn *c = calloc(1, sizeof *c);

    if (c == NULL) {
        control->net->close(conn, false);
        return NULL;
    }
    c->control = control;
    c->conn = conn;
    c->number = control->conn_next++;
    apps__msgpack_walk_init(&c->walk, control->options.frame_max,
                            MSGPACK_DEPTH_MAX);
    c->next = control->conns;
    control->conns = c;
    c->count = count;
    (*count)++;
    control->net->adopt(conn, &(struct rt_conn_owner){ .ctx = c,
                                                       .received = came,
                                                       .closed = closed });
    return c;
}

void rpc__conn_serve(struct rpc_conn *c)
{
    struct apps_control *control = c->control;

    control->net->read(c->conn, false); /* until there is a session */
    if (tell(control, control->keeper,
             etf_make(control->scratch, "{accepted, _, _}", c->number,
                      (uint32_t)c->role)) != AGNER_OK)
        rpc__conn_hang_up(c, false);
}

static void accepted(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from)
{
    struct apps_control *control = ctx;
    struct rpc_conn *c;
    bool allowed = false;

    (void)listener;
    (void)from; /* clients have no names */
    if (control->conn_count >= control->options.connections_max) {
        rpc__meet(control, RPC_LIMIT_CONNECTIONS);
        rt_log(control->rt, RT_LOG_WARNING,
               "control: over %u connections; refused one more",
               control->options.connections_max);
    } else {
        allowed = is_allowed(control, conn);
    }
    if (!allowed) {
        control->net->close(conn, false);
        return;
    }
    c = rpc__conn_new(control, conn, &control->conn_count, received);
    if (c == NULL)
        return;
    c->role = RPC_OPERATE;
    rpc__conn_serve(c);
}

static void refused(void *ctx, struct rt_listener *listener, const char *text)
{
    struct apps_control *control = ctx;

    (void)listener;
    rt_log(control->rt, RT_LOG_WARNING, "control: cannot accept: %s", text);
}

/* ---- From the keeper --------------------------------------------------------
 */

struct session_task {
    struct rt_task task; /* first */
    struct apps_control *control;
    uint32_t conn;
    etf_pid session;
};

static void run_bind(struct rt_task *task)
{
    struct session_task *t = (struct session_task *)task;
    struct rpc_conn *c = find(t->control, t->conn);

    if (c == NULL) {
        (void)tell(t->control, t->session, etf_atom("closed")); /* or dead */
    } else {
        c->session = t->session;
        c->bound = true;
        rpc__conn_pump(c);
    }
    free(t);
}

/* Without its session a connection can only close. */
static void run_unbind(struct rt_task *task)
{
    struct session_task *t = (struct session_task *)task;

    for (struct rpc_conn *c = t->control->conns; c != NULL; c = c->next) {
        if (c->bound && etf_pid_equal(c->session, t->session)) {
            c->bound = false;
            rpc__conn_hang_up(c, true);
            break;
        }
    }
    free(t);
}

static enum agner_err post_session(struct apps_control *control, uint32_t conn,
                                   etf_pid session,
                                   void (*run)(struct rt_task *task))
{
    struct session_task *t = calloc(1, sizeof *t);

    if (t == NULL)
        return AGNER_ENOMEM;
    t->task.run = run;
    t->control = control;
    t->conn = conn;
    t->session = session;
    control->net->post(control->loop, &t->task);
    return AGNER_OK;
}

enum agner_err rpc__bind(struct apps_control *control, uint32_t conn,
                         etf_pid session)
{
    return post_session(control, conn, session, run_bind);
}

enum agner_err rpc__unbind(struct apps_control *control, etf_pid session)
{
    return post_session(control, 0, session, run_unbind);
}

/* ---- Start and stop --------------------------------------------------- */

enum agner_err rpc__listen(struct apps_control *control,
                           struct agner_error *error)
{
    const struct rt_listen_owner owner = { control, accepted, refused };
    struct rt_address address = { .kind = RT_ADDRESS_UNIX };
    enum agner_err err = AGNER_OK;

    memcpy(address.host, control->path, strlen(control->path) + 1);
    if (control->path[0] != '\0')
        err = control->net->listen(control->loop, &address, &owner,
                                   &control->listener, NULL, error);
    return err == AGNER_OK ? rpc__tcp_listen(control, error) : err;
}

void rpc__close_all(struct apps_control *control)
{
    control->stopping = true;
    if (control->listener != NULL)
        control->net->unlisten(control->listener);
    control->listener = NULL;
    rpc__tcp_close(control);
    for (struct rpc_conn *c = control->conns; c != NULL; c = c->next)
        rpc__conn_hang_up(c, true);
    wake_drained(control);
}
