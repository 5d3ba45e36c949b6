#!/usr/bin/env python3
"""Services as a person sees them (agner services, agner config)."""
import json

from agner_cli import Case, main

NAME = "services@127.0.0.1"

# A service that loads whatever it gets but the word `bad`; `boom` cannot be read.
WEB = r"""
#include <string.h>

#include <agner/gen.h>

static enum agner_err parse(void *arg, etf_bytes config, void **parsed,
                            struct agner_error *error)
{
    (void)arg;
    *parsed = NULL;
    if (config.size == 4 && memcmp(config.data, "boom", 4) == 0)
        return agner_fail(error, AGNER_ESYNTAX, "line 1: a bang");
    return AGNER_OK;
}

static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    etf_bytes config = gen_apply_config(a);

    if (config.size == 3 && memcmp(config.data, "bad", 3) == 0)
        return gen_apply_fail(self, a, AGNER_EINVAL, etf_make(self, "{no, port}"));
    return AGNER_OK;
}

static const struct gen_service_spec web = { .name = "web", .apply = apply,
                                             .parse = parse };

static enum agner_err start(struct gen *self, etf_term args, etf_pid *pid, etf_term *info)
{
    struct gen_service_options options = { .name = etf_atom("web"), .link = true,
                                           .parse_inside = true };
    struct gen_service *service;
    enum agner_err err = gen_service_start(self, &web, &options, &service, NULL);

    (void)args;
    (void)info;
    if (err == AGNER_OK) {
        *pid = gen_service_pid(service);
        gen_service_free(service);
    }
    return err;
}

static const struct gen_child_spec children[] = { { .id = "web", .start = start } };

GEN_APPLICATION(webs) = {
    .abi = GEN_APPLICATION_ABI, .name = "webs", .description = "a service",
    .version = "1.0", .children = children, .child_count = 1,
};
"""

# The same services in two maps: `pump` is in one of them, `valve` in both.
FLEET = WEB[:WEB.index("static enum agner_err start(")] + r"""
static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **spec,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    (void)arg, (void)id, (void)kind, (void)options, (void)error;
    *spec = &web;
    return AGNER_OK;
}

static const struct gen_service_map_spec machines = { .name = "machines",
                                                      .create = create };

static enum agner_err fill(struct gen *self, struct gen_service_map *map,
                           const char *id)
{
    struct gen_service_create what = { .id = id, .kind = "machine" };

    return gen_service_map_create(self, map, &what, NULL, NULL, NULL);
}

static enum agner_err start(struct gen *self, etf_term args, etf_pid *pid, etf_term *info)
{
    struct gen_service_map_options options = { .link = true };
    struct gen_service_map *map;
    enum agner_err err = gen_service_map_new(self, &machines, &options, &map, NULL);

    (void)info;
    if (err != AGNER_OK)
        return err;
    err = fill(self, map, "valve");
    if (err == AGNER_OK && etf_match(args, "[first]"))
        err = fill(self, map, "pump");
    *pid = gen_service_map_pid(map);
    gen_service_map_free(map);
    return err;
}

static const struct gen_child_spec children[] = {
    { .id = "one", .start = start, .args = "[first]" },
    { .id = "two", .start = start, .args = "[second]" } };

GEN_APPLICATION(fleet) = {
    .abi = GEN_APPLICATION_ABI, .name = "fleet", .description = "maps",
    .version = "1.0", .children = children, .child_count = 2,
};
"""


