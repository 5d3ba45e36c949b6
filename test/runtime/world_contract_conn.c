/*
 * world_contract_conn.c -- connections of a world: dial, accept, read, write,
 * close.
 */
#include "world_contract.h"

#include <stdlib.h>
#include <string.h>

#include "../loopback.h"

/* A connection between two ends of one loop, open when it returns. */
struct pair {
    struct scene scene;
    struct server server;
    struct end *client, *served;
};

static bool both_open(void *arg)
{
    struct pair *pair = arg;

    return pair->client->opened == 1 && pair->served->opened == 1;
}

static bool both_closed(void *arg)
{
    struct pair *pair = arg;

    return pair->client->closed > 0 && pair->served->closed > 0;
}

static void pair_listen(struct pair *pair, const struct place *place,
                        const struct rt_address *address)
{
    memset(pair, 0, sizeof *pair);
    scene_open(&pair->scene, place);
    pair->client = end_new(&pair->scene);
    pair->served = end_new(&pair->scene);
    pair->server.ends[0] = pair->served;
    server_start(&pair->server, &pair->scene, address);
}

static void pair_open(struct pair *pair, const struct place *place,
                      const struct rt_address *address)
{
    pair_listen(pair, place, address);
    end_dial(pair->client, &pair->server.address, 0);
    scene_await(&pair->scene, both_open, pair);
}

/* `closed` came once for each end that was opened. */
static void pair_close(struct pair *pair)
{
    scene_end_loop(&pair->scene);
    assert_int_equal(pair->client->closed, 1);
    assert_int_equal(pair->served->closed, pair->served->opened);
    scene_close(&pair->scene);
    free(pair->client);
    free(pair->served);
}

/* ---- Bytes -------------------------------------------------------------- */

#define MUCH (10u << 20)

static bool all_received(void *arg)
{
    struct pair *pair = arg;

    return pair->client->received == pair->served->to_send &&
           pair->served->received == pair->client->to_send &&
           pair->client->sent == pair->client->to_send &&
           pair->served->sent == pair->served->to_send;
}

static void exchange(const struct place *place,
                     const struct rt_address *address)
{
    struct pair pair;

    pair_listen(&pair, place, address);
    pair.client->to_send = pair.served->to_send = MUCH;
    pair.client->pause_every = 7;
    pair.served->pause_every = 19;
    end_dial(pair.client, &pair.server.address, 0);
    scene_await(&pair.scene, all_received, &pair);
    assert_int_equal(pair.client->closed + pair.served->closed, 0);
    pair_close(&pair);
}

static void ten_megabytes_go_both_ways_over_tcp(const struct place *place)
{
    exchange(place, &place->tcp);
}

static void ten_megabytes_go_both_ways_over_unix(const struct place *place)
{
    exchange(place, &place->unix_);
}

static void stop_reading(struct scene *scene, void *arg)
{
    struct end *end = arg;

    scene->net->read(end->conn, false);
}

static void start_sending(struct scene *scene, void *arg)
{
    (void)scene;
    end_send(arg);
}

#define STILL 4u /* looks without a change */

struct watch {
    struct rt_loop_timer timer;
    struct end *end;
    uint64_t sent;
    unsigned still;
};

static void look(struct rt_loop_timer *timer)
{
    struct watch *watch = (struct watch *)timer;

    watch->still = watch->sent == watch->end->sent ? watch->still + 1 : 0;
    watch->sent = watch->end->sent;
    scene_event(watch->end->scene);
}

static void start_watching(struct scene *scene, void *arg)
{
    struct watch *watch = arg;

    watch->end->to_send = 64u << 20;
    end_send(watch->end);
    watch->timer.fire = look;
    scene->net->timer_start(scene->loop, &watch->timer, 5, 5);
}

static bool is_still(void *arg)
{
    struct watch *watch = arg;

    return watch->end->sent > 0 && watch->still >= STILL;
}

static void read_the_rest(struct scene *scene, void *arg)
{
    struct pair *pair = arg;

    EXPECT(scene, pair->served->received == 0);
    EXPECT(scene, pair->client->sent < pair->client->to_send);
    pair->client->to_send = pair->client->given;
    scene->net->read(pair->served->conn, true);
}

