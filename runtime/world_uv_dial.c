/*
 * world_uv_dial.c -- connecting: a name becomes addresses, each is tried.
 *
 * A name's addresses are tried one after the other until one answers, and the
 * last one's failure is the connection's. One deadline is for all of it.
 */
#include "world_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static void connect_failed(struct rt_conn *conn, int err);

static void on_connected(uv_connect_t *req, int status)
{
    struct rt_conn *conn = req->data;

    if (conn->state != CONN_CONNECTING)
        return; /* closed meanwhile: on_closed() has the rest */
    if (status != 0) {
        connect_failed(conn, status);
        return;
    }
    rt__uv_timer_stop(conn->loop, &conn->deadline);
    rt__uv_dial_forget(conn);
    rt__uv_conn_up(conn);
    if (conn->state == CONN_OPEN)
        conn->owner.opened(conn->owner.ctx, conn);
}

static void try_address(struct rt_conn *conn, const struct sockaddr *address)
{
    int err;

    conn->state = CONN_CONNECTING;
    conn->connect_req.data = conn;
    err = uv_tcp_connect(&conn->connect_req, &conn->uv.tcp, address,
                         on_connected);
    if (err != 0)
        connect_failed(conn, err);
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

/* A copy with the port: getaddrinfo() was not asked for one. */
static void try_next(struct rt_conn *conn)
{
    struct sockaddr_storage address;

    memset(&address, 0, sizeof address);
    memcpy(&address, conn->address->ai_addr, conn->address->ai_addrlen);
    set_port((struct sockaddr *)&address, conn->port);
    try_address(conn, (const struct sockaddr *)&address);
}

void rt__uv_dial_next(struct rt_conn *conn)
{
    conn->address = conn->address->ai_next;
    try_next(conn);
}

/* A handle connects once: for the next address it closes and begins again. */
static void connect_failed(struct rt_conn *conn, int err)
{
    if (conn->address == NULL || conn->address->ai_next == NULL)
        rt__uv_conn_fail(conn, err);
    else
        rt__uv_conn_retry(conn);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status,
                         struct addrinfo *found)
{
    struct lookup *lookup = req->data;
    struct rt_conn *conn = lookup->conn;

    lookup->loop->lookups--;
    free(lookup);
    if (conn == NULL) {
        uv_freeaddrinfo(found);
        return;
    }
    conn->lookup = NULL;
    if (status != 0) {
        rt__uv_conn_fail(conn, status);
        return;
    }
    conn->addresses = found;
    conn->address = found;
    try_next(conn);
}

void rt__uv_dial_forget(struct rt_conn *conn)
{
    if (conn->lookup != NULL) {
        conn->lookup->conn = NULL;
        /* Refused when it runs already; its callback comes either way. */
        (void)uv_cancel((uv_req_t *)&conn->lookup->req);
        conn->lookup = NULL;
    }
    uv_freeaddrinfo(conn->addresses);
    conn->addresses = NULL;
    conn->address = NULL;
}

static void give_up(struct rt_loop_timer *timer)
{
    struct rt_conn *conn =
        (struct rt_conn *)((char *)timer - offsetof(struct rt_conn, deadline));
    char text[80];

    (void)snprintf(text, sizeof text, "no connection within %llu ms",
                   (unsigned long long)conn->timeout_ms);
    rt__uv_conn_end(conn, AGNER_ETIMEOUT, text);
}

static enum agner_err look_up(struct rt_conn *conn, const char *host,
                              struct agner_error *error)
{
    static const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                           .ai_socktype = SOCK_STREAM };
    struct lookup *lookup = calloc(1, sizeof *lookup);
    char text[80];
    int err;

    if (lookup == NULL)
        return agner_fail(error, AGNER_ENOMEM, "look-up of %s", host);
    lookup->loop = conn->loop;
    lookup->conn = conn;
    lookup->req.data = lookup;
    err = uv_getaddrinfo(&conn->loop->uv, &lookup->req, on_looked_up, host,
                         NULL, &hints);
    if (err != 0) {
        free(lookup);
        return agner_fail(error, err == UV_ENOMEM ? AGNER_ENOMEM : AGNER_EINVAL,
                          "host %s: %s", host,
                          rt__uv_text(err, text, sizeof text));
    }
    conn->loop->lookups++;
    conn->lookup = lookup;
    return AGNER_OK;
}

/* An address in numbers is tried at once. */
static enum agner_err start_tcp(struct rt_conn *conn,
                                const struct rt_address *to,
                                struct agner_error *error)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    conn->port = to->port;
    if (uv_ip4_addr(to->host, to->port, &v4) == 0)
        try_address(conn, (const struct sockaddr *)&v4);
    else if (uv_ip6_addr(to->host, to->port, &v6) == 0)
        try_address(conn, (const struct sockaddr *)&v6);
    else
        return look_up(conn, to->host, error);
    return AGNER_OK;
}

static void start_unix(struct rt_conn *conn, const char *path)
{
    conn->state = CONN_CONNECTING;
    conn->connect_req.data = conn;
    uv_pipe_connect(&conn->connect_req, &conn->uv.pipe, path, on_connected);
}

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
    if (to->kind == RT_ADDRESS_UNIX &&
        strlen(to->host) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return agner_fail(error, AGNER_EINVAL, "path too long: %s", to->host);
    return AGNER_OK;
}

enum agner_err rt__uv_dial(struct rt_loop *loop,
                           const struct rt_address *address,
                           uint64_t timeout_ms,
                           const struct rt_conn_owner *owner,
                           struct rt_conn **out, struct agner_error *error)
{
    enum agner_err err = check(loop, address, error);
    struct rt_conn *conn;

    if (err != AGNER_OK)
        return err;
    conn = rt__uv_conn_new(loop, address->kind, CONN_LOOKUP);
    if (conn == NULL)
        return agner_fail(error, AGNER_ENOMEM, "dial %s", address->host);
    if (address->kind == RT_ADDRESS_UNIX)
        start_unix(conn, address->host);
    else
        err = start_tcp(conn, address, error);
    if (err != AGNER_OK) {
        rt__uv_conn_end(conn, err, "not dialled"); /* no owner: nobody hears */
        return err;
    }
    conn->owner = *owner;
    conn->owned = true;
    conn->timeout_ms = timeout_ms;
    conn->deadline.fire = give_up;
    if (timeout_ms > 0 && conn->state != CONN_CLOSING)
        rt__uv_timer_start(loop, &conn->deadline, timeout_ms, 0);
    *out = conn;
    return AGNER_OK;
}
