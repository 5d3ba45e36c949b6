/*
 * loopback.h -- a port of loopback for whoever listens next: what loopback.py
 * is for the tests in Python.
 *
 * A port that the system gave away and took back may be somebody's connection a
 * moment later. These are below the range that it gives from, and a claim,
 * which the programs of both languages see, keeps other tests away until this
 * program ends.
 */
#ifndef TEST_LOOPBACK_H
#define TEST_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOPBACK_FIRST 21000u
#define LOOPBACK_COUNT 11000u

/* The socket stays open: it is the claim. */
static inline bool loopback_claim(uint16_t port)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1,
                        "agner-test-port-%u", (unsigned)port);

    if (fd < 0)
        return false;
    if (bind(fd, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                         (size_t)size)) == 0)
        return true;
    (void)close(fd);
    return false;
}

static inline bool loopback_is_free(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

    if (fd >= 0)
        (void)close(fd);
    return free;
}

/* 0: there is none. */
static inline uint16_t loopback_port(void)
{
    unsigned from = (unsigned)getpid() * 7919u;

    for (unsigned i = 0; i < LOOPBACK_COUNT; i++) {
        uint16_t port =
            (uint16_t)(LOOPBACK_FIRST + (from + i) % LOOPBACK_COUNT);

        if (loopback_claim(port) && loopback_is_free(port))
            return port;
    }
    return 0;
}

#endif
