/*
 * world_scene.c -- loops, ends and servers for the tests of a world.
 */
#include "world_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS UINT64_C(60000000000)

void scene_event(struct scene *scene)
{
    atomic_fetch_add(&scene->events, 1);
    scene->world->wake(scene->world->ctx, &scene->events, UINT32_MAX);
}

void scene_expect(struct scene *scene, bool true_, const char *what, int line)
{
    if (true_ || scene->failure[0] != '\0')
        return;
    (void)snprintf(scene->failure, sizeof scene->failure, "line %d: %s", line,
                   what);
}

void scene_open(struct scene *scene, const struct place *place)
{
    memset(scene, 0, sizeof *scene);
    scene->place = place;
    scene->world = place->world;
    scene->net = place->world->net;
    assert_int_equal(
        scene->net->loop_new(scene->world, "test-loop", &scene->loop, NULL),
        AGNER_OK);
}

struct errand {
    struct rt_task task;
    struct scene *scene;
    scene_fn run;
    void *arg;
    _Atomic uint32_t done;
};

static void run_errand(struct rt_task *task)
{
    struct errand *errand = (struct errand *)task;
    const struct rt_world *world = errand->scene->world;

    errand->run(errand->scene, errand->arg);
    atomic_store(&errand->done, 1);
    /* The errand may be gone now; its address still names who waits. */
    world->wake(world->ctx, &errand->done, 1);
}

void scene_run(struct scene *scene, scene_fn run, void *arg)
{
    struct errand errand = {
        .task = { .run = run_errand }, .scene = scene, .run = run, .arg = arg
    };
    const struct rt_world *world = scene->world;

    scene->net->post(scene->loop, &errand.task);
    while (atomic_load(&errand.done) == 0)
        world->wait(world->ctx, &errand.done, 0, RT_NEVER);
}

struct question {
    bool (*holds)(void *arg);
    void *arg;
    bool answer;
};

static void ask(struct scene *scene, void *arg)
{
    struct question *question = arg;

    question->answer =
        scene->failure[0] != '\0' || question->holds(question->arg);
}

void scene_await(struct scene *scene, bool (*holds)(void *arg), void *arg)
{
    const struct rt_world *world = scene->world;
    uint64_t deadline_ns = world->now_ns(world->ctx) + PATIENCE_NS;
    struct question question = { holds, arg, false };

    for (;;) {
        uint32_t seen = atomic_load(&scene->events);

        scene_run(scene, ask, &question);
        if (question.answer)
            return;
        if (world->now_ns(world->ctx) >= deadline_ns)
            fail_msg("waited in vain");
        world->wait(world->ctx, &scene->events, seen, deadline_ns);
    }
}

void scene_end_loop(struct scene *scene)
{
    if (scene->loop != NULL)
        scene->net->loop_free(scene->loop);
    scene->loop = NULL;
}

void scene_close(struct scene *scene)
{
    scene_end_loop(scene);
    if (scene->failure[0] != '\0')
        fail_msg("%s", scene->failure);
}

/* ---- Ends --------------------------------------------------------------- */

uint8_t pattern_byte(uint64_t index)
{
    return (uint8_t)(index * 131u + index / 251u);
}

static void on_done(struct rt_write *write, enum agner_err err)
{
    struct piece *piece = (struct piece *)write;
    struct end *end = piece->end;

    EXPECT(end->scene, piece->away);
    EXPECT(end->scene, end->closed == 0);
    piece->away = false;
    if (err == AGNER_OK) {
        EXPECT(end->scene, end->done_failed == 0);
        end->done_ok++;
        end->sent += write->size;
        end_send(end);
    } else {
        end->done_failed++;
    }
    scene_event(end->scene);
}

/* Sizes from 0 to PIECE_BYTES, small ones often. */
static size_t next_size(const struct end *end)
{
    uint64_t mixed = (end->given + end->done_ok) * 2654435761u >> 7;
    size_t size = mixed % 4 == 0 ? mixed % PIECE_BYTES : mixed % 50;

    if (size > end->to_send - end->given)
        size = (size_t)(end->to_send - end->given);
    return size;
}

void end_send(struct end *end)
{
    unsigned i;

    for (i = 0; i < PIECES && end->given < end->to_send; i++) {
        struct piece *piece = &end->pieces[i];
        size_t size = next_size(end), each;

        if (piece->away)
            continue;
        for (each = 0; each < size; each++)
            piece->bytes[each] = pattern_byte(end->given + each);
        piece->away = true;
        piece->end = end;
        piece->write = (struct rt_write){ .bytes = piece->bytes,
                                          .size = size,
                                          .done = on_done };
        end->given += size;
        end->scene->net->write(end->conn, &piece->write);
    }
    if (end->close_when_sent && end->given == end->to_send) {
        end->close_when_sent = false;
        end->scene->net->close(end->conn, true);
    }
}

static void read_again(struct rt_loop_timer *timer)
{
    struct end *end =
        (struct end *)((char *)timer - offsetof(struct end, pause));

    if (end->closed == 0)
        end->scene->net->read(end->conn, true);
}

