/*
 * term.c -- terms as a person gives them to the command.
 */
#include "cli.h"

#include <errno.h>
#include <string.h>

#include "rt_world.h"

#define TERM_BYTES_MAX (16u << 20) /* a longer one would not be sent anyway */

static int read_stdin(struct cli *cli, struct etf_buffer *b)
{
    char chunk[65536];
    size_t got;

    b->size_max = TERM_BYTES_MAX;
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        if (etf_buffer_add(b, chunk, got) != AGNER_OK)
            return cli_fail(cli, EXIT_USAGE, "a term of at most 16 MiB",
                            "standard input is too long");
    }
    if (ferror(stdin))
        return cli_fail(cli, EXIT_USAGE, "give the term as an argument",
                        "standard input: %s", strerror(errno));
    return EXIT_DONE;
}

/* `where` names the text in errors. */
static int parse(struct cli *cli, const char *where, const char *text,
                 size_t size, etf_term *t)
{
    struct agner_error error = { AGNER_OK, "" };

    if (etf_parse(cli->region, text, size, t, NULL, &error) == AGNER_OK)
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE,
                    "write it as in Erlang, in quotes: '{add, 5}'", "%s: %s",
                    where, error.text);
}

/* What TEXT stands for, when it is `-` or `@FILE`: *where names it. Otherwise
 * *where is NULL. */
static int read_source(struct cli *cli, const char *text, struct etf_buffer *b,
                       const char **where)
{
    struct agner_error error = { AGNER_OK, "" };

    *where = NULL;
    if (strcmp(text, "-") == 0) {
        *where = "standard input";
        return read_stdin(cli, b);
    }
    if (text[0] != '@')
        return EXIT_DONE;
    *where = text + 1;
    if (cli->world->file_read(cli->world->ctx, *where, TERM_BYTES_MAX, b,
                              &error) != AGNER_OK)
        return cli_fail(cli, EXIT_USAGE, "the path of a file", "%s",
                        error.text);
    return EXIT_DONE;
}

int cli_term(struct cli *cli, const char *text, etf_term *t)
{
    struct etf_buffer b = { 0 };
    const char *where;
    int code = read_source(cli, text, &b, &where);

    if (code == EXIT_DONE && where == NULL)
        return parse(cli, "TERM", text, strlen(text), t);
    if (code == EXIT_DONE)
        code = parse(cli, where, (const char *)b.data, b.size, t);
    etf_buffer_fini(&b);
    return code;
}

int cli_bytes(struct cli *cli, const char *text, etf_term *binary)
{
    struct etf_buffer b = { 0 };
    const char *where;
    int code = read_source(cli, text, &b, &where);

    if (code == EXIT_DONE)
        *binary = where == NULL ? etf_binary(cli->region, text, strlen(text))
                                : etf_binary(cli->region, b.data, b.size);
    etf_buffer_fini(&b);
    return code;
}
