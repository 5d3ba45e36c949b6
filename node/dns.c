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
};

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
    node__found_note(&dns->found, err, dns->host, text);
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
    node__found_note(&dns->found, err, dns->host, error.text);
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

static enum agner_err begin(struct node__registrar *r,
                            struct agner_error *error)
{
    struct dns *dns = (struct dns *)r;

    (void)error; /* a question that fails is asked again */
    dns->timer.fire = ask;
    ask(&dns->timer);
    return AGNER_OK;
}

enum agner_err node_discover_dns(struct node *node, const struct node_dns *from,
                                 struct agner_error *error)
{
    struct dns *dns = calloc(1, sizeof *dns);
    enum agner_err err;

    if (dns == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for dns");
    node__found_init(&dns->found, node, "dns", NODE__BY_DNS, close_dns);
    err = take_options(dns, from, error);
    if (err == AGNER_OK)
        err = node__registrar_start(node, &dns->found.registrar, begin, error);
    if (err != AGNER_OK)
        free_dns(dns);
    return err;
}
