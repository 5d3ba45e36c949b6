/*
 * supervisor_spec.c -- child specs: made of a table's row, checked, shown.
 *
 * Every spec is a map first, OTP's, whoever it comes from; a row of this
 * program becomes one too, in which the way to start it is a resource. So there
 * is one place that checks, and one that keeps: the map in a box, and what was
 * read from it.
 *
 * Source: OTP 25, supervisor, child_spec() and check_childspecs/1.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor.h"

#define SHUTDOWN_DEFAULT_MS 5000u /* of a worker */

static const char *const restart_names[] = { "permanent", "transient",
                                             "temporary" };
static const char *const type_names[] = { "worker", "supervisor" };

/* The index of the atom in `names`, or -1. */
static int index_in(etf_term t, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (etf_atom_is(t, names[i]))
            return (int)i;
    return -1;
}

/* ---- From a row to a map ------------------------------------------------ */

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

    ways += row->server != NULL;
    ways += row->supervisor != NULL;
    ways += row->statem != NULL;
    ways += row->event != NULL;
    ways += row->bridge != NULL;
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

    if (row->server != NULL)
        name = row->server->name;
    else if (row->supervisor != NULL)
        name = row->supervisor->name;
    else if (row->statem != NULL)
        name = row->statem->name;
    else if (row->event != NULL)
        name = row->event->name;
    else if (row->bridge != NULL)
        name = row->bridge->name;
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

    *native = (struct native_start){ .server = row->server,
                                     .supervisor = row->supervisor,
                                     .statem = row->statem,
                                     .event = row->event,
                                     .bridge = row->bridge,
                                     .start = row->start };
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
    set_name(f, "restart", row->restart, restart_names, 3);
    set_name(f, "type", type, type_names, 2);
    set_shutdown(f, row->shutdown_ms);
    if (row->significant)
        set(f, "significant", ETF_A(true));
    if (row->modules != NULL)
        set(f, "modules", atoms(f->r, row->modules));
    if (row->name != NULL)
        set(f, "name", etf_atom(row->name));
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
    if (arguments_of(r, row, &arguments, &error) != AGNER_OK) {
        *wrong = etf_make(r, "{invalid_args, _}", (const char *)error.text);
        return ETF_NONE;
    }
    if (ways == 1)
        set_start(&f, row, arguments);
    set_others(&f, row);
    return f.map;
}

/* ---- Checking ----------------------------------------------------------- */

struct reading {
    struct etf_region *r;
    struct child_spec *spec;
    enum gen_auto_shutdown auto_shutdown;
    etf_term wrong;
};

static bool read_id(struct reading *rd, etf_term value)
{
    rd->spec->id = value;
    return true;
}

static bool read_start(struct reading *rd, etf_term value)
{
    const etf_term *mfa = etf_tuple_items(value);

    if (etf_tuple_size(value) != 3 || !etf_is_atom(mfa[0]) ||
        !etf_is_atom(mfa[1]) || etf_list_size(mfa[2]) < 0)
        return false;
    rd->spec->module = mfa[0];
    rd->spec->function = mfa[1];
    rd->spec->arguments = mfa[2];
    return true;
}

static bool read_restart(struct reading *rd, etf_term value)
{
    int index = etf_is_none(value) ? 0 : index_in(value, restart_names, 3);

    rd->spec->restart = (enum gen_restart)index;
    return index >= 0;
}

static bool read_significant(struct reading *rd, etf_term value)
{
    bool significant = false;

    if (!etf_is_none(value) && !etf_get_bool(value, &significant))
        return false;
    rd->spec->significant = significant;
    if (significant && rd->auto_shutdown == GEN_AUTO_NEVER)
        rd->wrong = etf_make(rd->r, "{bad_combination, [{auto_shutdown, "
                                    "never}, {significant, true}]}");
    else if (significant && rd->spec->restart == GEN_PERMANENT)
        rd->wrong = etf_make(rd->r, "{bad_combination, [{restart, "
                                    "permanent}, {significant, true}]}");
    return etf_is_none(rd->wrong);
}

