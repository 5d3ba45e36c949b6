/*
 * rpc_tcp.c -- the control socket over TCP: keys, roles, and limits for those
 * who have neither yet.
 *
 * A connection begins with a handshake (node_channel.h), for which there is a
 * deadline, and of which there are few at once, few from one address, and not
 * too many in a second (admission.h). Who has shown a key of the file of
 * clients is then a connection like others, with the role that stands there.
 * The file is looked at again for each handshake, and every second while there
 * are such connections: who is not in it any more, or has another role, is hung
 * up on. Nothing is said to who is refused.
 *
 * Source: spec/reliability.md 4.1, 6.2, 6.4; B-RPC-4.
 */
#include "rpc_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "admission.h"
#include "key_text.h"
#include "noise_secret.h"

#define PROLOGUE     "agner-control-1"
#define HANDSHAKE_MS 5000u /* from the connection until it is up */
#define LOOK_MS      1000u /* between looks at the file of clients */

struct rpc_secure {
    struct rpc_conn *conn; /* whose this is */
    struct node_channel *channel;
    struct node_source *source; /* while it shakes hands */
    bool up;
    struct rt_loop_timer deadline;
    uint8_t key[NOISE_KEY_SIZE]; /* the client's, once it is up */
    char from[64];               /* its address */
};

/* Which file it was: when that changes, it is read. */
struct stamp {
    bool known;
    struct timespec changed;
    off_t size;
    ino_t inode;
};

struct rpc_tcp {
    struct apps_control *control; /* whose this is */
    struct rt_listener *listener;
    struct node_limits limits;
    struct node_admission admission;
    struct noise_keys *own; /* owned, secret */
    struct rpc_keys keys;
    struct stamp stamp;
    struct rt_loop_timer look;
    unsigned count; /* connections, those that shake hands too */
    unsigned up;    /* of them, up */
};

static uint64_t now_ms(const struct apps_control *control)
{
    return rt_now_ms(control->rt);
}

/* ---- The file of clients ------------------------------------------------- */

static bool is_same_file(struct stamp *seen, const char *path)
{
    struct stat st;
    struct stamp now;

    if (lstat(path, &st) != 0)
        return false;
    now = (struct stamp){ true, st.st_mtim, st.st_size, st.st_ino };
    if (seen->known && seen->changed.tv_sec == now.changed.tv_sec &&
        seen->changed.tv_nsec == now.changed.tv_nsec &&
        seen->size == now.size && seen->inode == now.inode)
        return true;
    *seen = now;
    return false;
}

/* Without a file that can be read nobody is let in. */
static void read_keys(struct rpc_tcp *tcp)
{
    const char *path = tcp->control->options.keys_path;
    struct rpc_keys keys = { 0 };
    struct agner_error error;

    if (is_same_file(&tcp->stamp, path))
        return;
    if (rpc__keys_load(&keys, tcp->control->options.world, path, &error) !=
        AGNER_OK) {
        if (tcp->keys.rows != NULL || tcp->stamp.known)
            rt_log(tcp->control->rt, RT_LOG_WARNING, "control: keys: %s",
                   error.text);
        tcp->stamp.known = false;
    }
    rpc__keys_fini(&tcp->keys);
    tcp->keys = keys;
}

/* Who may not any more. */
static void look_again(struct rt_loop_timer *timer)
{
    struct rpc_tcp *tcp =
        (struct rpc_tcp *)(void *)((char *)timer -
                                   offsetof(struct rpc_tcp, look));
    const struct rpc_key *row;

    read_keys(tcp);
    for (struct rpc_conn *c = tcp->control->conns; c != NULL; c = c->next) {
        if (c->secure == NULL || c->closing || !c->secure->up)
            continue;
        row = rpc__keys_find(&tcp->keys, c->secure->key);
        if (row != NULL && row->role == c->role)
            continue;
        rt_log(tcp->control->rt, RT_LOG_NOTICE,
               "control: hung up on %s, whose key is %s", c->secure->from,
               row == NULL ? "not listed any more" : "of another role now");
        rpc__conn_hang_up(c, true);
    }
}

