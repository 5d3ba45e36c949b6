/*
 * partition.c -- partition supervisors: one spec, several children, and who is
 * in charge of a key.
 *
 * The children have names made of the supervisor's and their number, so that
 * whoever knows how many there are can tell who has a key without asking, and a
 * child that is restarted is found as before.
 */
#include <stdio.h>

#include "supervisor.h"

#define NAME_MAX 255u

/* "shop.3"; ETF_NONE: too long. */
static etf_term name_of(const char *name, uint32_t index)
{
    char text[NAME_MAX + 12];
    int size = snprintf(text, sizeof text, "%s.%u", name, index);

    return size > 0 && (size_t)size <= NAME_MAX ? etf_atom(text) : ETF_NONE;
}

/* {Index, Arg} in place of [Arg] or []. */
static etf_term start_of(struct gen *self, etf_term start, uint32_t index)
{
    const etf_term *mfa = etf_tuple_items(start);
    etf_term arg = etf_nil(), list;

    if (etf_tuple_size(start) != 3)
        return start; /* as wrong as it is */
    list = mfa[2];
    (void)etf_list_next(&list, &arg);
    return etf_make(self, "{_, _, [{_, _}]}", mfa[0], mfa[1], index, arg);
}

static etf_term child_map(struct gen *self, etf_term map, const char *name,
                          uint32_t index)
{
    struct etf_region *r = rt_region(self);
    etf_term start = etf_map_get(map, etf_atom("start"));

    map = etf_map_put(r, map, etf_atom("id"), etf_int(r, index));
    map = etf_map_put(r, map, etf_atom("name"), name_of(name, index));
    if (!etf_is_none(start))
        map = etf_map_put(r, map, etf_atom("start"),
                          start_of(self, start, index));
    return map;
}

/* args: {Name, Count, Map}. */
static enum gen_next partition_init(struct gen *self, etf_term args,
                                    struct gen_supervisor_spec *spec)
{
    char name[NAME_MAX * 4 + 1];
    etf_term name_term, map;
    uint32_t count;

    if (!etf_match(args, "{_, _, _}", &name_term, &count, &map) ||
        !etf_get_text(name_term, name, sizeof name))
        return gen_stop(self, ETF_A(badarg));
    for (uint32_t i = 0; i < count; i++)
        if (gen__supervisor_add_map(self, spec,
                                    child_map(self, map, name, i)) != AGNER_OK)
            break; /* and the start fails */
    return GEN_NEXT;
}

static const struct gen_supervisor partition = {
    .name = "partition_supervisor",
    .init = partition_init,
};

static uint32_t workers_of(struct rt *rt)
{
    struct rt_stats stats;

    rt_stats(rt, &stats);
    return stats.workers;
}

enum agner_err gen_partition_start_link(struct gen *self, const char *name,
                                        const struct gen_child_spec *spec,
                                        uint32_t count, etf_pid *pid,
                                        etf_term *reason)
{
    struct rt_spawn_options options = { 0 };
    struct gen_child_spec row;
    etf_term wrong, map;

    if (name == NULL || spec == NULL)
        return AGNER_EINVAL;
    options.name = etf_atom(name);
    row = *spec;
    if (count == 0)
        count = workers_of(rt_of(self));
    if (count > GEN_PARTITIONS_MAX)
        return AGNER_ELIMIT;
    row.id = "partition";
    row.name = NULL;
    map = gen__spec_map(rt_region(self), &row, &wrong);
    if (!etf_is_none(wrong)) {
        if (reason != NULL)
            *reason = etf_make(self, "{start_spec, _}", wrong);
        return AGNER_EEXIT;
    }
    return gen_supervisor_start_link(
        self, &partition, etf_make(self, "{_, _, _}", options.name, count, map),
        &options, pid, reason);
}

enum agner_err gen_partitions(struct gen *self, const char *name,
                              struct gen_partitions *partitions)
{
    struct gen_child_counts counts;
    enum agner_err err = gen_count_children(self, etf_atom(name), &counts);

    if (err != AGNER_OK)
        return err;
    if (counts.specs == 0 || counts.specs > GEN_PARTITIONS_MAX)
        return AGNER_ENOTSUP;                   /* it is another supervisor */
    partitions->count = (uint32_t)counts.specs; /* fits: checked */
    for (uint32_t i = 0; i < partitions->count; i++)
        partitions->names[i] = name_of(name, i);
    return AGNER_OK;
}
