/*
 * global_names.h -- the global names, as this node knows them: each node has
 * all of them.
 *
 * A door for apps/kernel/: the server of `global` writes the table, any thread
 * looks a name up in it, so that a look-up asks nobody. There is one a runtime,
 * which lives as long as that. `lock` guards what a look-up reads; the server,
 * which alone writes, reads without it.
 */
#ifndef GLOBAL_NAMES_H
#define GLOBAL_NAMES_H

#include <agner/rt.h>

#define GLOBAL_NAMES_MAX (1u << 20) /* more are refused: AGNER_ELIMIT */

/* How entries are found: one chain a bucket. */
struct global_link {
    struct global_link *next;
    uint32_t hash;
};

struct global_index {
    struct global_link **buckets; /* owned; a power of two of them */
    size_t bucket_count, count;
};

struct global_name {
    struct global_link by_name, by_pid;
    struct etf_box *name, *method; /* owned; the method is opaque here */
    etf_pid pid;
    etf_ref monitor;   /* the server's, of `pid` */
    etf_term reg_node; /* who registered it for a node without global: an atom;
                          ETF_NONE: nobody did */
};

struct global_names;

/* The table of this runtime, made at the first call. AGNER_ENOMEM. */
enum agner_err gen__global_names(struct rt *rt, struct global_names **names);

/* ---- Any thread --------------------------------------------------------- */

/* AGNER_ENONAME; a name of a process of this node that is dead is none. */
enum agner_err gen__global_find(struct rt *rt, etf_term name, etf_pid *pid);

/* ---- The server --------------------------------------------------------- */

struct global_name *gen__names_get(const struct global_names *names,
                                   etf_term name);
/* Some name of the process, or NULL; `after` is the one before, or NULL. */
struct global_name *gen__names_of(const struct global_names *names, etf_pid pid,
                                  const struct global_name *after);
/* All, in no order: NULL gives the first, the last one gives NULL. */
struct global_name *gen__names_next(const struct global_names *names,
                                    const struct global_name *after);
size_t gen__names_count(const struct global_names *names);

/* Sets or replaces a name; all are copied. The former entry's monitor goes to
 * *replaced (all zero: there was none). AGNER_ENOMEM, AGNER_ELIMIT: nothing has
 * changed. */
enum agner_err gen__names_put(struct global_names *names, etf_term name,
                              etf_pid pid, etf_term method, etf_ref monitor,
                              etf_term reg_node, etf_ref *replaced);
void gen__names_remove(struct global_names *names, struct global_name *entry);
void gen__names_clear(struct global_names *names);

/* Milliseconds to wait before the `times`-th new try of a lock: random. */
uint64_t gen__global_retry_ms(struct rt *rt, uint64_t times);

/* A hash of a pid, for those who index by one. */
uint32_t gen__global_pid_hash(etf_pid pid);

/* An index: the link is part of the caller's. Adding cannot fail once there is
 * a bucket: AGNER_ENOMEM from the first. */
enum agner_err gen__index_add(struct global_index *index,
                              struct global_link *link, uint32_t hash);
void gen__index_remove(struct global_index *index, struct global_link *link);
/* The first of that hash after `link` (NULL: of all), or NULL. */
struct global_link *gen__index_next(const struct global_index *index,
                                    uint32_t hash,
                                    const struct global_link *link);

#endif
