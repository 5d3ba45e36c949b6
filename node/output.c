/*
 * output.c -- chunks, pieces, bulks and lanes of output.h.
 *
 * A piece is what the net is given to write: a chunk's bytes, or a slice of a
 * bulk's terms. A bulk has one slice on its way at a time; the slice's head is
 * in the chunk before it.
 *
 * `queued` counts every byte once: in a chunk, in a slice on its way, left in a
 * bulk, or waiting in a lane.
 */
#include "output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>
#include <etf_door.h>

#include "flags.h"
#include "node_room.h"
#include "wire.h"

#define CHUNK_SIZE 32768u /* bytes from which a chunk gets no more */
#define CHUNK_KEEP 65536u /* a chunk that grew past this is not kept */
#define SPARE_MAX  4
#define COPY_MAX   4096u   /* terms up to that are copied into a chunk */
#define SEAL_MAX   131072u /* bytes of copies from which no more is sealed */

#define HEADER_FLAGS (NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS)

enum piece_kind { PIECE_CHUNK, PIECE_SLICE };

struct out_piece {
    struct rt_write write;
    struct out_piece *next;
    struct output *out; /* borrowed: outlives its writes */
    enum piece_kind kind;
    uint32_t messages; /* that begin here, for the count of dropped ones */
    size_t size;       /* bytes of `queued` */
    struct out_sealed *sealed; /* owned: what is written of it, or NULL */
};

struct out_chunk {
    struct out_piece piece; /* first: a chunk is a piece */
    struct etf_buffer bytes;
    struct out_chunk *next_spare;
};

/* A message behind its sender's bulk. */
struct waiting {
    struct waiting *next;
    struct parcel parcel; /* owned, but for `atoms`, which are below */
    bool has_atoms;
    struct node__atoms atoms;
};

struct out_bulk {
    struct out_piece slice; /* first: a slice is a piece */
    struct out_bulk *next;
    etf_pid sender;
    struct etf_buffer terms; /* owned */
    struct etf_blob *blob;   /* one count, or NULL: it is written out of that */
    struct node__rest rest;
    bool busy; /* the slice is ready, or being written */
    struct waiting *waiting, *waiting_last;
};

void node__output_init(struct output *out, struct node *node, struct peer *peer,
                       struct rt_conn *net, uint64_t flags,
                       struct noise_record *seal)
{
    out->seal.direction = seal;
    out->secure = seal != NULL;
    out->node = node;
    out->peer = peer;
    out->net = net;
    out->flags = flags;
    out->fragment_size = node->fragment_size;
}

/* ---- Pieces ---------------------------------------------------------------
 */

static void append(struct output *out, struct out_piece *piece)
{
    piece->next = NULL;
    if (out->last == NULL)
        out->first = piece;
    else
        out->last->next = piece;
    out->last = piece;
}

static void piece_done(struct rt_write *write, enum agner_err err);

static void piece_init(struct out_piece *piece, struct output *out,
                       enum piece_kind kind)
{
    memset(piece, 0, sizeof *piece);
    piece->write.done = piece_done;
    piece->out = out;
    piece->kind = kind;
}

static void chunk_free(struct out_chunk *chunk)
{
    etf_buffer_fini(&chunk->bytes);
    free(chunk);
}

/* Room for the head of its record; false: no memory. */
static bool begin_chunk(const struct output *out, struct out_chunk *chunk)
{
    static const uint8_t head[SEAL_HEAD];

    return !out->secure ||
           etf_buffer_add(&chunk->bytes, head, sizeof head) == AGNER_OK;
}

/* A ready chunk with room, which is the last piece; NULL: no memory. */
static struct out_chunk *open_chunk(struct output *out)
{
    struct out_chunk *chunk = out->open;

