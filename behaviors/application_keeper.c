/*
 * application_keeper.c -- the process in which an application's callbacks run,
 * and on which its tree hangs.
 *
 * Its init returns at once, so that nobody waits for the user's code; the start
 * is its continue. It ends with the reason of what failed, or of the tree's
 * end. prep_stop and stop are called only when the start had succeeded, as in
 * OTP.
 *
 * Sources: OTP 25, application_master (its second process).
 */
#include <string.h>

#include "application_internal.h"
#include "application_mode.h"

struct keeper {
    const struct gen_application *application; /* borrowed: static */
    enum gen_start_type type;
    etf_pid top; /* all zero: it has not started, or has ended */
    bool started;
    struct etf_box *why; /* owned: the end of the child that decides; or NULL */
};

static enum gen_next keeper_init(struct gen *self, etf_term args)
{
    struct keeper *k = gen_state(self);
    uint64_t start_ms;

    if (!gen__application_args(args, &k->application, &k->type, &start_ms))
        return gen_stop(self, ETF_A(badarg));
    (void)rt_trap_exit(self, true);
    return gen_continue(self, etf_atom("start"));
}

/* ---- The start ---------------------------------------------------------- */

/* {Reason, {Name, Function, Args}}, as OTP says what failed. */
static enum gen_next fail(struct gen *self, const struct keeper *k,
                          enum agner_err err, etf_term reason,
                          const char *function, etf_term args)
{
    if (etf_is_none(reason))
        reason = etf_atom(agner_strerror(err));
    return gen_stop(self, etf_make(self, "{_, {_, _, _}}", reason,
                                   etf_atom(k->application->name),
                                   etf_atom(function), args));
}

/* A text of the application's table that does not parse. */
static enum gen_next fail_text(struct gen *self, const struct keeper *k,
                               const char *field,
                               const struct agner_error *error)
{
    return gen_stop(self, etf_make(self, "{bad_application, {_, _, _}}",
                                   etf_atom(k->application->name),
                                   etf_atom(field), (const char *)error->text));
}

static enum agner_err start_tree(struct gen *self, struct keeper *k,
                                 etf_term args, etf_term *reason)
{
    const struct gen_application *a = k->application;
    enum agner_err err;

    if (a->start != NULL)
        err = a->start(self, k->type, args, &k->top, reason);
    else if (a->supervisor != NULL)
        err = gen_supervisor_start_link(self, a->supervisor, args, NULL,
                                        &k->top, reason);
    else
        err = gen__application_list_start(self, a, k->type, &k->top, reason);
    /* When it is gone already its exit tells; what has no link is killed with
     * the rest of the application. */
    if (err == AGNER_OK && rt_link(self, k->top) == AGNER_ENOMEM)
        err = AGNER_ENOMEM;
    if (err != AGNER_OK)
        k->top = (etf_pid){ .id = 0 };
    return err;
}

static enum gen_next run_phases(struct gen *self, const struct keeper *k,
                                etf_term phases)
{
    const struct gen_application *a = k->application;
    etf_term one, phase, args;

    while (etf_list_next(&phases, &one)) {
        etf_term reason = ETF_NONE;
        enum agner_err err;

        if (!etf_match(one, "{_, _}", &phase, &args))
            return fail(self, k, AGNER_EINVAL, ETF_A(badarg), "start_phases",
                        one);
        err = a->start_phase(self, phase, k->type, args, &reason);
        if (err != AGNER_OK)
            return fail(self, k, err, reason, "start_phase",
                        etf_make(self, "[_, normal, _]", phase, args));
    }
    return GEN_NEXT;
}

static enum gen_next keeper_continue(struct gen *self, etf_term argument)
{
    struct keeper *k = gen_state(self);
    const struct gen_application *a = k->application;
    struct agner_error error = { AGNER_OK, "" };
    etf_term args, phases, reason = ETF_NONE;
    enum gen_next next;
    enum agner_err err;

    (void)argument;
    if (gen__application_read(self, a->args, &args, &error) != AGNER_OK)
        return fail_text(self, k, "args", &error);
    if (gen__application_read(self, a->start_phases, &phases, &error) !=
        AGNER_OK)
        return fail_text(self, k, "start_phases", &error);
    err = start_tree(self, k, args, &reason);
    if (err != AGNER_OK)
        return fail(self, k, err, reason, "start",
                    etf_make(self, "[normal, _]", args));
    next = run_phases(self, k, phases);
    if (next != GEN_NEXT)
        return next;
    if (gen_cast(self, etf_from_pid(NULL, rt_parent(self)),
                 etf_make(self, "{started, _}", k->top)) != AGNER_OK)
        return gen_stop(self, etf_atom("enomem"));
    k->started = true;
    return GEN_NEXT;
}

