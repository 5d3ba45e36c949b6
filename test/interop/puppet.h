/*
 * puppet.h -- processes of ours that do what a real Erlang node tells them.
 *
 * A puppet is a server. `{do, Op, Args}` as a call makes it do what the table
 * says of Op and answers with what comes of that, so that an Erlang test can
 * have one and the same process of ours link, monitor, call and so on. What a
 * puppet hears meanwhile it keeps, up to PUPPET_HEARD_MAX messages:
 *
 *   call           answer
 *   -------------  ---------------------------------------------------------
 *   {do, Op, Args} what the table has of it; {error, no_such_op}
 *   {heard, N}     the first N messages that it heard, in order, once it has
 *                  heard as many; they are forgotten
 *
 * `driver`, a registered server, answers {do, Op, Args} too, in a puppet that
 * is made for it and ends after it, any number at a time; {new} is answered
 * with a new puppet, which is linked to nobody.
 *
 * Each subject has a table of its own, puppet_<subject>.c: add it to
 * puppet_tables in puppet.c, and the file to meson.build.
 */
#ifndef PUPPET_H
#define PUPPET_H

#include <agner/gen.h>
#include <agner/node.h>

#define PUPPET_HEARD_MAX 10000

struct puppet_op {
    const char *name; /* NULL ends a table */
    /* In the puppet; may wait. The answer; `args` is what came with the op. */
    etf_term (*run)(struct gen *self, etf_term args);
};

extern const struct puppet_op puppet_core[];
extern const struct puppet_op puppet_observer[];
extern const struct puppet_op puppet_global[];
extern const struct puppet_op puppet_pg[];
extern const struct puppet_op puppet_peer[];
extern const struct puppet_op puppet_rpc[];
extern const struct puppet_op puppet_spawn[];
extern const struct puppet_op puppet_stages[];

/* Starts `driver`. `node` is for ops that need it: puppet_node(). */
enum agner_err puppet_start(struct gen *self, struct node *node);
struct node *puppet_node(void);

/* Provides the module `probe` of functions that do what their names say. */
enum agner_err puppet_rpc_start(struct rt *rt);

/* `ok`, or {error, 'ENOCONN'} and so on. */
etf_term puppet_result(struct gen *self, enum agner_err err);
/* {ok, Value}, or {error, 'EEXIT', Value}; Value is `undefined` for ETF_NONE.
 */
etf_term puppet_value(struct gen *self, enum agner_err err, etf_term value);
/* An op whose arguments have another form. */
etf_term puppet_badarg(void);

#endif
