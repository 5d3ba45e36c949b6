/*
 * actors_op.h -- the operations of the actors. Private to test/sim/actors/.
 *
 * All take the life that acts, its process, and the operation's numbers, any of
 * which may be 0.
 */
#ifndef ACTORS_OP_H
#define ACTORS_OP_H

#include "actors_play.h"

#define ERR(e) (UINT64_C(1) << -(int)(AGNER_##e))

/* clang-format off */
#define ACTORS_OPS(X) \
    X(send) \
    X(send_name) \
    X(send_alias) \
    X(send_large) \
    X(flood) \
    X(cast) \
    X(call) \
    X(requests) \
    X(receive) \
    X(select) \
    X(spawn) \
    X(exit) \
    X(exit_other) \
    X(kill) \
    X(trap) \
    X(link) \
    X(unlink) \
    X(monitor) \
    X(demonitor) \
    X(register) \
    X(unregister) \
    X(alias) \
    X(unalias) \
    X(timer) \
    X(cancel) \
    X(sleep) \
    X(crash_child) \
    X(stop_child) \
    X(restart_child) \
    X(start_app) \
    X(stop_app) \
    X(register_global) \
    X(unregister_global) \
    X(send_global) \
    X(join) \
    X(leave) \
    X(publish) \
    X(connect) \
    X(disconnect) \
    X(hear_nodes)
/* clang-format on */

#define ACTORS_OP(name) \
    void op_##name(struct life *life, struct gen *self, const int64_t *n);
ACTORS_OPS(ACTORS_OP)
#undef ACTORS_OP

#endif
