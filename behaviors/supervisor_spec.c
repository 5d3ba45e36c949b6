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

#include "supervisor.h"

#define SHUTDOWN_DEFAULT_MS 5000u /* of a worker */

const char *const gen__restart_names[3] = { "permanent", "transient",
                                            "temporary" };
const char *const gen__type_names[2] = { "worker", "supervisor" };

/* The index of the atom in `names`, or -1. */
static int index_in(etf_term t, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (etf_atom_is(t, names[i]))
            return (int)i;
    return -1;
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
    int index = etf_is_none(value) ? 0 : index_in(value, gen__restart_names, 3);

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
    int index = etf_is_none(value) ? 0 : index_in(value, gen__type_names, 2);

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

static bool read_node(struct reading *rd, etf_term value)
{
    rd->spec->node = value;
    return etf_is_none(value) || etf_is_atom(value);
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
    { "node", NULL, "invalid_node", read_node },
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
    return etf_atom(gen__restart_names[spec->restart]);
}

etf_term gen__spec_type(const struct child_spec *spec)
{
    return etf_atom(gen__type_names[spec->type]);
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
