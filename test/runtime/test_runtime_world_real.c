/*
 * test_runtime_world_real.c -- the operating system behind rt_world.h.
 *
 * The contract that it shares with the simulated world, and what only a real
 * system has: threads, socket files, files, descriptors that run out.
 *
 * Built twice: WORLD_OS_FALLBACK is 1 with world_os_posix.c, which knows
 * neither the kernel's numbers of threads nor who is at the other end of a
 * socket.
 */
#include "world_contract.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/agner-world-XXXXXX";
static struct place place;

static void in_directory(char *path, size_t size, const char *name)
{
    (void)snprintf(path, size, "%s/%s", directory, name);
}

/* ---- Threads ------------------------------------------------------------ */

#define TURNS 20000u

/* Two threads count in turns: each waits for the other's number. */
struct turns {
    _Atomic uint32_t number;
    uint32_t parity;
    const struct rt_world *world;
};

static void take_turns(struct turns *turns, uint32_t parity)
{
    const struct rt_world *world = turns->world;
    uint32_t now;

    while ((now = atomic_load(&turns->number)) < TURNS) {
        if (now % 2 != parity) {
            world->wait(world->ctx, &turns->number, now, RT_NEVER);
            continue;
        }
        atomic_store(&turns->number, now + 1);
        world->wake(world->ctx, &turns->number, 1);
    }
}

static void take_odd_turns(void *arg)
{
    take_turns(arg, 1);
}

/* No wake-up is lost: else both would sleep for ever. */
static void a_wake_reaches_who_waits(void **state)
{
    const struct rt_world *world = rt_world_real();
    struct turns turns = { .world = world };
    struct rt_thread *thread;

    (void)state;
    assert_int_equal(world->thread_start(world->ctx, "odd-turns",
                                         take_odd_turns, &turns, &thread),
                     AGNER_OK);
    assert_int_equal(world->thread_id(world->ctx, thread) == 0,
                     WORLD_OS_FALLBACK);
    take_turns(&turns, 0);
    world->thread_join(world->ctx, thread);
    assert_int_equal(atomic_load(&turns.number), TURNS);
}

#define POSTERS 4u
#define POSTS   5000u

struct posting;

struct posted {
    struct rt_task task;
    struct posting *from;
};

struct posting {
    struct scene *scene;
    struct posted *posted;
    unsigned ran; /* on the loop's thread */
};

static void run_posted(struct rt_task *task)
{
    struct posted *posted = (struct posted *)task;
    struct posting *from = posted->from;

    EXPECT(from->scene, posted == &from->posted[from->ran]);
    from->ran++;
}

static void post_many(void *arg)
{
    struct posting *posting = arg;
    unsigned i;

    for (i = 0; i < POSTS; i++) {
        posting->posted[i].task.run = run_posted;
        posting->posted[i].from = posting;
        posting->scene->net->post(posting->scene->loop,
                                  &posting->posted[i].task);
    }
}

static void posts_of_each_thread_run_in_order(void **state)
{
    const struct rt_world *world = rt_world_real();
    struct scene scene;
    struct posting posting[POSTERS];
    struct rt_thread *threads[POSTERS];
    unsigned i;

    (void)state;
    scene_open(&scene, &place);
    for (i = 0; i < POSTERS; i++) {
        posting[i] = (struct posting){ .scene = &scene };
        posting[i].posted = calloc(POSTS, sizeof(struct posted));
        assert_non_null(posting[i].posted);
        assert_int_equal(world->thread_start(world->ctx, "poster", post_many,
                                             &posting[i], &threads[i]),
                         AGNER_OK);
    }
    for (i = 0; i < POSTERS; i++)
        world->thread_join(world->ctx, threads[i]);
    scene_close(&scene);
    for (i = 0; i < POSTERS; i++) {
        assert_int_equal(posting[i].ran, POSTS);
        free(posting[i].posted);
    }
}

/* ---- Dialling into silence ---------------------------------------------- */

/* A socket that listens and never accepts; once its queue is full, further
 * dials hear nothing. */
static int listen_in_silence(struct rt_address *address)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *address = (struct rt_address){ .kind = RT_ADDRESS_TCP,
                                    .host = "127.0.0.1",
                                    .port = ntohs(name.sin_port) };
    return fd;
}

static bool any_closed(void *arg)
{
    struct end **ends = arg;

    return ends[0]->closed + ends[1]->closed + ends[2]->closed > 0;
}

static void a_dial_gives_up_at_its_deadline(void **state)
{
    struct scene scene;
    struct rt_address address;
    struct end *ends[3];
    int fd = listen_in_silence(&address);
    unsigned i, timed_out = 0;

    (void)state;
    scene_open(&scene, &place);
    for (i = 0; i < 3; i++) {
        ends[i] = end_new(&scene);
        end_dial(ends[i], &address, 50);
    }
    scene_await(&scene, any_closed, ends);
    for (i = 0; i < 3; i++)
        timed_out += ends[i]->closed == 1 && ends[i]->why == AGNER_ETIMEOUT &&
                     ends[i]->opened == 0;
    assert_true(timed_out > 0);
    scene_close(&scene);
    for (i = 0; i < 3; i++)
        free(ends[i]);
    (void)close(fd);
}

