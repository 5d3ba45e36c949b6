/*
 * inspect.c -- what a term is, and C values out of it.
 *
 * Getters change their output only when they return true.
 */
#include <agner/etf.h>

#include <math.h>

#include "bignum.h"
#include "bits.h"
#include "ident.h"
#include "utf8.h"

static const uint8_t tag_kinds[8] = {
    [ETF__NONE] = ETF_KIND_NONE, [ETF__INT] = ETF_KIND_INTEGER,
    [ETF__ATOM] = ETF_KIND_ATOM, [ETF__PID] = ETF_KIND_PID,
    [ETF__CONS] = ETF_KIND_LIST, [ETF__NIL] = ETF_KIND_NIL,
};

static const uint8_t head_kinds[] = {
    [ETF__HEAD_TUPLE] = ETF_KIND_TUPLE,
    [ETF__HEAD_MAP] = ETF_KIND_MAP,
    [ETF__HEAD_BIG_POS] = ETF_KIND_INTEGER,
    [ETF__HEAD_BIG_NEG] = ETF_KIND_INTEGER,
    [ETF__HEAD_FLOAT] = ETF_KIND_FLOAT,
    [ETF__HEAD_REF] = ETF_KIND_REF,
    [ETF__HEAD_PORT] = ETF_KIND_PORT,
    [ETF__HEAD_PID] = ETF_KIND_PID,
    [ETF__HEAD_ATOM] = ETF_KIND_ATOM,
    [ETF__HEAD_BINARY] = ETF_KIND_BINARY,
    [ETF__HEAD_BITS] = ETF_KIND_BITSTRING,
    [ETF__HEAD_BLOB] = ETF_KIND_BINARY,
    [ETF__HEAD_BLOB_BITS] = ETF_KIND_BITSTRING,
    [ETF__HEAD_RESOURCE] = ETF_KIND_RESOURCE,
    [ETF__HEAD_EXPORT] = ETF_KIND_EXPORT,
    [ETF__HEAD_FUN] = ETF_KIND_FUN,
};

enum etf_kind etf_kind(etf_term t)
{
    unsigned tag = etf__tag(t);

    if (tag == ETF__BOX)
        return (enum etf_kind)head_kinds[etf__head(etf__words(t))];
    return (enum etf_kind)tag_kinds[tag];
}

bool etf_is_word(etf_term t)
{
    return etf__tag(t) != ETF__BOX && etf__tag(t) != ETF__CONS;
}

/* Limbs of a boxed integer of one limb: all that can fit 64 bits. */
static bool one_limb(etf_term t, bool *negative, uint64_t *limb)
{
    const uint64_t *words;

    if (!etf__is_big(t))
        return false;
    words = etf__words(t);
    *negative = etf__head(words) == ETF__HEAD_BIG_NEG;
    *limb = words[1];
    return etf__head_size(words) == 1;
}

