/*
 * rpc_keys.h -- which client of the TCP form of the control socket may do what:
 * a list of keys, and its text in a file.
 *
 * Private to apps/control; pure, but for rpc__keys_load(). A line of the file
 * is
 *
 *     KEY ROLE [# NOTE]
 *     agnerkey1-q5...a operate # Ada's laptop
 *     agnerkey1-7d...q read-only
 *
 * A line that begins with # is a remark. What is wrong in a file is an error
 * with the number of the line, and nothing of it counts.
 *
 * Source: spec/reliability.md 6.3, 6.4.
 */
#ifndef RPC_KEYS_H
#define RPC_KEYS_H

#include <agner/etf.h>

#include "agner_apps.h"
#include "node_channel.h"

#define RPC_KEYS_MAX       1024u   /* further ones are an error */
#define RPC_KEYS_BYTES_MAX 131072u /* of a file */
#define RPC_NOTE_MAX       63u     /* bytes of a note that are kept */

/* What a client may do. The first is none, so that what nobody has classified
 * is for nobody. */
enum rpc_role { RPC_NOBODY, RPC_READ_ONLY, RPC_OPERATE };

struct rpc_key {
    uint8_t key[NOISE_KEY_SIZE];
    enum rpc_role role;
    char note[RPC_NOTE_MAX + 1];
};

/* All zero: nobody. */
struct rpc_keys {
    struct rpc_key *rows; /* owned */
    size_t count;
};

void rpc__keys_fini(struct rpc_keys *keys);

/* Reads a file's text, any bytes, into `keys`, which is empty; on failure it
 * stays so. AGNER_EINVAL ("line 3: ..."), AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err rpc__keys_parse(struct rpc_keys *keys, const char *text,
                               size_t size, struct agner_error *error);

/* The same of a file, which nobody but this user may read or write.
 * AGNER_ENOTALLOWED (with what mends it), AGNER_ENONAME (it is not there),
 * AGNER_ESYSTEM; and as above, with the path in front. */
enum agner_err rpc__keys_load(struct rpc_keys *keys,
                              const struct rt_world *world, const char *path,
                              struct agner_error *error);

/* The row of that key, or NULL. All rows are compared, each in the same time.
 */
const struct rpc_key *rpc__keys_find(const struct rpc_keys *keys,
                                     const uint8_t key[NOISE_KEY_SIZE]);

/* "read-only", "operate". Static. */
const char *rpc__role_text(enum rpc_role role);

#endif
