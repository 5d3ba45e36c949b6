/*
 * epmd_bed.c -- an epmd of ours on loopback, and a client of bare bytes.
 */
#include "epmd_bed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <epmd_proto.h>

#include "rt_world.h"

struct node_epmd_server *epmd_serve(uint16_t port)
{
    struct node_epmd_server *server;
    struct agner_error error;

    if (node_epmd_serve(rt_world_real(), "127.0.0.1", port, &server, &error) !=
        AGNER_OK)
        fail_msg("%s", error.text);
    return server;
}

/* ---- A client of bare bytes -------------------------------------------------
 */

/* A connection, or -1 when nobody listens. */
int epmd_dial_or_not(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

int epmd_dial(uint16_t port)
{
    int fd = epmd_dial_or_not(port);

    assert_true(fd >= 0);
    return fd;
}

int epmd_dial_from(uint16_t port, uint32_t host)
{
    struct sockaddr_in here = { .sin_family = AF_INET };
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    here.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xffffff00u) | host);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

void epmd_say(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Reads until `size` bytes are there, or the end. */
size_t epmd_hear(int fd, uint8_t *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        ssize_t got;

        assert_int_equal(poll(&poller, 1, EPMD_DEADLINE_MS), 1);
        got = recv(fd, bytes + have, size - have, 0);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

void epmd_assert_closed(int fd)
{
    uint8_t byte;

    assert_int_equal(epmd_hear(fd, &byte, 1), 0);
    (void)close(fd);
}

/* Waits until the server knows of a connection's end: the name is free. */
void epmd_wait_until_gone(uint16_t port, const char *name)
{
    unsigned tries;

    for (tries = 0; tries < 100000; tries++) {
        struct etf_buffer ask = { 0 };
        uint8_t answer[300];
        int fd = epmd_dial(port);

        assert_int_equal(node__epmd_ask_port(&ask, name), AGNER_OK);
        epmd_say(fd, ask.data, ask.size);
        etf_buffer_fini(&ask);
        assert_true(epmd_hear(fd, answer, sizeof answer) >= 2);
        (void)close(fd);
        if (answer[1] != 0)
            return;
    }
    fail_msg("%s is still registered", name);
}
