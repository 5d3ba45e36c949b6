/*
 * measure.c -- how large a term becomes, before it is decoded.
 *
 * A walk over tags and lengths that looks at nothing else: it counts the terms
 * that are still to come and needs no stack. It believes what it sees only as
 * far as the bytes reach, and decides nothing: the decoder checks everything
 * once more, in room of this size.
 */
#include "measure.h"

#include "bits.h"
#include "ident.h"
#include "reader.h"
#include "tags.h"

#define WORDS_MAX (ETF_DECODED_MAX / sizeof(uint64_t))

struct measure {
    const uint8_t *next;
    const uint8_t *end;
    size_t words;
    size_t terms; /* still to come */
};

static size_t left(const struct measure *m)
{
    return (size_t)(m->end - m->next);
}

static bool skip(struct measure *m, size_t count)
{
    if (left(m) < count)
        return false;
    m->next += count;
    return true;
}

/* `count` terms of `each` words, and `more` words. A term takes a byte. */
static bool expect(struct measure *m, uint64_t count, size_t each, size_t more)
{
    if (count > left(m))
        return false;
    m->terms += count;
    m->words += count * each + more;
    return m->terms <= left(m) && m->words <= WORDS_MAX;
}

/* A length of `wide` bytes, and as many bytes. */
static bool skip_counted(struct measure *m, size_t wide, size_t *count)
{
    const uint8_t *p = m->next;

    if (!skip(m, wide))
        return false;
    *count = wide == 1 ? *p : wide == 2 ? etf__get16(p) : etf__get32(p);
    return true;
}

static bool skip_atom(struct measure *m, unsigned tag)
{
    bool wide = tag == ATOM_EXT || tag == ATOM_UTF8_EXT;
    size_t count;

    return skip_counted(m, wide ? 2 : 1, &count) && skip(m, count);
}

static bool skip_node(struct measure *m)
{
    unsigned tag;

    if (left(m) == 0)
        return false;
    tag = *m->next++;
    switch (tag) {
    case ATOM_EXT:
    case ATOM_UTF8_EXT:
    case SMALL_ATOM_EXT:
    case SMALL_ATOM_UTF8_EXT:
        return skip_atom(m, tag);
    case ATOM_CACHE_REF:
        return skip(m, 1);
    default: /* any other byte of 256 */
        return false;
    }
}

static bool add_binary(struct measure *m)
{
    size_t count;

    if (!skip_counted(m, 4, &count) || !skip(m, count))
        return false;
    m->words += count >= ETF__BLOB_MIN ? 4 : 1 + etf__bytes_words(count);
    return true;
}

/* The decoder drops leading zeros and keeps what fits a word in one. */
static bool add_big(struct measure *m, unsigned tag)
{
    size_t count;

    if (!skip_counted(m, tag == SMALL_BIG_EXT ? 1 : 4, &count) || !skip(m, 1) ||
        !skip(m, count))
        return false;
    m->words += 1 + etf__bytes_words(count);
    return true;
}

static bool add_ref(struct measure *m)
{
    size_t count;

    if (!skip_counted(m, 2, &count) || count > 5 || !skip_node(m))
        return false;
    m->words += 1 + etf__ref_size((uint32_t)count);
    return skip(m, 4 + 4 * count);
}

static bool add_string(struct measure *m)
{
    size_t count;

    if (!skip_counted(m, 2, &count) || !skip(m, count))
        return false;
    m->words += 2 * count;
    return true;
}

static bool add_container(struct measure *m, unsigned tag)
{
    size_t count;

    if (!skip_counted(m, tag == SMALL_TUPLE_EXT ? 1 : 4, &count))
        return false;
    if (tag == MAP_EXT)
        return expect(m, 2 * (uint64_t)count, 1, 1);
    if (tag == LIST_EXT) {
        m->terms++; /* the tail */
        return expect(m, count, 2, 0);
    }
    return expect(m, count, 1, 1);
}

static bool add_term(struct measure *m)
{
    unsigned tag = *m->next++;

    switch (tag) {
    case SMALL_INTEGER_EXT:
        return skip(m, 1);
    case INTEGER_EXT:
        return skip(m, 4);
    case NIL_EXT:
        return true;
    case SMALL_ATOM_UTF8_EXT:
    case SMALL_ATOM_EXT:
    case ATOM_UTF8_EXT:
    case ATOM_EXT:
        return skip_atom(m, tag);
    case ATOM_CACHE_REF:
        return skip(m, 1);
    case SMALL_TUPLE_EXT:
    case LARGE_TUPLE_EXT:
    case LIST_EXT:
    case MAP_EXT:
        return add_container(m, tag);
    case STRING_EXT:
        return add_string(m);
    case BINARY_EXT:
        return add_binary(m);
    case SMALL_BIG_EXT:
    case LARGE_BIG_EXT:
        return add_big(m, tag);
    case NEW_FLOAT_EXT:
        m->words += 2;
        return skip(m, 8);
    case NEW_PID_EXT:
        m->words += 4;
        return skip_node(m) && skip(m, 12);
    case NEWER_REFERENCE_EXT:
        return add_ref(m);
    case NEW_PORT_EXT:
        m->words += 4;
        return skip_node(m) && skip(m, 8);
    case V4_PORT_EXT:
        m->words += 4;
        return skip_node(m) && skip(m, 12);
    default: /* unknown, or rare */
        return false;
    }
}

/* Small integers in a row, which long lists are made of. */
static void skip_integers(struct measure *m)
{
    const uint8_t *p = m->next;

    while (m->terms > 0 && m->end - p >= 5 && *p == INTEGER_EXT) {
        p += 5;
        m->terms--;
    }
    m->next = p;
}

size_t etf__measure(const uint8_t *bytes, size_t size)
{
    struct measure m = { bytes, bytes + size, 0, 1 };

    while (m.terms > 0) {
        if (left(&m) > 0 && *m.next == INTEGER_EXT)
            skip_integers(&m);
        if (m.terms == 0)
            break;
        m.terms--;
        if (left(&m) == 0 || !add_term(&m) || m.words > WORDS_MAX)
            return SIZE_MAX;
    }
    return m.words;
}
