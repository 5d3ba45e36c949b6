/*
 * rpc_tree.c -- agner.tree: which trees there are, and their rows as an answer.
 */
#include "rpc_look.h"

#include <string.h>

#include "sup_ask.h"

#define TOTAL_MS 3000 /* for all questions */
#define STATE_MS 500

struct asking {
    struct rpc_call *c;
    struct tree tree;
    uint64_t end_ms; /* of TOTAL_MS */
};

static enum agner_err ask_below(struct asking *a, uint32_t first)
{
    return tree_ask(a->c->self, &a->tree, first, a->end_ms);
}

/* ---- Where it begins -------------------------------------------------- */

/* A row for an application, and one for the top of its tree: `info` is what
 * gen_applications_info() tells of it. */
static enum agner_err add_application(struct asking *a, etf_term info)
{
    struct tree_row row = { .id = etf_map_get(info, etf_atom("name")),
                            .pid = etf_map_get(info, etf_atom("state")),
                            .type = TREE_APPLICATION };
    uint32_t index;
    etf_pid pid;
    enum agner_err err;

    if (etf_atom_is(row.pid, "loaded"))
        return AGNER_OK;
    err = tree_add(&a->tree, TREE_NONE, &row, &index);
    row.pid = etf_map_get(info, etf_atom("top"));
    if (err != AGNER_OK || !etf_get_pid(row.pid, &pid))
        return err;             /* it has no processes */
    row.type = TREE_SUPERVISOR; /* as OTP wants it; tree_ask() will see */
    row.id = etf_map_get(info, etf_atom("supervisor"));
    return tree_add(&a->tree, index, &row, &index);
}

/* In order of their start. `only` is an application's name, or ETF_NONE. */
static enum agner_err add_applications(struct asking *a, etf_term only)
{
    struct etf_region *r = rt_region(a->c->self);
    etf_term list, one, infos = etf_nil();
    enum agner_err err = gen_applications_info(a->c->self, &list);

    if (err == AGNER_ENONAME) /* a node without applications */
        return AGNER_OK;
    if (err != AGNER_OK)
        return err;
    while (etf_list_next(&list, &one)) { /* the last one started first */
        if (etf_is_none(only) ||
            etf_equal(etf_map_get(one, etf_atom("name")), only))
            infos = etf_cons(r, one, infos);
    }
    while (err == AGNER_OK && etf_list_next(&infos, &one))
        err = add_application(a, one);
    return err;
}

/* Whether a process is a supervisor, as its state tells, which any server shows
 * to sys:get_state. Others are not asked. */
static bool is_supervisor(struct gen *self, etf_term pid, const char *behavior)
{
    etf_term state;

    return behavior != NULL && strcmp(behavior, "gen_server") == 0 &&
           gen_sys_get_state(self, pid, STATE_MS, &state) == AGNER_OK &&
           !etf_is_none(etf_map_get(state, etf_atom("strategy")));
}

/* A process that is in no application's tree. */
static enum agner_err add_process(struct asking *a, etf_pid pid)
{
    struct gen *self = a->c->self;
    struct rt_process_info info = { .behavior = NULL };
    struct tree_row row = { .id = ETF_A(undefined),
                            .pid = etf_from_pid(rt_region(self), pid),
                            .type = TREE_WORKER };
    enum agner_err err = rt_process_info(self, pid, &info);
    uint32_t index;

    if (err == AGNER_ETIMEOUT)
        row.stuck = true;
    else if (err != AGNER_OK)
        return err;
    else if (is_supervisor(self, row.pid, info.behavior))
        row.type = TREE_SUPERVISOR;
    return tree_add(&a->tree, TREE_NONE, &row, &index);
}

static uint32_t find_pid(const struct tree *t, etf_pid pid)
{
    for (uint32_t i = 0; i < t->count; i++) {
        etf_pid other;

        if (etf_get_pid(t->rows[i].pid, &other) && etf_pid_equal(pid, other))
            return i;
    }
    return TREE_NONE;
}

static enum agner_err ask_everything(struct asking *a)
{
    enum agner_err err = add_applications(a, ETF_NONE);

    return err == AGNER_OK ? ask_below(a, 0) : err;
}

/* A process: *from is its row. */
static enum agner_err ask_process(struct asking *a, uint32_t *from)
{
    etf_pid pid;
    enum agner_err err = rpc__which(a->c, "root", &pid);

