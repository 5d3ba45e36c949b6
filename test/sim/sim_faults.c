/*
 * sim_faults.c -- partitions, resets, half-closes, clogs: what tests ask for,
 * and what is drawn.
 *
 * A partition is a list of rules, each "nothing gets from this place to that
 * one"; every connection knows whether one of them holds it up.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHO_MAX 264u

struct rule {
    struct rule *next;
    bool from_all, to_all;
    char from[WHO_MAX], to[WHO_MAX];
};

bool sim__is_known_as(const struct rt_loop *loop, const char *who)
{
    const struct place_name *name;

    if (loop->machine->crashed)
        return false;
    if (who == NULL || strcmp(loop->name, who) == 0 ||
        strcmp(loop->machine->name, who) == 0)
        return true;
    for (name = loop->names; name != NULL; name = name->next)
        if (strcmp(name->host, who) == 0 || strcmp(name->host_port, who) == 0)
            return true;
    return false;
}

bool sim__is_cut(const struct rt_loop *from, const struct rt_loop *to)
{
    const struct rule *rule;

    if (from == to)
        return false;
    for (rule = from->sim->rules; rule != NULL; rule = rule->next)
        if (sim__is_known_as(from, rule->from_all ? NULL : rule->from) &&
            sim__is_known_as(to, rule->to_all ? NULL : rule->to))
            return true;
    return false;
}

/* Where the other loop is gone, what it sent stays cut off until all is healed.
 */
void sim__update_cuts(struct sim *sim)
{
    struct rt_loop *loop;
    struct rt_conn *conn;

    for (loop = sim->loops; loop != NULL; loop = loop->next)
        for (conn = loop->conns; conn != NULL; conn = conn->next) {
            if (conn->kind != RT_ADDRESS_TCP)
                continue;
            if (conn->peer_loop != NULL)
                conn->in.cut_off = sim__is_cut(conn->peer_loop, loop);
            else if (sim->rules == NULL)
                conn->in.cut_off = false;
        }
}

void sim__forget_loop(struct rt_loop *gone)
{
    struct rt_loop *loop;
    struct rt_conn *conn;

    for (loop = gone->sim->loops; loop != NULL; loop = loop->next)
        for (conn = loop->conns; conn != NULL; conn = conn->next)
            if (conn->peer_loop == gone)
                conn->peer_loop = NULL;
}

/* ---- Partitions -------------------------------------------------------------
 */

static bool is_rule(const struct rule *rule, const char *from, const char *to)
{
    return rule->from_all == (from == NULL) && rule->to_all == (to == NULL) &&
           (from == NULL || strcmp(rule->from, from) == 0) &&
           (to == NULL || strcmp(rule->to, to) == 0);
}

enum agner_err sim_partition_from(struct sim *sim, const char *from,
                                  const char *to)
{
    struct rule *rule = calloc(1, sizeof *rule);

    if (rule == NULL)
        return AGNER_ENOMEM;
    rule->from_all = from == NULL;
    rule->to_all = to == NULL;
    (void)snprintf(rule->from, sizeof rule->from, "%s",
                   from == NULL ? "" : from);
    (void)snprintf(rule->to, sizeof rule->to, "%s", to == NULL ? "" : to);
    rule->next = sim->rules;
    sim->rules = rule;
    sim_trace(sim, "partition");
    sim__update_cuts(sim);
    return AGNER_OK;
}

enum agner_err sim_partition(struct sim *sim, const char *a, const char *b)
{
    enum agner_err err = sim_partition_from(sim, a, b);

    if (err != AGNER_OK)
        return err;
    err = sim_partition_from(sim, b, a);
    if (err != AGNER_OK) {
        struct rule *rule = sim->rules; /* the one of a moment ago */

        sim->rules = rule->next;
        free(rule);
        sim__update_cuts(sim);
    }
    return err;
}

void sim_heal(struct sim *sim, const char *a, const char *b)
{
    struct rule **link = &sim->rules;

    while (*link != NULL) {
        struct rule *rule = *link;

        if (is_rule(rule, a, b) || is_rule(rule, b, a)) {
            *link = rule->next;
            free(rule);
        } else {
            link = &rule->next;
        }
    }
    sim_trace(sim, "heal");
    sim__update_cuts(sim);
}

void sim_heal_all(struct sim *sim)
{
    while (sim->rules != NULL) {
        struct rule *rule = sim->rules;

        sim->rules = rule->next;
        free(rule);
    }
    sim_trace(sim, "heal all");
    sim__update_cuts(sim);
}

/* ---- Connections -------------------------------------------------------- */

