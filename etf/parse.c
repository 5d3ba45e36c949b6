/*
 * parse.c -- Erlang text as terms and patterns.
 *
 * Nesting is kept in a stack of our own: an open bracket is a frame, and the
 * complete items of all open brackets stand behind each other in a second
 * stack. A frame says what may follow its newest item:
 *
 *   frame   after an item  then
 *   ------  -------------  ----------------------------
 *   TUPLE   ,              TUPLE
 *           }              the tuple is complete
 *   LIST    ,              LIST
 *           |              TAIL
 *           ]              the list is complete
 *   TAIL    ]              the list is complete
 *   KEY     =>             VALUE
 *   VALUE   ,              KEY
 *           }              the map is complete
 */
#include "parse.h"

#include "shape.h"
#include "utf8.h"
#include "walk.h"

enum frame_kind { TUPLE, LIST, TAIL, KEY, VALUE, COMPLETE };

struct frame { /* words, as the stack keeps them */
    uint64_t kind;
    uint64_t first;    /* index of its first item */
    uint64_t marks;    /* when the newest key began */
    uint64_t open_key; /* has a key a hole? */
};

#define FRAME_WORDS (sizeof(struct frame) / sizeof(uint64_t))

struct parser {
    struct scan scan;
    struct walk items;  /* one word each */
    struct walk frames; /* struct frame */
    struct frame *top;  /* in `frames`, or NULL */
    uint32_t depth;
    uint32_t depth_max;
    bool is_pattern;
    uint32_t holes;
    uint64_t marks; /* `_` and `__` so far */
};

/* The rows of the table above. */
static const struct {
    uint8_t kind;
    uint8_t token;
    uint8_t next;
} rules[] = {
    { TUPLE, TOKEN_COMMA, TUPLE },
    { TUPLE, TOKEN_TUPLE_CLOSE, COMPLETE },
    { LIST, TOKEN_COMMA, LIST },
    { LIST, TOKEN_BAR, TAIL },
    { LIST, TOKEN_LIST_CLOSE, COMPLETE },
    { TAIL, TOKEN_LIST_CLOSE, COMPLETE },
    { KEY, TOKEN_ARROW, VALUE },
    { VALUE, TOKEN_COMMA, KEY },
    { VALUE, TOKEN_TUPLE_CLOSE, COMPLETE },
};

static const char *const expected[] = {
    [TUPLE] = "',' or '}'", [LIST] = "',', '|' or ']'", [TAIL] = "']'",
    [KEY] = "'=>'",         [VALUE] = "',' or '}'",
};

/* ---- Values that are not nested ---- */

static etf_term string_term(struct etf_region *r, const uint8_t *text,
                            size_t size)
{
    size_t count = 0, at = 0;
    uint64_t *words;

    for (size_t i = 0; i < size; i++)
        count += (text[i] & 0xc0) != 0x80;
    if (count == 0)
        return etf_nil();
    words = etf__region_words(r, 2 * count);
    if (words == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < count; i++) {
        uint32_t point = 0;

        at += etf__utf8_next(text + at, size - at, &point);
        words[2 * i] = etf__small(point).word;
        words[2 * i + 1] = etf__cons_at(words + 2 * i + 2).word;
    }
    words[2 * count - 1] = etf_nil().word;
    return etf__cons_at(words);
}

static enum agner_err take(struct scan *s, enum token token, const char *what)
{
    enum agner_err err = etf__scan(s);

    if (err == AGNER_OK && s->token != token)
        err = etf__scan_expected(s, what);
    return err;
}

/* fun module:function/arity; `fun` is the token. */
static enum agner_err parse_export(struct parser *p, etf_term *out)
{
    struct scan *s = &p->scan;
    etf_term module = ETF_NONE, function = ETF_NONE;
    uint64_t arity;
    enum agner_err err = take(s, TOKEN_ATOM, "the name of a module");

    if (err == AGNER_OK) {
        module = s->value;
        err = take(s, TOKEN_COLON, "':'");
    }
    if (err == AGNER_OK)
        err = take(s, TOKEN_ATOM, "the name of a function");
    if (err == AGNER_OK) {
        function = s->value;
        err = take(s, TOKEN_SLASH, "'/'");
    }
    if (err == AGNER_OK)
        err = take(s, TOKEN_INTEGER, "an arity of 0 to 255");
    if (err != AGNER_OK)
        return err;
    if (!etf_get_uint(s->value, &arity) || arity > 255)
        return etf__scan_expected(s, "an arity of 0 to 255");
    *out = etf_export(s->region, module, function, (uint32_t)arity);
    return etf_is_none(*out) ? etf__scan_no_memory(&p->scan) : AGNER_OK;
}

