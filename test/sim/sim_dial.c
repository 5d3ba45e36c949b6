/*
 * sim_dial.c -- dialling: there, and back again.
 *
 * The dial reaches the other loop after a delay, and only then it is looked who
 * listens; the answer takes another delay. A partition holds both up, as lost
 * packets that are sent again do.
 */
#include "sim_net.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 108u

static enum agner_err check(const struct rt_loop *loop,
                            const struct rt_address *to,
                            struct agner_error *error)
{
    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    if (memchr(to->host, '\0', sizeof to->host) == NULL)
        return agner_fail(error, AGNER_EINVAL, "a host without an end");
    if (to->host[0] == '\0')
        return agner_fail(error, AGNER_EINVAL, "no host to dial");
    if (to->kind == RT_ADDRESS_TCP && to->port == 0)
        return agner_fail(error, AGNER_EINVAL, "port 0 of %s", to->host);
    if (to->kind == RT_ADDRESS_UNIX && strlen(to->host) >= PATH_MAX_BYTES)
        return agner_fail(error, AGNER_EINVAL, "path too long: %s", to->host);
    return AGNER_OK;
}

static void refuse(struct rt_conn *conn, enum agner_err why, const char *text)
{
    conn->state = END_REFUSED;
    conn->event_ns = conn->sim->now_ns + sim__delay_ns(conn);
    conn->why = why;
    (void)snprintf(conn->text, sizeof conn->text, "%s", text);
}

enum agner_err sim__dial(struct rt_loop *loop, const struct rt_address *address,
                         uint64_t timeout_ms, const struct rt_conn_owner *owner,
                         struct rt_conn **out, struct agner_error *error)
{
    struct sim *sim = loop->sim;
    enum agner_err err = check(loop, address, error);
    struct rt_conn *conn;

    if (err != AGNER_OK)
        return err;
    conn = sim__conn_new(loop, END_DIALLING, address->kind);
    if (conn == NULL)
        return agner_fail(error, AGNER_ENOMEM, "dial %s", address->host);
    conn->owner = *owner;
    conn->owned = true;
    conn->to = *address;
    conn->timeout_ms = timeout_ms == 0 ? DIAL_MS : timeout_ms;
    conn->deadline_ns = loop_timer_after(sim->now_ns, conn->timeout_ms);
    conn->event_ns = sim->now_ns + sim__delay_ns(conn);
    if (address->kind == RT_ADDRESS_TCP &&
        sim__fault(sim, sim->options.silent_dial_ppm))
        conn->event_ns = RT_NEVER;
    if (loop->machine->crashed)
        conn->event_ns = RT_NEVER;
    else if (sim__no_descriptor(loop->machine))
        refuse(conn, AGNER_ESYSTEM, SIM__NO_DESCRIPTOR);
    sim__event(sim, "dial", conn->hear.number, address->port);
    *out = conn;
    return AGNER_OK;
}

/* Who would answer, now; *known is set to whether the host is. */
static struct rt_listener *find(const struct rt_conn *conn, bool *known)
{
    const char *host = conn->kind == RT_ADDRESS_UNIX
                           ? conn->to.host
                           : sim__resolve(conn->sim, conn->to.host);
    struct rt_address to = conn->to;

    *known = host != NULL;
    if (host == NULL)
        return NULL;
    memmove(to.host, host, strlen(host) + 1);
    return sim__find_listener(conn->sim, &to);
}

static bool is_held_up(const struct rt_conn *conn)
{
    const struct rt_listener *listener;
    bool known;

    if (conn->state != END_DIALLING)
        return conn->state == END_ANSWERED && conn->in.cut_off;
    listener = find(conn, &known);
    return listener != NULL && conn->kind == RT_ADDRESS_TCP &&
           sim__is_cut(conn->loop, listener->loop);
}

uint64_t sim__dial_when(const struct rt_conn *conn)
{
    if (conn->event_ns >= conn->deadline_ns || is_held_up(conn))
        return conn->deadline_ns;
    return conn->event_ns;
}

/* The dial is at its other end. */
static void answer(struct rt_conn *conn)
{
    struct sim *sim = conn->sim;
    bool known;
    struct rt_listener *listener = find(conn, &known);
    struct rt_conn *peer;

    if (!known) {
        refuse(conn, AGNER_ENONAME, "unknown node or service");
        return;
    }
    if (listener == NULL || (conn->kind == RT_ADDRESS_TCP &&
                             sim__fault(sim, sim->options.refuse_ppm))) {
        refuse(conn, AGNER_ENOCONN, "connection refused");
        return;
    }
    peer = sim__conn_new(listener->loop, END_INCOMING, conn->kind);
    if (peer == NULL) {
        refuse(conn, AGNER_ENOCONN, "connection refused");
        return;
    }
    peer->listener = listener;
    peer->event_ns = sim->now_ns;
    peer->from.kind = conn->kind;
    if (conn->kind == RT_ADDRESS_TCP)
        sim__describe(conn->loop, &peer->from);
    else
        peer->from = listener->address;
    conn->peer = peer;
    peer->peer = conn;
    conn->peer_loop = listener->loop;
    peer->peer_loop = conn->loop;
    sim__update_cuts(sim);
    conn->state = END_ANSWERED;
    conn->event_ns = sim->now_ns + sim__delay_ns(conn);
}

void sim__dial_step(struct rt_conn *conn)
{
    char text[sizeof conn->text];

    if (conn->deadline_ns <= conn->sim->now_ns) {
        (void)snprintf(text, sizeof text, "no connection within %llu ms",
                       (unsigned long long)conn->timeout_ms);
        sim__conn_end(conn, AGNER_ETIMEOUT, text);
    } else if (conn->state == END_DIALLING) {
        answer(conn);
    } else if (conn->state == END_REFUSED) {
        (void)snprintf(text, sizeof text, "%s", conn->text);
        sim__conn_end(conn, conn->why, text);
    } else {
        conn->state = END_OPEN;
        conn->event_ns = conn->deadline_ns = RT_NEVER;
        conn->owner.opened(conn->owner.ctx, conn);
    }
}
