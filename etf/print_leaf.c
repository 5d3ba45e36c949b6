/*
 * print_leaf.c -- numbers, identifiers and funs as text. Atoms, strings and
 * binaries are in print_text.c.
 */
#include "print.h"

#include "atom_table.h"
#include "bignum.h"
#include "float_text.h"
#include "ident.h"
#include "shape.h"

static void print_integer(struct printer *p, etf_term t)
{
    struct etf_buffer digits = { .size_max = 0 };

    if (etf__print_stopped(p))
        return;
    if (etf__tag(t) == ETF__INT) {
        etf__put_format(p, "%lld", (long long)etf__small_value(t));
        return;
    }
    p->err = etf__big_to_text(&digits, t, 10);
    if (p->err == AGNER_OK)
        etf__put(p, digits.data, digits.size);
    etf_buffer_fini(&digits);
}

static void print_float(struct printer *p, etf_term t)
{
    char text[ETF__FLOAT_TEXT_MAX];
    double v = 0;

    (void)etf_get_float(t, &v);
    etf__put(p, text, etf__float_text(text, v));
}

/* ---- Identifiers ---- */

/* The node of an identifier as a number: 0 is this node. For others it is any
 * number that stays the same; a hash needs no table. */
static unsigned node_number(etf_term node)
{
    return etf_is_none(node) ? 0 : 1 + etf__atom_name_hash(node);
}

/* The node by name, for full_ids. */
static void print_node(struct printer *p, etf_term node)
{
    const struct etf_self *self = p->options->self;

    if (etf_is_none(node) && self != NULL)
        node = self->name;
    etf__print_atom(p, etf_is_none(node) ? ETF_A(noname) : node);
}

static uint32_t creation_of(const struct printer *p, etf_term node,
                            uint32_t creation)
{
    const struct etf_self *self = p->options->self;

    return etf_is_none(node) && self != NULL ? self->creation : creation;
}

static void print_pid(struct printer *p, etf_term t)
{
    etf_pid pid = { .id = 0 };

    (void)etf__pid_view(t, &pid);
    if (!p->options->full_ids) {
        etf__put_format(p, "<%u.%u.%u>", node_number(pid.node), pid.id,
                        pid.serial);
        return;
    }
    etf__put_text(p, "#pid(");
    print_node(p, pid.node);
    etf__put_format(p, ",%u,%u,%u)", pid.id, pid.serial,
                    creation_of(p, pid.node, pid.creation));
}

static void print_port(struct printer *p, etf_term t)
{
    etf_term node = ETF_NONE;
    uint64_t id = 0;
    uint32_t creation = 0;

    (void)etf_get_port(t, &node, &id, &creation);
    if (!p->options->full_ids) {
        etf__put_format(p, "#Port<%u.%llu>", node_number(node),
                        (unsigned long long)id);
        return;
    }
    etf__put_text(p, "#port(");
    print_node(p, node);
    etf__put_format(p, ",%llu,%u)", (unsigned long long)id,
                    creation_of(p, node, creation));
}

static void print_ref(struct printer *p, etf_term t)
{
    etf_ref ref = { .count = 0 };

    (void)etf__ref_view(t, &ref);
    if (!p->options->full_ids) {
        etf__put_format(p, "#Ref<%u", node_number(ref.node));
        for (uint32_t i = ref.count; i-- > 0;)
            etf__put_format(p, ".%u", ref.words[i]);
        etf__put_text(p, ">");
        return;
    }
    etf__put_text(p, "#ref(");
    print_node(p, ref.node);
    etf__put_format(p, ",%u,[", creation_of(p, ref.node, ref.creation));
    for (uint32_t i = 0; i < ref.count; i++)
        etf__put_format(p, i == 0 ? "%u" : ",%u", ref.words[i]);
    etf__put_text(p, "])");
}

/* ---- Funs ---- */

static void print_export(struct printer *p, etf_term t)
{
    etf_term module = ETF_NONE, function = ETF_NONE;
    uint32_t arity = 0;

    (void)etf_get_export(t, &module, &function, &arity);
    etf__put_text(p, "fun ");
    etf__print_atom(p, module);
    etf__put_text(p, ":");
    etf__print_atom(p, function);
    etf__put_format(p, "/%u", arity);
}

/* With full_ids up to the free variables, which are terms: print_flat.c goes on
 * with them. The old index and uniq are integers of any size. */
static void print_fun(struct printer *p, etf_term t)
{
    const uint64_t *words = etf__words(t);
    const uint8_t *uniq = (const uint8_t *)(words + 2);

    etf__put_text(p, p->options->full_ids ? "#fun(" : "#Fun<");
    etf__print_atom(p, etf__word(words[5]));
    if (!p->options->full_ids) {
        etf__put_text(p, ".");
        print_integer(p, etf__word(words[6]));
        etf__put_text(p, ".");
        print_integer(p, etf__word(words[7]));
        etf__put_text(p, ">");
        return;
    }
    etf__put_format(p, ",%u,", (uint32_t)words[4]);
    print_integer(p, etf__word(words[7]));
    etf__put_text(p, ",");
    for (unsigned i = 0; i < 16; i++)
        etf__put_format(p, "%02x", uniq[i]);
    etf__put_format(p, ",arity=%u,free=[", (unsigned)words[1]);
}

static void print_resource(struct printer *p, etf_term t)
{
    const struct etf_blob *blob = etf__word_blob(etf__words(t)[1]);

    etf__put_format(p, "#Resource<%zu>", blob->size); /* its serial number */
}

void etf__print_leaf(struct printer *p, etf_term t)
{
    switch (etf_kind(t)) {
    case ETF_KIND_NONE:
        etf__put_text(p, "#none");
        return;
    case ETF_KIND_INTEGER:
        print_integer(p, t);
        return;
    case ETF_KIND_FLOAT:
        print_float(p, t);
        return;
    case ETF_KIND_ATOM:
        etf__print_atom(p, t);
        return;
    case ETF_KIND_REF:
        print_ref(p, t);
        return;
    case ETF_KIND_FUN:
        print_fun(p, t);
        return;
    case ETF_KIND_EXPORT:
        print_export(p, t);
        return;
    case ETF_KIND_PORT:
        print_port(p, t);
        return;
    case ETF_KIND_PID:
        print_pid(p, t);
        return;
    case ETF_KIND_NIL:
        etf__put_text(p, "[]");
        return;
    case ETF_KIND_TUPLE: /* empty ones: the others have parts */
        etf__put_text(p, "{}");
        return;
    case ETF_KIND_MAP:
        etf__put_text(p, "#{}");
        return;
    case ETF_KIND_RESOURCE:
        print_resource(p, t);
        return;
    case ETF_KIND_LIST:
    case ETF_KIND_BINARY:
    case ETF_KIND_BITSTRING:
        return; /* elsewhere */
    }
}
