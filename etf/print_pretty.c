/*
 * print_pretty.c -- flat text laid out in lines, as io_lib_pretty does it.
 *
 * A part that fits in what is left of its line stays as it is; others are
 * broken after commas. Names used below, all in characters:
 *
 *   col    where we are, from 1
 *   indent of the lines that begin inside the bracket
 *   close  brackets that will close directly behind the part
 *   used   written on this line since it began, as the rules count it
 *
 * A tagged tuple {tag,...} has its elements behind the tag; where that leads
 * too far to the right, all is tried again with tagged tuples indented by 4,
 * then by 1. Source: what io_lib_pretty of OTP 25 prints.
 */
#include "print.h"

#include "walk.h"

enum bracket_kind { BRACKET_ITEMS, BRACKET_PAIRS, BRACKET_PAIR };

/* A broken part whose children are being laid out. Words, as the stack keeps
 * them. */
struct bracket {
    int64_t kind;
    size_t node;
    size_t child;     /* the next one */
    int64_t is_first; /* is it the first to be laid out? */
    int64_t col0;     /* where lines begin */
    int64_t col;
    int64_t indent;
    int64_t close;
    int64_t used;
};

#define BRACKET_WORDS (sizeof(struct bracket) / sizeof(uint64_t))

_Static_assert(sizeof(struct bracket) % sizeof(uint64_t) == 0, "words");

struct layout {
    struct printer *out;      /* borrowed */
    const struct node *nodes; /* borrowed */
    const uint8_t *text;      /* borrowed: the flat text */
    int64_t columns;
    int64_t column; /* that the first line begins in */
    int64_t total;  /* width of the whole */
    int64_t step;   /* of tagged tuples: 0 is behind the tag, or 4, or 1 */
    bool gave_up;   /* too far to the right: try the next step */
    bool is_dry;    /* only to see whether it gives up */
    struct walk brackets;
};

/* A place to put a part at. */
struct place {
    int64_t col, indent, close, used;
};

static void put(struct layout *l, const void *text, size_t size)
{
    if (!l->is_dry)
        etf__put(l->out, text, size);
}

static void put_text(struct layout *l, const char *text)
{
    put(l, text, strlen(text));
}

static void put_node(struct layout *l, const struct node *n)
{
    put(l, l->text + n->start, n->size);
}

static void put_line(struct layout *l, const char *before, int64_t indent)
{
    static const char blanks[] = "                                ";
    const int64_t step = (int64_t)sizeof blanks - 1;

    put_text(l, before);
    put_text(l, "\n");
    for (; indent > 0 && !l->is_dry; indent -= step)
        put(l, blanks, (size_t)(indent < step ? indent : step));
}

static bool fits(const struct layout *l, const struct node *n, struct place at)
{
    return n->width < l->columns - at.col - at.close &&
           n->width + at.used + at.close <= l->total;
}

/* May an atomic part of `width`, its comma counted, go on in the line? */
static bool goes_on(const struct layout *l, int64_t width, struct place at)
{
    int64_t behind = at.close == 0 ? 1 : at.close; /* the next comma */

    return width < l->columns - at.col - behind &&
           width + at.used + behind <= l->total;
}

/* ---- Binaries ---- */

/* Lines of as many numbers as fit, below each other. */
static void put_bits(struct layout *l, const struct node *n, struct place at)
{
    const uint8_t *text = l->text + n->start;
    const uint8_t *end = text + n->size;
    int64_t room = l->columns - (at.col + 2);
    int64_t left;

    if (room > l->total - 4 - at.used)
        room = l->total - 4 - at.used;
    room -= at.close;
    if (room < 8)
        room = 8;
    left = room;
    put(l, text, 2);
    for (text += 2; text < end && !l->is_dry;) {
        const uint8_t *comma = memchr(text, ',', (size_t)(end - text));
        /* The last number is measured without the >> behind it. */
        int64_t size = comma != NULL ? comma + 1 - text : end - text - 2;

        if (size > left) {
            put_line(l, "", at.indent + 2);
            left = room;
        }
        left -= size;
        put(l, text, (size_t)(comma != NULL ? size : end - text));
        text = comma != NULL ? comma + 1 : end;
    }
}

