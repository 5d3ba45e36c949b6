/*
 * order.c -- the order of terms, and equality.
 *
 * Two orders: the standard one, and the exact one of map keys, where an integer
 * is below a float. No order depends on an address. What is still to be
 * compared stands on a stack of pairs of ranges; a list's tail takes the place
 * of the list there, so that a long list is not deep.
 *
 * Source: Erlang reference manual, "Term Comparisons".
 */
#include "order.h"

#include "atom_table.h"
#include "bignum.h"
#include "bits.h"
#include "ident.h"
#include "walk.h"

enum rank {
    RANK_NONE,
    RANK_NUMBER,
    RANK_ATOM,
    RANK_REF,
    RANK_FUN,
    RANK_PORT,
    RANK_PID,
    RANK_TUPLE,
    RANK_MAP,
    RANK_NIL,
    RANK_LIST,
    RANK_BITS,
    RANK_RESOURCE
};

static const uint8_t tag_ranks[8] = {
    [ETF__NONE] = RANK_NONE, [ETF__INT] = RANK_NUMBER, [ETF__ATOM] = RANK_ATOM,
    [ETF__PID] = RANK_PID,   [ETF__CONS] = RANK_LIST,  [ETF__NIL] = RANK_NIL,
};

static const uint8_t head_ranks[] = {
    [ETF__HEAD_TUPLE] = RANK_TUPLE,    [ETF__HEAD_MAP] = RANK_MAP,
    [ETF__HEAD_BIG_POS] = RANK_NUMBER, [ETF__HEAD_BIG_NEG] = RANK_NUMBER,
    [ETF__HEAD_FLOAT] = RANK_NUMBER,   [ETF__HEAD_REF] = RANK_REF,
    [ETF__HEAD_PORT] = RANK_PORT,      [ETF__HEAD_PID] = RANK_PID,
    [ETF__HEAD_ATOM] = RANK_ATOM,      [ETF__HEAD_BINARY] = RANK_BITS,
    [ETF__HEAD_BITS] = RANK_BITS,      [ETF__HEAD_BLOB] = RANK_BITS,
    [ETF__HEAD_BLOB_BITS] = RANK_BITS, [ETF__HEAD_RESOURCE] = RANK_RESOURCE,
    [ETF__HEAD_EXPORT] = RANK_FUN,     [ETF__HEAD_FUN] = RANK_FUN,
};

static unsigned rank_of(etf_term t)
{
    unsigned tag = etf__tag(t);

    return tag == ETF__BOX ? head_ranks[etf__head(etf__words(t))]
                           : tag_ranks[tag];
}

/* Below 0, 0, above 0, as everywhere here. */
static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b,
                         size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common == 0 ? 0 : memcmp(a, b, common);

    return order != 0 ? order : by_number(a_size, b_size);
}

/* By code point, which is by byte of UTF-8. */
static int compare_atoms(etf_term a, etf_term b)
{
    etf_bytes a_text, b_text;

    if (etf_same(a, b))
        return 0;
    if (etf__tag(a) == ETF__ATOM && etf__tag(b) == ETF__ATOM) {
        uint64_t a_prefix = etf__atom_entry(a)->prefix;
        uint64_t b_prefix = etf__atom_entry(b)->prefix;

        if (a_prefix != b_prefix)
            return by_number(a_prefix, b_prefix);
    }
    a_text = etf_atom_text(a);
    b_text = etf_atom_text(b);
    return compare_bytes(a_text.data, a_text.size, b_text.data, b_text.size);
}

/* Nodes of identifiers: this node, which has no name here, before the others.
 */
static int compare_nodes(etf_term a, etf_term b)
{
    if (etf_is_none(a) || etf_is_none(b))
        return by_number(!etf_is_none(a), !etf_is_none(b));
    return compare_atoms(a, b);
}

static bool both_small(etf_term a, etf_term b)
{
    return etf__tag(a) == ETF__INT && etf__tag(b) == ETF__INT;
}

static int compare_small(etf_term a, etf_term b)
{
    int64_t x = (int64_t)a.word, y = (int64_t)b.word;

    return (x > y) - (x < y);
}

