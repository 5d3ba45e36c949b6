/*
 * test_behaviors_service_map_far.c -- a map of services that is used and
 * followed from another node, in a simulated world whose connection is lost:
 * spec/service.md 3.3, 3.4; spec/eventstream.md 3.4.
 *
 * Each test runs many seeds; a failure prints its seed.
 */
#include <stdio.h>

#include "pair.h"
#include "puppet_service.h"

#define A      "a@10.0.0.1"
#define B      "b@10.0.0.2"
#define PORT   5000
#define SEEDS  8
#define LONG   200000u
#define IDS    8
#define ROUNDS 60

static struct {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
    struct puppet p;
    struct gen_service_map *map;    /* on b */
    struct gen_service_map *handle; /* of it, on a */
    unsigned others;                /* processes on a */
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

static unsigned processes(struct gen *at)
{
    struct rt_stats stats;

    rt_stats(rt_of(at), &stats);
    return (unsigned)stats.processes;
}

static enum agner_err make(void *arg, const char *id, const char *kind,
                           const struct gen_service_spec **spec,
                           struct gen_service_options *options,
                           struct agner_error *error)
{
    (void)arg;
    (void)id;
    if (strcmp(kind, "puppet") != 0)
        return agner_fail(error, AGNER_EIO, "no driver");
    *spec = &puppet_raw_spec;
    options->arg = &w.p;
    return AGNER_OK;
}

static const struct gen_service_map_spec drivers = { .name = "drivers",
                                                     .create = make };

/* `by_pid`: the handle has a pid, not a name. */
static void begin(uint64_t seed, bool by_pid)
{
    struct gen_service_map_options options = { .name = ETF_NONE };
    etf_pid pid;

    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.sim = sim_new(seed, NULL);
    w.a = start(A, "10.0.0.1");
    w.b = start(B, "10.0.0.2");
    check(node_route(w.a, B, "10.0.0.2", PORT) == AGNER_OK, "route");
    check(node_route(w.b, A, "10.0.0.1", PORT) == AGNER_OK, "route");
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    w.others = processes(w.at_a);
    if (!by_pid)
        options.name = etf_atom("drivers");
    check(gen_service_map_new(w.at_b, &drivers, &options, &w.map, NULL) ==
              AGNER_OK,
          "map");
    pid = gen_service_map_pid(w.map);
    pid.node = etf_atom(B);
    pid.creation = node_creation(w.b);
    w.handle = gen_service_map_at(
        node_rt(w.a), by_pid ? etf_from_pid(rt_region(w.at_a), pid)
                             : etf_make(w.at_a, "{drivers, 'b@10.0.0.2'}"));
    check(w.handle != NULL, "handle");
}

static void end(void)
{
    w.p.gate = true;
    gen_service_map_free(w.handle);
    (void)gen_service_map_terminate(w.at_b, w.map, RT_INFINITY); /* or has */
    (void)sim_run(w.sim, 20000); /* relays look now and then */
    check(processes(w.at_a) == w.others, "no relay is left");
    gen_service_map_free(w.map);
    puppet_fini(&w.p);
    rt_detach(w.at_a);
    rt_detach(w.at_b);
    node_stop(w.a, 1000);
    node_stop(w.b, 1000);
    sim_free(w.sim);
}

static struct gen_cursor *follow(const struct gen_service_snapshot **snapshot,
                                 const struct gen_cursor_options *options)
{
    struct gen_cursor *cursor = NULL;

    check(gen_service_map_follow(w.at_a, w.handle, options, snapshot,
                                 &cursor) == AGNER_OK,
          "follow");
    return cursor;
}

static void lose_connection(void)
{
    (void)rt_disconnect_node(node_rt(w.a), etf_atom(B)); /* or it was */
    (void)sim_run(w.sim, 10);
}

/* On the map's own node. */
static void create(const char *id)
{
    struct gen_service_create what = { .id = id, .kind = "puppet" };

    check(gen_service_map_create(w.at_b, w.map, &what, NULL, NULL, NULL) ==
              AGNER_OK,
          "create");
}

static void drop(const char *id)
{
    check(gen_service_map_delete(w.at_b, w.map, id) == AGNER_OK, "delete");
}

/* The next change; good until the next call. */
static const struct gen_service_change *next(struct gen_cursor *cursor)
{
    struct gen_stream_event event;
    enum agner_err err = gen_cursor_next(w.at_a, cursor, &event, LONG, NULL);

    check(err == AGNER_OK, agner_strerror(err));
    return gen_service_event_change(&event);
}

static void expect(struct gen_cursor *cursor, enum gen_service_change_type type,
                   const char *id, uint64_t number)
{
    const struct gen_service_change *change = next(cursor);

    check(change->type == type && change->number == number, "which one");
    check(strcmp(change->record->id, id) == 0 &&
              strcmp(change->record->kind, "puppet") == 0,
          "of which record");
    check(etf_same(change->record->node, etf_atom(B)), "that is there");
    check(change->time_ns > 0, "its time");
    check((change->before != NULL) == (type != GEN_SERVICE_ADD), "before");
    check((change->after != NULL) == (type != GEN_SERVICE_REMOVE), "after");
}

/* ---- Tests -------------------------------------------------------------- */

/* The records, then each change after them, once over the connection. */
static void a_map_is_followed_from_another_node(void **state)
{
    const struct gen_service_snapshot *first = NULL;
    struct gen_stream_event event;
    struct gen_cursor *one, *two;
    unsigned there;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        create("x");
        one = follow(&first, NULL);
        check(first->count == 1 && first->number == 1, "what there is");
        check(strcmp(first->entries[0].record->id, "x") == 0, "its id");
        check(first->entries[0].record->number == 1, "its number");
        check(!first->entries[0].state->active, "its state");
        gen_service_snapshot_free(first);
        there = processes(w.at_b);
        two = follow(NULL, NULL);
        check(processes(w.at_b) == there, "one feeder for both");
        create("y");
        drop("x");
        expect(one, GEN_SERVICE_ADD, "y", 2);
        expect(two, GEN_SERVICE_ADD, "y", 2);
        expect(one, GEN_SERVICE_REMOVE, "x", 3);
        expect(two, GEN_SERVICE_REMOVE, "x", 3);
        check(gen_service_map_terminate(w.at_b, w.map, RT_INFINITY) == AGNER_OK,
              "its end");
        while (gen_cursor_next(w.at_a, one, &event, LONG, NULL) == AGNER_OK)
            continue;
        check(
            etf_atom_is(gen_cursor_reason(one, rt_region(w.at_a)), "shutdown"),
            "is told with its reason");
        gen_cursor_close(one);
        gen_cursor_close(two);
        end();
    }
}