    if (chunk != NULL && chunk->bytes.size < CHUNK_SIZE)
        return chunk;
    chunk = out->spare;
    if (chunk != NULL) {
        out->spare = chunk->next_spare;
        out->spare_count--;
    } else {
        chunk = calloc(1, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
    }
    if (!begin_chunk(out, chunk)) {
        chunk_free(chunk);
        return NULL;
    }
    piece_init(&chunk->piece, out, PIECE_CHUNK);
    append(out, &chunk->piece);
    out->open = chunk;
    return chunk;
}

static void recycle(struct output *out, struct out_chunk *chunk)
{
    if (out->spare_count == SPARE_MAX || chunk->bytes.capacity > CHUNK_KEEP) {
        chunk_free(chunk);
        return;
    }
    chunk->bytes.size = 0;
    chunk->next_spare = out->spare;
    out->spare = chunk;
    out->spare_count++;
}

static void drop_blob(struct etf_blob *blob)
{
    if (blob != NULL)
        etf__blob_drop(blob);
}

static void waiting_free(struct waiting *w)
{
    while (w != NULL) {
        struct waiting *next = w->next;

        etf_buffer_fini(&w->parcel.terms);
        drop_blob(w->parcel.blob);
        free(w);
        w = next;
    }
}

static void bulk_free(struct out_bulk *bulk)
{
    waiting_free(bulk->waiting);
    etf_buffer_fini(&bulk->terms);
    drop_blob(bulk->blob);
    free(bulk);
}

/* ---- Adding ----------------------------------------------------------------
 */

static bool is_same_sender(const etf_pid *a, const etf_pid *b)
{
    return a->id == b->id && a->serial == b->serial;
}

static struct out_bulk *lane_of(struct output *out, const etf_pid *sender)
{
    struct out_bulk *bulk = out->bulks;

    while (bulk != NULL && !is_same_sender(&bulk->sender, sender))
        bulk = bulk->next;
    return bulk;
}

static size_t size_of(const struct parcel *parcel)
{
    return parcel->terms.size + parcel->tail_size;
}

/* The terms become the caller's, or a copy of them does. */
static enum agner_err take_terms(struct parcel *parcel,
                                 struct etf_buffer *terms)
{
    memset(terms, 0, sizeof *terms);
    if (parcel->borrowed)
        return etf_buffer_add(terms, parcel->terms.data, parcel->terms.size);
    *terms = parcel->terms;
    memset(&parcel->terms, 0, sizeof parcel->terms);
    return AGNER_OK;
}

static enum agner_err wait_in_lane(struct output *out, struct out_bulk *bulk,
                                   struct parcel *parcel)
{
    struct waiting *w = malloc(sizeof *w);

    if (w == NULL)
        return AGNER_ENOMEM;
    w->parcel = *parcel;
    if (take_terms(parcel, &w->parcel.terms) != AGNER_OK) {
        free(w);
        return AGNER_ENOMEM;
    }
    parcel->blob = NULL;
    w->parcel.borrowed = false;
    w->next = NULL;
    w->has_atoms = parcel->atoms != NULL;
    if (w->has_atoms)
        w->atoms = *parcel->atoms;
    if (bulk->waiting_last == NULL)
        bulk->waiting = w;
    else
        bulk->waiting_last->next = w;
    bulk->waiting_last = w;
    out->queued += size_of(&w->parcel);
    return AGNER_OK;
}

static struct node__message message_of(const struct parcel *parcel)
{
    return (struct node__message){
        .terms = parcel->terms.data,
        .size = size_of(parcel),
        .control_size = parcel->control_size,
        .tail = parcel->tail,
        .tail_size = parcel->tail_size,
        .atoms = parcel->atoms,
    };
}

static enum agner_err add_small(struct output *out, const struct parcel *parcel)
{
    struct out_chunk *chunk = open_chunk(out);
    struct node__message message = message_of(parcel);
    struct node__rest rest;
    size_t before;
    enum agner_err err;

    if (chunk == NULL)
        return AGNER_ENOMEM;
    before = chunk->bytes.size;
    err = node__packet_first(&chunk->bytes, out->flags, &out->cache, &message,
                             out->fragment_size, 0, &rest);
    if (err != AGNER_OK)
        return err;
    assert(rest.left == 0); /* COPY_MAX is less than a fragment */
    out->queued += chunk->bytes.size - before;
    chunk->piece.messages++;
    return AGNER_OK;
}

static void push_slice(struct output *out, struct out_bulk *bulk,
                       const uint8_t *bytes, size_t size)
{
    piece_init(&bulk->slice, out, PIECE_SLICE);
    bulk->slice.write.bytes = bytes;
    bulk->slice.write.size = size;
    bulk->slice.size = size;
    bulk->busy = true;
    append(out, &bulk->slice);
    out->open = NULL;
}

static void into_ring(struct output *out, struct out_bulk *bulk)
{
    bulk->next = NULL;
    if (out->bulk_last == NULL)
        out->bulks = bulk;
    else
        out->bulk_last->next = bulk;
    out->bulk_last = bulk;
}

/* What goes into one packet of this message. A few bytes over the size are not
 * worth a second one; otherwise a binary of just that size would need it. */
static size_t fragment_size(const struct output *out,
                            const struct parcel *parcel)
{
    size_t size = out->fragment_size;

    return size_of(parcel) <= size + size / 16 ? size + size / 16 : size;
}

/* *started is the bulk if it has more fragments than the first, else NULL. */
static enum agner_err add_large(struct output *out, struct parcel *parcel,
                                struct out_bulk **started)
{
    struct out_bulk *bulk = calloc(1, sizeof *bulk);
    struct out_chunk *chunk = open_chunk(out);
    struct node__message message = message_of(parcel);
    const uint8_t *slice = parcel->tail;
    size_t before, size;

