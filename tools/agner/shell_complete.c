/*
 * shell_complete.c -- completion of words in the shell.
 *
 * What a word may be is asked of the node at the moment when the key is
 * pressed: registered names and its peers; behind `module:` the functions that
 * may be called there.
 */
#include "shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 500

struct words {
    const char *prefix;
    char *list[WORDS_MAX + 1];
    size_t count;
};

static void add(struct words *w, const char *word)
{
    if (strncmp(word, w->prefix, strlen(w->prefix)) != 0 ||
        w->count == WORDS_MAX)
        return;
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->list[i], word) == 0)
            return;
    w->list[w->count] = strdup(word);
    if (w->list[w->count] != NULL)
        w->count++;
}

/* An atom as it is to be written. */
static void add_atom(struct words *w, etf_term atom)
{
    struct etf_print_options options = { .style = ETF_STYLE_TW };
    struct etf_buffer b = { 0 };

    if (etf_is_atom(atom) && etf_print(&b, atom, &options) == AGNER_OK &&
        etf_buffer_add(&b, "", 1) == AGNER_OK)
        add(w, (const char *)b.data);
    etf_buffer_fini(&b);
}

static etf_term ask(struct shell *sh, const char *m, const char *f,
                    etf_term args)
{
    struct agner_error error;
    etf_term value = etf_nil();

    (void)shell_remote(sh, etf_atom(m), etf_atom(f), args, &value, &error);
    return value;
}

static void add_atoms(struct words *w, etf_term list)
{
    etf_term atom;

    while (etf_list_next(&list, &atom))
        add_atom(w, atom);
}

/* [{Function, Arity}] of one module, each as it is written behind the first
 * `before` bytes of the word. */
static void add_functions(struct shell *sh, struct words *w, etf_term module,
                          size_t before)
{
    etf_term list, function, value = etf_nil();
    struct agner_error error;
    char word[2 * SHELL_NAME_MAX + 3], name[SHELL_NAME_MAX];
    int64_t arity;

    if (etf_is_none(module))
        return;
    (void)shell_remote(sh, module, etf_atom("module_info"),
                       etf_make(sh->t.self, "[exports]"), &value, &error);
    for (list = value; etf_list_next(&list, &function);) {
        if (!etf_match(function, "{_, _}", &function, &arity) ||
            !etf_get_text(function, name, sizeof name))
            continue;
        (void)snprintf(word, sizeof word, "%.*s%s(", (int)before, w->prefix,
                       name);
        add(w, word);
    }
}

static void add_variables(struct shell *sh, struct words *w)
{
    const char *name;
    etf_term value;

    for (size_t i = 0; (name = shell_var_at(sh, i, &value)) != NULL; i++)
        add(w, name);
}

static void add_own(struct words *w)
{
    char word[40];

    for (const struct shell_builtin *b = shell_builtins; b->name != NULL; b++) {
        (void)snprintf(word, sizeof word, "%s(", b->name);
        add(w, word);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **shell_complete(struct shell *sh, const char *text)
{
    struct words *w = calloc(1, sizeof *w);
    const char *colon = strchr(text, ':');
    char **list = NULL;

    if (w == NULL)
        return NULL;
    w->prefix = text;
    if (colon != NULL) {
        size_t size = (size_t)(colon - text);

        add_functions(sh, w, etf_atom_n(text, size), size + 1);
    } else if (isupper((unsigned char)text[0])) {
        add_variables(sh, w);
    } else {
        add_own(w);
        if (text[0] != '\0') /* those of erlang go without it */
            add_functions(sh, w, etf_atom("erlang"), 0);
        add_atoms(w, ask(sh, "erlang", "registered", etf_nil()));
        add_atoms(w, ask(sh, "erlang", "nodes", etf_nil()));
        add_atom(w, sh->node);
    }
    rt_reset(sh->t.self);
    qsort(w->list, w->count, sizeof *w->list, by_text);
    if (w->count > 0)
        list = calloc(w->count + 1, sizeof *list);
    for (size_t i = 0; i < w->count; i++)
        if (list != NULL)
            list[i] = w->list[i];
        else
            free(w->list[i]);
    free(w);
    return list;
}
