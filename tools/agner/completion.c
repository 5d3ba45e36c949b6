/*
 * completion.c -- the script by which bash completes the command's words.
 *
 * It is completion.bash with the table of commands filled in. What a word may
 * be follows from what stands for it in `arguments` and in an option's `value`:
 * lower case is the word itself, capitals are looked up below.
 */
#include "cli.h"

#include <string.h>

#include "embedded.h"

/* What capitals stand for: words that are fixed, or a kind that the script
 * knows how to ask for. What is not here is not completed: a term, a number. */
static const struct {
    const char *capitals, *fixed, *kind;
} places[] = {
    { "NODE", NULL, "nodes" },
    { "NAME", NULL, "names" },
    { "ROOT", NULL, "names" },
    { "SUP", NULL, "names" },
    { "ACTOR", NULL, "names" },
    { "APP", NULL, "apps" },
    { "FILE", NULL, "files" },
    { "FILE.so", NULL, "files" },
    { "PATH", NULL, "files" },
    { "TYPE", "permanent transient temporary", NULL },
    { "LEVEL",
      "emergency alert critical error warning notice info debug default none",
      NULL },
};

#define PLACE_COUNT (sizeof places / sizeof places[0])

/* One of the alternatives of a place, as a fixed word or as a kind; nothing
 * when it is the other one. */
static void print_word(FILE *to, const char *word, size_t size, bool fixed)
{
    const char *text = NULL;

    if (fixed && word[0] >= 'a' && word[0] <= 'z')
        (void)fprintf(to, "%.*s ", (int)size, word);
    for (size_t i = 0; i < PLACE_COUNT && text == NULL; i++) {
        if (strlen(places[i].capitals) == size &&
            memcmp(places[i].capitals, word, size) == 0)
            text = fixed ? places[i].fixed : places[i].kind;
    }
    if (text != NULL)
        (void)fprintf(to, "%s ", text);
}

static void print_words(FILE *to, const char *place, size_t size, bool fixed)
{
    const char *end = place + size;

    while (place < end) {
        size_t part = strcspn(place, "|");

        if (part > (size_t)(end - place))
            part = (size_t)(end - place);
        print_word(to, place, part, fixed);
        place += part + 1;
    }
}

/* What one place may be: "A|B|word". Ends a row of the script. */
static void print_place(FILE *to, const char *place, size_t size)
{
    (void)fputs("fixed='", to);
    print_words(to, place, size, true);
    (void)fputs("' kinds='", to);
    print_words(to, place, size, false);
    (void)fputs("' ;;\n", to);
}

/* A row for each argument: "NAME [TERM]". */
static void print_arguments(FILE *to, const struct command *c)
{
    const char *place = c->arguments + strspn(c->arguments, " []");

    for (unsigned index = 0; *place != '\0'; index++) {
        size_t size = strcspn(place, " []");

        (void)fprintf(to, "    %s.%u) ", c->name, index);
        print_place(to, place, size);
        place += size;
        place += strspn(place, " []");
    }
}

/* A row for each option that has a value. */
static void print_values(FILE *to, const struct command *c)
{
    for (const struct option *o = c->options; o->name != NULL; o++) {
        if (o->value == NULL)
            continue;
        (void)fprintf(to, "    %s.--%s", c->name, o->name);
        if (o->letter != 0)
            (void)fprintf(to, " | %s.-%c", c->name, o->letter);
        (void)fputs(") ", to);
        print_place(to, o->value, strlen(o->value));
    }
}

/* ---- What is filled in ------------------------------------------------ */

static void fill_commands(FILE *to)
{
    (void)fputs("_agner_commands='help", to);
    for (size_t i = 0; i < cli_command_count; i++)
        (void)fprintf(to, " %s", cli_commands[i]->name);
    (void)fputs("'\n", to);
}

static void fill_places(FILE *to)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        print_arguments(to, cli_commands[i]);
        print_values(to, cli_commands[i]);
    }
}

static void fill_options(FILE *to)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        (void)fprintf(to, "    %s) echo '", cli_commands[i]->name);
        for (const struct option *o = cli_commands[i]->options; o->name != NULL;
             o++)
            (void)fprintf(to, " --%s", o->name);
        (void)fputs("' ;;\n", to);
    }
}

/* Lines of the file that stand for something. */
static const struct {
    const char *line;
    void (*fill)(FILE *to);
} fills[] = {
    { "# @COMMANDS@", fill_commands },
    { "    # @PLACES@", fill_places },
    { "    # @OPTIONS@", fill_options },
};

static void print_line(FILE *to, const char *line, size_t size)
{
    for (size_t i = 0; i < sizeof fills / sizeof fills[0]; i++) {
        if (strlen(fills[i].line) == size &&
            memcmp(fills[i].line, line, size) == 0) {
            fills[i].fill(to);
            return;
        }
    }
    (void)fprintf(to, "%.*s\n", (int)size, line);
}

void cli_completion_bash(FILE *to)
{
    const char *line = embedded_text("completion.bash");

    while (*line != '\0') {
        size_t size = strcspn(line, "\n");

        print_line(to, line, size);
        line += size + (line[size] == '\n');
    }
}
