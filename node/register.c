/*
 * register.c -- being known to epmd, and being epmd where there is none.
 *
 * The keeper (epmd_client.h) registers and stays registered. In automatic mode,
 * when nobody listens on epmd's port, the node serves there itself; if another
 * one was quicker, that one is used.
 */
#include <string.h>

#include <atomic.h>

#include "node_room.h"
#include "plain.h"

#define LOOPBACK           "127.0.0.1"
#define START_ATTEMPTS_MAX 3
#define VERSION_HIGH       6
#define VERSION_LOW        5

/* The start may go on, with `epmd_creation` or `epmd_error`. Order: release
 * pairs with the acquire in node__register_wait(). */
static void tell(struct node *node)
{
    store_release(&node->registered, 1);
    node->world->wake(node->world->ctx, &node->registered, 1);
}

static void registered(void *ctx, uint32_t creation)
{
    struct node *node = ctx;

    if (load_relaxed(&node->registered) != 0) {
        rt_log(node->rt, RT_LOG_NOTICE, "%s: registered with epmd again",
               node__name(node));
        return;
    }
    node->epmd_creation = creation;
    tell(node);
}

/* Nobody is epmd: are we now? For this machine alone if the node itself is;
 * else for all, since the node registers by 127.0.0.1 and is asked for by its
 * other addresses. */
static bool serve(struct node *node)
{
    struct rt_address address = { .kind = RT_ADDRESS_TCP };
    struct agner_error error;
    enum agner_err err;

    if (node->epmd_mode != NODE_EPMD_AUTO || node->epmd_host != NULL)
        return false;
    address.port = node->epmd_port;
    if (node__is_loopback(node->listen_address.host))
        memcpy(address.host, LOOPBACK, sizeof LOOPBACK);
    err = node__epmd_host_open(node->world, node->loop, &address, NULL, NULL,
                               &node->epmd_host, NULL, &error);
    if (err == AGNER_OK)
        rt_log(node->rt, RT_LOG_NOTICE, "%s: is epmd on port %u",
               node__name(node), node->epmd_port);
    return err == AGNER_OK || err == AGNER_ETAKEN;
}

static bool failed(void *ctx, enum agner_err err, const char *text)
{
    struct node *node = ctx;
    bool first = load_relaxed(&node->registered) == 0;
    bool again = err == AGNER_ENOCONN &&
                 (!first || node->epmd_attempts < START_ATTEMPTS_MAX) &&
                 serve(node);

    if (!first) {
        rt_log(node->rt, RT_LOG_WARNING, "%s: not known to epmd: %s",
               node__name(node), text);
        return again;
    }
    node->epmd_attempts++;
    if (!again) {
        (void)agner_fail(&node->epmd_error, err, "epmd at port %u: %s",
                         node->epmd_port, text);
        tell(node);
    }
    return again;
}

enum agner_err node__register(struct node *node, struct agner_error *error)
{
    struct rt_address address = { .kind = RT_ADDRESS_TCP,
                                  .host = LOOPBACK,
                                  .port = node->epmd_port };
    struct node__epmd_node self = { .port = node->listen_address.port,
                                    .type = node->hidden ? NODE__EPMD_HIDDEN
                                                         : NODE__EPMD_VISIBLE,
                                    .high = VERSION_HIGH,
                                    .low = VERSION_LOW,
                                    .agner = true };
    struct node__epmd_owner owner = { .ctx = node,
                                      .registered = registered,
                                      .failed = failed };

    if (node->epmd_mode == NODE_EPMD_NONE) {
        tell(node);
        return AGNER_OK;
    }
    memcpy(self.name, node->alive_name, strlen(node->alive_name) + 1);
    return node__epmd_register(node->world, node->loop, &address, &self, &owner,
                               &node->keeper, error);
}

/* Without epmd it is random; it is never 0, which means no creation. */
static uint32_t random_creation(struct node *node)
{
    uint32_t creation;

    do
        node->world->random(node->world->ctx, &creation, sizeof creation);
    while (creation == 0);
    return creation;
}

enum agner_err node__register_wait(struct node *node, uint32_t *creation,
                                   struct agner_error *error)
{
    uint64_t end_ns =
        node->world->now_ns(node->world->ctx) + node->setup_time_ms * 1000000;

    while (load_acquire(&node->registered) == 0) {
        if (node->world->now_ns(node->world->ctx) >= end_ns)
            return agner_fail(error, AGNER_ETIMEOUT,
                              "epmd at port %u does not answer",
                              node->epmd_port);
        node->world->wait(node->world->ctx, &node->registered, 0, end_ns);
    }
    if (node->epmd_error.code != AGNER_OK)
        return agner_fail(error, node->epmd_error.code, "%s: %s",
                          node__name(node), node->epmd_error.text);
    *creation =
        node->epmd_creation != 0 ? node->epmd_creation : random_creation(node);
    return AGNER_OK;
}
