/*
 * sim_bytes.c -- bytes on their way: out of a queue, into the other end's
 * window, out of that.
 *
 * Nothing is reordered, doubled or lost inside a connection. What is drawn:
 * where writes and reads are cut, how long each chunk takes, and its faults.
 */
#include "sim_net.h"

#include <assert.h>
#include <string.h>

#define CHUNK_MAX 65536u

uint64_t sim__net_delay_ns(struct sim *sim)
{
    const struct sim_options *options = &sim->options;

    return 1000 * (options->delay_min_us +
                   sim__exponential(sim, options->delay_mean_us));
}

uint64_t sim__delay_ns(struct rt_conn *conn)
{
    if (conn->kind == RT_ADDRESS_UNIX)
        return 1000 + sim_draw(conn->sim, 20000);
    return sim__net_delay_ns(conn->sim);
}

/* As often as options say: cut anywhere, or to a single byte. */
static size_t cut(struct sim *sim, size_t size)
{
    if (size < 2 || !sim__chance(sim, sim->options.cut_ppm))
        return size;
    return sim_draw(sim, 3) == 2 ? 1 : size - (size_t)sim_draw(sim, size);
}

/* ---- Writing ----------------------------------------------------------------
 */

void sim__write(struct rt_conn *conn, struct rt_write *write)
{
    write_list_append(conn->state >= END_FLUSHING ? &conn->late : &conn->queue,
                      write);
}

void sim__drop_writes(struct rt_conn *conn)
{
    assert(conn->state == END_CLOSING);
    write_list_tell(&conn->queue,
                    conn->why == AGNER_OK ? AGNER_ENOCONN : conn->why);
    write_list_tell(&conn->late, AGNER_ENOCONN);
}

uint64_t sim__reset_ns(const struct rt_conn *conn)
{
    const struct window *in = &conn->in;

    if (in->cut_off || in->silent || in->reset_ns == RT_NEVER)
        return RT_NEVER;
    return in->reset_ns < in->clogged_ns ? in->clogged_ns : in->reset_ns;
}

static bool is_reset(const struct rt_conn *conn)
{
    return sim__reset_ns(conn) <= conn->sim->now_ns;
}

/* Bytes that can leave now. Where nobody is, they vanish; where nobody answers,
 * only until the system has no room for more. */
static size_t room(const struct rt_conn *conn)
{
    const struct rt_conn *peer = conn->peer;

    if (peer == NULL && conn->in.silent)
        return conn->in.size > conn->lost ? (size_t)(conn->in.size - conn->lost)
                                          : 0;
    if (peer == NULL || conn->shut)
        return CHUNK_MAX;
    return peer->in.size - (size_t)(peer->in.in - peer->in.out);
}

bool sim__can_say(const struct rt_conn *conn)
{
    if (conn->state != END_OPEN && conn->state != END_FLUSHING)
        return false;
    if (conn->queue.first == NULL)
        return conn->state == END_FLUSHING;
    return is_reset(conn) || room(conn) > 0 ||
           conn->queue.first->size == conn->sent;
}

static size_t queued(const struct rt_conn *conn, size_t max)
{
    const struct rt_write *write;
    size_t size = 0;

    for (write = conn->queue.first; write != NULL && size < max;
         write = write->handle)
        size += write->size;
    size -= conn->queue.first == NULL ? 0 : conn->sent;
    return size < max ? size : max;
}

static void put(struct window *window, const uint8_t *bytes, size_t size)
{
    size_t at = (size_t)(window->in % window->size);
    size_t first = window->size - at < size ? window->size - at : size;

    memcpy(window->ring + at, bytes, first);
    if (first < size)
        memcpy(window->ring, bytes + first, size - first);
    window->in += size;
}

/* Moves `size` bytes from the queue to `to`, or nowhere if that is NULL, and
 * what is complete then to `complete`. */
static void move(struct rt_conn *conn, struct window *to, size_t size,
                 struct write_list *complete)
{
    while (conn->queue.first != NULL) {
        struct rt_write *write = conn->queue.first;
        size_t left = write->size - conn->sent;
        size_t piece = left < size ? left : size;

        if (to != NULL && piece > 0)
            put(to, write->bytes + conn->sent, piece);
        conn->sent += piece;
        size -= piece;
        if (conn->sent < write->size)
            return;
        conn->sent = 0;
        write_list_append(complete, write_list_take(&conn->queue));
    }
}

static void flip_a_bit(struct sim *sim, struct window *window, size_t size)
{
    uint64_t at = window->in - 1 - sim_draw(sim, size);

    window->ring[at % window->size] ^= (uint8_t)(1u << sim_draw(sim, 8));
}

