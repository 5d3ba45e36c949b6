/*
 * policy.c -- a list of rows by name. It is short, and looked at once a
 * handshake.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

struct policy_row {
    struct policy_row *next;
    bool allowed;
    bool has_cookies;
    struct cookies cookies;
    char name[]; /* of a node, or of a host */
};

void node__policy_fini(struct policy *policy)
{
    while (policy->rows != NULL) {
        struct policy_row *row = policy->rows;

        policy->rows = row->next;
        explicit_bzero(&row->cookies, sizeof row->cookies);
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
                                    const char *out, const char *in)
{
    struct policy_row *fresh = row_new(peer), *row;

    if (fresh == NULL)
        return AGNER_ENOMEM;
    rt__lock(&policy->lock);
    row = get(policy, peer, &fresh);
    if (row != NULL) {
        row->has_cookies = out != NULL;
        memset(&row->cookies, 0, sizeof row->cookies);
        if (out != NULL) {
            strncpy(row->cookies.out, out, NODE__COOKIE_MAX);
            strncpy(row->cookies.in, in, NODE__COOKIE_MAX);
        }
    }
    rt__unlock(&policy->lock);
    free(fresh);
    return row != NULL ? AGNER_OK : AGNER_ELIMIT;
}

bool node__policy_find(struct policy *policy, const char *peer,
                       struct cookies *cookies)
{
    const struct policy_row *row;
    bool has;

    rt__lock(&policy->lock);
    row = find(policy, peer);
    has = row != NULL && row->has_cookies;
    if (has)
        *cookies = row->cookies;
    rt__unlock(&policy->lock);
    return has;
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
