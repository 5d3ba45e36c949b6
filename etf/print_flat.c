/*
 * print_flat.c -- a term as text on one line, and where its parts stand in it.
 *
 * Open brackets are frames on a stack of our own, so a term may be nested as
 * deeply as it likes.
 */
#include "print.h"

#include <stdlib.h>

#include "shape.h"
#include "walk.h"

enum frame_kind {
    FRAME_TUPLE,
    FRAME_LIST,
    FRAME_MAP,
    FRAME_FREE /* the free variables of a fun, shown as a list */
};

struct frame { /* words, as the stack keeps them */
    uint64_t kind;
    uint64_t term;  /* of a list: what is left of it */
    uint64_t index; /* of the next part */
    uint64_t node;  /* index */
    uint64_t pair;  /* of a map: the node of the newest pair */
    uint64_t depth; /* that parts have, with one less for each of a tuple or
                       list; 0: no limit */
};

#define FRAME_WORDS (sizeof(struct frame) / sizeof(uint64_t))

struct flat {
    struct printer *printer; /* borrowed */
    struct walk frames;
    size_t depth;
    uint64_t io_depth; /* of the next term; 0: no limit */
};

/* ---- Nodes ---- */

static size_t open_node(struct printer *p, enum node_kind kind)
{
    struct node *node;

    if (!p->has_nodes || etf__print_stopped(p))
        return 0;
    if (p->node_count == p->node_capacity) {
        size_t capacity = p->node_capacity == 0 ? 64 : 2 * p->node_capacity;

        node = reallocarray(p->nodes, capacity, sizeof *node);
        if (node == NULL) {
            p->err = AGNER_ENOMEM;
            return 0;
        }
        p->nodes = node;
        p->node_capacity = capacity;
    }
    /* As if cut, until it is closed; `end` is then set at the end of all. */
    p->nodes[p->node_count] = (struct node){
        .start = p->out->size, .width = p->width, .end = SIZE_MAX, .kind = kind
    };
    return p->node_count++;
}

static void close_node(struct printer *p, size_t index)
{
    struct node *node;

    if (!p->has_nodes || etf__print_stopped(p))
        return;
    node = &p->nodes[index];
    node->size = p->out->size - node->start;
    node->width = p->width - node->width;
    node->end = p->node_count;
    node->is_atomic = node->kind == NODE_LEAF;
    if (node->kind == NODE_PAIR)
        node->is_atomic = node[1].kind == NODE_LEAF &&
                          p->nodes[node[1].end].kind == NODE_LEAF;
}

/* What was open when the text was cut reaches to the end, and further. */
static void close_cut_nodes(struct printer *p)
{
    for (size_t i = 0; i < p->node_count; i++) {
        struct node *node = &p->nodes[i];

        if (node->end != SIZE_MAX)
            continue;
        node->size = p->out->size - node->start;
        node->width = ETF__WIDE;
        node->end = p->node_count;
    }
}

/* ---- Brackets ---- */

static void open_frame(struct flat *f, enum frame_kind kind, etf_term t,
                       enum node_kind node_kind)
{
    struct frame *frame =
        (struct frame *)etf__walk_push(&f->frames, FRAME_WORDS);

    if (frame == NULL) {
        f->printer->err = AGNER_ENOMEM;
        return;
    }
    *frame = (struct frame){ .kind = kind,
                             .term = t.word,
                             .node = open_node(f->printer, node_kind),
                             .depth = f->io_depth > 0 ? f->io_depth - 1 : 0 };
    f->depth++;
}

static void close_frame(struct flat *f, const char *bracket)
{
    const struct frame *frame =
        (const struct frame *)etf__walk_pop(&f->frames, FRAME_WORDS);

    etf__put_text(f->printer, bracket);
    close_node(f->printer, frame->node);
    f->depth--;
}

