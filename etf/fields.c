/*
 * fields.c -- etf_to_struct(): maps, property lists and tuples as C structs.
 *
 * All is looked at before anything is written: a struct is filled as a whole or
 * left as it was. What is read comes from a peer or a file, so whatever is
 * wrong with it is an error that names the field.
 */
#include "fields.h"

#include <stdio.h>
#include <stdlib.h>

/* Where we are, for errors: listen.tls.port. */
struct path {
    const struct path *up; /* borrowed: the enclosing call's */
    const char *name;
    unsigned depth;
};

bool etf__field_fits(const struct etf_field *field)
{
    switch (field->type) {
    case ETF_FIELD_INT32:
    case ETF_FIELD_UINT32:
        return field->size == sizeof(int32_t);
    case ETF_FIELD_INT64:
    case ETF_FIELD_UINT64:
        return field->size == sizeof(int64_t);
    case ETF_FIELD_DOUBLE:
        return field->size == sizeof(double);
    case ETF_FIELD_BOOL:
        return field->size == sizeof(bool);
    case ETF_FIELD_PID:
        return field->size == sizeof(etf_pid);
    case ETF_FIELD_REF:
        return field->size == sizeof(etf_ref);
    case ETF_FIELD_TERM:
        return field->size == sizeof(etf_term);
    case ETF_FIELD_TEXT:
    case ETF_FIELD_ATOM:
    case ETF_FIELD_STRUCT:
        return field->size > 0;
    }
    return false;
}

/* ---- Errors ---- */

/* As much of it as there is room for. */
static size_t append(char *to, size_t size, size_t used, const char *text)
{
    while (*text != '\0' && used + 1 < size)
        to[used++] = *text++;
    to[used] = '\0';
    return used;
}

static size_t write_path(char *to, size_t size, const struct path *path)
{
    size_t used = path->up != NULL ? write_path(to, size, path->up) : 0;

    return append(to, size, append(to, size, used, used > 0 ? "." : ""),
                  path->name);
}

static enum agner_err fail(const struct path *path, struct agner_error *error,
                           const char *what, etf_term t)
{
    char where[80] = "", got[80];

    if (error == NULL)
        return AGNER_EINVAL;
    if (path != NULL)
        (void)write_path(where, sizeof where, path);
    return agner_fail(
        error, AGNER_EINVAL, "%s%s%s%s%s%s", path != NULL ? "field " : "",
        where, path != NULL ? ": " : "", what, etf_is_none(t) ? "" : ", got ",
        etf_is_none(t) ? "" : etf_format(got, sizeof got, t));
}

static const char *expected(enum etf_field_type type)
{
    switch (type) {
    case ETF_FIELD_INT32:
        return "expected an integer of 32 bits";
    case ETF_FIELD_UINT32:
        return "expected an integer of 32 bits without sign";
    case ETF_FIELD_INT64:
        return "expected an integer of 64 bits";
    case ETF_FIELD_UINT64:
        return "expected an integer of 64 bits without sign";
    case ETF_FIELD_DOUBLE:
        return "expected a number";
    case ETF_FIELD_BOOL:
        return "expected true or false";
    case ETF_FIELD_PID:
        return "expected a pid";
    case ETF_FIELD_REF:
        return "expected a reference";
    case ETF_FIELD_TERM:
        return "expected a term";
    case ETF_FIELD_TEXT:
        return "expected a text that fits";
    case ETF_FIELD_ATOM:
        return "expected an atom that fits";
    case ETF_FIELD_STRUCT:
        return "expected a map, a property list or a tuple";
    }
    return "unknown type of field";
}

/* ---- Looking fields up ---- */

/* Is this key, an atom, a binary or a string, that name? */
static bool is_named(etf_term key, const char *name)
{
    size_t size = strlen(name), at = 0;
    etf_bytes text = etf_atom_text(key);
    etf_term head;

    if (text.data != NULL || etf_get_bytes(key, &text))
        return text.size == size && memcmp(text.data, name, size) == 0;
    while (at < size && etf_list_next(&key, &head))
        if (!etf_same(head, etf__small((unsigned char)name[at++])))
            return false;
    return size > 0 && at == size && etf_same(key, etf_nil());
}

