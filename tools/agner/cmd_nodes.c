/*
 * cmd_nodes.c -- agner nodes: the nodes that a node is connected to.
 *
 * A node of ours tells by its control socket; any other, an Erlang node above
 * all, is asked what its net_kernel says of its connections.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,  CLI_HEADERS_ROW, CLI_TIMEOUT_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS, CLI_HELP_ROW,    CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "name",                 "NAME",      false },
    { "state",                "STATE",     false },
    { "type",                 "TYPE",      false },
    { "incoming",             "INCOMING",  false },
    { "speaks",               "SPEAKS",    false },
    { "up_ms",                "UP_MS",     true },
    { "rtt_us",               "RTT_US",    true },
    { "traffic.queued_bytes", "QUEUED",    true },
    { "traffic.bytes_in",     "BYTES_IN",  true },
    { "traffic.bytes_out",    "BYTES_OUT", true },
    { "address",              "ADDRESS",   false },
};

/* What net_kernel:nodes_info/0 tells. */
static const struct column far_columns[] = {
    { "name",     "NAME",     false },
    { "state",    "STATE",    false },
    { "type",     "TYPE",     false },
    { "packets_in",  "PACKETS_IN",  true },
    { "packets_out", "PACKETS_OUT", true },
    { "address",  "ADDRESS",  false },
};
/* clang-format on */

/* Rows with the word that Erlang has for `hidden`. */
static etf_term with_type(struct cli *cli, etf_term rows)
{
    etf_term back = etf_nil(), list = etf_nil(), row;
    bool hidden = false;

    while (etf_list_next(&rows, &row)) {
        (void)etf_get_bool(cli_get(row, "hidden"), &hidden);
        back = etf_cons(cli->region,
                        etf_map_put(cli->region, row, etf_atom("type"),
                                    etf_atom(hidden ? "hidden" : "visible")),
                        back);
    }
    while (etf_list_next(&back, &row))
        list = etf_cons(cli->region, row, list);
    return list;
}

static int by_socket(struct cli *cli, struct target *t)
{
    etf_term rows;
    int code = cli_method(cli, t, "agner.nodes", etf_map(cli->region, NULL, 0),
                          GEN_CALL_TIMEOUT_MS, &rows);

    if (code != EXIT_DONE)
        return code;
    return cli_table(cli, with_type(cli, rows), columns,
                     sizeof columns / sizeof columns[0]);
}

/* ---- By distribution ------------------------------------------------------
 */

static etf_term property(etf_term list, const char *key)
{
    etf_term pair, name, value;

    while (etf_list_next(&list, &pair)) {
        if (etf_match(pair, "{_, _}", &name, &value) && etf_atom_is(name, key))
            return value;
    }
    return ETF_A(nil);
}

/* {net_address, {Address, Port}, Host, Protocol, Family} in words. */
static etf_term address_of(struct cli *cli, etf_term t)
{
    uint32_t a, b, c, d, port;
    char text[80];

    if (!etf_match(t, "{net_address, {{_, _, _, _}, _}, __, __, __}", &a, &b,
                   &c, &d, &port))
        return ETF_A(nil);
    (void)snprintf(text, sizeof text, "%u.%u.%u.%u:%u", a, b, c, d, port);
    return etf_text(cli->region, text);
}

static etf_term far_row(struct cli *cli, etf_term name, etf_term info)
{
    etf_term type = property(info, "type");

    if (etf_atom_is(type, "normal"))
        type = etf_atom("visible");
    return etf_make(cli->region,
                    "#{name => _, state => _, type => _, packets_in => _, "
                    "packets_out => _, address => _}",
                    name, property(info, "state"), type, property(info, "in"),
                    property(info, "out"),
                    address_of(cli, property(info, "address")));
}

static int by_distribution(struct cli *cli, struct target *t)
{
    etf_term list, pair, name, info, rows = etf_nil();
    etf_term own = etf_atom(node_name(t->node));
    int code = cli_apply(cli, t, "net_kernel", "nodes_info", etf_nil(), &list);

    if (code != EXIT_DONE)
        return code;
    if (!etf_match(list, "{ok, _}", &list))
        return cli_fail(cli, EXIT_REMOTE, "agner nodes on that machine",
                        "%s does not tell its connections", t->name);
    while (etf_list_next(&list, &pair)) {
        if (etf_match(pair, "{_, _}", &name, &info) && !etf_same(name, own))
            rows = etf_cons(cli->region, far_row(cli, name, info), rows);
    }
    return cli_table(cli, rows, far_columns,
                     sizeof far_columns / sizeof far_columns[0]);
}

static int run(struct cli *cli)
{
    struct target t;
    int code = cli_open(cli, NULL, true, &t);

    if (code != EXIT_DONE)
        return code;
    code = t.client != NULL ? by_socket(cli, &t) : by_distribution(cli, &t);
    cli_close(&t);
    return code;
}

const struct command cmd_nodes = {
    .name = "nodes",
    .arguments = "",
    .summary = "list the nodes that a node is connected to",
    .example = "agner nodes\nagner nodes -n shop@10.0.0.7 --json",
    .text = "SPEAKS is the release of OTP that offers what the peer offers; "
            "nodes of agner\noffer what OTP 28 does. An Erlang node tells "
            "less, and is asked by\ndistribution.",
    .options = options,
    .run = run,
};