/* ---- Brackets ---- */

static struct bracket *push(struct layout *l, enum bracket_kind kind,
                            size_t node, size_t child, struct place at)
{
    struct bracket *b =
        (struct bracket *)etf__walk_push(&l->brackets, BRACKET_WORDS);

    if (b == NULL) {
        l->out->err = AGNER_ENOMEM;
        return NULL;
    }
    *b = (struct bracket){ .kind = kind,
                           .node = node,
                           .child = child,
                           .is_first = 1,
                           .col0 = at.col,
                           .col = at.col,
                           .indent = at.indent,
                           .close = at.close,
                           .used = at.used };
    return b;
}

/* {tag,... : `inside` is the place behind the brace. */
static void open_tagged(struct layout *l, size_t index, struct place inside)
{
    const struct node *tag = &l->nodes[index + 1];
    int64_t behind = tag->width + 1; /* the comma, too */
    bool stepped = l->step != 0 && behind + 1 > l->step;
    struct place rest = inside;
    int64_t limit = l->columns;
    struct bracket *b;

    if (stepped) {
        rest.col += l->step - 1;
        rest.indent += l->step - 1;
        rest.used += tag->width;
        limit++;
    } else {
        rest.col += behind;
        rest.indent += behind;
        rest.used += behind;
    }
    if (l->step != 1 && l->total + rest.col >= limit &&
        rest.col >= l->columns / 2 + (stepped ? 1 : 0)) {
        l->gave_up = true;
        return;
    }
    put_node(l, tag);
    if (!stepped)
        put_text(l, ",");
    b = push(l, BRACKET_ITEMS, index, tag->end, rest);
    if (b != NULL && stepped) { /* the elements go on in the line of the tag */
        b->is_first = 0;
        b->col = inside.col + behind;
    }
}

/* Puts a part at its place: as it is, or broken, which is then under way. */
static void put_part(struct layout *l, size_t index, struct place at)
{
    const struct node *n = &l->nodes[index];
    struct place inside = { at.col + 1, at.indent + 1, at.close, at.used + 1 };

    if (n->kind == NODE_LEAF || fits(l, n, at)) {
        put_node(l, n);
        return;
    }
    switch (n->kind) {
    case NODE_LIST:
    case NODE_IMPROPER:
        put_text(l, "[");
        (void)push(l, BRACKET_ITEMS, index, index + 1, inside);
        return;
    case NODE_TUPLE:
        put_text(l, "{");
        (void)push(l, BRACKET_ITEMS, index, index + 1, inside);
        return;
    case NODE_TAGGED:
        put_text(l, "{");
        if (n->end > index + 1) /* unless the text was cut right there */
            open_tagged(l, index, inside);
        return;
    case NODE_MAP:
        put_text(l, "#{");
        inside.col++;
        inside.indent++;
        (void)push(l, BRACKET_PAIRS, index, index + 1, inside);
        return;
    case NODE_PAIR:
        (void)push(l, BRACKET_PAIR, index, index + 1, at);
        return;
    case NODE_BITS:
        put_bits(l, n, at);
        return;
    case NODE_DEEP:
        put_node(l, n);
        return;
    case NODE_LEAF:
    case NODE_DOTS:
        return;
    }
}

static void close_bracket(struct layout *l, enum node_kind kind)
{
    (void)etf__walk_pop(&l->brackets, BRACKET_WORDS);
    if (kind == NODE_LIST || kind == NODE_IMPROPER)
        put_text(l, "]");
    else if (kind != NODE_PAIR)
        put_text(l, "}");
}

/* After an atomic part that fits the line goes on; after another it is full. */
static int64_t width_taken(const struct layout *l, const struct node *n,
                           struct place at)
{
    return n->is_atomic && fits(l, n, at) ? n->width : l->columns;
}

/* The tail of an improper list, behind `|`. */
static void put_tail(struct layout *l, const struct bracket *b, size_t index)
{
    const struct node *n = &l->nodes[index];
    struct place at = { b->col, b->indent, b->close + 1, b->used };

    if (n->is_atomic && goes_on(l, n->width + 1, at)) {
        put_text(l, "|");
        put_node(l, n);
        return;
    }
    put_line(l, "|", b->indent);
    at.col = b->col0;
    at.used = 0;
    put_part(l, index, at);
}

