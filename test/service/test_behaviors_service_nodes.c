/*
 * test_behaviors_service_nodes.c -- services of a map on another node, in a
 * simulated world: placed there, followed from here, lost, and back again.
 *
 * Each test runs many seeds; a failure prints its seed.
 */
#include <stdio.h>

#include "pair.h"
#include "puppet_service.h"

#define A     "a@10.0.0.1"
#define B     "b@10.0.0.2"
#define PORT  5000
#define SEEDS 12

static struct {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    struct gen_service_map *map; /* on a */
    struct puppet p;             /* of all services, on b */
    bool refuses;
} w;

static void check(bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w.seed, what);
}

static struct node *start(const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.rt.world = sim_world(w.sim);
    options.rt.log_level = RT_LOG_NONE;
    return pair_start(&options);
}

static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **spec,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    (void)arg;
    (void)id;
    (void)kind;
    if (w.refuses)
        return agner_fail(error, AGNER_EIO, "no driver");
    *spec = &puppet_spec;
    options->arg = &w.p;
    return AGNER_OK;
}

static const struct gen_service_map_spec drivers = { .name = "drivers",
                                                     .create = create };

static void begin(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.sim = sim_new(seed, NULL);
    w.a = start(A, "10.0.0.1");
    w.b = start(B, "10.0.0.2");
    check(node_route(w.a, B, "10.0.0.2", PORT) == AGNER_OK, "route");
    check(node_route(w.b, A, "10.0.0.1", PORT) == AGNER_OK, "route");
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    check(gen_service_provide(node_rt(w.b), "puppet", &drivers, NULL) ==
              AGNER_OK,
          "provide");
    check(gen_service_map_new(w.at_a, &drivers, NULL, &w.map, NULL) == AGNER_OK,
          "map");
}

static unsigned processes(struct gen *at)
{
    struct rt_stats stats;

    rt_stats(rt_of(at), &stats);
    return (unsigned)stats.processes;
}

static void end(unsigned others_at_b)
{
    w.p.gate = true;
    (void)gen_service_map_terminate(w.at_a, w.map, RT_INFINITY);
    (void)sim_run(w.sim, 10000);
    check(processes(w.at_b) == others_at_b, "nothing is left there");
    gen_service_map_free(w.map);
    puppet_fini(&w.p);
    rt_detach(w.at_a);
    rt_detach(w.at_b);
    node_stop(w.a, 1000);
    node_stop(w.b, 1000);
    sim_free(w.sim);
}

static enum agner_err place(const char *id, const char *kind, const char *node,
                            struct agner_error *error)
{
    struct gen_service_create what = { .id = id,
                                       .kind = kind,
                                       .node = node,
                                       .active = true,
                                       .configured = true,
                                       .config = { (const uint8_t *)"cfg",
                                                   3 } };

    return gen_service_map_create(w.at_a, w.map, &what, NULL, NULL, error);
}

/* The next change is of that type, and the state after it so. */
static void expect(struct gen_cursor *cursor, enum gen_service_change_type type,
                   bool active, bool loading, enum agner_err err)
{
    const struct gen_service_change *change;
    struct gen_stream_event event;

    check(gen_cursor_next(w.at_a, cursor, &event, 100000, NULL) == AGNER_OK,
          "a change");
    change = gen_service_event_change(&event);
    check(change->type == type, "its type");
    if (type == GEN_SERVICE_REMOVE)
        return;
    check(change->after->active == active, "active");
    check(change->after->loading == loading, "loading");
    check(change->after->err == err, "err");
    if (type == GEN_SERVICE_UPDATE)
        check(change->after->version == change->before->version + 1,
              "the version goes on");
}

/* spec/service.md 3.4: node in the create options; loss is an UPDATE with
 * noconnection, and a retry. */
