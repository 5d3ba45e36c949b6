/*
 * dns.c -- the addresses of a headless service, each a node.
 *
 * The name is asked for again and again. An answer replaces the last one; a
 * failure leaves it, since a name server that is away says nothing about nodes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "node_room.h"

#define INTERVAL_MS 5000u

struct dns {
    struct node__found found; /* first: it is the registrar */
    char host[256];
    char base[NODE__NAME_MAX + 1];
    uint16_t port;
    uint64_t interval_ms;
    struct rt_loop_timer timer;
    struct rt_resolve *asking;
    enum agner_err last; /* how the last question ended: changes are logged */
};

static void note(struct dns *dns, enum agner_err err, const char *text)
{
    const struct node *node = dns->found.node;

    if (err != dns->last)
        rt_log(node->rt, err == AGNER_OK ? RT_LOG_NOTICE : RT_LOG_WARNING,
               "%s: dns %s: %s", node__name(node), dns->host,
               err == AGNER_OK ? "answers again" : text);
    dns->last = err;
}

static void put(struct dns *dns, const char *address)
{
    struct node *node = dns->found.node;
    char name[2 * NODE__NAME_MAX + 2];

    (void)snprintf(name, sizeof name, "%s@%.255s", dns->base, address);
    if (strcmp(name, node__name(node)) != 0 &&
        node__name_check(name, strlen(name), NULL) == AGNER_OK)
        node__found_put(&dns->found, name, address, dns->port);
}

/* A name is seen now or not at all: what is older was not in this answer. */
static void answered(void *ctx, enum agner_err err,
                     const struct rt_address *addresses, size_t count,
                     const char *text)
{
    struct dns *dns = ctx;
    struct node *node = dns->found.node;
    uint64_t now_ms = node__now_ms(node);

    dns->asking = NULL;
    note(dns, err, text);
    for (size_t i = 0; i < count; i++)
        put(dns, addresses[i].host);
    if (err == AGNER_OK)
        node__found_expire(&dns->found, now_ms);
    node->net->timer_start(node->loop, &dns->timer, dns->interval_ms, 0);
}

static void ask(struct rt_loop_timer *timer)
{
    struct dns *dns =
        (struct dns *)((char *)timer - offsetof(struct dns, timer));
    struct node *node = dns->found.node;
    struct agner_error error;
    enum agner_err err = node->net->resolve(node->loop, dns->host, answered,
                                            dns, &dns->asking, &error);

    if (err == AGNER_OK)
        return;
    note(dns, err, error.text);
    node->net->timer_start(node->loop, &dns->timer, dns->interval_ms, 0);
}

static void free_dns(struct dns *dns)
{
    node__found_fini(&dns->found);
    free(dns);
}

static void close_dns(struct node__registrar *r)
{
    struct dns *dns = (struct dns *)r;
    struct node *node = dns->found.node;

    node->net->timer_stop(node->loop, &dns->timer);
    if (dns->asking != NULL)
        node->net->resolve_cancel(dns->asking);
    free_dns(dns);
}

static enum agner_err take_options(struct dns *dns, const struct node_dns *from,
                                   struct agner_error *error)
{
    const char *base =
        from->base != NULL ? from->base : dns->found.node->alive_name;
    char name[NODE__NAME_MAX + 3];

    if (from->host == NULL || from->host[0] == '\0' ||
        strlen(from->host) >= sizeof dns->host)
        return agner_fail(error, AGNER_EINVAL, "dns: no name of a host");
    if (strlen(base) >= sizeof dns->base)
        return agner_fail(error, AGNER_EINVAL, "dns: the base is too long");
    (void)snprintf(name, sizeof name, "%s@h", base);
    if (node__name_check(name, strlen(name), NULL) != AGNER_OK)
        return agner_fail(error, AGNER_EINVAL,
                          "dns: the base is what stands before the @");
    memcpy(dns->host, from->host, strlen(from->host) + 1);
    memcpy(dns->base, base, strlen(base) + 1);
    dns->port = from->port;
    dns->interval_ms = from->interval_ms != 0 ? from->interval_ms : INTERVAL_MS;
    return AGNER_OK;
}

struct opening {
    struct node *node;
    struct dns *dns;
    enum agner_err err;
    struct agner_error *error;
};

/* Loop thread. */
static void open_dns(void *ctx)
{
    struct opening *opening = ctx;
    struct dns *dns = opening->dns;

    if (!opening->node->open)
        opening->err =
            agner_fail(opening->error, AGNER_ENOTRUNNING, "the node stops");
    else
        opening->err = node__registrar_add(opening->node, &dns->found.registrar,
                                           opening->error);
    if (opening->err != AGNER_OK)
        return;
    dns->timer.fire = ask;
    ask(&dns->timer);
}

enum agner_err node_discover_dns(struct node *node, const struct node_dns *from,
                                 struct agner_error *error)
{
    struct dns *dns = calloc(1, sizeof *dns);
    struct opening opening = { node, dns, AGNER_OK, error };

    if (dns == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for dns");
    node__found_init(&dns->found, node, "dns", NODE__BY_DNS, close_dns);
    opening.err = take_options(dns, from, error);
    if (opening.err == AGNER_OK)
        node__on_loop(node, open_dns, &opening);
    if (opening.err != AGNER_OK)
        free_dns(dns);
    return opening.err;
}
