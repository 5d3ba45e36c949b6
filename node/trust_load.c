/*
 * trust_load.c -- keys, cookies and the list, from their files into the node,
 * at its start and whenever it is told to read them again.
 *
 * All is read, and the keys of cookies are made, before anything changes; an
 * error leaves the node as it was. Links that are up stay up, but for those of
 * keys that are revoked now.
 */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "key_text.h"
#include "noise_psk.h"
#include "noise_secret.h"
#include "trust_files.h"
#include "trust_room.h"

void node__trust_reading_fini(struct trust_reading *reading)
{
    node__secret_free(reading->own);
    node__secret_free(reading->cookies);
    node__known_fini(&reading->known);
    memset(reading, 0, sizeof *reading);
}

/* ---- Reading ------------------------------------------------------------ */

static enum agner_err read_cookies(const struct trust *trust,
                                   const char *cookie,
                                   struct trust_cookies *cookies,
                                   struct agner_error *error)
{
    enum agner_err err = AGNER_OK;

    if (trust->cookie_file != NULL)
        err = node__trust_cookies_read(trust->world, trust->cookie_file,
                                       &cookies->lines, error);
    else if (cookie != NULL) /* it was checked; it is one, whatever is in it */
        memcpy(cookies->lines.text[cookies->lines.count++], cookie,
               strlen(cookie) + 1);
    cookies->count = cookies->lines.count;
    if (err == AGNER_OK && cookies->count == 0)
        cookies->count = 1; /* keys only: zeros */
    for (size_t i = 0; err == AGNER_OK && i < cookies->lines.count; i++) {
        err =
            node__psk(trust->cluster, cookies->lines.text[i], cookies->psks[i]);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "no memory for the cookie's key");
    }
    return err;
}

/* The key of the folder, or one for this life. */
static enum agner_err read_key(const struct trust *trust, bool make,
                               struct noise_keys *own,
                               struct agner_error *error)
{
    const struct rt_world *world = trust->world;
    enum agner_err err;

    if (trust->folder == NULL) {
        world->random(world->ctx, own->secret, sizeof own->secret);
        return node__noise_public(own);
    }
    err = node__trust_key_read(world, trust->folder, "key", own, error);
    if (err != AGNER_ENONAME || !make)
        return err;
    err = node__trust_key_new(world, trust->folder, "key", own, error);
    if (err == AGNER_ETAKEN) /* by another start of this node */
        err = node__trust_key_read(world, trust->folder, "key", own, error);
    return err;
}

enum agner_err node__trust_read(const struct trust *trust, const char *cookie,
                                bool make_key, struct trust_reading *reading,
                                struct agner_error *error)
{
    enum agner_err err = AGNER_OK;

    memset(reading, 0, sizeof *reading);
    reading->own = node__secret_new(sizeof *reading->own);
    reading->cookies = node__secret_new(sizeof *reading->cookies);
    if (reading->own == NULL || reading->cookies == NULL)
        err = agner_fail(error, AGNER_ENOMEM, "no memory for secrets");
    if (err == AGNER_OK)
        err = read_key(trust, make_key, reading->own, error);
    if (err == AGNER_OK && trust->folder != NULL)
        err = trust->world->private_folder(trust->world->ctx, trust->folder,
                                           false, error);
    if (err == AGNER_OK && trust->folder != NULL)
        err = node__trust_known_read(trust->world, trust->folder,
                                     &reading->known, error);
    if (err == AGNER_OK)
        err = read_cookies(trust, cookie, reading->cookies, error);
    if (err != AGNER_OK)
        node__trust_reading_fini(reading);
    return err;
}

/* ---- Reading again --------------------------------------------------------
 */

struct exchange {
    struct trust *trust;
    struct trust_reading reading; /* what is new, then what was before */
    uint64_t readings;            /* trust->readings before it was read */
    bool stale; /* the node has what was read later: nothing was exchanged */
};

/* Under the lock: only where there is a file of it. */
static void swap_lists(struct trust *trust, struct trust_reading *reading)
{
    struct trust_cookies *cookies = trust->cookies;
    struct known_nodes known = trust->known;

    if (trust->cookie_file != NULL) {
        trust->cookies = reading->cookies;
        reading->cookies = cookies;
    }
    if (trust->folder != NULL) {
        trust->known = reading->known;
        trust->readings++;
        reading->known = known;
    }
}

/* Loop thread. Links of keys that are revoked now; those that are not up yet,
 * too, since they were asked about before. */
static void close_revoked(struct trust *trust)
{
    for (struct conn *conn = trust->node->conns; conn != NULL;
         conn = conn->next) {
        const struct secure *secure = conn->secure;

        if (secure != NULL && conn->phase != CONN_CLOSING &&
            node__trust_check(trust, secure->peer, secure->peer_key) ==
                TRUST_REVOKED)
            node__conn_close(conn, AGNER_ENOTALLOWED, "%s",
                             node__trust_text(TRUST_REVOKED));
    }
}

/* Loop thread. */
static void exchange(void *ctx)
{
    struct exchange *x = ctx;
    struct trust *trust = x->trust;
    struct noise_keys *own = trust->own;

    rt__lock(&trust->lock);
    x->stale = trust->readings != x->readings;
    if (!x->stale)
        swap_lists(trust, &x->reading);
    rt__unlock(&trust->lock);
    if (trust->folder != NULL && !x->stale) {
        trust->own = x->reading.own;
        x->reading.own = own;
        close_revoked(trust);
    }
}

static uint64_t readings_of(struct trust *trust)
{
    uint64_t readings;

    rt__lock(&trust->lock);
    readings = trust->readings;
    rt__unlock(&trust->lock);
    return readings;
}

enum agner_err node_reload(struct node *node, struct agner_error *error)
{
    struct trust *trust = node->trust;
    struct exchange x = { .trust = trust };
    enum agner_err err;

    if (trust->folder == NULL && trust->cookie_file == NULL)
        return AGNER_OK; /* there is nothing to be read */
    do {
        x.stale = false;
        x.readings = readings_of(trust);
        err = node__trust_read(trust, NULL, false, &x.reading, error);
        if (err != AGNER_OK)
            return err;
        node__on_loop(node, exchange, &x);
        node__trust_reading_fini(&x.reading);
    } while (x.stale);
    rt_log(node->rt, RT_LOG_INFO, "keys and cookies were read again");
    return AGNER_OK;
}

struct showing {
    struct trust *trust;
    char *text;
};

/* Loop thread. */
static void show(void *ctx)
{
    const struct showing *showing = ctx;

    node__key_print(showing->trust->own->public_key, showing->text);
}

void node_key(struct node *node, char text[NODE_KEY_TEXT_SIZE])
{
    struct showing showing = { node->trust, text };

    _Static_assert(NODE_KEY_TEXT_SIZE == KEY_TEXT_SIZE, "a key fits");
    node__on_loop(node, show, &showing);
}
