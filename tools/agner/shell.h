/*
 * shell.h -- `agner shell`: what its files share.
 *
 *   shell_expr.c      reads an expression and evaluates it
 *   shell_scan.c      where a statement ends, and what it consists of
 *   shell_vars.c      variables
 *   shell_here.c      whose pids are printed as <0.1.2>: those of the node
 *   shell_builtin.c   functions of the shell itself
 *   shell_line.c      lines: from a terminal with editing, or from a pipe
 *   shell_complete.c  completion of words
 *   cmd_shell.c       the loop
 */
#ifndef AGNER_SHELL_H
#define AGNER_SHELL_H

#include "cli.h"

#define SHELL_DEPTH_MAX     64         /* nesting of an expression */
#define SHELL_STATEMENT_MAX (1u << 20) /* bytes */
#define SHELL_VARS_MAX      1000
#define SHELL_NAME_MAX      256

struct shell_var;

struct shell {
    struct cli *cli;
    struct target t; /* by distribution */
    etf_term node;   /* its name, an atom */
    /* Its creation was learned from a pid of its; 0: not known, then its pids
     * print as those of other nodes do, and none can be written. */
    struct etf_self there;
    struct shell_var *vars;
    size_t var_count;
    bool interactive;
    bool over;     /* the user wants to leave */
    int last_code; /* of the last statement: an exit code */
};

/* ---- shell_expr.c ------------------------------------------------------- */

/*
 * Evaluates a statement: `Expr`, `Pattern = Expr` or `To ! Expr`, with or
 * without a full stop. The value lives until rt_reset(). AGNER_OK; otherwise
 * the reason is in `error`: AGNER_ESYNTAX, AGNER_EEXIT (it was evaluated, and
 * failed there), AGNER_ENOCONN and so on.
 */
enum agner_err shell_eval(struct shell *sh, const char *text, size_t size,
                          etf_term *value, struct agner_error *error);

/* ---- shell_scan.c ------------------------------------------------------- */

/* How far a statement is: all zero before its first line. */
struct shell_scan {
    int depth;  /* brackets that are open */
    char quote; /* or 0 */
};

/* Goes on with one more line. Once all brackets and quotes are closed the
 * statement is whole, and is evaluated. */
void shell_scan(struct shell_scan *scan, const char *text, size_t size);
bool shell_is_whole(const struct shell_scan *scan);

/* The first `op` ("=" or "!") of the statement that is in no bracket, text or
 * comment, or NULL. Other operators with an = in them are none. */
const char *shell_find_operator(const char *text, size_t size, char op);

/* Past white space and comments. */
const char *shell_skip(const char *at, const char *end);

/* ---- shell_vars.c ------------------------------------------------------- */

/* ETF_NONE: there is no such variable. */
etf_term shell_var_get(const struct shell *sh, const char *name);
/* Sets it, whether it was set before or not: no f() is needed. AGNER_ENOMEM,
 * AGNER_ELIMIT. */
enum agner_err shell_var_set(struct shell *sh, const char *name,
                             etf_term value);
void shell_vars_forget(struct shell *sh);
/* The i-th, in order of names; NULL: there are no more. */
const char *shell_var_at(const struct shell *sh, size_t i, etf_term *value);

/* ---- shell_here.c ------------------------------------------------------- */

/* Learns the node's creation. */
void shell_here_learn(struct shell *sh);
/* `t` with identifiers of the node as local ones, so that they print short; and
 * with local ones, which somebody wrote, as the node's. In self's region. */
etf_term shell_here_out(struct shell *sh, etf_term t);
etf_term shell_here_in(struct shell *sh, etf_term t);

/* ---- shell_builtin.c ---------------------------------------------------- */

struct shell_builtin {
    const char *name;
    size_t args_min, args_max;
    const char *arguments; /* as the help shows them */
    const char *text;      /* what it does, a line */
    enum agner_err (*run)(struct shell *sh, const etf_term *args, size_t count,
                          etf_term *value, struct agner_error *error);
};

extern const struct shell_builtin shell_builtins[]; /* ends without a name */

/* NULL: the shell has no such function. */
const struct shell_builtin *shell_builtin(const char *name, size_t args);

/* M:F(Args) on the node. */
enum agner_err shell_remote(struct shell *sh, etf_term m, etf_term f,
                            etf_term args, etf_term *value,
                            struct agner_error *error);

/* Prints a value as the shell does; nothing for ETF_NONE. */
void shell_print(struct shell *sh, etf_term value);

/* ---- shell_line.c ------------------------------------------------------- */

/* The next line, without its end; freed by the caller. NULL: no more. `more`:
 * it continues a statement. */
char *shell_line(struct shell *sh, bool more);
/* Keeps a statement in the history. */
void shell_line_keep(struct shell *sh, const char *text);
/* The last statement that was kept and begins with `prefix`; NULL: none. Good
 * until the next is kept. */
const char *shell_line_before(struct shell *sh, const char *prefix);
void shell_line_history(struct shell *sh);
void shell_line_begin(struct shell *sh);
void shell_line_end(struct shell *sh);

/* ---- shell_complete.c --------------------------------------------------- */

/* Words that may stand where `text` begins: freed by the caller, each word
 * too; the last is NULL. NULL: none. */
char **shell_complete(struct shell *sh, const char *text);

#endif
