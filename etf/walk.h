/*
 * walk.h -- a stack for walking terms, since terms may be nested deeper than
 * the C stack of a process is long.
 *
 * Private to etf/. Words are pushed and popped in groups of the user's choice.
 * A short stack stands in the struct, on the C stack of whoever walks; a longer
 * one is on the heap.
 */
#ifndef ETF_WALK_H
#define ETF_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETF__WALK_INLINE 96u /* words */

struct walk {
    uint64_t *top; /* next free word */
    uint64_t *end;
    uint64_t *base; /* inline_words, or owned */
    uint64_t inline_words[ETF__WALK_INLINE];
};

static inline void etf__walk_init(struct walk *w)
{
    w->top = w->base = w->inline_words;
    w->end = w->inline_words + ETF__WALK_INLINE;
}

/* Doubles the stack; false when memory is out. */
bool etf__walk_grow(struct walk *w);
void etf__walk_free(struct walk *w);

static inline void etf__walk_fini(struct walk *w)
{
    if (w->base != w->inline_words)
        etf__walk_free(w);
}

static inline bool etf__walk_is_empty(const struct walk *w)
{
    return w->top == w->base;
}

/* Room for `count` words, at most ETF__WALK_INLINE, or NULL. */
static inline uint64_t *etf__walk_push(struct walk *w, size_t count)
{
    uint64_t *words;

    if (count > (size_t)(w->end - w->top) && !etf__walk_grow(w))
        return NULL;
    words = w->top;
    w->top += count;
    return words;
}

/* The newest `count` words, gone after this but readable until the next push.
 */
static inline uint64_t *etf__walk_pop(struct walk *w, size_t count)
{
    w->top -= count;
    return w->top;
}

#endif