static etf_term find_in_map(etf_term map, const char *name)
{
    etf_term atom = etf_atom_find(name, strlen(name));
    etf_term value = ETF_NONE;

    if (!etf_is_none(atom))
        value = etf_map_get(map, atom);
    for (size_t i = 0; i < etf_map_size(map) && etf_is_none(value); i++) {
        etf_term key, candidate;

        etf_map_pair(map, i, &key, &candidate);
        if (is_named(key, name))
            value = candidate;
    }
    return value;
}

/* The first that counts, as in proplists; an atom alone stands for true. */
static etf_term find_in_list(etf_term list, const char *name)
{
    etf_term item;

    while (etf_list_next(&list, &item)) {
        const etf_term *pair = etf_tuple_items(item);

        if (etf_tuple_size(item) == 2 && is_named(pair[0], name))
            return pair[1];
        if (etf_atom_is(item, name))
            return ETF_A(true);
    }
    return ETF_NONE;
}

/* ---- Values ---- */

static bool put(void *to, const void *value, size_t size)
{
    if (to != NULL)
        memcpy(to, value, size);
    return true;
}

static bool put_int(etf_term t, const struct etf_field *field, void *to)
{
    bool is_short = field->type == ETF_FIELD_INT32;
    int64_t v;
    int32_t low;

    if (!etf_get_int(t, &v) || (is_short && (v < INT32_MIN || v > INT32_MAX)))
        return false;
    low = (int32_t)v; /* used only if it is short */
    return is_short ? put(to, &low, sizeof low) : put(to, &v, sizeof v);
}

static bool put_uint(etf_term t, const struct etf_field *field, void *to)
{
    bool is_short = field->type == ETF_FIELD_UINT32;
    uint64_t v;
    uint32_t low;

    if (!etf_get_uint(t, &v) || (is_short && v > UINT32_MAX))
        return false;
    low = (uint32_t)v; /* used only if it is short */
    return is_short ? put(to, &low, sizeof low) : put(to, &v, sizeof v);
}

/* To look at a text it is read into a buffer of its own, since the member must
 * not change before all is looked at. AGNER_EINVAL, AGNER_ENOMEM. */
static enum agner_err put_text(etf_term t, const struct etf_field *field,
                               void *to)
{
    char *text = to != NULL ? to : malloc(field->size);
    bool fits;

    if (text == NULL)
        return AGNER_ENOMEM;
    fits = (field->type == ETF_FIELD_TEXT || etf_is_atom(t)) &&
           etf_get_text(t, text, field->size);
    if (to == NULL)
        free(text);
    return fits ? AGNER_OK : AGNER_EINVAL;
}

/* Any value but a text or a struct; `to` NULL: only looks. */
static bool put_value(etf_term t, const struct etf_field *field, void *to)
{
    double number;
    bool is_true;
    etf_pid pid;
    etf_ref ref;

    switch (field->type) {
    case ETF_FIELD_INT32:
    case ETF_FIELD_INT64:
        return put_int(t, field, to);
    case ETF_FIELD_UINT32:
    case ETF_FIELD_UINT64:
        return put_uint(t, field, to);
    case ETF_FIELD_DOUBLE:
        return etf_get_number(t, &number) && put(to, &number, sizeof number);
    case ETF_FIELD_BOOL:
        return etf_get_bool(t, &is_true) && put(to, &is_true, sizeof is_true);
    case ETF_FIELD_PID:
        return etf_get_pid(t, &pid) && put(to, &pid, sizeof pid);
    case ETF_FIELD_REF:
        return etf_get_ref(t, &ref) && put(to, &ref, sizeof ref);
    case ETF_FIELD_TERM:
        return put(to, &t, sizeof t);
    case ETF_FIELD_ATOM:
    case ETF_FIELD_TEXT:
    case ETF_FIELD_STRUCT:
        break;
    }
    return false;
}

