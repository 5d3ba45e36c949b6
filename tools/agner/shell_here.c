/*
 * shell_here.c -- whose pids are short.
 *
 * A shell on a node shows that node's pids as <0.1.2>, and takes them so, as an
 * Erlang shell there would. But the shell's process lives on a node of its own,
 * where <0.1.2> is another pid. So terms change sides on their way: written as
 * one node would write them, read as the other reads them.
 */
#include "shell.h"

void shell_here_learn(struct shell *sh)
{
    struct agner_error error;
    etf_term self;
    etf_pid pid;

    sh->there = (struct etf_self){ sh->node, 0 };
    if (shell_remote(sh, etf_atom("erlang"), etf_atom("self"), etf_nil(), &self,
                     &error) == AGNER_OK &&
        etf_get_pid(self, &pid) && etf_same(pid.node, sh->node))
        sh->there.creation = pid.creation;
}

static etf_term change_sides(struct shell *sh, etf_term t,
                             const struct etf_self *from,
                             const struct etf_self *to)
{
    struct etf_encode_options encode = { .self = from };
    struct etf_decode_options decode = { .self = to };
    struct etf_buffer bytes = { 0 };
    etf_term changed;
    enum agner_err err;

    if (sh->there.creation == 0)
        return t;
    err = etf_encode(&bytes, t, &encode);
    if (err == AGNER_OK)
        err = etf_decode(rt_region(sh->t.self), bytes.data, bytes.size, &decode,
                         &changed, NULL, NULL);
    etf_buffer_fini(&bytes);
    return err == AGNER_OK ? changed : t;
}

etf_term shell_here_out(struct shell *sh, etf_term t)
{
    struct etf_self own = rt_node(node_rt(sh->t.node));

    return change_sides(sh, t, &own, &sh->there);
}

etf_term shell_here_in(struct shell *sh, etf_term t)
{
    struct etf_self own = rt_node(node_rt(sh->t.node));

    return change_sides(sh, t, &sh->there, &own);
}
