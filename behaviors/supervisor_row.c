/*
 * supervisor_row.c -- from a row of this program to a child spec as a map.
 *
 * The map is OTP's. The way to start the child is a resource in it, under the
 * key `agner`; what is wrong with the row stays wrong in the map, to be found
 * with the faults of specs that come as maps.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor.h"

struct filling {
    struct etf_region *r;
    etf_term map;
};

static void set(struct filling *f, const char *key, etf_term value)
{
    f->map = etf_map_put(f->r, f->map, etf_atom(key), value);
}

/* The name of an enum's value; a wrong one stays a number, and is found wrong
 * with the rest. */
static void set_name(struct filling *f, const char *key, unsigned value,
                     const char *const *names, size_t count)
{
    set(f, key, value < count ? etf_atom(names[value]) : etf_uint(f->r, value));
}

static unsigned ways_of(const struct gen_child_spec *row)
{
    unsigned ways = !etf_is_none(row->mfa);

#define GEN_CHILD_COUNT(way, type, start_link, enter) ways += row->way != NULL;
    GEN_CHILD_WAYS(GEN_CHILD_COUNT)
#undef GEN_CHILD_COUNT
    ways += row->start != NULL;
    return ways;
}

static etf_term id_of(const struct gen_child_spec *row)
{
    if (row->id != NULL)
        return etf_atom(row->id);
    if (etf_is_none(row->id_term) && row->name != NULL)
        return etf_atom(row->name);
    return row->id_term;
}

static etf_term module_of(const struct gen_child_spec *row)
{
    const char *name = "start";

#define GEN_CHILD_NAME(way, type, start_link, enter) \
    if (row->way != NULL) \
        name = row->way->name;
    GEN_CHILD_WAYS(GEN_CHILD_NAME)
#undef GEN_CHILD_NAME
    return etf_atom(name != NULL ? name : "undefined");
}

static void free_native(void *value)
{
    free(value);
}

void gen__native_init(struct native_start *native,
                      const struct gen_child_spec *row)
{
    struct rt_spawn_options *options = &native->options;

    *native = (struct native_start){ .start = row->start };
#define GEN_CHILD_COPY(way, type, start_link, enter) native->way = row->way;
    GEN_CHILD_WAYS(GEN_CHILD_COPY)
#undef GEN_CHILD_COPY
    if (row->options != NULL)
        *options = *row->options;
    if (options->group_leader != NULL) {
        native->group_leader = *options->group_leader;
        options->group_leader = &native->group_leader;
    }
    options->name = ETF_NONE;
    options->link = options->monitor = options->monitor_alias = false;
    options->monitor_ref = NULL;
    options->parent = NULL;
}

/* The way to start it, as a resource. */
static etf_term native_of(struct etf_region *r,
                          const struct gen_child_spec *row)
{
    struct native_start *native = malloc(sizeof *native);
    etf_term resource;

    if (native == NULL)
        return ETF_NONE;
    gen__native_init(native, row);
    resource = etf_resource(r, native, free_native);
    if (etf_is_none(resource))
        free(native);
    return resource;
}

/* [Arg], or [] when there are none. */
static enum agner_err arguments_of(struct etf_region *r,
                                   const struct gen_child_spec *row,
                                   etf_term *list, struct agner_error *error)
{
    enum agner_err err;
    etf_term args = row->args_term;

    *list = etf_nil();
    if (row->args != NULL) {
        err = etf_parse(r, row->args, strlen(row->args), &args, NULL, error);
        if (err != AGNER_OK)
            return err;
    }
    if (!etf_is_none(args))
        *list = etf_cons(r, args, etf_nil());
    return AGNER_OK;
}

static etf_term atoms(struct etf_region *r, const char *const *names)
{
    size_t count = 0;
    etf_term list = etf_nil();

    while (names[count] != NULL)
        count++;
    while (count > 0)
        list = etf_cons(r, etf_atom(names[--count]), list);
    return list;
}

static void set_start(struct filling *f, const struct gen_child_spec *row,
                      etf_term arguments)
{
    if (!etf_is_none(row->mfa)) {
        set(f, "start", row->mfa);
        return;
    }
    set(f, "start",
        etf_make(f->r, "{_, start_link, _}", module_of(row), arguments));
    set(f, "agner", native_of(f->r, row));
    if (row->start != NULL && row->modules == NULL)
        set(f, "modules", etf_atom("dynamic"));
}

static void set_shutdown(struct filling *f, uint64_t ms)
{
    if (ms == GEN_BRUTAL_KILL)
        set(f, "shutdown", etf_atom("brutal_kill"));
    else if (ms == RT_INFINITY)
        set(f, "shutdown", ETF_A(infinity));
    else if (ms != 0)
        set(f, "shutdown", etf_uint(f->r, ms));
}

