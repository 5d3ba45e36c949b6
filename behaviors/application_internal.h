/*
 * application_internal.h -- who is who in a running application.
 *
 * Private to behaviors/. One controller for a node; for each application a
 * master, a keeper, and a tree:
 *
 *   controller --- master --- keeper --- top of the tree --- ...
 *
 *   controller  knows all applications; decides; never waits for a start or a
 *               stop
 *   master      group leader of its application: serves I/O requests at any
 *               time, so it never runs the user's code
 *   keeper      runs the user's callbacks, which may wait as they like
 *
 * A line is a link, from a parent to its child, and both sides trap exits. Down
 * the line goes the exit signal `shutdown`, which ends a master and a keeper in
 * order; up the line come casts and the exit with its reason:
 *
 *   keeper to master      {started, Top}              the start succeeded
 *   master to controller  {keeper, Master, Keeper}    before anything else
 *                         {started, Master, Top}
 *                         {ending, Master}            it is not being killed
 *
 * Whoever is killed takes along what is behind it on the line: the keeper stops
 * the tree when its master dies, and then kills what else of the application
 * there is.
 */
#ifndef GEN_APPLICATION_INTERNAL_H
#define GEN_APPLICATION_INTERNAL_H

#include <agner/gen.h>

/* Both are started with {Application, Type, Milliseconds}: the table as a
 * native value, enum gen_start_type, and the most that the start may take. */
extern const struct gen_server gen__application_master;
extern const struct gen_server gen__application_keeper;

/* Reads such arguments. */
bool gen__application_args(etf_term args,
                           const struct gen_application **application,
                           enum gen_start_type *type, uint64_t *start_ms);

/* Makes them; ETF_NONE when memory is out. */
etf_term gen__application_args_new(struct gen *self,
                                   const struct gen_application *application,
                                   enum gen_start_type type, uint64_t start_ms);

/* Is there a tree at all? */
bool gen__application_has_tree(const struct gen_application *application);

/* Starts the list of children under a top of its own, linked to self. Errors
 * and *reason as gen_start(). */
enum agner_err gen__application_list_start(
    struct gen *self, const struct gen_application *application,
    enum gen_start_type type, etf_pid *top, etf_term *reason);

/* Kills every process that belongs to `application`, an atom, but self, until
 * there is none. */
void gen__application_kill_group(struct gen *self, etf_term application);

/* A text in Erlang syntax as a term in self's region; NULL is []. AGNER_ESYNTAX
 * and others of etf_parse(). */
enum agner_err gen__application_read(struct gen *self, const char *text,
                                     etf_term *term, struct agner_error *error);

/* Serves {io_request, From, ReplyAs, Request}: passed on to `leader`, or
 * answered here when that is nobody else. False when it is something else. */
bool gen__application_io(struct gen *self, etf_pid leader, const char *name,
                         etf_term message);

etf_term gen__start_type_atom(enum gen_start_type type);

#endif
