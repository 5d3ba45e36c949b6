/*
 * world_uv_conn.c -- a connection from its first state to its last.
 *
 * The states are in world_uv.h. Every way out leads through rt__uv_conn_end(),
 * which closes the handle, and ends in on_closed(), where pieces that were not
 * written are given back and the owner hears `closed`: once, last, and from the
 * loop.
 */
#include "world_uv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "world_os.h"

static int init_handle(struct rt_conn *conn)
{
    int err = conn->kind == RT_ADDRESS_TCP
                  ? uv_tcp_init(&conn->loop->uv, &conn->uv.tcp)
                  : uv_pipe_init(&conn->loop->uv, &conn->uv.pipe, 0);

    conn->uv.handle.data = conn;
    return err;
}

struct rt_conn *rt__uv_conn_new(struct rt_loop *loop, enum rt_address_kind kind,
                                enum conn_state state)
{
    struct rt_conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->loop = loop;
    conn->kind = kind;
    conn->state = state;
    conn->reading = true;
    if (init_handle(conn) != 0) {
        free(conn);
        return NULL;
    }
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (loop->conns != NULL)
        loop->conns->link = &conn->next;
    loop->conns = conn;
    return conn;
}

static void free_conn(struct rt_conn *conn)
{
    assert(conn->queue.first == NULL && conn->late.first == NULL);
    rt__uv_clean(conn);
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    free(conn);
}

static void on_closed(uv_handle_t *handle)
{
    struct rt_conn *conn = handle->data;

    if (conn->state == CONN_RETRYING) {
        (void)init_handle(conn); /* it did before: this only fills in */
        rt__uv_dial_next(conn);
        return;
    }
    assert(conn->state == CONN_CLOSING);
    rt__uv_drop_writes(conn);
    if (conn->owned)
        conn->owner.closed(conn->owner.ctx, conn, conn->why, conn->text);
    free_conn(conn);
}

void rt__uv_conn_end(struct rt_conn *conn, enum agner_err why, const char *text)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn->state = CONN_CLOSING;
    conn->why = why;
    (void)snprintf(conn->text, sizeof conn->text, "%s", text);
    rt__uv_timer_stop(conn->loop, &conn->deadline);
    rt__uv_clean(conn);
    rt__uv_dial_forget(conn);
    if (!uv_is_closing(&conn->uv.handle)) /* else RETRYING: it comes anyway */
        uv_close(&conn->uv.handle, on_closed);
}

void rt__uv_conn_retry(struct rt_conn *conn)
{
    assert(conn->state == CONN_CONNECTING);
    conn->state = CONN_RETRYING;
    uv_close(&conn->uv.handle, on_closed);
}

void rt__uv_conn_fail(struct rt_conn *conn, int err)
{
    char text[80];

    rt__uv_conn_end(conn, rt__uv_code(err),
                    rt__uv_text(err, text, sizeof text));
}

static void lend_bytes(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct rt_conn *conn = handle->data;
    uint8_t *bytes = conn->loop->bytes;
    size_t size = 0;

    (void)suggested;
    if (conn->state == CONN_OPEN && conn->owner.place != NULL)
        size = conn->owner.place(conn->owner.ctx, conn, &bytes);
    *out = size > 0 ? uv_buf_init((char *)bytes, (unsigned)size)
                    : uv_buf_init((char *)conn->loop->bytes,
                                  sizeof conn->loop->bytes);
}

/* The peer has nothing more to say. For an open connection that is its end:
 * what is half closed is closed. */
static void see_end(struct rt_conn *conn)
{
    switch (conn->state) {
    case CONN_OPEN:
        rt__uv_conn_end(conn, AGNER_OK, "closed by the peer");
        break;
    case CONN_FLUSHING:
        conn->peer_done = true;
        (void)uv_read_stop(&conn->uv.stream); /* cannot fail */
        break;
    case CONN_LINGERING:
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
        break;
    case CONN_LOOKUP:
    case CONN_CONNECTING:
    case CONN_RETRYING:
    case CONN_INCOMING:
    case CONN_CLOSING:
        break;
    }
}

static void hand_over(struct rt_conn *conn, const uint8_t *bytes, size_t size)
{
    conn->loop->bytes_in += size;
    conn->owner.received(conn->owner.ctx, conn, bytes, size);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes)
{
    struct rt_conn *conn = stream->data;

    if (size == UV_EOF)
        see_end(conn);
    else if (size < 0)
        rt__uv_conn_fail(conn, (int)size);
    else if (size > 0 && conn->state == CONN_OPEN)
        hand_over(conn, (const uint8_t *)bytes->base, (size_t)size);
}

static void start_reading(struct rt_conn *conn)
{
    int err = uv_read_start(&conn->uv.stream, lend_bytes, on_read);

    if (err != 0 && err != UV_EALREADY)
        rt__uv_conn_fail(conn, err);
}

void rt__uv_conn_up(struct rt_conn *conn)
{
    assert(conn->owned);
    conn->state = CONN_OPEN;
    if (conn->kind == RT_ADDRESS_TCP)
        (void)uv_tcp_nodelay(&conn->uv.tcp, 1); /* else it is only slower */
    if (conn->reading)
        start_reading(conn);
    if (conn->queue.first != NULL)
        rt__uv_dirty(conn);
}

void rt__uv_adopt(struct rt_conn *conn, const struct rt_conn_owner *owner)
{
    conn->owner = *owner;
    conn->owned = true;
    if (conn->state == CONN_INCOMING)
        rt__uv_conn_up(conn);
}

void rt__uv_read(struct rt_conn *conn, bool on)
{
    conn->reading = on;
    if (conn->state != CONN_OPEN)
        return;
    if (on)
        start_reading(conn);
    else
        (void)uv_read_stop(&conn->uv.stream); /* cannot fail */
}

static void give_up_flush(struct rt_loop_timer *timer)
{
    struct rt_conn *conn =
        (struct rt_conn *)((char *)timer - offsetof(struct rt_conn, deadline));

    if (conn->state == CONN_LINGERING)
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
    else
        rt__uv_conn_end(conn, AGNER_ETIMEOUT,
                        "closed here; the peer did not take the rest");
}

/* Reads while it flushes, and drops it: a peer that only writes would never get
 * round to reading. */
void rt__uv_close(struct rt_conn *conn, bool flush)
{
    if (conn->state != CONN_OPEN || !flush) {
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
        return;
    }
    conn->state = CONN_FLUSHING;
    conn->deadline.fire = give_up_flush;
    rt__uv_timer_start(conn->loop, &conn->deadline, FLUSH_MS, 0);
    start_reading(conn);
    if (!conn->writing && conn->state == CONN_FLUSHING)
        rt__uv_dirty(conn);
}

int64_t rt__uv_peer_uid(struct rt_conn *conn)
{
    uv_os_fd_t fd;

    if (conn->kind != RT_ADDRESS_UNIX || uv_fileno(&conn->uv.handle, &fd) != 0)
        return -1;
    return rt__os_peer_uid(fd);
}

int64_t rt__uv_rtt_us(struct rt_conn *conn)
{
    uv_os_fd_t fd;

    if (conn->kind != RT_ADDRESS_TCP || uv_fileno(&conn->uv.handle, &fd) != 0)
        return -1;
    return rt__os_rtt_us(fd);
}
