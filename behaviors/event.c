/*
 * event.c -- gen_event: from a message to the handlers that are for it.
 *
 * Commands are {Label, From, Command}, as OTP's callers write them; the label
 * is the caller's pid there, and is not looked at. A local add_handler and its
 * like carry the handler's table as a native value behind the command; one from
 * elsewhere has a name only, which is looked for in what the manager knows.
 *
 * Sources: OTP 25, gen_event; spec/gen.md 2.2.
 */
#include <string.h>

#include "event_internal.h"

static const struct gen_event no_handlers = { .name = "gen_event" };
static const etf_pid nobody;

/* ---- Finding handlers --------------------------------------------------- */

/* A handler's name, taken apart: Name or {Name, Id}. */
static void split(etf_term handler, etf_term *name, etf_term *id)
{
    *name = handler;
    *id = ETF_NONE;
    if (etf_tuple_size(handler) == 2) {
        *name = etf_tuple_items(handler)[0];
        *id = etf_tuple_items(handler)[1];
    }
}

static bool is_called(const struct event_handler *h, etf_term name, etf_term id)
{
    if (!etf_atom_is(name, h->table->name))
        return false;
    if (h->id == NULL || etf_is_none(id))
        return h->id == NULL && etf_is_none(id);
    return etf_equal(etf_box_term(h->id), id);
}

/* Where the newest handler of this name is; NULL: there is none. */
static struct event_handler **find(struct event_manager *m, etf_term handler)
{
    struct event_handler **at;
    etf_term name, id;

    split(handler, &name, &id);
    for (at = &m->first; *at != NULL; at = &(*at)->next) {
        if (is_called(*at, name, id))
            return at;
    }
    return NULL;
}

/* A table that this manager may be asked for by name, or NULL. */
static const struct gen_event_handler *known(const struct gen_event *event,
                                             etf_term name)
{
    for (size_t i = 0; i < event->handler_count; i++) {
        if (etf_atom_is(name, event->handlers[i].handler->name))
            return event->handlers[i].handler;
    }
    for (size_t i = 0; event->known != NULL && event->known[i] != NULL; i++) {
        if (etf_atom_is(name, event->known[i]->name))
            return event->known[i];
    }
    return NULL;
}

/* ---- Commands ----------------------------------------------------------- */

/* A command being served: its elements after the name. */
struct command {
    const etf_term *args;
    const struct gen_event_handler *table; /* what came with it, or NULL */
};

static struct event_swap incoming(const struct event_manager *m,
                                  const struct command *c, etf_term handler,
                                  etf_term args)
{
    struct event_swap what = { .table = c->table, .new_args = args };

    split(handler, &what.name, &what.id);
    if (what.table == NULL)
        what.table = known(m->event, what.name);
    return what;
}

/*
 * The link of a supervisor is made when the handler is in, so that nothing is
 * left of a failure. From a supervisor that has ended an exit comes at once.
 * Returns whether it is there.
 */
static bool supervise(struct gen *self, struct event_manager *m,
                      etf_pid supervisor)
{
    if (etf_pid_is_none(supervisor) || rt_link(self, supervisor) == AGNER_OK)
        return true;
    m->first->supervisor = nobody;
    (void)gen__event_remove(self, m, &m->first,
                            etf_make(self, "{stop, system_limit}"),
                            ETF_A(shutdown));
    return false;
}

static etf_term add(struct gen *self, struct event_manager *m,
                    const struct command *c, etf_pid supervisor)
{
    struct event_swap what = incoming(m, c, c->args[0], c->args[1]);
    etf_term why = gen__event_add(self, m, &m->first, &what, supervisor);

    if (!etf_is_none(why))
        return why;
    if (!supervise(self, m, supervisor))
        return etf_make(self, "{'EXIT', system_limit}");
    return ETF_A(ok);
}

static etf_term swap(struct gen *self, struct event_manager *m,
                     const struct command *c, etf_pid supervisor)
{
    struct event_swap what = incoming(m, c, c->args[2], c->args[3]);
    etf_term why;

    what.old_args = c->args[1];
    why =
        gen__event_swap(self, m, find(m, c->args[0]), false, &what, supervisor);
    if (!etf_is_none(why))
        return etf_make(self, "{error, _}", why);
    if (!supervise(self, m, supervisor))
        return etf_make(self, "{error, {'EXIT', system_limit}}");
    return ETF_A(ok);
}

