/*
 * crash.c -- where a process comes from, and the report of its abnormal end.
 *
 * The report is OTP's: #{label => {proc_lib, crash}, report => [About, []]},
 * without the neighbours. What it holds of the mailbox is bounded here, its
 * bytes and depth by the log (rt_log.h).
 *
 * Source: OTP 25, proc_lib; its reports were recorded from a real node.
 */
#include "gen_internal.h"

#define ANCESTORS_MAX 64u   /* generations that are shown */
#define MESSAGES_MAX  10u   /* messages that are shown */
#define QUEUE_MAX     1000u /* a longer mailbox is not looked through */

/* ---- Where it comes from ------------------------------------------------ */

static etf_term name_or_pid(struct gen *self, etf_pid pid,
                            const struct rt_process_info *info)
{
    if (info != NULL && !etf_is_none(info->name))
        return info->name;
    return etf_from_pid(rt_region(self), pid);
}

etf_term gen_ancestors(struct gen *self)
{
    etf_term items[ANCESTORS_MAX];
    etf_pid pid = rt_parent(self);
    struct rt_process_info info;
    size_t count = 0;

    while (count < ANCESTORS_MAX && !etf_pid_is_none(pid)) {
        bool known = etf_pid_is_local(pid) &&
                     rt_process_glance(rt_of(self), pid, &info) == AGNER_OK;

        items[count++] = name_or_pid(self, pid, known ? &info : NULL);
        pid = known ? info.parent : (etf_pid){ 0 };
    }
    return etf_list(rt_region(self), items, count, etf_nil());
}

etf_term gen_initial_call(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);
    const struct gen_head *head = gen__head(self);
    const char *name = "rt";

    if (head != NULL)
        name = head->sys.name != NULL ? head->sys.name : head->sys.view->module;
    else if (behavior != NULL)
        name = behavior->name;
    return etf_make(
        self, "{_, _, 1}", etf_atom(name),
        etf_atom(gen__is_proc(self) || behavior == NULL ? "run" : "init"));
}

/* ---- The report --------------------------------------------------------- */

struct shown {
    struct gen *self;
    etf_term items[MESSAGES_MAX];
    size_t count;
};

/* Takes none: they are answered with the reason when the process is gone. */
static bool show(void *ctx, etf_term m)
{
    struct shown *shown = ctx;

    if (shown->count < MESSAGES_MAX)
        shown->items[shown->count++] = m;
    return false;
}

static etf_term messages_of(struct gen *self, uint64_t count)
{
    struct shown shown = { .self = self };
    etf_term m;

    if (count > 0 && count <= QUEUE_MAX)
        (void)rt_receive_match(self, show, &shown, 0, &m);
    return etf_list(rt_region(self), shown.items, shown.count, etf_nil());
}

static etf_term about(struct gen *self, etf_term reason)
{
    struct rt_process_info info = { .links = etf_nil() };

    if (rt_process_info(self, rt_self(self), &info) != AGNER_OK)
        return ETF_NONE;
    return etf_make(self,
                    "[{initial_call, _}, {pid, _}, {registered_name, _}, "
                    "{error_info, {exit, _, []}}, {ancestors, _}, "
                    "{message_queue_len, _}, {messages, _}, {links, _}, "
                    "{trap_exit, _}, {status, running}, {reductions, _}]",
                    gen_initial_call(self), rt_self(self),
                    etf_is_none(info.name) ? etf_nil() : info.name, reason,
                    gen_ancestors(self), info.mailbox_count,
                    messages_of(self, info.mailbox_count), info.links,
                    info.trap_exit, info.reductions);
}

bool gen__is_abnormal(etf_term reason)
{
    return !etf_same(reason, ETF_A(normal)) &&
           !etf_same(reason, ETF_A(shutdown)) &&
           !etf_is_tagged(reason, ETF_A(shutdown), 2);
}

void gen__crash_report(struct gen *self, etf_term reason)
{
    if (gen__is_abnormal(reason) && rt_log_wants(self, RT_LOG_ERROR))
        rt_log_report(self, RT_LOG_ERROR,
                      etf_make(self,
                               "#{label => {proc_lib, crash}, "
                               "report => [_, []]}",
                               about(self, reason)));
}
