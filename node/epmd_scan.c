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
    enum agner_err last; /* how the last question ended: changes are logged */
};

static void note(struct scan *scan, enum agner_err err, const char *text)
{
    const struct node *node = scan->found.node;

    if (err != scan->last)
        rt_log(node->rt, err == AGNER_OK ? RT_LOG_NOTICE : RT_LOG_WARNING,
               "%s: epmd at %s: %s", node__name(node), scan->address.host,
               err == AGNER_OK ? "answers again" : text);
    scan->last = err;
}

/* A node is known here by the host of ours when epmd is on this machine. */
static void put(struct scan *scan, const char *alive_name, uint16_t port)
{
    const struct node *node = scan->found.node;
    const char *host = scan->address.host;
    char name[2 * NODE__NAME_MAX + 2];

    if (strcmp(host, "127.0.0.1") == 0)
        host = strchr(node__name(node), '@') + 1;
    (void)snprintf(name, sizeof name, "%s@%.255s", alive_name, host);
    if (strcmp(name, node__name(node)) != 0 &&
        node__name_check(name, strlen(name), NULL) == AGNER_OK)
        node__found_put(&scan->found, name, scan->address.host, port);
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
    note(scan, err, text);
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
    note(scan, err, error.text);
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

struct opening {
    struct node *node;
    struct scan *scan;
    enum agner_err err;
    struct agner_error *error;
};

/* Loop thread. */
static void open_scan(void *ctx)
{
    struct opening *opening = ctx;
    struct scan *scan = opening->scan;

    if (!opening->node->open)
        opening->err =
            agner_fail(opening->error, AGNER_ENOTRUNNING, "the node stops");
    else
        opening->err = node__registrar_add(
            opening->node, &scan->found.registrar, opening->error);
    if (opening->err != AGNER_OK)
        return;
    scan->timer.fire = ask;
    ask(&scan->timer);
}

enum agner_err node_discover_epmd(struct node *node, const char *host,
                                  uint64_t interval_ms,
                                  struct agner_error *error)
{
    struct scan *scan;
    struct opening opening = { .node = node, .error = error };

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
    opening.scan = scan;
    node__on_loop(node, open_scan, &opening);
    if (opening.err != AGNER_OK)
        free_scan(scan);
    return opening.err;
}