static bool read_type(struct reading *rd, etf_term value)
{
    int index = etf_is_none(value) ? 0 : index_in(value, type_names, 2);

    rd->spec->type = (enum gen_child_type)index;
    return index >= 0;
}

static bool read_shutdown(struct reading *rd, etf_term value)
{
    uint64_t *ms = &rd->spec->shutdown_ms;

    if (etf_is_none(value)) {
        *ms = rd->spec->type == GEN_SUPERVISOR ? RT_INFINITY
                                               : SHUTDOWN_DEFAULT_MS;
        return true;
    }
    if (etf_get_uint(value, ms)) {
        if (*ms >= GEN_BRUTAL_KILL)
            *ms = RT_INFINITY; /* what a number of that size means */
        return true;
    }
    *ms = etf_same(value, ETF_A(infinity)) ? RT_INFINITY : GEN_BRUTAL_KILL;
    return *ms == RT_INFINITY || etf_atom_is(value, "brutal_kill");
}

static bool read_modules(struct reading *rd, etf_term value)
{
    etf_term module, rest = value;

    rd->spec->modules = value; /* none: filled in by gen__spec_read() */
    if (etf_is_none(value) || etf_atom_is(value, "dynamic"))
        return true;
    if (etf_list_size(value) < 0)
        return false;
    while (etf_list_next(&rest, &module)) {
        if (etf_is_atom(module))
            continue;
        rd->wrong = etf_make(rd->r, "{invalid_module, _}", module);
        return false;
    }
    return true;
}

static bool read_name(struct reading *rd, etf_term value)
{
    rd->spec->name = value;
    return etf_is_none(value) ||
           (etf_is_atom(value) && !etf_same(value, ETF_A(undefined)));
}

static bool read_backoff(struct reading *rd, etf_term value)
{
    return etf_is_none(value) ||
           etf_match(value, "{_, _}", &rd->spec->backoff_ms,
                     &rd->spec->backoff_max_ms);
}

static bool read_native(struct reading *rd, etf_term value)
{
    void *native = NULL;

    if (!etf_is_none(value) && !etf_get_resource(value, &native))
        return false;
    rd->spec->native = native;
    return true;
}

/* In the order in which OTP finds fault; later ones rely on earlier ones. */
static const struct field {
    const char *key;
    const char *missing; /* what is wrong then; NULL: it has a default */
    const char *invalid;
    /* `value` is ETF_NONE when it is not there. False: *wrong or `invalid`. */
    bool (*read)(struct reading *rd, etf_term value);
} fields[] = {
    { "id", "missing_id", "invalid_id", read_id },
    { "start", "missing_start", "invalid_mfa", read_start },
    { "restart", NULL, "invalid_restart_type", read_restart },
    { "significant", NULL, "invalid_significant", read_significant },
    { "type", NULL, "invalid_child_type", read_type },
    { "shutdown", NULL, "invalid_shutdown", read_shutdown },
    { "modules", NULL, "invalid_modules", read_modules },
    { "name", NULL, "invalid_name", read_name },
    { "backoff", NULL, "invalid_backoff", read_backoff },
    { "agner", NULL, "invalid_agner", read_native },
};

static bool read_fields(struct reading *rd, etf_term map)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];
        etf_term value = etf_map_get(map, etf_atom(f->key));

        if (etf_is_none(value) && f->missing != NULL) {
            rd->wrong = etf_atom(f->missing);
            return false;
        }
        if (f->read(rd, value))
            continue;
        if (etf_is_none(rd->wrong))
            rd->wrong = etf_make(rd->r, "{_, _}", etf_atom(f->invalid), value);
        return false;
    }
    return true;
}

/* OTP's old form: {Id, Start, Restart, Shutdown, Type, Modules}. */
static etf_term map_of_tuple(struct etf_region *r, etf_term t)
{
    const etf_term *items = etf_tuple_items(t);

    if (etf_tuple_size(t) != 6)
        return ETF_NONE;
    return etf_make(r,
                    "#{id => _, start => _, restart => _, shutdown => _, "
                    "type => _, modules => _}",
                    items[0], items[1], items[2], items[3], items[4], items[5]);
}