    *started = NULL;
    if (bulk == NULL || chunk == NULL)
        goto no_memory;
    before = chunk->bytes.size;
    if (node__packet_first_head(&chunk->bytes, out->flags, &out->cache,
                                &message, fragment_size(out, parcel),
                                ++out->sequence, &bulk->rest,
                                &size) != AGNER_OK)
        goto no_memory;
    if (parcel->tail_size == 0) {
        /* Not borrowed: what lies on a stack is small. */
        (void)take_terms(parcel, &bulk->terms);
        slice = bulk->terms.data;
    }
    bulk->blob = parcel->blob;
    parcel->blob = NULL;
    bulk->sender = parcel->sender;
    out->queued += chunk->bytes.size - before + size + bulk->rest.left;
    chunk->piece.messages++;
    push_slice(out, bulk, slice, size);
    if (bulk->rest.left > 0) {
        into_ring(out, bulk);
        *started = bulk;
    }
    return AGNER_OK;

no_memory:
    free(bulk);
    return AGNER_ENOMEM;
}

/* Puts a message behind everything that is ready. In the pass-through form the
 * payload does not follow the control message directly, so it is copied. */
static enum agner_err add_now(struct output *out, struct parcel *parcel,
                              struct out_bulk **started)
{
    *started = NULL;
    if (parcel->tail_size == 0 &&
        (parcel->borrowed || parcel->terms.size <= COPY_MAX ||
         !(out->flags & HEADER_FLAGS)))
        return add_small(out, parcel);
    return add_large(out, parcel, started);
}

static void mark_over(struct output *out)
{
    if (out->over || out->queued <= out->node->high_mark)
        return;
    out->over = true;
    rt__gate_shut(&out->peer->gate);
    store_relaxed(&out->peer->shut, 1);
}

static void ask_loop(struct output *out, bool *wake)
{
    *wake = !out->busy;
    out->busy = true;
}

enum agner_err node__output_add(struct output *out, struct parcel *parcel,
                                bool *wake)
{
    struct out_bulk *bulk = lane_of(out, &parcel->sender);
    enum agner_err err = bulk != NULL ? wait_in_lane(out, bulk, parcel)
                                      : add_now(out, parcel, &bulk);

    if (err != AGNER_OK)
        return err;
    out->packets++;
    mark_over(out);
    ask_loop(out, wake);
    return AGNER_OK;
}

/* A chunk in which nothing is, or nothing yet. */
static enum agner_err sealed_tick(struct output *out, bool *wake)
{
    if (out->first == NULL && open_chunk(out) == NULL)
        return AGNER_ENOMEM;
    ask_loop(out, wake);
    return AGNER_OK;
}

enum agner_err node__output_tick(struct output *out, bool *wake)
{
    static const uint8_t tick[4];
    struct out_chunk *chunk;
    enum agner_err err = AGNER_ENOMEM;

    if (out->secure)
        return sealed_tick(out, wake);
    chunk = open_chunk(out);
    if (chunk != NULL)
        err = etf_buffer_add(&chunk->bytes, tick, sizeof tick);
    if (err != AGNER_OK)
        return err;
    out->queued += sizeof tick;
    ask_loop(out, wake);
    return AGNER_OK;
}

/* ---- Bulks, one round of fragments ------------------------------------------
 */

/* The bulk is out but for its last slice: what waited behind it follows, up to
 * the next bulk, behind which the rest waits. */
static enum agner_err leave_lane(struct output *out, struct out_bulk *bulk)
{
    struct out_bulk *next = NULL;
    enum agner_err err = AGNER_OK;

    while (bulk->waiting != NULL && next == NULL && err == AGNER_OK) {
        struct waiting *w = bulk->waiting;

        w->parcel.atoms = w->has_atoms ? &w->atoms : NULL;
        bulk->waiting = w->next;
        if (bulk->waiting == NULL)
            bulk->waiting_last = NULL;
        out->queued -= size_of(&w->parcel);
        err = add_now(out, &w->parcel, &next);
        w->next = NULL;
        waiting_free(w);
    }
    if (next != NULL) {
        next->waiting = bulk->waiting;
        next->waiting_last = bulk->waiting_last;
    } else {
        waiting_free(bulk->waiting);
    }
    bulk->waiting = NULL;
    bulk->waiting_last = NULL;
    return err;
}

static enum agner_err add_fragment(struct output *out, struct out_bulk *bulk)
{
    struct out_chunk *chunk = open_chunk(out);
    const uint8_t *terms;
    size_t size, before;
    enum agner_err err;