static void print_leaf(struct printer *p, etf_term t, uint64_t depth)
{
    bool has_node = p->has_nodes && !etf__print_stopped(p);
    size_t node = open_node(p, NODE_LEAF);

    if (etf_kind(t) == ETF_KIND_BINARY || etf_kind(t) == ETF_KIND_BITSTRING) {
        enum node_kind kind = etf__print_bits(p, t, depth);

        if (has_node && p->err == AGNER_OK)
            p->nodes[node].kind = kind;
    } else {
        etf__print_leaf(p, t);
    }
    close_node(p, node);
}

static bool is_string(struct printer *p, etf_term t)
{
    size_t node = p->node_count;

    if (!p->has_strings)
        return false;
    (void)open_node(p, NODE_LEAF);
    if (etf__print_string(p, t)) {
        close_node(p, node);
        return true;
    }
    p->node_count = node;
    return false;
}

static void begin_tuple(struct flat *f, etf_term t)
{
    size_t size = etf_tuple_size(t);

    if (size == 0) {
        print_leaf(f->printer, t, 0);
        return;
    }
    open_frame(f, FRAME_TUPLE, t,
               size > 1 && etf_is_atom(etf_tuple_items(t)[0]) ? NODE_TAGGED
                                                              : NODE_TUPLE);
    etf__put_text(f->printer, "{");
}

static bool has_room_below(const struct flat *f)
{
    unsigned max = f->printer->options->depth_max;

    return max == 0 || f->depth < max;
}

/* Text in place of a term, or of more of them. */
static void put_node(struct printer *p, const char *text, enum node_kind kind)
{
    size_t node = open_node(p, kind);

    etf__put_text(p, text);
    close_node(p, node);
}

/* What a bracket without room for any part is. */
static void put_deep(struct printer *p, enum etf_kind kind)
{
    if (kind == ETF_KIND_LIST)
        put_node(p, "[...]", NODE_DEEP);
    else if (kind == ETF_KIND_TUPLE)
        put_node(p, "{...}", NODE_LEAF);
    else
        put_node(p, p->is_pretty ? "#{...}" : "#{}", NODE_LEAF);
}

/* Writes a term, or begins to. */
static void begin(struct flat *f, etf_term t)
{
    struct printer *p = f->printer;
    enum etf_kind kind = etf_kind(t);
    bool is_nested = kind == ETF_KIND_LIST ||
                     (kind == ETF_KIND_TUPLE && etf_tuple_size(t) > 0) ||
                     (kind == ETF_KIND_MAP && etf_map_size(t) > 0);

    if (kind == ETF_KIND_LIST && f->io_depth != 1 && is_string(p, t))
        return;
    if (is_nested && !has_room_below(f)) {
        put_node(p, "...", NODE_LEAF);
    } else if (is_nested && f->io_depth == 1) {
        put_deep(p, kind);
    } else if (kind == ETF_KIND_LIST) {
        open_frame(f, FRAME_LIST, t, NODE_LIST);
        etf__put_text(p, "[");
    } else if (kind == ETF_KIND_MAP && is_nested) {
        open_frame(f, FRAME_MAP, t, NODE_MAP);
        etf__put_text(p, "#{");
    } else if (kind == ETF_KIND_TUPLE) {
        begin_tuple(f, t);
    } else if (kind == ETF_KIND_FUN && p->options->full_ids) {
        open_frame(f, FRAME_FREE, t, NODE_LEAF);
        etf__print_leaf(p, t);
    } else {
        print_leaf(p, t, f->io_depth);
    }
}

/* ---- Parts: each writes what stands before the next part, or closes ---- */

/* The depth of the next part, of which the first has what the bracket left, and
 * each further one less than the one before. false: no room for it. */
static bool descend(struct flat *f, struct frame *frame)
{
    f->io_depth = frame->depth;
    if (frame->depth == 0 || frame->index == 0)
        return true;
    if (frame->depth == 1)
        return false;
    f->io_depth = --frame->depth;
    return true;
}

