/*
 * hostile.h -- a node that lives, a friend of it, and a stranger who attacks
 * it, in a simulated world.
 *
 * Each row of the catalogue ends as all do: the connection is closed; one line
 * in the log names the peer, the reason and the bytes that came; no atom is
 * made, the memory is back; a friend that was connected before is heard as
 * before, and a new connection is served. Source: spec/reliability.md 4.2.
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/node.h>
#include <cmocka.h>

#include "flags.h"
#include "pair.h"
#include "stranger.h"

#define HOSTILE_NODE     "b@10.0.0.2"
#define HOSTILE_FRIEND   "friend@10.0.0.1"
#define HOSTILE_STRANGER "stranger@10.0.0.9"
#define HOSTILE_PORT     5000

#define HOSTILE_LINES_MAX 64

extern const struct rt_address hostile_address; /* the node's */

struct scene {
    struct sim *sim;
    struct node *node;
    struct gen *self; /* registered: sink */
    etf_pid target;   /* a process that drops what it gets */
    struct stranger *friend, *stranger;
    char lines[HOSTILE_LINES_MAX][256]; /* warnings of the log */
    size_t line_count;
    /* Before the attack: */
    size_t lines_before, memory_before;
    uint32_t atoms_before;
};

/* What is said, and why it is closed. */
struct row {
    const char *what;
    const char *bytes;
    size_t size;
    const char *why;
};

#define BYTES(text) (text), sizeof(text) - 1

/* Limits NULL: the defaults. With a marked state: hostile_mark(). */
struct scene *hostile_begin(const struct node_limits *limits);
/* ... in a world of that kind. */
struct scene *hostile_begin_in(const struct node_limits *limits,
                               const struct sim_options *world);
void hostile_end(struct scene *scene);

/* The stranger becomes a peer. */
void hostile_shake(struct scene *scene);
/* Says a control message, and a message unless that is ETF_NONE. */
void hostile_tell(struct stranger *s, etf_term control, etf_term message);
/* A pid of the node of that name: a word for a process that nobody has. */
etf_term hostile_pid_of(struct gen *self, const char *node, uint32_t creation);
/* Our target, and a reference of the stranger's, as a peer writes them. */
etf_term hostile_far_target(const struct scene *scene);
etf_term hostile_far_ref(const struct scene *scene, uint32_t word);

/* From here on nothing may change but what a check allows. */
void hostile_mark(struct scene *scene);
/* `s`, which is called `name`, says N to the sink, and it is heard. */
void hostile_check_heard(struct scene *scene, struct stranger *s,
                         const char *name, int64_t n);
/* Nobody but the attacker has noticed anything. */
void hostile_check_unharmed(struct scene *scene, const char *what);
/* One line since the mark, which says all this. */
void hostile_check_line(const struct scene *scene, const char *what,
                        const char *who, const char *why);
/* The stranger is closed, with such a line, and nobody else is harmed. */
void hostile_check_refused(struct scene *scene, const char *what,
                           const char *who, const char *why);

#endif
