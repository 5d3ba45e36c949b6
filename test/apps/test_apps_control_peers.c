/*
 * test_apps_control_peers.c -- what is a client's is not for peers: who may
 * send messages to a node is not who has its control socket.
 * spec/reliability.md 6.4.
 */
#include "duo.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <agner/node.h>
#include <rt_world.h>

#include "agner_apps.h"

static _Atomic unsigned stops;

static void stop_asked(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&stops, 1);
}

static int dial(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    memcpy(to.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Asks for something, and waits for its answer, which is written at once. */
static void ask(int fd)
{
    static const char version[] = "\x94\x00\x01\xad"
                                  "agner.version\x90";
    uint8_t answer[4096];

    assert_int_equal(write(fd, version, sizeof version - 1),
                     (ssize_t)sizeof version - 1);
    assert_true(read(fd, answer, sizeof answer) > 2);
    assert_int_equal(answer[0], 0x94);
}

static etf_pid labelled(struct gen *self, const char *label)
{
    struct rt_process_info info;
    etf_pid pid = { 0 };

    while (rt_process_next(rt_of(self), pid, &pid))
        if (rt_process_info(self, pid, &info) == AGNER_OK &&
            info.label != NULL && strcmp(info.label, label) == 0)
            return pid;
    fail_msg("there is no %s", label);
    return pid;
}

/* {frame, 0, [2, "agner.stop", []]} */
static etf_term stop_frame(struct gen *self)
{
    static const char stop[] = "\x93\x02\xaa"
                               "agner.stop\x90";

    return etf_make(
        self, "{frame, 0, _}",
        etf_binary(rt_region(self), (const uint8_t *)stop, sizeof stop - 1));
}

static void a_peer_is_no_client(void **state)
{
    struct duo duo = duo_new();
    struct apps_control_options options = { .node = duo.b,
                                            .world = rt_world_real(),
                                            .stop = stop_asked };
    struct apps_control *control;
    struct agner_error error;
    etf_pid teller = duo_teller(duo.at_b, "teller", rt_self(duo.at_b), false);
    etf_term reply;
    char path[64];
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/agner-peers-%d.sock",
                   (int)getpid());
    options.path = path;
    if (apps_control_start(duo.at_b, &options, &control, &error) != AGNER_OK)
        fail_msg("%s", error.text);
    assert_int_equal(node_permit(duo.b, A,
                                 RT_MAY_ALL & ~((unsigned)RT_MAY_SPAWN |
                                                RT_MAY_RPC | RT_MAY_ADMIN),
                                 NULL),
                     AGNER_OK);
    fd = dial(path);
    ask(fd);
    assert_int_equal(
        rt_send_pid(duo.at_a,
                    duo_pid_from_a(&duo, labelled(duo.at_b, "control session")),
                    stop_frame(duo.at_a)),
        AGNER_OK);
    /* It has come when what was sent after it is answered. */
    assert_int_equal(gen_call(duo.at_a,
                              etf_from_pid(rt_region(duo.at_a),
                                           duo_pid_from_a(&duo, teller)),
                              etf_make(duo.at_a, "hello"), WAIT_MS, &reply),
                     AGNER_OK);
    ask(fd);
    assert_int_equal(atomic_load(&stops), 0);
    close(fd);
    apps_control_stop(duo.at_b, control);
    duo_end(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_no_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
