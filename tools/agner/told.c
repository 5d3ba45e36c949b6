/*
 * told.c -- what nodes told of who waits, as edges of one graph.
 */
#include "told.h"

#include <stdlib.h>
#include <string.h>

/* "NODE WHAT" in the region; NULL: there is no WHAT. */
static const char *key(struct cli *cli, etf_term node, etf_term what)
{
    char left[256], right[256], both[520];
    etf_bytes text;

    if (etf_same(what, ETF_A(nil)) || etf_is_none(what))
        return NULL;
    (void)snprintf(both, sizeof both, "%s %s",
                   cli_cell(node, left, sizeof left),
                   cli_cell(what, right, sizeof right));
    /* A zero of its own behind it. */
    if (!etf_get_bytes(etf_binary(cli->region, both, strlen(both) + 1), &text))
        return "";
    return (const char *)text.data;
}

static void add(struct told *told, etf_term node, etf_term row)
{
    etf_term wait = cli_get(row, "waits"), there = cli_get(wait, "to_node");
    struct wait_edge *edge = &told->edges[told->count];

    edge->pid = key(told->cli, node, cli_get(row, "pid"));
    edge->name = key(told->cli, node, cli_get(row, "name"));
    edge->to = key(told->cli, there, cli_get(wait, "to"));
    if (edge->to == NULL)
        edge->to = key(told->cli, there, cli_get(wait, "to_name"));
    if (edge->pid == NULL || edge->to == NULL)
        return; /* not what a node of ours says */
    told->rows[told->count++] =
        etf_make(told->cli->region, "{_, _}", node, row);
}

bool told_gather(struct told *told, etf_term nodes)
{
    etf_term list = nodes, one, rows, row;
    size_t room = 1;

    while (etf_list_next(&list, &one)) {
        int64_t size = etf_list_size(cli_get(one, "waits"));

        room += size > 0 ? (size_t)size : 0;
    }
    told->rows = calloc(room, sizeof *told->rows);
    told->edges = calloc(room, sizeof *told->edges);
    if (told->rows == NULL || told->edges == NULL)
        return false;
    while (etf_list_next(&nodes, &one)) {
        rows = cli_get(one, "waits");
        while (!etf_is_none(rows) && etf_list_next(&rows, &row))
            add(told, cli_get(one, "node"), row);
    }
    return wait_cycles(told->edges, told->count, &told->cycles);
}

void told_fini(struct told *told)
{
    free(told->rows);
    free(told->edges);
}
