/*
 * shell_line.c -- the shell's lines: edited on a terminal, read from a pipe.
 *
 * On a terminal it is libedit, where it was there at build time, with a history
 * in $XDG_STATE_HOME/agner/shell_history, written after each statement, since
 * ^C ends the shell. From a pipe lines are taken as they are, so that a script
 * can be fed to the shell.
 */
#include "shell.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef AGNER_LIBEDIT
#include <editline/readline.h>
#endif

#define HISTORY_MAX 1000 /* statements */

/* Our own list: it is there without a terminal, too. */
static struct {
    char *lines[HISTORY_MAX];
    size_t count; /* ever kept; the newest is at (count - 1) % HISTORY_MAX */
} history;

#ifdef AGNER_LIBEDIT
static struct shell *completing; /* libedit's hook has no argument */
static char history_path[APPS_PATH_MAX];

static char **complete(const char *text, int start, int end)
{
    char **words = shell_complete(completing, text);
    size_t count = 0, common;
    char **matches;

    (void)start;
    (void)end;
    rl_attempted_completion_over = 1; /* no names of files */
    rl_completion_append_character = '\0';
    if (words == NULL)
        return NULL;
    while (words[count] != NULL)
        count++;
    matches = calloc(count + 2, sizeof *matches);
    if (matches == NULL)
        return words; /* then they are only listed */
    common = strlen(words[0]);
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;

        while (same < common && words[i][same] == words[0][same])
            same++;
        common = same;
        matches[i + 1] = words[i];
    }
    matches[0] = strndup(words[0], common);
    free(words);
    return matches;
}

/* Where the history is; the folder is made. Empty: nowhere. */
static void find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char folder[APPS_PATH_MAX];
    int size;

    if (state != NULL && state[0] == '/')
        size = snprintf(folder, sizeof folder, "%s/agner", state);
    else
        size = snprintf(folder, sizeof folder, "%s/.local/state/agner",
                        home != NULL ? home : "");
    if (size < 0 || (size_t)size >= sizeof folder || folder[0] != '/')
        return;
    for (char *at = folder + 1; at != NULL && *at != '\0'; at++) {
        at = strchr(at, '/');
        if (at != NULL)
            *at = '\0';
        (void)mkdir(folder, 0700);
        if (at == NULL)
            break;
        *at = '/';
    }
    size =
        snprintf(history_path, sizeof history_path, "%s/shell_history", folder);
    if (size < 0 || (size_t)size >= sizeof history_path)
        history_path[0] = '\0';
}
#endif

void shell_line_begin(struct shell *sh)
{
#ifdef AGNER_LIBEDIT
    static char breaks[] = " \t\n(){}[],|=!<>\"";

    if (!sh->interactive)
        return;
    completing = sh;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* terms are, whatever is set */
    rl_readline_name = "agner";
    (void)rl_initialize();
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = breaks;
    using_history();
    stifle_history(HISTORY_MAX);
    find_history();
    if (history_path[0] != '\0')
        (void)read_history(history_path);
#else
    (void)sh;
#endif
}

void shell_line_end(struct shell *sh)
{
    (void)sh;
    for (size_t i = 0; i < HISTORY_MAX; i++) {
        free(history.lines[i]);
        history.lines[i] = NULL;
    }
    history.count = 0;
}

/* One line of standard input, of any length, without its end. */
static char *read_line(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size = getline(&line, &room, stdin);

    if (size < 0) {
        free(line);
        return NULL;
    }
    if (size > 0 && line[size - 1] == '\n')
        line[size - 1] = '\0';
    return line;
}

char *shell_line(struct shell *sh, bool more)
{
    char prompt[300];

    if (!sh->interactive)
        return read_line();
    (void)snprintf(prompt, sizeof prompt, more ? "%*s> " : "%*s%s> ",
                   more ? (int)strlen(sh->t.name) : 0, "", sh->t.name);
#ifdef AGNER_LIBEDIT
    return readline(prompt);
#else
    (void)fputs(prompt, stdout);
    (void)fflush(stdout);
    return read_line();
#endif
}

void shell_line_keep(struct shell *sh, const char *text)
{
    char **place = &history.lines[history.count % HISTORY_MAX];
    char *copy = strdup(text);

    if (copy == NULL)
        return;
    free(*place);
    *place = copy;
    history.count++;
#ifdef AGNER_LIBEDIT
    if (!sh->interactive)
        return;
    (void)add_history(text);
    if (history_path[0] != '\0' && write_history(history_path) == 0)
        (void)chmod(history_path, 0600);
#else
    (void)sh;
#endif
}

const char *shell_line_before(struct shell *sh, const char *prefix)
{
    size_t oldest =
        history.count > HISTORY_MAX ? history.count - HISTORY_MAX : 0;

    (void)sh;
    for (size_t i = history.count; i > oldest; i--) {
        const char *line = history.lines[(i - 1) % HISTORY_MAX];

        if (strncmp(line, prefix, strlen(prefix)) == 0)
            return line;
    }
    return NULL;
}

void shell_line_history(struct shell *sh)
{
    size_t oldest =
        history.count > HISTORY_MAX ? history.count - HISTORY_MAX : 0;

    (void)sh;
    for (size_t i = oldest; i < history.count; i++)
        (void)printf("%4zu  %s\n", i + 1, history.lines[i % HISTORY_MAX]);
}
