/*
 * test_node_epmd_client.c -- our client of epmd: what it makes of answers, good
 * and bad, and of an epmd that goes and comes back (B-EPM-3, B-EPM-4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic.h>
#include <epmd_client.h>
#include <epmd_proto.h>
#include <epmd_server.h>

#include "../loopback.h"
#include "epmd_bed.h"

#define LOOK_UP_MS 2500 /* the time of a look-up */

/* ---- Answers, as a client reads them
 * --------------------------------------------- */

/* B-EPM-3 */
static void B_EPM_3_says_what_is_wrong_with_an_answer(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum agner_err err;
    } cases[] = {
        { "w\0\x10\x11M\0\0\6\0\5\0\1x\0\0", 15, AGNER_OK },
        { "w\0\x10\x11M\0\0\7\0\6\0\1x\0\0", 15, AGNER_OK },
        { "w\1", 2, AGNER_ENONAME },
        { "", 0, AGNER_ETRUNCATED },
        { "w", 1, AGNER_ETRUNCATED },
        { "w\0\x10\x11M\0\0\6\0\5\0\1", 12, AGNER_ETRUNCATED },
        { "v\0\x10\x11M\0\0\6\0\5\0\1x\0\0", 15, AGNER_EPROTO },
        { "w\0\x10\x11M\0\0\6\0\5\0\1y\0\0", 15, AGNER_EPROTO },
        { "w\0\0\0M\0\0\6\0\5\0\1x\0\0", 15, AGNER_EPROTO },
        { "w\0\x10\x11M\0\0\5\0\5\0\1x\0\0", 15, AGNER_OK },
        { "w\0\x10\x11M\0\0\4\0\4\0\1x\0\0", 15, AGNER_EPROTO },
        { "w\0\x10\x11M\0\0\7\0\7\0\1x\0\0", 15, AGNER_EPROTO },
    };
    struct node__epmd_node node;
    struct agner_error error;
    uint32_t creation;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(node__epmd_port_answer((const uint8_t *)cases[i].bytes,
                                                cases[i].size, "x", &node,
                                                &error),
                         cases[i].err);
    assert_int_equal(node__epmd_alive_answer((const uint8_t *)"v\0\0\0\1\2", 6,
                                             &creation, NULL),
                     AGNER_OK);
    assert_int_equal(creation, 258);
    assert_int_equal(
        node__epmd_alive_answer((const uint8_t *)"y\0\0\2", 4, &creation, NULL),
        AGNER_OK);
    assert_int_equal(creation, 2);
    assert_int_equal(node__epmd_alive_answer((const uint8_t *)"v\0\0\0\1", 5,
                                             &creation, NULL),
                     AGNER_ETRUNCATED);
    assert_int_equal(
        node__epmd_alive_answer((const uint8_t *)"x", 1, &creation, NULL),
        AGNER_EPROTO);
}

static void reads_the_lines_of_a_names_answer(void **state)
{
    static const char answer[] = "\0\0\x11\x11name x at port 4000\n"
                                 "nonsense\n"
                                 "name at port at port 1\n"
                                 "name y at port 65536\n"
                                 "name y at port \n"
                                 "name z at port 1x\n"
                                 "name \x1b[2J at port 1\n"
                                 "name no\xc3\xab at port 4001";
    char name[NODE__EPMD_NAME_MAX + 1];
    size_t at = 4;
    uint16_t port;

    (void)state;
#define NEXT \
    node__epmd_names_next((const uint8_t *)answer, sizeof answer - 1, &at, \
                          name, &port)
    assert_true(NEXT);
    assert_string_equal(name, "x");
    assert_int_equal(port, 4000);
    assert_true(NEXT);
    assert_string_equal(name, "at port");
    assert_true(NEXT);
    assert_string_equal(name, "no\xc3\xab");
    assert_int_equal(port, 4001);
    assert_false(NEXT);
#undef NEXT
}

/* ---- Our client and our server
 * ---------------------------------------------------- */

/* What happens on the loop, for the test's thread to wait for. */
struct scene {
    struct rt_loop *loop;
    struct rt_address epmd;
    struct rt_task task;
    struct node__epmd_node node;
    struct node__epmd_keeper *keeper;
    struct node__epmd_lookup *lookup;
    struct node__epmd_node found;
    struct node_epmd_server
        *server; /* `failed` starts it where there is none */
    bool start_server;
    uint32_t creation;
    enum agner_err err;
    _Atomic uint32_t registered, failures, done;
};

static void bump(_Atomic uint32_t *counter)
{
    (void)add_acq_rel(counter, 1);
    rt_world_real()->wake(rt_world_real()->ctx, counter, 1);
}

