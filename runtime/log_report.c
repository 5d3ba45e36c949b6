/*
 * log_report.c -- a report in words, on one line.
 *
 * The reports that OTP's behaviours make have rows in a table, by their label;
 * any other map is its label, and then its keys and values. Source: OTP 25, the
 * modules supervisor, proc_lib, gen_server and application_controller.
 */
#include "log_internal.h"

#include <string.h>

#define VALUE_MAX   400u /* bytes of text of one value */
#define VALUE_DEPTH 12u

/* Text that is being put together; the first error stays. */
struct words {
    struct etf_buffer *b;
    enum agner_err err;
};

static void say(struct words *w, const char *text)
{
    if (w->err == AGNER_OK)
        w->err = etf_buffer_add(w->b, text, strlen(text));
}

static void say_term(struct words *w, etf_term t)
{
    struct etf_print_options options = { .style = ETF_STYLE_TP,
                                         .bytes_max = VALUE_MAX,
                                         .depth_max = VALUE_DEPTH };

    if (etf_is_none(t))
        say(w, "?");
    else if (w->err == AGNER_OK)
        w->err = etf_print(w->b, t, &options);
}

/* The value of `key` in a map or a list of pairs; ETF_NONE when absent. */
static etf_term get(etf_term from, const char *key)
{
    etf_term name = etf_atom(key), pair;

    if (etf_kind(from) == ETF_KIND_MAP)
        return etf_map_get(from, name);
    while (etf_list_next(&from, &pair))
        if (etf_is_tagged(pair, name, 2))
            return etf_tuple_items(pair)[1];
    return ETF_NONE;
}

/* " WORD VALUE", if there is a value. */
static void say_pair(struct words *w, const char *word, etf_term value)
{
    if (etf_is_none(value))
        return;
    say(w, " ");
    say(w, word);
    say(w, " ");
    say_term(w, value);
}

/* {local, shop} is shop; {<0.5.0>, shop_sup} is of one without a name. */
static void say_name(struct words *w, etf_term name)
{
    const etf_term *items = etf_tuple_items(name);
    etf_pid pid;

    if (etf_is_tagged(name, etf_atom("local"), 2)) {
        say_term(w, items[1]);
    } else if (etf_tuple_size(name) == 2 && etf_get_pid(items[0], &pid)) {
        say_term(w, items[1]);
        say(w, " ");
        say_term(w, items[0]);
    } else {
        say_term(w, name);
    }
}

/* ---- Supervisors -------------------------------------------------------- */

/* The child's name and, behind `reason` if there is one, its pid. */
static void say_child(struct words *w, etf_term child, etf_term reason)
{
    etf_term id = get(child, "id");
    etf_pid pid;

    say(w, " ");
    say_term(w, etf_is_none(id) ? get(child, "name") : id);
    say_pair(w, "reason", reason);
    id = get(child, "pid");
    if (etf_get_pid(id, &pid)) {
        say(w, " ");
        say_term(w, id);
    }
}

static void supervisor_error(struct words *w, etf_term map, etf_term report)
{
    (void)map;
    say(w, "supervisor ");
    say_name(w, get(report, "supervisor"));
    say(w, ": ");
    say_term(w, get(report, "errorContext"));
    say_child(w, get(report, "offender"), get(report, "reason"));
}

static void supervisor_progress(struct words *w, etf_term map, etf_term report)
{
    (void)map;
    say(w, "supervisor ");
    say_name(w, get(report, "supervisor"));
    say(w, ": started");
    say_child(w, get(report, "started"), ETF_NONE);
}

/* ---- Processes ---------------------------------------------------------- */

/* report => [About, Linked]; error_info => {Class, Reason, Where}. */
static void crash(struct words *w, etf_term map, etf_term report)
{
    etf_term about = ETF_NONE, name, info;

    (void)map;
    (void)etf_list_next(&report, &about); /* or there is nothing to say */
    name = get(about, "registered_name");
    info = get(about, "error_info");
    say(w, "crash");
    if (!etf_is_none(name) && etf_kind(name) != ETF_KIND_NIL)
        say_pair(w, "of", name);
    else
        say_pair(w, "in", get(about, "initial_call"));
    say(w, " ");
    say_term(w, get(about, "pid"));
    say(w, ": ");
    if (etf_tuple_size(info) == 3) {
        say_term(w, etf_tuple_items(info)[0]);
        say(w, " ");
        info = etf_tuple_items(info)[1];
    }
    say_term(w, info);
    say_pair(w, "ancestors", get(about, "ancestors"));
    say_pair(w, "messages", get(about, "message_queue_len"));
}