/* Back-pressure: who does not read is not sent everything. */
static void who_does_not_read_holds_the_writer_up(const struct place *place)
{
    struct pair pair;
    struct watch watch = { .sent = 0 };

    pair_open(&pair, place, &place->unix_);
    watch.end = pair.client;
    scene_run(&pair.scene, stop_reading, pair.served);
    scene_run(&pair.scene, start_watching, &watch);
    scene_await(&pair.scene, is_still, &watch);
    scene_run(&pair.scene, read_the_rest, &pair);
    scene_await(&pair.scene, all_received, &pair);
    pair_close(&pair);
}

struct chain {
    struct rt_write write;
    struct scene *scene;
    struct end *end;
    unsigned left;
    _Atomic uint32_t over;
};

static void write_next(struct rt_write *write, enum agner_err err)
{
    struct chain *chain = (struct chain *)write;
    const struct rt_world *world = chain->scene->world;

    EXPECT(chain->scene, err == AGNER_OK);
    if (--chain->left > 0) {
        chain->scene->net->write(chain->end->conn, write);
        return;
    }
    atomic_store(&chain->over, 1);
    world->wake(world->ctx, &chain->over, 1);
}

static void start_chain(struct scene *scene, void *arg)
{
    struct chain *chain = arg;

    scene->net->write(chain->end->conn, &chain->write);
}

/* Nothing else happens on the loop meanwhile, not even somebody who asks. */
static void what_done_writes_leaves_by_itself(const struct place *place)
{
    static const uint8_t zeros[10];
    const struct rt_world *world = place->world;
    uint64_t deadline_ns;
    struct pair pair;
    struct chain chain = {
        .write = { .bytes = zeros, .size = sizeof zeros, .done = write_next },
        .left = 100
    };

    pair_open(&pair, place, &place->unix_);
    chain.scene = &pair.scene;
    chain.end = pair.client;
    scene_run(&pair.scene, stop_reading, pair.served);
    scene_run(&pair.scene, start_chain, &chain);
    deadline_ns = world->now_ns(world->ctx) + UINT64_C(60000000000);
    while (atomic_load(&chain.over) == 0 &&
           world->now_ns(world->ctx) < deadline_ns)
        world->wait(world->ctx, &chain.over, 0, deadline_ns);
    assert_int_equal(atomic_load(&chain.over), 1);
    pair_close(&pair);
}

/* ---- Dialling ----------------------------------------------------------- */

static void stop_server(struct scene *scene, void *arg)
{
    struct server *server = arg;

    scene->net->unlisten(server->listener);
}

static void dial_in_vain(const struct place *place,
                         const struct rt_address *address)
{
    struct pair pair;

    pair_listen(&pair, place, address);
    scene_run(&pair.scene, stop_server, &pair.server);
    end_dial(pair.client, &pair.server.address, 0);
    scene_await(&pair.scene, end_is_closed, pair.client);
    assert_int_equal(pair.client->opened, 0);
    assert_int_equal(pair.client->why, AGNER_ENOCONN);
    pair_close(&pair);
}

static void nobody_there_is_enoconn(const struct place *place)
{
    dial_in_vain(place, &place->tcp);
    dial_in_vain(place, &place->unix_);
}

static void a_host_without_address_is_enoname(const struct place *place)
{
    struct scene scene;
    struct end *end;
    struct rt_address to = { .kind = RT_ADDRESS_TCP,
                             .host = "no-such-host.invalid",
                             .port = 4369 };

    scene_open(&scene, place);
    end = end_new(&scene);
    end_dial(end, &to, 0);
    scene_await(&scene, end_is_closed, end);
    assert_int_equal(end->opened, 0);
    assert_int_equal(end->why, AGNER_ENONAME);
    scene_close(&scene);
    free(end);
}

static void a_name_is_resolved(const struct place *place)
{
    struct pair pair;
    struct rt_address to;

    pair_listen(&pair, place, &place->tcp);
    to = pair.server.address;
    strcpy(to.host, "localhost");
    end_dial(pair.client, &to, 60000);
    scene_await(&pair.scene, both_open, &pair);
    assert_string_equal(pair.server.from.host, "127.0.0.1");
    pair_close(&pair);
}

