/*
 * plain.h -- with whom a node speaks plain Erlang distribution.
 *
 * Private to node/. Plain is what Erlang's nodes speak: nothing is encrypted,
 * and who reads the network can take a connection over. So it is off unless the
 * options say otherwise, and then for this machine alone unless they say `any`.
 * Source: spec/reliability.md 6.1 (T7), 6.5.
 */
#ifndef NODE_PLAIN_H
#define NODE_PLAIN_H

#include <stdbool.h>

#include <agner/node.h>

/* Is it an address of this machine alone, 127.0.0.0/8 or ::1, or a name that
 * always stands for one (localhost)? Other names are not looked up. Pure. */
bool node__is_loopback(const char *host);

/* AGNER_OK, or AGNER_ENOTALLOWED: plain is not spoken with that host, an
 * address or a name, and error says what would have to be switched on. */
enum agner_err node__plain_check(const struct node *node, const char *host,
                                 struct agner_error *error);

/* The same of a node's name: one that has a key belongs to who can prove it,
 * which plain does not. */
enum agner_err node__plain_check_name(const struct node *node, const char *name,
                                      struct agner_error *error);

#endif
