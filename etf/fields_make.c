/*
 * fields_make.c -- C structs as maps and tuples, by the same field tables.
 *
 * A member that says that nothing is there (no term, no pid, no reference) is
 * left out of a map if its field is optional. Everything else that is no term
 * makes the whole ETF_NONE.
 */
#include "fields.h"

#include <stdlib.h>

/* What a struct becomes; structs inside become the same. */
enum shape { AS_MAP, AS_TUPLE };

static etf_term struct_term(struct etf_region *r, enum shape shape,
                            const char *tag, const struct etf_field *fields,
                            size_t count, const void *in, unsigned depth);

static etf_term number_term(struct etf_region *r, const struct etf_field *field,
                            const void *from)
{
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        double d;
    } v;

    memcpy(&v, from, field->size);
    /* The types of numbers: the caller has the others. */
    if (field->type == ETF_FIELD_INT32)
        return etf_int(r, v.i32);
    if (field->type == ETF_FIELD_UINT32)
        return etf_uint(r, v.u32);
    if (field->type == ETF_FIELD_INT64)
        return etf_int(r, v.i64);
    if (field->type == ETF_FIELD_UINT64)
        return etf_uint(r, v.u64);
    return etf_float(r, v.d);
}

static etf_term pid_term(struct etf_region *r, const void *from)
{
    etf_pid pid;

    memcpy(&pid, from, sizeof pid);
    return etf_pid_is_none(pid) ? ETF_NONE : etf_from_pid(r, pid);
}

static etf_term ref_term(struct etf_region *r, const void *from)
{
    etf_ref ref;

    memcpy(&ref, from, sizeof ref);
    return etf_from_ref(r, ref);
}

/* The member at `from`; ETF_NONE: it has no value, or the region is full. */
static etf_term member_term(struct etf_region *r, enum shape shape,
                            const struct etf_field *field, const void *from,
                            unsigned depth)
{
    bool is_true;
    etf_term t;

    switch (field->type) {
    case ETF_FIELD_INT32:
    case ETF_FIELD_UINT32:
    case ETF_FIELD_INT64:
    case ETF_FIELD_UINT64:
    case ETF_FIELD_DOUBLE:
        return number_term(r, field, from);
    case ETF_FIELD_BOOL:
        memcpy(&is_true, from, sizeof is_true);
        return etf_bool(is_true);
    case ETF_FIELD_PID:
        return pid_term(r, from);
    case ETF_FIELD_REF:
        return ref_term(r, from);
    case ETF_FIELD_TERM:
        memcpy(&t, from, sizeof t);
        return t;
    case ETF_FIELD_TEXT:
        return etf_binary(r, from, strnlen(from, field->size));
    case ETF_FIELD_ATOM:
        return etf_atom_n(from, strnlen(from, field->size));
    case ETF_FIELD_STRUCT:
        return struct_term(r, shape, NULL, field->fields, field->field_count,
                           from, depth + 1);
    }
    return ETF_NONE;
}

/* May this member be without a value? */
static bool may_be_nothing(const struct etf_field *field)
{
    return field->optional &&
           (field->type == ETF_FIELD_TERM || field->type == ETF_FIELD_PID ||
            field->type == ETF_FIELD_REF);
}

/* Writes the map's pairs or the tuple's elements to `items`; how many words, or
 * SIZE_MAX. */
static size_t collect(struct etf_region *r, enum shape shape,
                      const struct etf_field *fields, size_t count,
                      const void *in, unsigned depth, etf_term *items)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        const struct etf_field *field = &fields[i];
        etf_term t = ETF_NONE;

        if (etf__field_fits(field))
            t = member_term(r, shape, field, (const char *)in + field->offset,
                            depth);
        if (etf_is_none(t) && shape == AS_MAP && may_be_nothing(field))
            continue;
        if (etf_is_none(t))
            return SIZE_MAX;
        if (shape == AS_MAP)
            items[used++] = etf_atom(field->name);
        items[used++] = t;
    }
    return used;
}

/* As deep as tables are nested: ETF__FIELDS_DEPTH_MAX. */
static etf_term struct_term(struct etf_region *r, enum shape shape,
                            const char *tag, const struct etf_field *fields,
                            size_t count, const void *in, unsigned depth)
{
    etf_term *items, t = ETF_NONE;
    size_t tags = tag != NULL ? 1 : 0, used;

    if (depth > ETF__FIELDS_DEPTH_MAX)
        return ETF_NONE;
    items = calloc(2 * count + 1, sizeof *items);
    if (items == NULL)
        return ETF_NONE;
    if (tags > 0)
        items[0] = etf_atom(tag);
    used = collect(r, shape, fields, count, in, depth, items + tags);
    if (used != SIZE_MAX)
        t = shape == AS_MAP ? etf_map(r, items, used / 2)
                            : etf_tuple(r, items, used + tags);
    free(items);
    return t;
}

etf_term etf_struct_to_map(struct etf_region *r, const struct etf_field *fields,
                           size_t count, const void *in)
{
    return struct_term(r, AS_MAP, NULL, fields, count, in, 0);
}

etf_term etf_struct_to_tuple(struct etf_region *r, const char *tag,
                             const struct etf_field *fields, size_t count,
                             const void *in)
{
    return struct_term(r, AS_TUPLE, tag, fields, count, in, 0);
}