static void a_service_lives_on_another_node(void **state)
{
    const struct gen_service_record *record;
    struct gen_cursor *cursor;
    unsigned others;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        others = processes(w.at_b);
        check(gen_service_map_follow(w.at_a, w.map, NULL, NULL, &cursor) ==
                  AGNER_OK,
              "follow");
        check(place("one", "puppet", B, NULL) == AGNER_OK, "create");
        expect(cursor, GEN_SERVICE_ADD, true, true, AGNER_OK);
        expect(cursor, GEN_SERVICE_UPDATE, true, false, AGNER_OK);
        check(w.p.tries == 1, "applied there");
        check(gen_service_map_get(w.at_a, w.map, "one", &record) == AGNER_OK,
              "get");
        check(etf_atom_is(record->node, B), "its node");
        check(gen_service_configure(w.at_a, record->service, "two", 3, NULL,
                                    NULL) == AGNER_OK,
              "configure");
        expect(cursor, GEN_SERVICE_UPDATE, true, true, AGNER_OK);
        expect(cursor, GEN_SERVICE_UPDATE, true, false, AGNER_OK);
        /* The connection goes: so does the service, and it comes back. */
        check(rt_disconnect_node(node_rt(w.a), etf_atom(B)) == AGNER_OK,
              "disconnect");
        expect(cursor, GEN_SERVICE_UPDATE, false, false, AGNER_ENODEDOWN);
        expect(cursor, GEN_SERVICE_UPDATE, true, true, AGNER_OK);
        expect(cursor, GEN_SERVICE_UPDATE, true, false, AGNER_OK);
        check(strcmp(w.p.tried[w.p.tries - 1].config, "two") == 0, "as it was");
        check(gen_service_deactivate(w.at_a, record->service, NULL) == AGNER_OK,
              "stop");
        expect(cursor, GEN_SERVICE_UPDATE, false, false, AGNER_OK);
        check(gen_service_map_delete(w.at_a, w.map, "one") == AGNER_OK,
              "delete");
        expect(cursor, GEN_SERVICE_REMOVE, false, false, AGNER_OK);
        check(gen_service_activate(w.at_a, record->service, NULL) != AGNER_OK,
              "it is gone");
        gen_service_record_free(record);
        gen_cursor_close(cursor);
        end(others);
    }
}

static void a_place_that_cannot_be_had_leaves_nothing(void **state)
{
    const struct gen_service_snapshot *snapshot;
    struct agner_error error;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        check(place("one", "puppet", "c@10.0.0.3", &error) == AGNER_ENOCONN,
              "no such node");
        check(place("one", "other", B, &error) == AGNER_EEXIT, "no such kind");
        check(strstr(error.text, "no such kind") != NULL, "says so");
        w.refuses = true;
        check(place("one", "puppet", B, &error) == AGNER_EEXIT, "refused");
        check(strstr(error.text, "no driver") != NULL, "says why");
        check(gen_service_map_states(w.at_a, w.map, &snapshot) == AGNER_OK,
              "states");
        check(snapshot->count == 0, "nothing is visible");
        gen_service_snapshot_free(snapshot);
        w.refuses = false;
        check(place("one", "puppet", B, &error) == AGNER_OK, "now it is");
        end(processes(w.at_b) - 1);
    }
}

/* The map is killed: its services there end too. */
static void services_end_with_their_map(void **state)
{
    unsigned others;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        others = processes(w.at_b);
        w.p.script = "k";
        check(place("one", "puppet", B, NULL) == AGNER_OK, "create");
        (void)sim_run(w.sim, 100);
        check(rt_exit_signal(w.at_a, gen_service_map_pid(w.map), ETF_A(kill)) ==
                  AGNER_OK,
              "kill");
        (void)sim_run(w.sim, 100);
        check(strcmp(w.p.children, "+x+y+z-z-y-x") == 0, "in order");
        end(others);
    }
}

/* The process that creates for another; all zero: there is none. */
static etf_pid creator_at(struct gen *at)
{
    etf_pid pid = { 0 };
    struct rt_process_info info;

    while (rt_process_next(rt_of(at), pid, &pid)) {
        memset(&info, 0, sizeof info);
        if (rt_process_glance(rt_of(at), pid, &info) == AGNER_OK &&
            strcmp(info.behavior, "gen_service_create") == 0)
            return pid;
    }
    return (etf_pid){ 0 };
}

/* spec/service.md 2.5: whoever creates by a message hears what came of it, also
 * when who does it for him is killed over it. */
static void a_create_that_is_cut_short_is_answered(void **state)
{
    struct rt_request request;
    etf_term reply;
    etf_pid pid;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        check(gen_send_request(
                  w.at_a, etf_from_pid(NULL, gen_service_map_pid(w.map)),
                  etf_make(w.at_a, "{create, #{id => one, kind => puppet, "
                                   "node => 'b@10.0.0.2'}}"),
                  &request) == AGNER_OK,
              "asked");
        while (etf_pid_is_none(pid = creator_at(w.at_a)))
            check(sim_step(w.sim), "a creator");
        check(rt_exit_signal(w.at_a, pid, ETF_A(kill)) == AGNER_OK, "killed");
        check(rt_request_wait(w.at_a, &request, 10000, &reply) == AGNER_OK,
              "an answer");
        check(etf_match(reply, "{error, {create, <<\"killed\">>}}"), "it says");
        end(processes(w.at_b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_lives_on_another_node),
        cmocka_unit_test(a_place_that_cannot_be_had_leaves_nothing),
        cmocka_unit_test(services_end_with_their_map),
        cmocka_unit_test(a_create_that_is_cut_short_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
