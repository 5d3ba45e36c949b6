/*
 * sim_conn.c -- one end of a simulated connection, from its first state to its
 * last.
 *
 * Two sources of steps: `hear` is what comes to this end (the dial's outcome,
 * bytes, the other's end, its own deadline and `closed`), `say` moves what was
 * given to write(). The states are in sim_net.h.
 */
#include "sim_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 100u /* what could not be accepted waits so long */

static struct rt_conn *of_hear(struct source *source)
{
    return (struct rt_conn *)((char *)source - offsetof(struct rt_conn, hear));
}

static struct rt_conn *of_say(struct source *source)
{
    return (struct rt_conn *)((char *)source - offsetof(struct rt_conn, say));
}

static uint64_t when_to_hear(struct source *source)
{
    const struct rt_conn *conn = of_hear(source);
    uint64_t heard_ns;

    switch (conn->state) {
    case END_DIALLING:
    case END_ANSWERED:
    case END_REFUSED:
        return sim__dial_when(conn);
    case END_INCOMING:
        return conn->event_ns;
    case END_OPEN:
        return conn->reading ? sim__heard_ns(conn) : RT_NEVER;
    case END_FLUSHING:
    case END_LINGERING:
        heard_ns = sim__heard_ns(conn);
        return heard_ns < conn->deadline_ns ? heard_ns : conn->deadline_ns;
    case END_CLOSING:
        return 0;
    }
    return RT_NEVER;
}

static size_t can_hear(struct source *source)
{
    return when_to_hear(source) <= of_hear(source)->sim->now_ns;
}

static void hear_accepted(struct rt_conn *conn)
{
    struct rt_listener *listener = conn->listener;

    if (sim__no_descriptor(conn->loop->machine)) {
        conn->event_ns = conn->sim->now_ns + RETRY_MS * UINT64_C(1000000);
        if (listener->owner.refused != NULL)
            listener->owner.refused(listener->owner.ctx, listener,
                                    SIM__NO_DESCRIPTOR);
        return;
    }
    conn->listener = NULL;
    conn->event_ns = RT_NEVER;
    listener->owner.accepted(listener->owner.ctx, listener, conn, &conn->from);
    if (conn->state == END_INCOMING) /* neither adopted nor closed */
        sim__conn_end(conn, AGNER_OK, "closed here");
}

static void hear_end(struct rt_conn *conn)
{
    conn->in.end_ns = RT_NEVER; /* it was heard */
    if (conn->state == END_OPEN)
        sim__conn_end(conn, AGNER_OK, "closed by the peer");
    else if (conn->state == END_LINGERING)
        sim__conn_end(conn, AGNER_OK, "closed here");
    else
        conn->peer_done = true;
}

static void hear_deadline(struct rt_conn *conn)
{
    if (conn->state == END_LINGERING)
        sim__conn_end(conn, AGNER_OK, "closed here");
    else
        sim__conn_end(conn, AGNER_ETIMEOUT,
                      "closed here; the peer did not take the rest");
}

/* Puts what arrived where the owner wants it. */
static void hand_over(struct rt_conn *conn, uint8_t *place, size_t room)
{
    const uint8_t *bytes;
    size_t size = sim__take_arrived(conn, room > 0 ? room : SIZE_MAX, &bytes);

    if (size == 0) {
        hear_end(conn);
        return;
    }
    if (conn->state != END_OPEN)
        return;
    if (room > 0)
        memcpy(place, bytes, size);
    conn->owner.received(conn->owner.ctx, conn, room > 0 ? place : bytes, size);
}

static void hear_stream(struct rt_conn *conn)
{
    uint8_t *place = NULL;
    size_t room = 0;

    if (conn->state != END_OPEN && conn->deadline_ns <= conn->sim->now_ns) {
        hear_deadline(conn);
        return;
    }
    if (sim__reset_ns(conn) <= conn->sim->now_ns) {
        sim__conn_end(conn, AGNER_ESYSTEM, "connection reset by peer");
        return;
    }
    if (conn->state == END_OPEN && conn->owner.place != NULL)
        room = conn->owner.place(conn->owner.ctx, conn, &place);
    hand_over(conn, place, room);
}

static void hear(struct source *source, size_t index)
{
    struct rt_conn *conn = of_hear(source);

    (void)index;
    switch (conn->state) {
    case END_DIALLING:
    case END_ANSWERED:
    case END_REFUSED:
        sim__dial_step(conn);
        break;
    case END_INCOMING:
        hear_accepted(conn);
        break;
    case END_OPEN:
    case END_FLUSHING:
    case END_LINGERING:
        hear_stream(conn);
        break;
    case END_CLOSING:
        sim__conn_finish(conn);
        break;
    }
}