static void an_empty_host_listens_everywhere(const struct place *place)
{
    struct pair pair;
    struct rt_address everywhere = { .kind = RT_ADDRESS_TCP };
    struct rt_address to;

    pair_listen(&pair, place, &everywhere);
    to = pair.server.address;
    assert_true(to.port > 0);
    strcpy(to.host, "127.0.0.1");
    end_dial(pair.client, &to, 0);
    scene_await(&pair.scene, both_open, &pair);
    /* An IPv4 peer looks like one. */
    assert_string_equal(pair.server.from.host, "127.0.0.1");
    pair_close(&pair);
}

struct bad_dial {
    struct rt_address to;
    enum agner_err err;
};

static void dial_badly(struct scene *scene, void *arg)
{
    struct bad_dial *bad = arg;
    struct rt_conn_owner owner = { .ctx = NULL };
    struct rt_conn *conn;
    struct agner_error error;

    bad->err =
        scene->net->dial(scene->loop, &bad->to, 0, &owner, &conn, &error);
}

static void addresses_that_cannot_be_are_einval(const struct place *place)
{
    static const struct rt_address bad[] = {
        { .kind = RT_ADDRESS_TCP, .host = "127.0.0.1", .port = 0 },
        { .kind = RT_ADDRESS_TCP, .host = "", .port = 1 },
        { .kind = RT_ADDRESS_UNIX, .host = "" },
    };
    struct scene scene;
    struct bad_dial dial = { .err = AGNER_OK };
    size_t i;

    scene_open(&scene, place);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dial.to = bad[i];
        scene_run(&scene, dial_badly, &dial);
        assert_int_equal(dial.err, AGNER_EINVAL);
    }
    dial.to = (struct rt_address){ .kind = RT_ADDRESS_UNIX };
    memset(dial.to.host, 'a', 200);
    scene_run(&scene, dial_badly, &dial);
    assert_int_equal(dial.err, AGNER_EINVAL);
    memset(dial.to.host, 'a', sizeof dial.to.host);
    scene_run(&scene, dial_badly, &dial);
    assert_int_equal(dial.err, AGNER_EINVAL);
    scene_close(&scene);
}

static void listen_again(struct scene *scene, void *arg)
{
    struct server *server = arg;
    struct rt_listen_owner owner = { .ctx = NULL };
    struct rt_listener *listener;
    struct agner_error error = { .text = "" };

    EXPECT(scene, scene->net->listen(scene->loop, &server->address, &owner,
                                     &listener, NULL, &error) == AGNER_ETAKEN);
    EXPECT(scene, error.text[0] != '\0');
}

static void a_taken_address_is_etaken(const struct place *place)
{
    struct pair pair;

    pair_open(&pair, place, &place->tcp);
    scene_run(&pair.scene, listen_again, &pair.server);
    pair_close(&pair);
    pair_open(&pair, place, &place->unix_);
    scene_run(&pair.scene, listen_again, &pair.server);
    pair_close(&pair);
}

/* The address is free again at once. */
static void listening_can_be_repeated(const struct place *place)
{
    struct pair pair;
    struct rt_address address;

    address = place->tcp; /* a port that nobody gets by chance in between */
    address.port = loopback_port();
    pair_open(&pair, place, &address);
    pair_close(&pair);
    pair_open(&pair, place, &address);
    assert_int_equal(pair.server.address.port, address.port);
    pair_close(&pair);
    pair_open(&pair, place, &place->unix_);
    pair_close(&pair);
    pair_open(&pair, place, &place->unix_);
    pair_close(&pair);
}

/* ---- Closing ------------------------------------------------------------ */

static void close_now(struct scene *scene, void *arg)
{
    struct end *end = arg;

    scene->net->close(end->conn, false);
    EXPECT(scene, end->closed == 0); /* never from inside */
    scene->net->close(end->conn, true);
    scene->net->close(end->conn, false);
}

static void closing_is_heard_once_at_both_ends(const struct place *place)
{
    struct pair pair;

    pair_open(&pair, place, &place->tcp);
    scene_run(&pair.scene, close_now, pair.client);
    scene_await(&pair.scene, both_closed, &pair);
    assert_int_equal(pair.client->why, AGNER_OK);
    assert_string_equal(pair.client->text, "closed here");
    assert_int_equal(pair.served->why, AGNER_OK);
    assert_string_equal(pair.served->text, "closed by the peer");
    pair_close(&pair);
}

