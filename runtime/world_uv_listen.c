/*
 * world_uv_listen.c -- taking connections as they come.
 *
 * When none can be taken for want of descriptors or memory, the listener stops
 * looking for 100 ms, since what waits would wake it again at once; those that
 * wait stay in the kernel's queue.
 */
#include "world_uv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world_os.h"

#define ACCEPT_MAX 64u /* in one turn, so that others have theirs */
#define RETRY_MS   100u

void rt__uv_describe(const struct sockaddr_storage *address,
                     struct rt_address *out)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &v4->sin_addr, out->host, sizeof out->host);
        out->port = ntohs(v4->sin_port);
    } else if (address->ss_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            (void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out->host,
                            sizeof out->host);
        else
            (void)inet_ntop(AF_INET6, &v6->sin6_addr, out->host,
                            sizeof out->host);
        out->port = ntohs(v6->sin6_port);
    }
}

static void find_peer(int fd, const struct rt_address *here,
                      struct rt_address *from)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;

    memset(&peer, 0, sizeof peer);
    memset(from, 0, sizeof *from);
    from->kind = here->kind;
    if (here->kind == RT_ADDRESS_UNIX)
        (void)snprintf(from->host, sizeof from->host, "%s", here->host);
    else if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
        rt__uv_describe(&peer,
                        from); /* else it is gone, and reading will say so */
}

/* Takes `fd`. */
static int introduce(struct rt_listener *listener, int fd)
{
    struct rt_address from;
    struct rt_conn *conn;
    int err;

    find_peer(fd, &listener->address, &from);
    conn =
        rt__uv_conn_new(listener->loop, listener->address.kind, CONN_INCOMING);
    if (conn == NULL) {
        (void)close(fd); /* nothing was written */
        return UV_ENOMEM;
    }
    err = conn->kind == RT_ADDRESS_TCP ? uv_tcp_open(&conn->uv.tcp, fd)
                                       : uv_pipe_open(&conn->uv.pipe, fd);
    if (err != 0) {
        (void)close(fd); /* nothing was written */
        rt__uv_conn_fail(conn, err);
        return err;
    }
    listener->owner.accepted(listener->owner.ctx, listener, conn, &from);
    if (conn->state == CONN_INCOMING) /* neither adopted nor closed */
        rt__uv_conn_end(conn, AGNER_OK, "closed here");
    return 0;
}

static void start(struct rt_listener *listener);

static void try_again(struct rt_loop_timer *timer)
{
    struct rt_listener *listener =
        (struct rt_listener *)((char *)timer -
                               offsetof(struct rt_listener, retry));

    start(listener);
}

static void pause_accepting(struct rt_listener *listener, int err)
{
    char text[80];

    (void)uv_poll_stop(&listener->poll); /* cannot fail */
    rt__uv_timer_start(listener->loop, &listener->retry, RETRY_MS, 0);
    if (listener->owner.refused != NULL)
        listener->owner.refused(listener->owner.ctx, listener,
                                rt__uv_text(err, text, sizeof text));
}

/* One connection, or nothing to do now (0 both), or why none can be had. */
static int accept_one(struct rt_listener *listener, bool *more)
{
    int fd = rt__os_accept(listener->fd);

    *more = fd >= 0;
    if (fd >= 0)
        return introduce(listener, fd);
    if (errno == EINTR || errno == ECONNABORTED) {
        *more = true; /* that one gave up */
        return 0;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    return uv_translate_sys_error(errno);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct rt_listener *listener = poll->data;
    unsigned count;
    bool more = true;

    (void)events;
    if (status != 0) {
        pause_accepting(listener, status);
        return;
    }
    for (count = 0; count < ACCEPT_MAX && more && !listener->closing; count++) {
        int err = accept_one(listener, &more);

        if (err != 0 && !listener->closing) {
            pause_accepting(listener, err);
            return;
        }
    }
}

static void start(struct rt_listener *listener)
{
    int err = uv_poll_start(&listener->poll, UV_READABLE, on_ready);

    if (err != 0)
        pause_accepting(listener, err);
}

enum agner_err rt__uv_listen(struct rt_loop *loop,
                             const struct rt_address *address,
                             const struct rt_listen_owner *owner,
                             struct rt_listener **out, struct rt_address *bound,
                             struct agner_error *error)
{
    struct rt_listener *listener;
    enum agner_err err;

    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return agner_fail(error, AGNER_ENOMEM, "listen on %s", address->host);
    listener->loop = loop;
    listener->owner = *owner;
    listener->address = *address;
    listener->retry.fire = try_again;
    err = rt__uv_socket(&listener->address, &listener->fd, &listener->file,
                        error);
    if (err != AGNER_OK)
        goto free_listener;
    if (uv_poll_init(&loop->uv, &listener->poll, listener->fd) != 0) {
        err = agner_fail(error, AGNER_ESYSTEM, "listen on %s: cannot be polled",
                         address->host);
        goto close_socket;
    }
    listener->poll.data = listener;
    listener->next = loop->listeners;
    listener->link = &loop->listeners;
    if (loop->listeners != NULL)
        loop->listeners->link = &listener->next;
    loop->listeners = listener;
    start(listener);
    if (bound != NULL)
        *bound = listener->address;
    *out = listener;
    return AGNER_OK;

close_socket:
    (void)close(listener->fd); /* nobody connected yet */
    if (address->kind == RT_ADDRESS_UNIX)
        (void)unlink(address->host); /* made a moment ago */
free_listener:
    free(listener);
    return err;
}

static void on_poll_closed(uv_handle_t *poll)
{
    free(poll->data);
}

/* The socket file goes too, unless somebody else has put theirs there. */
static void remove_file(const struct rt_listener *listener)
{
    struct stat now;

    if (listener->address.kind != RT_ADDRESS_UNIX ||
        lstat(listener->address.host, &now) != 0)
        return;
    if (now.st_dev == listener->file.st_dev &&
        now.st_ino == listener->file.st_ino)
        (void)unlink(listener->address.host); /* else it is stale: replaced */
}

void rt__uv_unlisten(struct rt_listener *listener)
{
    if (listener->closing)
        return;
    listener->closing = true;
    *listener->link = listener->next;
    if (listener->next != NULL)
        listener->next->link = listener->link;
    rt__uv_timer_stop(listener->loop, &listener->retry);
    remove_file(listener);
    uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
    (void)close(listener->fd); /* libuv does not poll it any more */
    listener->fd = -1;
}
