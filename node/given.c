/*
 * given.c -- a list of names, each in use or not.
 */
#include "given.h"

#include <stdlib.h>
#include <string.h>

void node__given_fini(struct node__given *given)
{
    while (given->first != NULL) {
        struct given_name *name = given->first;

        given->first = name->next;
        free(name);
    }
    given->count = 0;
}

/* 0 means that there is no creation, and 1 to 3 are those of old nodes. */
static uint32_t creation_of(uint32_t number)
{
    return number > 3 ? number : number + 4;
}

static bool is_of(const struct given_name *name, const char *host)
{
    return strcmp(strchr(name->name, '@') + 1, host) == 0;
}

/* One of that host which nobody has, or else any that nobody has when there may
 * be no more. */
static struct given_name *find(const struct node__given *given,
                               const char *host)
{
    struct given_name *name, *other = NULL;

    for (name = given->first; name != NULL; name = name->next) {
        if (!name->used && is_of(name, host))
            return name;
        if (!name->used)
            other = name;
    }
    return given->count == NODE__GIVEN_MAX ? other : NULL;
}

static enum agner_err add(struct node__given *given, struct given_name **out)
{
    struct given_name *name;

    if (given->count == NODE__GIVEN_MAX)
        return AGNER_ELIMIT;
    name = calloc(1, sizeof *name);
    if (name == NULL)
        return AGNER_ENOMEM;
    name->next = given->first;
    given->first = name;
    given->count++;
    *out = name;
    return AGNER_OK;
}

enum agner_err node__given_take(struct node__given *given, const char *host,
                                const uint64_t random[2],
                                struct given_name **out)
{
    struct given_name *name = find(given, host);
    char text[NODE__NAME_MAX + 1];
    enum agner_err err = node__name_make(host, random[0], text);

    if (err == AGNER_OK && name == NULL)
        err = add(given, &name);
    if (err != AGNER_OK)
        return err;
    if (name->name[0] != '\0' && is_of(name, host)) {
        name->creation = creation_of(name->creation + 1);
    } else {
        memcpy(name->name, text, sizeof text);
        name->creation = creation_of((uint32_t)random[1]);
    }
    name->used = true;
    *out = name;
    return AGNER_OK;
}

void node__given_back(struct given_name *name)
{
    name->used = false;
}
