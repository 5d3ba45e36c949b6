/*
 * events.h -- what Erlang nodes find of gen_event on the node of the tests.
 *
 * `events` is a manager that knows the handler `recall`, which keeps the events
 * it gets: call `all` for them, the newest first, `leave` to have it go, and
 * {crash, R}, as an event or a call, to have it fail. Args are the list to
 * begin with; `refuse` is refused. `event_user` does to a manager what it is
 * called with, {notify, Manager, Event} and so on, and answers {Error, Term}.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>

struct gen;

bool events_start(struct gen *self);

#endif
