/*
 * epmd: the recorded requests and answers of the real one against ours, over
 * real sockets; our client against our server; and what neither may be broken
 * by (B-EPM-1 to B-EPM-4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <agner/node.h>
#include <atomic.h>
#include <epmd_client.h>
#include <epmd_proto.h>
#include <epmd_server.h>

#include "../json_doc.h"

#define DEADLINE_MS 10000

static struct node_epmd_server *serve(uint16_t port)
{
    struct node_epmd_server *server;
    struct agner_error error;

    if (node_epmd_serve(rt_world_real(), "127.0.0.1", port, &server, &error) !=
        AGNER_OK)
        fail_msg("%s", error.text);
    return server;
}

/* ---- A client of bare bytes -------------------------------------------------
 */

/* A connection, or -1 when nobody listens. */
static int dial_or_not(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static int dial(uint16_t port)
{
    int fd = dial_or_not(port);

    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Reads until `size` bytes are there, or the end. */
static size_t hear(int fd, uint8_t *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        ssize_t got;

        assert_int_equal(poll(&poller, 1, DEADLINE_MS), 1);
        got = recv(fd, bytes + have, size - have, 0);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static void assert_closed(int fd)
{
    uint8_t byte;

    assert_int_equal(hear(fd, &byte, 1), 0);
    (void)close(fd);
}

/* Waits until the server knows of a connection's end: the name is free. */
static void wait_until_gone(uint16_t port, const char *name)
{
    unsigned tries;

    for (tries = 0; tries < 100000; tries++) {
        struct etf_buffer ask = { 0 };
        uint8_t answer[300];
        int fd = dial(port);

        assert_int_equal(node__epmd_ask_port(&ask, name), AGNER_OK);
        say(fd, ask.data, ask.size);
        etf_buffer_fini(&ask);
        assert_true(hear(fd, answer, sizeof answer) >= 2);
        (void)close(fd);
        if (answer[1] != 0)
            return;
    }
    fail_msg("%s is still registered", name);
}

/* ---- The recording
 * ------------------------------------------------------------ */

/* Creations come from the clock, and the file descriptors of a dump and the
 * port in front of a list are the server's own. Both sides get the same ones.
 */
static void make_equal(uint8_t *a, size_t a_size, uint8_t *b, size_t b_size)
{
    if (a_size == b_size && a_size == 6 && a[0] == 118 && a[1] == 0)
        memcpy(a + 2, b + 2, 4);
    if (a_size == b_size && a_size == 4 && a[0] == 121 && a[1] == 0) {
        assert_in_range(a[3], 1, 3);
        memcpy(a + 2, b + 2, 2);
    }
    if (a_size >= 4 && b_size >= 4 && a[0] == 0 && b[0] == 0)
        memcpy(a, b, 4);
}

/* A dump without its descriptors. */
static size_t without_fds(uint8_t *bytes, size_t size)
{
    size_t from, to = 0;

    for (from = 0; from < size; from++) {
        bytes[to++] = bytes[from];
        if (to >= 5 && memcmp(bytes + to - 5, "fd = ", 5) == 0)
            while (from + 1 < size && bytes[from + 1] >= '0' &&
                   bytes[from + 1] <= '9')
                from++;
    }
    return to;
}

/* Steps that ours answers otherwise, and why. */
static bool is_different(const char *note)
{
    /* STOP is not granted to anybody. */
    return strncmp(note, "STOP_REQ", 8) == 0 ||
           strcmp(note, "NAMES_REQ after STOP_REQ") == 0 ||
           /* Nor is KILL while nodes are alive, which is the later step. */
           strncmp(note, "KILL_REQ: answers OK", 20) == 0 ||
           /* Sent where the step before has ended the connection. */
           strncmp(note, "PORT_PLEASE2_REQ on a", 21) == 0 ||
           /* The real one does not look up the longest name that it takes. */
           strcmp(note, "PORT_PLEASE2_REQ xxxxxxxxxx") == 0;
}

struct recorded_step {
    uint8_t *request, *response;
    size_t request_size, response_size;
    bool closed;
    const char *note;
};

/* Registrations are held open in `fds`, and the recording's re-registrations
 * need the earlier ones: a request on a registered connection is one that ends
 * it. */
static void replay_step(uint16_t port, const struct recorded_step *step,
                        int *held)
{
    uint8_t *answer = calloc(1, 8192);
    size_t size, expected = step->response_size;
    int fd;

    if (strncmp(step->note, "a second ALIVE2_REQ", 19) == 0) {
        fd = held[0];
        held[0] = -1;
    } else {
        fd = dial(port);
    }
    say(fd, step->request, step->request_size);
    /* A request that lies about its length only ends with the connection's
     * time. */
    size = hear(fd, answer, step->closed ? 8192 : step->response_size);
    make_equal(answer, size, step->response, expected);
    size = without_fds(answer, size);
    expected = without_fds(step->response, expected);
    if (size != expected || memcmp(answer, step->response, size) != 0)
        fail_msg("%s: %zu bytes, expected %zu", step->note, size, expected);
    if (step->closed) {
        assert_closed(fd);
    } else if (answer[1] == 0) {
        unsigned i = 0;

        while (held[i] >= 0)
            i++;
        held[i] = fd;
    } else {
        (void)close(fd);
    }
    free(answer);
}

static void answers_each_recorded_request_as_the_real_one(void **state)
{
    struct json_doc *doc = json_doc_open(VECTORS "/epmd.json");
    const struct json_value *s = json_get(json_doc_root(doc), "steps")->first;
    struct node_epmd_server *server = serve(0);
    int held[32];
    unsigned i, replayed = 0;

    (void)state;
    memset(held, -1, sizeof held);
    for (; s != NULL; s = s->next) {
        struct recorded_step step = { .note = json_get_text(s, "note"),
                                      .closed = json_get_number(
                                                    s, "closed_by_epmd") != 0 };

        if (json_get_text(s, "request") == NULL || is_different(step.note))
            continue;
        step.request =
            json_doc_hex(json_get_text(s, "request"), &step.request_size);
        step.response =
            json_doc_hex(json_get_text(s, "response"), &step.response_size);
        if (strncmp(step.note, "PORT_PLEASE2_REQ after", 22) == 0)
            wait_until_gone(node_epmd_port(server), "one");
        replay_step(node_epmd_port(server), &step, held);
        replayed++;
        free(step.request);
        free(step.response);
    }
    assert_int_equal(replayed, 30); /* of 37; is_different() has the others */
    for (i = 0; i < 32; i++)
        if (held[i] >= 0)
            (void)close(held[i]);
    node_epmd_stop(server);
    json_doc_close(doc);
}

/* ---- The book
 * ------------------------------------------------------------------- */

static enum node__epmd_next ask(struct node__epmd_book *book, uint64_t owner,
                                bool local, const void *body, size_t size,
                                struct etf_buffer *out)
{
    out->size = 0;
    return node__epmd_answer(book, owner, local, body, size, out);
}

static enum node__epmd_next enlist(struct node__epmd_book *book, uint64_t owner,
                                   const char *name, uint32_t *creation,
                                   struct etf_buffer *out)
{
    struct node__epmd_node node = {
        .port = 4000, .type = 77, .high = 6, .low = 5
    };
    struct etf_buffer request = { 0 };
    enum node__epmd_next next;

    (void)snprintf(node.name, sizeof node.name, "%s", name);
    assert_int_equal(node__epmd_ask_alive(&request, &node), AGNER_OK);
    next = ask(book, owner, true, request.data + 2, request.size - 2, out);
    etf_buffer_fini(&request);
    if (next == NODE__EPMD_HOLD)
        assert_int_equal(
            node__epmd_alive_answer(out->data, out->size, creation, NULL),
            AGNER_OK);
    return next;
}

static void each_life_of_a_name_has_another_creation(void **state)
{
    struct node__epmd_book book = { .now = 1000000 };
    struct etf_buffer out = { 0 };
    uint32_t first, second;
    unsigned i;

    (void)state;
    assert_int_equal(enlist(&book, 1, "x", &first, &out), NODE__EPMD_HOLD);
    assert_int_equal(first, 1000000);
    assert_int_equal(enlist(&book, 2, "x", &second, &out), NODE__EPMD_KEEP);
    assert_int_equal(node__epmd_alive_answer(out.data, out.size, &second, NULL),
                     AGNER_ETAKEN);
    for (i = 1; i < 20; i++) {
        node__epmd_gone(&book, i);
        assert_int_equal(enlist(&book, i + 1, "x", &second, &out),
                         NODE__EPMD_HOLD);
        assert_int_equal(second, first + i);
    }
    assert_int_equal(book.count, 1);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* B-EPM-1, spec/reliability.md 4.1 */
static void holds_1024_names_and_as_many_old_ones(void **state)
{
    struct node__epmd_book book = { .now = 5 };
    struct etf_buffer out = { 0 };
    uint32_t creation;
    unsigned i, round;
    char name[32];

    (void)state;
    for (round = 0; round < 4; round++) {
        for (i = 0; i < NODE__EPMD_NODES_MAX; i++) {
            (void)snprintf(name, sizeof name, "n%u_%u", round, i);
            assert_int_equal(enlist(&book, i + 1, name, &creation, &out),
                             NODE__EPMD_HOLD);
        }
        assert_int_equal(enlist(&book, 9999, "more", &creation, &out),
                         NODE__EPMD_KEEP);
        for (i = 0; i < NODE__EPMD_NODES_MAX; i++)
            node__epmd_gone(&book, i + 1);
        assert_int_equal(book.active, 0);
        assert_in_range(book.count, 1024, 2048);
    }
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* B-EPM-1: from elsewhere only look-up and names. */
static void grants_nothing_but_look_ups_from_outside(void **state)
{
    struct node__epmd_book book = { .now = 5 };
    struct etf_buffer out = { 0 };
    uint32_t creation;

    (void)state;
    assert_int_equal(enlist(&book, 1, "x", &creation, &out), NODE__EPMD_HOLD);
    assert_int_equal(ask(&book, 2, false, "zx", 2, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 15);
    assert_int_equal(ask(&book, 2, false, "n", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 4 + 20);
    assert_int_equal(ask(&book, 2, false, "d", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(ask(&book, 2, false, "k", 1, &out), NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(
        ask(&book, 2, false, "x\1\1M\0\0\6\0\5\0\1y\0\0", 14, &out),
        NODE__EPMD_CLOSE);
    assert_int_equal(out.size, 0);
    assert_int_equal(ask(&book, 2, true, "k", 1, &out), NODE__EPMD_CLOSE);
    assert_memory_equal(out.data, "NO", 2);
    node__epmd_gone(&book, 1);
    assert_int_equal(ask(&book, 2, false, "zx", 2, &out), NODE__EPMD_CLOSE);
    assert_memory_equal(out.data, "w\1", 2);
    assert_int_equal(ask(&book, 2, true, "k", 1, &out), NODE__EPMD_EXIT);
    assert_memory_equal(out.data, "OK", 2);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

static void lists_old_names_in_a_dump_only(void **state)
{
    struct node__epmd_book book = { .now = 5, .port = 4369 };
    struct etf_buffer out = { 0 };
    uint32_t creation;

    (void)state;
    (void)enlist(&book, 7, "x", &creation, &out);
    (void)enlist(&book, 8, "y", &creation, &out);
    node__epmd_gone(&book, 7);
    (void)ask(&book, 9, true, "n", 1, &out);
    assert_int_equal(out.size, 4 + 20);
    assert_memory_equal(out.data, "\0\0\x11\x11name y at port 4000\n", 24);
    (void)ask(&book, 9, true, "d", 1, &out);
    assert_int_equal(out.size, 4 + 42 + 43);
    assert_memory_equal(out.data + 4,
                        "active name     <y> at port 4000, fd = 8\n\0"
                        "old/unused name <x>, port = 4000, fd = 0 \n",
                        42 + 43);
    node__epmd_book_fini(&book);
    etf_buffer_fini(&out);
}

/* ---- Answers, as a client reads them
 * --------------------------------------------- */

/* B-EPM-3 */
static void says_what_is_wrong_with_an_answer(void **state)
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
        world->now_ns(world->ctx) + DEADLINE_MS * UINT64_C(1000000);

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
                                    scene->node.name, 300, on_found, scene,
                                    &scene->lookup, NULL);
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
    struct node_epmd_server *server = serve(0);
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
    wait_until_gone(node_epmd_port(server), "we");
    scene_run(&scene, do_look_up);
    wait_for(&scene.done, 3);
    assert_int_equal(scene.err, AGNER_ENONAME);
    scene_fini(&scene);
    node_epmd_stop(server);
}

static void a_cancelled_look_up_is_silent(void **state)
{
    struct node_epmd_server *server = serve(0);
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
static void a_failure_comes_with_its_reason_and_another_try(void **state)
{
    struct node_epmd_server *server = serve(0);
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
static void D_45_registers_again_when_epmd_is_back(void **state)
{
    struct node_epmd_server *server = serve(0);
    uint16_t port = node_epmd_port(server);
    struct scene scene;

    (void)state;
    scene_init(&scene, port, "we");
    scene_run(&scene, do_register);
    wait_for(&scene.registered, 1);
    node_epmd_stop(server);
    wait_for(&scene.failures, 1);
    assert_int_equal(scene.err, AGNER_ENOCONN);
    server = serve(port);
    wait_for(&scene.registered, 2);
    scene_fini(&scene);
    node_epmd_stop(server);
}

/* What a node in automatic mode does. */
static void whoever_finds_no_epmd_may_bring_one(void **state)
{
    struct node_epmd_server *server = serve(0);
    struct scene scene;

    (void)state;
    scene_init(&scene, node_epmd_port(server), "we");
    node_epmd_stop(server); /* its port is free now */
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
static void a_look_up_at_a_bad_epmd_fails(void **state)
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

            assert_int_equal(hear(fd, request, 5), 5);
            say(fd, cases[i].answer, cases[i].size);
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

/* ---- Hostile guests
 * ----------------------------------------------------------------- */

/* B-EPM-1 */
static void closes_on_requests_that_are_none(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        { "\0\0", 2 },
        { "\0\1q", 3 },
        { "\0\1z", 3 },
        { "\xff\xffn", 3 },
        { "\x0b\xb9n", 3 }, /* 3,001 bytes */
        { "\0\1nn", 4 },    /* one byte too many */
        { "\0\1n\0\1n", 6 },
        { "\0\5szzzz", 7 },
        { "\0\xdx\1\1M\0\0\6\0\5\0\0\0\0", 15 },      /* name of no bytes */
        { "\0\xex\1\1M\0\0\6\0\5\0\1x\xff\xff", 16 }, /* extra of 64 KiB */
        { "\0\xex\1\1M\0\0\6\0\5\1\1x\0\0", 16 },
        { "GET / HTTP/1.1\r\n\r\n", 18 },
    };
    struct node_epmd_server *server = serve(0);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = dial(node_epmd_port(server));

        say(fd, cases[i].bytes, cases[i].size);
        assert_closed(fd);
    }
    node_epmd_stop(server);
}

/* B-EPM-2: the oldest idle ones give way, registrations don't. */
static void idle_connections_do_not_keep_others_out(void **state)
{
    enum { IDLE = 300 };
    static const char alive[] = "\0\xex\1\1M\0\0\6\0\5\0\1x\0";
    struct node_epmd_server *server = serve(0);
    int registered = dial(node_epmd_port(server)), fds[IDLE], i;
    uint8_t answer[64];

    (void)state;
    say(registered, alive, 16);
    assert_int_equal(hear(registered, answer, 6), 6);
    for (i = 0; i < IDLE; i++) {
        fds[i] = dial(node_epmd_port(server));
        say(fds[i], "\0", 1); /* slow bytes */
    }
    i = dial(node_epmd_port(server));
    say(i, "\0\1n", 3);
    assert_int_equal(hear(i, answer, sizeof answer), 4 + 19);
    (void)close(i);
    /* 301 were too many by 45, and those were the oldest. */
    for (i = 0; i < IDLE - 256; i++) {
        struct pollfd poller = { .fd = fds[i], .events = POLLIN };

        /* At once, and not because it was idle for long. */
        assert_int_equal(poll(&poller, 1, NODE__EPMD_IDLE_MS / 2), 1);
        assert_closed(fds[i]);
    }
    /* The newest is still listened to. */
    say(fds[IDLE - 1], "\1n", 2);
    assert_int_equal(hear(fds[IDLE - 1], answer, sizeof answer), 4 + 19);
    for (; i < IDLE; i++)
        (void)close(fds[i]);
    (void)close(registered);
    node_epmd_stop(server);
}

static void ends_when_killed_from_this_machine(void **state)
{
    struct node_epmd_server *server = serve(0);
    uint16_t port = node_epmd_port(server);
    uint8_t answer[8];
    int fd = dial(port), late;
    unsigned tries;

    (void)state;
    say(fd, "\0\1k", 3);
    assert_int_equal(hear(fd, answer, sizeof answer), 2);
    assert_memory_equal(answer, "OK", 2);
    (void)close(fd);
    for (tries = 0; !node_epmd_ended(server) && tries < 1000000; tries++) {
        late = dial_or_not(port);
        if (late >= 0)
            (void)close(late);
    }
    assert_true(node_epmd_ended(server));
    node_epmd_stop(server);
}

/* B-EPM-1: whatever is said on the connection of a registration ends it. */
static void a_word_on_a_registered_connection_ends_it(void **state)
{
    static const char alive[] = "\0\xex\1\1M\0\0\6\0\5\0\1x\0";
    static const struct {
        const char *bytes;
        size_t size;
    } words[] = { { alive, 16 }, { "\0\2zx", 4 }, { "\0", 1 } };
    struct node_epmd_server *server = serve(0);
    uint8_t answer[6];
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        int fd = dial(node_epmd_port(server));

        say(fd, alive, 16);
        assert_int_equal(hear(fd, answer, 6), 6);
        say(fd, words[i].bytes, words[i].size);
        assert_closed(fd);
        wait_until_gone(node_epmd_port(server), "x");
    }
    node_epmd_stop(server);
}

static void two_servers_do_not_share_a_port(void **state)
{
    struct node_epmd_server *server = serve(0), *other;
    struct agner_error error;

    (void)state;
    assert_int_equal(node_epmd_serve(rt_world_real(), "127.0.0.1",
                                     node_epmd_port(server), &other, &error),
                     AGNER_ETAKEN);
    node_epmd_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_recorded_request_as_the_real_one),
        cmocka_unit_test(each_life_of_a_name_has_another_creation),
        cmocka_unit_test(holds_1024_names_and_as_many_old_ones),
        cmocka_unit_test(grants_nothing_but_look_ups_from_outside),
        cmocka_unit_test(lists_old_names_in_a_dump_only),
        cmocka_unit_test(says_what_is_wrong_with_an_answer),
        cmocka_unit_test(reads_the_lines_of_a_names_answer),
        cmocka_unit_test(a_node_registers_is_found_and_forgotten),
        cmocka_unit_test(a_cancelled_look_up_is_silent),
        cmocka_unit_test(a_failure_comes_with_its_reason_and_another_try),
        cmocka_unit_test(D_45_registers_again_when_epmd_is_back),
        cmocka_unit_test(whoever_finds_no_epmd_may_bring_one),
        cmocka_unit_test(a_look_up_at_a_bad_epmd_fails),
        cmocka_unit_test(closes_on_requests_that_are_none),
        cmocka_unit_test(idle_connections_do_not_keep_others_out),
        cmocka_unit_test(ends_when_killed_from_this_machine),
        cmocka_unit_test(a_word_on_a_registered_connection_ends_it),
        cmocka_unit_test(two_servers_do_not_share_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