class Maps(Case):
    def test_a_service_of_a_map_goes_by_its_id(self):
        self.node(NAME, "--app", self.build("fleet", FLEET))
        rows = self.check(["services", "--no-headers"], 0)[1].splitlines()
        self.assertEqual(sorted(r.split("\t")[0] for r in rows), ["pump", "valve", "valve"])
        self.check(["services", "start", "pump"], 0, "", "")
        self.check(["config", "set", "pump", "fast"], 0, "", "")
        self.check(["config", "get", "pump"], 0, "fast\n")
        show = json.loads(self.check(["services", "show", "pump", "--json"], 0)[1])
        self.assertEqual((show["name"], show["state"]["config"]), ("pump", "fast"))
        # An empty configuration is one; from an empty input too.
        self.check(["config", "set", "pump", ""], 0, "", "")
        self.check(["config", "get", "pump"], 0, "\n")
        self.check(["config", "set", "pump", "x"], 0)
        self.check(["config", "set", "pump", "-"], 0, stdin="")
        self.check(["config", "get", "pump", "--json"], 0, '""\n')
        self.check(["services", "stop", "pump"], 0)
        # Of two that are called so, none is chosen.
        for words in (["services", "show", "valve"], ["config", "set", "valve", "x"]):
            self.assertIn("say the pid of one", self.check(words, 2, "")[2])
        pid = [r.split("\t")[1] for r in rows if r.startswith("valve")][0]
        self.check(["config", "set", pid, "open"], 0)
        self.check(["config", "get", pid], 0, "open\n")
        self.check(["services", "show", "nobody"], 6)


class Services(Case):
    def setUp(self):
        super().setUp()
        self.node(NAME, "--app", self.build("webs", WEB))

    def state(self):
        """The columns behind the pid."""
        (row,) = self.check(["services", "--no-headers"], 0)[1].splitlines()
        return row.split("\t")[2:]

    def settled(self, *want):
        self.until(lambda: self.state() == list(want))

    def test_a_service_is_configured_while_it_runs(self):
        self.assertEqual(self.check(["services"], 0)[1].splitlines()[0],
                         "SERVICE\tPID\tSTATE\tFAILED\tVERSION\tERROR")
        self.settled("stopped", "0", "1", "-")
        self.check(["config", "get", "web"], 6, "",
                   "agner config: web has no configuration yet\n"
                   "  try: agner config set SERVICE CONFIG\n")
        self.check(["services", "start", "web"], 0, "", "")
        self.settled("unconfigured", "0", "2", "-")
        self.check(["config", "set", "web", "port 80"], 0, "", "")
        self.check(["config", "get", "web"], 0, "port 80\n")
        self.until(lambda: self.state()[0] == "active")
        self.check(["config", "set", "web", "-"], 0, stdin="port 81\n")
        self.check(["config", "get", "web"], 0, "port 81\n")
        self.write("web.conf", "port 82\n")
        self.check(["config", "set", "web", "@" + self.path("web.conf"), "--replace"], 0)
        self.check(["config", "get", "web"], 0, "port 82\n")
        self.until(lambda: self.state()[0] == "active")
        self.check(["services", "stop", "web"], 0)
        self.assertEqual(self.state()[0], "stopped")

    def test_what_fails_is_said(self):
        self.check(["services", "start", "web"], 0)
        self.check(["services", "start", "web"], 1, "",
                   "agner services: already_started\n  try: agner services\n")
        self.check(["config", "set", "web", "bad"], 0)
        self.until(lambda: self.state()[0] == "failed")
        self.assertEqual([self.state()[i] for i in (1, 3)], ["1", "{no,port}"])
        before = self.state()
        got = self.check(["config", "set", "web", "boom"], 1, "")
        self.assertIn("line 1: a bang", got[2])
        self.assertEqual(self.state(), before)
        state = json.loads(self.check(["services", "show", "web", "--json"], 0)[1])["state"]
        self.assertEqual((state["active"], state["config"]), (False, "bad"))
        self.check(["services", "stop", "web"], 1, "",
                   "agner services: already_stopped\n  try: agner services\n")
        self.check(["services", "show", "nobody"], 6)
        self.check(["services", "show", "rex"], 6, "",
                   "agner services: rex is no service of that node\n"
                   "  try: agner services ls\n")
        self.check(["services", "show"], 2)
        self.check(["config", "set", "web"], 2)
        self.check(["config", "get", "nobody"], 6)


if __name__ == "__main__":
    main()
