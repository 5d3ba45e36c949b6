/*
 * trust.h -- who this node is to secure links, and whom it believes.
 *
 * Private to node/. It has the node's own key, the cookies as pre-shared keys,
 * and the list of which name has which key (known_nodes.h). All functions may
 * be called on any thread unless they say otherwise.
 *
 * A key is kept when its node finds it again after a restart. A name that came
 * with such a key for the first time is bound to it for as long as this node
 * lives. A key that is not kept binds nothing: the node that comes back under
 * that name has another one, and cannot help it.
 *
 * Source: spec/reliability.md 6.2 to 6.4.
 */
#ifndef NODE_TRUST_H
#define NODE_TRUST_H

#include <agner/node.h>

#include "cookie_lines.h"
#include "known_nodes.h"
#include "noise.h"

/* Different pre-shared keys that are accepted; the keys of single peers that
 * are beyond it only serve to dial them. */
#define TRUST_PSKS_MAX 256u

struct trust;

/*
 * Makes node->trust from the options: the own key, and the keys of cookies,
 * which takes some 125 ms and 64 MiB when a cookie may have been chosen by a
 * person; the folder is read, and a key is made where there is none.
 * AGNER_EINVAL, AGNER_ENOMEM, AGNER_ESYSTEM; of files AGNER_ENONAME,
 * AGNER_ENOTALLOWED, AGNER_ESYNTAX, AGNER_ELIMIT.
 */
enum agner_err node__trust_start(struct node *node,
                                 const struct node_options *options,
                                 struct agner_error *error);
/* The loop has ended: waits for what is being written. */
void node__trust_stop(struct trust *trust);
void node__trust_free(struct trust *trust); /* NULL does nothing */

/* Loop thread: the node's own key. Borrowed until the loop comes round again.
 */
const struct noise_keys *node__trust_own(const struct trust *trust);
/* Is that key kept? Peers are told so. */
bool node__trust_kept(const struct trust *trust);

/* The cookie that the node shows to plain peers. False: it has none, and keys
 * only. The caller wipes it. */
bool node__trust_cookie(struct trust *trust, char cookie[COOKIE_TEXT_MAX + 1]);

/* The index-th of the further cookies that are accepted, or false. The same. */
bool node__trust_another(struct trust *trust, size_t index,
                         char cookie[COOKIE_TEXT_MAX + 1]);

/* The pre-shared key of a cookie in this node's cluster; may take long, as
 * above. AGNER_ENOMEM. */
enum agner_err node__trust_psk(const struct trust *trust, const char *cookie,
                               uint8_t psk[NOISE_KEY_SIZE]);

/*
 * Pre-shared keys for one handshake: dialling, the one that we show; else those
 * that the peer may show, all of which are to be tried. `peer` is its name, or
 * NULL where it is not known: then those of all peers, and whose one was right
 * is to be seen later. Returns how many, at most `room`, which is to be
 * TRUST_PSKS_MAX. The caller wipes them.
 */
size_t node__trust_psks(struct trust *trust, const char *peer, bool dialling,
                        uint8_t (*psks)[NOISE_KEY_SIZE], size_t room);

/* May a node of that name have this key? Only what its handshake proved is
 * asked about. */
enum trust_verdict node__trust_check(struct trust *trust, const char *name,
                                     const uint8_t key[NOISE_KEY_SIZE]);
bool node__trust_refuses(enum trust_verdict verdict);
/* Has the name a key? Then no link without one is a link with it. */
bool node__trust_has_key(struct trust *trust, const char *name);
/* Why, for the log: "its name belongs to another key". Static. */
const char *node__trust_text(enum trust_verdict verdict);

/* The name of a link that is up belongs to its key from now on, which the peer
 * says it keeps; where the name has a key already, nothing happens. */
void node__trust_learn(struct trust *trust, const char *name,
                       const uint8_t key[NOISE_KEY_SIZE]);

#endif
