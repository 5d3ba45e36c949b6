/*
 * supervisor_start.c -- starts children: one, or a row to the last.
 *
 * What a start gives is turned into one of three outcomes: a process, linked to
 * the supervisor and in its table; nothing; or a reason, after which no process
 * is left.
 */
#include "gen_internal.h"
#include "supervisor.h"

/* What OTP says of a start that failed otherwise than by a reason of its own.
 */
static etf_term reason_of(struct gen *self, enum agner_err err, etf_pid taken)
{
    switch (err) {
    case AGNER_ETAKEN:
        return etf_make(self, "{already_started, _}", taken);
    case AGNER_ETIMEOUT:
        return ETF_A(timeout);
    case AGNER_ELIMIT:
    case AGNER_ENOMEM:
        return etf_atom("system_limit");
    default: /* whichever: its text */
        return etf_text(rt_region(self), agner_strerror(err));
    }
}

/* A process that somebody else has started is tied to us, or does not stay. */
static enum agner_err adopt(struct gen *self, etf_pid pid)
{
    enum agner_err err = rt_link(self, pid); /* gone already: its exit comes */

    if (err != AGNER_OK)
        (void)rt_exit_signal(self, pid, ETF_A(kill));
    return err;
}

static enum agner_err run(struct gen *self, const struct native_start *native,
                          const struct child_spec *spec, bool simple,
                          etf_term args, etf_pid *pid, etf_term *info)
{
    struct rt_spawn_options options = native->options;
    enum agner_err err;

    options.name = simple ? ETF_NONE : spec->name;
#define GEN_CHILD_START(way, type, start_link, enter) \
    if (native->way != NULL) \
        return start_link(self, native->way, args, &options, pid, info);
    GEN_CHILD_WAYS(GEN_CHILD_START)
#undef GEN_CHILD_START
    err = native->start(self, args, pid, info);
    return err == AGNER_OK ? adopt(self, *pid) : err;
}

/* What {Module, start_link, _} names here: in `room`; NULL: nothing. */
static const struct native_start *registered(struct gen *self,
                                             const struct child_spec *spec,
                                             struct native_start *room)
{
    const struct gen_child_spec *row = NULL;

    if (etf_atom_is(spec->function, "start_link"))
        row = gen__remote_row(rt_of(self), spec->module);
    if (row == NULL)
        return NULL;
    gen__native_init(room, row);
    return room;
}

static enum agner_err undefined(struct gen *self, const struct child_spec *spec,
                                etf_term arguments, etf_term *info)
{
    *info = etf_make(self, "{'EXIT', {undef, [{_, _, _, []}]}}", spec->module,
                     spec->function, arguments);
    return AGNER_EEXIT;
}

enum agner_err gen__child_start(struct gen *self, struct supervisor *sup,
                                struct child *child, etf_term *info)
{
    const struct child_spec *spec = child->spec;
    const struct native_start *native = spec->native;
    etf_term arguments = spec->arguments;
    struct native_start remote;
    etf_pid pid = { .id = 0 };
    enum agner_err err;

    *info = ETF_NONE;
    if (child->extra != NULL)
        arguments =
            gen__append(rt_region(self), arguments, etf_box_term(child->extra));
    if (native == NULL && etf_is_none(spec->node))
        native = registered(self, spec, &remote);
    if (native != NULL)
        err = run(self, native, spec, gen__is_simple(sup),
                  gen__start_args(arguments), &pid, info);
    else if (!etf_is_none(spec->node))
        err = gen__node_start(self, spec, gen__is_simple(sup), arguments, &pid,
                              info);
    else
        return undefined(self, spec, arguments, info);
    if (err == AGNER_OK &&
        !gen__child_runs(&sup->children, child,
                         etf_from_pid(rt_region(self), pid))) {
        (void)rt_unlink(self, pid);
        (void)rt_exit_signal(self, pid, ETF_A(kill));
        err = AGNER_ENOMEM;
    }
    if (err == AGNER_EIGNORE || (err == AGNER_EEXIT && !etf_is_none(*info)))
        return err;
    if (err != AGNER_OK) {
        *info = reason_of(self, err, pid);
        return AGNER_EEXIT;
    }
    if (spec->backoff_ms != 0)
        child->started_ms = rt_now_ms(rt_of(self));
    if (!gen__is_simple(sup))
        gen__report_progress(self, sup, child);
    if (sup->table->child_started != NULL)
        sup->table->child_started(self, spec->id, pid);
    return AGNER_OK;
}

void gen__child_absent(struct supervisor *sup, struct child *child)
{
    if (gen__is_simple(sup) || child->spec->restart == GEN_TEMPORARY) {
        gen__child_forget(sup, child);
        return;
    }
    gen__child_unmap(&sup->children, child);
    gen__child_state(&sup->children, child, CHILD_STOPPED);
}

struct child *gen__children_start(struct gen *self, struct supervisor *sup,
                                  struct child *child, etf_term *reason)
{
    struct child *after;
    enum agner_err err;

    for (; child != NULL; child = after) {
        after = child->after;
        if (child->disabled)
            continue;
        err = gen__child_start(self, sup, child, reason);
        if (err == AGNER_EIGNORE) {
            gen__child_absent(sup, child);
        } else if (err != AGNER_OK) {
            gen__report_error(self, sup, REPORT_START_ERROR, child, *reason);
            return child;
        }
    }
    return NULL;
}