/* ---- Refusals ------------------------------------------------------------ */

static void log_refusal(struct rpc_tcp *tcp, const char *from, const char *why)
{
    unsigned hidden;

    atomic_fetch_add_explicit(&tcp->control->refused, 1, memory_order_relaxed);
    if (!node__admission_log(&tcp->admission, from, now_ms(tcp->control),
                             &hidden))
        return;
    if (hidden > 0)
        rt_log(tcp->control->rt, RT_LOG_WARNING,
               "control: refused %s: %s; and %u more", from, why, hidden);
    else
        rt_log(tcp->control->rt, RT_LOG_WARNING, "control: refused %s: %s",
               from, why);
}

/* The handshake is over. */
static void leave_admission(struct rpc_conn *c, enum node_outcome outcome)
{
    struct rpc_secure *s = c->secure;
    struct rpc_tcp *tcp = c->control->tcp;

    if (s->source == NULL)
        return;
    c->control->net->timer_stop(c->control->loop, &s->deadline);
    node__admission_end(&tcp->admission, s->source, outcome,
                        now_ms(c->control));
    s->source = NULL;
}

static void refuse(struct rpc_conn *c, const char *why)
{
    log_refusal(c->control->tcp, c->secure->from, why);
    leave_admission(c, NODE_OUTCOME_FAILED);
    rpc__conn_hang_up(c, false);
}

static void too_late(struct rt_loop_timer *timer)
{
    struct rpc_secure *s =
        (struct rpc_secure *)(void *)((char *)timer -
                                      offsetof(struct rpc_secure, deadline));

    refuse(s->conn, "no handshake in time");
}

/* ---- Through the channel ------------------------------------------------- */

struct piece {
    struct rt_write write; /* first */
    struct etf_buffer bytes;
};

static void piece_written(struct rt_write *write, enum agner_err err)
{
    struct piece *p = (struct piece *)(void *)write;

    (void)err; /* `closed` tells */
    etf_buffer_fini(&p->bytes);
    free(p);
}

/* What the channel itself has to say. Takes `bytes`. */
static void write_piece(struct rpc_conn *c, struct etf_buffer *bytes)
{
    struct piece *p = bytes->size == 0 ? NULL : calloc(1, sizeof *p);

    if (p == NULL) {
        if (bytes->size > 0)
            rpc__conn_hang_up(c, false); /* it would wait for ever */
        etf_buffer_fini(bytes);
        return;
    }
    p->bytes = *bytes;
    p->write.bytes = p->bytes.data;
    p->write.size = p->bytes.size;
    p->write.done = piece_written;
    c->control->net->write(c->conn, &p->write);
}

enum agner_err rpc__secure_seal(struct rpc_conn *c, struct etf_buffer *bytes)
{
    struct etf_buffer sealed = { 0 };
    enum agner_err err =
        node_channel_put(c->secure->channel, bytes->data, bytes->size, &sealed);

    if (err != AGNER_OK) {
        etf_buffer_fini(&sealed);
        return err;
    }
    etf_buffer_fini(bytes);
    *bytes = sealed;
    return AGNER_OK;
}

void rpc__secure_end(struct rpc_conn *c)
{
    struct etf_buffer out = { 0 };

    if (node_channel_end(c->secure->channel, &out) == AGNER_OK)
        write_piece(c, &out);
    else
        etf_buffer_fini(&out);
}

/* Whose key is it? */
static bool admits(void *ctx, const uint8_t key[NOISE_KEY_SIZE])
{
    struct rpc_conn *c = ctx;
    struct rpc_tcp *tcp = c->control->tcp;
    const struct rpc_key *row;

    read_keys(tcp);
    row = rpc__keys_find(&tcp->keys, key);
    if (row == NULL)
        return false;
    memcpy(c->secure->key, key, NOISE_KEY_SIZE);
    c->role = row->role;
    return true;
}

