/*
 * shell_builtin.c -- functions of the shell itself, and how it calls others.
 */
#include "shell.h"

#include <string.h>

/* ---- Calling the node ---------------------------------------------------- */

enum agner_err shell_remote(struct shell *sh, etf_term m, etf_term f,
                            etf_term args, etf_term *value,
                            struct agner_error *error)
{
    struct gen_erpc_exception e;
    char reason[700];
    enum agner_err err = gen_erpc_call(sh->t.self, sh->node, m, f, args,
                                       cli_timeout(sh->cli), value, &e);

    if (err == AGNER_OK)
        return AGNER_OK;
    if (err != AGNER_EEXIT)
        return agner_fail(error, err, "%s", agner_strerror(err));
    if (cli_exception_undef(&e, reason, sizeof reason))
        return agner_fail(error, err, "exception error: undef %s", reason);
    return agner_fail(error, err, "exception %s: %s", cli_exception_class(&e),
                      etf_format(reason, sizeof reason,
                                 shell_here_out(sh, cli_exception(&e))));
}

void shell_print(struct shell *sh, etf_term value)
{
    if (!etf_is_none(value))
        (void)cli_print(sh->cli, shell_here_out(sh, value));
}

/* ---- Functions ----------------------------------------------------------- */

static enum agner_err run_self(struct shell *sh, const etf_term *args,
                               size_t count, etf_term *value,
                               struct agner_error *error)
{
    (void)args;
    (void)count;
    (void)error;
    *value = etf_make(sh->t.self, "_", rt_self(sh->t.self));
    return AGNER_OK;
}

/* What has come for the shell's process. */
static enum agner_err run_flush(struct shell *sh, const etf_term *args,
                                size_t count, etf_term *value,
                                struct agner_error *error)
{
    etf_term message;

    (void)args;
    (void)count;
    (void)error;
    (void)value;
    while (rt_receive(sh->t.self, 0, &message) == AGNER_OK) {
        (void)printf("got ");
        shell_print(sh, message);
    }
    return AGNER_OK;
}

/* How a call ended, as an exception where it did not end well. */
static enum agner_err ended(struct shell *sh, enum agner_err err,
                            etf_term reason, struct agner_error *error)
{
    char text[400];

    if (err == AGNER_OK)
        return err;
    if (err != AGNER_EEXIT || etf_is_none(reason))
        return agner_fail(error, err, "%s", agner_strerror(err));
    return agner_fail(
        error, err, "exception exit: %s",
        etf_format(text, sizeof text, shell_here_out(sh, reason)));
}

static etf_term target_of(struct shell *sh, etf_term to)
{
    return etf_is_atom(to) ? etf_make(sh->t.self, "{_, _}", to, sh->node) : to;
}

static enum agner_err run_call(struct shell *sh, const etf_term *args,
                               size_t count, etf_term *value,
                               struct agner_error *error)
{
    etf_term reply = ETF_NONE;
    enum agner_err err;

    (void)count;
    err = gen_call(sh->t.self, target_of(sh, args[0]), args[1],
                   cli_timeout(sh->cli), &reply);
    *value = reply;
    return ended(sh, err, reply, error);
}

static enum agner_err run_cast(struct shell *sh, const etf_term *args,
                               size_t count, etf_term *value,
                               struct agner_error *error)
{
    (void)count;
    (void)value;
    return ended(sh, gen_cast(sh->t.self, target_of(sh, args[0]), args[1]),
                 ETF_NONE, error);
}

static enum agner_err run_monitor(struct shell *sh, const etf_term *args,
                                  size_t count, etf_term *value,
                                  struct agner_error *error)
{
    etf_ref ref;
    enum agner_err err =
        rt_monitor(sh->t.self, target_of(sh, args[0]), 0, &ref);

    (void)count;
    if (err == AGNER_OK)
        *value = etf_make(sh->t.self, "_", ref);
    return ended(sh, err, ETF_NONE, error);
}

static enum agner_err run_variables(struct shell *sh, const etf_term *args,
                                    size_t count, etf_term *value,
                                    struct agner_error *error)
{
    const char *name;
    etf_term bound;

    (void)args;
    (void)count;
    (void)error;
    *value = ETF_NONE;
    for (size_t i = 0; (name = shell_var_at(sh, i, &bound)) != NULL; i++) {
        (void)printf("%s = ", name);
        shell_print(sh, bound);
    }
    return AGNER_OK;
}

static enum agner_err run_forget(struct shell *sh, const etf_term *args,
                                 size_t count, etf_term *value,
                                 struct agner_error *error)
{
    (void)args;
    (void)count;
    (void)value;
    (void)error;
    shell_vars_forget(sh);
    return AGNER_OK;
}

static enum agner_err run_history(struct shell *sh, const etf_term *args,
                                  size_t count, etf_term *value,
                                  struct agner_error *error)
{
    (void)args;
    (void)count;
    (void)error;
    *value = ETF_NONE;
    shell_line_history(sh);
    return AGNER_OK;
}

static enum agner_err run_quit(struct shell *sh, const etf_term *args,
                               size_t count, etf_term *value,
                               struct agner_error *error)
{
    (void)args;
    (void)count;
    (void)error;
    *value = ETF_NONE;
    sh->over = true;
    return AGNER_OK;
}

static enum agner_err run_help(struct shell *sh, const etf_term *args,
                               size_t count, etf_term *value,
                               struct agner_error *error)
{
    char name[40];

    (void)sh;
    (void)args;
    (void)count;
    (void)error;
    *value = ETF_NONE;
    (void)printf(
        "  %-24s %s\n  %-24s %s\n  %-24s %s\n  %-24s %s\n",
        "module:function(Args)", "calls it on the node", "function(Args)",
        "one of these, or else erlang:function(Args)", "Pattern = Expression",
        "sets variables, again if need be", "To ! Expression",
        "sends: to a pid, a name there, or {Name, Node}");
    for (const struct shell_builtin *b = shell_builtins; b->name != NULL; b++) {
        (void)snprintf(name, sizeof name, "%s(%s)", b->name, b->arguments);
        (void)printf("  %-24s %s\n", name, b->text);
    }
    (void)printf("  %-24s %s\n", "!TEXT, !!",
                 "the last statement that began so; the last one");
    return AGNER_OK;
}

/* clang-format off */
const struct shell_builtin shell_builtins[] = {
    { "call",    2, 2, "To, Request", "gen_server:call, and the answer", run_call },
    { "cast",    2, 2, "To, Request", "gen_server:cast", run_cast },
    { "monitor", 1, 1, "Target",      "a monitor of the shell's; see flush()", run_monitor },
    { "self",    0, 0, "",            "the shell's own pid", run_self },
    { "flush",   0, 0, "",            "prints what came for it", run_flush },
    { "b",       0, 0, "",            "the variables", run_variables },
    { "f",       0, 0, "",            "forgets them", run_forget },
    { "h",       0, 0, "",            "the history", run_history },
    { "help",    0, 0, "",            "this", run_help },
    { "q",       0, 0, "",            "leaves the shell; the node goes on", run_quit },
    { NULL, 0, 0, NULL, NULL, NULL },
};
/* clang-format on */

const struct shell_builtin *shell_builtin(const char *name, size_t args)
{
    for (const struct shell_builtin *b = shell_builtins; b->name != NULL; b++)
        if (strcmp(b->name, name) == 0 && args >= b->args_min &&
            args <= b->args_max)
            return b;
    return NULL;
}
