/*
 * print.h -- a term becoming text. Private to etf/.
 *
 * Text is written once, on one line; what that line would be is also what the
 * layout over several lines is decided by. So the flat text comes first, with a
 * note of where each part of it stands (struct node), and print_pretty.c then
 * only moves pieces of text about: it never sees a term.
 *
 * Errors stick: after one, or once the text is full, nothing is written.
 */
#ifndef ETF_PRINT_H
#define ETF_PRINT_H

#include "etf_door.h"

enum node_kind {
    NODE_LEAF,     /* never broken */
    NODE_DEEP,     /* [...]: as a leaf, but never goes on in a line */
    NODE_DOTS,     /* in place of more parts, for which depth was out */
    NODE_LIST,     /* children: elements */
    NODE_IMPROPER, /* children: elements, then the tail */
    NODE_TUPLE,
    NODE_TAGGED, /* a tuple of at least two, the first an atom */
    NODE_MAP,    /* children: pairs */
    NODE_PAIR,   /* children: key, value */
    NODE_BITS    /* a binary written as numbers */
};

/* A part of the flat text. Nodes stand in the order of the text, a parent
 * before its children. */
struct node {
    size_t start;  /* in the text */
    size_t size;   /* bytes */
    int64_t width; /* characters; ETF__WIDE for one that was cut */
    size_t end;    /* index behind its last descendant */
    enum node_kind kind;
    bool is_atomic; /* a leaf, or a pair of two */
};

#define ETF__WIDE (INT64_C(1) << 40) /* wider than any line */

struct printer {
    struct etf_buffer *out; /* borrowed */
    size_t size_max;        /* of `out`: text past it is cut */
    int64_t width_max;      /* stop past so many characters */
    int64_t width;          /* characters so far */
    bool is_cut;
    enum agner_err err;

    bool is_pretty;                          /* ~p */
    bool has_strings;                        /* ~p without l */
    bool is_unicode;                         /* with t */
    const struct etf_print_options *options; /* borrowed */

    bool has_nodes;     /* record them? */
    struct node *nodes; /* owned */
    size_t node_count;
    size_t node_capacity;
};

static inline bool etf__print_stopped(const struct printer *p)
{
    return p->err != AGNER_OK || p->is_cut || p->width > p->width_max;
}

/* Appends whole characters, as many as fit. */
void etf__put(struct printer *p, const void *text, size_t size);
void etf__put_text(struct printer *p, const char *text);
void etf__put_format(struct printer *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void etf__put_point(struct printer *p, uint32_t point);

/* One line. */
void etf__print_flat(struct printer *p, etf_term t);

/* Terms without terms inside. A list that is a string counts: then it is
 * written, and true returned. */
void etf__print_leaf(struct printer *p, etf_term t);
bool etf__print_string(struct printer *p, etf_term list);
/* As much as `depth` has room for (0: all). Returns what kind of node it is. */
enum node_kind etf__print_bits(struct printer *p, etf_term t, uint64_t depth);
void etf__print_atom(struct printer *p, etf_term atom);

/* The characters of an iolist, a binary or an atom; false, with nothing
 * written, when `t` is none of these. Binaries are UTF-8, or Latin-1 when they
 * are not; unless is_unicode all is Latin-1, and characters above are none. */
bool etf__print_chars(struct printer *p, etf_term t);

/* The same into a buffer; AGNER_EINVAL when `t` is none of these. */
enum agner_err etf__chars(struct etf_buffer *out, etf_term t, bool is_unicode);

/* Lays the nodes of `flat` out in lines of `columns` characters, of which
 * `column` - 1 are taken on the first. */
void etf__print_lines(struct printer *p, const struct printer *flat,
                      unsigned columns, unsigned column);

#endif