static void part(struct rt_conn *conn)
{
    conn->peer->peer = NULL;
    conn->peer = NULL;
}

static void reset(struct rt_conn *conn)
{
    struct rt_conn *peer = conn->peer;

    conn->in.reset_ns = conn->sim->now_ns;
    peer->in.reset_ns = conn->sim->now_ns + sim__delay_ns(conn);
    part(conn);
}

/* This end hears of it, the other one of nothing any more. */
static void reset_half(struct rt_conn *conn)
{
    conn->in.reset_ns = conn->sim->now_ns;
    conn->peer->in.silent = true;
    part(conn);
}

/* The other end hears the end of what comes from here, behind what is on its
 * way; what it says still comes. */
static void half_close(struct rt_conn *conn)
{
    struct window *to = &conn->peer->in;
    uint64_t at_ns = conn->sim->now_ns + sim__delay_ns(conn);

    if (conn->shut || (conn->state != END_OPEN && conn->state != END_ANSWERED))
        return;
    conn->shut = true;
    to->end_ns = at_ns > to->last_ns ? at_ns : to->last_ns;
}

static void stop_up(struct rt_conn *conn, uint64_t until_ns)
{
    conn->in.clogged_ns = until_ns;
    conn->peer->in.clogged_ns = until_ns;
}

void sim__clog_machine(struct sim_machine *machine, uint64_t until_ns)
{
    struct rt_loop *loop;
    struct rt_conn *conn;

    for (loop = machine->sim->loops; loop != NULL; loop = loop->next)
        for (conn = loop->machine == machine ? loop->conns : NULL; conn != NULL;
             conn = conn->next)
            if (conn->peer != NULL && conn->kind == RT_ADDRESS_TCP)
                stop_up(conn, until_ns);
}

void sim__chunk_faults(struct rt_conn *from, struct rt_conn *to)
{
    struct sim *sim = from->sim;
    const struct sim_options *options = &sim->options;

    if (sim__fault(sim, options->clog_ppm))
        stop_up(from,
                sim->now_ns + 1000000 * (1 + sim_draw(sim, options->clog_ms)));
    if (sim__fault(sim, options->half_close_ppm))
        half_close(from);
    if (!sim__fault(sim, options->reset_ppm))
        return;
    if (sim__fault(sim, options->half_open_ppm))
        reset_half(sim_draw(sim, 2) == 0 ? from : to);
    else
        reset(from);
}

enum deed { RESET, RESET_HALF, HALF_CLOSE, CLOG };

static void do_to(struct rt_conn *conn, enum deed deed, uint64_t until_ns)
{
    switch (deed) {
    case RESET:
        reset(conn);
        break;
    case RESET_HALF:
        reset_half(conn);
        break;
    case HALF_CLOSE:
        half_close(conn);
        break;
    case CLOG:
        stop_up(conn, until_ns);
        break;
    }
}

/* Each connection is met at both of its ends: a deed at the one that is a's,
 * and if both are, at the older one. */
static size_t for_each_between(struct sim *sim, const char *a, const char *b,
                               enum deed deed, uint64_t until_ns)
{
    struct rt_loop *loop;
    struct rt_conn *conn;
    size_t count = 0;

    for (loop = sim->loops; loop != NULL; loop = loop->next)
        for (conn = loop->conns; conn != NULL; conn = conn->next) {
            const struct rt_conn *peer = conn->peer;

            if (peer == NULL || conn->kind != RT_ADDRESS_TCP ||
                !sim__is_known_as(loop, a) || !sim__is_known_as(peer->loop, b))
                continue;
            if (sim__is_known_as(peer->loop, a) && sim__is_known_as(loop, b) &&
                conn->hear.number > peer->hear.number)
                continue;
            do_to(conn, deed, until_ns);
            count++;
        }
    return count;
}

size_t sim_reset(struct sim *sim, const char *a, const char *b)
{
    sim_trace(sim, "reset");
    return for_each_between(sim, a, b, RESET, 0);
}

size_t sim_reset_half(struct sim *sim, const char *a, const char *b)
{
    sim_trace(sim, "reset half");
    return for_each_between(sim, a, b, RESET_HALF, 0);
}

size_t sim_half_close(struct sim *sim, const char *a, const char *b)
{
    sim_trace(sim, "half close");
    return for_each_between(sim, a, b, HALF_CLOSE, 0);
}

size_t sim_clog(struct sim *sim, const char *a, const char *b, uint64_t ms)
{
    sim_trace(sim, "clog");
    return for_each_between(sim, a, b, CLOG, loop_timer_after(sim->now_ns, ms));
}
