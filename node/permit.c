/*
 * permit.c -- rows by key, name, pattern, host and kind, and what they say.
 */
#include "permit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "conn.h"
#include "key_text.h"
#include "node_room.h"
#include "wire.h"

#define LOG_EVERY_MS 1000

/* How much a row says about a peer: the greatest counts, then the newest. */
enum rank {
    RANK_NONE,
    RANK_FAMILY, /* agner, erlang */
    RANK_KIND,
    RANK_HOST,
    RANK_PATTERN,
    RANK_NAME,
    RANK_KEY,
};

struct permit_row {
    struct permit_row *next; /* older */
    enum rank rank;
    unsigned permissions; /* NODE_PERMIT_DEFAULT too */
    unsigned kinds;       /* RANK_FAMILY, RANK_KIND: a bit for each */
    uint8_t key[32];      /* RANK_KEY */
    char peer[];
};

#define KIND_BIT(kind) (1u << (kind))

static const struct kind_word {
    const char *word;
    enum rank rank;
    unsigned kinds;
} kind_words[] = {
    { "agner", RANK_FAMILY,
      KIND_BIT(LINK_SECURE_LISTED) | KIND_BIT(LINK_SECURE_COOKIE) },
    { "agner-listed", RANK_KIND, KIND_BIT(LINK_SECURE_LISTED) },
    { "agner-cookie", RANK_KIND, KIND_BIT(LINK_SECURE_COOKIE) },
    { "erlang", RANK_FAMILY,
      KIND_BIT(LINK_PLAIN_LOOPBACK) | KIND_BIT(LINK_PLAIN_OTHER) },
    { "erlang-loopback", RANK_KIND, KIND_BIT(LINK_PLAIN_LOOPBACK) },
    { "erlang-other", RANK_KIND, KIND_BIT(LINK_PLAIN_OTHER) },
};

unsigned node__permit_default(enum link_kind kind)
{
    switch (kind) {
    case LINK_SECURE_LISTED:
    case LINK_SECURE_COOKIE:
        return RT_MAY_ALL &
               ~((unsigned)RT_MAY_SPAWN | RT_MAY_RPC | RT_MAY_ADMIN);
    case LINK_PLAIN_LOOPBACK:
        return RT_MAY_MESSAGE | RT_MAY_LINK | RT_MAY_NAMES | RT_MAY_OBSERVE;
    case LINK_PLAIN_OTHER:
        break;
    }
    return RT_MAY_MESSAGE | RT_MAY_LINK;
}

/* ---- Text --------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* One word of the list: false: it is none. */
static bool add_word(const char *word, size_t size, unsigned *permissions)
{
    unsigned bit = rt_permission_parse(word, size);

    if (size == 3 && memcmp(word, "all", 3) == 0)
        bit = RT_MAY_ALL;
    else if (size == 7 && memcmp(word, "default", 7) == 0)
        bit = NODE_PERMIT_DEFAULT;
    *permissions |= bit;
    return bit != 0 || (size == 4 && memcmp(word, "none", 4) == 0);
}

static enum agner_err parse_words(const char *text, unsigned *permissions,
                                  struct agner_error *error)
{
    for (;;) {
        size_t size = strcspn(text = skip_blanks(text), ", \t");

        if (!add_word(text, size, permissions))
            return agner_fail(error, AGNER_EINVAL,
                              "'%.*s' is no permission; they are message, "
                              "link, exit, spawn, rpc, names, observe, admin, "
                              "and all, none, default",
                              (int)(size < 40 ? size : 40), text);
        text = skip_blanks(text + size);
        if (*text == '\0')
            return AGNER_OK;
        if (*text++ != ',')
            return agner_fail(error, AGNER_EINVAL,
                              "permissions are parted by commas");
    }
}

enum agner_err node__permit_parse(const char *text, char peer[256],
                                  unsigned *permissions,
                                  struct agner_error *error)
{
    const char *colon = strrchr(text, ':');
    const char *begin = skip_blanks(text), *end = colon;

