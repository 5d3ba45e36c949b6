/*
 * limit.h -- the limits of node_limits.h, as this room uses them.
 *
 * Private to node/.
 */
#ifndef NODE_LIMIT_H
#define NODE_LIMIT_H

#include <agner/node_limits.h>

/* What the user said, with defaults in place of zeros. Pure. */
struct node_limits node__limits(const struct node_limits *wanted);

/* What the log says of whoever meets it. Static. */
const char *node__limit_text(enum node_limit limit);

/* It was met once more. Any thread. */
void node__limit_meet(struct node *node, enum node_limit limit);

/* One more was refused. Any thread. */
void node__refuse(struct node *node, enum node_refusal refusal);

/* What a connection is refused for that ends with this error. Pure. */
enum node_refusal node__refusal_of(enum agner_err err);

#endif