bool etf_get_int(etf_term t, int64_t *v)
{
    bool negative;
    uint64_t limb;

    if (etf__tag(t) == ETF__INT) {
        *v = etf__small_value(t);
        return true;
    }
    if (!one_limb(t, &negative, &limb))
        return false;
    if (limb > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *v = (int64_t)(negative ? 0 - limb : limb);
    return true;
}

bool etf_get_uint(etf_term t, uint64_t *v)
{
    bool negative;
    uint64_t limb;

    if (etf__tag(t) == ETF__INT) {
        if (etf__small_value(t) < 0)
            return false;
        *v = (uint64_t)etf__small_value(t);
        return true;
    }
    if (!one_limb(t, &negative, &limb) || negative)
        return false;
    *v = limb;
    return true;
}

bool etf_get_float(etf_term t, double *v)
{
    if (!etf__is_boxed(t, ETF__HEAD_FLOAT))
        return false;
    memcpy(v, etf__words(t) + 1, sizeof *v);
    return true;
}

bool etf_get_number(etf_term t, double *v)
{
    struct etf__integer view;
    double value;

    if (etf_get_float(t, v))
        return true;
    if (etf_kind(t) != ETF_KIND_INTEGER)
        return false;
    etf__integer_view(t, &view);
    value = etf__integer_to_double(&view);
    if (!isfinite(value))
        return false;
    *v = value;
    return true;
}

bool etf_get_bool(etf_term t, bool *v)
{
    if (!etf_same(t, ETF_A(true)) && !etf_same(t, ETF_A(false)))
        return false;
    *v = etf_same(t, ETF_A(true));
    return true;
}

/* A node's name that stayed text lives in the region of its term: it cannot go
 * into a value that is kept. */
static bool may_be_kept(etf_term node)
{
    return etf_is_none(node) || etf__tag(node) == ETF__ATOM;
}

bool etf_get_pid(etf_term t, etf_pid *v)
{
    etf_pid pid;

    if (!etf__pid_view(t, &pid) || !may_be_kept(pid.node))
        return false;
    *v = pid;
    return true;
}

bool etf_get_ref(etf_term t, etf_ref *v)
{
    etf_ref ref;

    if (!etf__ref_view(t, &ref) || !may_be_kept(ref.node))
        return false;
    *v = ref;
    return true;
}

bool etf_get_port(etf_term t, etf_term *node, uint64_t *id, uint32_t *creation)
{
    const uint64_t *words;

    if (!etf__is_boxed(t, ETF__HEAD_PORT))
        return false;
    words = etf__words(t);
    *node = etf__word(words[1]);
    *id = words[2];
    *creation = (uint32_t)words[3];
    return true;
}

bool etf_get_export(etf_term t, etf_term *module, etf_term *function,
                    uint32_t *arity)
{
    const uint64_t *words;

    if (!etf__is_boxed(t, ETF__HEAD_EXPORT))
        return false;
    words = etf__words(t);
    *module = etf__word(words[1]);
    *function = etf__word(words[2]);
    *arity = (uint32_t)words[3];
    return true;
}

bool etf_get_big(etf_term t, bool *negative, uint8_t *bytes, size_t size,
                 size_t *used)
{
    struct etf__integer view;
    size_t need = 0;

    if (etf_kind(t) != ETF_KIND_INTEGER)
        return false;
    etf__integer_view(t, &view);
    if (view.count > 0) {
        uint64_t top = view.limbs[view.count - 1];

        need = 8 * view.count - (size_t)__builtin_clzll(top) / 8;
    }
    *used = need;
    if (need > size)
        return false;
    *negative = view.negative;
    for (size_t i = 0; i < need; i++)
        bytes[i] = (uint8_t)(view.limbs[i / 8] >> 8 * (i % 8));
    return true;
}

bool etf_get_bytes(etf_term t, etf_bytes *v)
{
    struct bits bits;

    if (!etf__bits_view(t, &bits) || bits.used != 8)
        return false;
    *v = (etf_bytes){ bits.data, bits.size };
    return true;
}

bool etf_get_bits(etf_term t, etf_bytes *v, unsigned *bits)
{
    struct bits view;

    if (!etf__bits_view(t, &view))
        return false;
    *v = (etf_bytes){ view.data, view.size };
    *bits = view.used;
    return true;
}

/* A list of code points as UTF-8. */
static bool list_text(etf_term t, char *buffer, size_t size)
{
    size_t used = 0;
    etf_term head;

    while (etf_list_next(&t, &head)) {
        uint8_t bytes[4];
        uint64_t point;
        unsigned count;

        if (!etf_get_uint(head, &point) || point == 0 || point > 0x10ffff)
            return false;
        count = etf__utf8_put(bytes, (uint32_t)point);
        if (count == 0 || used + count >= size)
            return false;
        memcpy(buffer + used, bytes, count);
        used += count;
    }
    if (etf__tag(t) != ETF__NIL || used >= size)
        return false;
    buffer[used] = '\0';
    return true;
}

bool etf_get_text(etf_term t, char *buffer, size_t size)
{
    etf_bytes text;
    size_t chars;

    if (etf__tag(t) == ETF__CONS || etf__tag(t) == ETF__NIL) {
        if (list_text(t, buffer, size))
            return true;
        if (size > 0) /* terminated even so */
            buffer[0] = '\0';
        return false;
    }
    if (size > 0)
        buffer[0] = '\0';
    text = etf_atom_text(t);
    if (text.data == NULL && !etf_get_bytes(t, &text))
        return false;
    if (text.size >= size || memchr(text.data, 0, text.size) != NULL ||
        !etf__utf8_valid(text.data, text.size, &chars))
        return false;
    memcpy(buffer, text.data, text.size);
    buffer[text.size] = '\0';
    return true;
}

bool etf_get_resource(etf_term t, void **value)
{
    if (!etf__is_boxed(t, ETF__HEAD_RESOURCE))
        return false;
    *value = etf__word_blob(etf__words(t)[1])->value;
    return true;
}

size_t etf_tuple_size(etf_term t)
{
    return etf__is_boxed(t, ETF__HEAD_TUPLE) ? etf__head_size(etf__words(t))
                                             : 0;
}

const etf_term *etf_tuple_items(etf_term t)
{
    _Static_assert(sizeof(etf_term) == sizeof(uint64_t), "a term is a word");

    if (!etf__is_boxed(t, ETF__HEAD_TUPLE))
        return NULL;
    return (const etf_term *)(etf__words(t) + 1);
}

bool etf_is_tagged(etf_term t, etf_term tag, size_t count)
{
    const uint64_t *words;

    if (count == 0 || !etf__is_boxed(t, ETF__HEAD_TUPLE))
        return false;
    words = etf__words(t);
    if (etf__head_size(words) != count)
        return false;
    if (words[1] == tag.word)
        return true;
    /* An atom that could not be interned compares by its text. */
    return (etf__tag(etf__word(words[1])) == ETF__BOX ||
            etf__tag(tag) == ETF__BOX) &&
           etf_equal(etf__word(words[1]), tag);
}

bool etf_list_next(etf_term *list, etf_term *head)
{
    const uint64_t *words;

    if (etf__tag(*list) != ETF__CONS)
        return false;
    words = etf__words(*list);
    *head = etf__word(words[0]);
    *list = etf__word(words[1]);
    return true;
}

int64_t etf_list_size(etf_term t)
{
    int64_t count = 0;

    for (; etf__tag(t) == ETF__CONS; t = etf__word(etf__words(t)[1]))
        count++;
    return etf__tag(t) == ETF__NIL ? count : -1;
}

bool etf_pid_equal(etf_pid a, etf_pid b)
{
    return a.id == b.id && a.serial == b.serial && a.creation == b.creation &&
           etf_equal(a.node, b.node);
}

bool etf_ref_equal(etf_ref a, etf_ref b)
{
    return memcmp(a.words, b.words, sizeof a.words) == 0 &&
           a.creation == b.creation && etf_equal(a.node, b.node);
}
