/*
 * raw_peer.c -- a peer that is only a socket: raw_peer.h.
 */
#include "raw_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "flags.h"

#define STEP_S 60

int raw_connect(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval limit = { .tv_sec = STEP_S };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int raw_listen(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval limit = { .tv_sec = STEP_S };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* A stop and its end interrupt a call with a time limit: signal(7). */
static ssize_t receive(int fd, void *bytes, size_t size)
{
    ssize_t got;

    do
        got = recv(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

int raw_accept(int listener)
{
    int fd;

    do
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    assert_true(fd >= 0);
    return fd;
}

/* What is sent to a node that closed meanwhile is lost, as in life. */
void raw_send(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        at += sent;
        size -= (size_t)sent;
    }
}

bool raw_read(int fd, void *bytes, size_t size)
{
    uint8_t *at = bytes;

    while (size > 0) {
        ssize_t got = receive(fd, at, size);

        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

size_t raw_read_to_end(int fd)
{
    uint8_t bytes[4096];
    struct timeval before, after;
    size_t all = 0;
    ssize_t got;

    (void)gettimeofday(&before, NULL);
    while ((got = receive(fd, bytes, sizeof bytes)) > 0)
        all += (size_t)got;
    (void)gettimeofday(&after, NULL);
    if (after.tv_sec - before.tv_sec >= STEP_S - 1)
        fail_msg("the node did not close");
    return all;
}

int raw_dial(uint16_t port, const char *name, const char *node,
             const char *cookie, uint64_t flags, struct node__handshake *hs)
{
    struct node__hs_self self = { .name = name,
                                  .creation = 77,
                                  .flags =
                                      flags != 0 ? flags : NODE__FLAGS_OFFERED,
                                  .cookie = cookie,
                                  .cookie_size = strlen(cookie),
                                  .challenge = 12345 };
    struct etf_buffer out = { 0 };
    int fd = raw_connect(port);

    assert_int_equal(node__handshake_dial(hs, &self, node, &out, NULL),
                     AGNER_OK);
    while (hs->state < HS_UP) {
        uint8_t byte;
        size_t used;

        raw_send(fd, out.data, out.size);
        out.size = 0;
        if (hs->state == HS_ASK_ALIVE) {
            (void)node__handshake_go_on(hs, true, &out);
            continue;
        }
        /* Byte by byte, so that no packet behind it is swallowed. */
        if (raw_read(fd, &byte, 1))
            (void)node__handshake_feed(hs, &byte, 1, &out, &used);
        else
            node__handshake_ended(hs, AGNER_OK, "closed");
    }
    etf_buffer_fini(&out);
    if (hs->state == HS_UP)
        return fd;
    close(fd);
    return -1;
}

void raw_packet(int fd, const void *bytes, size_t size)
{
    uint8_t length[4] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                          (uint8_t)(size >> 8), (uint8_t)size };

    raw_send(fd, length, sizeof length);
    raw_send(fd, bytes, size);
}
