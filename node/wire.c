/*
 * wire.c -- a connection that is up: framing, delivery, ticks.
 *
 * A packet that is whole in the bytes that came is read where it lies; only the
 * one that they end in is kept, and its buffer grows with what comes, not with
 * what it promises. When that one is large, the net is asked to put the rest
 * right behind it; the rest of a further fragment goes to where its message is
 * put together.
 */
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "control.h"
#include "flags.h"
#include "node_room.h"
#include "send.h"

#define LENGTH_SIZE  4
#define PARTIAL_KEEP (1u << 20) /* a larger buffer is given back */
#define PLACE_MIN    8192u   /* bytes that are missing and may come in place */
#define PLACE_MORE   256u    /* of the next packets with them */
#define PLACE_MAX    131072u /* at once, unless more has come already */

/* node_peers() reads it. */
static void measure(struct wire *wire)
{
    store_relaxed(&wire->rtt_us, wire->node->net->rtt_us(wire->conn->net));
}

void node__wire_permit(struct wire *wire)
{
    const struct conn *conn = wire->conn;
    unsigned may =
        node__permit_of(wire->node, conn->kind, wire->peer->text,
                        conn->secure != NULL ? conn->secure->peer_key : NULL);

    store_relaxed(&wire->denied, RT_MAY_ALL & ~may);
}

struct wire *node__wire_new(struct conn *conn, struct peer *peer)
{
    struct wire *wire = calloc(1, sizeof *wire);
    struct node *node = conn->node;

    if (wire == NULL)
        return NULL;
    wire->conn = conn;
    wire->node = node;
    wire->peer = peer;
    wire->in.flags = conn->facts.flags;
    wire->in.budget = &wire->budget;
    wire->in.sequences.bytes_max = node->packet_max;
    wire->in.sequences.count_max = node->limits.sequences;
    wire->up_ms = node__now_ms(node);
    measure(wire);
    node__wire_permit(wire);
    etf__region_init(&wire->scratch, wire->first_words, WIRE_SCRATCH_WORDS, 0);
    node__output_init(&wire->out, node, peer, conn->net, conn->facts.flags,
                      conn->secure != NULL ? &conn->secure->sends : NULL);
    return wire;
}

void node__wire_free(struct wire *wire)
{
    node__output_fini(&wire->out);
    node__in_fini(&wire->in);
    node__gather_fini(&wire->partial);
    etf__region_fini(&wire->scratch);
    free(wire);
}

/* ---- Ticks ------------------------------------------------------------------
 */

static void send_tick(struct wire *wire)
{
    bool wake = false;

    rt__lock(&wire->peer->lock);
    /* Without memory for four bytes there is none to be sent. */
    (void)node__output_tick(&wire->out, &wake);
    rt__unlock(&wire->peer->lock);
    if (wake)
        node__output_flush(&wire->out);
}

/* Does a tick have to be answered? A node with a longer tick time than the
 * peer's would seem dead to it otherwise. */
static void answer_tick(struct wire *wire)
{
    if (node__now_ms(wire->node) - wire->out.written_ms >= NODE_TICK_ANSWER_MS)
        send_tick(wire);
}

void node__wire_ticked(struct wire *wire)
{
    answer_tick(wire);
}

void node__wire_probe(struct wire *wire)
{
    send_tick(wire);
}

void node__wire_tick(struct wire *wire)
{
    uint64_t bytes_in = load_relaxed(&wire->bytes_in);
    bool hidden = (wire->in.flags & NODE__FLAG_PUBLISHED) == 0;

    if (bytes_in != wire->heard || wire->node->is_deaf) {
        wire->heard = bytes_in; /* it is not the peer that is silent */
        wire->silent = 0;
    } else if (++wire->silent >= NODE_TICK_INTENSITY) {
        node__conn_close(wire->conn, AGNER_ETIMEOUT,
                         "nothing was received for the tick time");
        return;
    }
    if (!wire->node->is_deaf &&
        node__sequences_age(&wire->in.sequences, NODE_TICK_INTENSITY)) {
        node__limit_meet(wire->node, NODE_LIMIT_TICK_TIME);
        node__conn_close(wire->conn, AGNER_EPROTO,
                         "a fragmented message was not finished");
        return;
    }
    measure(wire);
    node__records_trim(&wire->conn->records);
    /* A hidden peer may be one that ticks only when it is ticked. */
    if (wire->out.bytes == wire->told || (hidden && wire->silent > 0))
        send_tick(wire);
    wire->told = wire->out.bytes;
}

/* ---- Signals
 * ------------------------------------------------------------------ */

static enum agner_err deliver(struct wire *wire,
                              const struct node__arrived *arrived,
                              struct agner_error *error)
{
    struct node *node = wire->node;
    struct etf_self self = node__self(node);
    struct node__control_peer from = { .name = wire->peer->name,
                                       .flags = wire->in.flags,
                                       .self = &self,
                                       .budget = &wire->budget };
    struct rt_signal signal;
    enum node__verdict verdict;
    enum agner_err err = node__control_decode(arrived, &from, &wire->scratch,
                                              &signal, &verdict, error);

