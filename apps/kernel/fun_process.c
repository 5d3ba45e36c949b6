/*
 * fun_process.c -- erlang:process_info: what a process is doing, as Erlang
 * tells it.
 *
 * Items that are about BEAM's heap and code have the value that says that there
 * is no such thing here: 0, [], false. Sizes in words are the process's memory.
 * Of the messages that wait the first ones are shown.
 *
 * Source: OTP 25, erlang(3), process_info/2.
 */
#include "functions.h"

#include <string.h>

#define WORD         8u /* bytes */
#define MESSAGES_MAX 10000u

struct view {
    struct gen *self;
    struct rt_process_info info;
};

/* A value as text, or what makes one. Order: of process_info/1, whose items
 * are marked. */
struct item {
    const char *name;
    bool in_all;
    const char *constant;
    etf_term (*get)(const struct view *view);
};

static etf_term name(const struct view *v)
{
    return etf_is_none(v->info.name) ? etf_nil() : v->info.name;
}

/* Behaviours are the modules here, and a label is the better name of one. */
static etf_term call(const struct view *v, const char *function)
{
    const char *module = v->info.label;

    if (module == NULL || module[0] == '\0')
        module = v->info.behavior[0] == '\0' ? "rt" : v->info.behavior;
    return etf_make(v->self, "{_, _, 1}", etf_atom(module), etf_atom(function));
}

static etf_term initial_call(const struct view *v)
{
    return call(v, v->info.behavior[0] == '\0' ? "run" : "init");
}

static etf_term current_function(const struct view *v)
{
    switch (v->info.status) {
    case RT_STATUS_INIT:
        return initial_call(v);
    case RT_STATUS_EXITING:
        return call(v, "terminate");
    case RT_STATUS_WAITING:
    case RT_STATUS_RUNNABLE:
    case RT_STATUS_RUNNING:
    case RT_STATUS_CALLING:
    case RT_STATUS_SUSPENDED:
        break;
    }
    return call(v, v->info.behavior[0] == '\0' ? "run" : "loop");
}

static etf_term current_location(const struct view *v)
{
    const etf_term *mfa = etf_tuple_items(current_function(v));

    return mfa == NULL
               ? ETF_NONE
               : etf_make(v->self, "{_, _, _, []}", mfa[0], mfa[1], mfa[2]);
}

static etf_term current_stacktrace(const struct view *v)
{
    return etf_make(v->self, "[_]", current_location(v));
}

static etf_term status(const struct view *v)
{
    switch (v->info.status) {
    case RT_STATUS_WAITING:
    case RT_STATUS_CALLING:
        return ETF_A(waiting);
    case RT_STATUS_RUNNABLE:
        return etf_atom("runnable");
    case RT_STATUS_INIT:
    case RT_STATUS_RUNNING:
        return ETF_A(running);
    case RT_STATUS_SUSPENDED:
        return ETF_A(suspended);
    case RT_STATUS_EXITING:
        return etf_atom("exiting");
    }
    return ETF_NONE;
}

static etf_term message_queue_len(const struct view *v)
{
    return etf_uint(rt_region(v->self), v->info.mailbox_count);
}

static etf_term messages(const struct view *v)
{
    etf_term list = etf_nil();

    (void)rt_process_messages(v->self, v->info.pid, MESSAGES_MAX, &list);
    return list; /* none of one that has ended, or computes */
}

static etf_term links(const struct view *v)
{
    return v->info.links;
}

static etf_term monitored_by(const struct view *v)
{
    return v->info.monitored_by;
}

static etf_term monitors(const struct view *v)
{
    etf_term from = v->info.monitors, one, list = etf_nil(), back = etf_nil();

    while (etf_list_next(&from, &one))
        back = etf_cons(rt_region(v->self),
                        etf_make(v->self, "{process, _}", one), back);
    while (etf_list_next(&back, &one))
        list = etf_cons(rt_region(v->self), one, list);
    return list;
}

static etf_term parent(const struct view *v)
{
    if (etf_pid_is_none(v->info.parent))
        return ETF_A(undefined);
    return etf_from_pid(rt_region(v->self), v->info.parent);
}

/* What proc_lib would leave there. */
static etf_term dictionary(const struct view *v)
{
    etf_term ancestors = etf_nil();

    if (!etf_pid_is_none(v->info.parent))
        ancestors = etf_make(v->self, "[_]", parent(v));
    return etf_make(v->self, "[{'$initial_call', _}, {'$ancestors', _}]",
                    initial_call(v), ancestors);
}

static etf_term trap_exit(const struct view *v)
{
    return etf_bool(v->info.trap_exit);
}

static etf_term priority(const struct view *v)
{
    switch (v->info.priority) {
    case RT_PRIORITY_NORMAL:
        return ETF_A(normal);
    case RT_PRIORITY_HIGH:
        return ETF_A(high);
    case RT_PRIORITY_LOW:
        return ETF_A(low);
    }
    return ETF_NONE;
}

static etf_term group_leader(const struct view *v)
{
    return etf_from_pid(rt_region(v->self), v->info.group_leader);
}

static etf_term words(const struct view *v)
{
    return etf_uint(rt_region(v->self), v->info.memory_bytes / WORD);
}

static etf_term memory(const struct view *v)
{
    return etf_uint(rt_region(v->self), v->info.memory_bytes);
}

static etf_term reductions(const struct view *v)
{
    return etf_uint(rt_region(v->self), v->info.reductions);
}

