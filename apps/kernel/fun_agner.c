/*
 * fun_agner.c -- the functions of the module agner, for tools: what a node of
 * ours shows of itself that OTP has no name for.
 *
 *   waits()                   who waits for whom, and code that is stuck
 *   processes(After, Max)     all that is known of some processes
 *
 * Any node may ask: erpc:call(Node, agner, waits, []). The answers are maps
 * whose keys may become more. A pid in them is a text, as it is printed on the
 * node that it is of: so it is the same wherever it is looked at.
 */
#include "functions.h"

#include <stdio.h>
#include <string.h>

#define WAITS_MAX  100000 /* rows of one answer */
#define STUCK_MAX  64
#define AGAIN      8 /* looks at a process that changes meanwhile */
#define PAGE_MAX   10000
#define DETAILS_MS 2000 /* for all processes of a page that are asked */

#define PID_TEXT 32

static char *pid_text(char text[PID_TEXT], etf_pid pid)
{
    (void)snprintf(text, PID_TEXT, "<0.%u.%u>", pid.id, pid.serial);
    return text;
}

static etf_term pid_or_nil(struct gen *self, etf_pid pid)
{
    char text[PID_TEXT];

    return etf_pid_is_none(pid)
               ? ETF_A(nil)
               : etf_text(rt_region(self), pid_text(text, pid));
}

static etf_term or_nil(etf_term t)
{
    return etf_is_none(t) ? ETF_A(nil) : t;
}

static etf_term text_or_nil(struct gen *self, const char *text)
{
    return text == NULL || text[0] == '\0' ? ETF_A(nil)
                                           : etf_text(rt_region(self), text);
}

static const char *const kinds[] = {
    [RT_WAIT_NOTHING] = "nothing", [RT_WAIT_MESSAGE] = "message",
    [RT_WAIT_CALL] = "call",       [RT_WAIT_REQUEST] = "request",
    [RT_WAIT_TIME] = "time",       [RT_WAIT_GATE] = "room",
    [RT_WAIT_WORK] = "work",       [RT_WAIT_YIELD] = "turn",
};

static const char *const statuses[] = {
    [RT_STATUS_INIT] = "init",         [RT_STATUS_WAITING] = "waiting",
    [RT_STATUS_RUNNABLE] = "runnable", [RT_STATUS_RUNNING] = "running",
    [RT_STATUS_CALLING] = "calling",   [RT_STATUS_SUSPENDED] = "suspended",
    [RT_STATUS_EXITING] = "exiting",
};

static etf_term site_map(struct gen *self, const void *site)
{
    struct rt_place place;

    if (!rt_place(site, &place))
        return ETF_A(nil);
    return etf_make(self, "#{module => _, offset => _, function => _}",
                    (const char *)place.module, place.offset,
                    text_or_nil(self, place.function));
}

/* What it waits for, when nothing changes meanwhile. */
static bool look(struct rt *rt, etf_pid pid, struct rt_waiting *w)
{
    enum agner_err err = AGNER_EAGAIN;

    for (unsigned i = 0; i < AGAIN && err == AGNER_EAGAIN; i++)
        err = rt_waits(rt, pid, w);
    return err == AGNER_OK && w->kind != RT_WAIT_NOTHING;
}

/* The keys that say whom it waits for. */
static etf_term wait_map(struct gen *self, const struct rt_waiting *w)
{
    etf_term node = or_nil(w->to_node);

    if (!etf_pid_is_none(w->to) && etf_is_none(w->to_node))
        node = rt_node(rt_of(self)).name;
    return etf_make(self,
                    "#{for => _, ms => _, to => _, to_name => _, "
                    "to_node => _, site => _}",
                    etf_atom(kinds[w->kind]), w->ms, pid_or_nil(self, w->to),
                    or_nil(w->to_name), node, site_map(self, w->site));
}

/* ---- waits -------------------------------------------------------------- */

static bool has_target(const struct rt_waiting *w)
{
    return (w->kind == RT_WAIT_CALL || w->kind == RT_WAIT_REQUEST) &&
           (!etf_pid_is_none(w->to) || !etf_is_none(w->to_name));
}

static etf_term waits_row(struct gen *self, const struct rt_process_info *i,
                          const struct rt_waiting *w)
{
    return etf_make(self,
                    "#{pid => _, name => _, behavior => _, mailbox => _, "
                    "waits => _}",
                    pid_or_nil(self, i->pid), or_nil(i->name),
                    text_or_nil(self, i->behavior), i->mailbox_count,
                    wait_map(self, w));
}

static etf_term stuck_row(struct gen *self, const struct rt_stuck *s)
{
    struct rt_process_info info;
    etf_term places = etf_nil();

    memset(&info, 0, sizeof info);
    (void)rt_process_glance(rt_of(self), s->pid, &info); /* or it just ended */
    for (size_t i = s->place_count; i > 0; i--)
        places =
            etf_cons(rt_region(self), site_map(self, s->places[i - 1]), places);
    return etf_make(self,
                    "#{pid => _, name => _, behavior => _, ms => _, "
                    "places => _}",
                    pid_or_nil(self, s->pid), or_nil(info.name),
                    text_or_nil(self, info.behavior), s->ms, places);
}

