/*
 * sim_listen.c -- addresses: who listens where.
 *
 * One machine with every numeric address; a port can be listened on once for
 * each address, or once for all of them.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 108u /* as a real one has it */
#define FIRST_PORT     40000u

/* Would a connection to `to` come to this listener? Also the test whether two
 * of them are in each other's way. */
static bool serves(const struct rt_listener *listener,
                   const struct rt_address *to)
{
    const struct rt_address *its = &listener->address;

    if (its->kind != to->kind)
        return false;
    if (its->kind == RT_ADDRESS_UNIX)
        return strcmp(its->host, to->host) == 0;
    return its->port == to->port &&
           (sim__is_everywhere(its->host) || sim__is_everywhere(to->host) ||
            strcmp(its->host, to->host) == 0);
}

struct rt_listener *sim__find_listener(struct sim *sim,
                                       const struct rt_address *address)
{
    struct rt_loop *loop;
    struct rt_listener *listener;

    for (loop = sim->loops; loop != NULL; loop = loop->next)
        for (listener = loop->machine->crashed ? NULL : loop->listeners;
             listener != NULL; listener = listener->next)
            if (serves(listener, address))
                return listener;
    return NULL;
}

static uint16_t next_port(struct sim *sim)
{
    uint16_t port = sim->next_port;

    sim->next_port = port == UINT16_MAX ? FIRST_PORT : (uint16_t)(port + 1);
    return port;
}

static enum agner_err check(struct sim *sim, struct rt_address *address,
                            struct agner_error *error)
{
    const char *resolved;
    unsigned tries = 0;

    if (memchr(address->host, '\0', sizeof address->host) == NULL)
        return agner_fail(error, AGNER_EINVAL, "a host without an end");
    if (address->kind == RT_ADDRESS_UNIX) {
        size_t size = strlen(address->host);

        if (size == 0 || size >= PATH_MAX_BYTES)
            return agner_fail(error, AGNER_EINVAL, "a socket's path: %s",
                              address->host);
    } else {
        resolved = sim__resolve(sim, address->host);
        if (resolved == NULL)
            return agner_fail(error, AGNER_ENONAME, "listen on %s: unknown",
                              address->host);
        memmove(address->host, resolved, strlen(resolved) + 1);
        if (address->port == 0)
            do
                address->port = next_port(sim);
            while (sim__find_listener(sim, address) != NULL &&
                   tries++ < UINT16_MAX);
    }
    if (sim__find_listener(sim, address) != NULL)
        return agner_fail(error, AGNER_ETAKEN, "listen on %s port %u: in use",
                          address->host, (unsigned)address->port);
    return AGNER_OK;
}

/* The loop is known by this address from now on. */
static enum agner_err add_name(struct rt_loop *loop, const char *host,
                               uint16_t port)
{
    struct place_name *name = calloc(1, sizeof *name);

    if (name == NULL)
        return AGNER_ENOMEM;
    (void)snprintf(name->host, sizeof name->host, "%s", host);
    (void)snprintf(name->host_port, sizeof name->host_port, "%s:%u", host,
                   (unsigned)port);
    name->next = loop->names;
    loop->names = name;
    sim__update_cuts(loop->sim);
    return AGNER_OK;
}

/* What was asked for, and what it stands for, where that is another text. */
static enum agner_err add_names(struct rt_listener *listener, const char *host,
                                struct agner_error *error)
{
    const struct rt_address *address = &listener->address;
    enum agner_err err = add_name(listener->loop, host, address->port);

    if (err == AGNER_OK && strcmp(host, address->host) != 0)
        err = add_name(listener->loop, address->host, address->port);
    if (err != AGNER_OK)
        return agner_fail(error, err, "listen on %s", host);
    return AGNER_OK;
}

enum agner_err sim__listen(struct rt_loop *loop,
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
    err = check(loop->sim, &listener->address, error);
    if (err == AGNER_OK && address->kind == RT_ADDRESS_TCP)
        err = add_names(listener, address->host, error);
    if (err != AGNER_OK) {
        free(listener);
        return err;
    }
    listener->next = loop->listeners;
    listener->link = &loop->listeners;
    if (loop->listeners != NULL)
        loop->listeners->link = &listener->next;
    loop->listeners = listener;
    sim__event(loop->sim, "listen", loop->work.number, listener->address.port);
    if (bound != NULL) {
        *bound = *address;
        bound->port = listener->address.port;
    }
    *out = listener;
    return AGNER_OK;
}

/* Who was not accepted yet will not be. */
void sim__unlisten(struct rt_listener *listener)
{
    struct rt_conn *conn;

    sim__event(listener->loop->sim, "unlisten", listener->loop->work.number,
               listener->address.port);
    for (conn = listener->loop->conns; conn != NULL; conn = conn->next)
        if (conn->listener == listener) {
            conn->listener = NULL;
            sim__conn_end(conn, AGNER_OK, "closed here");
        }
    *listener->link = listener->next;
    if (listener->next != NULL)
        listener->next->link = listener->link;
    free(listener);
}

void sim__describe(struct rt_loop *loop, struct rt_address *from)
{
    const struct place_name *name = loop->names;

    while (name != NULL && !sim__is_number(name->host))
        name = name->next;
    (void)snprintf(from->host, sizeof from->host, "%s",
                   name == NULL || sim__is_everywhere(name->host) ? "127.0.0.1"
                                                                  : name->host);
    from->port = next_port(loop->sim);
}
