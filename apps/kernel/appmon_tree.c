/*
 * appmon_tree.c -- an application as observer draws it: its processes, the
 * links that make the tree, and the links that do not.
 *
 * The tree goes from the master along links to those whose parent is at the
 * near end, so that each process is found once. Other links between processes
 * of the application are drawn besides, once, and so are those to other nodes.
 * Breadth first. A process that computes holds this up until it answers, for at
 * most five seconds; it then has no children. Source: OTP 25, appmon_info.
 */
#include <stdio.h>
#include <stdlib.h>

#include "functions.h"

#define PROCESSES_MAX 20000u /* further ones are left out */
#define FOREIGN_MAX   100u   /* the same, of those on other nodes */

struct tree {
    struct gen *self;
    etf_term application;
    etf_pid *pids; /* owned; found so far, in order: also the queue */
    size_t count, capacity;
    etf_term foreign;                  /* list of pids */
    etf_term processes, links, others; /* as they are delivered */
};

/* A name, or the pid as text, with its node if that is another one. */
static etf_term text_of(struct tree *t, etf_pid pid)
{
    struct etf_region *r = rt_region(t->self);
    struct rt_process_info info;
    char text[600], pid_text[250], node[300];

    if (etf_pid_is_local(pid) &&
        rt_process_glance(rt_of(t->self), pid, &info) == AGNER_OK &&
        !etf_is_none(info.name) && etf_get_text(info.name, text, sizeof text))
        return etf_string(r, text);
    (void)etf_format(pid_text, sizeof pid_text, etf_from_pid(r, pid));
    if (etf_pid_is_local(pid) || !etf_get_text(pid.node, node, sizeof node))
        return etf_string(r, pid_text);
    (void)snprintf(text, sizeof text, "%s %s", pid_text, node);
    return etf_string(r, text);
}

/* false: there is no room for it. */
static bool add(struct tree *t, etf_pid pid)
{
    etf_pid *pids;
    size_t capacity;

    if (t->count == t->capacity) {
        capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        pids = t->count >= PROCESSES_MAX
                   ? NULL
                   : reallocarray(t->pids, capacity, sizeof *pids);
        if (pids == NULL)
            return false;
        t->pids = pids;
        t->capacity = capacity;
    }
    t->pids[t->count++] = pid;
    return true;
}

static void add_process(struct tree *t, etf_pid pid)
{
    t->processes =
        etf_make(t->self, "[{_, _} | _]", pid, text_of(t, pid), t->processes);
}

static void add_link(struct tree *t, etf_term *links, etf_pid from, etf_pid to)
{
    *links = etf_make(t->self, "[{_, _} | _]", text_of(t, from), text_of(t, to),
                      *links);
}

static void add_foreign(struct tree *t, etf_pid from, etf_pid to)
{
    etf_term list = t->foreign, one, pid = etf_from_pid(rt_region(t->self), to);
    size_t count = 0;

    add_link(t, &t->others, from, to);
    for (; etf_list_next(&list, &one); count++)
        if (etf_equal(one, pid))
            return;
    if (count == FOREIGN_MAX)
        return;
    t->foreign = etf_cons(rt_region(t->self), pid, t->foreign);
    add_process(t, to);
}

/* A link of `near`, seen from there. */
static void follow(struct tree *t, const struct rt_process_info *near,
                   etf_pid far)
{
    struct rt_process_info info;

    if (!etf_pid_is_local(far)) {
        add_foreign(t, near->pid, far);
        return;
    }
    if (rt_process_glance(rt_of(t->self), far, &info) != AGNER_OK ||
        !etf_same(info.application, t->application))
        return;
    if (etf_pid_equal(info.parent, near->pid)) {
        if (add(t, far))
            add_link(t, &t->links, near->pid, far);
    } else if (!etf_pid_equal(near->parent, far) && near->pid.id < far.id) {
        add_link(t, &t->others, near->pid, far);
    }
}

static void visit(struct tree *t, etf_pid pid)
{
    struct rt_process_info info;
    etf_term link;
    etf_pid far;

    add_process(t, pid);
    if (rt_process_info(t->self, pid, &info) != AGNER_OK)
        return;
    while (etf_list_next(&info.links, &link))
        if (etf_get_pid(link, &far))
            follow(t, &info, far);
}

static bool get_master(struct gen *self, etf_term application, etf_pid *pid)
{
    etf_term list = ETF_NONE, map, name;

    if (gen_applications_info(self, &list) != AGNER_OK)
        return false;
    while (etf_list_next(&list, &map))
        if (etf_match(map, "#{name => _, pid => _}", &name, pid) &&
            etf_equal(name, application))
            return true;
    return false;
}

etf_term kernel__appmon_tree(struct gen *self, etf_term application)
{
    struct tree t = { .self = self,
                      .application = application,
                      .foreign = etf_nil(),
                      .processes = etf_nil(),
                      .links = etf_nil(),
                      .others = etf_nil() };
    etf_term root = etf_nil();
    etf_pid master;

    if (get_master(self, application, &master) && add(&t, master)) {
        root = text_of(&t, master);
        for (size_t i = 0; i < t.count && rt_check(self) == AGNER_OK; i++)
            visit(&t, t.pids[i]);
    }
    free(t.pids);
    return etf_make(self, "{_, _, _, _}", root, t.processes, t.links, t.others);
}