    if (err != AGNER_OK)
        return err;
    signal.denied = load_relaxed(&wire->denied);
    if (verdict == NODE__DELIVER) {
        err = rt__arrive(node->rt, &signal);
        /* A lost message is counted there; without a lost signal the two sides
         * would not agree any more (G15). */
        if (err != AGNER_ENOMEM || node__is_message(&signal))
            err = AGNER_OK;
        else
            (void)agner_fail(error, err, "no memory for a signal");
    }
    if (!etf__region_is_clean(&wire->scratch))
        etf_region_reset(&wire->scratch);
    return err;
}

/* What a packet may intern is the peer's, whatever connection it comes by, and
 * no more than all peers together still may. */
static void lend_atoms(struct wire *wire)
{
    uint32_t of_peer = wire->peer->atoms_left;
    uint32_t of_all = wire->node->atoms_left;

    wire->budget.left = of_peer < of_all ? of_peer : of_all;
    wire->lent = wire->budget.left;
}

static void take_atoms_back(struct wire *wire)
{
    uint32_t used = wire->lent - wire->budget.left;

    wire->peer->atoms_left -= used;
    wire->node->atoms_left -= used;
    if (wire->budget.refused == 0)
        return;
    wire->budget.refused = 0;
    node__limit_meet(wire->node, wire->peer->atoms_left == 0
                                     ? NODE_LIMIT_ATOMS_PEER
                                     : NODE_LIMIT_ATOMS);
}

/* One packet, without its length, which lies in `source` or nowhere in
 * particular; `placed` is where all but its head is, or NULL. */
static void take_packet(struct wire *wire, const uint8_t *packet, size_t size,
                        struct etf_blob *source, const uint8_t *placed)
{
    const struct node *node = wire->node;
    struct node__arrived arrived;
    struct agner_error error;
    enum agner_err err;

    if (size == 0) {
        answer_tick(wire);
        return;
    }
    store_relaxed(&wire->packets_in, load_relaxed(&wire->packets_in) + 1);
    lend_atoms(wire);
    err = placed != NULL
              ? node__packet_read_placed(&wire->in, packet, placed, size,
                                         &arrived, &error)
              : node__packet_read(&wire->in, packet, size, &arrived, &error);
    if (err == AGNER_OK && arrived.terms != NULL) {
        if (arrived.sequence == NULL)
            arrived.source = source;
        err = deliver(wire, &arrived, &error);
        node__arrived_fini(&arrived);
    }
    take_atoms_back(wire);
    if (err == AGNER_ELIMIT)
        node__limit_meet(wire->node,
                         wire->in.sequences.count == node->limits.sequences
                             ? NODE_LIMIT_SEQUENCES
                             : NODE_LIMIT_PACKET);
    if (err != AGNER_OK)
        node__conn_close(wire->conn, err, "bad packet of %zu bytes: %s", size,
                         error.text);
}

/* ---- Framing
 * ----------------------------------------------------------------- */

static size_t packet_size(const uint8_t *length)
{
    return (size_t)length[0] << 24 | (size_t)length[1] << 16 |
           (size_t)length[2] << 8 | length[3];
}

/* False: closed, since the packet would be too large. */
static bool check_size(struct wire *wire, size_t size)
{
    if (size <= wire->node->packet_max)
        return true;
    node__limit_meet(wire->node, NODE_LIMIT_PACKET);
    node__conn_close(wire->conn, AGNER_ELIMIT,
                     "too large: a packet of %zu bytes", size);
    return false;
}

/* The packets that are whole in `bytes`; returns what they took. */
static size_t take_whole(struct wire *wire, const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (size - at >= LENGTH_SIZE && wire->conn->phase == CONN_UP) {
        size_t packet = packet_size(bytes + at);

        if (!check_size(wire, packet) || size - at - LENGTH_SIZE < packet)
            break;
        take_packet(wire, bytes + at + LENGTH_SIZE, packet, NULL, NULL);
        at += LENGTH_SIZE + packet;
    }
    return at;
}

/* Bytes that the packet in `partial` lacks: first those of its length. */
static size_t lacks(const struct wire *wire)
{
    const struct node__gather *partial = &wire->partial;

    if (partial->size < LENGTH_SIZE)
        return LENGTH_SIZE - partial->size;
    return LENGTH_SIZE + packet_size(node__gather_bytes(partial)) -
           partial->size - wire->direct_size;
}

static void take_partial(struct wire *wire)
{
    struct node__gather *partial = &wire->partial;
    const uint8_t *bytes = node__gather_bytes(partial), *placed = wire->direct;

    wire->direct = NULL;
    wire->direct_size = 0;
    take_packet(wire, bytes + LENGTH_SIZE, packet_size(bytes), partial->blob,
                placed);
    node__gather_clear(partial, PARTIAL_KEEP, &wire->node->lent);
}

/* If `partial` has the head of a further fragment that lacks much, the rest of
 * it need not go through there. A fragment gets no more room at once than any
 * packet. */
