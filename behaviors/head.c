/*
 * head.c -- what a server and a state machine do alike.
 *
 * Both are a table of callbacks behind one process; here is what does not
 * depend on which table it is: the user's state, the stop, the report of an
 * abnormal end, and how a message is known for a call.
 */
#include <stdio.h>

#include "gen_internal.h"
#include "sys_debug.h"

const char *gen__label(const void *state)
{
    const struct gen_head *head = state;

    return head->sys.name;
}

struct gen_head *gen__head(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->label != gen__label)
        return NULL;
    return rt_state(self);
}

/* ---- Messages ----------------------------------------------------------- */

enum rt_message_kind gen__shape(struct gen *self, etf_term message,
                                struct gen_from *from, etf_term *request)
{
    const etf_term *items = etf_tuple_items(message);

    if (etf_is_tagged(message, ETF_A(gen_call), 3) &&
        rt_get_from(self, items[1], from)) {
        *request = items[2];
        return RT_CALL;
    }
    if (etf_is_tagged(message, ETF_A(gen_cast), 2)) {
        *request = items[1];
        return RT_CAST;
    }
    return RT_MESSAGE; /* a malformed one too */
}

bool gen__is_system(const struct rt_message *m)
{
    return m->kind == RT_MESSAGE && etf_is_tagged(m->term, ETF_A(system), 3);
}

etf_term gen__message_term(struct gen *self, const struct rt_message *m)
{
    switch (m->kind) {
    case RT_CALL:
        return etf_make(self, "{'$gen_call', _, _}",
                        rt_from_term(self, &m->from), m->term);
    case RT_CAST:
        return etf_make(self, "{'$gen_cast', _}", m->term);
    case RT_MESSAGE:
    case RT_EXIT:
    case RT_DOWN:
        return m->term;
    case RT_TIMEOUT:
        return ETF_A(timeout);
    case RT_DIRECT:
        return etf_make(self, "direct");
    case RT_PARENT_EXIT:
    case RT_CONTINUED:
        break;
    }
    return ETF_NONE;
}

void gen__sys_in(struct gen *self, struct gen_sys *sys,
                 const struct rt_message *m)
{
    gen_sys_event(self, sys,
                  etf_make(self, "{in, _}", gen__message_term(self, m)));
}

enum gen_next gen__direct(
    struct gen *self, struct gen_head *head, const struct rt_direct *direct,
    enum agner_err (*handle)(struct gen *self, const struct rt_direct *direct,
                             void **result))
{
    enum agner_err err = AGNER_ENOTSUP;
    void *result = NULL;

    head->last = ETF_NONE;
    if (handle != NULL)
        err = handle(self, direct, &result);
    if (err != AGNER_EAGAIN)
        rt_direct_reply(self, direct, err, result);
    return (head->flags & GEN_FLAG_STOP) != 0 ? GEN_STOP : GEN_NEXT;
}

/* Events are built only when somebody wants them. */
static void look_who_watches(struct gen_head *head)
{
    head->flags &= ~(uint32_t)GEN_FLAG_WATCHED;
    if (head->sys.watched)
        head->flags |= GEN_FLAG_WATCHED;
}

enum rt_next gen__after_system(struct gen *self, struct gen_head *head,
                               uint64_t timeout_ms, enum rt_next next)
{
    look_who_watches(head);
    if (head->loan != NULL && next == RT_NEXT) {
        gen__loan_use(head->loan);
        gen__lend(head);
    }
    rt_timeout(self, head->sys.suspended ? RT_INFINITY : timeout_ms);
    return next;
}

etf_term gen__format(struct gen *self, etf_term (*format)(struct gen *self),
                     size_t state_size)
{
    char text[64];

    if (format != NULL)
        return format(self);
    (void)snprintf(text, sizeof text, "%zu bytes", state_size);
    return etf_text(rt_region(self), text);
}

/* ---- The end ------------------------------------------------------------ */

char *gen__title(struct gen *self, const char *name, char *buffer, size_t size)
{
    struct rt_process_info info;
    char pid[64];
    char registered[96];

    (void)etf_format(pid, sizeof pid, rt_self_term(self));
    if (rt_process_glance(rt_of(self), rt_self(self), &info) == AGNER_OK &&
        !etf_is_none(info.name))
        (void)snprintf(buffer, size, "%s %s",
                       etf_format(registered, sizeof registered, info.name),
                       pid);
    else
        (void)snprintf(buffer, size, "%s %s", name != NULL ? name : "server",
                       pid);
    return buffer;
}

