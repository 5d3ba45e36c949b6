/*
 * supervisor_report.c -- what a supervisor logs: OTP's reports, as terms.
 *
 * A report is built only when somebody wants it: a child that crashes again and
 * again must not cost what nobody reads.
 *
 * Source: OTP 25, supervisor, "SUPERVISOR REPORT" and "PROGRESS REPORT".
 */
#include "supervisor.h"

/* Both the label and the error context. */
static const char *const kinds[] = {
    [REPORT_CHILD_TERMINATED] = "child_terminated",
    [REPORT_START_ERROR] = "start_error",
    [REPORT_SHUTDOWN_ERROR] = "shutdown_error",
    [REPORT_SHUTDOWN] = "shutdown",
};

/* {local, Name}, or {Pid, Table} of one without. */
static etf_term name_of(struct gen *self, const struct supervisor *sup)
{
    const char *name = sup->table->name;
    struct rt_process_info info;

    if (rt_process_glance(rt_of(self), rt_self(self), &info) == AGNER_OK &&
        !etf_is_none(info.name))
        return etf_make(self, "{local, _}", info.name);
    return etf_make(self, "{_, _}", rt_self(self),
                    etf_atom(name != NULL ? name : "supervisor"));
}

static etf_term mfargs_of(struct gen *self, const struct child *child)
{
    etf_term extra = etf_nil();

    if (child->extra != NULL)
        extra = etf_box_term(child->extra);
    return gen__spec_mfa(rt_region(self), child->spec, extra);
}

/* `first` says which process, or how many. */
static etf_term offender(struct gen *self, const struct child_spec *spec,
                         etf_term first, etf_term mfargs)
{
    return etf_make(
        self,
        "[_, {id, _}, {mfargs, _}, {restart_type, _}, "
        "{significant, _}, {shutdown, _}, {child_type, _}]",
        first, spec->id, mfargs, gen__spec_restart(spec), spec->significant,
        gen__spec_shutdown(rt_region(self), spec), gen__spec_type(spec));
}

static etf_term pid_of(struct gen *self, const struct child *child)
{
    etf_term pid = etf_is_none(child->pid) ? ETF_A(undefined) : child->pid;

    if (child->state == CHILD_RESTARTING)
        pid = etf_make(self, "{restarting, _}", pid);
    return etf_make(self, "{pid, _}", pid);
}

static etf_term one(struct gen *self, const struct child *child)
{
    return offender(self, child->spec, pid_of(self, child),
                    mfargs_of(self, child));
}

static etf_term many(struct gen *self, const struct child_spec *spec,
                     uint64_t count)
{
    return offender(self, spec, etf_make(self, "{nb_children, _}", count),
                    gen__spec_mfa(rt_region(self), spec, etf_nil()));
}

static void report_error(struct gen *self, const struct supervisor *sup,
                         enum report_kind kind, etf_term reason, etf_term who)
{
    rt_log_report(
        self, RT_LOG_ERROR,
        etf_make(self,
                 "#{label => {supervisor, _}, report => [{supervisor, _}, "
                 "{errorContext, _}, {reason, _}, {offender, _}]}",
                 etf_atom(kinds[kind]), name_of(self, sup),
                 etf_atom(kinds[kind]), reason, who));
}

void gen__report_error(struct gen *self, const struct supervisor *sup,
                       enum report_kind kind, const struct child *child,
                       etf_term reason)
{
    if (rt_log_wants(self, RT_LOG_ERROR))
        report_error(self, sup, kind, reason, one(self, child));
}

void gen__report_many(struct gen *self, const struct supervisor *sup,
                      const struct child_spec *spec, uint64_t count,
                      etf_term reason)
{
    if (rt_log_wants(self, RT_LOG_ERROR))
        report_error(self, sup, REPORT_SHUTDOWN_ERROR, reason,
                     many(self, spec, count));
}

void gen__report_progress(struct gen *self, const struct supervisor *sup,
                          const struct child *child)
{
    if (!rt_log_wants(self, RT_LOG_INFO))
        return;
    rt_log_report(self, RT_LOG_INFO,
                  etf_make(self,
                           "#{label => {supervisor, progress}, report => "
                           "[{supervisor, _}, {started, _}]}",
                           name_of(self, sup), one(self, child)));
}