/* What happened meanwhile is still kept: nobody notices. */
static void a_lost_connection_loses_no_change_of_a_map(void **state)
{
    struct gen_cursor *cursor;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        cursor = follow(NULL, NULL);
        create("x");
        expect(cursor, GEN_SERVICE_ADD, "x", 1);
        lose_connection();
        for (uint64_t i = 0; i < 50; i++) {
            create("y");
            drop("y");
        }
        for (uint64_t i = 0; i < 50; i++) {
            expect(cursor, GEN_SERVICE_ADD, "y", 2 + 2 * i);
            expect(cursor, GEN_SERVICE_REMOVE, "y", 3 + 2 * i);
        }
        check(gen_cursor_lost(cursor) == 0, "none is lost");
        gen_cursor_close(cursor);
        end();
    }
}

/* It is not kept any more: one snapshot stands for all of it, and changes go
 * on right behind it. */
static void what_a_map_does_not_keep_is_told_by_a_snapshot(void **state)
{
    const struct gen_service_change *change;
    struct gen_cursor *cursor;
    char id[16];

    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        begin(seed, seed % 2 == 0);
        cursor = follow(NULL, NULL);
        create("x");
        expect(cursor, GEN_SERVICE_ADD, "x", 1);
        check(sim_partition(w.sim, "10.0.0.1", "10.0.0.2") == AGNER_OK,
              "cut off");
        lose_connection();
        drop("x");
        for (unsigned i = 0; i < 3 * GEN_SERVICE_WINDOW; i++) {
            (void)snprintf(id, sizeof id, "z%u", i % 5);
            create(id);
            if (i < 3 * GEN_SERVICE_WINDOW - 5)
                drop(id);
        }
        sim_heal(w.sim, "10.0.0.1", "10.0.0.2");
        change = next(cursor);
        check(change->type == GEN_SERVICE_AGAIN, "a snapshot");
        check(change->record == NULL && change->before == NULL &&
                  change->after == NULL,
              "and nothing else");
        check(change->snapshot->count == 5, "of all that there is");
        check(change->number == change->snapshot->number &&
                  change->number == 2 + 6 * GEN_SERVICE_WINDOW - 5,
              "up to then");
        drop("z0");
        expect(cursor, GEN_SERVICE_REMOVE, "z0",
               3 + 6 * GEN_SERVICE_WINDOW - 5);
        gen_cursor_close(cursor);
        end();
    }
}