static double float_value(const uint64_t *words)
{
    double v;

    memcpy(&v, words + 1, sizeof v);
    return v;
}

static int compare_numbers(etf_term a, etf_term b, bool exact)
{
    bool a_float = etf__is_boxed(a, ETF__HEAD_FLOAT);
    bool b_float = etf__is_boxed(b, ETF__HEAD_FLOAT);
    struct etf__integer a_view, b_view;

    if (both_small(a, b))
        return compare_small(a, b);
    if (a_float && b_float) {
        double x = float_value(etf__words(a)), y = float_value(etf__words(b));

        return (x > y) - (x < y);
    }
    if (exact && a_float != b_float)
        return a_float ? 1 : -1;
    if (!a_float)
        etf__integer_view(a, &a_view);
    if (!b_float)
        etf__integer_view(b, &b_view);
    if (a_float)
        return -etf__integer_compare_float(&b_view, float_value(etf__words(a)));
    if (b_float)
        return etf__integer_compare_float(&a_view, float_value(etf__words(b)));
    return etf__integer_compare(&a_view, &b_view);
}

/* Words from the last to the first; those that are not there are 0. */
static int compare_refs(etf_term a, etf_term b)
{
    etf_ref x = etf__ref_of(a), y = etf__ref_of(b);
    int order;

    order = compare_nodes(x.node, y.node);
    if (order == 0)
        order = by_number(x.creation, y.creation);
    for (size_t i = 5; order == 0 && i-- > 0;)
        order = by_number(x.words[i], y.words[i]);
    return order;
}

static int compare_ports(const uint64_t *a, const uint64_t *b)
{
    int order = compare_nodes(etf__word(a[1]), etf__word(b[1]));

    if (order == 0)
        order = by_number(a[3], b[3]);
    return order != 0 ? order : by_number(a[2], b[2]);
}

static int compare_pids(etf_term a, etf_term b)
{
    etf_pid x = etf__pid_of(a), y = etf__pid_of(b);
    int order;

    order = by_number(x.serial, y.serial);
    if (order == 0)
        order = by_number(x.id, y.id);
    if (order == 0)
        order = compare_nodes(x.node, y.node);
    return order != 0 ? order : by_number(x.creation, y.creation);
}

static int compare_bits(etf_term a, etf_term b)
{
    struct bits x = etf__bits_of(a), y = etf__bits_of(b);
    size_t common, whole;
    int order;

    common = etf__bits_count(&x) < etf__bits_count(&y) ? etf__bits_count(&x)
                                                       : etf__bits_count(&y);
    whole = common / 8;
    order = whole == 0 ? 0 : memcmp(x.data, y.data, whole);
    if (order == 0 && common % 8 != 0) {
        unsigned shift = 8 - (unsigned)(common % 8);

        order = by_number(x.data[whole] >> shift, y.data[whole] >> shift);
    }
    return order != 0 ? order
                      : by_number(etf__bits_count(&x), etf__bits_count(&y));
}

static int compare_exports(const uint64_t *a, const uint64_t *b)
{
    int order = compare_atoms(etf__word(a[1]), etf__word(b[1]));

    if (order == 0)
        order = compare_atoms(etf__word(a[2]), etf__word(b[2]));
    return order != 0 ? order : by_number(a[3], b[3]);
}

/*
 * Two ranges of terms that are still to be compared, one by one:
 * {a, b, count << 2 | stride of pairs | exact}.
 */
#define FRAME_WORDS 3u
#define FRAME_EXACT 1u
#define FRAME_PAIRS 2u /* every other word */
#define FRAME_COUNT 2u /* bits to shift */

struct comparison {
    bool exact;
    bool failed; /* out of memory: something was not compared */
    struct walk stack;
};

static void push(struct comparison *c, const uint64_t *a, const uint64_t *b,
                 size_t count, unsigned flags)
{
    uint64_t *frame;

    if (count == 0)
        return;
    frame = etf__walk_push(&c->stack, FRAME_WORDS);
    if (frame == NULL) {
        c->failed = true;
        return;
    }
    frame[0] = etf__address(a);
    frame[1] = etf__address(b);
    frame[2] = (uint64_t)count << FRAME_COUNT | flags;
}