static etf_term serve_add(struct gen *self, struct event_manager *m,
                          const struct command *c)
{
    return add(self, m, c, nobody);
}

static etf_term serve_add_sup(struct gen *self, struct event_manager *m,
                              const struct command *c)
{
    etf_pid supervisor;

    if (!etf_get_pid(c->args[2], &supervisor))
        return etf_make(self, "{'EXIT', badarg}");
    return add(self, m, c, supervisor);
}

static etf_term serve_swap(struct gen *self, struct event_manager *m,
                           const struct command *c)
{
    return swap(self, m, c, nobody);
}

static etf_term serve_swap_sup(struct gen *self, struct event_manager *m,
                               const struct command *c)
{
    etf_pid supervisor;

    if (!etf_get_pid(c->args[4], &supervisor))
        return etf_make(self, "{error, {'EXIT', badarg}}");
    return swap(self, m, c, supervisor);
}

static etf_term serve_delete(struct gen *self, struct event_manager *m,
                             const struct command *c)
{
    struct event_handler **at = find(m, c->args[0]);

    if (at == NULL)
        return etf_make(self, "{error, module_not_found}");
    return gen__event_remove(self, m, at, c->args[1], ETF_A(normal));
}

static etf_term serve_call(struct gen *self, struct event_manager *m,
                           const struct command *c)
{
    struct event_handler **at = find(m, c->args[0]);

    if (at == NULL)
        return etf_make(self, "{error, bad_module}");
    return gen__event_ask(self, m, at, c->args[1]);
}

static void tell_all(struct gen *self, struct event_manager *m,
                     enum event_what what, etf_term event)
{
    struct event_handler **at = &m->first;

    while (*at != NULL)
        at = gen__event_tell(self, m, at, what, event);
}

static etf_term serve_sync_notify(struct gen *self, struct event_manager *m,
                                  const struct command *c)
{
    m->head.last = c->args[0];
    tell_all(self, m, EVENT_EVENT, c->args[0]);
    return ETF_A(ok);
}

/* Each handler's share of a list, the newest one's first. */
static etf_term list_of(struct gen *self, struct event_manager *m,
                        etf_term (*share)(struct gen *self,
                                          struct event_manager *m,
                                          struct event_handler *h))
{
    etf_term oldest_first = etf_nil(), list = etf_nil(), head;

    for (struct event_handler *h = m->first; h != NULL; h = h->next)
        oldest_first =
            etf_cons(rt_region(self), share(self, m, h), oldest_first);
    if (etf_is_none(oldest_first))
        return ETF_NONE;
    while (etf_list_next(&oldest_first, &head))
        list = etf_cons(rt_region(self), head, list);
    return list;
}

static etf_term name_share(struct gen *self, struct event_manager *m,
                           struct event_handler *h)
{
    (void)m;
    return gen__event_name(self, h);
}

static etf_term serve_which(struct gen *self, struct event_manager *m,
                            const struct command *c)
{
    (void)c;
    return list_of(self, m, name_share);
}

/* Commands by name, with so many elements after it. A table may follow those
 * of `brings` ones. */
static const struct row {
    const char *name;
    size_t count;
    bool brings;
    etf_term (*serve)(struct gen *self, struct event_manager *m,
                      const struct command *c);
} rows[] = {
    { "sync_notify", 1, false, serve_sync_notify },
    { "call", 2, false, serve_call },
    { "add_handler", 2, true, serve_add },
    { "add_sup_handler", 3, true, serve_add_sup },
    { "delete_handler", 2, false, serve_delete },
    { "swap_handler", 4, true, serve_swap },
    { "swap_sup_handler", 5, true, serve_swap_sup },
    { "which_handlers", 0, false, serve_which },
};

/* The row of a request, or NULL. */
static const struct row *row_of(etf_term request, struct command *c)
{
    const etf_term *items = etf_tuple_items(request);
    size_t size = etf_tuple_size(request);
    size_t count = size == 0 ? 0 : size - 1;
    etf_term name = size == 0 ? request : items[0];
    void *table = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];

        if (!etf_atom_is(name, row->name))
            continue;
        if (count != row->count && !(row->brings && count == row->count + 1 &&
                                     etf_get_resource(items[count], &table)))
            return NULL;
        c->args = items == NULL ? NULL : items + 1;
        c->table = table;
        return row;
    }
    return NULL;
}

/* ---- Messages ----------------------------------------------------------- */

