/*
 * identity.c -- the name that counts is one of all that there were.
 */
#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include <atomic.h>

/* Order: acquire pairs with the release in node__identity_set(), which
 * publishes the text. */
static const struct own_name *present(const struct identity *identity)
{
    return load_acquire(&identity->name);
}

/* NULL: no memory. */
static struct own_name *own_name(struct identity *identity, const char *name)
{
    struct own_name *own = identity->all;
    size_t size = strlen(name) + 1;

    while (own != NULL && strcmp(own->text, name) != 0)
        own = own->next;
    if (own != NULL)
        return own;
    own = malloc(sizeof *own + size);
    if (own == NULL)
        return NULL;
    memcpy(own->text, name, size);
    own->atom = etf_atom(name);
    if (etf_is_none(own->atom)) {
        free(own);
        return NULL;
    }
    own->next = identity->all;
    identity->all = own;
    return own;
}

enum agner_err node__identity_set(struct identity *identity, const char *name,
                                  uint32_t creation)
{
    struct own_name *own = own_name(identity, name);

    if (own == NULL)
        return AGNER_ENOMEM;
    store_relaxed(&identity->creation, creation);
    store_release(&identity->name, own);
    return AGNER_OK;
}

void node__identity_fini(struct identity *identity)
{
    while (identity->all != NULL) {
        struct own_name *own = identity->all;

        identity->all = own->next;
        free(own);
    }
}

const char *node__identity_name(const struct identity *identity)
{
    return present(identity)->text;
}

struct etf_self node__identity_self(const struct identity *identity)
{
    return (struct etf_self){ .name = present(identity)->atom,
                              .creation = load_relaxed(&identity->creation) };
}
