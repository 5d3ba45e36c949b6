/*
 * rpc_figures.c -- agner.figures: stages, sagas, services and others that show
 * their figures (rt_figures.h), also when they are stuck.
 */
#include "rpc_figures.h"

#include <string.h>

#include "rpc_look.h"

#define KIND_MAX 32
#define ROWS_MAX 10000

/* The map without what can be long: `list` is for who asks for one only. */
static etf_term brief(struct gen *self, etf_term map)
{
    etf_term key, value, out = etf_map(rt_region(self), NULL, 0);

    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        if (!etf_atom_is(key, "list"))
            out = etf_map_put(rt_region(self), out, key, value);
    }
    return out;
}

static etf_term first_name(struct gen *self, etf_term who)
{
    etf_term names = etf_nil(), name;
    etf_pid pid;

    if (etf_get_pid(who, &pid))
        names = rt_names_of(rt_of(self), rt_region(self), pid);
    return !etf_is_none(names) && etf_list_next(&names, &name) ? name
                                                               : ETF_A(nil);
}

/* One row: its map with `pid` and `registered`. */
static etf_term row_of(struct gen *self, etf_term who, etf_term map, bool all)
{
    struct etf_region *r = rt_region(self);

    if (etf_kind(map) != ETF_KIND_MAP)
        map = etf_make(self, "#{figures => _}", map);
    if (!all)
        map = brief(self, map);
    map = etf_map_put(r, map, etf_atom("pid"),
                      etf_same(who, ETF_A(undefined)) ? ETF_A(nil) : who);
    return etf_map_put(r, map, etf_atom("registered"), first_name(self, who));
}

/* Which rows are wanted: those of a process, or those that go by a name, as a
 * service of a map does by its id. */
struct wanted {
    bool all;
    etf_pid pid;   /* all zero: none */
    etf_term name; /* as it was asked for */
};

static bool is_of(const struct wanted *w, etf_term who)
{
    etf_pid pid;

    return etf_get_pid(who, &pid) && etf_pid_is_local(pid) &&
           !etf_pid_is_none(w->pid) && pid.id == w->pid.id &&
           pid.serial == w->pid.serial;
}

static bool is_called(const struct wanted *w, etf_term map)
{
    char name[256], wanted[256];

    return etf_kind(map) == ETF_KIND_MAP &&
           etf_get_text(etf_map_get(map, etf_atom("name")), name,
                        sizeof name) &&
           etf_get_text(w->name, wanted, sizeof wanted) &&
           strcmp(name, wanted) == 0;
}

/* The wanted rows of `list`, which is pairs of who shows and what. Those that
 * were not looked at make it not *complete. */
static etf_term pick(struct gen *self, etf_term list, const struct wanted *w,
                     bool by_name, size_t *count, bool *complete)
{
    struct etf_region *r = rt_region(self);
    etf_term pair, rows = etf_nil(), out = etf_nil();

    *count = 0;
    *complete = true;
    while (*complete && etf_list_next(&list, &pair)) {
        const etf_term *items = etf_tuple_items(pair);

        if (!w->all && !(by_name ? is_called(w, items[1]) : is_of(w, items[0])))
            continue;
        *complete = (*count)++ < ROWS_MAX;
        if (*complete)
            rows = etf_cons(r, row_of(self, items[0], items[1], !w->all), rows);
    }
    while (etf_list_next(&rows, &pair))
        out = etf_cons(r, pair, out);
    return out;
}

static enum agner_err answer(struct rpc_call *c, etf_term rows, bool complete)
{
    c->result =
        etf_make(c->self, "#{figures => _, complete => _}", rows, complete);
    if (etf_is_none(c->result))
        return rpc__fail(&c->failure, AGNER_ENOMEM, ETF_NONE, "%s",
                         agner_strerror(AGNER_ENOMEM));
    return AGNER_OK;
}

/* A process goes before what is only called so. Without either: why there is
 * no such process. */
static enum agner_err answer_one(struct rpc_call *c, etf_term list)
{
    struct wanted w = { .name = rpc__param(c, "which") };
    enum agner_err err = rpc__which(c, "which", &w.pid);
    etf_term rows = etf_nil();
    size_t count = 0;
    bool complete = true;

    if (err == AGNER_OK)
        rows = pick(c->self, list, &w, false, &count, &complete);
    if (count == 0)
        rows = pick(c->self, list, &w, true, &count, &complete);
    if (count == 0 && err != AGNER_OK)
        return err; /* c->failure says why */
    if (count > 1)
        return rpc__fail(&c->failure, AGNER_EINVAL, w.name,
                         "which: %zu go by that name: say the pid of one",
                         count);
    return answer(c, rows, complete);
}

#define WAKE_MS 1000 /* for a map; one that is stuck is left */

/* Services of a map may have no process, by which they are told apart and
 * called from here: then it gives each of its own one. true: it did. */
static bool wake(struct gen *self, etf_term list)
{
    etf_term pair, map, woken = ETF_NONE, reply;
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK && etf_list_next(&list, &pair)) {
        const etf_term *items = etf_tuple_items(pair);

        if (!etf_same(items[0], ETF_A(undefined)) ||
            etf_kind(items[1]) != ETF_KIND_MAP)
            continue;
        map = etf_map_get(items[1], etf_atom("map"));
        if (etf_is_none(map) || (!etf_is_none(woken) && etf_same(map, woken)))
            continue;
        woken = map;
        err = gen_call(self, map, etf_atom("metadata"), WAKE_MS, &reply);
    }
    return !etf_is_none(woken);
}

enum agner_err rpc__figures(struct rpc_call *c)
{
    const struct wanted all = { .all = true };
    char kind[KIND_MAX];
    bool complete;
    size_t count;
    etf_term list;

    if (!etf_get_text(rpc__param(c, "kind"), kind, sizeof kind))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "kind: expected one, such as stage or saga");
    list = rt_figures_list(rt_of(c->self), rt_region(c->self), kind);
    if (!etf_is_none(list) && wake(c->self, list))
        list = rt_figures_list(rt_of(c->self), rt_region(c->self), kind);
    if (etf_is_none(list))
        return rpc__fail(&c->failure, AGNER_ENOMEM, ETF_NONE, "%s",
                         agner_strerror(AGNER_ENOMEM));
    if (!etf_is_none(rpc__param(c, "which")))
        return answer_one(c, list);
    list = pick(c->self, list, &all, false, &count, &complete);
    return answer(c, list, complete);
}