static etf_term all_stuck(struct gen *self)
{
    struct rt_stuck stuck[STUCK_MAX];
    size_t count = rt_stuck(rt_of(self), stuck, STUCK_MAX);
    etf_term list = etf_nil();

    while (count > 0)
        list =
            etf_cons(rt_region(self), stuck_row(self, &stuck[--count]), list);
    return list;
}

static enum gen_rpc_class waits(struct gen *self, etf_term args,
                                etf_term *result)
{
    struct rt *rt = rt_of(self);
    struct rt_process_info info;
    struct rt_waiting w;
    etf_term rows = etf_nil();
    etf_pid at = { .id = 0 };
    unsigned count = 0;
    bool complete = true;

    (void)args;
    while (complete && rt_process_next(rt, at, &at)) {
        if (!look(rt, at, &w) || !has_target(&w))
            continue;
        memset(&info, 0, sizeof info);
        if (rt_process_glance(rt, at, &info) != AGNER_OK)
            continue; /* it ended meanwhile */
        complete = ++count <= WAITS_MAX;
        rows = etf_cons(rt_region(self), waits_row(self, &info, &w), rows);
    }
    return fun_value(result, etf_make(self,
                                      "#{node => _, waits => _, stuck => _, "
                                      "complete => _}",
                                      rt_node(rt).name, rows, all_stuck(self),
                                      complete));
}

/* ---- processes ---------------------------------------------------------- */

/* What a glance tells, and what it waits for. */
static etf_term brief_map(struct gen *self, const struct rt_process_info *i)
{
    etf_term wait = ETF_A(nil);
    struct rt_waiting w;

    if (look(rt_of(self), i->pid, &w))
        wait = wait_map(self, &w);
    return etf_make(self,
                    "#{pid => _, name => _, behavior => _, status => _, "
                    "mailbox => _, mailbox_peak => _, messages_in => _, "
                    "messages_out => _, run_ms => _, application => _, "
                    "parent => _, waits => _}",
                    pid_or_nil(self, i->pid), or_nil(i->name),
                    text_or_nil(self, i->behavior),
                    etf_atom(statuses[i->status]), i->mailbox_count,
                    i->mailbox_peak, i->messages_in, i->messages_out, i->run_ms,
                    or_nil(i->application), pid_or_nil(self, i->parent), wait);
}

/* What only the process itself knows. Of one that computes, or that ends
 * meanwhile, it is left out. */
static etf_term with_details(struct gen *self, etf_term map, etf_pid pid)
{
    struct rt_process_info i;
    etf_term more, pair;

    memset(&i, 0, sizeof i);
    if (rt_process_info(self, pid, &i) != AGNER_OK)
        return map;
    more = etf_make(self,
                    "[{label, _}, {memory, _}, {links, _}, {monitors, _}, "
                    "{monitored_by, _}, {timers, _}, {trap_exit, _}, "
                    "{names, _}]",
                    text_or_nil(self, i.label), i.memory_bytes, or_nil(i.links),
                    or_nil(i.monitors), or_nil(i.monitored_by), i.timers,
                    i.trap_exit, or_nil(i.names));
    while (!etf_is_none(map) && etf_list_next(&more, &pair))
        map = etf_map_put(rt_region(self), map, etf_tuple_items(pair)[0],
                          etf_tuple_items(pair)[1]);
    return map;
}

/* Would it answer at once? */
static bool answers(const struct rt_process_info *i)
{
    return i->status == RT_STATUS_WAITING || i->status == RT_STATUS_CALLING;
}

static etf_term in_order(struct etf_region *r, etf_term back)
{
    etf_term list = etf_nil(), one;

    while (etf_list_next(&back, &one))
        list = etf_cons(r, one, list);
    return list;
}

/* {Next, Rows}: Next is the slot to go on behind, 0 when these were the last.
 */
static enum gen_rpc_class processes(struct gen *self, etf_term args,
                                    etf_term *result)
{
    struct rt *rt = rt_of(self);
    uint64_t end_ms = rt_now_ms(rt) + DETAILS_MS, after = 0, rows_max = 0;
    etf_term back = etf_nil(), number;
    etf_pid at = { .id = 0 };
    bool more = false;

    if (!etf_list_next(&args, &number) || !etf_get_uint(number, &after) ||
        after > UINT32_MAX - 1 || !etf_list_next(&args, &number) ||
        !etf_get_uint(number, &rows_max) || rows_max > PAGE_MAX)
        return gen_rpc_badarg(result);
    at.id = (uint32_t)after;
    at.serial = 1; /* of any life: only the slot counts */
    while (rows_max > 0 && (more = rt_process_next(
                                rt, after == 0 ? (etf_pid){ 0 } : at, &at))) {
        struct rt_process_info info;
        etf_term map;

        after = at.id;
        memset(&info, 0, sizeof info);
        if (rt_process_glance(rt, at, &info) != AGNER_OK)
            continue; /* it ended meanwhile */
        map = brief_map(self, &info);
        if (answers(&info) && rt_now_ms(rt) < end_ms)
            map = with_details(self, map, at);
        back = etf_cons(rt_region(self), map, back);
        rows_max--;
    }
    return fun_value(result, etf_make(self, "{_, _}", more ? after : 0,
                                      in_order(rt_region(self), back)));
}

static const struct gen_rpc_function functions[] = {
    { "agner", "waits", 0, waits, NULL },
    { "agner", "processes", 2, processes, NULL },
};

const struct kernel__table kernel__fun_agner = KERNEL_TABLE(functions);
