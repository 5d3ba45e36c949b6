/*
 * policy.c -- a list of rows by name. It is short, and looked at once a
 * handshake.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "noise_secret.h"

struct policy_row {
    struct policy_row *next;
    bool allowed;
    struct cookies *cookies; /* owned, memory for secrets; NULL: none */
    char name[];             /* of a node, or of a host */
};

void node__policy_fini(struct policy *policy)
{
    while (policy->rows != NULL) {
        struct policy_row *row = policy->rows;

        policy->rows = row->next;
        node__secret_free(row->cookies);
        free(row);
    }
}

/* Under the lock. */
static struct policy_row *find(const struct policy *policy, const char *name)
{
    struct policy_row *row = policy->rows;

    while (row != NULL && strcmp(row->name, name) != 0)
        row = row->next;
    return row;
}

/* Under the lock: the row of that name, which may be the new one. */
static struct policy_row *get(struct policy *policy, const char *name,
                              struct policy_row **fresh)
{
    struct policy_row *row = find(policy, name);

    if (row != NULL || policy->count == NODE__POLICY_MAX)
        return row;
    row = *fresh;
    *fresh = NULL;
    row->next = policy->rows;
    policy->rows = row;
    policy->count++;
    return row;
}

static struct policy_row *row_new(const char *name)
{
    size_t size = strlen(name) + 1;
    struct policy_row *row = calloc(1, sizeof *row + size);

    if (row != NULL)
        memcpy(row->name, name, size);
    return row;
}

enum agner_err node__policy_cookies(struct policy *policy, const char *peer,
                                    const struct cookies *cookies)
{
    struct policy_row *fresh = row_new(peer), *row;
    struct cookies *secret = NULL, *former = NULL;

    if (fresh != NULL && cookies != NULL)
        secret = node__secret_new(sizeof *secret);
    if (fresh == NULL || (cookies != NULL && secret == NULL)) {
        free(fresh);
        return AGNER_ENOMEM;
    }
    if (cookies != NULL)
        *secret = *cookies;
    rt__lock(&policy->lock);
    row = get(policy, peer, &fresh);
    if (row != NULL) {
        former = row->cookies;
        row->cookies = secret;
        secret = NULL;
    }
    rt__unlock(&policy->lock);
    free(fresh);
    node__secret_free(secret);
    node__secret_free(former);
    return row != NULL ? AGNER_OK : AGNER_ELIMIT;
}

bool node__policy_find(struct policy *policy, const char *peer,
                       struct cookies *cookies)
{
    const struct policy_row *row;
    bool has;

    rt__lock(&policy->lock);
    row = find(policy, peer);
    has = row != NULL && row->cookies != NULL;
    if (has)
        *cookies = *row->cookies;
    rt__unlock(&policy->lock);
    return has;
}

void node__policy_psks(struct policy *policy,
                       void (*each)(void *ctx, const uint8_t *psk), void *ctx)
{
    rt__lock(&policy->lock);
    for (const struct policy_row *row = policy->rows; row != NULL;
         row = row->next)
        if (row->cookies != NULL)
            each(ctx, row->cookies->in_psk);
    rt__unlock(&policy->lock);
}

enum agner_err node__policy_allow(struct policy *policy, const char *name)
{
    struct policy_row *fresh = row_new(name), *row;

    if (fresh == NULL)
        return AGNER_ENOMEM;
    rt__lock(&policy->lock);
    row = get(policy, name, &fresh);
    if (row != NULL) {
        row->allowed = true;
        policy->restricted = true;
    }
    rt__unlock(&policy->lock);
    free(fresh);
    return row != NULL ? AGNER_OK : AGNER_ELIMIT;
}

/* Under the lock. */
static bool is_allowed(const struct policy *policy, const char *name)
{
    const struct policy_row *row = find(policy, name);

    return row != NULL && row->allowed;
}

bool node__policy_allows(struct policy *policy, const char *name)
{
    const char *at = strchr(name, '@');
    bool allows;

    rt__lock(&policy->lock);
    allows = !policy->restricted || is_allowed(policy, name) ||
             (at != NULL && is_allowed(policy, at + 1));
    rt__unlock(&policy->lock);
    return allows;
}
