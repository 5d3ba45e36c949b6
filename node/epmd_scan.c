/*
 * epmd_scan.c -- all nodes that the epmd of a host knows, again and again.
 *
 * An answer replaces the last one; a failure leaves it. Hidden nodes cannot be
 * told from others in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "node_room.h"

#define INTERVAL_MS 5000u
#define ANSWER_MS   5000u

struct scan {
    struct node__found found;  /* first: it is the registrar */
    struct rt_address address; /* of epmd */
    uint64_t interval_ms;
    struct rt_loop_timer timer;
    struct node__epmd_list *asking;
};

/* A node is known here by the host of ours when epmd is on this machine. */
static void put(struct scan *scan, const char *alive_name, uint16_t port)
{
    const struct node *node = scan->found.node;
    const char *host = scan->address.host, *place = "";
    char name[2 * NODE__NAME_MAX + 2];

    if (strcmp(host, "127.0.0.1") == 0) {
        place = host;
        host = strchr(node__name(node), '@') + 1;
    }
    (void)snprintf(name, sizeof name, "%s@%.255s", alive_name, host);
    if (strcmp(name, node__name(node)) != 0 &&
        node__name_check(name, strlen(name), NULL) == AGNER_OK)
        node__found_put(&scan->found, name, place, port);
}

static void answered(void *ctx, enum agner_err err, const uint8_t *answer,
                     size_t size, const char *text)
{
    struct scan *scan = ctx;
    struct node *node = scan->found.node;
    uint64_t now_ms = node__now_ms(node);
    char name[NODE__EPMD_NAME_MAX + 1];
    uint16_t port;
    size_t at = 4;

    scan->asking = NULL;
    node__found_note(&scan->found, err, scan->address.host, text);
    while (err == AGNER_OK &&
           node__epmd_names_next(answer, size, &at, name, &port))
        put(scan, name, port);
    if (err == AGNER_OK)
        node__found_expire(&scan->found, now_ms);
    node->net->timer_start(node->loop, &scan->timer, scan->interval_ms, 0);
}

static void ask(struct rt_loop_timer *timer)
{
    struct scan *scan =
        (struct scan *)((char *)timer - offsetof(struct scan, timer));
    struct node *node = scan->found.node;
    struct agner_error error;
    enum agner_err err =
        node__epmd_list(node->world, node->loop, &scan->address, ANSWER_MS,
                        answered, scan, &scan->asking, &error);

    if (err == AGNER_OK)
        return;
    node__found_note(&scan->found, err, scan->address.host, error.text);
    node->net->timer_start(node->loop, &scan->timer, scan->interval_ms, 0);
}

static void free_scan(struct scan *scan)
{
    node__found_fini(&scan->found);
    free(scan);
}

static void close_scan(struct node__registrar *r)
{
    struct scan *scan = (struct scan *)r;
    struct node *node = scan->found.node;

    node->net->timer_stop(node->loop, &scan->timer);
    if (scan->asking != NULL)
        node__epmd_list_cancel(scan->asking);
    free_scan(scan);
}

static enum agner_err begin(struct node__registrar *r,
                            struct agner_error *error)
{
    struct scan *scan = (struct scan *)r;

    (void)error; /* a question that fails is asked again */
    scan->timer.fire = ask;
    ask(&scan->timer);
    return AGNER_OK;
}

enum agner_err node_discover_epmd(struct node *node, const char *host,
                                  uint64_t interval_ms,
                                  struct agner_error *error)
{
    struct scan *scan;
    enum agner_err err;

    if (host == NULL)
        host = "127.0.0.1";
    if (host[0] == '\0' || strlen(host) >= sizeof scan->address.host)
        return agner_fail(error, AGNER_EINVAL, "epmd: no name of a host");
    scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to ask epmd");
    node__found_init(&scan->found, node, "epmd", NODE__BY_EPMD, close_scan);
    scan->address.kind = RT_ADDRESS_TCP;
    scan->address.port = node->epmd_port;
    memcpy(scan->address.host, host, strlen(host) + 1);
    scan->interval_ms = interval_ms != 0 ? interval_ms : INTERVAL_MS;
    err = node__registrar_start(node, &scan->found.registrar, begin, error);
    if (err != AGNER_OK)
        free_scan(scan);
    return err;
}