static void direct(struct wire *wire)
{
    static const size_t head = LENGTH_SIZE + NODE__FURTHER_HEAD;
    struct node__gather *partial = &wire->partial;
    const uint8_t *bytes = node__gather_bytes(partial);

    if (wire->direct != NULL || partial->size < head ||
        packet_size(bytes) > PLACE_MAX || lacks(wire) < PLACE_MIN)
        return;
    wire->direct_room = node__packet_place(&wire->in, bytes + LENGTH_SIZE,
                                           packet_size(bytes), &wire->direct);
    if (wire->direct_room == 0)
        return;
    wire->direct_size = partial->size - head;
    memcpy(wire->direct, bytes + head, wire->direct_size);
    partial->size = head;
}

/* Puts bytes of the packet behind those that have come. */
static enum agner_err add_part(struct wire *wire, const uint8_t *bytes,
                               size_t size)
{
    if (wire->direct == NULL)
        return node__gather_add(&wire->partial, bytes, size);
    memcpy(wire->direct + wire->direct_size, bytes, size);
    wire->direct_size += size;
    return AGNER_OK;
}

/* Room for the packet that begins at `bytes`, at once: a block that grows would
 * be copied. Its length is checked. */
static void begin_partial(struct wire *wire, const uint8_t *bytes, size_t size)
{
    size_t room = LENGTH_SIZE + PLACE_MORE;

    if (size < LENGTH_SIZE)
        return;
    room += packet_size(bytes);
    if (room > PLACE_MAX)
        room = PLACE_MAX;
    node__gather_reuse(&wire->partial, room, &wire->node->lent);
    /* Without memory it is noticed when bytes are added. */
    (void)node__gather_reserve(&wire->partial, room);
}

/* Goes on with the packet in `partial`; returns what it took. */
static size_t continue_partial(struct wire *wire, const uint8_t *bytes,
                               size_t size)
{
    size_t part;
    bool was_length = wire->partial.size < LENGTH_SIZE;

    if (wire->partial.size == 0)
        begin_partial(wire, bytes, size);
    part = lacks(wire);
    if (part > size)
        part = size;
    if (add_part(wire, bytes, part) != AGNER_OK) {
        node__conn_close(wire->conn, AGNER_ENOMEM, "no memory for a packet");
        return part;
    }
    if (wire->partial.size < LENGTH_SIZE)
        return part;
    if (was_length &&
        !check_size(wire, packet_size(node__gather_bytes(&wire->partial))))
        return part;
    if (lacks(wire) == 0)
        take_partial(wire);
    else
        direct(wire);
    return part;
}

/* Where what is missing goes. */
static uint8_t *in_place(const struct wire *wire)
{
    const struct node__gather *partial = &wire->partial;

    if (wire->direct != NULL)
        return wire->direct + wire->direct_size;
    return partial->blob == NULL ? NULL
                                 : node__gather_bytes(partial) + partial->size;
}

/* A few bytes more than are missing, so that the length of the next packet
 * comes along. A packet gets no more room than twice what has come of it, once
 * it is large. */
size_t node__wire_place(struct wire *wire, uint8_t **bytes)
{
    struct node__gather *partial = &wire->partial;
    size_t room = partial->size < PLACE_MAX ? PLACE_MAX : partial->size;

    if (partial->size < LENGTH_SIZE || lacks(wire) < PLACE_MIN)
        return 0;
    if (wire->direct != NULL)
        room = wire->direct_room - wire->direct_size;
    if (room > lacks(wire) + PLACE_MORE)
        room = lacks(wire) + PLACE_MORE;
    if (wire->direct == NULL && node__gather_reserve(partial, room) != AGNER_OK)
        return 0; /* it is noticed when they have come */
    *bytes = in_place(wire);
    return room;
}

/* Takes what came in place, but for what belongs to the next packets: that is
 * copied to `more`. Returns how much it is. */
static size_t take_in_place(struct wire *wire, const uint8_t *bytes,
                            size_t size, uint8_t more[PLACE_MORE])
{
    size_t part = size < lacks(wire) ? size : lacks(wire);

    assert(size - part <= PLACE_MORE);
    memcpy(more, bytes + part, size - part);
    if (wire->direct != NULL)
        wire->direct_size += part;
    else
        wire->partial.size += part;
    if (lacks(wire) == 0)
        take_partial(wire);
    return size - part;
}

void node__wire_heard(struct wire *wire, size_t size)
{
    store_relaxed(&wire->bytes_in, load_relaxed(&wire->bytes_in) + size);
}

void node__wire_received(struct wire *wire, const uint8_t *bytes, size_t size)
{
    uint8_t more[PLACE_MORE];
    size_t at = 0;

    if (bytes == in_place(wire)) {
        size = take_in_place(wire, bytes, size, more);
        bytes = more;
    }
    while (at < size && wire->conn->phase == CONN_UP) {
        if (wire->partial.size == 0)
            at += take_whole(wire, bytes + at, size - at);
        if (at < size && wire->conn->phase == CONN_UP)
            at += continue_partial(wire, bytes + at, size - at);
    }
}
