/*
 * rpc_waits.c -- who waits for whom, here or on all nodes, and all processes:
 * what `agner waits` and `agner dump` ask for. The functions are those of the
 * module agner (apps/kernel/fun_agner.c), called here and there alike.
 */
#include "rpc_waits.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS   3000u /* for the answers of all nodes */
#define PAGE     1000
#define PAGE_MAX 10000

static enum agner_err answered(struct rpc_call *c, etf_term result)
{
    c->result = result;
    if (etf_is_none(result))
        return rpc__fail(&c->failure, AGNER_ELIMIT, ETF_NONE,
                         "the answer is too large");
    return AGNER_OK;
}

/* This node, and with `cluster` those that it is connected with. */
static etf_term nodes_of(struct rpc_call *c, bool cluster)
{
    struct etf_region *r = rt_region(c->self);
    struct node_peer_info *peers;
    size_t count = 0, room = node_peers(c->node, NULL, 0) + 8;
    etf_term list = etf_nil();

    if (!cluster)
        return etf_cons(r, rt_node(rt_of(c->self)).name, list);
    peers = calloc(room, sizeof *peers);
    if (peers == NULL)
        return ETF_NONE;
    count = node_peers(c->node, peers, room);
    for (size_t i = 0; i < count && i < room; i++)
        if (peers[i].state == NODE_PEER_UP)
            list = etf_cons(
                r,
                etf_atom_limited(r, peers[i].name, strlen(peers[i].name), NULL),
                list);
    free(peers);
    return etf_cons(r, rt_node(rt_of(c->self)).name, list);
}

/* Answers beside their nodes: what a node said, or why it said nothing. */
static etf_term paired(struct gen *self, etf_term nodes, etf_term results)
{
    struct etf_region *r = rt_region(self);
    etf_term told = etf_nil(), silent = etf_nil(), node, result, value;

    while (etf_list_next(&nodes, &node) && etf_list_next(&results, &result)) {
        if (etf_match(result, "{ok, _}", &value))
            told = etf_cons(r, value, told);
        else
            silent = etf_cons(
                r, etf_make(self, "#{node => _, why => _}", node, result),
                silent);
    }
    return etf_make(self, "#{nodes => _, silent => _}", told, silent);
}

enum agner_err rpc__waits(struct rpc_call *c)
{
    bool cluster = false;
    etf_term nodes, results = etf_nil();
    enum agner_err err;

    if (!etf_is_none(rpc__param(c, "cluster")) &&
        !etf_get_bool(rpc__param(c, "cluster"), &cluster))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "cluster: expected true or false");
    nodes = nodes_of(c, cluster);
    if (etf_is_none(nodes))
        return answered(c, ETF_NONE);
    err = gen_erpc_multicall(c->self, nodes, etf_atom("agner"),
                             etf_atom("waits"), etf_nil(), ASK_MS, &results);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", agner_strerror(err));
    return answered(c, paired(c->self, nodes, results));
}

enum agner_err rpc__dump(struct rpc_call *c)
{
    etf_term after = rpc__param(c, "after"), limit = rpc__param(c, "limit");
    int64_t from = 0, rows = PAGE;
    etf_term result, next, list;
    enum agner_err err;

    if ((!etf_is_none(after) &&
         (!etf_get_int(after, &from) || from < 0 || from >= INT32_MAX)) ||
        (!etf_is_none(limit) &&
         (!etf_get_int(limit, &rows) || rows < 1 || rows > PAGE_MAX)))
        return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                         "after, limit: expected a number, at most %d rows",
                         PAGE_MAX);
    err = gen_erpc_call(c->self, rt_node(rt_of(c->self)).name,
                        etf_atom("agner"), etf_atom("processes"),
                        etf_make(c->self, "[_, _]", from, rows),
                        GEN_CALL_TIMEOUT_MS, &result, NULL);
    if (err != AGNER_OK || !etf_match(result, "{_, _}", &next, &list))
        return rpc__fail(&c->failure, err == AGNER_OK ? AGNER_EPROTO : err,
                         ETF_NONE, "the kernel does not answer: %s",
                         agner_strerror(err));
    return answered(
        c, etf_make(c->self, "#{next => _, processes => _}", next, list));
}