/* Without a mark to spare the newest bytes arrive with those before them. */
static void set_mark(struct rt_conn *conn, struct window *to, size_t size)
{
    uint64_t at_ns = conn->sim->now_ns + sim__delay_ns(conn);
    uint64_t bandwidth = conn->sim->options.bandwidth;

    if (bandwidth > 0 && conn->kind == RT_ADDRESS_TCP) {
        if (to->line_ns < conn->sim->now_ns)
            to->line_ns = conn->sim->now_ns;
        to->line_ns += size * UINT64_C(1000000000) / bandwidth;
        if (at_ns < to->line_ns)
            at_ns = to->line_ns;
    }
    if (at_ns < to->last_ns)
        at_ns = to->last_ns;
    to->last_ns = at_ns;
    if (to->mark_count < MARKS)
        to->mark_count++;
    to->marks[(to->mark_first + to->mark_count - 1) % MARKS] =
        (struct mark){ at_ns, to->in };
}

/* All is out: the peer will hear the end, and we wait for its own. */
static void linger(struct rt_conn *conn)
{
    struct rt_conn *peer = conn->peer;
    uint64_t at_ns = conn->sim->now_ns + sim__delay_ns(conn);

    conn->state = END_LINGERING;
    if (peer != NULL)
        peer->in.end_ns = at_ns > peer->in.last_ns ? at_ns : peer->in.last_ns;
    if (conn->peer_done)
        sim__conn_end(conn, AGNER_OK, "closed here");
}

static void send_chunk(struct rt_conn *conn)
{
    struct sim *sim = conn->sim;
    struct rt_conn *peer = conn->shut ? NULL : conn->peer;
    size_t space = room(conn);
    size_t size = cut(sim, queued(conn, space < CHUNK_MAX ? space : CHUNK_MAX));
    struct write_list complete = { NULL, NULL };

    move(conn, peer == NULL ? NULL : &peer->in, size, &complete);
    sim__event(sim, "bytes out", conn->hear.number, size);
    if (peer == NULL) {
        conn->lost += size;
        if (!conn->in.silent && !conn->shut && conn->in.reset_ns == RT_NEVER)
            conn->in.reset_ns = sim->now_ns + 2 * sim__delay_ns(conn);
    } else if (size > 0) {
        set_mark(conn, &peer->in, size);
        if (conn->kind == RT_ADDRESS_TCP) {
            if (sim__fault(sim, sim->options.flip_ppm))
                flip_a_bit(sim, &peer->in, size);
            sim__chunk_faults(conn, peer);
        }
    }
    write_list_tell(&complete, AGNER_OK);
}

void sim__say(struct rt_conn *conn)
{
    if (is_reset(conn))
        sim__conn_end(conn, AGNER_ESYSTEM, "connection reset by peer");
    else if (conn->queue.first == NULL)
        linger(conn);
    else
        send_chunk(conn);
}

/* ---- Reading ------------------------------------------------------------ */

/* The first mark is always that of the next byte: older ones are taken away as
 * their bytes are. */
uint64_t sim__heard_ns(const struct rt_conn *conn)
{
    const struct window *in = &conn->in;
    uint64_t next_ns =
        in->mark_count > 0 ? in->marks[in->mark_first].at_ns : in->end_ns;

    if (in->cut_off || in->silent)
        return RT_NEVER;
    if (in->reset_ns < next_ns)
        next_ns = in->reset_ns;
    return next_ns < in->clogged_ns ? in->clogged_ns : next_ns;
}

size_t sim__take_arrived(struct rt_conn *conn, size_t max,
                         const uint8_t **bytes)
{
    struct window *in = &conn->in;
    uint64_t end = in->out;
    size_t at = (size_t)(in->out % in->size);
    size_t size;
    unsigned i;

    for (i = 0; i < in->mark_count; i++) {
        const struct mark *mark = &in->marks[(in->mark_first + i) % MARKS];

        if (mark->at_ns > conn->sim->now_ns)
            break;
        end = mark->end;
    }
    size = (size_t)(end - in->out);
    if (size > in->size - at)
        size = in->size - at;
    if (size > RECEIVE_MAX)
        size = RECEIVE_MAX;
    if (size > max)
        size = max;
    size = cut(conn->sim, size);
    *bytes = in->ring + at;
    in->out += size;
    while (in->mark_count > 0 && in->marks[in->mark_first].end <= in->out) {
        in->mark_first = (in->mark_first + 1) % MARKS;
        in->mark_count--;
    }
    sim__event(conn->sim, "bytes in", conn->hear.number,
               sim__hash_bytes(*bytes, size));
    return size;
}