    if (chunk == NULL)
        return AGNER_ENOMEM;
    before = chunk->bytes.size;
    err = node__packet_further_head(&chunk->bytes, &bulk->rest, &terms, &size);
    if (err != AGNER_OK)
        return err;
    out->queued += chunk->bytes.size - before;
    push_slice(out, bulk, terms, size);
    return AGNER_OK;
}

/* One fragment of each bulk. Those that are complete leave the ring, and those
 * that start meanwhile have their first fragment ready already. */
static enum agner_err add_fragments(struct output *out)
{
    struct out_bulk *bulk = out->bulks;
    enum agner_err err = AGNER_OK;

    out->bulks = NULL;
    out->bulk_last = NULL;
    while (bulk != NULL) {
        struct out_bulk *next = bulk->next;

        if (err == AGNER_OK && !bulk->busy)
            err = add_fragment(out, bulk);
        if (bulk->rest.left > 0)
            into_ring(out, bulk);
        else if (err == AGNER_OK)
            err = leave_lane(out, bulk);
        bulk = next;
    }
    return err;
}

/* ---- Sealing (loop thread, without the lock) ---------------------------- */

static enum agner_err seal_copy(struct output *out, struct out_piece *piece,
                                const uint8_t *bytes)
{
    enum agner_err err =
        node__seal_copy(&out->seal, bytes, piece->size, &piece->sealed);

    if (err != AGNER_OK)
        return err;
    piece->write.bytes = piece->sealed->bytes;
    piece->write.size = node__sealed_size(piece->size);
    return AGNER_OK;
}

static enum agner_err seal_chunk(struct output *out, struct out_chunk *chunk)
{
    enum agner_err err;

    if (chunk->piece.size > NOISE_TEXT_MAX)
        return seal_copy(out, &chunk->piece, chunk->bytes.data + SEAL_HEAD);
    err = node__seal_in_place(&out->seal, &chunk->bytes,
                              &chunk->piece.write.size);
    chunk->piece.write.bytes = chunk->bytes.data;
    return err;
}

/* Makes records of a piece. When it fails, none of those behind it may be
 * written either: their bytes would not follow on what the peer has. */
static enum agner_err seal(struct output *out, struct out_piece *piece)
{
    if (out->net == NULL)
        return AGNER_ENOCONN; /* closed meanwhile, and the keys are gone */
    if (piece->kind == PIECE_CHUNK) /* its first member */
        return seal_chunk(out, (struct out_chunk *)piece);
    return seal_copy(out, piece, piece->write.bytes);
}

/* ---- Writing
 * ------------------------------------------------------------------ */

/* A piece that gets no more bytes. */
static void close_piece(struct output *out, struct out_piece *piece)
{
    if (piece->kind == PIECE_CHUNK) {
        /* A chunk is a piece's first member. */
        struct out_chunk *chunk = (struct out_chunk *)piece;

        piece->write.bytes = chunk->bytes.data;
        piece->write.size = chunk->bytes.size;
        piece->size = chunk->bytes.size - (out->secure ? SEAL_HEAD : 0);
    }
    out->flying += piece->size;
    out->bytes += out->secure ? node__sealed_size(piece->size) : piece->size;
}

/* Under the lock: what may be written now, or NULL. Of what is copied when it
 * is sealed that is not all at once: the peer opens the first records while the
 * next ones are sealed, and these few copies fit into the processor's cache, as
 * the same memory each time. */
static struct out_piece *take_ready(struct output *out)
{
    struct out_piece *first, *last = NULL;
    size_t copied = 0; /* when it is sealed */

    if (out->net == NULL || out->flying > 0)
        return NULL;
    if (add_fragments(out) != AGNER_OK)
        out->broken = true;
    first = out->first;
    while (out->first != NULL && (!out->secure || copied < SEAL_MAX)) {
        last = out->first;
        close_piece(out, last);
        copied += last->kind == PIECE_SLICE ? last->size : 0;
        out->first = last->next;
    }
    if (out->first == NULL) {
        out->last = NULL;
        out->open = NULL;
    }
    if (last == NULL)
        out->busy = false;
    else
        last->next = NULL;
    return first;
}

/* Writes pieces in order, as records on a secure link. */
static void write_all(struct output *out, struct rt_conn *net,
                      struct out_piece *piece)
{
    enum agner_err err = AGNER_OK;

