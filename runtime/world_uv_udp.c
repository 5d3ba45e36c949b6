/*
 * world_uv_udp.c -- datagrams: one socket, perhaps a member of a group.
 *
 * What cannot be sent at once is not sent: a datagram may be lost anyway, so
 * nothing is queued here. A closed socket leaves the loop's list at once; its
 * memory goes in the handle's close callback.
 */
#include "world_uv.h"

#include <stdlib.h>
#include <string.h>

static bool address_of(const char *host, uint16_t port,
                       struct sockaddr_storage *address)
{
    return uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)address) == 0;
}

/* The loop's buffer is free while it reads: one callback runs at a time. */
static void get_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    const struct rt_udp *udp = handle->data;

    (void)suggested;
    *room = uv_buf_init((char *)udp->loop->bytes, sizeof udp->loop->bytes);
}

static void on_received(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes,
                        const struct sockaddr *from, unsigned flags)
{
    struct rt_udp *udp = handle->data;
    struct rt_address address = { .kind = RT_ADDRESS_TCP };
    struct sockaddr_storage copy;

    /* No address: there is nothing more to read. An error concerns something
     * that was sent. A datagram that was cut is none of anybody's. */
    if (from == NULL || size < 0 || (flags & UV_UDP_PARTIAL) != 0)
        return;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy, from,
           from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : sizeof(struct sockaddr_in));
    rt__uv_describe(&copy, &address);
    udp->owner.received(udp->owner.ctx, udp, (const uint8_t *)bytes->base,
                        (size_t)size, &address);
}

/* Joins the group, and hears what is sent to it from here too. */
static int join(struct rt_udp *udp, const struct rt_udp_options *options)
{
    const char *interface =
        options->interface[0] != '\0' ? options->interface : NULL;
    int err = uv_udp_set_membership(&udp->uv, options->group, interface,
                                    UV_JOIN_GROUP);

    if (err == 0 && interface != NULL)
        err = uv_udp_set_multicast_interface(&udp->uv, interface);
    if (err == 0)
        err = uv_udp_set_multicast_loop(&udp->uv, 1);
    if (err == 0)
        err = uv_udp_set_multicast_ttl(&udp->uv,
                                       options->hops != 0 ? options->hops : 1);
    return err;
}

static int start(struct rt_udp *udp, const struct rt_udp_options *options)
{
    bool v6 = strchr(options->group, ':') != NULL;
    const char *host = options->host;
    struct sockaddr_storage address;
    int err;

    if (host[0] == '\0')
        host = v6 ? "::" : "0.0.0.0";
    memset(&address, 0, sizeof address);
    if (!address_of(host, options->port, &address))
        return UV_EINVAL;
    err = uv_udp_bind(&udp->uv, (const struct sockaddr *)&address,
                      options->group[0] != '\0' ? UV_UDP_REUSEADDR : 0);
    if (err == 0 && options->group[0] != '\0')
        err = join(udp, options);
    if (err == 0)
        err = uv_udp_recv_start(&udp->uv, get_room, on_received);
    return err;
}

static uint16_t port_of(const struct rt_udp *udp)
{
    struct sockaddr_storage address;
    struct rt_address out = { .port = 0 };
    int size = sizeof address;

    memset(&address, 0, sizeof address);
    if (uv_udp_getsockname(&udp->uv, (struct sockaddr *)&address, &size) == 0)
        rt__uv_describe(&address, &out);
    return out.port;
}

static enum agner_err fail(const struct rt_udp_options *options, int err,
                           struct agner_error *error)
{
    enum agner_err code = rt__uv_code(err);
    char text[80];

    if (err == UV_EADDRINUSE)
        code = AGNER_ETAKEN;
    else if (err == UV_EACCES || err == UV_EPERM)
        code = AGNER_ENOTALLOWED;
    else if (err == UV_EINVAL)
        code = AGNER_EINVAL;
    else if (err == UV_ENODEV)
        code = AGNER_ENOTSUP;
    return agner_fail(error, code, "datagrams on port %u%s%s: %s",
                      (unsigned)options->port,
                      options->group[0] != '\0' ? " of group " : "",
                      options->group, rt__uv_text(err, text, sizeof text));
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

enum agner_err rt__uv_udp_open(struct rt_loop *loop,
                               const struct rt_udp_options *options,
                               const struct rt_udp_owner *owner,
                               struct rt_udp **out, uint16_t *bound,
                               struct agner_error *error)
{
    struct rt_udp *udp;
    enum agner_err code;
    int err;

    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    udp = calloc(1, sizeof *udp);
    if (udp == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for datagrams");
    udp->loop = loop;
    udp->owner = *owner;
    (void)uv_udp_init(&loop->uv, &udp->uv); /* only fills in a struct */
    udp->uv.data = udp;
    udp->next = loop->udps;
    udp->link = &loop->udps;
    if (loop->udps != NULL)
        loop->udps->link = &udp->next;
    loop->udps = udp;
    err = start(udp, options);
    if (err != 0) {
        code = fail(options, err, error);
        rt__uv_udp_close(udp);
        return code;
    }
    if (bound != NULL)
        *bound = port_of(udp);
    *out = udp;
    return AGNER_OK;
}

enum agner_err rt__uv_udp_send(struct rt_udp *udp, const char *host,
                               uint16_t port, const void *bytes, size_t size)
{
    struct sockaddr_storage address;
    union { /* libuv's type is not const, though it only reads */
        const void *in;
        char *out;
    } base = { .in = bytes };
    uv_buf_t buffer;
    int err;

    memset(&address, 0, sizeof address);
    if (size > RT_DATAGRAM_MAX || !address_of(host, port, &address))
        return AGNER_EINVAL;
    buffer = uv_buf_init(base.out, (unsigned)size);
    err = uv_udp_try_send(&udp->uv, &buffer, 1,
                          (const struct sockaddr *)&address);
    if (err == UV_EAGAIN)
        return AGNER_EAGAIN;
    return err < 0 ? rt__uv_code(err) : AGNER_OK;
}

void rt__uv_udp_close(struct rt_udp *udp)
{
    *udp->link = udp->next;
    if (udp->next != NULL)
        udp->next->link = udp->link;
    uv_close((uv_handle_t *)&udp->uv, on_closed);
}
