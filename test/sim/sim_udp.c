/*
 * sim_udp.c -- datagrams: to one, or to a group.
 *
 * Each comes by itself, after a delay of its own, so they overtake each other.
 * What is drawn besides: that one is lost, or comes twice. Partitions lose them
 * too. A receiver keeps as many as a system's buffer would, and drops the rest.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 512u /* datagrams in one receiver's buffer */
#define PORT_FIRST  1024u
#define PORTS       64000u /* from there on */

struct datagram {
    struct datagram *next;
    uint64_t at_ns;
    struct rt_address from;
    size_t size;
    uint8_t bytes[];
};

struct rt_udp {
    struct rt_loop *loop;        /* borrowed */
    struct rt_udp *next, **link; /* in the loop's `udps` */
    struct rt_udp_options options;
    struct rt_udp_owner owner;
    struct source hear;
    struct datagram *waiting; /* the earliest first */
    unsigned count;
};

static struct rt_udp *of_hear(struct source *source)
{
    return (struct rt_udp *)((char *)source - offsetof(struct rt_udp, hear));
}

static uint64_t when(struct source *source)
{
    const struct rt_udp *udp = of_hear(source);

    return udp->waiting == NULL ? RT_NEVER : udp->waiting->at_ns;
}

static size_t can_hear(struct source *source)
{
    return when(source) <= of_hear(source)->loop->sim->now_ns;
}

/* The owner may close it. */
static void hear(struct source *source, size_t index)
{
    struct rt_udp *udp = of_hear(source);
    struct datagram *datagram = udp->waiting;

    (void)index;
    udp->waiting = datagram->next;
    udp->count--;
    udp->owner.received(udp->owner.ctx, udp, datagram->bytes, datagram->size,
                        &datagram->from);
    free(datagram);
}

/* Is the port taken by somebody who does not share it? */
static bool is_taken(const struct sim *sim, const struct rt_udp_options *o)
{
    for (const struct rt_loop *loop = sim->loops; loop != NULL;
         loop = loop->next)
        for (const struct rt_udp *udp = loop->udps; udp != NULL;
             udp = udp->next)
            if (!loop->machine->crashed && udp->options.port == o->port &&
                (udp->options.group[0] == '\0' || o->group[0] == '\0') &&
                (sim__is_everywhere(udp->options.host) ||
                 sim__is_everywhere(o->host) ||
                 strcmp(udp->options.host, o->host) == 0))
                return true;
    return false;
}

/* The first free one from a drawn one on; 0: none is. */
static uint16_t free_port(struct sim *sim, struct rt_udp_options *o)
{
    unsigned first = (unsigned)sim_draw(sim, PORTS), i;

    for (i = 0; i < PORTS; i++) {
        o->port = (uint16_t)(PORT_FIRST + (first + i) % PORTS);
        if (!is_taken(sim, o))
            return o->port;
    }
    return 0;
}

enum agner_err sim__udp_open(struct rt_loop *loop,
                             const struct rt_udp_options *options,
                             const struct rt_udp_owner *owner,
                             struct rt_udp **out, uint16_t *bound,
                             struct agner_error *error)
{
    struct sim *sim = loop->sim;
    struct rt_udp *udp;

    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    if (!(sim__is_everywhere(options->host) || sim__is_number(options->host)) ||
        (options->group[0] != '\0' && !sim__is_number(options->group)))
        return agner_fail(error, AGNER_EINVAL, "datagrams: not a number");
    udp = calloc(1, sizeof *udp);
    if (udp == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for datagrams");
    udp->loop = loop;
    udp->owner = *owner;
    udp->options = *options;
    if (options->port == 0)
        udp->options.port = free_port(sim, &udp->options);
    if (udp->options.port == 0 || is_taken(sim, &udp->options)) {
        free(udp);
        return agner_fail(error, AGNER_ETAKEN, "datagrams on port %u: in use",
                          (unsigned)options->port);
    }
    udp->hear = (struct source){
        .kind = "datagram", .ready = can_hear, .when = when, .run = hear
    };
    sim__source_add(loop->machine, &udp->hear);
    udp->next = loop->udps;
    udp->link = &loop->udps;
    if (loop->udps != NULL)
        loop->udps->link = &udp->next;
    loop->udps = udp;
    if (bound != NULL)
        *bound = udp->options.port;
    *out = udp;
    return AGNER_OK;
}

/* Is what is sent there for this one? */
static bool is_for(const struct rt_udp *udp, const char *host, uint16_t port)
{
    if (udp->options.port != port)
        return false;
    if (strcmp(udp->options.group, host) == 0)
        return true;
    if (sim__is_everywhere(udp->options.host))
        return sim__is_known_as(udp->loop, host);
    return strcmp(udp->options.host, host) == 0;
}

static void put(struct rt_udp *udp, const struct rt_address *from,
                const void *bytes, size_t size)
{
    struct datagram **link = &udp->waiting;
    struct datagram *datagram;

    if (udp->count == WAITING_MAX)
        return;
    datagram = malloc(sizeof *datagram + size);
    if (datagram == NULL)
        return; /* lost, as any may be */
    datagram->at_ns =
        udp->loop->sim->now_ns + sim__net_delay_ns(udp->loop->sim);
    datagram->from = *from;
    datagram->size = size;
    memcpy(datagram->bytes, bytes, size);
    while (*link != NULL && (*link)->at_ns <= datagram->at_ns)
        link = &(*link)->next;
    datagram->next = *link;
    *link = datagram;
    udp->count++;
}

enum agner_err sim__udp_send(struct rt_udp *udp, const char *host,
                             uint16_t port, const void *bytes, size_t size)
{
    struct sim *sim = udp->loop->sim;
    struct rt_address from = { .kind = RT_ADDRESS_TCP };

    if (size > RT_DATAGRAM_MAX || !sim__is_number(host))
        return AGNER_EINVAL;
    sim__describe(udp->loop, &from);
    from.port = udp->options.port;
    sim__event(sim, "datagram", udp->hear.number, size);
    for (struct rt_loop *loop = sim->loops; loop != NULL; loop = loop->next)
        for (struct rt_udp *to = loop->udps; to != NULL; to = to->next) {
            if (!is_for(to, host, port) || sim__is_cut(udp->loop, loop) ||
                udp->loop->machine->crashed || loop->machine->crashed)
                continue;
            if (!sim__fault(sim, sim->options.datagram_ppm))
                put(to, &from, bytes, size);
            else if (sim_draw(sim, 2) == 0)
                for (int i = 0; i < 2; i++)
                    put(to, &from, bytes, size);
        }
    return AGNER_OK;
}

void sim__udp_close(struct rt_udp *udp)
{
    sim__source_remove(&udp->hear);
    *udp->link = udp->next;
    if (udp->next != NULL)
        udp->next->link = udp->link;
    while (udp->waiting != NULL) {
        struct datagram *datagram = udp->waiting;

        udp->waiting = datagram->next;
        free(datagram);
    }
    free(udp);
}