static void set_others(struct filling *f, const struct gen_child_spec *row)
{
    enum gen_child_type type = row->type;

    if (row->supervisor != NULL)
        type = GEN_SUPERVISOR;
    set_name(f, "restart", row->restart, gen__restart_names, 3);
    set_name(f, "type", type, gen__type_names, 2);
    set_shutdown(f, row->shutdown_ms);
    if (row->significant)
        set(f, "significant", ETF_A(true));
    if (row->modules != NULL)
        set(f, "modules", atoms(f->r, row->modules));
    if (row->name != NULL)
        set(f, "name", etf_atom(row->name));
    if (row->node != NULL)
        set(f, "node", etf_atom(row->node));
    if (row->backoff_ms != 0)
        set(f, "backoff",
            etf_make(f->r, "{_, _}", row->backoff_ms, row->backoff_max_ms));
}

etf_term gen__spec_map(struct etf_region *r, const struct gen_child_spec *row,
                       etf_term *wrong)
{
    struct filling f = { .r = r };
    struct agner_error error = { AGNER_OK, "" };
    unsigned ways = ways_of(row);
    etf_term id = id_of(row), arguments;

    *wrong = ETF_NONE;
    f.map = etf_map(r, NULL, 0);
    if (!etf_is_none(id))
        set(&f, "id", id);
    if (ways > 1) {
        *wrong = etf_make(r, "{several_starts, _}",
                          etf_is_none(id) ? ETF_A(undefined) : id);
        return ETF_NONE;
    }
    if (row->node != NULL && etf_is_none(row->mfa)) {
        *wrong = etf_make(r, "{invalid_node, _}", etf_atom(row->node));
        return ETF_NONE;
    }
    if (arguments_of(r, row, &arguments, &error) != AGNER_OK) {
        *wrong = etf_make(r, "{invalid_args, _}", (const char *)error.text);
        return ETF_NONE;
    }
    if (ways == 1)
        set_start(&f, row, arguments);
    set_others(&f, row);
    return f.map;
}

/* ---- For those who want to know beforehand ------------------------------- */

static enum agner_err check_row(struct etf_region *r,
                                const struct gen_child_spec *row,
                                enum gen_auto_shutdown auto_shutdown,
                                etf_term *id, etf_term *wrong)
{
    etf_term map = gen__spec_map(r, row, wrong);
    struct child_spec *spec;
    enum agner_err err;

    if (!etf_is_none(*wrong))
        return AGNER_EINVAL;
    err = etf_is_none(map)
              ? AGNER_ENOMEM
              : gen__spec_read(r, map, auto_shutdown, &spec, wrong);
    if (err != AGNER_OK)
        return err;
    *id = etf_copy(r, spec->id);
    gen__spec_release(spec);
    return etf_is_none(*id) ? AGNER_ENOMEM : AGNER_OK;
}

/* Is `id` in the list? */
static bool is_in(etf_term list, etf_term id)
{
    etf_term head;

    while (etf_list_next(&list, &head))
        if (etf_equal(head, id))
            return true;
    return false;
}

static enum agner_err check_rows(struct etf_region *r,
                                 const struct gen_child_spec *specs,
                                 size_t count,
                                 enum gen_auto_shutdown auto_shutdown,
                                 struct agner_error *error)
{
    etf_term ids = etf_nil(), id = ETF_NONE, wrong;
    char text[160];

    for (size_t i = 0; i < count; i++) {
        enum agner_err err =
            check_row(r, &specs[i], auto_shutdown, &id, &wrong);

        if (err == AGNER_OK && is_in(ids, id)) {
            wrong = etf_make(r, "{duplicate_child_name, _}", id);
            err = AGNER_EINVAL;
        }
        if (err == AGNER_EINVAL)
            return agner_fail(error, err, "child %zu: %s", i,
                              etf_format(text, sizeof text, wrong));
        if (err != AGNER_OK)
            return agner_fail(error, err, "child %zu: %s", i,
                              agner_strerror(err));
        ids = etf_cons(r, id, ids);
    }
    return AGNER_OK;
}

enum agner_err gen_check_childspecs(const struct gen_child_spec *specs,
                                    size_t count,
                                    enum gen_auto_shutdown auto_shutdown,
                                    struct agner_error *error)
{
    struct etf_region *r = etf_region_new(0);
    enum agner_err err;

    if (r == NULL)
        return agner_fail(error, AGNER_ENOMEM, "child specs");
    err = check_rows(r, specs, count, auto_shutdown, error);
    etf_region_free(r);
    return err;
}
