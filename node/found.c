/*
 * found.c -- the names that a registrar has found: found.h.
 */
#include "found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "node_room.h"

static struct node__found_name *look(const struct node__found *found,
                                     const char *name)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->names[i].name, name) == 0)
            return &found->names[i];
    return NULL;
}

static void place_of(const struct node__found *found,
                     const struct node__found_name *it,
                     struct node__place *place)
{
    memset(place, 0, sizeof *place);
    place->registrar = found->registrar.kind;
    (void)snprintf(place->host, sizeof place->host, "%s", it->host);
    if (it->host[0] == '\0')
        (void)snprintf(place->host, sizeof place->host, "%s",
                       strchr(it->name, '@') + 1); /* it was checked */
    place->port = it->port;
    place->seen_ms = it->seen_ms;
}

static bool resolve(struct node__registrar *r, const char *name,
                    struct node__place *place)
{
    const struct node__found *found = (struct node__found *)r;
    const struct node__found_name *it = look(found, name);

    if (it != NULL)
        place_of(found, it, place);
    return it != NULL;
}

static void list(struct node__registrar *r, node__each *each, void *ctx)
{
    const struct node__found *found = (struct node__found *)r;
    struct node__place place;

    for (size_t i = 0; i < found->count; i++) {
        place_of(found, &found->names[i], &place);
        each(ctx, found->names[i].name, &place);
    }
}

void node__found_init(struct node__found *found, struct node *node,
                      const char *kind, enum node__source source,
                      void (*close)(struct node__registrar *r))
{
    *found = (struct node__found){ .registrar = { .kind = kind,
                                                  .resolve = resolve,
                                                  .list = list,
                                                  .close = close },
                                   .node = node,
                                   .source = source };
}

void node__found_fini(struct node__found *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->names[i].name);
    free(found->names);
}

static struct node__found_name *add(struct node__found *found, const char *name)
{
    struct node__found_name *names;
    size_t room = found->room == 0 ? 16 : 2 * found->room;
    size_t size = strlen(name) + 1;
    char *copy;

    if (found->count == found->room) {
        names = realloc(found->names, room * sizeof *names);
        if (names == NULL)
            return NULL;
        found->names = names;
        found->room = room;
    }
    copy = malloc(size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name, size);
    found->names[found->count].name = copy;
    return &found->names[found->count++];
}

void node__found_put(struct node__found *found, const char *name,
                     const char *host, uint16_t port)
{
    struct node__found_name *it = look(found, name);
    struct node *node = found->node;
    bool is_new = it == NULL;

    if (is_new && found->count >= NODE_FOUND_MAX) {
        if (!found->full)
            rt_log(node->rt, RT_LOG_WARNING,
                   "%s: %s has found %d nodes; further ones are dropped",
                   node__name(node), found->registrar.kind, NODE_FOUND_MAX);
        found->full = true;
        return;
    }
    if (is_new)
        it = add(found, name);
    if (it == NULL)
        return;
    (void)snprintf(it->host, sizeof it->host, "%s", host);
    it->port = port;
    it->seen_ms = node__now_ms(node);
    /* Also when it is known: there may have been no room for it before. */
    node__cluster_want(&node->cluster, name, found->source);
}

void node__found_note(struct node__found *found, enum agner_err err,
                      const char *what, const char *text)
{
    const struct node *node = found->node;

    if (err != found->last)
        rt_log(node->rt, err == AGNER_OK ? RT_LOG_NOTICE : RT_LOG_WARNING,
               "%s: %s %s: %s", node__name(node), found->registrar.kind, what,
               err == AGNER_OK ? "answers again" : text);
    found->last = err;
}

void node__found_expire(struct node__found *found, uint64_t before_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        struct node__found_name *it = &found->names[i];

        if (it->seen_ms >= before_ms) {
            found->names[kept++] = *it;
            continue;
        }
        rt_log(found->node->rt, RT_LOG_INFO, "%s: %s knows %s no longer",
               node__name(found->node), found->registrar.kind, it->name);
        node__cluster_unwant(&found->node->cluster, it->name, found->source);
        free(it->name);
    }
    found->count = kept;
    if (kept < NODE_FOUND_MAX)
        found->full = false;
}