static bool next_of_tuple(struct flat *f, struct frame *frame, etf_term *out)
{
    etf_term t = etf__word(frame->term);

    if (frame->index == etf_tuple_size(t)) {
        close_frame(f, "}");
        return false;
    }
    if (frame->index > 0)
        etf__put_text(f->printer, ",");
    if (!descend(f, frame)) {
        put_node(f->printer, "...", NODE_DOTS);
        close_frame(f, "}");
        return false;
    }
    *out = etf_tuple_items(t)[frame->index++];
    return true;
}

static bool next_of_list(struct flat *f, struct frame *frame, etf_term *out)
{
    etf_term rest = etf__word(frame->term);

    if (etf_same(rest, etf_nil())) {
        close_frame(f, "]");
        return false;
    }
    if (!descend(f, frame)) {
        etf__put_text(f->printer, "|");
        put_node(f->printer, "...", NODE_DOTS);
        close_frame(f, "]");
        return false;
    }
    if (etf_list_next(&rest, out)) {
        if (frame->index++ > 0)
            etf__put_text(f->printer, ",");
        frame->term = rest.word;
        return true;
    }
    etf__put_text(f->printer, "|");
    if (f->printer->has_nodes && !etf__print_stopped(f->printer))
        f->printer->nodes[frame->node].kind = NODE_IMPROPER;
    frame->term = etf_nil().word;
    *out = rest;
    return true;
}

static bool next_of_map(struct flat *f, struct frame *frame, etf_term *out)
{
    struct printer *p = f->printer;
    etf_term t = etf__word(frame->term);
    size_t index = frame->index / 2;
    bool is_end, is_deep;
    etf_term value;

    if (frame->index % 2 == 1) {
        etf__put_text(p, " => ");
        f->io_depth = frame->depth;
        etf_map_pair(t, index, &value, out);
        frame->index++;
        return true;
    }
    if (index > 0)
        close_node(p, frame->pair);
    is_end = index == etf_map_size(t);
    /* ~W looks at the depth first, and ~P at what there is. */
    is_deep =
        frame->depth > 0 && index >= frame->depth && !(is_end && p->is_pretty);
    if (index > 0 && (is_deep || !is_end))
        etf__put_text(p, ",");
    if (is_deep)
        put_node(p, "...", NODE_DOTS);
    if (is_deep || is_end) {
        close_frame(f, "}");
        return false;
    }
    f->io_depth = frame->depth;
    frame->pair = open_node(p, NODE_PAIR);
    etf_map_pair(t, index, out, &value);
    frame->index++;
    return true;
}

/* Only written in full, and never laid out: parts are leaves of a leaf. */
static bool next_of_free(struct flat *f, struct frame *frame, etf_term *out)
{
    const uint64_t *words = etf__words(etf__word(frame->term));
    size_t count = etf__head_size(words) - 8;

    if (frame->index == count) {
        close_frame(f, "])");
        return false;
    }
    if (frame->index > 0)
        etf__put_text(f->printer, ",");
    *out = etf__word(words[9 + frame->index++]);
    return true;
}

/* The next part of the innermost bracket; false when that is closed. */
static bool next(struct flat *f, etf_term *out)
{
    struct frame *frame = (struct frame *)(f->frames.top - FRAME_WORDS);

    switch ((enum frame_kind)frame->kind) {
    case FRAME_TUPLE:
        return next_of_tuple(f, frame, out);
    case FRAME_LIST:
        return next_of_list(f, frame, out);
    case FRAME_MAP:
        return next_of_map(f, frame, out);
    case FRAME_FREE:
        return next_of_free(f, frame, out);
    }
    return false;
}

void etf__print_flat(struct printer *p, etf_term t)
{
    struct flat f = { .printer = p, .io_depth = p->options->io_depth };

    etf__walk_init(&f.frames);
    begin(&f, t);
    while (f.depth > 0 && !etf__print_stopped(p))
        if (next(&f, &t))
            begin(&f, t);
    etf__walk_fini(&f.frames);
    close_cut_nodes(p);
}