/* ---- Nesting ---- */

static enum agner_err open_frame(struct parser *p, enum frame_kind kind)
{
    struct frame *frame;

    if (p->depth == p->depth_max)
        return etf__scan_fail(&p->scan, p->scan.start, AGNER_ELIMIT,
                              "nested too deeply");
    frame = (struct frame *)etf__walk_push(&p->frames, FRAME_WORDS);
    if (frame == NULL)
        return etf__scan_no_memory(&p->scan);
    *frame = (struct frame){ .kind = kind,
                             .first = (uint64_t)(p->items.top - p->items.base),
                             .marks = p->marks };
    p->top = frame;
    p->depth++;
    return AGNER_OK;
}

static void close_frame(struct parser *p)
{
    p->items.top = p->items.base + p->top->first;
    (void)etf__walk_pop(&p->frames, FRAME_WORDS);
    p->depth--;
    p->top =
        p->depth == 0 ? NULL : (struct frame *)(p->frames.top - FRAME_WORDS);
}

/* A map whose keys are not known yet: etf_make() puts them in order. */
static etf_term unsorted_map(struct etf_region *r, const etf_term *pairs,
                             size_t count)
{
    uint64_t *words = etf__region_words(r, 1 + 2 * count);

    if (words == NULL)
        return ETF_NONE;
    words[0] = etf__header(count, ETF__HEAD_MAP);
    for (size_t i = 0; i < 2 * count; i++)
        words[1 + i] = pairs[i].word;
    return etf__box_at(words);
}

/* Makes the term of the innermost bracket, which then is no more. */
static enum agner_err complete(struct parser *p, etf_term *out)
{
    const struct frame *f = p->top;
    const etf_term *items = (const etf_term *)(p->items.base + f->first);
    size_t count = (size_t)(p->items.top - p->items.base) - f->first;
    struct etf_region *r = p->scan.region;

    switch ((enum frame_kind)f->kind) {
    case TUPLE:
        if (count > ETF_TUPLE_MAX)
            return etf__scan_fail(&p->scan, p->scan.start, AGNER_ELIMIT,
                                  "too many elements for a tuple");
        *out = etf_tuple(r, items, count);
        break;
    case LIST:
        *out = etf_list(r, items, count, etf_nil());
        break;
    case TAIL:
        *out = etf_list(r, items, count - 1, items[count - 1]);
        break;
    case KEY:
    case VALUE:
    case COMPLETE:
        *out = f->open_key ? unsorted_map(r, items, count / 2)
                           : etf__parse_map(r, items, count / 2);
        break;
    }
    if (etf_is_none(*out))
        return etf__scan_no_memory(&p->scan);
    close_frame(p);
    return AGNER_OK;
}

/*
 * Reads on behind an item of the innermost bracket. *open says whether another
 * item follows, whose first token is then read.
 */
static enum agner_err follow(struct parser *p, bool *open)
{
    struct frame *f = p->top;
    enum agner_err err = etf__scan(&p->scan);

    if (err != AGNER_OK)
        return err;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].kind != f->kind || rules[i].token != p->scan.token)
            continue;
        *open = rules[i].next != COMPLETE;
        if (!*open)
            return AGNER_OK;
        if (f->kind == KEY && p->marks > f->marks)
            f->open_key = true;
        f->kind = rules[i].next;
        f->marks = p->marks;
        return etf__scan(&p->scan);
    }
    return etf__scan_expected(&p->scan, expected[f->kind]);
}

/* Behind an opening bracket: a frame, or the empty term of that bracket. *out
 * is ETF_NONE when an item follows, whose first token is then read. */
static enum agner_err open_bracket(struct parser *p, etf_term *out)
{
    static const struct {
        uint8_t opening, closing, kind;
    } brackets[] = {
        { TOKEN_TUPLE_OPEN, TOKEN_TUPLE_CLOSE, TUPLE },
        { TOKEN_LIST_OPEN, TOKEN_LIST_CLOSE, LIST },
        { TOKEN_MAP_OPEN, TOKEN_TUPLE_CLOSE, KEY },
    };
    size_t i = p->scan.token == TOKEN_TUPLE_OPEN  ? 0
               : p->scan.token == TOKEN_LIST_OPEN ? 1
                                                  : 2;
    enum agner_err err = open_frame(p, (enum frame_kind)brackets[i].kind);

    *out = ETF_NONE;
    if (err == AGNER_OK)
        err = etf__scan(&p->scan);
    if (err == AGNER_OK && p->scan.token == brackets[i].closing)
        err = complete(p, out);
    return err;
}

