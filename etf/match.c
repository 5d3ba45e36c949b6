/*
 * match.c -- etf_match(): a pattern as a list of checks.
 *
 * A check looks at one word of a block of words that an earlier check found:
 * block 0 is the term itself, and a check of a tuple, list cell or map makes
 * what is inside it a block. Blocks are numbered by depth, so a few are enough
 * for any pattern. All checks pass before any output is written.
 *
 * Matching needs no memory: what a process has to hear must not pass for
 * something else because there is none (G34).
 */
#include "pattern.h"

#include <stdlib.h>

#include "shape.h"

enum check_code {
    CHECK_ARG,   /* hole `n`, by the type of its argument */
    CHECK_ATOM,  /* the atom `word`, which may also come boxed */
    CHECK_WORD,  /* this very word */
    CHECK_EQUAL, /* a term equal to `word` */
    CHECK_TUPLE, /* a tuple of `n` elements: they are block `into` */
    CHECK_CELL,  /* a list cell: head and tail are block `into` */
    CHECK_MAP,   /* a map */
    CHECK_KEY,   /* a map with the key `word`: its value is block `into` */
};

struct check {
    uint8_t code;
    uint8_t block; /* where to look */
    uint8_t into;
    uint32_t index; /* which word of the block */
    uint32_t n;
    uint64_t word;
};

struct program {
    struct pattern pattern;
    struct check checks[];
};

#define BLOCKS_MAX (ETF__PATTERN_DEPTH_MAX + 2)
#define ONCE_WORDS 512u /* of a pattern that cannot be kept */

/* ---- Compiling ---- */

struct compiler {
    struct check *checks; /* borrowed, as many as there will be; NULL: they are
                             only counted */
    size_t count;
    enum agner_err err;
    struct agner_error *error;
};

static struct check *add(struct compiler *c, enum check_code code,
                         unsigned block, size_t index)
{
    if (c->err != AGNER_OK)
        return NULL;
    if (c->checks == NULL) {
        c->count++;
        return NULL;
    }
    c->checks[c->count] = (struct check){ .code = (uint8_t)code,
                                          .block = (uint8_t)block,
                                          .into = (uint8_t)(block + 1),
                                          .index = (uint32_t)index };
    return &c->checks[c->count++];
}

static void add_literal(struct compiler *c, etf_term t, unsigned block,
                        size_t index)
{
    unsigned tag = etf__tag(t);
    enum check_code code = tag == ETF__ATOM  ? CHECK_ATOM
                           : tag == ETF__BOX ? CHECK_EQUAL
                                             : CHECK_WORD;
    struct check *check = add(c, code, block, index);

    if (check != NULL)
        check->word = t.word;
}

static void add_term(struct compiler *c, etf_term t, unsigned block,
                     size_t index);

static void add_tuple(struct compiler *c, etf_term t, unsigned block,
                      size_t index)
{
    size_t size = etf_tuple_size(t);
    struct check *check = add(c, CHECK_TUPLE, block, index);

    if (check != NULL)
        check->n = (uint32_t)size;
    for (size_t i = 0; i < size; i++)
        add_term(c, etf_tuple_items(t)[i], block + 1, i);
}

/* A cell is done with when its tail is looked at, so that the cells of a list
 * all use the same block. */
static void add_list(struct compiler *c, etf_term t, unsigned block,
                     size_t index)
{
    unsigned from = block;
    etf_term head;

    while (etf__tag(t) == ETF__CONS) {
        struct check *check = add(c, CHECK_CELL, from, index);

        if (check != NULL)
            check->into = (uint8_t)(block + 1);
        (void)etf_list_next(&t, &head);
        add_term(c, head, block + 1, 0);
        from = block + 1;
        index = 1;
    }
    add_term(c, t, from, index);
}

static void add_map(struct compiler *c, etf_term t, unsigned block,
                    size_t index)
{
    (void)add(c, CHECK_MAP, block, index);
    for (size_t i = 0; i < etf_map_size(t) && c->err == AGNER_OK; i++) {
        struct check *check;
        etf_term key, value;

        etf_map_pair(t, i, &key, &value);
        if (etf__pattern_is_open(key)) {
            c->err =
                agner_fail(c->error, AGNER_ENOTSUP, "a hole in a key of a map");
            return;
        }
        check = add(c, CHECK_KEY, block, index);
        if (check != NULL)
            check->word = key.word;
        add_term(c, value, block + 1, 0);
    }
}

