/*
 * output.c -- what the command prints: terms, JSON, tables, failures.
 *
 * Results go to stdout, everything else to stderr. A table is aligned for a
 * person and tab separated for a pipe, with the same columns.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

#define CELL_MAX    256
#define COLUMNS_MAX 16

int cli_fail(const struct cli *cli, int code, const char *next,
             const char *format, ...)
{
    va_list args;

    if (cli->quiet)
        return code;
    (void)fflush(stdout); /* what led to it comes first, in a pipe too */
    (void)fprintf(stderr, "agner%s%s: ", cli->command != NULL ? " " : "",
                  cli->command != NULL ? cli->command->name : "");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n  try: %s\n", next);
    return code;
}

int cli_code(enum agner_err err)
{
    switch (err) {
    case AGNER_OK:
        return EXIT_DONE;
    case AGNER_EINVAL:
        return EXIT_USAGE;
    case AGNER_ENOCONN:
    case AGNER_ENODEDOWN:
        return EXIT_UNREACHABLE;
    case AGNER_EAUTH:
        return EXIT_AUTH;
    case AGNER_ETIMEOUT:
        return EXIT_TIMEOUT;
    case AGNER_ENOPROC:
    case AGNER_ENONAME:
        return EXIT_NOT_FOUND;
    case AGNER_EPROTO:
    case AGNER_EMALFORMED:
    case AGNER_ETRUNCATED:
        return EXIT_PROTOCOL;
    case AGNER_ENOTALLOWED:
        return EXIT_REFUSED;
    default:
        return EXIT_REMOTE;
    }
}

static int no_memory(const struct cli *cli)
{
    return cli_fail(cli, EXIT_REMOTE, "less at a time", "out of memory");
}

/* Writes and ends the line. A reader that has gone is no failure of ours. */
static int write_line(const struct cli *cli, enum agner_err err,
                      struct etf_buffer *b)
{
    if (err == AGNER_OK) {
        (void)fwrite(b->data, 1, b->size, stdout);
        (void)putchar('\n');
    }
    etf_buffer_fini(b);
    if (err == AGNER_ELIMIT)
        return cli_fail(cli, EXIT_REMOTE, "the same without --json",
                        "nested too deeply for JSON");
    return err == AGNER_OK ? EXIT_DONE : no_memory(cli);
}

int cli_print(const struct cli *cli, etf_term t)
{
    struct etf_print_options options = { .style = ETF_STYLE_TP, .columns = 80 };
    struct etf_buffer b = { 0 };

    return write_line(
        cli, cli->o.json ? etf_json(&b, t) : etf_print(&b, t, &options), &b);
}

etf_term cli_get(etf_term map, const char *key)
{
    return etf_map_get(map, etf_atom(key));
}

const char *cli_cell(etf_term t, char *buffer, size_t size)
{
    if (etf_is_none(t) || etf_same(t, ETF_A(nil)))
        (void)snprintf(buffer, size, "-");
    else if (etf_kind(t) == ETF_KIND_LIST || etf_kind(t) == ETF_KIND_NIL ||
             !etf_get_text(t, buffer, size))
        (void)etf_format(buffer, size, t);
    for (char *c = buffer; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) /* keep rows and columns */
            *c = ' ';
    }
    return buffer;
}

/* The value of a column: a key of the row, or KEY.KEY of a map inside it. */
static etf_term get_cell(etf_term row, const char *key)
{
    const char *dot = strchr(key, '.');
    char outer[64];

    if (dot == NULL)
        return cli_get(row, key);
    (void)snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
    return cli_get(cli_get(row, outer), dot + 1);
}

/* ---- Tables ----------------------------------------------------------- */

/* Characters, as far as a terminal gives each one cell. */
static size_t width(const char *text)
{
    size_t chars = 0;

    if (!etf__utf8_valid((const uint8_t *)text, strlen(text), &chars))
        return strlen(text);
    return chars;
}

static void print_cell(const char *text, size_t column_width, bool right,
                       bool last)
{
    size_t spaces = column_width - width(text);

    (void)printf("%*s%s%*s", right ? (int)spaces : 0, "", text,
                 right || last ? 0 : (int)spaces, "");
}

static void print_row(const struct column *columns, size_t count,
                      const size_t *widths, etf_term row)
{
    char text[CELL_MAX];

    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        const char *cell =
            etf_is_none(row)
                ? columns[i].title
                : cli_cell(get_cell(row, columns[i].key), text, sizeof text);

        if (widths != NULL)
            print_cell(cell, widths[i], columns[i].number, last);
        else
            (void)fputs(cell, stdout);
        (void)fputs(last ? "\n" : widths != NULL ? "  " : "\t", stdout);
    }
}

static void measure(const struct column *columns, size_t count, size_t *widths,
                    etf_term rows)
{
    char text[CELL_MAX];
    etf_term row;

    for (size_t i = 0; i < count; i++)
        widths[i] = strlen(columns[i].title);
    while (etf_list_next(&rows, &row)) {
        for (size_t i = 0; i < count; i++) {
            size_t w = width(
                cli_cell(get_cell(row, columns[i].key), text, sizeof text));

            if (w > widths[i])
                widths[i] = w;
        }
    }
}

int cli_table(const struct cli *cli, etf_term rows,
              const struct column *columns, size_t count)
{
    size_t sizes[COLUMNS_MAX];
    const size_t *widths = NULL;
    etf_term row;

    if (cli->o.json)
        return cli_print(cli, rows);
    if (isatty(STDOUT_FILENO)) {
        measure(columns, count, sizes, rows);
        widths = sizes;
    }
    if (!cli->o.no_headers)
        print_row(columns, count, widths, ETF_NONE);
    while (etf_list_next(&rows, &row))
        print_row(columns, count, widths, row);
    return EXIT_DONE;
}

/* ---- Sections --------------------------------------------------------- */

static void print_pair(etf_term key, etf_term value, unsigned indent)
{
    char name[CELL_MAX], text[CELL_MAX];

    (void)cli_cell(key, name, sizeof name);
    if (isatty(STDOUT_FILENO))
        (void)printf("%*s%-*s  %s\n", (int)indent, "", 22 - (int)indent, name,
                     cli_cell(value, text, sizeof text));
    else
        (void)printf("%s\t%s\n", name, cli_cell(value, text, sizeof text));
}

/* One level of maps inside is all that results have; deeper ones are printed as
 * terms. */
int cli_sections(const struct cli *cli, etf_term map)
{
    etf_term key, value, inner_key, inner;
    char name[CELL_MAX];

    if (cli->o.json)
        return cli_print(cli, map);
    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        if (etf_kind(value) != ETF_KIND_MAP) {
            print_pair(key, value, 0);
            continue;
        }
        if (isatty(STDOUT_FILENO))
            (void)printf("%s\n", cli_cell(key, name, sizeof name));
        for (size_t j = 0; j < etf_map_size(value); j++) {
            etf_map_pair(value, j, &inner_key, &inner);
            print_pair(inner_key, inner, 2);
        }
    }
    return EXIT_DONE;
}