    if (err == AGNER_OK)
        err = ask_everything(a);
    if (err != AGNER_OK)
        return err;
    *from = find_pid(&a->tree, pid);
    if (*from != TREE_NONE)
        return AGNER_OK;
    *from = a->tree.count;
    err = add_process(a, pid);
    return err == AGNER_OK ? ask_below(a, *from) : err;
}

/* What is below `root`, an application's name or a process. */
static enum agner_err ask_root(struct asking *a, etf_term root, uint32_t *from)
{
    etf_term name = rpc__name(root);
    enum agner_err err = AGNER_OK;

    if (!etf_is_none(name))
        err = add_applications(a, name);
    if (err != AGNER_OK)
        return err;
    return a->tree.count > 0 ? ask_below(a, 0) : ask_process(a, from);
}

/* ---- The answer ------------------------------------------------------- */

static const char *const types[] = {
    [TREE_APPLICATION] = "application",
    [TREE_SUPERVISOR] = "supervisor",
    [TREE_WORKER] = "worker",
};

/* What is known of a process without asking it. */
struct seen {
    etf_term name, status, mailbox;
};

static struct seen look_at(struct gen *self, const struct tree_row *row)
{
    struct rt_process_info info = { .name = ETF_NONE };
    struct seen seen = { ETF_A(nil), ETF_A(nil), ETF_A(nil) };
    etf_pid pid;

    if (!etf_get_pid(row->pid, &pid)) {
        if (etf_atom_is(row->pid, "undefined"))
            seen.status = etf_atom("stopped");
        else
            seen.status = row->pid; /* restarting; or an application's state */
        return seen;
    }
    if (!etf_pid_is_local(pid))
        seen.status = etf_atom("remote");
    else if (rt_process_glance(rt_of(self), pid, &info) != AGNER_OK)
        seen.status = etf_atom("gone");
    else
        seen = (struct seen){
            etf_is_none(info.name) ? ETF_A(nil) : info.name,
            etf_atom(rpc__status_name(info.status)),
            etf_uint(rt_region(self), info.mailbox_count),
        };
    if (row->stuck)
        seen.status = etf_atom("stuck");
    return seen;
}

static etf_term row_map(struct gen *self, const struct tree_row *row,
                        unsigned depth)
{
    struct seen seen = look_at(self, row);
    etf_term nil = ETF_A(nil);
    etf_pid pid;

    return etf_make(self,
                    "#{depth => _, id => _, pid => _, name => _, type => _, "
                    "status => _, mailbox => _, folded => _, restarts => _}",
                    depth, etf_same(row->id, ETF_A(undefined)) ? nil : row->id,
                    etf_get_pid(row->pid, &pid) ? row->pid : nil, seen.name,
                    etf_atom(types[row->type]), seen.status, seen.mailbox,
                    row->folded,
                    etf_is_none(row->restarts) ? nil : row->restarts);
}

/* The rows from `from` on, to where its subtree ends; of all roots if it is the
 * first. */
static etf_term rows_from(struct asking *a, uint32_t from, bool all)
{
    struct etf_region *r = rt_region(a->c->self);
    const struct tree *t = &a->tree;
    etf_term back = etf_nil(), list = etf_nil(), row;

    if (from >= t->count)
        return list;
    for (uint32_t i = from; i != TREE_NONE; i = tree_next(t, i)) {
        if (!all && i != from && t->rows[i].depth <= t->rows[from].depth)
            break;
        back = etf_cons(r,
                        row_map(a->c->self, &t->rows[i],
                                t->rows[i].depth - t->rows[from].depth),
                        back);
    }
    while (etf_list_next(&back, &row))
        list = etf_cons(r, row, list);
    return list;
}

enum agner_err rpc__tree(struct rpc_call *c)
{
    struct asking a = { .c = c,
                        .end_ms = rt_now_ms(rt_of(c->self)) + TOTAL_MS };
    etf_term root = rpc__param(c, "root");
    bool all = etf_is_none(root);
    uint32_t from = 0;
    enum agner_err err = all ? ask_everything(&a) : ask_root(&a, root, &from);

    if (err == AGNER_OK)
        c->result = rows_from(&a, from, all);
    else if (c->failure.text[0] == '\0')
        rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    tree_fini(&a.tree);
    return err;
}