/* As deep as the pattern: ETF__PATTERN_DEPTH_MAX. */
static void add_term(struct compiler *c, etf_term t, unsigned block,
                     size_t index)
{
    if (etf__is_hole(t)) {
        struct check *check;

        if (etf__hole_number(t) == ETF__HOLE_ANY)
            return;
        check = add(c, CHECK_ARG, block, index);
        if (check != NULL)
            check->n = etf__hole_number(t);
    } else if (etf__tag(t) == ETF__CONS) {
        add_list(c, t, block, index);
    } else if (etf__is_boxed(t, ETF__HEAD_TUPLE)) {
        add_tuple(c, t, block, index);
    } else if (etf__is_boxed(t, ETF__HEAD_MAP)) {
        add_map(c, t, block, index);
    } else {
        add_literal(c, t, block, index);
    }
}

/* Bytes of the pattern's program; 0: there is none. */
static size_t program_size(etf_term t, enum agner_err *err,
                           struct agner_error *error)
{
    struct compiler c = { .err = AGNER_OK, .error = error };

    add_term(&c, t, 0, 0);
    *err = c.err;
    if (c.err != AGNER_OK)
        return 0;
    return sizeof(struct program) + c.count * sizeof(struct check);
}

static void fill(struct program *program, etf_term t)
{
    struct compiler c = { .checks = program->checks, .err = AGNER_OK };

    add_term(&c, t, 0, 0);
    program->pattern = (struct pattern){ .count = (uint32_t)c.count };
}

static struct pattern *compile(etf_term t, enum agner_err *err,
                               struct agner_error *error)
{
    struct program *program = NULL;
    size_t size = program_size(t, err, error);

    if (size == 0)
        return NULL;
    program = malloc(size);
    if (program == NULL) {
        *err = AGNER_ENOMEM;
        return NULL;
    }
    fill(program, t);
    return &program->pattern;
}

/* ---- Arguments ---- */

/* Reads `t` into `out` if it is of the type. */
static bool convert(etf_term t, enum etf_arg_type type, struct etf_out_arg *out)
{
    switch (type) {
    case ETF_ARG_INT32:
        return etf_get_int(t, &out->v.i) && out->v.i >= INT32_MIN &&
               out->v.i <= INT32_MAX;
    case ETF_ARG_UINT32:
        return etf_get_uint(t, &out->v.u) && out->v.u <= UINT32_MAX;
    case ETF_ARG_INT64:
        if (etf__tag(t) == ETF__INT) { /* nearly always */
            out->v.i = etf__small_value(t);
            return true;
        }
        return etf_get_int(t, &out->v.i);
    case ETF_ARG_UINT64:
        return etf_get_uint(t, &out->v.u);
    case ETF_ARG_DOUBLE:
        return etf_get_float(t, &out->v.d);
    case ETF_ARG_BOOL:
        return etf_get_bool(t, &out->v.b);
    case ETF_ARG_TERM:
        out->v.t = t;
        return true;
    case ETF_ARG_PID:
        return etf_get_pid(t, &out->v.pid);
    case ETF_ARG_REF:
        return etf_get_ref(t, &out->v.ref);
    case ETF_ARG_BYTES:
        return etf_get_bytes(t, &out->v.bytes);
    case ETF_ARG_CSTRING:
        return false; /* no output: etf_get_text() */
    }
    return false;
}

static void store(const struct etf_in_arg *arg, const struct etf_out_arg *from)
{
    switch (arg->type) {
    case ETF_ARG_INT32:
        *(int32_t *)arg->target = (int32_t)from->v.i; /* convert() looked */
        return;
    case ETF_ARG_UINT32:
        *(uint32_t *)arg->target = (uint32_t)from->v.u; /* convert() looked */
        return;
    case ETF_ARG_INT64:
        *(int64_t *)arg->target = from->v.i;
        return;
    case ETF_ARG_UINT64:
        *(uint64_t *)arg->target = from->v.u;
        return;
    case ETF_ARG_DOUBLE:
        *(double *)arg->target = from->v.d;
        return;
    case ETF_ARG_BOOL:
        *(bool *)arg->target = from->v.b;
        return;
    case ETF_ARG_TERM:
        *(etf_term *)arg->target = from->v.t;
        return;
    case ETF_ARG_PID:
        *(etf_pid *)arg->target = from->v.pid;
        return;
    case ETF_ARG_REF:
        *(etf_ref *)arg->target = from->v.ref;
        return;
    case ETF_ARG_BYTES:
        *(etf_bytes *)arg->target = from->v.bytes;
        return;
    case ETF_ARG_CSTRING:
        return;
    }
}

