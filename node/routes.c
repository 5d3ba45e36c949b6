/*
 * routes.c -- places that were given: by a route, or as name@host:port.
 *
 * A list in the order in which it is asked: exact names, then patterns, the
 * heaviest first. It is short or searched rarely: once for each dial, and once
 * for each name that comes in. Any thread; the lock guards all of it.
 */
#include "registrar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node_room.h"
#include "noise_secret.h"

struct node__route {
    struct node__route *next;
    bool pattern, address, erlang;
    int weight;
    char name[NODE__NAME_MAX + 1];
    char host[256]; /* "": what is behind the @ */
    uint16_t port;
    struct route_secret *secret; /* owned; NULL: it has no cookie */
};

struct route_secret {
    char cookie[NODE__COOKIE_MAX + 1];
    uint8_t psk[NOISE_KEY_SIZE]; /* of that cookie */
};

/* One star at a time: where it last began is all that has to be kept. */
bool node__glob(const char *pattern, const char *text)
{
    const char *star = NULL, *begun = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            begun = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++begun;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

static enum agner_err check(const struct node_route_spec *route,
                            struct agner_error *error)
{
    size_t cookie = route->cookie == NULL ? 1 : strlen(route->cookie);
    enum agner_err err =
        node__name_check(route->name, strlen(route->name), error);

    if (err != AGNER_OK)
        return err;
    if (route->host != NULL &&
        (route->host[0] == '\0' || strlen(route->host) > 255))
        return agner_fail(error, AGNER_EINVAL, "%s: a host has 1 to 255 bytes",
                          route->name);
    if (cookie == 0 || cookie > NODE__COOKIE_MAX)
        return agner_fail(error, AGNER_EINVAL, "%s: a cookie has 1 to %d bytes",
                          route->name, NODE__COOKIE_MAX);
    return AGNER_OK;
}

static void route_free(struct node__route *route)
{
    if (route != NULL)
        node__secret_free(route->secret);
    free(route);
}

/* NULL: no memory. */
static struct node__route *route_new(const struct node_route_spec *from,
                                     const uint8_t *psk, bool address)
{
    struct node__route *route = calloc(1, sizeof *route);

    if (route == NULL)
        return NULL;
    route->address = address;
    route->pattern = is_pattern(from->name);
    route->weight = route->pattern ? from->weight : 0;
    route->port = from->port;
    route->erlang = from->erlang;
    (void)snprintf(route->name, sizeof route->name, "%s", from->name);
    (void)snprintf(route->host, sizeof route->host, "%s",
                   from->host == NULL ? "" : from->host);
    if (from->cookie == NULL)
        return route;
    route->secret = node__secret_new(sizeof *route->secret);
    if (route->secret == NULL) {
        route_free(route);
        return NULL;
    }
    memcpy(route->secret->cookie, from->cookie, strlen(from->cookie) + 1);
    if (psk != NULL)
        memcpy(route->secret->psk, psk, sizeof route->secret->psk);
    return route;
}

/* Under the lock. The link to the route of that name or pattern. */
static struct node__route **find(struct node__routes *routes, const char *name)
{
    struct node__route **link = &routes->first;

    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

/* Under the lock. */
static void insert(struct node__routes *routes, struct node__route *route)
{
    struct node__route **link = &routes->first;

    while (*link != NULL &&
           (!(*link)->pattern ||
            (route->pattern && (*link)->weight >= route->weight)))
        link = &(*link)->next;
    route->next = *link;
    *link = route;
    routes->count++;
}

/* Under the lock. */
static struct node__route *take_out(struct node__routes *routes,
                                    struct node__route **link)
{
    struct node__route *route = *link;

    *link = route->next;
    routes->count--;
    return route;
}

enum agner_err node__routes_add(struct node__routes *routes,
                                const struct node_route_spec *from,
                                const uint8_t *psk, bool address,
                                struct agner_error *error)
{
    struct node__route *route, **link, *old = NULL;
    enum agner_err err = check(from, error);

    if (err != AGNER_OK)
        return err;
    route = route_new(from, psk, address);
    if (route == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a route");
    rt__lock(&routes->lock);
    link = find(routes, route->name);
    if (*link != NULL && !(*link)->address)
        err = AGNER_EALREADY;
    else if (*link != NULL)
        old = take_out(routes, link);
    else if (routes->count >= NODE_ROUTES_MAX)
        err = AGNER_ELIMIT;
    if (err == AGNER_OK)
        insert(routes, route);
    rt__unlock(&routes->lock);
    route_free(old);
    if (err == AGNER_OK)
        return AGNER_OK;
    route_free(route);
    return agner_fail(error, err, "%s: %s", from->name,
                      err == AGNER_ELIMIT ? "too many routes"
                                          : "there is a route for it");
}

enum agner_err node__routes_remove(struct node__routes *routes,
                                   const char *name)
{
    struct node__route **link, *old = NULL;

    rt__lock(&routes->lock);
    link = find(routes, name);
    if (*link != NULL)
        old = take_out(routes, link);
    rt__unlock(&routes->lock);
    if (old == NULL)
        return AGNER_ENONAME;
    route_free(old);
    return AGNER_OK;
}

/* `name` is the node's whose host stands in for the route's. */
static void fill_in(const struct node__route *route, const char *name,
                    struct node__place *place)
{
    place->registrar = route->address ? "address" : "route";
    (void)snprintf(place->host, sizeof place->host, "%s",
                   route->host[0] != '\0' ? route->host
                                          : strchr(name, '@') + 1);
    place->port = route->port;
    place->erlang = route->erlang;
    memset(place->cookie, 0, sizeof place->cookie);
    if (route->secret != NULL) {
        memcpy(place->cookie, route->secret->cookie, sizeof place->cookie);
        memcpy(place->psk, route->secret->psk, sizeof place->psk);
    }
    place->seen_ms = 0;
}

bool node__routes_resolve(struct node__routes *routes, const char *name,
                          struct node__place *place)
{
    const struct node__route *route;

    rt__lock(&routes->lock);
    for (route = routes->first; route != NULL; route = route->next)
        if (route->pattern ? node__glob(route->name, name)
                           : strcmp(route->name, name) == 0)
            break;
    if (route != NULL)
        fill_in(route, name, place);
    rt__unlock(&routes->lock);
    return route != NULL;
}

/* The lock is held for each one only, since `each` may do anything: by number,
 * so that one that is added or removed meanwhile is missed or seen twice. */
void node__routes_list(struct node__routes *routes, node__each *each, void *ctx)
{
    char name[NODE__NAME_MAX + 1];
    struct node__place place;

    for (size_t i = 0;; i++) {
        const struct node__route *route;
        size_t at = 0;

        rt__lock(&routes->lock);
        route = routes->first;
        while (route != NULL && at < i) {
            route = route->next;
            at++;
        }
        if (route != NULL) {
            memcpy(name, route->name, sizeof name);
            fill_in(route, name, &place);
        }
        rt__unlock(&routes->lock);
        if (route == NULL)
            break;
        each(ctx, name, &place);
    }
    explicit_bzero(&place, sizeof place);
}

void node__routes_psks(struct node__routes *routes,
                       void (*each)(void *ctx, const uint8_t *psk), void *ctx)
{
    rt__lock(&routes->lock);
    for (const struct node__route *route = routes->first; route != NULL;
         route = route->next)
        if (route->secret != NULL)
            each(ctx, route->secret->psk);
    rt__unlock(&routes->lock);
}

void node__routes_fini(struct node__routes *routes)
{
    while (routes->first != NULL)
        route_free(take_out(routes, &routes->first));
}
