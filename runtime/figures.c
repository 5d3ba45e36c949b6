/*
 * figures.c -- the list of those who show figures: rt_figures.h.
 *
 * One list for a runtime, under a lock that a reader holds while he makes the
 * terms: so nobody is read who has been taken off.
 */
#include <string.h>

#include "worker.h"

void rt_figures_add(struct rt *rt, struct rt_figures *figures)
{
    rt__lock(&rt->figures.lock);
    figures->next = NULL;
    figures->prev = rt->figures.last;
    if (rt->figures.last == NULL)
        rt->figures.first = figures;
    else
        rt->figures.last->next = figures;
    rt->figures.last = figures;
    rt__unlock(&rt->figures.lock);
}

void rt_figures_remove(struct rt *rt, struct rt_figures *figures)
{
    rt__lock(&rt->figures.lock);
    if (figures->prev != NULL || rt->figures.first == figures) {
        if (figures->prev == NULL)
            rt->figures.first = figures->next;
        else
            figures->prev->next = figures->next;
        if (figures->next == NULL)
            rt->figures.last = figures->prev;
        else
            figures->next->prev = figures->prev;
        figures->next = figures->prev = NULL;
    }
    rt__unlock(&rt->figures.lock);
}

static etf_term row(const struct rt_figures *figures, struct etf_region *r)
{
    static const etf_pid nobody;
    etf_term who = ETF_A(undefined), term = figures->show(figures, r);

    if (memcmp(&figures->pid, &nobody, sizeof nobody) != 0)
        who = etf_make(r, "_", figures->pid);
    if (etf_is_none(who) || etf_is_none(term))
        return ETF_NONE;
    return etf_make(r, "{_, _}", who, term);
}

/* Newest first, so that the list, which is made from its end, is in order. */
etf_term rt_figures_list(struct rt *rt, struct etf_region *r, const char *kind)
{
    etf_term list = etf_nil();
    const struct rt_figures *figures;

    rt__lock(&rt->figures.lock);
    for (figures = rt->figures.last; figures != NULL && !etf_is_none(list);
         figures = figures->prev) {
        etf_term one;

        if (strcmp(figures->kind, kind) != 0)
            continue;
        one = row(figures, r);
        list = etf_is_none(one) ? ETF_NONE : etf_cons(r, one, list);
    }
    rt__unlock(&rt->figures.lock);
    return list;
}
