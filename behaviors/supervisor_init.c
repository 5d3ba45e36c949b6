/*
 * supervisor_init.c -- what a supervisor is to be, and its first children.
 *
 * The table's rows and what its init adds are maps first; when init has settled
 * the flags, all are checked, and only when all are good is one started.
 *
 * Source: OTP 25, supervisor, init/1.
 */
#include <stdlib.h>

#include "supervisor.h"

#define PERIOD_DEFAULT_MS 5000u

struct gen_supervisor_spec {
    struct supervisor *sup;
    etf_term maps;  /* the last one first */
    etf_term wrong; /* with the first bad one; ETF_NONE: all are good */
};

struct gen_supervisor_flags *
gen_supervisor_flags(struct gen_supervisor_spec *spec)
{
    return &spec->sup->flags;
}

enum agner_err gen__supervisor_add_map(struct gen *self,
                                       struct gen_supervisor_spec *spec,
                                       etf_term map)
{
    if (etf_is_none(map) && etf_is_none(spec->wrong))
        spec->wrong = etf_atom("system_limit");
    if (etf_is_none(map))
        return AGNER_ENOMEM;
    spec->maps = etf_cons(rt_region(self), map, spec->maps);
    return etf_is_none(spec->maps) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_supervisor_add(struct gen *self,
                                  struct gen_supervisor_spec *spec,
                                  const struct gen_child_spec *row)
{
    etf_term wrong, map = gen__spec_map(rt_region(self), row, &wrong);

    if (!etf_is_none(wrong)) {
        if (etf_is_none(spec->wrong))
            spec->wrong = wrong;
        return AGNER_EINVAL;
    }
    return gen__supervisor_add_map(self, spec, map);
}

static bool set_flags(struct gen *self, struct supervisor *sup, etf_term *wrong)
{
    struct gen_supervisor_flags *f = &sup->flags;

    if ((unsigned)f->strategy > GEN_SIMPLE_ONE_FOR_ONE)
        *wrong = etf_make(self, "{invalid_strategy, _}", (unsigned)f->strategy);
    else if ((unsigned)f->auto_shutdown > GEN_AUTO_ALL_SIGNIFICANT)
        *wrong = etf_make(self, "{invalid_auto_shutdown, _}",
                          (unsigned)f->auto_shutdown);
    if (f->intensity == 0)
        f->intensity = 1;
    else if (f->intensity == GEN_NO_RESTARTS)
        f->intensity = 0;
    if (f->period_ms == 0)
        f->period_ms = PERIOD_DEFAULT_MS;
    return etf_is_none(*wrong);
}

static void flags_of_table(struct supervisor *sup)
{
    const struct gen_supervisor *t = sup->table;

    sup->flags =
        (struct gen_supervisor_flags){ .strategy = t->strategy,
                                       .intensity = t->intensity,
                                       .period_ms = t->period_ms,
                                       .auto_shutdown = t->auto_shutdown,
                                       .children_max = t->children_max,
                                       .parallel_stop = t->parallel_stop };
}

/* Takes the spec, as a template or as a child that does not run yet. */
static enum agner_err take_spec(struct supervisor *sup, struct child_spec *spec)
{
    if (gen__is_simple(sup)) {
        sup->templates[sup->template_count++] = spec;
        return AGNER_OK;
    }
    return gen__child_add(&sup->children, spec, true) != NULL ? AGNER_OK
                                                              : AGNER_ENOMEM;
}

static bool is_double(const struct supervisor *sup, etf_term id)
{
    if (!gen__is_simple(sup))
        return gen__child_by_id(&sup->children, id) != NULL;
    return gen__template(sup, id) != NULL;
}

static enum agner_err take_map(struct gen *self, struct supervisor *sup,
                               etf_term map, etf_term *wrong)
{
    struct child_spec *spec;
    enum agner_err err = gen__spec_read(rt_region(self), map,
                                        sup->flags.auto_shutdown, &spec, wrong);

    if (err != AGNER_OK)
        return err;
    if (is_double(sup, spec->id)) {
        *wrong = etf_make(self, "{duplicate_child_name, _}",
                          etf_copy(rt_region(self), spec->id));
        err = AGNER_EINVAL;
    } else {
        err = take_spec(sup, spec);
    }
    if (err != AGNER_OK)
        gen__spec_release(spec);
    return err;
}

/* All specs, in order; none is started before all are found good. */
static enum agner_err take_maps(struct gen *self, struct supervisor *sup,
                                etf_term maps, etf_term *wrong)
{
    enum agner_err err = AGNER_OK;
    etf_term map;

    if (gen__is_simple(sup)) {
        sup->templates = calloc((size_t)etf_list_size(maps) + 1,
                                sizeof(struct child_spec *));
        if (sup->templates == NULL)
            return AGNER_ENOMEM;
    }
    while (err == AGNER_OK && etf_list_next(&maps, &map))
        err = take_map(self, sup, map, wrong);
    return err;
}

static enum gen_next refuse(struct gen *self, const char *what, etf_term wrong)
{
    return gen_stop(self, etf_make(self, "{_, _}", etf_atom(what), wrong));
}

/* Reads what the table and its init said. */
static enum gen_next take_all(struct gen *self, struct supervisor *sup,
                              struct gen_supervisor_spec *spec)
{
    etf_term maps = etf_nil(), map, wrong = ETF_NONE;
    enum agner_err err;

    if (!set_flags(self, sup, &wrong))
        return refuse(self, "supervisor_data", wrong);
    if (!etf_is_none(spec->wrong))
        return refuse(self, "start_spec", spec->wrong);
    while (etf_list_next(&spec->maps, &map))
        maps = etf_cons(rt_region(self), map, maps);
    err = take_maps(self, sup, maps, &wrong);
    if (err == AGNER_EINVAL)
        return refuse(self, "start_spec", wrong);
    return err == AGNER_OK ? GEN_NEXT
                           : gen_stop(self, etf_atom("system_limit"));
}

static enum gen_next start_all(struct gen *self, struct supervisor *sup)
{
    etf_term reason;
    struct child *failed =
        gen__children_start(self, sup, sup->children.first, &reason);

    if (failed == NULL)
        return GEN_NEXT;
    gen__children_stop(self, sup, sup->children.first);
    return gen_stop(self,
                    etf_make(self, "{shutdown, {failed_to_start_child, _, _}}",
                             failed->spec->id, reason));
}

enum gen_next gen__supervisor_init(struct gen *self, etf_term args)
{
    struct supervisor *sup = gen_state(self);
    struct gen_supervisor_spec spec = { .sup = sup, .maps = etf_nil() };
    enum gen_next next = GEN_NEXT;
    etf_term table, user_args;
    void *pointer;

    if (!etf_match(args, "{_, _}", &table, &user_args) ||
        !etf_get_resource(table, &pointer))
        return gen_stop(self, ETF_A(badarg));
    (void)rt_trap_exit(self, true);
    sup->table = pointer;
    flags_of_table(sup);
    for (size_t i = 0; i < sup->table->child_count; i++)
        (void)gen_supervisor_add(self, &spec, &sup->table->children[i]);
    if (sup->table->init != NULL)
        next = sup->table->init(self, user_args, &spec);
    if (next == GEN_NEXT)
        next = take_all(self, sup, &spec);
    if (next == GEN_NEXT)
        next = start_all(self, sup);
    return next;
}

struct child_spec *gen__template(const struct supervisor *sup, etf_term id)
{
    for (size_t i = 0; i < sup->template_count; i++)
        if (etf_equal(sup->templates[i]->id, id))
            return sup->templates[i];
    return NULL;
}