static void wait_for(_Atomic uint32_t *counter, uint32_t least)
{
    const struct rt_world *world = rt_world_real();
    uint64_t deadline =
        world->now_ns(world->ctx) + EPMD_DEADLINE_MS * UINT64_C(1000000);

    for (;;) {
        uint32_t seen = load_acquire(counter);

        if (seen >= least)
            return;
        assert_true(world->now_ns(world->ctx) < deadline);
        world->wait(world->ctx, counter, seen, deadline);
    }
}

static void on_registered(void *ctx, uint32_t creation)
{
    struct scene *scene = ctx;

    scene->creation = creation;
    bump(&scene->registered);
}

static bool on_failed(void *ctx, enum agner_err err, const char *text)
{
    struct scene *scene = ctx;
    bool started = false;

    (void)text;
    scene->err = err;
    if (err == AGNER_ENOCONN && scene->start_server && scene->server == NULL)
        started =
            node_epmd_serve(rt_world_real(), "127.0.0.1", scene->epmd.port,
                            &scene->server, NULL) == AGNER_OK;
    bump(&scene->failures);
    return started;
}

static struct scene *scene_of(struct rt_task *task)
{
    return (struct scene *)((char *)task - offsetof(struct scene, task));
}

static void do_register(struct rt_task *task)
{
    struct scene *scene = scene_of(task);
    const struct node__epmd_owner owner = { scene, on_registered, on_failed };

    if (node__epmd_register(rt_world_real(), scene->loop, &scene->epmd,
                            &scene->node, &owner, &scene->keeper,
                            NULL) != AGNER_OK)
        bump(&scene->failures);
}

static void do_release(struct rt_task *task)
{
    struct scene *scene = scene_of(task);

    node__epmd_release(scene->keeper);
    scene->keeper = NULL;
    bump(&scene->done);
}

static void on_found(void *ctx, enum agner_err err,
                     const struct node__epmd_node *node, const char *text)
{
    struct scene *scene = ctx;

    (void)text;
    scene->err = err;
    if (err == AGNER_OK)
        scene->found = *node;
    bump(&scene->done);
}

static void do_look_up(struct rt_task *task)
{
    struct scene *scene = scene_of(task);

    scene->err = node__epmd_look_up(rt_world_real(), scene->loop, &scene->epmd,
                                    scene->node.name, LOOK_UP_MS, on_found,
                                    scene, &scene->lookup, NULL);
    if (scene->err != AGNER_OK)
        bump(&scene->done);
}

static void do_look_up_and_cancel(struct rt_task *task)
{
    struct scene *scene = scene_of(task);

    do_look_up(task);
    node__epmd_look_up_cancel(scene->lookup);
    bump(&scene->registered);
}

static void scene_init(struct scene *scene, uint16_t port, const char *name)
{
    memset(scene, 0, sizeof *scene);
    scene->epmd.kind = RT_ADDRESS_TCP;
    scene->epmd.port = port;
    (void)snprintf(scene->epmd.host, sizeof scene->epmd.host, "127.0.0.1");
    scene->node = (struct node__epmd_node){
        .port = 1234, .type = 77, .high = 6, .low = 5
    };
    (void)snprintf(scene->node.name, sizeof scene->node.name, "%s", name);
    assert_int_equal(rt_world_real()->net->loop_new(rt_world_real(), "test",
                                                    &scene->loop, NULL),
                     AGNER_OK);
}

static void scene_run(struct scene *scene, void (*run)(struct rt_task *task))
{
    scene->task.run = run;
    rt_world_real()->net->post(scene->loop, &scene->task);
}

static void scene_fini(struct scene *scene)
{
    uint32_t done = load_acquire(&scene->done);

    scene_run(scene, do_release);
    wait_for(&scene->done, done + 1);
    rt_world_real()->net->loop_free(scene->loop);
}

static void a_node_registers_is_found_and_forgotten(void **state)
{
    struct node_epmd_server *server = epmd_serve(0);
    struct node_epmd_entry entries[4];
    size_t count = 4;
    struct scene scene;

    (void)state;
    scene_init(&scene, node_epmd_port(server), "we");
    scene_run(&scene, do_register);
    wait_for(&scene.registered, 1);
    assert_int_not_equal(scene.creation, 0);
    scene_run(&scene, do_look_up);
    wait_for(&scene.done, 1);
    assert_int_equal(scene.err, AGNER_OK);
    assert_int_equal(scene.found.port, 1234);
    assert_string_equal(scene.found.name, "we");
    assert_int_equal(node_epmd_names(rt_world_real(), "127.0.0.1",
                                     node_epmd_port(server), 5000, entries,
                                     &count, NULL),
                     AGNER_OK);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].name, "we");
    scene_run(&scene, do_release);
    wait_for(&scene.done, 2);
    epmd_wait_until_gone(node_epmd_port(server), "we");
    scene_run(&scene, do_look_up);
    wait_for(&scene.done, 3);
    assert_int_equal(scene.err, AGNER_ENONAME);
    scene_fini(&scene);
    node_epmd_stop(server);
}