/* ---- Matching ---- */

/* An atom past the table's limit comes boxed, and equals by its text. */
static bool is_atom(etf_term t, uint64_t word)
{
    return t.word == word ||
           (etf__is_boxed(t, ETF__HEAD_ATOM) && etf_equal(t, etf__word(word)));
}

/* The value of a key as a block of one word, or NULL. */
static const uint64_t *value_of(etf_term map, etf_term key, uint64_t *room)
{
    *room = etf_map_get(map, key).word;
    return *room == 0 ? NULL : room;
}

/* Runs the checks; *out gets the arguments' values. */
static bool run(const struct program *program, etf_term t,
                const struct etf_in_arg *args, struct etf_out_arg *out)
{
    const uint64_t *blocks[BLOCKS_MAX];
    uint64_t values[BLOCKS_MAX]; /* blocks of one word: of a map's key */
    const struct check *check = program->checks;
    const struct check *end = check + program->pattern.count;

    blocks[0] = &t.word;
    for (; check < end; check++) {
        etf_term seen = etf__word(blocks[check->block][check->index]);
        const uint64_t *words;

        switch ((enum check_code)check->code) {
        case CHECK_ARG:
            if (!convert(seen, args[check->n].type, &out[check->n]))
                return false;
            break;
        case CHECK_ATOM:
            if (!is_atom(seen, check->word))
                return false;
            break;
        case CHECK_WORD:
            if (seen.word != check->word)
                return false;
            break;
        case CHECK_EQUAL:
            if (!etf_equal(seen, etf__word(check->word)))
                return false;
            break;
        case CHECK_TUPLE:
            if (etf__tag(seen) != ETF__BOX)
                return false;
            words = etf__words(seen);
            if (words[0] != etf__header(check->n, ETF__HEAD_TUPLE))
                return false;
            blocks[check->into] = words + 1;
            break;
        case CHECK_CELL:
            if (etf__tag(seen) != ETF__CONS)
                return false;
            blocks[check->into] = etf__words(seen);
            break;
        case CHECK_MAP:
            if (!etf__is_boxed(seen, ETF__HEAD_MAP))
                return false;
            break;
        case CHECK_KEY:
            blocks[check->into] =
                value_of(seen, etf__word(check->word), &values[check->into]);
            if (blocks[check->into] == NULL)
                return false;
            break;
        }
    }
    return true;
}

/*
 * There was no memory to keep the pattern: it is compiled on the stack, for
 * this once. An atom that cannot be interned then is in no term. A pattern that
 * does not fit here matches nothing; it would have some 100 elements.
 */
static __attribute__((noinline)) bool run_once(const char *pattern, etf_term t,
                                               const struct etf_in_arg *args,
                                               size_t count,
                                               struct etf_out_arg *out)
{
    uint64_t words[ONCE_WORDS];
    struct etf_region r;
    struct program *program = NULL;
    enum agner_err err;
    uint32_t holes;
    etf_term term;
    size_t size = 0;
    bool matches;

    etf__region_init(&r, words, ONCE_WORDS, 1); /* and no more than that */
    err = etf__pattern_parse(&r, pattern, &term, &holes, NULL);
    if (err == AGNER_OK && holes == count)
        size = program_size(term, &err, NULL);
    if (size > 0)
        program = (struct program *)(void *)etf__region_words(
            &r, (size + sizeof *words - 1) / sizeof *words);
    if (program != NULL)
        fill(program, term);
    matches = program != NULL && run(program, t, args, out);
    etf__region_fini(&r);
    return matches;
}

bool etf__match(struct etf_pattern *cache, const char *pattern, etf_term t,
                const struct etf_in_arg *args, size_t count)
{
    const struct pattern *p = etf__pattern(cache, pattern, count, compile);
    struct etf_out_arg out[ETF__HOLES_MAX];

    if (etf_is_none(t))
        return false;
    if (p == NULL ? etf__pattern_is_known(cache) ||
                        !run_once(pattern, t, args, count, out)
                  : !run((const struct program *)p, t, args, out))
        return false;
    for (size_t i = 0; i < count; i++)
        store(&args[i], &out[i]);
    return true;
}

enum agner_err etf__match_check(struct etf_pattern *cache, const char *pattern,
                                size_t count)
{
    return etf__pattern_check(cache, pattern, count, compile);
}