    while (end != NULL && end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end == NULL || end == begin || end - begin > 255)
        return agner_fail(error, AGNER_EINVAL,
                          "'%.80s' is no PEER: PERMISSION, PERMISSION", text);
    memcpy(peer, begin, (size_t)(end - begin));
    peer[end - begin] = '\0';
    *permissions = 0;
    return parse_words(colon + 1, permissions, error);
}

/* ---- Rows --------------------------------------------------------------- */

/* What `peer` stands for. */
static enum agner_err classify(struct permit_row *row,
                               struct agner_error *error)
{
    const char *peer = row->peer;
    size_t size = strlen(peer);

    for (size_t i = 0; i < sizeof kind_words / sizeof *kind_words; i++)
        if (strcmp(kind_words[i].word, peer) == 0) {
            row->rank = kind_words[i].rank;
            row->kinds = kind_words[i].kinds;
            return AGNER_OK;
        }
    if (strncmp(peer, KEY_PREFIX, strlen(KEY_PREFIX)) == 0) {
        row->rank = RANK_KEY;
        return node__key_parse(peer, size, row->key)
                   ? AGNER_OK
                   : agner_fail(error, AGNER_EINVAL, "'%.80s' is no key", peer);
    }
    if (strchr(peer, '@') == NULL) {
        row->rank = RANK_HOST;
        return node__host_check(peer, size, error);
    }
    row->rank = strpbrk(peer, "*?") != NULL ? RANK_PATTERN : RANK_NAME;
    return node__name_check(peer, size, error);
}

static struct permit_row *row_new(const char *peer, unsigned permissions)
{
    size_t size = strlen(peer) + 1;
    struct permit_row *row = calloc(1, sizeof *row + size);

    if (row == NULL)
        return NULL;
    memcpy(row->peer, peer, size);
    row->permissions = permissions;
    return row;
}

/* Under the lock: takes out what was said of the same peer before. */
static struct permit_row *take_out(struct permits *permits, const char *peer)
{
    struct permit_row **link = &permits->rows, *old;

    while (*link != NULL && strcmp((*link)->peer, peer) != 0)
        link = &(*link)->next;
    old = *link;
    if (old != NULL) {
        *link = old->next;
        permits->count--;
    }
    return old;
}

enum agner_err node__permits_set(struct permits *permits, const char *peer,
                                 unsigned permissions,
                                 struct agner_error *error)
{
    struct permit_row *row = row_new(peer, permissions), *old;
    enum agner_err err;

    if (row == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a permission");
    err = classify(row, error);
    if (err != AGNER_OK) {
        free(row);
        return err;
    }
    rt__lock(&permits->lock);
    old = take_out(permits, peer);
    if (permits->count < NODE__PERMIT_ROWS_MAX) {
        row->next = permits->rows;
        permits->rows = row;
        permits->count++;
        row = NULL;
    }
    rt__unlock(&permits->lock);
    free(old);
    if (row == NULL)
        return AGNER_OK;
    free(row);
    return agner_fail(error, AGNER_ELIMIT, "over %d peers have permissions",
                      NODE__PERMIT_ROWS_MAX);
}

void node__permits_fini(struct permits *permits)
{
    while (permits->rows != NULL) {
        struct permit_row *row = permits->rows;

        permits->rows = row->next;
        free(row);
    }
}

static bool matches(const struct permit_row *row, enum link_kind kind,
                    const char *name, const uint8_t *key)
{
    const char *at = strchr(name, '@');

    switch (row->rank) {
    case RANK_KEY:
        return key != NULL && memcmp(row->key, key, sizeof row->key) == 0;
    case RANK_NAME:
        return strcmp(row->peer, name) == 0;
    case RANK_PATTERN:
        return node__glob(row->peer, name);
    case RANK_HOST:
        return at != NULL && strcmp(row->peer, at + 1) == 0;
    case RANK_KIND:
    case RANK_FAMILY:
        return (row->kinds & KIND_BIT(kind)) != 0;
    case RANK_NONE:
        break;
    }
    return false;
}

unsigned node__permits_of(struct permits *permits, enum link_kind kind,
                          const char *name, const uint8_t *key)
{
    unsigned permissions = NODE_PERMIT_DEFAULT;
    enum rank best = RANK_NONE;

    rt__lock(&permits->lock);
    for (const struct permit_row *row = permits->rows; row != NULL;
         row = row->next) {
        if (row->rank <= best || !matches(row, kind, name, key))
            continue;
        best = row->rank;
        permissions = row->permissions;
    }
    rt__unlock(&permits->lock);
    if ((permissions & NODE_PERMIT_DEFAULT) != 0)
        permissions |= node__permit_default(kind);
    return permissions & RT_MAY_ALL;
}

unsigned node__permit_of(struct node *node, enum link_kind kind,
                         const char *name, const uint8_t *key)
{
    return node__permits_of(&node->permits, kind, name, key);
}

/* ---- For users ---------------------------------------------------------- */

/* Loop thread. */
static void apply(void *ctx)
{
    struct node *node = ctx;

    for (struct conn *conn = node->conns; conn != NULL; conn = conn->next)
        if (conn->phase == CONN_UP)
            node__wire_permit(conn->wire);
}

enum agner_err node_permit(struct node *node, const char *peer,
                           unsigned permissions, struct agner_error *error)
{
    enum agner_err err =
        node__permits_set(&node->permits, peer, permissions, error);

    if (err == AGNER_OK)
        node__on_loop(node, apply, node);
    return err;
}

enum agner_err node_permit_parse(struct node *node, const char *text,
                                 struct agner_error *error)
{
    char peer[256];
    unsigned permissions;
    enum agner_err err = node__permit_parse(text, peer, &permissions, error);

