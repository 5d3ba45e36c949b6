#!/usr/bin/env python3
"""Stages and sagas as a person sees them (agner stage, agner saga), stuck ones too."""
import json

from agner_cli import Case, main

NAME = "figures@127.0.0.1"

# What shows figures as a stage and a saga do, and hangs when it is told to.
PROBE = r"""
#include <agner/gen.h>

struct probe { struct rt_figures stage, saga; struct rt *rt; };

static etf_term show_stage(const struct rt_figures *f, struct etf_region *r)
{
    (void)f;
    return etf_make(r, "#{name => words, role => producer, mode => forward, "
        "dispatcher => demand, buffered => 3, buffer_max => 10000, queued => 0, "
        "discarded => 0, events_in => 0, events_out => 90, producers => [], "
        "consumers => [#{pid => nobody, asked => 100, sent => 90, pending => 10, "
        "partition => a, waiting_ms => 0}, #{pid => other, asked => 20, sent => 0, "
        "pending => 20, partition => nil, waiting_ms => 65000}]}");
}

static etf_term show_saga(const struct rt_figures *f, struct etf_region *r)
{
    (void)f;
    return etf_make(r, "#{name => transfers, type => steps, in_flight => 2, "
        "committed => 7, cancelled => 0, compensated => 1, failed => 0, stuck => 1, "
        "tx_max => 100, list => ["
        "#{id => <<\"t-17\">>, state => stuck, age_ms => 1200, left_ms => -5, "
        "step => credit, jobs => 0, nexts => 0, reason => enough, steps => ["
        "#{name => debit, state => done, attempts => 1, compensations => 0}, "
        "#{name => credit, state => failed, attempts => 3, compensations => 0}]}, "
        "#{id => {t, 18}, state => running, age_ms => 20000, left_ms => 600000, "
        "step => debit, jobs => 1, nexts => 0, reason => nil, steps => []}]}");
}

static enum gen_next init(struct gen *self, etf_term args)
{
    struct probe *p = gen_state(self);

    (void)args;
    p->rt = rt_of(self);
    p->stage = (struct rt_figures){ .kind = "stage", .pid = rt_self(self),
                                    .show = show_stage };
    p->saga = (struct rt_figures){ .kind = "saga", .pid = rt_self(self),
                                   .show = show_saga };
    rt_figures_add(p->rt, &p->stage);
    rt_figures_add(p->rt, &p->saga);
    return GEN_NEXT;
}

static enum gen_next call(struct gen *self, struct gen_from from, etf_term request)
{
    etf_term id, reason;

    if (etf_match(request, "{'$saga', retry, _}", &id))
        return gen_reply(self, from, etf_make(self, "{error, unknown}"));
    if (etf_match(request, "{'$saga', abort, _, _}", &id, &reason))
        return gen_reply(self, from, etf_match(id, "{t, 18}") &&
                         etf_atom_is(reason, "enough") ? etf_make(self, "ok")
                         : etf_make(self, "{error, {not_that, _}}", id));
    return gen_reply(self, from, request);
}

static enum gen_next cast(struct gen *self, etf_term request)
{
    (void)request;
    rt_sleep(self, RT_INFINITY);
    return GEN_NEXT;
}

static void destroy(void *state)
{
    struct probe *p = state;

    rt_figures_remove(p->rt, &p->stage);
    rt_figures_remove(p->rt, &p->saga);
}

static const struct gen_server probe = {
    .name = "probe", .state_size = sizeof(struct probe), .init = init,
    .handle_call = call, .handle_cast = cast, .destroy = destroy,
};
static const struct gen_child_spec children[] = {
    { .name = "probe", .server = &probe },
};
GEN_APPLICATION(probes) = {
    .abi = GEN_APPLICATION_ABI, .name = "probes", .description = "shows figures",
    .version = "1.0", .children = children, .child_count = 1,
};
"""