/* ---- Listening ---------------------------------------------------------- */

struct attempt {
    struct rt_address address;
    enum agner_err err;
    struct agner_error error;
};

static void no_accept(void *ctx, struct rt_listener *listener,
                      struct rt_conn *conn, const struct rt_address *from)
{
    const struct scene *scene = ctx;

    (void)listener;
    (void)from;
    scene->net->close(conn, false);
}

static void try_listen(struct scene *scene, void *arg)
{
    struct attempt *attempt = arg;
    struct rt_listen_owner owner = { .ctx = scene, .accepted = no_accept };
    struct rt_listener *listener;

    attempt->err = scene->net->listen(scene->loop, &attempt->address, &owner,
                                      &listener, NULL, &attempt->error);
}

static void expect_listen(const struct rt_address *address, enum agner_err err)
{
    struct scene scene;
    struct attempt attempt = { .address = *address };

    scene_open(&scene, &place);
    scene_run(&scene, try_listen, &attempt);
    assert_int_equal(attempt.err, err);
    if (err != AGNER_OK) {
        assert_int_equal(attempt.error.code, err);
        assert_non_null(strstr(attempt.error.text, address->host));
    }
    scene_close(&scene);
}

static void impossible_listeners_are_refused(void **state)
{
    static const struct rt_address not_ours = { .kind = RT_ADDRESS_TCP,
                                                .host = "192.0.2.1" };
    static const struct rt_address no_name = { .kind = RT_ADDRESS_TCP,
                                               .host = "no-such-host.invalid" };
    static const struct rt_address no_folder = { .kind = RT_ADDRESS_UNIX,
                                                 .host = "/no/such/folder/s" };
    struct rt_address too_long = { .kind = RT_ADDRESS_UNIX };

    (void)state;
    memset(too_long.host, 'x', 120);
    expect_listen(&not_ours, AGNER_ESYSTEM);
    expect_listen(&no_name, AGNER_ENONAME);
    expect_listen(&no_folder, AGNER_ESYSTEM);
    expect_listen(&too_long, AGNER_EINVAL);
}