/* The box is what is kept, so it is what is read. */
static enum agner_err read_boxed(struct reading *rd, etf_term map)
{
    struct child_spec *spec = rd->spec;

    spec->users = 1;
    spec->map = etf_box_new(map);
    if (spec->map == NULL)
        return AGNER_ENOMEM;
    return read_fields(rd, etf_box_term(spec->map)) ? AGNER_OK : AGNER_EINVAL;
}

enum agner_err gen__spec_read(struct etf_region *r, etf_term term,
                              enum gen_auto_shutdown auto_shutdown,
                              struct child_spec **out, etf_term *wrong)
{
    struct reading rd = { .r = r, .auto_shutdown = auto_shutdown };
    etf_term map = term;
    enum agner_err err;

    *wrong = ETF_NONE;
    if (etf_kind(term) == ETF_KIND_TUPLE)
        map = map_of_tuple(r, term);
    if (etf_kind(map) != ETF_KIND_MAP) {
        *wrong = etf_make(r, "{invalid_child_spec, _}", term);
        return AGNER_EINVAL;
    }
    rd.spec = calloc(1, sizeof *rd.spec);
    if (rd.spec == NULL)
        return AGNER_ENOMEM;
    err = read_boxed(&rd, map);
    if (err == AGNER_OK) {
        *out = rd.spec;
        return AGNER_OK;
    }
    /* What is wrong may be a part of the box. */
    *wrong = etf_is_none(rd.wrong) ? ETF_NONE : etf_copy(r, rd.wrong);
    gen__spec_release(rd.spec);
    return err;
}

void gen__spec_release(struct child_spec *spec)
{
    if (--spec->users > 0)
        return;
    etf_box_free(spec->map);
    free(spec);
}

/* ---- Showing ------------------------------------------------------------ */

etf_term gen__spec_mfa(struct etf_region *r, const struct child_spec *spec,
                       etf_term extra)
{
    return etf_make(r, "{_, _, _}", spec->module, spec->function,
                    gen__append(r, spec->arguments, extra));
}

etf_term gen__spec_shutdown(struct etf_region *r, const struct child_spec *spec)
{
    if (spec->shutdown_ms == RT_INFINITY)
        return ETF_A(infinity);
    if (spec->shutdown_ms == GEN_BRUTAL_KILL)
        return etf_atom("brutal_kill");
    return etf_uint(r, spec->shutdown_ms);
}

etf_term gen__spec_restart(const struct child_spec *spec)
{
    return etf_atom(restart_names[spec->restart]);
}

etf_term gen__spec_type(const struct child_spec *spec)
{
    return etf_atom(type_names[spec->type]);
}

etf_term gen__spec_modules(struct etf_region *r, const struct child_spec *spec)
{
    if (!etf_is_none(spec->modules))
        return spec->modules;
    return etf_cons(r, spec->module, etf_nil());
}

etf_term gen__spec_show(struct etf_region *r, const struct child_spec *spec)
{
    return etf_make(r,
                    "#{id => _, start => _, restart => _, significant => _, "
                    "shutdown => _, type => _, modules => _}",
                    spec->id, gen__spec_mfa(r, spec, etf_nil()),
                    gen__spec_restart(spec), spec->significant,
                    gen__spec_shutdown(r, spec), gen__spec_type(spec),
                    gen__spec_modules(r, spec));
}

etf_term gen__spec_record(struct etf_region *r, const struct child_spec *spec)
{
    return etf_make(r, "{child, undefined, _, _, _, _, _, _, _}", spec->id,
                    gen__spec_mfa(r, spec, etf_nil()), gen__spec_restart(spec),
                    spec->significant, gen__spec_shutdown(r, spec),
                    gen__spec_type(spec), gen__spec_modules(r, spec));
}

etf_term gen__append(struct etf_region *r, etf_term list, etf_term rest)
{
    etf_term reversed = etf_nil(), head;

    if (etf_list_size(list) < 0)
        return list; /* forgotten: `undefined` */
    while (etf_list_next(&list, &head))
        reversed = etf_cons(r, head, reversed);
    while (etf_list_next(&reversed, &head))
        rest = etf_cons(r, head, rest);
    return rest;
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
