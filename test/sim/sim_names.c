/*
 * sim_names.c -- what a host's name stands for, and asking for all of it.
 *
 * An answer takes as long as anything else in the network, and is what the name
 * stands for at the time of the answer, or, as a drawn fault, stood for before.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name and one of its addresses; those of one name in the order added. */
struct host {
    struct host *next;
    bool former; /* of before the last sim_host_put() */
    char name[256], address[256];
};

struct rt_resolve {
    struct rt_loop *loop;            /* borrowed */
    struct rt_resolve *next, **link; /* in the loop's `resolves` */
    struct source answer;
    uint64_t at_ns;
    char host[256];
    void (*done)(void *ctx, enum agner_err err,
                 const struct rt_address *addresses, size_t count,
                 const char *text);
    void *ctx;
};

bool sim__is_number(const char *host)
{
    return strchr(host, ':') != NULL ||
           (host[0] != '\0' && host[strspn(host, "0123456789.")] == '\0');
}

bool sim__is_everywhere(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ||
           strcmp(host, "::") == 0;
}

const char *sim__resolve(const struct sim *sim, const char *host)
{
    const struct host *each;

    for (each = sim->hosts; each != NULL; each = each->next)
        if (!each->former && strcmp(each->name, host) == 0)
            return each->address;
    if (strcmp(host, "localhost") == 0)
        return "127.0.0.1";
    return sim__is_everywhere(host) || sim__is_number(host) ? host : NULL;
}

/* ---- The names ------------------------------------------------------------
 */

enum agner_err sim_host_add(struct sim *sim, const char *name,
                            const char *address)
{
    struct host **link = &sim->hosts;
    struct host *host = calloc(1, sizeof *host);

    if (host == NULL)
        return AGNER_ENOMEM;
    while (*link != NULL)
        link = &(*link)->next;
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    (void)snprintf(host->address, sizeof host->address, "%s", address);
    *link = host;
    return AGNER_OK;
}

enum agner_err sim_host_put(struct sim *sim, const char *name,
                            const char *address)
{
    struct host **link = &sim->hosts;

    while (*link != NULL) {
        struct host *host = *link;

        if (host->former && strcmp(host->name, name) == 0) {
            *link = host->next;
            free(host);
        } else {
            host->former |= strcmp(host->name, name) == 0;
            link = &host->next;
        }
    }
    return address == NULL ? AGNER_OK : sim_host_add(sim, name, address);
}

void sim__hosts_free(struct sim *sim)
{
    while (sim->hosts != NULL) {
        struct host *host = sim->hosts;

        sim->hosts = host->next;
        free(host);
    }
    sim_heal_all(sim);
}

/* ---- Questions ------------------------------------------------------------
 */

static struct rt_resolve *of_source(struct source *source)
{
    return (struct rt_resolve *)((char *)source -
                                 offsetof(struct rt_resolve, answer));
}

static uint64_t when(struct source *source)
{
    return of_source(source)->at_ns;
}

static size_t is_there(struct source *source)
{
    return when(source) <= of_source(source)->loop->sim->now_ns;
}

/* Does not free it. */
static void take_out(struct rt_resolve *resolve)
{
    *resolve->link = resolve->next;
    if (resolve->next != NULL)
        resolve->next->link = resolve->link;
    sim__source_remove(&resolve->answer);
}

/* What it stands for, or (stale) stood for before, if it did. */
static size_t collect(const struct sim *sim, const char *host, bool stale,
                      struct rt_address *addresses)
{
    const struct host *each;
    const char *only;
    size_t count = 0;

    for (each = sim->hosts; each != NULL && count < RT_RESOLVE_MAX;
         each = each->next)
        if (each->former == stale && strcmp(each->name, host) == 0)
            (void)snprintf(addresses[count++].host, sizeof addresses->host,
                           "%s", each->address);
    only = count > 0 || stale ? NULL : sim__resolve(sim, host);
    if (only != NULL)
        (void)snprintf(addresses[count++].host, sizeof addresses->host, "%s",
                       only);
    return count;
}

static void answer(struct source *source, size_t index)
{
    struct rt_resolve *resolve = of_source(source);
    struct sim *sim = resolve->loop->sim;
    struct rt_address *addresses = calloc(RT_RESOLVE_MAX, sizeof *addresses);
    bool failed = sim__fault(sim, sim->options.name_error_ppm);
    bool stale = sim__fault(sim, sim->options.name_stale_ppm);
    size_t count = 0;

    (void)index;
    take_out(resolve);
    if (addresses != NULL && stale)
        count = collect(sim, resolve->host, true, addresses);
    if (addresses != NULL && count == 0)
        count = collect(sim, resolve->host, false, addresses);
    sim__event(sim, "name answered", resolve->answer.number, count);
    if (addresses == NULL)
        resolve->done(resolve->ctx, AGNER_ENOMEM, NULL, 0, "out of memory");
    else if (failed)
        resolve->done(resolve->ctx, AGNER_ESYSTEM, NULL, 0,
                      "a simulated error");
    else if (count == 0)
        resolve->done(resolve->ctx, AGNER_ENONAME, NULL, 0,
                      "unknown node or service");
    else
        resolve->done(resolve->ctx, AGNER_OK, addresses, count, "");
    free(addresses);
    free(resolve);
}

enum agner_err sim__ask_name(struct rt_loop *loop, const char *host,
                             void (*done)(void *ctx, enum agner_err err,
                                          const struct rt_address *addresses,
                                          size_t count, const char *text),
                             void *ctx, struct rt_resolve **out,
                             struct agner_error *error)
{
    struct rt_resolve *resolve;

    if (loop->stopping)
        return agner_fail(error, AGNER_ENOTRUNNING, "the loop ends");
    if (host[0] == '\0' || strlen(host) >= sizeof resolve->host)
        return agner_fail(error, AGNER_EINVAL, "no name of a host");
    resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL)
        return agner_fail(error, AGNER_ENOMEM, "look-up of %s", host);
    resolve->loop = loop;
    (void)snprintf(resolve->host, sizeof resolve->host, "%s", host);
    resolve->done = done;
    resolve->ctx = ctx;
    resolve->at_ns = loop->sim->now_ns + sim__net_delay_ns(loop->sim);
    resolve->answer = (struct source){
        .kind = "name", .ready = is_there, .when = when, .run = answer
    };
    sim__source_add(loop->machine, &resolve->answer);
    resolve->next = loop->resolves;
    resolve->link = &loop->resolves;
    if (loop->resolves != NULL)
        loop->resolves->link = &resolve->next;
    loop->resolves = resolve;
    *out = resolve;
    return AGNER_OK;
}

void sim__ask_name_cancel(struct rt_resolve *resolve)
{
    take_out(resolve);
    free(resolve);
}

void sim__names_end(struct rt_loop *loop, bool tell)
{
    while (loop->resolves != NULL) {
        struct rt_resolve *resolve = loop->resolves;

        take_out(resolve);
        if (tell)
            resolve->done(resolve->ctx, AGNER_ENOTRUNNING, NULL, 0,
                          "the loop ends");
        free(resolve);
    }
}
