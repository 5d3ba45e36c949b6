/*
 * gossip.c -- nodes that tell their names by multicast, as libcluster does.
 *
 * What comes is from anybody: it is a name to be dialled at most, whose owner
 * then has to know the cookie; how many of them there may be is found.h's and
 * cluster.h's affair. What is wrong with packets is logged once a minute.
 */
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "gossip_packet.h"
#include "node_room.h"

#define GROUP       "230.1.1.251"
#define PORT        45892
#define INTERVAL_MS 5000u
#define SILENCE     12u /* intervals, after which a name is forgotten */
#define COMPLAIN_MS 60000u

struct gossip {
    struct node__found found; /* first: it is the registrar */
    struct rt_udp *udp;
    struct rt_udp_options options;
    uint64_t interval_ms;
    struct rt_loop_timer timer;
    uint8_t packet[NODE__GOSSIP_MAX];
    size_t size;
    bool complained;
    uint64_t complained_ms;
    uint64_t dropped;    /* packets since then */
    enum agner_err sent; /* how the last send ended */
};

/* About a packet that is of no use. */
static void complain(struct gossip *gossip, const struct rt_address *from,
                     const char *text)
{
    struct node *node = gossip->found.node;
    uint64_t now_ms = node__now_ms(node);

    gossip->dropped++;
    if (gossip->complained && now_ms - gossip->complained_ms < COMPLAIN_MS)
        return;
    rt_log(node->rt, RT_LOG_WARNING,
           "%s: gossip: %llu packets dropped, the last from %s: %s",
           node__name(node), (unsigned long long)gossip->dropped, from->host,
           text);
    gossip->complained = true;
    gossip->complained_ms = now_ms;
    gossip->dropped = 0;
}

static void received(void *ctx, struct rt_udp *udp, const uint8_t *bytes,
                     size_t size, const struct rt_address *from)
{
    struct gossip *gossip = ctx;
    char name[NODE__NAME_MAX + 1];
    struct agner_error error;
    uint16_t port;

    (void)udp;
    if (node__gossip_read(bytes, size, name, &port, &error) != AGNER_OK)
        complain(gossip, from, error.text);
    else if (strcmp(name, node__name(gossip->found.node)) != 0)
        node__found_put(&gossip->found, name, "", port);
}

static void send_packet(struct gossip *gossip)
{
    struct node *node = gossip->found.node;
    enum agner_err err =
        node->net->udp_send(gossip->udp, gossip->options.group,
                            gossip->options.port, gossip->packet, gossip->size);

    if (err != gossip->sent)
        rt_log(node->rt, err == AGNER_OK ? RT_LOG_NOTICE : RT_LOG_WARNING,
               "%s: gossip: sending to %s: %s", node__name(node),
               gossip->options.group, agner_strerror(err));
    gossip->sent = err;
}

/* From half to one and a half intervals, so that nodes don't speak in unison.
 */
static void set_timer(struct gossip *gossip)
{
    struct node *node = gossip->found.node;
    uint32_t random;

    node->world->random(node->world->ctx, &random, sizeof random);
    node->net->timer_start(
        node->loop, &gossip->timer,
        gossip->interval_ms / 2 + random % (gossip->interval_ms + 1), 0);
}

static void tick(struct rt_loop_timer *timer)
{
    struct gossip *gossip =
        (struct gossip *)((char *)timer - offsetof(struct gossip, timer));
    uint64_t now_ms = node__now_ms(gossip->found.node);
    uint64_t silence_ms = SILENCE * gossip->interval_ms;

    send_packet(gossip);
    if (now_ms > silence_ms)
        node__found_expire(&gossip->found, now_ms - silence_ms);
    set_timer(gossip);
}

static void free_gossip(struct gossip *gossip)
{
    node__found_fini(&gossip->found);
    free(gossip);
}

static void close_gossip(struct node__registrar *r)
{
    struct gossip *gossip = (struct gossip *)r;
    struct node *node = gossip->found.node;

    node->net->timer_stop(node->loop, &gossip->timer);
    node->net->udp_close(gossip->udp);
    free_gossip(gossip);
}

static enum agner_err copy(char *to, size_t size, const char *text,
                           const char *what, struct agner_error *error)
{
    if (strlen(text) >= size)
        return agner_fail(error, AGNER_EINVAL, "gossip: %s is no address",
                          what);
    memcpy(to, text, strlen(text) + 1);
    return AGNER_OK;
}

static enum agner_err take_options(struct gossip *gossip,
                                   const struct node_gossip *from,
                                   struct agner_error *error)
{
    struct rt_udp_options *o = &gossip->options;
    enum agner_err err;

    if (gossip->found.node->asks_name)
        return agner_fail(error, AGNER_EINVAL,
                          "gossip: a node without a name has none to tell");
    err = copy(o->group, sizeof o->group,
               from->group != NULL ? from->group : GROUP, "the group", error);

    if (err == AGNER_OK && from->interface != NULL)
        err = copy(o->interface, sizeof o->interface, from->interface,
                   "the interface", error);
    o->port = from->port != 0 ? from->port : PORT;
    o->hops = from->hops;
    gossip->interval_ms =
        from->interval_ms != 0 ? from->interval_ms : INTERVAL_MS;
    return err;
}

static enum agner_err begin(struct node__registrar *r,
                            struct agner_error *error)
{
    struct gossip *gossip = (struct gossip *)r;
    struct node *node = gossip->found.node;
    const struct rt_udp_owner owner = { .ctx = gossip, .received = received };
    enum agner_err err = node->net->udp_open(node->loop, &gossip->options,
                                             &owner, &gossip->udp, NULL, error);

    if (err != AGNER_OK)
        return err;
    gossip->timer.fire = tick;
    send_packet(gossip);
    set_timer(gossip);
    return AGNER_OK;
}

enum agner_err node_discover_gossip(struct node *node,
                                    const struct node_gossip *options,
                                    struct agner_error *error)
{
    struct gossip *gossip = calloc(1, sizeof *gossip);
    enum agner_err err;

    if (gossip == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for gossip");
    node__found_init(&gossip->found, node, "gossip", NODE__BY_GOSSIP,
                     close_gossip);
    gossip->size = node__gossip_write(
        node__name(node),
        node->epmd_mode == NODE_EPMD_NONE ? node_port(node) : 0,
        gossip->packet);
    err = take_options(gossip, options, error);
    if (err == AGNER_OK)
        err =
            node__registrar_start(node, &gossip->found.registrar, begin, error);
    if (err != AGNER_OK)
        free_gossip(gossip);
    return err;
}