/* Each byte arrives, though the peer goes on sending what the closing end does
 * not want any more: with TCP that would reset the connection if it just
 * closed. */
static void a_flush_delivers_what_was_written(const struct place *place)
{
    struct pair pair;

    pair_listen(&pair, place, &place->tcp);
    pair.client->to_send = 1u << 20;
    pair.client->close_when_sent = true;
    pair.served->to_send = 64u << 20; /* more than is ever taken */
    pair.served->pause_every = 3;
    end_dial(pair.client, &pair.server.address, 0);
    scene_await(&pair.scene, both_closed, &pair);
    assert_int_equal(pair.served->received, 1u << 20);
    assert_int_equal(pair.client->done_failed, 0);
    assert_int_equal(pair.client->sent, 1u << 20);
    assert_int_equal(pair.client->why, AGNER_OK);
    assert_string_equal(pair.served->text, "closed by the peer");
    pair_close(&pair);
}

struct late {
    struct rt_write write;
    struct end *end;
    unsigned done;
    enum agner_err err;
};

static void late_done(struct rt_write *write, enum agner_err err)
{
    struct late *late = (struct late *)write;

    EXPECT(late->end->scene, late->end->closed == 0);
    late->done++;
    late->err = err;
}

static void write_after_close(struct scene *scene, void *arg)
{
    struct late *late = arg;

    end_send(late->end);
    scene->net->close(late->end->conn, false);
    late->write.bytes = (const uint8_t *)"late";
    late->write.size = 4;
    late->write.done = late_done;
    scene->net->write(late->end->conn, &late->write);
    EXPECT(scene, late->done == 0);
}

static void without_flush_the_rest_is_given_back(const struct place *place)
{
    struct pair pair;
    struct late late = { .err = AGNER_OK };

    pair_open(&pair, place, &place->tcp);
    late.end = pair.client;
    pair.client->to_send = 1u << 20;
    scene_run(&pair.scene, write_after_close, &late);
    scene_await(&pair.scene, both_closed, &pair);
    assert_int_equal(pair.client->done_ok, 0);
    assert_true(pair.client->done_failed > 0);
    assert_int_equal(late.done, 1);
    assert_int_equal(late.err, AGNER_ENOCONN);
    pair_close(&pair);
}

static void dial_and_close(struct scene *scene, void *arg)
{
    struct pair *pair = arg;
    struct rt_conn_owner owner = end_owner(pair->client);

    EXPECT(scene,
           scene->net->dial(scene->loop, &pair->server.address, 1000, &owner,
                            &pair->client->conn, NULL) == AGNER_OK);
    end_send(pair->client);
    scene->net->close(pair->client->conn, true);
}

static void a_dial_can_be_called_off(const struct place *place)
{
    struct pair pair;

    pair_listen(&pair, place, &place->tcp);
    pair.client->to_send = 100000;
    scene_run(&pair.scene, dial_and_close, &pair);
    scene_await(&pair.scene, end_is_closed, pair.client);
    assert_int_equal(pair.client->opened, 0);
    assert_int_equal(pair.client->why, AGNER_OK);
    assert_int_equal(pair.client->done_ok, 0);
    pair_close(&pair);
}

static void a_connection_that_nobody_adopts_is_closed(const struct place *place)
{
    struct pair pair;

    pair_listen(&pair, place, &place->tcp);
    pair.server.ignore = true;
    end_dial(pair.client, &pair.server.address, 0);
    scene_await(&pair.scene, end_is_closed, pair.client);
    assert_int_equal(pair.served->opened, 0);
    pair_close(&pair);
}

struct swap {
    struct rt_conn *conn;
    struct end *next;
};

static void change_owner(struct scene *scene, void *arg)
{
    struct swap *swap = arg;
    struct rt_conn_owner owner = end_owner(swap->next);

    swap->next->conn = swap->conn;
    scene->net->adopt(swap->conn, &owner);
}

