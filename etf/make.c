/*
 * make.c -- etf_make(): a pattern as a template of words.
 *
 * What has no hole inside is never copied: the new term points to it, where it
 * stands for ever in the compiled pattern. All the rest stands in one block of
 * words, copied in one go. Then each word that depends on where the copy is, or
 * on an argument, is set.
 */
#include "pattern.h"

#include <stdlib.h>

#include "map_sort.h"
#include "shape.h"

enum fix_code {
    FIX_POINTER, /* the word holds a distance from the block's start */
    FIX_ARG,     /* the word is argument `n` */
    FIX_SORT     /* the map that begins here has a hole in a key */
};

struct fix {
    uint32_t index; /* which word of the block */
    uint16_t code;
    uint16_t n;
};

struct template
{
    struct pattern pattern;
    uint64_t root; /* the term, when `count` is 0; else its tag */
    uint32_t words;
    uint32_t sorts;   /* fixes that are FIX_SORT */
    uint64_t block[]; /* `words`, then the fixes */
};

static const struct fix *fixes_of(const struct template *t)
{
    _Static_assert(sizeof(struct fix) == sizeof(uint64_t), "a fix is a word");

    return (const struct fix *)(const void *)(t->block + t->words);
}

/* ---- Compiling ---- */

/* Words that what is open of `t` takes. */
static size_t open_words(etf_term t)
{
    size_t total = 0;

    for (; etf__tag(t) == ETF__CONS && etf__pattern_is_open(t);
         t = etf__word(etf__words(t)[1]))
        total += 2 + open_words(etf__word(etf__words(t)[0]));
    if (etf__tag(t) == ETF__BOX && etf__pattern_is_open(t)) {
        const uint64_t *words = etf__words(t);
        struct shape shape = etf__shape(words);

        total += shape.words;
        for (size_t i = 0; i < shape.terms; i++)
            total += open_words(etf__word(words[shape.first + i]));
    }
    return total;
}

struct compiler {
    struct template *out;
    struct fix *fixes;
    uint32_t fix_count;
    uint32_t used; /* words of the block */
    bool failed;   /* `__` says nothing about what to make */
};

static void add_fix(struct compiler *c, enum fix_code code, size_t index,
                    uint32_t n)
{
    c->fixes[c->fix_count++] = (struct fix){ .index = (uint32_t)index,
                                             .code = (uint16_t)code,
                                             .n = (uint16_t)n };
}

static void place_node(struct compiler *c, etf_term t);

/* Sets word `index` of the block to `t`. */
static void place(struct compiler *c, size_t index, etf_term t)
{
    c->out->block[index] = t.word;
    if (etf__is_hole(t)) {
        c->failed |= etf__hole_number(t) == ETF__HOLE_ANY;
        add_fix(c, FIX_ARG, index, etf__hole_number(t));
    } else if (etf__pattern_is_open(t)) {
        c->out->block[index] = (uint64_t)c->used * 8 | etf__tag(t);
        add_fix(c, FIX_POINTER, index, 0);
        place_node(c, t);
    }
}

static bool has_open_key(etf_term map)
{
    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_term key, value;

        etf_map_pair(map, i, &key, &value);
        if (etf__pattern_is_open(key))
            return true;
    }
    return false;
}

/* Puts an open cell, tuple or map at the end of the block, and what is open
 * inside it behind it. As deep as the pattern, lists along their cells. */
static void place_node(struct compiler *c, etf_term t)
{
    const uint64_t *words = etf__words(t);
    size_t at = c->used;

    while (etf__tag(t) == ETF__CONS) {
        etf_term tail = etf__word(words[1]);

        c->used += 2;
        place(c, at, etf__word(words[0]));
        if (etf__tag(tail) != ETF__CONS || !etf__pattern_is_open(tail)) {
            place(c, at + 1, tail);
            return;
        }
        c->out->block[at + 1] = (uint64_t)c->used * 8 | ETF__CONS;
        add_fix(c, FIX_POINTER, at + 1, 0);
        at = c->used;
        t = tail;
        words = etf__words(t);
    }
    if (has_open_key(t)) {
        add_fix(c, FIX_SORT, at, 0);
        c->out->sorts++;
    }
    c->used += (uint32_t)etf__shape(words).words;
    c->out->block[at] = words[0];
    for (size_t i = 1; i < etf__shape(words).words; i++)
        place(c, at + i, etf__word(words[i]));
}

