/*
 * figures.c -- what stages, sagas and services show of themselves: asked for,
 * and made rows of tables.
 */
#include "cli.h"

#include <string.h>

int cli_figures(struct cli *cli, struct target *t, const char *kind,
                const char *which, etf_term *rows)
{
    struct etf_region *r = cli->region;
    etf_term params = etf_make(r, "#{kind => _}", kind), answer;
    bool complete;
    int code;

    if (which != NULL)
        params = etf_map_put(r, params, etf_atom("which"), etf_text(r, which));
    code = cli_method(cli, t, "agner.figures", params, GEN_CALL_TIMEOUT_MS,
                      &answer);
    if (code != EXIT_DONE)
        return code;
    *rows = cli_get(answer, "figures");
    if (etf_get_bool(cli_get(answer, "complete"), &complete) && !complete)
        (void)fprintf(stderr, "agner %s: these are the first 10,000\n",
                      cli->command->name);
    return EXIT_DONE;
}

int cli_figures_of(struct cli *cli, struct target *t, const char *kind,
                   const char *which, etf_term *figures)
{
    etf_term rows;
    char next[120];
    int code = cli_figures(cli, t, kind, which, &rows);

    if (code != EXIT_DONE || etf_list_next(&rows, figures))
        return code;
    (void)snprintf(next, sizeof next, "agner %s ls", cli->command->name);
    return cli_fail(cli, EXIT_NOT_FOUND, next, "%s is no %s of that node",
                    which, kind);
}

etf_term cli_title(etf_term row)
{
    etf_term name = cli_get(row, "registered");

    return etf_same(name, ETF_A(nil)) || etf_is_none(name)
               ? cli_get(row, "name")
               : name;
}

int64_t cli_number(etf_term row, const char *key)
{
    int64_t n;

    return etf_get_int(cli_get(row, key), &n) ? n : 0;
}

etf_term cli_without_lists(struct cli *cli, etf_term map)
{
    etf_term key, value, out = etf_map(cli->region, NULL, 0);

    for (size_t i = 0; i < etf_map_size(map); i++) {
        enum etf_kind kind;

        etf_map_pair(map, i, &key, &value);
        kind = etf_kind(value);
        if (kind != ETF_KIND_LIST && kind != ETF_KIND_NIL)
            out = etf_map_put(cli->region, out, key, value);
    }
    return out;
}

etf_term cli_duration(struct cli *cli, etf_term ms)
{
    int64_t n;
    char text[48];

    if (!etf_get_int(ms, &n))
        return ms;
    if (n < 0)
        (void)snprintf(text, sizeof text, "over");
    else if (n < 10000)
        (void)snprintf(text, sizeof text, "%lldms", (long long)n);
    else if (n < 600000)
        (void)snprintf(text, sizeof text, "%llds", (long long)(n / 1000));
    else if (n < 36000000)
        (void)snprintf(text, sizeof text, "%lldm", (long long)(n / 60000));
    else
        (void)snprintf(text, sizeof text, "%lldh", (long long)(n / 3600000));
    return etf_text(cli->region, text);
}