/* One more element or pair: in this line, or in a line of its own. */
static void put_item(struct layout *l, struct bracket *b, size_t index,
                     bool is_last)
{
    const struct node *n = &l->nodes[index];
    struct place at = { b->col, b->indent, is_last ? b->close + 1 : 0,
                        b->used };
    bool is_first = b->is_first != 0;
    int64_t taken;

    b->is_first = 0;
    if (!is_first && n->is_atomic && goes_on(l, n->width + 1, at)) {
        put_text(l, ",");
        put_node(l, n);
        b->col += n->width + 1;
        b->used += n->width + 1;
        return;
    }
    at.col = b->col0;
    if (!is_first) {
        put_line(l, ",", b->indent);
        at.used = 0;
    }
    taken = width_taken(l, n, at);
    b->col = b->col0 + taken;
    b->used = b->kind == BRACKET_PAIRS ? taken : at.used + taken;
    put_part(l, index, at); /* may move the brackets */
}

static void put_items(struct layout *l, struct bracket *b)
{
    const struct node *whole = &l->nodes[b->node];
    bool is_cut = whole->width == ETF__WIDE; /* more would follow */
    size_t index = b->child, behind;

    if (index >= whole->end) {
        close_bracket(l, whole->kind);
        return;
    }
    behind = l->nodes[index].end;
    b->child = behind;
    if (l->nodes[index].kind == NODE_DOTS) { /* wherever it is */
        put_text(l, whole->kind == NODE_LIST ? "|..." : ",...");
        return;
    }
    if (whole->kind == NODE_IMPROPER && behind == whole->end) {
        put_tail(l, b, index);
        return;
    }
    if (whole->kind == NODE_IMPROPER ||
        (behind < whole->end && l->nodes[behind].kind == NODE_DOTS))
        put_item(l, b, index, l->nodes[behind].end == whole->end);
    else
        put_item(l, b, index, behind == whole->end && !is_cut);
}

/* Key, arrow, and the value in a line of its own. */
static void put_pair(struct layout *l, struct bracket *b)
{
    const struct node *whole = &l->nodes[b->node];
    struct place at = { b->col, b->indent, b->close, b->used };
    size_t index = b->child;
    int64_t step = l->step != 0 ? l->step : 4;

    if (index >= whole->end) {
        close_bracket(l, NODE_PAIR);
        return;
    }
    if (b->is_first == 0) {
        at.col += step;
        at.indent += step;
        at.used = 0;
        put_line(l, " =>", at.indent);
    }
    b->is_first = 0;
    b->child = l->nodes[index].end;
    put_part(l, index, at);
}

static void lay_out(struct layout *l)
{
    const struct place start = { .col = l->column, .indent = l->column - 1 };

    l->brackets.top = l->brackets.base;
    put_part(l, 0, start);
    while (!etf__walk_is_empty(&l->brackets) && !l->gave_up &&
           !etf__print_stopped(l->out)) {
        struct bracket *b = (struct bracket *)(l->brackets.top - BRACKET_WORDS);

        if (b->kind == BRACKET_PAIR)
            put_pair(l, b);
        else
            put_items(l, b);
    }
}

void etf__print_lines(struct printer *p, const struct printer *flat,
                      unsigned columns, unsigned column)
{
    static const int64_t steps[] = { 0, 4, 1 };
    struct layout l = { .out = p,
                        .nodes = flat->nodes,
                        .text = flat->out->data,
                        .columns = columns,
                        .column = column,
                        .total = flat->nodes[0].width,
                        .is_dry = true };

    etf__walk_init(&l.brackets);
    for (size_t i = 0; i < 3; i++) {
        l.step = steps[i];
        l.gave_up = false;
        if (l.step != 1) /* which never gives up */
            lay_out(&l);
        if (!l.gave_up)
            break;
    }
    l.is_dry = false;
    lay_out(&l);
    etf__walk_fini(&l.brackets);
}