/* ---- Structs ---- */

struct table {
    const char *tag;
    const struct etf_field *fields;
    size_t count;
};

static enum agner_err fill(etf_term t, const struct table *table, void *out,
                           const struct path *up, struct agner_error *error);

static enum agner_err fill_field(etf_term t, const struct etf_field *field,
                                 void *out, const struct path *path,
                                 struct agner_error *error)
{
    const struct table inner = { NULL, field->fields, field->field_count };
    void *to = out == NULL ? NULL : (char *)out + field->offset;
    enum agner_err err;

    if (!etf__field_fits(field))
        return fail(path, error, "its type does not fit the member", ETF_NONE);
    if (field->type == ETF_FIELD_STRUCT) {
        if (path->depth == ETF__FIELDS_DEPTH_MAX)
            return fail(path, error, "the table is nested too deeply",
                        ETF_NONE);
        return fill(t, &inner, to, path, error);
    }
    if (field->type == ETF_FIELD_TEXT || field->type == ETF_FIELD_ATOM)
        err = put_text(t, field, to);
    else
        err = put_value(t, field, to) ? AGNER_OK : AGNER_EINVAL;
    if (err == AGNER_ENOMEM)
        return agner_fail(error, err, "field %s: out of memory", field->name);
    return err == AGNER_OK ? AGNER_OK
                           : fail(path, error, expected(field->type), t);
}

/* Is it the tuple of this table? */
static enum agner_err check_tuple(etf_term t, const struct table *table,
                                  const struct path *up,
                                  struct agner_error *error)
{
    size_t tags = table->tag != NULL ? 1 : 0;
    char what[120];

    if (etf_tuple_size(t) == table->count + tags &&
        (tags == 0 || etf_atom_is(etf_tuple_items(t)[0], table->tag)))
        return AGNER_OK;
    (void)snprintf(what, sizeof what, "expected a tuple of %zu%s%s",
                   table->count + tags, tags > 0 ? " that begins with " : "",
                   tags > 0 ? table->tag : "");
    return fail(up, error, what, t);
}

/* As deep as tables are nested: ETF__FIELDS_DEPTH_MAX. */
static enum agner_err fill(etf_term t, const struct table *table, void *out,
                           const struct path *up, struct agner_error *error)
{
    enum etf_kind kind = etf_kind(t);
    bool is_tuple = kind == ETF_KIND_TUPLE;
    enum agner_err err = AGNER_OK;

    if (is_tuple)
        err = check_tuple(t, table, up, error);
    else if (kind != ETF_KIND_MAP && etf_list_size(t) < 0)
        err = fail(up, error, expected(ETF_FIELD_STRUCT), t);
    for (size_t i = 0; i < table->count && err == AGNER_OK; i++) {
        const struct etf_field *field = &table->fields[i];
        struct path path = { up, field->name, up != NULL ? up->depth + 1 : 1 };
        etf_term value;

        if (is_tuple)
            value = etf_tuple_items(t)[i + (table->tag != NULL ? 1 : 0)];
        else if (kind == ETF_KIND_MAP)
            value = find_in_map(t, field->name);
        else
            value = find_in_list(t, field->name);
        if (!etf_is_none(value))
            err = fill_field(value, field, out, &path, error);
        else if (!field->optional)
            err = fail(&path, error, "is missing", ETF_NONE);
    }
    return err;
}

enum agner_err etf_to_struct(etf_term t, const char *tag,
                             const struct etf_field *fields, size_t count,
                             void *out, struct agner_error *error)
{
    const struct table table = { tag, fields, count };
    enum agner_err err = fill(t, &table, NULL, NULL, error);

    return err != AGNER_OK ? err : fill(t, &table, out, NULL, error);
}
