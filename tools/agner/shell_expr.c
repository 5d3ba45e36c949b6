/*
 * shell_expr.c -- reads an expression of the shell, and evaluates it.
 *
 *   statement   Pattern = Expr | Expr ! Expr | Expr       [.]
 *   Expr        Variable | module:function(Expr, ...) | function(Expr, ...)
 *               | {Expr, ...} | [Expr, ... | Expr] | #{Expr => Expr, ...}
 *               | (Expr) | any other term, as etf_parse() reads it
 *   Pattern     the same, without calls; _ matches anything
 *
 * An expression is evaluated while it is read, left to right. A pattern is
 * matched while it is read; its variables are set only when all of it matches.
 */
#include "shell.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct shell *sh;
    const char *text, *at, *end;
    unsigned depth;
    struct agner_error *error;
    enum agner_err err; /* the first thing that went wrong */
    bool skip;          /* read on, but evaluate nothing: a pattern failed */
};

static etf_term fail(struct reader *r, enum agner_err err, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

static etf_term fail(struct reader *r, enum agner_err err, const char *format,
                     ...)
{
    va_list args;

    if (r->err != AGNER_OK)
        return ETF_NONE;
    r->err = err;
    r->error->code = err;
    va_start(args, format);
    (void)vsnprintf(r->error->text, sizeof r->error->text, format, args);
    va_end(args);
    return ETF_NONE;
}

static struct etf_region *region(const struct reader *r)
{
    return rt_region(r->sh->t.self);
}

static void skip_space(struct reader *r)
{
    r->at = shell_skip(r->at, r->end);
}

static bool is_next(struct reader *r, const char *word)
{
    size_t size = strlen(word);

    skip_space(r);
    return (size_t)(r->end - r->at) >= size && memcmp(r->at, word, size) == 0;
}

static bool take(struct reader *r, const char *word)
{
    if (r->err != AGNER_OK || !is_next(r, word))
        return false;
    r->at += strlen(word);
    return true;
}

static void want(struct reader *r, const char *word)
{
    if (!take(r, word))
        (void)fail(r, AGNER_ESYNTAX, "column %d: expected '%s'",
                   (int)(r->at - r->text) + 1, word);
}

/* ---- Sequences: what stands between brackets ------------------------------
 */

struct items {
    etf_term *terms; /* owned */
    size_t count;
};

static bool add(struct reader *r, struct items *items, etf_term t)
{
    etf_term *more;

    if (r->err != AGNER_OK)
        return false;
    if ((items->count & (items->count - 1)) == 0) {
        more = realloc(items->terms, (2 * items->count + 1) * sizeof *more);
        if (more == NULL) {
            (void)fail(r, AGNER_ENOMEM, "out of memory");
            return false;
        }
        items->terms = more;
    }
    items->terms[items->count++] = t;
    return true;
}

static etf_term expression(struct reader *r);

/* Expressions up to `close`, which is taken; or for a list, up to its |. */
static void sequence(struct reader *r, const char *close, struct items *items)
{
    if (take(r, close))
        return;
    while (add(r, items, expression(r)) && take(r, ","))
        continue;
    if (close[0] != ']' || !is_next(r, "|"))
        want(r, close);
}

static etf_term made(struct reader *r, etf_term t)
{
    if (etf_is_none(t))
        return fail(r, AGNER_ENOMEM, "out of memory");
    return t;
}

static etf_term read_tuple(struct reader *r)
{
    struct items items = { NULL, 0 };
    etf_term t = ETF_NONE;

    sequence(r, "}", &items);
    if (r->err == AGNER_OK)
        t = made(r, etf_tuple(region(r), items.terms, items.count));
    free(items.terms);
    return t;
}

static etf_term read_list(struct reader *r)
{
    struct items items = { NULL, 0 };
    etf_term t = ETF_NONE, tail = etf_nil();

    sequence(r, "]", &items);
    if (items.count > 0 && take(r, "|")) {
        tail = expression(r);
        want(r, "]");
    }
    if (r->err == AGNER_OK)
        t = made(r, etf_list(region(r), items.terms, items.count, tail));
    free(items.terms);
    return t;
}

static etf_term read_map(struct reader *r)
{
    etf_term map = etf_map(region(r), NULL, 0), key;

    if (take(r, "}"))
        return made(r, map);
    do {
        key = expression(r);
        want(r, "=>");
        if (r->err == AGNER_OK)
            map = etf_map_put(region(r), map, key, expression(r));
    } while (take(r, ","));
    want(r, "}");
    return r->err == AGNER_OK ? made(r, map) : ETF_NONE;
}

/* ---- Leaves -------------------------------------------------------------- */

/* A term that the parser of terms reads: a number, a text, an atom, a pid. */
static etf_term read_leaf(struct reader *r)
{
    struct agner_error error = { AGNER_OK, "" };
    size_t used;
    etf_term t;
    enum agner_err err;

    if (r->at == r->end)
        return fail(r, AGNER_ESYNTAX, "an expression is missing at the end");
    err = etf_parse(region(r), r->at, (size_t)(r->end - r->at), &t, &used,
                    &error);
    if (err != AGNER_OK)
        return fail(r, err, "at '%.20s': %s", r->at, error.text);
    r->at += used;
    return etf_is_word(t) && etf_kind(t) != ETF_KIND_PID
               ? t
               : shell_here_in(r->sh, t);
}

static bool starts_variable(const struct reader *r)
{
    return r->at < r->end && (isupper((unsigned char)*r->at) || *r->at == '_');
}

/* A variable's name, into `name`. */
static void read_name(struct reader *r, char name[SHELL_NAME_MAX])
{
    size_t size = 0;

    while (r->at + size < r->end && (isalnum((unsigned char)r->at[size]) ||
                                     strchr("_@", r->at[size]) != NULL))
        size++;
    if (size >= SHELL_NAME_MAX)
        (void)fail(r, AGNER_ESYNTAX, "a name of a variable is too long");
    (void)snprintf(name, SHELL_NAME_MAX, "%.*s", (int)size, r->at);
    r->at += size;
}

static etf_term read_variable(struct reader *r)
{
    char name[SHELL_NAME_MAX];
    etf_term value;

    read_name(r, name);
    value = shell_var_get(r->sh, name);
    if (etf_is_none(value))
        return fail(r, AGNER_EUNKNOWN, "variable %s is unbound", name);
    return value;
}

/* An atom ends where a call's ( or : begins; the parser of terms would take a
 * full stop with it, which no call has. */
static bool is_atom_next(const struct reader *r)
{
    return r->at < r->end && (islower((unsigned char)*r->at) || *r->at == '\'');
}

/* ---- Calls --------------------------------------------------------------- */

static etf_term call_builtin(struct reader *r, const char *name,
                             const struct items *args)
{
    const struct shell_builtin *b = shell_builtin(name, args->count);
    struct agner_error error = { AGNER_OK, "" };
    etf_term value = ETF_A(ok);
    enum agner_err err =
        b->run(r->sh, args->terms, args->count, &value, &error);

    if (err != AGNER_OK)
        return fail(r, err, "%s", error.text);
    return value;
}

static etf_term call_remote(struct reader *r, etf_term m, etf_term f,
                            const struct items *args)
{
    struct agner_error error = { AGNER_OK, "" };
    etf_term list = etf_list(region(r), args->terms, args->count, etf_nil());
    etf_term value = ETF_NONE;
    enum agner_err err;

    if (etf_is_none(list))
        return fail(r, AGNER_ENOMEM, "out of memory");
    err = shell_remote(r->sh, m, f, list, &value, &error);
    if (err != AGNER_OK)
        return fail(r, err, "%s", error.text);
    return value;
}

/* The arguments and the ); `m` is ETF_NONE for a function without a module,
 * which is the shell's own, or else erlang's. */
static etf_term read_call(struct reader *r, etf_term m, etf_term f)
{
    struct items args = { NULL, 0 };
    char name[SHELL_NAME_MAX];
    etf_term value = ETF_NONE;

    want(r, "(");
    sequence(r, ")", &args);
    if (r->err == AGNER_OK && etf_is_none(m) &&
        etf_get_text(f, name, sizeof name) &&
        shell_builtin(name, args.count) != NULL)
        value = call_builtin(r, name, &args);
    else if (r->err == AGNER_OK)
        value =
            call_remote(r, etf_is_none(m) ? etf_atom("erlang") : m, f, &args);
    free(args.terms);
    return value;
}

/* An atom, or a call whose module or function it is. */
static etf_term read_atom(struct reader *r)
{
    etf_term atom = read_leaf(r), f;

    if (r->err != AGNER_OK)
        return ETF_NONE;
    if (is_next(r, "("))
        return read_call(r, ETF_NONE, atom);
    if (is_next(r, ":=") || !take(r, ":"))
        return atom;
    skip_space(r);
    if (!is_atom_next(r))
        return fail(r, AGNER_ESYNTAX, "column %d: expected a function's name",
                    (int)(r->at - r->text) + 1);
    f = read_leaf(r);
    return r->err == AGNER_OK ? read_call(r, atom, f) : ETF_NONE;
}

static etf_term read_any(struct reader *r)
{
    etf_term t;

    skip_space(r);
    if (take(r, "{"))
        return read_tuple(r);
    if (take(r, "["))
        return read_list(r);
    if (is_next(r, "#{")) {
        r->at += 2;
        return read_map(r);
    }
    if (take(r, "(")) {
        t = expression(r);
        want(r, ")");
        return t;
    }
    if (starts_variable(r))
        return read_variable(r);
    return is_atom_next(r) ? read_atom(r) : read_leaf(r);
}

static etf_term expression(struct reader *r)
{
    etf_term t;

    if (r->err != AGNER_OK)
        return ETF_NONE;
    if (r->depth == SHELL_DEPTH_MAX)
        return fail(r, AGNER_ELIMIT, "nested more than %d deep",
                    SHELL_DEPTH_MAX);
    r->depth++;
    t = read_any(r);
    r->depth--;
    return t;
}

/* ---- Patterns ------------------------------------------------------------ */

/* What a pattern's variables get, once all of it matches. */
struct bindings {
    char names[16][SHELL_NAME_MAX];
    etf_term values[16];
    size_t count;
};

static bool pattern(struct reader *r, etf_term value, struct bindings *b);

static bool bind(struct reader *r, etf_term value, struct bindings *b)
{
    char name[SHELL_NAME_MAX];
    size_t i;

    read_name(r, name);
    if (strcmp(name, "_") == 0)
        return true;
    for (i = 0; i < b->count; i++)
        if (strcmp(b->names[i], name) == 0)
            return etf_equal(b->values[i], value);
    if (b->count == sizeof b->names / sizeof *b->names) {
        (void)fail(r, AGNER_ELIMIT, "too many variables in a pattern");
        return false;
    }
    memcpy(b->names[i], name, sizeof name);
    b->values[i] = value;
    b->count++;
    return true;
}

static bool match_tuple(struct reader *r, etf_term value, struct bindings *b)
{
    size_t size = etf_tuple_size(value), i = 0;
    bool matches = etf_kind(value) == ETF_KIND_TUPLE;

    if (take(r, "}"))
        return matches && size == 0;
    do {
        etf_term item = i < size ? etf_tuple_items(value)[i] : ETF_A(undefined);

        matches = pattern(r, item, b) && i < size && matches;
        i++;
    } while (take(r, ","));
    want(r, "}");
    return matches && i == size;
}

static bool match_list(struct reader *r, etf_term value, struct bindings *b)
{
    bool matches = true;
    etf_term head;

    if (take(r, "]"))
        return etf_kind(value) == ETF_KIND_NIL;
    do {
        if (!etf_list_next(&value, &head)) {
            matches = false;
            head = ETF_A(undefined);
        }
        matches = pattern(r, head, b) && matches;
    } while (take(r, ","));
    if (take(r, "|"))
        matches = pattern(r, value, b) && matches;
    else
        matches = matches && etf_kind(value) == ETF_KIND_NIL;
    want(r, "]");
    return matches;
}

/* #{Key => Pattern} or with := as in Erlang; keys are terms without variables.
 */
static bool match_map(struct reader *r, etf_term value, struct bindings *b)
{
    bool matches = etf_kind(value) == ETF_KIND_MAP;

    if (take(r, "}"))
        return matches;
    do {
        etf_term key = expression(r), item = ETF_NONE;

        if (!take(r, ":="))
            want(r, "=>");
        if (r->err == AGNER_OK && matches)
            item = etf_map_get(value, key);
        matches = matches && !etf_is_none(item);
        matches = pattern(r, matches ? item : ETF_A(undefined), b) && matches;
    } while (take(r, ","));
    want(r, "}");
    return matches;
}

static bool match_any(struct reader *r, etf_term value, struct bindings *b)
{
    skip_space(r);
    if (take(r, "{"))
        return match_tuple(r, value, b);
    if (take(r, "["))
        return match_list(r, value, b);
    if (is_next(r, "#{")) {
        r->at += 2;
        return match_map(r, value, b);
    }
    if (starts_variable(r))
        return bind(r, value, b);
    return etf_equal(read_leaf(r), value);
}

static bool pattern(struct reader *r, etf_term value, struct bindings *b)
{
    bool matches;

    if (r->err != AGNER_OK)
        return false;
    if (r->depth == SHELL_DEPTH_MAX) {
        (void)fail(r, AGNER_ELIMIT, "nested more than %d deep",
                   SHELL_DEPTH_MAX);
        return false;
    }
    r->depth++;
    matches = match_any(r, value, b);
    r->depth--;
    return matches;
}

/* ---- Statements ---------------------------------------------------------- */

/* Nothing stands behind it but a full stop. */
static void finish(struct reader *r)
{
    (void)take(r, ".");
    skip_space(r);
    if (r->err == AGNER_OK && r->at != r->end)
        (void)fail(r, AGNER_ESYNTAX, "column %d: '%.20s' is too much",
                   (int)(r->at - r->text) + 1, r->at);
}

static etf_term read_whole(struct shell *sh, const char *text, const char *end,
                           struct agner_error *error, enum agner_err *err)
{
    struct reader r = {
        .sh = sh, .text = text, .at = text, .end = end, .error = error
    };
    etf_term t = expression(&r);

    finish(&r);
    *err = r.err;
    return t;
}

static enum agner_err match_whole(struct shell *sh, const char *text,
                                  const char *end, etf_term value,
                                  struct agner_error *error)
{
    struct reader r = {
        .sh = sh, .text = text, .at = text, .end = end, .error = error
    };
    struct bindings *b = calloc(1, sizeof *b);
    char shown[120];

    if (b == NULL)
        return agner_fail(error, AGNER_ENOMEM, "out of memory");
    if (!pattern(&r, value, b))
        (void)fail(&r, AGNER_EEXIT, "no match of %s",
                   etf_format(shown, sizeof shown, value));
    finish(&r);
    for (size_t i = 0; i < b->count && r.err == AGNER_OK; i++)
        if (shell_var_set(sh, b->names[i], b->values[i]) != AGNER_OK)
            (void)fail(&r, AGNER_ENOMEM, "no room for variable %s",
                       b->names[i]);
    free(b);
    return r.err;
}

static enum agner_err send(struct shell *sh, etf_term to, etf_term message,
                           struct agner_error *error)
{
    enum agner_err err;

    /* A name is one of the node that the shell is on. */
    if (etf_is_atom(to))
        to = etf_make(sh->t.self, "{_, _}", to, sh->node);
    err = rt_send(sh->t.self, to, message);
    return err == AGNER_OK ? err
                           : agner_fail(error, err, "%s", agner_strerror(err));
}

enum agner_err shell_eval(struct shell *sh, const char *text, size_t size,
                          etf_term *value, struct agner_error *error)
{
    const char *end = text + size;
    const char *equal = shell_find_operator(text, size, '=');
    const char *bang = shell_find_operator(text, size, '!');
    enum agner_err err = AGNER_OK;
    etf_term to = ETF_NONE;

    if (equal != NULL && (bang == NULL || equal < bang)) {
        err =
            shell_eval(sh, equal + 1, (size_t)(end - equal - 1), value, error);
        return err == AGNER_OK ? match_whole(sh, text, equal, *value, error)
                               : err;
    }
    if (bang != NULL) {
        to = read_whole(sh, text, bang, error, &err);
        text = bang + 1;
    }
    if (err == AGNER_OK)
        *value = read_whole(sh, text, end, error, &err);
    if (err == AGNER_OK && bang != NULL)
        err = send(sh, to, *value, error);
    return err;
}