static enum gen_next keeper_cast(struct gen *self, etf_term request)
{
    struct keeper *k = gen_state(self);
    etf_term changed, added, removed, reason;

    if (etf_match(request, "{child_ended, _}", &reason)) {
        if (k->why == NULL && gen__child_ends_list(k->type, reason))
            k->why = etf_box_new(reason); /* or else it is `shutdown` */
    } else if (etf_match(request, "{config_change, _, _, _}", &changed, &added,
                         &removed)) {
        k->application->config_change(self, changed, added, removed);
    }
    return GEN_NEXT;
}

/* ---- The end ------------------------------------------------------------ */

/* A list ends with `shutdown`: because of one child, or after the last. */
static etf_term reason_of(const struct keeper *k, etf_term reason)
{
    if (k->application->child_count == 0 || !etf_same(reason, ETF_A(shutdown)))
        return reason;
    return k->why != NULL ? etf_box_term(k->why) : ETF_A(normal);
}

static enum gen_next keeper_info(struct gen *self, etf_term message)
{
    struct keeper *k = gen_state(self);
    etf_term reason;
    etf_pid pid;

    if (!etf_match(message, "{'EXIT', _, _}", &pid, &reason) ||
        !etf_pid_equal(pid, k->top))
        return GEN_NEXT; /* what the callbacks have linked is their own */
    if (k->started && k->application->prep_stop != NULL)
        k->application->prep_stop(self);
    k->top = (etf_pid){ .id = 0 };
    return gen_stop(self, reason_of(k, reason));
}

/* The tree ends by its own rules, which bound the time. Without memory for the
 * signal it ends with us, by the link. */
static void stop_tree(struct gen *self, struct keeper *k, etf_term reason)
{
    if (k->started && k->application->prep_stop != NULL)
        k->application->prep_stop(self);
    if (etf_same(reason, ETF_A(normal)))
        reason = ETF_A(shutdown);
    if (rt_exit_signal(self, k->top, reason) == AGNER_OK)
        (void)rt_wait(self, k->top, RT_INFINITY);
}

static void keeper_terminate(struct gen *self, etf_term reason)
{
    struct keeper *k = gen_state(self);

    if (!etf_pid_is_none(k->top))
        stop_tree(self, k, reason);
    if (k->started && k->application->stop != NULL)
        k->application->stop(self);
    if (!rt_is_alive(rt_of(self), rt_parent(self)))
        gen__application_kill_group(self, etf_atom(k->application->name));
}

static void keeper_destroy(void *state)
{
    struct keeper *k = state;

    etf_box_free(k->why);
}

const struct gen_server gen__application_keeper = {
    .name = "application_keeper",
    .state_size = sizeof(struct keeper),
    .init = keeper_init,
    .handle_continue = keeper_continue,
    .handle_cast = keeper_cast,
    .handle_info = keeper_info,
    .terminate = keeper_terminate,
    .destroy = keeper_destroy,
};

/* ---- Arguments ---------------------------------------------------------- */

bool gen__application_args(etf_term args,
                           const struct gen_application **application,
                           enum gen_start_type *type, uint64_t *start_ms)
{
    etf_term table;
    int32_t number;
    void *value;

    if (!etf_match(args, "{_, _, _}", &table, &number, start_ms) ||
        !etf_get_resource(table, &value))
        return false;
    *application = value;
    *type = (enum gen_start_type)number;
    return true;
}

etf_term gen__application_args_new(struct gen *self,
                                   const struct gen_application *application,
                                   enum gen_start_type type, uint64_t start_ms)
{
    /* A native value is not written through, but its pointer is not const. */
    void *value = (void *)(uintptr_t)application;

    return etf_make(self, "{_, _, _}",
                    etf_resource(rt_region(self), value, NULL), (int32_t)type,
                    start_ms);
}

bool gen__application_has_tree(const struct gen_application *application)
{
    return application->start != NULL || application->supervisor != NULL ||
           application->child_count > 0;
}

enum agner_err gen__application_read(struct gen *self, const char *text,
                                     etf_term *term, struct agner_error *error)
{
    *term = etf_nil();
    if (text == NULL)
        return AGNER_OK;
    return etf_parse(rt_region(self), text, strlen(text), term, NULL, error);
}