static size_t can_say(struct source *source)
{
    return sim__can_say(of_say(source));
}

/* Room comes with what the other end reads, not with time; a reset does. */
static uint64_t when_to_say(struct source *source)
{
    const struct rt_conn *conn = of_say(source);

    return conn->queue.first != NULL ? sim__reset_ns(conn) : RT_NEVER;
}

static void say(struct source *source, size_t index)
{
    (void)index;
    sim__say(of_say(source));
}

struct rt_conn *sim__conn_new(struct rt_loop *loop, enum end_state state,
                              enum rt_address_kind kind)
{
    struct rt_conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->in.size = loop->sim->options.window;
    conn->in.ring = malloc(conn->in.size);
    if (conn->in.ring == NULL) {
        free(conn);
        return NULL;
    }
    conn->in.end_ns = conn->in.reset_ns = RT_NEVER;
    conn->sim = loop->sim;
    conn->loop = loop;
    conn->state = state;
    conn->kind = kind;
    conn->reading = true;
    conn->event_ns = conn->deadline_ns = RT_NEVER;
    conn->hear = (struct source){
        .kind = "hear", .ready = can_hear, .when = when_to_hear, .run = hear
    };
    conn->say = (struct source){
        .kind = "say", .ready = can_say, .when = when_to_say, .run = say
    };
    sim__source_add(loop->machine, &conn->hear);
    sim__source_add(loop->machine, &conn->say);
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (loop->conns != NULL)
        loop->conns->link = &conn->next;
    loop->conns = conn;
    return conn;
}

void sim__conn_free(struct rt_conn *conn)
{
    if (conn->peer != NULL)
        conn->peer->peer = NULL;
    sim__source_remove(&conn->hear);
    sim__source_remove(&conn->say);
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    free(conn->in.ring);
    free(conn);
}

/* What is on its way to the peer still comes, and then the end; unless there
 * was something that we have not read: then it may be a reset, as with TCP. */
static void tell_peer(struct rt_conn *conn)
{
    struct rt_conn *peer = conn->peer;
    uint64_t at_ns;

    if (peer == NULL)
        return;
    at_ns = conn->sim->now_ns + sim__delay_ns(conn);
    if (peer->in.end_ns == RT_NEVER && conn->state != END_LINGERING)
        peer->in.end_ns = at_ns > peer->in.last_ns ? at_ns : peer->in.last_ns;
    if (conn->in.in != conn->in.out && sim_draw(conn->sim, 2) == 1)
        peer->in.reset_ns = at_ns;
    peer->peer = NULL;
    conn->peer = NULL;
}

void sim__conn_end(struct rt_conn *conn, enum agner_err why, const char *text)
{
    if (conn->state == END_CLOSING)
        return;
    tell_peer(conn);
    conn->state = END_CLOSING;
    conn->why = why;
    (void)snprintf(conn->text, sizeof conn->text, "%s", text);
    sim__event(conn->sim, text, conn->hear.number, (uint64_t) - (int64_t)why);
}

void sim__conn_finish(struct rt_conn *conn)
{
    assert(conn->state == END_CLOSING);
    sim__drop_writes(conn);
    if (conn->owned)
        conn->owner.closed(conn->owner.ctx, conn, conn->why, conn->text);
    sim__conn_free(conn);
}

void sim__adopt(struct rt_conn *conn, const struct rt_conn_owner *owner)
{
    conn->owner = *owner;
    conn->owned = true;
    if (conn->state == END_INCOMING)
        conn->state = END_OPEN;
}

void sim__read(struct rt_conn *conn, bool on)
{
    conn->reading = on;
}

void sim__close(struct rt_conn *conn, bool flush)
{
    if (conn->state != END_OPEN || !flush) {
        sim__conn_end(conn, AGNER_OK, "closed here");
        return;
    }
    conn->state = END_FLUSHING;
    conn->deadline_ns = loop_timer_after(conn->sim->now_ns, FLUSH_MS);
}

int64_t sim__peer_uid(struct rt_conn *conn)
{
    return conn->kind == RT_ADDRESS_UNIX ? conn->sim->options.uid : -1;
}

/* Nothing is measured: it is what the options make the usual case. */
int64_t sim__rtt_us(struct rt_conn *conn)
{
    const struct sim_options *options = &conn->sim->options;

    if (conn->kind != RT_ADDRESS_TCP)
        return -1;
    return (int64_t)(2 * (options->delay_min_us + options->delay_mean_us));
}