/* The term that begins with the current token; ETF_NONE when that opened a
 * bracket. */
static enum agner_err begin(struct parser *p, etf_term *out)
{
    struct scan *s = &p->scan;

    switch (s->token) {
    case TOKEN_VALUE:
    case TOKEN_ATOM:
    case TOKEN_INTEGER:
        *out = s->value;
        return AGNER_OK;
    case TOKEN_STRING:
        *out = string_term(s->region, s->chars.data, s->chars.size);
        return etf_is_none(*out) ? etf__scan_no_memory(&p->scan) : AGNER_OK;
    case TOKEN_FUN:
        return parse_export(p, out);
    case TOKEN_BITS_OPEN:
        return etf__parse_bits(s, out);
    case TOKEN_TUPLE_OPEN:
    case TOKEN_LIST_OPEN:
    case TOKEN_MAP_OPEN:
        return open_bracket(p, out);
    case TOKEN_HOLE:
    case TOKEN_ANY:
        if (!p->is_pattern)
            break;
        p->marks++;
        *out = etf__hole(s->token == TOKEN_ANY ? ETF__HOLE_ANY : p->holes++);
        return AGNER_OK;
    case TOKEN_END:
    case TOKEN_TUPLE_CLOSE:
    case TOKEN_LIST_CLOSE:
    case TOKEN_BITS_CLOSE:
    case TOKEN_COMMA:
    case TOKEN_BAR:
    case TOKEN_ARROW:
    case TOKEN_COLON:
    case TOKEN_SLASH:
    case TOKEN_DOT:
    case TOKEN_OTHER:
        break;
    }
    return etf__scan_expected(s, "a term");
}

/* One term; the scanner stands behind it. */
static enum agner_err parse_term(struct parser *p, etf_term *out)
{
    enum agner_err err = etf__scan(&p->scan);

    while (err == AGNER_OK) {
        etf_term t = ETF_NONE;
        bool open = false;

        err = begin(p, &t);
        while (err == AGNER_OK && !etf_is_none(t) && !open) {
            uint64_t *item;

            if (p->top == NULL) {
                *out = t;
                return AGNER_OK;
            }
            item = etf__walk_push(&p->items, 1);
            if (item == NULL)
                return etf__scan_no_memory(&p->scan);
            *item = t.word;
            err = follow(p, &open);
            if (err == AGNER_OK && !open)
                err = complete(p, &t);
        }
    }
    return err;
}

static void parser_init(struct parser *p, struct etf_region *r,
                        const char *text, size_t size,
                        struct agner_error *error)
{
    etf__scan_init(&p->scan, r, text, size, error);
    etf__walk_init(&p->items);
    etf__walk_init(&p->frames);
    p->top = NULL;
    p->depth = 0;
    p->depth_max = ETF_DEPTH_MAX;
    p->is_pattern = false;
    p->holes = 0;
    p->marks = 0;
}

static void parser_fini(struct parser *p)
{
    etf__walk_fini(&p->frames);
    etf__walk_fini(&p->items);
    etf__scan_fini(&p->scan);
}

/* Nothing may follow but a full stop. */
static enum agner_err parse_end(struct parser *p)
{
    enum agner_err err;

    etf__scan_full_stop(&p->scan);
    err = etf__scan(&p->scan);
    if (err == AGNER_OK && p->scan.token != TOKEN_END)
        err = etf__scan_expected(&p->scan, "the end of the text");
    return err;
}

enum agner_err etf_parse(struct etf_region *r, const char *text, size_t size,
                         etf_term *term, size_t *used,
                         struct agner_error *error)
{
    struct parser p;
    etf_term t = ETF_NONE;
    enum agner_err err;

    parser_init(&p, r, text, size, error);
    err = parse_term(&p, &t);
    if (err == AGNER_OK && used == NULL)
        err = parse_end(&p);
    if (err == AGNER_OK) {
        *term = t;
        if (used != NULL) {
            etf__scan_full_stop(&p.scan);
            *used = p.scan.at;
        }
    }
    parser_fini(&p);
    return err;
}

enum agner_err etf__parse_pattern(struct etf_region *r, const char *text,
                                  etf_term *pattern, uint32_t *holes,
                                  struct agner_error *error)
{
    struct parser p;
    enum agner_err err;

    parser_init(&p, r, text, strlen(text), error);
    p.is_pattern = true;
    p.depth_max = ETF__PATTERN_DEPTH_MAX;
    err = parse_term(&p, pattern);
    if (err == AGNER_OK)
        err = parse_end(&p);
    *holes = p.holes;
    parser_fini(&p);
    return err;
}