    return err == AGNER_OK ? node_permit(node, peer, permissions, error) : err;
}

size_t node_permits(struct node *node, struct node_permit_row *rows,
                    size_t count)
{
    struct permits *permits = &node->permits;
    size_t all = 0;

    rt__lock(&permits->lock);
    for (const struct permit_row *row = permits->rows; row != NULL;
         row = row->next, all++) {
        if (all >= count)
            continue;
        (void)snprintf(rows[all].peer, sizeof rows[all].peer, "%s", row->peer);
        rows[all].permissions = row->permissions;
    }
    rt__unlock(&permits->lock);
    return all;
}

void node_policy(const struct node *node, struct node_policy *policy)
{
    memset(policy, 0, sizeof *policy);
    policy->erlang = node->erlang;
    policy->listen_port = node_port(node);
    if (policy->listen_port != 0)
        (void)snprintf(policy->listen_host, sizeof policy->listen_host, "%s",
                       node->listen_address.host);
}

uint64_t node_denied(const struct node *node, enum rt_permission permission)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < RT_PERMISSION_COUNT; i++)
        if ((permission & 1u << i) != 0)
            count += load_relaxed(&node->denied[i]);
    return count;
}

/* ---- Refusing ----------------------------------------------------------- */

/* Order: none of them, since a count stands for itself, and a line more or less
 * in the log is nothing. */
void node__permit_refused(struct peer *peer, unsigned lacks, const char *what)
{
    struct node *node = peer->node;
    uint64_t now_ms = node__now_ms(node);
    uint64_t next_ms = load_relaxed(&peer->denied_next_ms);
    unsigned bit = (unsigned)__builtin_ctz(lacks | 1u << 31);
    char text[100];
    uint32_t hidden;

    if (bit < RT_PERMISSION_COUNT)
        add_relaxed(&node->denied[bit], 1u);
    add_relaxed(&peer->denied, 1u);
    if (now_ms < next_ms ||
        !cas_acq_rel(&peer->denied_next_ms, &next_ms, now_ms + LOG_EVERY_MS)) {
        add_relaxed(&peer->denied_hidden, 1u);
        return;
    }
    hidden = load_relaxed(&peer->denied_hidden);
    sub_relaxed(&peer->denied_hidden, hidden);
    rt_log(node->rt, RT_LOG_WARNING,
           "%s: refused %.120s of %s, which has no permission %s (%u more of "
           "it since the last line); permit \"%s: default, %s\" gives it",
           node__name(node), what, peer->text,
           rt_permissions_format(lacks, text, sizeof text), hidden, peer->text,
           text);
}