/* The next two terms that are not the same word. false: nothing is left. */
static bool next(struct comparison *c, etf_term *a, etf_term *b)
{
    while (!etf__walk_is_empty(&c->stack)) {
        uint64_t *frame = etf__walk_pop(&c->stack, FRAME_WORDS);
        const uint64_t *x = etf__word_link(frame[0]);
        const uint64_t *y = etf__word_link(frame[1]);
        size_t count = frame[2] >> FRAME_COUNT;
        unsigned flags = (unsigned)frame[2] & (FRAME_EXACT | FRAME_PAIRS);
        size_t stride = flags & FRAME_PAIRS ? 2 : 1;

        while (count > 0 && *x == *y) {
            x += stride;
            y += stride;
            count--;
        }
        if (count == 0)
            continue;
        *a = etf__word(*x);
        *b = etf__word(*y);
        c->exact = (flags & FRAME_EXACT) != 0;
        if (count > 1) /* there is room: the frame was just popped */
            push(c, x + stride, y + stride, count - 1, flags);
        return true;
    }
    return false;
}

static int compare_funs(struct comparison *c, const uint64_t *a,
                        const uint64_t *b)
{
    bool a_local = etf__head(a) == ETF__HEAD_FUN;
    bool b_local = etf__head(b) == ETF__HEAD_FUN;
    int order;

    if (a_local != b_local)
        return a_local ? -1 : 1;
    if (!a_local)
        return compare_exports(a, b);
    order = compare_atoms(etf__word(a[5]), etf__word(b[5]));
    if (order == 0)
        order = by_number(a[4], b[4]);
    if (order == 0)
        order = compare_numbers(etf__word(a[7]), etf__word(b[7]), true);
    if (order == 0)
        order = by_number(etf__head_size(a), etf__head_size(b));
    if (order == 0)
        push(c, a + 9, b + 9, etf__head_size(a) - 8, c->exact);
    return order;
}

static int compare_maps(struct comparison *c, const uint64_t *a,
                        const uint64_t *b)
{
    size_t count = etf__head_size(a);

    if (count != etf__head_size(b))
        return by_number(count, etf__head_size(b));
    push(c, a + 2, b + 2, count, FRAME_PAIRS | c->exact);
    push(c, a + 1, b + 1, count, FRAME_PAIRS | FRAME_EXACT); /* keys first */
    return 0;
}

static int compare_tuples(struct comparison *c, const uint64_t *a,
                          const uint64_t *b)
{
    size_t count = etf__head_size(a);

    if (count != etf__head_size(b))
        return by_number(count, etf__head_size(b));
    push(c, a + 1, b + 1, count, c->exact);
    return 0;
}

/* Goes along while the heads are the same words. */
static int compare_lists(struct comparison *c, etf_term a, etf_term b)
{
    const uint64_t *x = etf__words(a);
    const uint64_t *y = etf__words(b);

    while (x[0] == y[0] && etf__tag(etf__word(x[1])) == ETF__CONS &&
           etf__tag(etf__word(y[1])) == ETF__CONS) {
        if (x[1] == y[1])
            return 0;
        x = etf__words(etf__word(x[1]));
        y = etf__words(etf__word(y[1]));
    }
    if (x[0] != y[0] && both_small(etf__word(x[0]), etf__word(y[0])))
        return compare_small(etf__word(x[0]), etf__word(y[0]));
    push(c, x, y, 2, c->exact);
    return 0;
}

