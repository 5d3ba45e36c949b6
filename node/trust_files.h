/*
 * trust_files.h -- what a node keeps in its folder, and its cookie file.
 *
 *   key          its own secret key
 *   key.next     one that will take its place
 *   known_nodes  who has which key (known_nodes.h)
 *
 * Private to node/ and the command. All may wait for the disk. Every error
 * names the file; a file that others could read or change is refused with the
 * command that mends it.
 */
#ifndef NODE_TRUST_FILES_H
#define NODE_TRUST_FILES_H

#include <rt_world.h>

#include "cookie_lines.h"
#include "known_nodes.h"
#include "noise.h"

#define TRUST_PATH_SIZE 4096u

/* FOLDER/NAME. AGNER_EINVAL: too long. */
enum agner_err node__trust_path(const char *folder, const char *name,
                                char path[TRUST_PATH_SIZE],
                                struct agner_error *error);

/* Reads FOLDER/NAME, a key. AGNER_ENONAME (no such file), AGNER_ESYNTAX,
 * AGNER_ENOTALLOWED, AGNER_ESYSTEM, AGNER_ENOMEM. */
enum agner_err node__trust_key_read(const struct rt_world *world,
                                    const char *folder, const char *name,
                                    struct noise_keys *keys,
                                    struct agner_error *error);

/* Makes a key and writes it to FOLDER/NAME, which must not be there:
 * AGNER_ETAKEN. The folder is made where it is not there. */
enum agner_err node__trust_key_new(const struct rt_world *world,
                                   const char *folder, const char *name,
                                   struct noise_keys *keys,
                                   struct agner_error *error);

/* Reads FOLDER/known_nodes; there need not be one. */
enum agner_err node__trust_known_read(const struct rt_world *world,
                                      const char *folder,
                                      struct known_nodes *known,
                                      struct agner_error *error);

/* Reads it, has it changed, writes it, while nobody else does so. What the
 * change refuses is the error, and nothing is written. `known` NULL, or empty:
 * then it gets what was written. */
enum agner_err node__trust_known_change(
    const struct rt_world *world, const char *folder,
    enum agner_err (*change)(void *ctx, struct known_nodes *known,
                             struct agner_error *error),
    void *ctx, struct known_nodes *known, struct agner_error *error);

/* Reads a cookie file. AGNER_ENONAME, ... as for a key. */
enum agner_err node__trust_cookies_read(const struct rt_world *world,
                                        const char *path,
                                        struct cookie_lines *lines,
                                        struct agner_error *error);

/* Writes one; `fresh`: it must not be there, AGNER_ETAKEN. */
enum agner_err node__trust_cookies_write(const struct rt_world *world,
                                         const char *path,
                                         const struct cookie_lines *lines,
                                         bool fresh, struct agner_error *error);

#endif
