/*
 * dynamic.c -- dynamic supervisors: a simple_one_for_one without a template, so
 * that each child brings its spec.
 */
#include <agner/gen_supervisor.h>

static enum gen_next dynamic_init(struct gen *self, etf_term args,
                                  struct gen_supervisor_spec *spec)
{
    struct gen_supervisor_flags *flags = gen_supervisor_flags(spec);

    if (!etf_match(args, "{_, _, _}", &flags->intensity, &flags->period_ms,
                   &flags->children_max))
        return gen_stop(self, ETF_A(badarg));
    return GEN_NEXT;
}

static const struct gen_supervisor dynamic = {
    .name = "dynamic_supervisor",
    .strategy = GEN_SIMPLE_ONE_FOR_ONE,
    .init = dynamic_init,
};

enum agner_err gen_dynamic_start_link(struct gen *self,
                                      const struct gen_supervisor_flags *flags,
                                      const struct rt_spawn_options *options,
                                      etf_pid *pid, etf_term *reason)
{
    struct gen_supervisor_flags none = { .intensity = 0 };

    if (flags == NULL)
        flags = &none;
    return gen_supervisor_start_link(
        self, &dynamic,
        etf_make(self, "{_, _, _}", flags->intensity, flags->period_ms,
                 flags->children_max),
        options, pid, reason);
}
