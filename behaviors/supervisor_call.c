/*
 * supervisor_call.c -- starting a supervisor, and asking one of any node.
 *
 * The requests are OTP's, and so are the answers that are read here; an Erlang
 * supervisor is asked in the same way.
 */
#include "gen_internal.h"
#include "supervisor.h"

#define CHILD_RECORD_SIZE 9u /* of OTP's #child{} */

/* ---- Starting ----------------------------------------------------------- */

/* {Table, Args}. The table is static, and nobody writes through the pointer. */
static etf_term server_args(struct gen *self, const struct gen_supervisor *sup,
                            etf_term args)
{
    etf_term table =
        etf_resource(rt_region(self), (void *)(uintptr_t)sup, NULL);

    return etf_make(self, "{_, _}", table, args);
}

void gen__supervisor_enter(struct gen *self, const struct gen_supervisor *sup,
                           etf_term args)
{
    rt_label(self, sup->name);
    gen_enter_loop(self, &gen__supervisor_server, server_args(self, sup, args),
                   true);
}

static enum agner_err start(struct gen *self, const struct gen_supervisor *sup,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid, etf_term *reason)
{
    struct rt_spawn_options full = { .name = ETF_NONE };

    if (sup == NULL)
        return AGNER_EINVAL;
    if (options != NULL)
        full = *options;
    if (full.label == NULL)
        full.label = sup->name;
    full.link = full.link || link;
    return gen_start(self, &gen__supervisor_server,
                     server_args(self, sup, args), &full, pid, reason);
}

enum agner_err gen_supervisor_start(struct gen *self,
                                    const struct gen_supervisor *supervisor,
                                    etf_term args,
                                    const struct rt_spawn_options *options,
                                    etf_pid *pid, etf_term *reason)
{
    return start(self, supervisor, args, options, false, pid, reason);
}

enum agner_err gen_supervisor_start_link(
    struct gen *self, const struct gen_supervisor *supervisor, etf_term args,
    const struct rt_spawn_options *options, etf_pid *pid, etf_term *reason)
{
    return start(self, supervisor, args, options, true, pid, reason);
}

/* ---- Answers ------------------------------------------------------------ */

/* Errors that are atoms. */
static const struct {
    const char *atom;
    enum agner_err err;
} errors[] = {
    { "not_found", AGNER_EUNKNOWN },
    { "already_present", AGNER_EPRESENT },
    { "running", AGNER_ERUNNING },
    { "restarting", AGNER_EBUSY },
    { "simple_one_for_one", AGNER_ENOTSUP },
    { "max_children", AGNER_ELIMIT },
    { "disabled", AGNER_ENOTALLOWED },
    { "system_limit", AGNER_ENOMEM },
};

static enum agner_err read_error(etf_term answer, etf_term *why)
{
    if (!etf_match(answer, "{error, _}", why))
        return AGNER_ENOTSUP;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (etf_atom_is(*why, errors[i].atom))
            return errors[i].err;
    return AGNER_EEXIT;
}

static enum agner_err ask(struct gen *self, etf_term sup, etf_term request,
                          etf_term *answer)
{
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return gen_call(self, sup, request, RT_INFINITY, answer);
}

/* A request that is answered `ok`. */
static enum agner_err order(struct gen *self, etf_term sup, etf_term request)
{
    etf_term answer, why;
    enum agner_err err = ask(self, sup, request, &answer);

    if (err != AGNER_OK || etf_same(answer, ETF_A(ok)))
        return err;
    return read_error(answer, &why);
}

/* A request that is answered with a process. */
static enum agner_err order_start(struct gen *self, etf_term sup,
                                  etf_term request, etf_pid *pid,
                                  etf_term *info)
{
    etf_term answer = ETF_NONE, extra = ETF_NONE, ignored;
    etf_pid started = { .id = 0 };
    enum agner_err err = ask(self, sup, request, &answer);

    if (info == NULL)
        info = &ignored;
    *info = answer;
    if (err != AGNER_OK)
        return err;
    if (etf_match(answer, "{ok, undefined}"))
        err = AGNER_EIGNORE;
    else if (etf_match(answer, "{error, {already_started, _}}", &started))
        err = AGNER_EALREADY;
    else if (!etf_match(answer, "{ok, _}", &started) &&
             !etf_match(answer, "{ok, _, _}", &started, &extra))
        return read_error(answer, info);
    *info = extra;
    if (pid != NULL)
        *pid = started;
    return err;
}

/* ---- Requests ----------------------------------------------------------- */