static void is_up(struct rpc_conn *c)
{
    struct rpc_tcp *tcp = c->control->tcp;
    char key[KEY_TEXT_SIZE];

    leave_admission(c, NODE_OUTCOME_UP);
    c->secure->up = true;
    if (tcp->up++ == 0)
        c->control->net->timer_start(c->control->loop, &tcp->look, LOOK_MS,
                                     LOOK_MS);
    node__key_print(c->secure->key, key);
    rt_log(c->control->rt, RT_LOG_NOTICE, "control: %s is %s, %s",
           c->secure->from, key, rpc__role_text(c->role));
    rpc__conn_serve(c);
}

static void received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size)
{
    struct rpc_conn *c = ctx;
    struct node_channel *channel = c->secure->channel;
    bool was_up = node_channel_state(channel) != NODE_CHANNEL_SHAKES;
    struct etf_buffer out = { 0 };

    (void)conn;
    if (c->closing)
        return;
    if (node_channel_take(channel, bytes, size, &c->in, &out) != AGNER_OK) {
        etf_buffer_fini(&out);
        refuse(c, node_channel_text(channel));
        return;
    }
    write_piece(c, &out);
    if (c->closing || node_channel_state(channel) == NODE_CHANNEL_SHAKES)
        return;
    if (!was_up)
        is_up(c);
    else
        rpc__conn_pump(c);
    if (node_channel_state(channel) == NODE_CHANNEL_ENDED)
        rpc__conn_hang_up(c, true);
}

/* ---- Coming and going ---------------------------------------------------- */

static enum agner_err open_channel(struct rpc_conn *c)
{
    const struct rt_world *world = c->control->options.world;
    struct node_channel_options o = { .prologue = PROLOGUE,
                                      .own = c->control->tcp->own,
                                      .admits = admits,
                                      .ctx = c };
    struct etf_buffer none = { 0 };
    enum agner_err err;

    world->random(world->ctx, o.ephemeral, sizeof o.ephemeral);
    err = node_channel_new(&o, &none, &c->secure->channel);
    node__noise_wipe(o.ephemeral, sizeof o.ephemeral);
    return err;
}

void rpc__secure_free(struct rpc_conn *c)
{
    struct rpc_secure *s = c->secure;
    struct rpc_tcp *tcp = c->control->tcp;

    if (s == NULL)
        return;
    if (s->source != NULL) {
        log_refusal(tcp, s->from, "left before the handshake was over");
        leave_admission(c, NODE_OUTCOME_FAILED);
    }
    if (s->up && --tcp->up == 0)
        c->control->net->timer_stop(c->control->loop, &tcp->look);
    node_channel_free(s->channel);
    free(s);
    c->secure = NULL;
}

/* Counted by its address; NULL: it may not begin. */
static struct node_source *admit(struct rpc_tcp *tcp, const char *from)
{
    struct apps_control *control = tcp->control;
    enum node_limit why;
    struct node_source *source;

    if (tcp->count >= control->options.connections_max) {
        rpc__meet(control, RPC_LIMIT_CONNECTIONS);
        log_refusal(tcp, from, "too many connections");
        return NULL;
    }
    source =
        node__admission_begin(&tcp->admission, from, now_ms(control), &why);
    if (source == NULL)
        log_refusal(tcp, from, node__limit_text(why));
    return source;
}