static void an_open_connection_can_change_hands(const struct place *place)
{
    struct pair pair;
    struct end *next;
    struct swap swap;

    pair_open(&pair, place, &place->tcp);
    next = end_new(&pair.scene);
    swap = (struct swap){ pair.served->conn, next };
    scene_run(&pair.scene, change_owner, &swap);
    pair.client->to_send = 1000;
    pair.client->close_when_sent = true;
    scene_run(&pair.scene, start_sending, pair.client);
    scene_await(&pair.scene, end_is_closed, next);
    assert_int_equal(next->received, 1000);
    scene_end_loop(&pair.scene);
    assert_int_equal(pair.served->closed + pair.served->received, 0);
    pair.served->closed = 1; /* as pair_close() wants it */
    pair_close(&pair);
    free(next);
}

static void the_loops_end_closes_everything(const struct place *place)
{
    struct pair pair;
    struct end *hanging;

    pair_open(&pair, place, &place->tcp);
    hanging = end_new(&pair.scene);
    scene_run(&pair.scene, stop_reading, pair.served);
    pair.client->to_send = 64u << 20;
    scene_run(&pair.scene, start_sending, pair.client);
    end_dial(hanging, &pair.server.address, 0);
    scene_end_loop(&pair.scene);
    assert_int_equal(hanging->closed, 1);
    assert_int_equal(pair.client->closed, 1);
    assert_int_equal(pair.served->closed, 1);
    pair_close(&pair);
    free(hanging);
}

struct asking {
    struct pair *pair;
    int64_t uid, tcp_uid, rtt_us;
};

static void ask_rtt(struct scene *scene, void *arg)
{
    struct asking *asking = arg;

    asking->rtt_us = scene->net->rtt_us(asking->pair->client->conn);
}

static void ask_uid(struct scene *scene, void *arg)
{
    struct asking *asking = arg;

    asking->uid = scene->net->peer_uid(asking->pair->served->conn);
}

static void the_user_of_a_unix_connection_is_known(const struct place *place)
{
    struct pair pair;
    struct asking asking = { .pair = &pair };

    pair_open(&pair, place, &place->unix_);
    scene_run(&pair.scene, ask_uid, &asking);
    assert_int_equal(asking.uid, place->uid);
    pair_close(&pair);
    pair_open(&pair, place, &place->tcp);
    scene_run(&pair.scene, ask_uid, &asking);
    assert_int_equal(asking.uid, -1);
    pair_close(&pair);
}

/* Not every system measures it. */
static void a_connection_knows_its_round_trip(const struct place *place)
{
    struct pair pair;
    struct asking asking = { .pair = &pair };

    pair_open(&pair, place, &place->tcp);
    scene_run(&pair.scene, ask_rtt, &asking);
    assert_in_range(asking.rtt_us + 1, 0, 60000001);
    pair_close(&pair);
    pair_open(&pair, place, &place->unix_);
    scene_run(&pair.scene, ask_rtt, &asking);
    assert_int_equal(asking.rtt_us, -1);
    pair_close(&pair);
}

#define CASE(function) \
    { \
#function, function \
    }
const struct contract_case contract_conn_cases[] = {
    CASE(ten_megabytes_go_both_ways_over_tcp),
    CASE(ten_megabytes_go_both_ways_over_unix),
    CASE(who_does_not_read_holds_the_writer_up),
    CASE(what_done_writes_leaves_by_itself),
    CASE(nobody_there_is_enoconn),
    CASE(a_host_without_address_is_enoname),
    CASE(a_name_is_resolved),
    CASE(an_empty_host_listens_everywhere),
    CASE(addresses_that_cannot_be_are_einval),
    CASE(a_taken_address_is_etaken),
    CASE(listening_can_be_repeated),
    CASE(closing_is_heard_once_at_both_ends),
    CASE(a_flush_delivers_what_was_written),
    CASE(without_flush_the_rest_is_given_back),
    CASE(a_dial_can_be_called_off),
    CASE(a_connection_that_nobody_adopts_is_closed),
    CASE(an_open_connection_can_change_hands),
    CASE(the_loops_end_closes_everything),
    CASE(the_user_of_a_unix_connection_is_known),
    CASE(a_connection_knows_its_round_trip),
};
const size_t contract_conn_count =
    sizeof contract_conn_cases / sizeof contract_conn_cases[0];