/* Two terms of one rank; what is inside them goes on the stack. */
static int compare_one(struct comparison *c, etf_term a, etf_term b)
{
    enum rank rank = (enum rank)rank_of(a);
    unsigned b_rank = rank_of(b);

    if (rank != b_rank)
        return by_number(rank, b_rank);
    switch (rank) {
    case RANK_NONE:
    case RANK_NIL:
        return 0;
    case RANK_NUMBER:
        return compare_numbers(a, b, c->exact);
    case RANK_ATOM:
        return compare_atoms(a, b);
    case RANK_REF:
        return compare_refs(a, b);
    case RANK_FUN:
        return compare_funs(c, etf__words(a), etf__words(b));
    case RANK_PORT:
        return compare_ports(etf__words(a), etf__words(b));
    case RANK_PID:
        return compare_pids(a, b);
    case RANK_TUPLE:
        return compare_tuples(c, etf__words(a), etf__words(b));
    case RANK_MAP:
        return compare_maps(c, etf__words(a), etf__words(b));
    case RANK_LIST:
        return compare_lists(c, a, b);
    case RANK_BITS:
        return compare_bits(a, b);
    case RANK_RESOURCE:
        return by_number(etf__word_blob(etf__words(a)[1])->size,
                         etf__word_blob(etf__words(b)[1])->size);
    }
    __builtin_unreachable();
}

static int compare(etf_term a, etf_term b, bool exact, bool *failed)
{
    struct comparison c;
    int order;

    c.exact = exact;
    c.failed = false;
    etf__walk_init(&c.stack);
    do {
        order = compare_one(&c, a, b);
    } while (order == 0 && next(&c, &a, &b));
    etf__walk_fini(&c.stack);
    *failed = c.failed;
    return order;
}

int etf_compare(etf_term a, etf_term b)
{
    bool failed;

    if (etf_same(a, b))
        return 0;
    if (both_small(a, b))
        return compare_small(a, b);
    return compare(a, b, false, &failed);
}

int etf_compare_exact(etf_term a, etf_term b)
{
    bool failed;

    if (etf_same(a, b))
        return 0;
    if (both_small(a, b))
        return compare_small(a, b);
    return compare(a, b, true, &failed);
}

bool etf_equal(etf_term a, etf_term b)
{
    bool failed;

    if (etf_same(a, b))
        return true;
    /* Two different words: equal only if something stands behind both, or an
     * interned atom meets a boxed one. */
    if (!etf__is_compound(a.word) && !etf__is_compound(b.word))
        return false;
    return compare(a, b, true, &failed) == 0 && !failed;
}

/* A float's bits as a number in the order of floats; the two zeros are one. */
static uint64_t float_order(const uint64_t *words)
{
    uint64_t bits = words[1];

    if (bits << 1 == 0)
        bits = 0;
    return bits >> 63 != 0 ? ~bits : bits | (uint64_t)1 << 63;
}

static uint64_t bytes_order(const uint8_t *data, size_t size)
{
    uint64_t order = 0;

    for (size_t i = 0; i < 8; i++)
        order = order << 8 | (i < size ? data[i] : 0);
    return order;
}

/* Four bits of kind and the upper 60 of what orders the kind, if a word does.
 */
static uint64_t order_key(unsigned kind, uint64_t within)
{
    return (uint64_t)kind << 60 | within >> 4;
}

static uint64_t number_order(etf_term t)
{
    const uint64_t *words;

    if (etf__tag(t) == ETF__INT) {
        /* 61 signed bits, the least one lost; the extremes are the bigs'. */
        uint64_t v = t.word ^ (uint64_t)1 << 63;

        return order_key(RANK_NONE, v);
    }
    words = etf__words(t);
    if (etf__head(words) == ETF__HEAD_FLOAT)
        return order_key(RANK_NUMBER, float_order(words));
    return order_key(RANK_NONE,
                     etf__head(words) == ETF__HEAD_BIG_POS ? UINT64_MAX : 0);
}

uint64_t etf__order_key(etf_term t)
{
    unsigned rank = rank_of(t);
    etf_bytes text;
    struct bits bits;

    if (rank == RANK_NUMBER)
        return number_order(t);
    if (etf__tag(t) == ETF__ATOM)
        return order_key(rank, etf__atom_entry(t)->prefix);
    if (rank == RANK_ATOM) {
        text = etf_atom_text(t);
        return order_key(rank, bytes_order(text.data, text.size));
    }
    if (rank == RANK_BITS && etf__bits_view(t, &bits))
        return order_key(rank, bytes_order(bits.data, bits.size));
    if (rank == RANK_TUPLE || rank == RANK_MAP)
        return order_key(rank, etf__head_size(etf__words(t)) << 4);
    return order_key(rank, 0);
}