/* ---- At random ---------------------------------------------------------- */

/* What a follower has made of what it was told: the version of each id's
 * service, 0 without one. */
struct model {
    uint64_t number;
    uint64_t version[IDS];
};

static unsigned index_of(const struct gen_service_record *record)
{
    return (unsigned)(record->id[0] - 'a');
}

static void take_snapshot(struct model *m,
                          const struct gen_service_snapshot *snapshot)
{
    memset(m, 0, sizeof *m);
    m->number = snapshot->number;
    for (size_t i = 0; i < snapshot->count; i++)
        m->version[index_of(snapshot->entries[i].record)] =
            snapshot->entries[i].state->version;
}

static void apply(struct model *m, const struct gen_service_change *change)
{
    uint64_t *version;

    if (change->type == GEN_SERVICE_AGAIN) {
        check(change->snapshot->number >= m->number, "not back");
        take_snapshot(m, change->snapshot);
        return;
    }
    check(change->number == m->number + 1, "no gap, no duplicate");
    m->number = change->number;
    version = &m->version[index_of(change->record)];
    check((change->before == NULL ? 0 : change->before->version) == *version,
          "it was so before");
    *version = change->after == NULL ? 0 : change->after->version;
}

static void step(unsigned what, unsigned which)
{
    const char id[2] = { (char)('a' + which), 0 };
    struct gen_service_create create_it = { .id = id, .kind = "puppet" };
    const struct gen_service_record *record;

    switch (what) {
    case 0:
    case 1:
        (void)gen_service_map_create(w.at_b, w.map, &create_it, NULL, NULL,
                                     NULL); /* or it is there */
        break;
    case 2:
        (void)gen_service_map_delete(w.at_b, w.map, id); /* or it is not */
        break;
    case 3:
    case 4:
        if (gen_service_map_get(w.at_b, w.map, id, &record) != AGNER_OK)
            break;
        if (what == 3)
            (void)gen_service_activate(w.at_b, record->service, NULL);
        else
            (void)gen_service_deactivate(w.at_b, record->service, NULL);
        gen_service_record_free(record);
        break;
    case 5:
        lose_connection();
        break;
    default:
        (void)sim_run(w.sim, which * 400);
        break;
    }
}

/* Whatever happens, and however often the connection is lost, who applies what
 * comes has what the map has. */
static void a_followers_copy_is_what_the_map_is(void **state)
{
    const struct gen_service_snapshot *snapshot;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    struct model model, whole;
    uint32_t random;

    (void)state;
    for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
        begin(seed, seed % 2 == 0);
        random = (uint32_t)seed * 2654435761u;
        cursor = follow(&snapshot, NULL);
        take_snapshot(&model, snapshot);
        gen_service_snapshot_free(snapshot);
        for (unsigned i = 0; i < ROUNDS; i++) {
            random = random * 1664525u + 1013904223u;
            step(random >> 16 & 7, random >> 24 & (IDS - 1));
            while (gen_cursor_try_next(cursor, &event) == AGNER_OK)
                apply(&model, gen_service_event_change(&event));
        }
        (void)sim_run(w.sim, 1000); /* updates of services are told later */
        check(gen_service_map_states(w.at_b, w.map, &snapshot) == AGNER_OK,
              "states");
        take_snapshot(&whole, snapshot);
        gen_service_snapshot_free(snapshot);
        while (model.number < whole.number)
            apply(&model, next(cursor));
        check(memcmp(&model, &whole, sizeof model) == 0, "the same");
        gen_cursor_close(cursor);
        end();
    }
}

/* ---- Calls -------------------------------------------------------------- */

