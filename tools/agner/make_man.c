/*
 * make_man.c -- writes the manual pages of section 1, for the build.
 *
 *     make_man FOLDER
 *
 * agner.1 and a page for each command, from the table that arguments are read
 * by; so a page says what its command does, and nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- Text as roff ----------------------------------------------------- */

static bool starts_request(const char *text)
{
    return *text == '.' || *text == '\'';
}

/* As it is: what roff would take for an instruction is escaped. With `marks`,
 * `this` between backquotes is bold. */
static void put_size(FILE *to, const char *text, size_t size, bool marks)
{
    bool bold = false;

    if (size > 0 && starts_request(text))
        (void)fputs("\\&", to);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') {
            (void)fputs("\\e", to);
        } else if (text[i] == '-') {
            (void)fputs("\\-", to);
        } else if (text[i] == '\'') {
            (void)fputs("\\(aq", to);
        } else if (text[i] == '`' && marks) {
            bold = !bold;
            (void)fputs(bold ? "\\fB" : "\\fR", to);
        } else {
            (void)fputc(text[i], to);
            if (text[i] == '\n' && starts_request(text + i + 1))
                (void)fputs("\\&", to);
        }
    }
}

static void put(FILE *to, const char *text)
{
    put_size(to, text, strlen(text), false);
}

static void put_prose(FILE *to, const char *text)
{
    put_size(to, text, strlen(text), true);
    (void)fputc('\n', to);
}

/* ---- Parts ------------------------------------------------------------ */

static void put_head(FILE *to, const char *name, const char *summary)
{
    (void)fputs(".TH ", to);
    for (const char *c = name; *c != '\0'; c++)
        (void)fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, to);
    (void)fprintf(to, " 1 \"\" \"agner %s\" \"agner\"\n.SH NAME\n",
                  apps_version());
    put(to, name);
    (void)fputs(" \\- ", to);
    put_prose(to, summary);
}

static void put_option(FILE *to, const struct option *o)
{
    (void)fputs(".TP\n", to);
    if (o->letter != 0)
        (void)fprintf(to, "\\fB\\-%c\\fR, ", o->letter);
    (void)fputs("\\fB\\-\\-", to);
    put(to, o->name);
    (void)fputs("\\fR", to);
    if (o->value != NULL) {
        (void)fputs(" \\fI", to);
        put(to, o->value);
        (void)fputs("\\fR", to);
    }
    (void)fputs("\n", to);
    put_prose(to, o->help);
}

static void put_exit_codes(FILE *to)
{
    (void)fputs(".SH EXIT STATUS\n", to);
    for (size_t i = 0; i < cli_exit_code_count; i++) {
        (void)fprintf(to, ".TP\n%d\n", cli_exit_codes[i].code);
        put_prose(to, cli_exit_codes[i].text);
    }
}

static void put_page(FILE *to, const struct command *c)
{
    char name[64];

    (void)snprintf(name, sizeof name, "agner-%s", c->name);
    put_head(to, name, c->summary);
    (void)fprintf(to, ".SH SYNOPSIS\n\\fBagner %s\\fR", c->name);
    if (c->arguments[0] != '\0') {
        (void)fputs(" \\fI", to);
        put(to, c->arguments);
        (void)fputs("\\fR", to);
    }
    (void)fputs(" [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n", to);
    put_prose(to, c->text != NULL ? c->text : c->summary);
    (void)fputs(".SH OPTIONS\n", to);
    for (const struct option *o = c->options; o->name != NULL; o++)
        put_option(to, o);
    (void)fputs(".SH EXAMPLES\n.nf\n", to);
    put(to, c->example);
    (void)fputs("\n.fi\n", to);
    put_exit_codes(to);
    (void)fputs(".SH SEE ALSO\n\\fBagner\\fR(1)\n", to);
}

static void put_overview(FILE *to)
{
    put_head(to, "agner",
             "actors in C, and nodes that speak Erlang's protocol");
    (void)fputs(".SH SYNOPSIS\n\\fBagner\\fR \\fICOMMAND\\fR "
                "[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
                to);
    for (size_t i = 0; i < cli_command_count; i++) {
        (void)fprintf(to, ".TP\n\\fBagner\\-%s\\fR(1)\n",
                      cli_commands[i]->name);
        put_prose(to, cli_commands[i]->summary);
    }
    (void)fputs(".SH OPTIONS BEFORE THE COMMAND\n", to);
    for (const struct option *o = cli_globals; o->name != NULL; o++)
        put_option(to, o);
    put_exit_codes(to);
    (void)fputs(".SH SEE ALSO\n\\fBagner\\-sys.config\\fR(5), "
                "\\fBagner\\-control\\fR(7)\n",
                to);
}

/* ---- Files ------------------------------------------------------------ */

static FILE *open_page(const char *folder, const char *dash, const char *name)
{
    char path[APPS_PATH_MAX];
    FILE *to;

    (void)snprintf(path, sizeof path, "%s/agner%s%s.1", folder, dash, name);
    to = fopen(path, "w");
    if (to == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return to;
}

static void close_page(FILE *to)
{
    if (fclose(to) != 0) {
        perror("make_man");
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    FILE *to;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_man FOLDER\n");
        return EXIT_FAILURE;
    }
    to = open_page(argv[1], "", "");
    put_overview(to);
    close_page(to);
    for (size_t i = 0; i < cli_command_count; i++) {
        to = open_page(argv[1], "-", cli_commands[i]->name);
        put_page(to, cli_commands[i]);
        close_page(to);
    }
    return EXIT_SUCCESS;
}