static void a_cancelled_look_up_is_silent(void **state)
{
    struct node_epmd_server *server = epmd_serve(0);
    struct scene scene;

    (void)state;
    scene_init(&scene, node_epmd_port(server), "we");
    scene_run(&scene, do_look_up_and_cancel);
    wait_for(&scene.registered, 1);
    scene_fini(&scene);
    assert_int_equal(load_acquire(&scene.done), 1); /* of the release */
    node_epmd_stop(server);
}

/* B-EPM-3: refused; a name that another node has. */
static void
B_EPM_3_a_failure_comes_with_its_reason_and_another_try(void **state)
{
    struct node_epmd_server *server = epmd_serve(0);
    struct scene first, second;

    (void)state;
    scene_init(&first, node_epmd_port(server), "same");
    scene_init(&second, node_epmd_port(server), "same");
    scene_run(&first, do_register);
    wait_for(&first.registered, 1);
    scene_run(&second, do_register);
    wait_for(&second.failures, 1);
    assert_int_equal(second.err, AGNER_ETAKEN);
    scene_fini(&first);
    wait_for(&second.registered, 1); /* a second later */
    scene_fini(&second);
    node_epmd_stop(server);
}

/* B-EPM-4 */
static void B_EPM_4_registers_again_when_epmd_is_back(void **state)
{
    uint16_t port = loopback_port();
    struct node_epmd_server *server = epmd_serve(port);
    struct scene scene;

    (void)state;
    scene_init(&scene, port, "we");
    scene_run(&scene, do_register);
    wait_for(&scene.registered, 1);
    node_epmd_stop(server);
    wait_for(&scene.failures, 1);
    assert_int_equal(scene.err, AGNER_ENOCONN);
    server = epmd_serve(port);
    wait_for(&scene.registered, 2);
    scene_fini(&scene);
    node_epmd_stop(server);
}

/* What a node in automatic mode does. */
static void whoever_finds_no_epmd_may_bring_one(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, loopback_port(), "we");
    scene.start_server = true;
    scene_run(&scene, do_register);
    wait_for(&scene.registered, 1);
    assert_int_equal(load_acquire(&scene.failures), 1);
    assert_non_null(scene.server);
    scene_fini(&scene);
    node_epmd_stop(scene.server);
}

/* B-EPM-3: an epmd that takes connections and says nothing, or the wrong thing.
 */
static void B_EPM_3_a_look_up_at_a_bad_epmd_fails(void **state)
{
    static const struct {
        const char *answer;
        size_t size;
        enum agner_err err;
    } cases[] = {
        { "w\0\x10", 3, AGNER_EPROTO },
        { "HTTP/1.1 400 Bad Request\r\n", 26, AGNER_EPROTO },
        { "", 0, AGNER_EPROTO },
        { NULL, 0, AGNER_ETIMEOUT },
    };
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct scene scene;
    uint32_t i;

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(loopback_port());
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size),
                     0);
    scene_init(&scene, ntohs(address.sin_port), "we");
    for (i = 0; i < 4; i++) {
        int fd;

        scene_run(&scene, do_look_up);
        fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        if (cases[i].answer != NULL) {
            uint8_t request[5];

            assert_int_equal(epmd_hear(fd, request, 5), 5);
            epmd_say(fd, cases[i].answer, cases[i].size);
            (void)close(fd);
        }
        wait_for(&scene.done, i + 1);
        assert_int_equal(scene.err, cases[i].err);
        if (cases[i].answer == NULL)
            (void)close(fd);
    }
    (void)close(listener);
    scene_run(&scene, do_look_up);
    wait_for(&scene.done, 5);
    assert_int_equal(scene.err, AGNER_ENOCONN);
    scene_fini(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_EPM_3_says_what_is_wrong_with_an_answer),
        cmocka_unit_test(reads_the_lines_of_a_names_answer),
        cmocka_unit_test(a_node_registers_is_found_and_forgotten),
        cmocka_unit_test(a_cancelled_look_up_is_silent),
        cmocka_unit_test(
            B_EPM_3_a_failure_comes_with_its_reason_and_another_try),
        cmocka_unit_test(B_EPM_4_registers_again_when_epmd_is_back),
        cmocka_unit_test(whoever_finds_no_epmd_may_bring_one),
        cmocka_unit_test(B_EPM_3_a_look_up_at_a_bad_epmd_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