/* #{label => {gen_server, terminate}, name, reason, last_message, state}: also
 * of gen_statem and gen_event, with their names for these. */
static void terminate(struct words *w, etf_term map, etf_term report)
{
    etf_term label = get(map, "label");
    etf_term last = get(report, "last_message");

    say_term(w, etf_tuple_items(label)[0]);
    say(w, " ");
    say_name(w, get(report, "name"));
    say_pair(w, "handler", get(report, "handler"));
    say(w, " terminated:");
    say_pair(w, "reason", get(report, "reason"));
    say_pair(w, "last message",
             etf_is_none(last) ? get(report, "queue") : last);
    say_pair(w, "state", get(report, "state"));
}

/* ---- Applications ------------------------------------------------------- */

static void application_progress(struct words *w, etf_term map, etf_term report)
{
    (void)map;
    say(w, "application ");
    say_term(w, get(report, "application"));
    say(w, ": started");
    say_pair(w, "at", get(report, "started_at"));
}

static void application_exit(struct words *w, etf_term map, etf_term report)
{
    (void)map;
    say(w, "application ");
    say_term(w, get(report, "application"));
    say(w, ": exited");
    say_pair(w, "reason", get(report, "exited"));
    say_pair(w, "type", get(report, "type"));
}

/* ---- Any report --------------------------------------------------------- */

static void say_pairs(struct words *w, etf_term pairs, const char *between)
{
    etf_term pair;

    while (etf_list_next(&pairs, &pair)) {
        say(w, between);
        if (etf_tuple_size(pair) == 2) {
            say_term(w, etf_tuple_items(pair)[0]);
            say(w, " ");
            pair = etf_tuple_items(pair)[1];
        }
        say_term(w, pair);
        between = ", ";
    }
}

static void any_map(struct words *w, etf_term map)
{
    etf_term label = get(map, "label"), key, value;
    const char *between = "";

    if (!etf_is_none(label)) {
        say_term(w, label);
        between = ": ";
    }
    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        if (etf_same(key, etf_atom("label")))
            continue;
        if (etf_same(key, etf_atom("report")) && etf_list_size(value) >= 0) {
            say_pairs(w, value, between);
        } else {
            say(w, between);
            say_term(w, key);
            say(w, " ");
            say_term(w, value);
        }
        between = ", ";
    }
}

/* By label: {First, Second}, or {_, Second}. */
static const struct row {
    const char *first, *second;
    void (*say)(struct words *w, etf_term map, etf_term report);
} rows[] = {
    { "supervisor", "progress", supervisor_progress },
    { "supervisor", NULL, supervisor_error },
    { "proc_lib", "crash", crash },
    { "application_controller", "progress", application_progress },
    { "application_controller", "exit", application_exit },
    { NULL, "terminate", terminate },
};

static bool is_named(const char *name, etf_term atom)
{
    return name == NULL || etf_same(atom, etf_atom(name));
}

static const struct row *find(etf_term label)
{
    const etf_term *names = etf_tuple_items(label);

    if (etf_tuple_size(label) != 2)
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_named(rows[i].first, names[0]) &&
            is_named(rows[i].second, names[1]))
            return &rows[i];
    return NULL;
}

enum agner_err rt__log_report(struct etf_buffer *b, etf_term report)
{
    struct words w = { .b = b };
    size_t had = b->size;

    if (etf_kind(report) == ETF_KIND_MAP) {
        const struct row *row = find(get(report, "label"));
        etf_term inner = get(report, "report");

        if (row != NULL)
            row->say(&w, report, etf_is_none(inner) ? report : inner);
        else
            any_map(&w, report);
    } else if (etf_list_size(report) > 0) {
        say_pairs(&w, report, "");
    } else {
        say_term(&w, report);
    }
    if (w.err != AGNER_OK)
        b->size = had;
    return w.err;
}