static void serve_info(struct gen *self, struct event_manager *m, etf_term info)
{
    m->head.last = info;
    tell_all(self, m, EVENT_INFO, info);
}

static void serve_request(struct gen *self, struct event_manager *m,
                          const struct rt_message *message)
{
    struct command c;
    const struct row *row = row_of(message->term, &c);

    if (row != NULL)
        (void)gen__reply(self, &message->from, row->serve(self, m, &c));
    else
        serve_info(self, m, gen__message_term(self, message));
}

static void serve_message(struct gen *self, struct event_manager *m,
                          etf_term message)
{
    const etf_term *items = etf_tuple_items(message);
    const struct row *row;
    struct gen_from from;
    struct command c;

    if (items != NULL && etf_tuple_size(message) == 2 &&
        etf_atom_is(items[0], "notify")) {
        m->head.last = items[1];
        tell_all(self, m, EVENT_EVENT, items[1]);
        return;
    }
    row = items != NULL && etf_tuple_size(message) == 3 ? row_of(items[2], &c)
                                                        : NULL;
    if (row != NULL && rt_get_from(self, items[1], &from))
        (void)gen__reply(self, &from, row->serve(self, m, &c));
    else
        serve_info(self, m, message);
}

/* An exit removes the handlers that this process supervises; the others hear of
 * it. One in the manager's own name is the runtime's word to end. */
static enum rt_next serve_exit(struct gen *self, struct event_manager *m,
                               etf_term message)
{
    struct event_handler **at = &m->first;
    etf_term reason = etf_tuple_items(message)[2];
    etf_pid who;

    m->head.last = message;
    if (!etf_get_pid(etf_tuple_items(message)[1], &who))
        who = nobody; /* a node's name that is not known: nobody's supervisor */
    if (etf_pid_equal(who, rt_self(self)))
        return rt_stop(self, reason);
    while (*at != NULL) {
        if (etf_pid_is_none((*at)->supervisor) ||
            !etf_pid_equal((*at)->supervisor, who))
            at = &(*at)->next;
        else
            (void)gen__event_remove(self, m, at,
                                    etf_make(self, "{stop, _}", reason),
                                    ETF_A(shutdown));
    }
    tell_all(self, m, EVENT_INFO, message);
    return RT_NEXT;
}

static enum rt_next dispatch(struct gen *self, struct event_manager *m,
                             const struct rt_message *message)
{
    switch (message->kind) {
    case RT_CALL:
        serve_request(self, m, message);
        break;
    case RT_MESSAGE:
        serve_message(self, m, message->term);
        break;
    case RT_CAST:
    case RT_DOWN:
        serve_info(self, m, gen__message_term(self, message));
        break;
    case RT_EXIT:
        return serve_exit(self, m, message->term);
    case RT_TIMEOUT:
        rt_hibernate(self); /* hibernate_after_ms */
        break;
    case RT_DIRECT:
        rt_direct_reply(self, &message->direct, AGNER_ENOTSUP, NULL);
        break;
    case RT_PARENT_EXIT:
        return rt_stop(self, message->term);
    case RT_CONTINUED:
        break; /* nobody asks for it */
    }
    return RT_NEXT;
}

static enum rt_next event_message(struct gen *self,
                                  const struct rt_message *message)
{
    struct event_manager *m = rt_state(self);
    enum rt_next next;

    if (!gen_sys_handle(self, &m->head.sys, message, &next)) {
        if (m->head.sys.watched)
            gen__sys_in(self, &m->head.sys, message);
        next = dispatch(self, m, message);
        m->head.last = ETF_NONE;
    }
    if (m->event->hibernate_after_ms != 0 && message->kind != RT_TIMEOUT)
        rt_timeout(self, m->head.sys.suspended ? RT_INFINITY
                                               : m->event->hibernate_after_ms);
    return next;
}

/* ---- What sys sees ------------------------------------------------------ */

static etf_term state_share(struct gen *self, struct event_manager *m,
                            struct event_handler *h)
{
    return etf_make(self, "{_, _, _}", etf_atom(h->table->name),
                    h->id == NULL ? ETF_A(false) : etf_box_term(h->id),
                    gen__event_state(self, m, h));
}

static etf_term status_share(struct gen *self, struct event_manager *m,
                             struct event_handler *h)
{
    etf_term supervisor = ETF_A(false);