static void accepted(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from)
{
    struct rpc_tcp *tcp = ctx;
    struct apps_control *control = tcp->control;
    struct rpc_secure *s = NULL;
    struct node_source *source;
    struct rpc_conn *c;
    char host[sizeof s->from];

    (void)listener;
    (void)snprintf(host, sizeof host, "%.*s", (int)sizeof host - 1, from->host);
    source = admit(tcp, host);
    if (source != NULL)
        s = calloc(1, sizeof *s);
    if (s == NULL) {
        if (source != NULL)
            node__admission_end(&tcp->admission, source, NODE_OUTCOME_NONE,
                                now_ms(control));
        control->net->close(conn, false);
        return;
    }
    c = rpc__conn_new(control, conn, &tcp->count, received);
    if (c == NULL) {
        node__admission_end(&tcp->admission, source, NODE_OUTCOME_NONE,
                            now_ms(control));
        free(s);
        return;
    }
    c->secure = s;
    s->conn = c;
    s->source = source;
    memcpy(s->from, host, sizeof host);
    s->deadline.fire = too_late;
    control->net->timer_start(control->loop, &s->deadline, HANDSHAKE_MS, 0);
    if (open_channel(c) != AGNER_OK)
        refuse(c, "no memory");
}

static void refused(void *ctx, struct rt_listener *listener, const char *text)
{
    struct rpc_tcp *tcp = ctx;

    (void)listener;
    rt_log(tcp->control->rt, RT_LOG_WARNING, "control: cannot accept: %s",
           text);
}

/* ---- Start and stop ------------------------------------------------------ */

static void told_where(struct rpc_tcp *tcp, const struct rt_address *bound)
{
    struct apps_control *control = tcp->control;
    char key[KEY_TEXT_SIZE];
    bool six = strchr(bound->host, ':') != NULL;

    (void)snprintf(control->tcp_at, sizeof control->tcp_at,
                   "tcp://%s%.200s%s:%u", six ? "[" : "", bound->host,
                   six ? "]" : "", bound->port);
    node__key_print(tcp->own->public_key, key);
    memcpy(control->tcp_key, key, sizeof key);
    rt_log(control->rt, RT_LOG_NOTICE, "control: at %s, key %s",
           control->tcp_at, key);
}

enum agner_err rpc__tcp_listen(struct apps_control *control,
                               struct agner_error *error)
{
    const struct apps_control_options *o = &control->options;
    struct rt_address address = { .kind = RT_ADDRESS_TCP, .port = o->tcp.port };
    struct rt_address bound;
    struct rt_listen_owner owner = { NULL, accepted, refused };
    struct rpc_tcp *tcp;
    enum agner_err err;

    if (!o->tcp.set)
        return AGNER_OK;
    tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL)
        return agner_fail(error, AGNER_ENOMEM, "control socket");
    control->tcp = tcp;
    tcp->control = control;
    tcp->look.fire = look_again;
    tcp->limits = node__limits(&(struct node_limits){ 0 });
    node__admission_init(&tcp->admission, &tcp->limits, now_ms(control));
    tcp->own = node__secret_new(sizeof *tcp->own);
    if (tcp->own == NULL)
        return agner_fail(error, AGNER_ENOMEM, "control socket");
    *tcp->own = *o->own;
    err = rpc__keys_load(&tcp->keys, o->world, o->keys_path, error);
    if (err != AGNER_OK)
        return err;
    owner.ctx = tcp;
    memcpy(address.host, o->tcp.host, sizeof address.host);
    err = control->net->listen(control->loop, &address, &owner, &tcp->listener,
                               &bound, error);
    if (err == AGNER_OK)
        told_where(tcp, &bound);
    return err;
}

void rpc__tcp_close(struct apps_control *control)
{
    struct rpc_tcp *tcp = control->tcp;

    if (tcp == NULL)
        return;
    if (tcp->listener != NULL)
        control->net->unlisten(tcp->listener);
    tcp->listener = NULL;
    control->net->timer_stop(control->loop, &tcp->look);
}

void rpc__tcp_free(struct apps_control *control)
{
    struct rpc_tcp *tcp = control->tcp;

    if (tcp == NULL)
        return;
    rpc__keys_fini(&tcp->keys);
    node__secret_free(tcp->own);
    free(tcp);
    control->tcp = NULL;
}
