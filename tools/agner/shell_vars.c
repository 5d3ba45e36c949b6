/*
 * shell_vars.c -- the shell's variables, in order of their names.
 *
 * A variable may be set again at any time: the shell is for trying things out.
 */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

struct shell_var {
    char *name;            /* owned */
    struct etf_box *value; /* owned */
};

/* Where `name` is, or would be. */
static size_t place_of(const struct shell *sh, const char *name, bool *there)
{
    size_t i = 0;

    while (i < sh->var_count && strcmp(sh->vars[i].name, name) < 0)
        i++;
    *there = i < sh->var_count && strcmp(sh->vars[i].name, name) == 0;
    return i;
}

etf_term shell_var_get(const struct shell *sh, const char *name)
{
    bool there;
    size_t i = place_of(sh, name, &there);

    return there ? etf_box_term(sh->vars[i].value) : ETF_NONE;
}

/* A new one at place i; takes the box. */
static enum agner_err insert(struct shell *sh, size_t i, const char *name,
                             struct etf_box *box)
{
    struct shell_var *vars = sh->vars;
    char *copy = strdup(name);

    if (sh->var_count % 16 == 0)
        vars = realloc(vars, (sh->var_count + 16) * sizeof *vars);
    if (vars != NULL)
        sh->vars = vars;
    if (vars == NULL || copy == NULL) {
        free(copy);
        etf_box_free(box);
        return AGNER_ENOMEM;
    }
    memmove(&vars[i + 1], &vars[i], (sh->var_count - i) * sizeof *vars);
    vars[i] = (struct shell_var){ copy, box };
    sh->var_count++;
    return AGNER_OK;
}

enum agner_err shell_var_set(struct shell *sh, const char *name, etf_term value)
{
    struct etf_box *box = etf_box_new(value);
    bool there;
    size_t i = place_of(sh, name, &there);

    if (box == NULL)
        return AGNER_ENOMEM;
    if (!there && sh->var_count == SHELL_VARS_MAX) {
        etf_box_free(box);
        return AGNER_ELIMIT;
    }
    if (!there)
        return insert(sh, i, name, box);
    etf_box_free(sh->vars[i].value);
    sh->vars[i].value = box;
    return AGNER_OK;
}

void shell_vars_forget(struct shell *sh)
{
    for (size_t i = 0; i < sh->var_count; i++) {
        free(sh->vars[i].name);
        etf_box_free(sh->vars[i].value);
    }
    free(sh->vars);
    sh->vars = NULL;
    sh->var_count = 0;
}

const char *shell_var_at(const struct shell *sh, size_t i, etf_term *value)
{
    if (i >= sh->var_count)
        return NULL;
    *value = etf_box_term(sh->vars[i].value);
    return sh->vars[i].name;
}