static void on_opened(void *ctx, struct rt_conn *conn)
{
    struct end *end = ctx;

    EXPECT(end->scene, end->closed == 0 && end->received == 0);
    end->conn = conn;
    end->opened++;
    end_send(end);
    scene_event(end->scene);
}

/* Two of three times it wants them in a place of its own. */
static size_t on_place(void *ctx, struct rt_conn *conn, uint8_t **bytes)
{
    struct end *end = ctx;

    EXPECT(end->scene, end->conn == conn && end->closed == 0);
    end->room = end->calls % 3 == 0 ? 0 : 1 + end->calls % sizeof end->place;
    *bytes = end->place;
    return end->room;
}

static void on_received(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                        size_t size)
{
    struct end *end = ctx;
    size_t i;
    bool same = true;

    EXPECT(end->scene, (bytes == end->place) == (end->room > 0));
    EXPECT(end->scene, end->room == 0 || size <= end->room);
    EXPECT(end->scene, end->conn == conn && end->closed == 0 && size > 0);
    for (i = 0; i < size; i++)
        same = same && bytes[i] == pattern_byte(end->received + i);
    EXPECT(end->scene, same);
    end->received += size;
    end->calls++;
    if (end->pause_every != 0 && end->calls % end->pause_every == 0) {
        end->scene->net->read(conn, false);
        end->pause.fire = read_again;
        end->scene->net->timer_start(end->scene->loop, &end->pause, 1, 0);
    }
    scene_event(end->scene);
}

static void on_closed(void *ctx, struct rt_conn *conn, enum agner_err why,
                      const char *text)
{
    struct end *end = ctx;
    unsigned i;

    EXPECT(end->scene, end->conn == conn);
    EXPECT(end->scene, text[0] != '\0');
    for (i = 0; i < PIECES; i++)
        EXPECT(end->scene, !end->pieces[i].away);
    end->scene->net->timer_stop(end->scene->loop, &end->pause);
    end->closed++;
    end->why = why;
    (void)snprintf(end->text, sizeof end->text, "%s", text);
    scene_event(end->scene);
}

struct end *end_new(struct scene *scene)
{
    struct end *end = calloc(1, sizeof *end);

    assert_non_null(end);
    end->scene = scene;
    return end;
}

struct rt_conn_owner end_owner(struct end *end)
{
    return (struct rt_conn_owner){ .ctx = end,
                                   .opened = on_opened,
                                   .place = on_place,
                                   .received = on_received,
                                   .closed = on_closed };
}

bool end_is_open(void *end)
{
    return ((struct end *)end)->opened > 0;
}

bool end_is_closed(void *end)
{
    return ((struct end *)end)->closed > 0;
}

struct dialling {
    struct end *end;
    const struct rt_address *to;
    uint64_t timeout_ms;
};

static void dial(struct scene *scene, void *arg)
{
    struct dialling *d = arg;
    struct rt_conn_owner owner = end_owner(d->end);
    struct agner_error error;

    if (scene->net->dial(scene->loop, d->to, d->timeout_ms, &owner,
                         &d->end->conn, &error) != AGNER_OK)
        scene_expect(scene, false, error.text, __LINE__);
    EXPECT(scene, d->end->opened == 0 && d->end->closed == 0);
}

void end_dial(struct end *end, const struct rt_address *to, uint64_t timeout_ms)
{
    struct dialling d = { end, to, timeout_ms };

    scene_run(end->scene, dial, &d);
}

/* ---- Servers ------------------------------------------------------------ */

static void on_accepted(void *ctx, struct rt_listener *listener,
                        struct rt_conn *conn, const struct rt_address *from)
{
    struct server *server = ctx;
    struct end *end = server->ends[server->accepted];
    struct rt_conn_owner owner;

    EXPECT(server->scene, listener == server->listener);
    server->from = *from;
    server->accepted++;
    if (server->ignore)
        return;
    if (end == NULL) {
        server->scene->net->close(conn, false);
        return;
    }
    owner = end_owner(end);
    end->conn = conn;
    server->scene->net->adopt(conn, &owner);
    end->opened++;
    end_send(end);
    scene_event(server->scene);
}

struct listening {
    struct server *server;
    const struct rt_address *address;
};

static void start_server(struct scene *scene, void *arg)
{
    struct listening *l = arg;
    struct rt_listen_owner owner = { .ctx = l->server,
                                     .accepted = on_accepted };
    struct agner_error error;

    if (scene->net->listen(scene->loop, l->address, &owner,
                           &l->server->listener, &l->server->address,
                           &error) != AGNER_OK)
        scene_expect(scene, false, error.text, __LINE__);
}

void server_start(struct server *server, struct scene *scene,
                  const struct rt_address *address)
{
    struct listening l = { server, address };

    server->scene = scene;
    scene_run(scene, start_server, &l);
    if (scene->failure[0] != '\0')
        fail_msg("%s", scene->failure);
}
