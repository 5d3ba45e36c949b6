/*
 * application_list.c -- the top of an application that is a list of children:
 * a supervisor that starts and stops them as all supervisors do, and restarts
 * none.
 *
 * It ends by auto_shutdown: with the first child, or with the last, as the
 * start type has it. Of each end it tells its keeper, who knows then why it
 * ended:
 *
 *   to the keeper   {child_ended, Reason}
 */
#include "application_internal.h"
#include "application_mode.h"

/* Any end of a permanent application's child, and the last of a temporary one's
 * (GEN_TEMPORARY counts each end); a transient one's that is not orderly wants
 * a restart, of which there are none. */
static enum gen_next list_init(struct gen *self, etf_term args,
                               struct gen_supervisor_spec *spec)
{
    struct gen_supervisor_flags *flags = gen_supervisor_flags(spec);
    const struct gen_application *a;
    enum gen_start_type type;
    uint64_t unused;

    if (!gen__application_args(args, &a, &type, &unused))
        return gen_stop(self, ETF_A(badarg));
    flags->intensity = GEN_NO_RESTARTS;
    flags->auto_shutdown = type == GEN_APP_PERMANENT ? GEN_AUTO_ANY_SIGNIFICANT
                                                     : GEN_AUTO_ALL_SIGNIFICANT;
    for (size_t i = 0; i < a->child_count; i++) {
        struct gen_child_spec child = a->children[i];

        child.restart =
            type == GEN_APP_TRANSIENT ? GEN_TRANSIENT : GEN_TEMPORARY;
        child.significant = true;
        (void)gen_supervisor_add(self, spec, &child); /* fails the start */
    }
    return GEN_NEXT;
}

static void list_ended(struct gen *self, etf_term id, etf_pid pid,
                       etf_term reason)
{
    (void)id;
    (void)pid;
    (void)gen_cast(self, etf_from_pid(NULL, rt_parent(self)),
                   etf_make(self, "{child_ended, _}", reason));
}

static const struct gen_supervisor list_top = {
    .name = "application_list",
    .init = list_init,
    .child_terminated = list_ended,
};

enum agner_err gen__application_list_start(
    struct gen *self, const struct gen_application *application,
    enum gen_start_type type, etf_pid *top, etf_term *reason)
{
    return gen_supervisor_start_link(
        self, &list_top, gen__application_args_new(self, application, type, 0),
        NULL, top, reason);
}
