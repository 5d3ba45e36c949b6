/*
 * trust.c -- what handshakes ask: the own key, the keys of cookies, and who may
 * have which key.
 *
 * All of it is in memory and found under a lock that is held for a search
 * through lists; nothing here waits.
 */
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#include "noise_psk.h"
#include "noise_secret.h"
#include "trust_room.h"

/* ---- Birth and death -------------------------------------------------- */

static enum agner_err take_cluster(struct trust *trust, const char *cluster,
                                   struct agner_error *error)
{
    if (cluster == NULL)
        return AGNER_OK;
    if (strlen(cluster) >= sizeof trust->cluster)
        return agner_fail(error, AGNER_EINVAL,
                          "the name of a cluster has at most %zu bytes",
                          sizeof trust->cluster - 1);
    memcpy(trust->cluster, cluster, strlen(cluster) + 1);
    return AGNER_OK;
}

static enum agner_err take_path(const char *path, char **to,
                                struct agner_error *error)
{
    if (path == NULL)
        return AGNER_OK;
    *to = strdup(path);
    return *to != NULL
               ? AGNER_OK
               : agner_fail(error, AGNER_ENOMEM, "no memory for %.100s", path);
}

static enum agner_err fill(struct trust *trust,
                           const struct node_options *options,
                           struct agner_error *error)
{
    struct trust_reading reading;
    enum agner_err err = node__noise_ready();

    if (err != AGNER_OK)
        return agner_fail(error, err, "this system has no random numbers");
    trust->mode = options->trust;
    err = take_cluster(trust, options->cluster, error);
    if (err == AGNER_OK)
        err = take_path(options->trust_dir, &trust->folder, error);
    if (err == AGNER_OK)
        err = take_path(options->cookie_file, &trust->cookie_file, error);
    if (err == AGNER_OK)
        err = node__trust_read(trust, options->cookie, true, &reading, error);
    if (err != AGNER_OK)
        return err;
    trust->own = reading.own;
    trust->cookies = reading.cookies;
    trust->known = reading.known;
    return AGNER_OK;
}

enum agner_err node__trust_start(struct node *node,
                                 const struct node_options *options,
                                 struct agner_error *error)
{
    struct trust *trust = calloc(1, sizeof *trust);
    enum agner_err err;