class Figures(Case):
    def setUp(self):
        super().setUp()
        self.node(NAME, "--app", self.build("probes", PROBE))

    def rows(self, *args):
        return [line.split("\t") for line in self.check(list(args), 0)[1].splitlines()]

    def test_stages_are_listed_and_shown(self):
        titles, row = self.rows("stage", "ls")
        shown = dict(zip(titles, row))
        pid = shown.pop("PID")
        self.assertEqual(shown, {
            "STAGE": "probe", "ROLE": "producer", "MODE": "forward", "IN": "0", "OUT": "90",
            "BUFFER": "3/10000", "PRODUCERS": "0", "CONSUMERS": "2", "PENDING": "30",
            "WAITING": "65s"})
        for which in ("probe", pid):
            out = self.check(["stage", "show", which], 0)[1]
            self.assertIn("dispatcher\tdemand\n", out)
            self.assertIn("\n\nCONSUMER\tPARTITION\tASKED\tSENT\tPENDING\tWAITING\n"
                          "nobody\ta\t100\t90\t10\t0ms\nother\t-\t20\t0\t20\t65s\n", out)
        self.assertEqual(json.loads(self.check(["stage", "ls", "--json"], 0)[1])[0]["events_out"],
                         90)
        self.assertEqual(
            len(json.loads(self.check(["stage", "show", "probe", "--json"], 0)[1])["consumers"]),
            2)

    def test_sagas_are_listed_and_shown(self):
        titles, row = self.rows("saga", "ls")
        shown = dict(zip(titles, row))
        del shown["PID"]
        self.assertEqual(shown, {
            "SAGA": "probe", "TYPE": "steps", "IN FLIGHT": "2", "COMMITTED": "7",
            "CANCELLED": "0", "COMPENSATED": "1", "FAILED": "0", "STUCK": "1"})
        self.assertEqual(self.rows("saga", "ls", "probe")[1:], [
            ["t-17", "stuck", "credit", "1200ms", "over", "0", "0", "enough"],
            ["{t,18}", "running", "debit", "20s", "10m", "1", "0", "-"]])
        out = self.check(["saga", "show", "probe", "t-17"], 0)[1]
        self.assertIn("state\tstuck\n", out)
        self.assertIn("\n\nSTEP\tSTATE\tATTEMPTS\tCOMPENSATIONS\n"
                      "debit\tdone\t1\t0\ncredit\tfailed\t3\t0\n", out)
        self.assertIn("tx_max\t100\n", self.check(["saga", "show", "probe"], 0)[1])

    def test_a_saga_is_told_what_to_do(self):
        self.check(["saga", "abort", "probe", "{t,18}", "enough"], 0, "", "")
        self.check(["saga", "abort", "probe", "t-17"], 1, "",
                   'agner saga: {not_that,<<"t-17">>}\n  try: agner saga show SAGA ID\n')
        self.check(["saga", "retry", "probe", "t-17"], 1, "",
                   "agner saga: unknown\n  try: agner saga show SAGA ID\n")

    def test_the_doctor_looks_at_them(self):
        out = self.check(["doctor"], None)[1]
        self.assertRegex(out, r"ok\W+stages\W+3 waiting, 0 lost")
        self.assertRegex(out, r"fail\W+sagas\W+1 stuck, 1 overdue")

    def test_who_hangs_is_shown_all_the_same(self):
        self.check(["cast", "probe", "hang"], 0)
        self.check(["call", "probe", "there", "--timeout", "50ms"], 5)
        self.assertEqual(self.rows("stage", "ls")[1][0], "probe")
        self.assertEqual(self.rows("saga", "ls")[1][0], "probe")

    def test_what_is_not_there_is_said(self):
        self.check(["stage", "show", "nobody"], 6)
        self.check(["saga", "show", "rex"], 6, "",
                   "agner saga: rex is no saga of that node\n  try: agner saga ls\n")
        self.check(["saga", "show", "probe", "t-99"], 6)
        self.check(["saga", "retry", "probe"], 2, "",
                   "agner saga: retry takes a SAGA and an ID\n  try: agner help saga\n")
        self.check(["stage", "ls", "probe"], 2)
        self.check(["stage", "show"], 2)


if __name__ == "__main__":
    main()
