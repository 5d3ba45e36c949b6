/*
 * world_uv_write.c -- what a connection has to write, and how it leaves.
 *
 * Pieces wait in a list of their own links until the loop's turn ends; then as
 * many as fit go to the kernel in one call, straight from the owner's memory.
 * Only when the kernel takes no more is libuv given the next few pieces, and
 * its callback, which comes when they are out, goes on here. So there is no
 * memory to allocate for a write, and at most one request with libuv.
 *
 * `done` is called when the list is in order again, since it may do anything.
 */
#include "world_uv.h"

#include <assert.h>

#define PIECES_MAX        128u /* in one system call */
#define PIECES_HANDED_MAX 4u   /* libuv allocates for more */

void rt__uv_dirty(struct rt_conn *conn)
{
    struct rt_loop *loop = conn->loop;

    if (conn->dirty_link != NULL)
        return;
    conn->dirty_next = loop->dirty;
    conn->dirty_link = &loop->dirty;
    if (loop->dirty != NULL)
        loop->dirty->dirty_link = &conn->dirty_next;
    loop->dirty = conn;
}

void rt__uv_clean(struct rt_conn *conn)
{
    if (conn->dirty_link == NULL)
        return;
    *conn->dirty_link = conn->dirty_next;
    if (conn->dirty_next != NULL)
        conn->dirty_next->dirty_link = conn->dirty_link;
    conn->dirty_link = NULL;
}

void rt__uv_write(struct rt_conn *conn, struct rt_write *write)
{
    if (conn->state >= CONN_FLUSHING) {
        write_list_append(&conn->late, write);
        return;
    }
    write_list_append(&conn->queue, write);
    if (conn->state == CONN_OPEN && !conn->writing)
        rt__uv_dirty(conn);
}

/* The first pieces of the queue as libuv wants them: how many, and *total. */
static unsigned gather(const struct rt_conn *conn, uv_buf_t *pieces,
                       unsigned max, size_t *total)
{
    const struct rt_write *write;
    size_t skip = conn->sent;
    unsigned count = 0;

    *total = 0;
    for (write = conn->queue.first; write != NULL && count < max;
         write = write->handle) {
        /* libuv has one struct for reading and writing; it does not write. */
        pieces[count].base = (char *)(uintptr_t)(write->bytes + skip);
        pieces[count].len = write->size - skip;
        *total += write->size - skip;
        count++;
        skip = 0;
    }
    return count;
}

/* Moves what is complete now that `size` more bytes are out to `complete`. */
static void count_sent(struct rt_conn *conn, size_t size,
                       struct write_list *complete)
{
    while (conn->queue.first != NULL) {
        size_t left = conn->queue.first->size - conn->sent;

        if (size < left)
            break;
        size -= left;
        conn->sent = 0;
        write_list_append(complete, write_list_take(&conn->queue));
    }
    conn->sent += size;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct rt_conn *conn = req->data;

    if (conn->state == CONN_CLOSING)
        return;
    if (status != 0 || conn->peer_done)
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
}

/* Everything is out: says so to the peer. Its end of stream then tells that it
 * has read all; closing at once would lose what it has not, if it sent us
 * something that we did not read. */
static void linger(struct rt_conn *conn)
{
    int err;

    conn->state = CONN_LINGERING;
    conn->shutdown_req.data = conn;
    err = uv_shutdown(&conn->shutdown_req, &conn->uv.stream, on_shutdown);
    if (err != 0)
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
}

static void on_written(uv_write_t *req, int status)
{
    struct rt_conn *conn = req->data;
    struct write_list complete = { NULL, NULL };

    conn->writing = false;
    if (status != 0) {
        rt__uv_conn_fail(conn, status); /* nothing, if it was closed */
        return;
    }
    count_sent(conn, conn->handed, &complete);
    write_list_tell(&complete, AGNER_OK);
    if (conn->state != CONN_CLOSING)
        rt__uv_flush(conn);
}

/* The kernel's buffer is full: libuv waits for room. */
static void hand_over(struct rt_conn *conn)
{
    uv_buf_t pieces[PIECES_HANDED_MAX];
    unsigned count = gather(conn, pieces, PIECES_HANDED_MAX, &conn->handed);
    int err;

    conn->write_req.data = conn;
    err =
        uv_write(&conn->write_req, &conn->uv.stream, pieces, count, on_written);
    if (err != 0)
        rt__uv_conn_fail(conn, err);
    else
        conn->writing = true;
}

/* One call to the kernel. True: it took all that it was given. */
static bool write_some(struct rt_conn *conn, struct write_list *complete)
{
    uv_buf_t pieces[PIECES_MAX];
    size_t total;
    unsigned count = gather(conn, pieces, PIECES_MAX, &total);
    int out = total == 0 ? 0 : uv_try_write(&conn->uv.stream, pieces, count);

    conn->loop->wrote = true;
    if (out < 0 && out != UV_EAGAIN) {
        rt__uv_conn_fail(conn, out);
        return false;
    }
    if (out > 0 || total == 0)
        count_sent(conn, (size_t)out, complete);
    if (out >= 0 && (size_t)out == total)
        return true;
    hand_over(conn);
    return false;
}

void rt__uv_flush(struct rt_conn *conn)
{
    struct write_list complete = { NULL, NULL };

    if (conn->writing ||
        (conn->state != CONN_OPEN && conn->state != CONN_FLUSHING))
        return;
    while (conn->queue.first != NULL && write_some(conn, &complete))
        ;
    write_list_tell(&complete, AGNER_OK);
    if (conn->state == CONN_FLUSHING && conn->queue.first == NULL)
        linger(conn);
}

/* A `done` may write again, to the same connection: until there is no more. */
void rt__uv_drop_writes(struct rt_conn *conn)
{
    assert(conn->state == CONN_CLOSING);
    write_list_tell(&conn->queue,
                    conn->why == AGNER_OK ? AGNER_ENOCONN : conn->why);
    write_list_tell(&conn->late, AGNER_ENOCONN);
}