    if (trust == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a node");
    trust->node = node;
    trust->world =
        options->rt.world != NULL ? options->rt.world : rt_world_real();
    err = fill(trust, options, error);
    if (err == AGNER_OK)
        node->trust = trust;
    else
        node__trust_free(trust);
    return err;
}

void node__trust_stop(struct trust *trust)
{
    if (trust->saver != NULL)
        trust->world->thread_join(trust->world->ctx, trust->saver);
    trust->saver = NULL;
}

void node__trust_free(struct trust *trust)
{
    if (trust == NULL)
        return;
    node__known_fini(&trust->known);
    node__known_fini(&trust->seen);
    node__secret_free(trust->cookies);
    node__secret_free(trust->own);
    free(trust->folder);
    free(trust->cookie_file);
    free(trust);
}

/* ---- What we show ------------------------------------------------------ */

const struct noise_keys *node__trust_own(const struct trust *trust)
{
    return trust->own;
}

bool node__trust_kept(const struct trust *trust)
{
    return trust->folder != NULL;
}

static bool cookie_at(struct trust *trust, size_t index,
                      char cookie[COOKIE_TEXT_MAX + 1])
{
    const struct cookie_lines *lines;
    bool has;

    rt__lock(&trust->lock);
    lines = &trust->cookies->lines;
    has = index < lines->count;
    if (has)
        memcpy(cookie, lines->text[index], COOKIE_TEXT_MAX + 1);
    rt__unlock(&trust->lock);
    return has;
}

bool node__trust_cookie(struct trust *trust, char cookie[COOKIE_TEXT_MAX + 1])
{
    cookie[0] = '\0';
    return cookie_at(trust, 0, cookie);
}

bool node__trust_another(struct trust *trust, size_t index,
                         char cookie[COOKIE_TEXT_MAX + 1])
{
    return cookie_at(trust, index + 1, cookie);
}

enum agner_err node__trust_psk(const struct trust *trust, const char *cookie,
                               uint8_t psk[NOISE_KEY_SIZE])
{
    return node__psk(trust->cluster, cookie, psk);
}

/* A set of keys for one handshake. */
struct psk_set {
    uint8_t (*keys)[NOISE_KEY_SIZE];
    size_t count, room;
};

/* Each one once: many peers may have the same cookie. */
static void add_psk(void *ctx, const uint8_t *psk)
{
    struct psk_set *set = ctx;
    bool there = set->count == set->room;

    for (size_t i = 0; i < set->count && !there; i++)
        there = node__noise_same(set->keys[i], psk, NOISE_KEY_SIZE);
    if (!there)
        memcpy(set->keys[set->count++], psk, NOISE_KEY_SIZE);
}

/* The node's own: for a dial only the one that it shows. */
static void add_own(struct trust *trust, bool dialling, struct psk_set *set)
{
    rt__lock(&trust->lock);
    for (size_t i = 0; i < trust->cookies->count && !(dialling && i > 0); i++)
        add_psk(set, trust->cookies->psks[i]);
    rt__unlock(&trust->lock);
}

size_t node__trust_psks(struct trust *trust, const char *peer, bool dialling,
                        uint8_t (*psks)[NOISE_KEY_SIZE], size_t room)
{
    struct psk_set set = { psks, 0, room };
    struct cookies cookies = { .out = "" };

    if (peer != NULL && node__cookies_for(trust->node, peer, &cookies)) {
        add_psk(&set, dialling ? cookies.out_psk : cookies.in_psk);
        explicit_bzero(&cookies, sizeof cookies);
        return set.count;
    }
    add_own(trust, dialling, &set);
    if (peer == NULL && !dialling) {
        node__policy_psks(&trust->node->policy, add_psk, &set);
        node__routes_psks(&trust->node->routes, add_psk, &set);
    }
    return set.count;
}

/* ---- Whom we believe ----------------------------------------------------- */

bool node__trust_refuses(enum trust_verdict verdict)
{
    return verdict == TRUST_OTHER_KEY || verdict == TRUST_REVOKED ||
           verdict == TRUST_NOT_LISTED;
}

const char *node__trust_text(enum trust_verdict verdict)
{
    switch (verdict) {
    case TRUST_LISTED:
        return "its key is on the list";
    case TRUST_SEEN:
        return "its key is the one that its name had before";
    case TRUST_NEW:
        return "its name had no key before";
    case TRUST_OTHER_KEY:
        return "its name belongs to another key";
    case TRUST_REVOKED:
        return "its key is revoked";
    case TRUST_NOT_LISTED:
        return "its key is not on the list for its name";
    }
    return "";
}

/* Under the lock. */
static enum trust_verdict judge(const struct trust *trust, const char *name,
                                const uint8_t key[NOISE_KEY_SIZE])
{
    enum trust_verdict verdict = node__known_check(
        &trust->known, trust->mode == NODE_TRUST_LISTED, name, key);

    if (verdict == TRUST_NEW)
        verdict = node__known_check(&trust->seen, false, name, key);
    return verdict;
}

enum trust_verdict node__trust_check(struct trust *trust, const char *name,
                                     const uint8_t key[NOISE_KEY_SIZE])
{
    enum trust_verdict verdict;

    rt__lock(&trust->lock);
    verdict = judge(trust, name, key);
    rt__unlock(&trust->lock);
    return verdict;
}

bool node__trust_has_key(struct trust *trust, const char *name)
{
    static const uint8_t nobodys[NOISE_KEY_SIZE];

    return node__trust_check(trust, name, nobodys) == TRUST_OTHER_KEY;
}

/* Without memory, or room in the list, the name stays free: the next one who
 * comes with it may have it, as if this node had just started. */
void node__trust_learn(struct trust *trust, const char *name,
                       const uint8_t key[NOISE_KEY_SIZE])
{
    bool added;

    rt__lock(&trust->lock);
    added = judge(trust, name, key) == TRUST_NEW &&
            node__known_add(&trust->seen, KNOWN_SEEN, name, key, NULL, NULL) ==
                AGNER_OK;
    rt__unlock(&trust->lock);
    if (added)
        node__trust_save(trust);
}