    if (!etf_pid_is_none(h->supervisor))
        supervisor = etf_from_pid(rt_region(self), h->supervisor);
    return etf_make(self, "{handler, _, _, _, _}", etf_atom(h->table->name),
                    h->id == NULL ? ETF_A(false) : etf_box_term(h->id),
                    gen__event_state(self, m, h), supervisor);
}

static etf_term get_state(struct gen *self)
{
    return list_of(self, rt_state(self), state_share);
}

static etf_term status(struct gen *self)
{
    return etf_make(self, "{items, {\"Installed handlers\", _}}",
                    list_of(self, rt_state(self), status_share));
}

static const struct gen_sys_view event_view = {
    .module = "gen_event",
    .get_state = get_state,
    .status = status,
};

/* ---- The manager's life ------------------------------------------------- */

static void end_all(struct gen *self, struct event_manager *m)
{
    for (struct event_handler *h = m->first; h != NULL; h = h->next)
        gen__event_end(self, m, h);
}

/* A handler of the manager's table. ETF_NONE, or why it did not come in. */
static etf_term install(struct gen *self, struct event_manager *m,
                        const struct gen_event_entry *entry, etf_term args)
{
    struct event_swap what = { .table = entry->handler, .new_args = args };

    what.name = etf_atom(entry->handler->name);
    if (entry->id != NULL)
        what.id = etf_atom(entry->id);
    if (entry->args != NULL &&
        etf_parse(rt_region(self), entry->args, strlen(entry->args),
                  &what.new_args, NULL, NULL) != AGNER_OK)
        return ETF_A(badarg);
    return gen__event_add(self, m, &m->first, &what, nobody);
}

static enum rt_next event_init(struct gen *self, etf_term args)
{
    struct event_manager *m = rt_state(self);

    m->event = rt_note(self);
    m->head.sys.view = &event_view;
    m->head.sys.name = m->event->name;
    for (size_t i = 0; i < m->event->handler_count; i++) {
        const struct gen_event_entry *entry = &m->event->handlers[i];
        etf_term why = install(self, m, entry, args);

        if (etf_is_none(why))
            continue;
        end_all(self, m);
        return rt_stop(self, etf_make(self, "{_, _}",
                                      etf_atom(entry->handler->name), why));
    }
    if (m->event->hibernate_after_ms != 0)
        rt_timeout(self, m->event->hibernate_after_ms);
    return RT_NEXT;
}

static void event_terminate(struct gen *self, etf_term reason)
{
    end_all(self, rt_state(self));
    gen__crash_report(self, reason);
}

static void event_destroy(void *state)
{
    struct event_manager *m = state;

    while (m->first != NULL) {
        struct event_handler *h = m->first;

        m->first = h->next;
        gen__event_free(h);
    }
    gen__head_fini(&m->head);
}

static const struct rt_behavior event_behavior = {
    .name = "gen_event",
    .state_size = sizeof(struct event_manager),
    .init = event_init,
    .message = event_message,
    .terminate = event_terminate,
    .destroy = event_destroy,
    .terminate_on_signal = true,
    GEN_LABELLED,
};

struct event_manager *gen__event_manager(struct gen *self)
{
    return rt_behavior_of(self) == &event_behavior ? rt_state(self) : NULL;
}

static struct gen_start start_of(const struct gen_event *event)
{
    return (struct gen_start){ .behavior = &event_behavior,
                               .table = event != NULL ? event : &no_handlers,
                               .head_size = GEN_SIZE(event_manager) };
}

void gen__event_enter(struct gen *self, const struct gen_event *event,
                      etf_term args)
{
    struct gen_start start = start_of(event);

    (void)rt_trap_exit(self, true);
    gen__enter_loop(self, &start, args, event->name);
}

static enum agner_err start(struct gen *self, const struct gen_event *event,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid, etf_term *reason)
{
    const struct gen_start start = start_of(event);
    struct rt_spawn_options full = { 0 };

    if (options != NULL)
        full = *options;
    full.trap_exit = true;
    return gen__start(self, &start, args, &full, link, pid, reason);
}

enum agner_err gen_event_start(struct gen *self, const struct gen_event *event,
                               etf_term args,
                               const struct rt_spawn_options *options,
                               etf_pid *pid, etf_term *reason)
{
    return start(self, event, args, options, false, pid, reason);
}

enum agner_err gen_event_start_link(struct gen *self,
                                    const struct gen_event *event,
                                    etf_term args,
                                    const struct rt_spawn_options *options,
                                    etf_pid *pid, etf_term *reason)
{
    return start(self, event, args, options, true, pid, reason);
}
