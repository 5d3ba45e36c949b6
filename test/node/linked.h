/*
 * linked.h -- two nodes with a secure link between them, what they log, and a
 * tap between them if a test wants it.
 */
#ifndef TEST_LINKED_H
#define TEST_LINKED_H

#include "duo.h"

#include <spin.h>

#include "tap.h"

/* All that a node logs. */
struct diary {
    rt_spin lock; /* guards the rest */
    struct etf_buffer text;
};

/* For node_options.rt.log, with a diary as context. */
void linked_note(void *ctx, enum rt_log_level level, const char *text);
size_t linked_noted(struct diary *diary, const char *part);
/* Waits until a line with it is there. */
void linked_expect(struct diary *diary, const char *part);

struct linked {
    struct duo duo;
    struct diary at_a, at_b;
    struct tap *tap; /* between them, or NULL; a dials through it */
};

void linked_begin(struct linked *l, bool tapped);
void linked_begin_with(struct linked *l, struct node_options a,
                       struct node_options b, bool tapped);
void linked_end(struct linked *l);

void linked_connect(struct linked *l);
/* The test's thread at the other node, as a pid to send to. */
etf_pid linked_b(const struct linked *l);
/* An atom to it. */
void linked_send(struct linked *l, const char *text);

/* What linked_chatter() says: a payload, and the name of a process. */
#define LINKED_SECRET "a-very-secret-atom-that-is-looked-for"
#define LINKED_KNOWN  "registered-name-that-is-looked-for"

/* Connects and sends: an atom to a pid and to a name, and 100,000 bytes with
 * the same text in them. All of it has arrived when it returns. */
void linked_chatter(struct linked *l);

struct node_peer_info linked_peer(struct node *node);

/* A thread that connects: for world->thread_start(). */
struct linked_dialler {
    struct node *node;
    const char *to;
    enum agner_err err;
};
void linked_dial(void *dialler);

#endif