    while (piece != NULL) {
        struct out_piece *next = piece->next; /* done() may free it */

        if (out->secure && err == AGNER_OK)
            err = seal(out, piece);
        if (err == AGNER_OK) {
            rt__traffic(out->node->rt, 0, piece->write.size);
            out->node->net->write(net, &piece->write);
        } else {
            piece->write.done(&piece->write, err);
        }
        piece = next;
    }
}

void node__output_flush(struct output *out)
{
    struct out_piece *piece;

    if (out->flushing)
        return; /* a write was done at once: the loop below goes on */
    out->flushing = true;
    do {
        struct rt_conn *net = out->net;

        rt__lock(&out->peer->lock);
        piece = take_ready(out);
        rt__unlock(&out->peer->lock);
        if (piece == NULL)
            break;
        out->written_ms = node__now_ms(out->node);
        write_all(out, net, piece);
    } while (out->flying == 0);
    out->flushing = false;
    if (out->node->draining && out->queued == 0)
        node__drained(out->node);
    if (out->broken && out->net != NULL)
        node__conn_close(node__wire_of(out)->conn, AGNER_ENOMEM,
                         "no memory for what is to be sent");
}

static void open_gate(struct output *out)
{
    if (!out->over)
        return;
    out->over = false;
    store_relaxed(&out->peer->shut, 0);
    rt__gate_open(out->node->rt, &out->peer->gate);
}

static void piece_done(struct rt_write *write, enum agner_err err)
{
    /* A piece's first member. */
    struct out_piece *piece = (struct out_piece *)write;
    struct output *out = piece->out;
    struct out_bulk *finished = NULL;
    uint32_t messages = err == AGNER_OK ? 0 : piece->messages;
    bool all;

    node__sealed_free(&out->seal, piece->sealed);
    piece->sealed = NULL;
    rt__lock(&out->peer->lock);
    out->flying -= piece->size;
    out->queued -= piece->size;
    all = out->flying == 0;
    if (piece->kind == PIECE_CHUNK) {
        recycle(out, (struct out_chunk *)piece);
    } else {
        struct out_bulk *bulk = (struct out_bulk *)piece;

        bulk->busy = false;
        if (bulk->rest.left == 0)
            finished = bulk;
    }
    if (out->queued <= out->node->high_mark / 2)
        open_gate(out);
    rt__unlock(&out->peer->lock);
    if (finished != NULL)
        bulk_free(finished);
    if (messages > 0)
        rt__dropped(out->node->rt, RT_DROP_NOCONN, messages);
    if (err != AGNER_OK && out->net != NULL)
        node__conn_close(node__wire_of(out)->conn, err, "cannot write: %s",
                         agner_strerror(err));
    else if (all)
        node__output_flush(out);
}

/* ---- The end
 * -------------------------------------------------------------------- */

/* A bulk in the ring whose slice is on its way is freed when that is done: its
 * remaining fragments are given up. */
static void drop_bulk(struct out_bulk *bulk)
{
    bulk->rest.left = 0;
    if (!bulk->busy) {
        bulk_free(bulk);
        return;
    }
    waiting_free(bulk->waiting);
    bulk->waiting = NULL;
}

/* A bulk whose slice was ready. When it was the last one it is in no ring. */
static void drop_slice(struct out_bulk *bulk)
{
    bulk->busy = false;
    if (bulk->rest.left == 0)
        bulk_free(bulk);
}

uint64_t node__output_drop(struct output *out)
{
    struct out_piece *piece = out->first;
    struct out_bulk *bulk = out->bulks;
    uint64_t messages = 0;

    out->net = NULL;
    out->first = NULL;
    out->last = NULL;
    out->open = NULL;
    out->bulks = NULL;
    out->bulk_last = NULL;
    while (piece != NULL) {
        struct out_piece *next = piece->next;

        messages += piece->messages;
        if (piece->kind == PIECE_CHUNK)
            chunk_free((struct out_chunk *)piece);
        else
            drop_slice((struct out_bulk *)piece);
        piece = next;
    }
    while (bulk != NULL) {
        struct out_bulk *next = bulk->next;

        for (const struct waiting *w = bulk->waiting; w != NULL; w = w->next)
            messages++;
        drop_bulk(bulk);
        bulk = next;
    }
    open_gate(out);
    return messages;
}

void node__output_fini(struct output *out)
{
    assert(out->flying == 0);
    while (out->spare != NULL) {
        struct out_chunk *next = out->spare->next_spare;

        chunk_free(out->spare);
        out->spare = next;
    }
    node__output_seal_fini(&out->seal);
}