/* {error, {Why, Child}}: the start failed; other errors are about the spec. */
enum agner_err gen_start_child(struct gen *self, etf_term sup,
                               const struct gen_child_spec *spec, etf_pid *pid,
                               etf_term *info)
{
    etf_term wrong, map, why, child, ignored;
    enum agner_err err;

    if (spec == NULL)
        return AGNER_EINVAL;
    map = gen__spec_map(rt_region(self), spec, &wrong);
    if (info == NULL)
        info = &ignored;
    if (!etf_is_none(wrong)) {
        *info = wrong;
        return AGNER_EINVAL;
    }
    err = order_start(self, sup, etf_make(self, "{start_child, _}", map), pid,
                      info);
    if (err != AGNER_EEXIT)
        return err;
    if (!etf_match(*info, "{_, _}", &why, &child) ||
        !etf_is_tagged(child, etf_atom("child"), CHILD_RECORD_SIZE))
        return AGNER_EINVAL;
    *info = why;
    return err;
}

enum agner_err gen_start_child_args(struct gen *self, etf_term sup,
                                    etf_term extra, etf_pid *pid,
                                    etf_term *info)
{
    return order_start(self, sup, etf_make(self, "{start_child, _}", extra),
                       pid, info);
}

enum agner_err gen_start_child_of(struct gen *self, etf_term sup, etf_term id,
                                  etf_term extra, etf_pid *pid, etf_term *info)
{
    return order_start(self, sup,
                       etf_make(self, "{start_child_of, {_, _}}", id, extra),
                       pid, info);
}

enum agner_err gen_terminate_child(struct gen *self, etf_term sup, etf_term id)
{
    return order(self, sup, etf_make(self, "{terminate_child, _}", id));
}

enum agner_err gen_restart_child(struct gen *self, etf_term sup, etf_term id,
                                 etf_pid *pid, etf_term *info)
{
    return order_start(self, sup, etf_make(self, "{restart_child, _}", id), pid,
                       info);
}

enum agner_err gen_delete_child(struct gen *self, etf_term sup, etf_term id)
{
    return order(self, sup, etf_make(self, "{delete_child, _}", id));
}

enum agner_err gen_disable_child(struct gen *self, etf_term sup, etf_term id)
{
    return order(self, sup, etf_make(self, "{disable_child, _}", id));
}

enum agner_err gen_enable_child(struct gen *self, etf_term sup, etf_term id,
                                etf_pid *pid, etf_term *info)
{
    return order_start(self, sup, etf_make(self, "{enable_child, _}", id), pid,
                       info);
}

enum agner_err gen_which_children(struct gen *self, etf_term sup,
                                  etf_term *list)
{
    etf_term answer, why;
    enum agner_err err = ask(self, sup, etf_atom("which_children"), &answer);

    if (err != AGNER_OK)
        return err;
    if (etf_list_size(answer) < 0)
        return read_error(answer, &why);
    *list = answer;
    return AGNER_OK;
}

enum agner_err gen_count_children(struct gen *self, etf_term sup,
                                  struct gen_child_counts *counts)
{
    struct gen_child_counts c;
    etf_term answer, why;
    enum agner_err err = ask(self, sup, etf_atom("count_children"), &answer);

    if (err != AGNER_OK)
        return err;
    if (!etf_match(answer,
                   "[{specs, _}, {active, _}, {supervisors, _}, {workers, _}]",
                   &c.specs, &c.active, &c.supervisors, &c.workers))
        return read_error(answer, &why);
    *counts = c;
    return AGNER_OK;
}

enum agner_err gen_get_childspec(struct gen *self, etf_term sup, etf_term id,
                                 etf_term *map)
{
    etf_term answer, why;
    enum agner_err err =
        ask(self, sup, etf_make(self, "{get_childspec, _}", id), &answer);

    if (err != AGNER_OK)
        return err;
    return etf_match(answer, "{ok, _}", map) ? AGNER_OK
                                             : read_error(answer, &why);
}

/* ---- From any thread, and from nobody ----------------------------------- */

/* Writes those of [{Id, Pid, Type, Modules}] that are pids. */
static size_t read_pids(etf_term list, etf_pid *pids, size_t max)
{
    size_t count = 0;
    etf_term row;
    etf_pid pid;

    while (etf_list_next(&list, &row)) {
        if (etf_tuple_size(row) != 4 ||
            !etf_get_pid(etf_tuple_items(row)[1], &pid))
            continue;
        if (count < max)
            pids[count] = pid;
        count++;
    }
    return count;
}

enum agner_err gen_children(struct rt *rt, etf_pid sup, etf_pid *pids,
                            size_t max, size_t *count, uint64_t timeout_ms)
{
    struct gen *self = rt_attach(rt);
    etf_term list;
    enum agner_err err;

    if (self == NULL)
        return AGNER_ENOMEM;
    err = gen_call(self, etf_from_pid(rt_region(self), sup),
                   etf_atom("which_children"), timeout_ms, &list);
    if (err == AGNER_OK)
        *count = read_pids(list, pids, max);
    rt_detach(self);
    return err;
}