/* What a program that was killed leaves behind. */
static int leave_socket_file(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void a_stale_socket_file_is_replaced(void **state)
{
    struct rt_address address = { .kind = RT_ADDRESS_UNIX };
    struct scene scene;
    struct server server = { .accepted = 0 };
    struct end *end;
    struct stat about;

    (void)state;
    in_directory(address.host, sizeof address.host, "stale");
    (void)close(leave_socket_file(address.host));
    scene_open(&scene, &place);
    server_start(&server, &scene, &address);
    assert_int_equal(stat(address.host, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    end = end_new(&scene);
    end_dial(end, &address, 0);
    scene_await(&scene, end_is_open, end);
    scene_close(&scene);
    /* The file ends with its listener. */
    assert_int_equal(stat(address.host, &about), -1);
    free(end);
}

static void a_served_socket_file_is_not_replaced(void **state)
{
    struct rt_address address = { .kind = RT_ADDRESS_UNIX };
    struct stat before, after;
    int fd;

    (void)state;
    in_directory(address.host, sizeof address.host, "served");
    fd = leave_socket_file(address.host);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(stat(address.host, &before), 0);
    expect_listen(&address, AGNER_ETAKEN);
    assert_int_equal(stat(address.host, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    (void)close(fd);
    (void)unlink(address.host);
}

static void a_file_that_is_no_socket_is_not_replaced(void **state)
{
    struct rt_address address = { .kind = RT_ADDRESS_UNIX };
    struct stat about;
    int fd;

    (void)state;
    in_directory(address.host, sizeof address.host, "precious");
    fd = open(address.host, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    expect_listen(&address, AGNER_ETAKEN);
    assert_int_equal(stat(address.host, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    (void)unlink(address.host);
}

/* ---- Descriptors that run out ------------------------------------------- */

struct poor {
    struct server server;
    unsigned refused;
};

static void on_refused(void *ctx, struct rt_listener *listener,
                       const char *text)
{
    struct poor *poor = ctx;

    (void)listener;
    EXPECT(poor->server.scene, text[0] != '\0');
    poor->refused++;
    scene_event(poor->server.scene);
}

static void accept_and_close(void *ctx, struct rt_listener *listener,
                             struct rt_conn *conn,
                             const struct rt_address *from)
{
    struct poor *poor = ctx;

    (void)listener;
    (void)from;
    poor->server.accepted++;
    poor->server.scene->net->close(conn, false);
    scene_event(poor->server.scene);
}

static void listen_poorly(struct scene *scene, void *arg)
{
    struct poor *poor = arg;
    struct rt_listen_owner owner = { .ctx = poor,
                                     .accepted = accept_and_close,
                                     .refused = on_refused };

    EXPECT(scene, scene->net->listen(scene->loop, &scene->place->tcp, &owner,
                                     &poor->server.listener,
                                     &poor->server.address, NULL) == AGNER_OK);
}

static bool was_refused(void *arg)
{
    return ((struct poor *)arg)->refused > 0;
}

static bool was_accepted(void *arg)
{
    return ((struct poor *)arg)->server.accepted > 0;
}

/* Nothing is lost and nothing spins: what waits is taken once there is room. */
static void accepting_pauses_without_descriptors(void **state)
{
    struct scene scene;
    struct poor poor = { .server = { .scene = &scene } };
    struct sockaddr_in name = { .sin_family = AF_INET };
    struct rlimit limit, none;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_true(fd >= 0);
    scene_open(&scene, &place);
    scene_run(&scene, listen_poorly, &poor);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(poor.server.address.port);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    scene_await(&scene, was_refused, &poor);
    assert_int_equal(poor.server.accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    scene_await(&scene, was_accepted, &poor);
    scene_close(&scene);
    (void)close(fd);
}

/* ---- Files -------------------------------------------------------------- */

static enum agner_err read_file(const char *name, size_t bytes_max,
                                struct etf_buffer *b)
{
    const struct rt_world *world = rt_world_real();
    struct agner_error error = { .text = "" };
    char path[300];
    enum agner_err err;

    in_directory(path, sizeof path, name);
    err = world->file_read(world->ctx, path, bytes_max, b, &error);
    if (err != AGNER_OK)
        assert_non_null(strstr(error.text, path));
    return err;
}

static void write_file(const char *name, size_t size)
{
    char path[300];
    FILE *file;
    size_t i;

    in_directory(path, sizeof path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    for (i = 0; i < size; i++)
        assert_true(fputc(pattern_byte(i), file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static void files_are_read_up_to_a_limit(void **state)
{
    static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 100000 };
    size_t i, each;

    (void)state;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct etf_buffer b = { .data = NULL };

        write_file("file", sizes[i]);
        assert_int_equal(etf_buffer_add(&b, "abc", 3), AGNER_OK);
        assert_int_equal(read_file("file", sizes[i], &b), AGNER_OK);
        assert_int_equal(b.size, 3 + sizes[i]);
        for (each = 0; each < sizes[i]; each++)
            assert_int_equal(b.data[3 + each], pattern_byte(each));
        if (sizes[i] > 0) {
            assert_int_equal(read_file("file", sizes[i] - 1, &b), AGNER_ELIMIT);
            assert_int_equal(b.size, 3 + sizes[i]);
        }
        etf_buffer_fini(&b);
    }
}

/* B-CFG-1 */
static void what_is_no_readable_file_is_an_error(void **state)
{
    struct etf_buffer b = { .data = NULL };
    char path[300];

    (void)state;
    assert_int_equal(read_file("missing", 10, &b), AGNER_ENONAME);
    assert_int_equal(read_file("file/below", 10, &b), AGNER_ENONAME);
    assert_int_equal(read_file("", 10, &b), AGNER_ESYSTEM); /* the folder */
    in_directory(path, sizeof path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_file("pipe", 10, &b), AGNER_ESYSTEM);
    assert_int_equal(b.size, 0);
    etf_buffer_fini(&b);
    (void)unlink(path);
    in_directory(path, sizeof path, "file");
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_reaches_who_waits),
        cmocka_unit_test(posts_of_each_thread_run_in_order),
        cmocka_unit_test(a_dial_gives_up_at_its_deadline),
        cmocka_unit_test(impossible_listeners_are_refused),
        cmocka_unit_test(a_stale_socket_file_is_replaced),
        cmocka_unit_test(a_served_socket_file_is_not_replaced),
        cmocka_unit_test(a_file_that_is_no_socket_is_not_replaced),
        cmocka_unit_test(accepting_pauses_without_descriptors),
        cmocka_unit_test(files_are_read_up_to_a_limit),
        cmocka_unit_test(what_is_no_readable_file_is_an_error),
    };
    int failed;

    if (mkdtemp(directory) == NULL)
        return 1;
    place.world = rt_world_real();
    place.tcp =
        (struct rt_address){ .kind = RT_ADDRESS_TCP, .host = "127.0.0.1" };
    place.unix_.kind = RT_ADDRESS_UNIX;
    in_directory(place.unix_.host, sizeof place.unix_.host, "socket");
    place.uid = WORLD_OS_FALLBACK ? -1 : (int64_t)getuid();
    failed = contract_run("contract in the real world", &place);
    failed += cmocka_run_group_tests_name("real world", tests, NULL, NULL);
    (void)rmdir(directory);
    return failed;
}