static struct pattern *compile(etf_term t, enum agner_err *err,
                               struct agner_error *error)
{
    size_t words = open_words(t);
    struct compiler c = { .failed = etf__is_hole(t) &&
                                    etf__hole_number(t) == ETF__HOLE_ANY };

    /* A fix is for a word of the block: there are no more of them. */
    c.out = calloc(1, sizeof *c.out + 2 * words * sizeof(uint64_t));
    if (c.out == NULL) {
        *err = AGNER_ENOMEM;
        return NULL;
    }
    c.out->words = (uint32_t)words;
    c.fixes = (struct fix *)(void *)(c.out->block + words);
    c.out->root = words == 0 ? t.word : etf__tag(t);
    if (words > 0)
        place_node(&c, t);
    c.out->pattern.count = c.fix_count;
    if (c.failed) {
        *err = agner_fail(error, AGNER_ENOTSUP, "'__' has no value");
        free(c.out);
        return NULL;
    }
    *err = AGNER_OK;
    return &c.out->pattern;
}

/* ---- Making ---- */

static etf_term value_of(struct etf_region *r, const struct etf_out_arg *arg)
{
    switch (arg->type) {
    case ETF_ARG_INT32:
    case ETF_ARG_INT64:
        return etf__fits_small(arg->v.i) ? etf__small(arg->v.i)
                                         : etf_int(r, arg->v.i);
    case ETF_ARG_UINT32:
    case ETF_ARG_UINT64:
        return etf_uint(r, arg->v.u);
    case ETF_ARG_DOUBLE:
        return etf_float(r, arg->v.d);
    case ETF_ARG_BOOL:
        return etf_bool(arg->v.b);
    case ETF_ARG_TERM:
        return arg->v.t;
    case ETF_ARG_PID:
        return etf_from_pid(r, arg->v.pid);
    case ETF_ARG_REF:
        return etf_from_ref(r, arg->v.ref);
    case ETF_ARG_BYTES:
        return etf_binary(r, arg->v.bytes.data, arg->v.bytes.size);
    case ETF_ARG_CSTRING:
        return arg->v.s == NULL ? ETF_NONE : etf_text(r, arg->v.s);
    }
    return ETF_NONE;
}

/* Maps inside a key stand behind it, so the last map goes first. */
static bool sort_maps(const struct template *template, uint64_t *block)
{
    const struct fix *fixes = fixes_of(template);

    for (size_t i = template->pattern.count; i-- > 0;) {
        uint64_t *map = block + fixes[i].index;

        if (fixes[i].code == FIX_SORT &&
            etf__map_sort(map + 1, etf__head_size(map)) != AGNER_OK)
            return false;
    }
    return true;
}

/* `args` has as many as the template has holes. */
static etf_term fill(const struct template *template, struct etf_region *r,
                     const struct etf_out_arg *args)
{
    const struct fix *fix = fixes_of(template);
    const struct fix *end = fix + template->pattern.count;
    uint64_t *block = etf__region_words(r, template->words);

    if (block == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < template->words; i++)
        block[i] = template->block[i];
    for (; fix < end; fix++) {
        if (fix->code == FIX_POINTER) {
            block[fix->index] += etf__address(block);
        } else if (fix->code == FIX_ARG) {
            etf_term value = value_of(r, &args[fix->n]);

            if (etf_is_none(value))
                return ETF_NONE;
            block[fix->index] = value.word;
        }
    }
    if (template->sorts > 0 && !sort_maps(template, block))
        return ETF_NONE;
    return etf__word(etf__address(block) | template->root);
}

etf_term etf__make(struct etf_pattern *cache, const char *pattern,
                   struct etf_region *r, const struct etf_out_arg *args,
                   size_t count)
{
    const struct pattern *p = etf__pattern(cache, pattern, count, compile);
    const struct template *template = (const struct template *)p;

    if (p == NULL)
        return ETF_NONE;
    if (template->words > 0)
        return fill(template, r, args);
    if (count > 0) /* the pattern is one hole */
        return value_of(r, &args[0]);
    return etf__word(template->root);
}