static const struct item items[] = {
    { "registered_name", true, NULL, name },
    { "current_function", true, NULL, current_function },
    { "initial_call", true, NULL, initial_call },
    { "status", true, NULL, status },
    { "message_queue_len", true, NULL, message_queue_len },
    { "links", true, NULL, links },
    { "dictionary", true, NULL, dictionary },
    { "trap_exit", true, NULL, trap_exit },
    { "error_handler", true, "undefined", NULL },
    { "priority", true, NULL, priority },
    { "group_leader", true, NULL, group_leader },
    { "total_heap_size", true, NULL, words },
    { "heap_size", true, NULL, words },
    { "stack_size", true, "0", NULL },
    { "reductions", true, NULL, reductions },
    { "garbage_collection", true,
      "[{max_heap_size, #{size => 0, kill => false, error_logger => false}}, "
      "{min_bin_vheap_size, 0}, {min_heap_size, 0}, {fullsweep_after, 0}, "
      "{minor_gcs, 0}]",
      NULL },
    { "suspending", true, "[]", NULL },
    { "messages", false, NULL, messages },
    { "monitors", false, NULL, monitors },
    { "monitored_by", false, NULL, monitored_by },
    { "parent", false, NULL, parent },
    { "memory", false, NULL, memory },
    { "current_location", false, NULL, current_location },
    { "current_stacktrace", false, NULL, current_stacktrace },
    { "backtrace", false, "<<>>", NULL },
    { "binary", false, "[]", NULL },
    { "catchlevel", false, "0", NULL },
    { "trace", false, "0", NULL },
    { "last_calls", false, "false", NULL },
    { "sequential_trace_token", false, "[]", NULL },
    { "message_queue_data", false, "off_heap", NULL },
    { "min_heap_size", false, "0", NULL },
    { "min_bin_vheap_size", false, "0", NULL },
    { "fullsweep_after", false, "0", NULL },
    { "max_heap_size", false,
      "#{size => 0, kill => false, error_logger => false}", NULL },
    { "garbage_collection_info", false, "[]", NULL },
};

#define ITEM_COUNT (sizeof items / sizeof *items)

static const struct item *find(etf_term name)
{
    for (size_t i = 0; i < ITEM_COUNT; i++)
        if (etf_atom_is(name, items[i].name))
            return &items[i];
    return NULL;
}

/* {Name, Value}; ETF_NONE without memory. */
static etf_term pair(const struct view *v, const struct item *item)
{
    etf_term value;

    if (item->get != NULL)
        value = item->get(v);
    else if (etf_parse(rt_region(v->self), item->constant,
                       strlen(item->constant), &value, NULL, NULL) != AGNER_OK)
        value = ETF_NONE;
    return etf_make(v->self, "{_, _}", etf_atom(item->name), value);
}

/* In the order of `names`; false: one of them is no item. */
static bool listed(const struct view *v, etf_term names, etf_term *list)
{
    const struct item *item;
    etf_term back = etf_nil(), one;

    while (etf_list_next(&names, &one)) {
        item = find(one);
        if (item == NULL)
            return false;
        back = etf_cons(rt_region(v->self), pair(v, item), back);
    }
    *list = etf_nil();
    while (etf_list_next(&back, &one))
        *list = etf_cons(rt_region(v->self), one, *list);
    return etf_kind(names) == ETF_KIND_NIL;
}

static etf_term all(const struct view *v)
{
    etf_term list = etf_nil();

    for (size_t i = ITEM_COUNT; i-- > 0;)
        if (items[i].in_all &&
            (items[i].get != name || !etf_is_none(v->info.name)))
            list = etf_cons(rt_region(v->self), pair(v, &items[i]), list);
    return list;
}

/* AGNER_OK; or its end, and what the function then is. */
static bool look(struct gen *self, etf_pid pid, struct view *v,
                 enum gen_rpc_class *class, etf_term *result)
{
    enum agner_err err;

    v->self = self;
    *class = GEN_RPC_VALUE;
    *result = ETF_A(undefined);
    err = rt_process_info(self, pid, &v->info);
    if (err == AGNER_OK || err == AGNER_ENOPROC)
        return err == AGNER_OK;
    *class = GEN_RPC_ERROR; /* it computes, and does not answer */
    *result = err == AGNER_ETIMEOUT ? ETF_A(timeout) : ETF_NONE;
    return false;
}

static enum gen_rpc_class process_info_1(struct gen *self, etf_term args,
                                         etf_term *result)
{
    enum gen_rpc_class class;
    struct view v;
    etf_pid pid;

    if (!etf_match(args, "[_]", &pid) || !etf_pid_is_local(pid))
        return gen_rpc_badarg(result);
    if (!look(self, pid, &v, &class, result))
        return class;
    return fun_value(result, all(&v));
}

static enum gen_rpc_class process_info_2(struct gen *self, etf_term args,
                                         etf_term *result)
{
    enum gen_rpc_class class;
    etf_term what, list;
    struct view v;
    etf_pid pid;

    if (!etf_match(args, "[_, _]", &pid, &what) || !etf_pid_is_local(pid) ||
        (etf_is_atom(what) ? find(what) == NULL : etf_list_size(what) < 0))
        return gen_rpc_badarg(result);
    if (!look(self, pid, &v, &class, result))
        return class;
    if (!etf_is_atom(what))
        return listed(&v, what, &list) ? fun_value(result, list)
                                       : gen_rpc_badarg(result);
    if (etf_atom_is(what, "registered_name") && etf_is_none(v.info.name))
        return fun_value(result, etf_nil());
    return fun_value(result, pair(&v, find(what)));
}

static const struct gen_rpc_function rows[] = {
    { "erlang", "process_info", 1, process_info_1, NULL },
    { "erlang", "process_info", 2, process_info_2, NULL },
};

const struct kernel__table kernel__fun_process = KERNEL_TABLE(rows);