/* The functions of a handle are those of any other. */
static void a_map_is_used_from_another_node(void **state)
{
    struct gen_service_create what = { .id = "x",
                                       .kind = "puppet",
                                       .active = true,
                                       .configured = true,
                                       .config = { (const uint8_t *)"cfg",
                                                   3 } };
    const struct gen_service_snapshot *snapshot;
    const struct gen_service_record *record;
    const struct gen_service_state *now;
    struct gen_service_metadata metadata;
    struct agner_error error;

    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        begin(seed, seed % 2 == 0);
        check(gen_service_map_create(w.at_a, w.handle, &what, &record, &now,
                                     &error) == AGNER_OK,
              "create");
        check(strcmp(record->id, "x") == 0 &&
                  etf_same(record->node, etf_atom(B)),
              "its record");
        check(now->active && now->config.size == 3, "its state");
        gen_service_state_free(now);
        check(gen_service_deactivate(w.at_a, record->service, &now) == AGNER_OK,
              "its service can be told");
        check(!now->active, "and has done so");
        gen_service_state_free(now);
        gen_service_record_free(record);
        check(gen_service_map_create(w.at_a, w.handle, &what, NULL, NULL,
                                     &error) == AGNER_EPRESENT,
              "it is there");
        what.kind = "other";
        what.id = "y";
        check(gen_service_map_create(w.at_a, w.handle, &what, NULL, NULL,
                                     &error) == AGNER_EEXIT &&
                  strcmp(error.text, "no driver") == 0,
              "why not");
        what.kind = "puppet";
        what.id = NULL;
        check(gen_service_map_create(w.at_a, w.handle, &what, NULL, NULL,
                                     &error) == AGNER_EINVAL,
              "no id");
        what.id = "x";
        check(gen_service_map_get(w.at_a, w.handle, "x", &record) == AGNER_OK,
              "get");
        gen_service_record_free(record);
        check(gen_service_map_get(w.at_a, w.handle, "y", &record) ==
                  AGNER_EUNKNOWN,
              "get what is not there");
        check(gen_service_map_states(w.at_a, w.handle, &snapshot) == AGNER_OK &&
                  snapshot->count == 1,
              "states");
        gen_service_snapshot_free(snapshot);
        check(gen_service_map_metadata(w.at_a, w.handle, &metadata) ==
                      AGNER_OK &&
                  metadata.total == 1 && metadata.active == 0,
              "metadata");
        check(gen_service_map_delete(w.at_a, w.handle, "x") == AGNER_OK,
              "delete");
        check(gen_service_map_delete(w.at_a, w.handle, "x") == AGNER_EUNKNOWN,
              "delete what is not there");
        check(gen_service_map_terminate(w.at_a, w.handle, LONG) == AGNER_OK,
              "its end");
        end();
    }
}

/* A handle that leads to no map, or to one of this node. */
static void a_map_handle_leads_where_it_says(void **state)
{
    const struct gen_service_snapshot *snapshot;
    struct gen_service_map *other;
    struct gen_service *service;
    struct gen_cursor *cursor;

    (void)state;
    begin(1, false);
    other = gen_service_map_at(node_rt(w.a),
                               etf_make(w.at_a, "{nothing, 'b@10.0.0.2'}"));
    check(gen_service_map_follow(w.at_a, other, NULL, NULL, &cursor) ==
              AGNER_ENOPROC,
          "nobody there");
    gen_service_map_free(other);
    other = gen_service_map_at(node_rt(w.a), etf_make(w.at_a, "drivers"));
    check(gen_service_map_follow(w.at_a, other, NULL, NULL, &cursor) ==
              AGNER_ENOPROC,
          "nobody here");
    gen_service_map_free(other);
    other = gen_service_map_at(node_rt(w.b), etf_make(w.at_b, "drivers"));
    create("x");
    check(gen_service_map_follow(w.at_b, other, NULL, &snapshot, &cursor) ==
              AGNER_OK,
          "by its name, on its own node");
    check(snapshot->count == 1, "what there is");
    gen_service_snapshot_free(snapshot);
    gen_cursor_close(cursor);
    gen_service_map_free(other);
    /* A service is no map. */
    check(gen_service_start(w.at_b, &puppet_spec,
                            &(struct gen_service_options){
                                .arg = &w.p, .name = etf_atom("web") },
                            &service, NULL) == AGNER_OK,
          "a service");
    other = gen_service_map_at(node_rt(w.a),
                               etf_make(w.at_a, "{web, 'b@10.0.0.2'}"));
    check(gen_service_map_follow(w.at_a, other, NULL, NULL, &cursor) ==
              AGNER_ENOTSUP,
          "it is no map");
    gen_service_map_free(other);
    (void)gen_service_terminate(w.at_b, service, RT_INFINITY);
    gen_service_free(service);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_followed_from_another_node),
        cmocka_unit_test(a_lost_connection_loses_no_change_of_a_map),
        cmocka_unit_test(what_a_map_does_not_keep_is_told_by_a_snapshot),
        cmocka_unit_test(a_followers_copy_is_what_the_map_is),
        cmocka_unit_test(a_map_is_used_from_another_node),
        cmocka_unit_test(a_map_handle_leads_where_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
