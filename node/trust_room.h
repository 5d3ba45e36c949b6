/*
 * trust_room.h -- the trust of a node, as its files see it.
 *
 * Private to trust*.c. What handshakes look at is under the lock, and is
 * exchanged whole when it is read again; the own key is the loop's thread's.
 */
#ifndef NODE_TRUST_ROOM_H
#define NODE_TRUST_ROOM_H

#include "cookie_lines.h"
#include "node_room.h"
#include "trust.h"

/* Secret: the node's own cookies, and each as a pre-shared key. Without cookies
 * there is one key, of zeros. */
struct trust_cookies {
    struct cookie_lines lines;
    size_t count;
    uint8_t psks[COOKIE_LINES_MAX][NOISE_KEY_SIZE];
};

struct trust {
    /* Constant. */
    struct node *node;            /* borrowed */
    const struct rt_world *world; /* borrowed */
    enum node_trust mode;
    char cluster[256];
    char *folder, *cookie_file; /* owned; NULL: none */

    struct noise_keys *own; /* owned, secret; loop thread */

    rt_spin lock;                  /* guards the rest */
    struct trust_cookies *cookies; /* owned, secret */
    struct known_nodes known;      /* what is in the file */
    uint64_t readings; /* how often it was replaced, by who read the file */
    struct known_nodes seen; /* and not there: not yet, or there is none */
    bool saving;             /* a thread writes what was seen */
    struct rt_thread *saver; /* owned: that one, or the last one, or NULL */
};

/* What is read when a node starts, and again by node_reload(). */
struct trust_reading {
    struct noise_keys *own; /* NULL: nothing is kept */
    struct trust_cookies *cookies;
    struct known_nodes known;
};

/* ---- trust_load.c ------------------------------------------------------- */

/* Reads all that there are files of. `cookie`: where there is no file of it, or
 * NULL. Any thread that may wait. On failure there is nothing to give back. */
enum agner_err node__trust_read(const struct trust *trust, const char *cookie,
                                bool make_key, struct trust_reading *reading,
                                struct agner_error *error);
void node__trust_reading_fini(struct trust_reading *reading);

/* ---- trust_save.c ------------------------------------------------------- */

/* Something was seen that the file has not: has it written, on a thread of its
 * own. Loop thread. */
void node__trust_save(struct trust *trust);

#endif
