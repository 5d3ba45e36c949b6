/*
 * registrars.c -- all registrars of a node, asked in order.
 *
 * Routes first, since the program gave them; then what was discovered; epmd
 * last, which is asked for every name. The order of node_discovery.h.
 */
#include "registrar.h"

#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "node_room.h"

/* ---- Finding one --------------------------------------------------------- */

void node__find(struct node *node, const char *name, struct node__place *place)
{
    memset(place, 0, sizeof *place);
    if (node__routes_resolve(&node->routes, name, place))
        return;
    for (struct node__registrar *r = node->registrars; r != NULL; r = r->next)
        if (r->resolve(r, name, place))
            return;
    place->registrar = "epmd";
    (void)snprintf(place->host, sizeof place->host, "%s",
                   strchr(name, '@') + 1); /* the name was checked */
}

bool node__cookies_for(struct node *node, const char *name,
                       struct cookies *cookies)
{
    struct node__place place = { .port = 0 };
    bool found = node__policy_find(&node->policy, name, cookies);

    if (!found && node__routes_resolve(&node->routes, name, &place) &&
        place.cookie[0] != '\0') {
        memcpy(cookies->out, place.cookie, sizeof cookies->out);
        memcpy(cookies->in, place.cookie, sizeof cookies->in);
        memcpy(cookies->out_psk, place.psk, sizeof cookies->out_psk);
        memcpy(cookies->in_psk, place.psk, sizeof cookies->in_psk);
        found = true;
    }
    explicit_bzero(&place, sizeof place);
    return found;
}

/* ---- The list ------------------------------------------------------------ */

struct starting {
    struct node *node;
    struct node__registrar *r;
    enum agner_err (*begin)(struct node__registrar *r,
                            struct agner_error *error);
    enum agner_err err;
    struct agner_error *error;
};

static void start(void *ctx)
{
    struct starting *s = ctx;
    struct node__registrar **link = &s->node->registrars;
    unsigned count = 0;

    while (*link != NULL) {
        link = &(*link)->next;
        count++;
    }
    if (!s->node->open)
        s->err =
            agner_fail(s->error, AGNER_ENOTRUNNING, "the node does not run");
    else if (count == NODE__REGISTRARS_MAX)
        s->err = agner_fail(s->error, AGNER_ELIMIT, "over %d registrars",
                            NODE__REGISTRARS_MAX);
    else
        s->err = s->begin(s->r, s->error);
    if (s->err == AGNER_OK)
        *link = s->r;
}

enum agner_err
node__registrar_start(struct node *node, struct node__registrar *r,
                      enum agner_err (*begin)(struct node__registrar *r,
                                              struct agner_error *error),
                      struct agner_error *error)
{
    struct starting starting = {
        .node = node, .r = r, .begin = begin, .error = error
    };

    node__on_loop(node, start, &starting);
    return starting.err;
}

void node__registrars_close(struct node *node)
{
    while (node->registrars != NULL) {
        struct node__registrar *r = node->registrars;

        node->registrars = r->next;
        r->close(r);
    }
}

/* ---- For users ----------------------------------------------------------- */

enum agner_err node_route_add(struct node *node,
                              const struct node_route_spec *route,
                              struct agner_error *error)
{
    size_t cookie = route->cookie == NULL ? 0 : strlen(route->cookie);
    uint8_t psk[NOISE_KEY_SIZE] = { 0 };
    enum agner_err err;

    if (cookie > 0 && cookie <= NODE__COOKIE_MAX) { /* or it is refused */
        err = node__trust_psk(node->trust, route->cookie, psk);
        if (err != AGNER_OK)
            return agner_fail(error, err, "%s: %s", route->name,
                              agner_strerror(err));
    }
    err = node__routes_add(&node->routes, route, psk, false, error);
    explicit_bzero(psk, sizeof psk);
    return err;
}

enum agner_err node_route(struct node *node, const char *name, const char *host,
                          uint16_t port)
{
    const struct node_route_spec route = { .name = name,
                                           .host = host,
                                           .port = port };

    if (host == NULL || port == 0 || strcmp(name, node__name(node)) == 0)
        return AGNER_EINVAL;
    return node_route_add(node, &route, NULL);
}

enum agner_err node_route_remove(struct node *node, const char *name)
{
    return node__routes_remove(&node->routes, name);
}

struct finding {
    struct node *node;
    const char *name;
    struct node__place place;
};

static void find(void *ctx)
{
    struct finding *finding = ctx;

    node__find(finding->node, finding->name, &finding->place);
}

enum agner_err node_resolve(struct node *node, const char *name,
                            struct node_place *place)
{
    struct finding finding = { .node = node, .name = name };
    enum agner_err err = node__name_check(name, strlen(name), NULL);

    if (err != AGNER_OK)
        return err;
    node__on_loop(node, find, &finding);
    memset(place, 0, sizeof *place);
    place->registrar = finding.place.registrar;
    memcpy(place->host, finding.place.host, sizeof place->host);
    place->port = finding.place.port;
    place->own_cookie = finding.place.cookie[0] != '\0';
    place->erlang = finding.place.erlang;
    explicit_bzero(finding.place.cookie, sizeof finding.place.cookie);
    return AGNER_OK;
}

struct listing {
    struct node *node;
    struct node_found *found;
    size_t room, count;
    uint64_t now_ms;
};

static void add_found(void *ctx, const char *name,
                      const struct node__place *place)
{
    struct listing *listing = ctx;
    struct node_found *found = &listing->found[listing->count];

    if (listing->count++ >= listing->room)
        return;
    memset(found, 0, sizeof *found);
    (void)snprintf(found->name, sizeof found->name, "%s", name);
    found->registrar = place->registrar;
    memcpy(found->host, place->host, sizeof found->host);
    found->port = place->port;
    if (place->seen_ms != 0)
        found->seen_ms = listing->now_ms - place->seen_ms;
}

static void list_all(void *ctx)
{
    struct listing *listing = ctx;
    struct node *node = listing->node;

    listing->now_ms = node__now_ms(node);
    node__routes_list(&node->routes, add_found, listing);
    for (struct node__registrar *r = node->registrars; r != NULL; r = r->next)
        r->list(r, add_found, listing);
}

size_t node_found(struct node *node, struct node_found *found, size_t count)
{
    struct listing listing = { .node = node, .found = found, .room = count };

    node__on_loop(node, list_all, &listing);
    return listing.count;
}