/* As supervisors have it: {Pid, Table} of a process without a name. */
static etf_term own_name(struct gen *self, const struct gen_head *head)
{
    struct rt_process_info info;
    const char *name = head->sys.name;

    if (rt_process_info(self, rt_self(self), &info) == AGNER_OK &&
        !etf_is_none(info.name))
        return info.name;
    return etf_make(self, "{_, _}", rt_self(self),
                    etf_atom(name != NULL ? name : head->sys.view->module));
}

/* OTP's #{label => {gen_server, terminate}, ...}. */
void gen__report(struct gen *self, struct gen_head *head, etf_term reason)
{
    const struct gen_sys_view *view = head->sys.view;
    etf_term last = head->last, report;

    if (!gen__is_abnormal(reason) || (head->flags & GEN_FLAG_REPORTED) != 0)
        return;
    head->flags |= GEN_FLAG_REPORTED;
    if (!rt_log_wants(self, RT_LOG_ERROR))
        return;
    if (etf_is_none(last))
        last = etf_make(self, "none");
    report = etf_make(self,
                      "#{label => {_, terminate}, name => _, reason => _, "
                      "last_message => _, state => _}",
                      etf_atom(view->module), own_name(self, head), reason,
                      last, view->get_state(self));
    if (!etf_is_none(report))
        rt_log_report(self, RT_LOG_ERROR, report);
    else
        rt_log_self(self, RT_LOG_ERROR, "ended, with no memory to say why");
}

/* What a callback received is gone when it has returned, so a stop that it
 * returned is reported here. */
enum rt_next gen__settle_stop(struct gen *self, struct gen_head *head)
{
    if ((head->flags & GEN_FLAG_STOP) == 0)
        (void)gen_stop(self, ETF_A(normal));
    if ((head->flags & GEN_FLAG_STARTING) == 0)
        gen__report(self, head, head->argument);
    head->last = ETF_NONE;
    return RT_STOP;
}

enum gen_next gen__misplaced(struct gen *self, const char *name)
{
    (void)rt_stop(self, etf_make(self, "{bad_action, _}", etf_atom(name)));
    return GEN_STOP;
}

void gen__terminate(struct gen *self, struct gen_head *head,
                    void (*terminate)(struct gen *self, etf_term reason),
                    etf_term reason)
{
    gen__report(self, head, reason); /* unless a callback returned the stop */
    if (terminate != NULL)
        terminate(self, reason);
    gen__last_reply_send(self, head);
    if (!rt_ended_by_signal(self)) /* then another one has failed */
        gen__crash_report(self, reason);
}

void gen__head_fini(struct gen_head *head)
{
    gen__last_reply_free(head);
    gen_sys_fini(&head->sys);
}

/* ---- In a callback ------------------------------------------------------ */

void *gen_state(struct gen *self)
{
    struct gen_head *head = rt_state(self);

    return (char *)head + head->state_offset;
}

enum gen_next gen_stop(struct gen *self, etf_term reason)
{
    struct gen_head *head = rt_state(self);

    if (etf_is_none(reason))
        reason = ETF_A(error); /* memory ran out while it was built */
    if ((head->flags & GEN_FLAG_STOP) == 0)
        head->argument = reason; /* the first one counts */
    head->flags &= ~(uint32_t)GEN_FLAG_CONTINUE;
    head->flags |= GEN_FLAG_STOP;
    (void)rt_stop(self, reason);
    return GEN_STOP;
}

enum agner_err gen_debug(struct gen *self, etf_term options)
{
    struct gen_head *head = gen__head(self);
    enum agner_err err;

    if (head == NULL)
        return AGNER_EINVAL;
    err = gen__debug_options(self, &head->sys, options);
    look_who_watches(head);
    return err;
}

enum agner_err gen_debug_install(struct gen *self,
                                 void (*hook)(struct gen *self, void *ctx,
                                              etf_term event),
                                 void *ctx)
{
    struct gen_head *head = gen__head(self);
    enum agner_err err;

    if (head == NULL)
        return AGNER_EINVAL;
    err = gen__debug_hook(&head->sys, hook, ctx);
    look_who_watches(head);
    return err;
}

enum gen_next gen_hibernate(struct gen *self)
{
    rt_hibernate(self);
    return GEN_NEXT;
}
