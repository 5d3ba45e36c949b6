/*
 * test_runtime_log_output.c -- where the log is written to: pipes that nobody
 * reads, full disks, files that are moved, journald; nothing of it waits for
 * anybody but its own thread.
 */
#include "bed.h"

#include "rt_world.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/agner-log-XXXXXX";

static char *in_directory(const char *name)
{
    static char path[100];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* What the file holds, up to a limit; "" when there is none. */
static const char *contents(const char *path)
{
    static char text[100000];
    FILE *f = fopen(path, "re");
    size_t size = 0;

    if (f != NULL) {
        size = fread(text, 1, sizeof text - 1, f);
        (void)fclose(f);
    }
    text[size] = '\0';
    return text;
}

/* The messages of the lines of text, joined by '|': times are not the same
 * twice. */
static const char *messages(const char *text)
{
    static char all[100000];
    size_t used = 0;

    all[0] = '\0';
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        const char *message = memchr(text, 'Z', size);

        if (message == NULL)
            message = text;
        else
            message += strcspn(message + 2, " ") + 3; /* behind the level */
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%.*s",
                                 used == 0 ? "" : "|",
                                 (int)(text + size - message), message);
        text += size + (text[size] == '\n');
    }
    return all;
}

/* Without the watchdog, which logs that a process takes long: on a slow machine
 * any does. */
static struct rt *open_runtime(struct rt_log_handler handler)
{
    struct rt_options options = { .workers = 1,
                                  .watchdog_ms = RT_INFINITY,
                                  .log_handlers = &handler,
                                  .log_handler_count = 1 };
    struct agner_error error;
    struct rt *rt;

    handler.id = "test";
    if (rt_new(&options, &rt, &error) != AGNER_OK)
        fail_msg("rt_new: %s", error.text);
    return rt;
}

static void flush(struct rt *rt)
{
    assert_int_equal(rt_log_flush(rt, WAIT_MS), AGNER_OK);
}

static struct rt_log_handler_info look(struct rt *rt)
{
    struct rt_log_handler_info info;

    assert_int_equal(rt_log_handlers(rt, &info, 1), 1);
    return info;
}

/* ---- Standard error ----------------------------------------------------- */

static int kept_stderr;

static void replace_stderr(int fd)
{
    (void)fflush(stderr);
    kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    (void)dup2(fd, STDERR_FILENO);
}

static void restore_stderr(void)
{
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
}

#define FLOOD 50000u

/* Logs until the pipe is full, and some more; how many lines. */
static unsigned flood(struct rt *rt, int fd)
{
    struct pollfd pipe_has_room = { .fd = fd, .events = POLLOUT };
    unsigned lines = 0;

    do
        for (unsigned i = 0; i < 1000; i++)
            rt_log(rt, RT_LOG_ERROR, "line %u of what nobody wants to read",
                   lines++);
    while (poll(&pipe_has_room, 1, 0) > 0);
    for (unsigned i = 0; i < FLOOD; i++)
        rt_log(rt, RT_LOG_ERROR, "line %u of what nobody wants to read",
               lines++);
    return lines;
}

struct reading {
    int fd;
    size_t lines;
    unsigned long long dropped; /* as the lines say */
};

static void count_line(struct reading *r, const char *line)
{
    unsigned long long dropped;
    const char *at = strstr(line, "log: handler test dropped ");

    if (at != NULL &&
        sscanf(at, "log: handler test dropped %llu events: too many",
               &dropped) == 1)
        r->dropped += dropped;
    else
        r->lines++;
}

static void *read_lines(void *arg)
{
    struct reading *r = arg;
    FILE *f = fdopen(r->fd, "r");
    char line[400];

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        count_line(r, line);
    if (f != NULL)
        (void)fclose(f);
    return NULL;
}

/* Nobody who logs waits for it, the other users of the pipe see no change, and
 * each event is written or told to be missing. */
static void a_pipe_that_nobody_reads_drops_and_tells(void **state)
{
    struct rt_log_handler handler = { .queue_max = 256,
                                      .burst_max = RT_INFINITY };
    struct reading reading = { 0 };
    struct rt_log_handler_info info;
    pthread_t reader;
    enum agner_err stuck, flushed;
    struct rt *rt;
    unsigned lines;
    int fds[2], flags;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    replace_stderr(fds[1]);
    rt = open_runtime(handler);
    lines = flood(rt, fds[1]);
    stuck = rt_log_flush(rt, 1);
    flags = fcntl(fds[1], F_GETFL);
    reading.fd = fds[0];
    assert_int_equal(pthread_create(&reader, NULL, read_lines, &reading), 0);
    flushed = rt_log_flush(rt, WAIT_MS);
    info = look(rt);
    rt_free(rt, 0);
    restore_stderr();
    (void)close(fds[1]);
    (void)pthread_join(reader, NULL);
    assert_int_equal(stuck, AGNER_ETIMEOUT);
    assert_int_equal(flushed, AGNER_OK);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_true(info.dropped > 0);
    assert_int_equal(info.failed, 0);
    assert_int_equal(reading.dropped, info.dropped);
    assert_int_equal(reading.lines, lines - info.dropped);
}

static void a_runtime_ends_though_nobody_reads_its_log(void **state)
{
    struct rt_log_handler handler = { .burst_max = RT_INFINITY };
    struct rt *rt;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    replace_stderr(fds[1]);
    rt = open_runtime(handler);
    (void)flood(rt, fds[1]);
    rt_free(rt, 0); /* it comes back */
    restore_stderr();
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_pipe_without_a_reader_is_an_error_and_no_signal(void **state)
{
    struct rt_log_handler_info info;
    struct rt *rt;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)close(fds[0]);
    replace_stderr(fds[1]);
    rt = open_runtime((struct rt_log_handler){ .id = NULL });
    rt_log(rt, RT_LOG_ERROR, "one");
    rt_log(rt, RT_LOG_ERROR, "two");
    (void)rt_log_flush(rt, WAIT_MS);
    info = look(rt);
    rt_free(rt, 0);
    restore_stderr();
    (void)close(fds[1]);
    assert_int_equal(info.written, 0);
    assert_int_equal(info.failed, 2);
    assert_non_null(strstr(info.error, "broken pipe"));
}

static void standard_error_may_be_closed(void **state)
{
    struct rt_log_handler_info info;
    struct rt *rt;

    (void)state;
    replace_stderr(STDERR_FILENO);
    (void)close(STDERR_FILENO);
    rt = open_runtime((struct rt_log_handler){ .id = NULL });
    rt_log(rt, RT_LOG_ERROR, "one");
    (void)rt_log_flush(rt, WAIT_MS);
    info = look(rt);
    rt_free(rt, 0);
    restore_stderr();
    assert_int_equal(info.failed, 1);
}

/* A socket, as systemd gives one: not to be made one that does not wait. */
static void standard_error_may_be_a_socket(void **state)
{
    char text[400] = "";
    struct rt *rt;
    int fds[2], flags;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    replace_stderr(fds[1]);
    rt = open_runtime((struct rt_log_handler){ .id = NULL });
    rt_log(rt, RT_LOG_ERROR, "one");
    (void)rt_log_flush(rt, WAIT_MS);
    flags = fcntl(fds[1], F_GETFL);
    rt_free(rt, 0);
    restore_stderr();
    assert_true(recv(fds[0], text, sizeof text - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(messages(text), "one");
    assert_int_equal(flags & O_NONBLOCK, 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_terminal_gets_colours_unless_it_wants_none(void **state)
{
    char text[400];
    ssize_t size = 0;
    int master, slave;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    for (int no = 0; no <= 1; no++) {
        struct rt *rt;

        if (no)
            (void)setenv("NO_COLOR", "1", 1);
        else
            (void)unsetenv("NO_COLOR");
        replace_stderr(slave);
        rt = open_runtime((struct rt_log_handler){ .id = NULL });
        rt_log(rt, RT_LOG_ERROR, "one");
        (void)rt_log_flush(rt, WAIT_MS);
        rt_free(rt, 0);
        restore_stderr();
        size = read(master, text, sizeof text - 1);
        assert_true(size > 0);
        text[size] = '\0';
        assert_int_equal(strstr(text, "\033[31merror\033[0m one") != NULL, !no);
        assert_int_equal(strstr(text, "Z error one") != NULL, no);
    }
    (void)unsetenv("NO_COLOR");
    (void)close(master);
    (void)close(slave);
}

/* ---- Files -------------------------------------------------------------- */

static void a_full_disk_costs_its_events_and_nothing_else(void **state)
{
    struct rt_log_handler handler = { .kind = RT_LOG_FILE,
                                      .path = "/dev/full" };
    struct rt_log_handler_info info;
    struct rt *rt = open_runtime(handler);

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        rt_log(rt, RT_LOG_ERROR, "line %u", i);
    flush(rt);
    info = look(rt);
    assert_int_equal(info.failed, 10);
    assert_int_equal(info.written, 0);
    assert_string_equal(info.error,
                        "cannot be written: no space left on device");
    rt_free(rt, 0);
}

/* What was cut off in the middle of a line does not spoil the next one. */
static void a_file_that_could_not_grow_goes_on_with_a_new_line(void **state)
{
    char *path = in_directory("torn");
    struct rt_log_handler handler = { .kind = RT_LOG_FILE, .path = path };
    struct rlimit before, limit;
    struct rt_log_handler_info info;
    struct rt *rt = open_runtime(handler);

    (void)state;
    rt_log(rt, RT_LOG_ERROR, "one");
    flush(rt);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = strlen(contents(path)) + 40;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rt_log(rt, RT_LOG_ERROR, "two, of which there is only the beginning");
    flush(rt);
    rt_log(rt, RT_LOG_ERROR, "three");
    flush(rt);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    rt_log(rt, RT_LOG_ERROR, "four");
    flush(rt);
    info = look(rt);
    rt_free(rt, 0);
    assert_int_equal(info.written, 2);
    assert_int_equal(info.failed, 2);
    assert_string_equal(messages(contents(path)),
                        "one|two, of w|log: handler test could not write 2 "
                        "events: cannot be written: file too large|four");
}

static void a_file_is_appended_to_and_opened_anew_when_asked(void **state)
{
    char path[200], moved[200];
    struct rt_log_handler handler = { .kind = RT_LOG_FILE, .path = path };
    struct stat about;
    struct rt *rt;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", in_directory("file"));
    (void)snprintf(moved, sizeof moved, "%s", in_directory("moved"));
    rt = open_runtime(handler);
    rt_log_reopen(rt); /* though it has no thread yet */
    rt_log(rt, RT_LOG_ERROR, "one");
    rt_free(rt, 0); /* writes what waits */
    rt = open_runtime(handler);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    assert_int_equal(rename(path, moved), 0);
    rt_log(rt, RT_LOG_ERROR, "two");
    flush(rt);
    rt_log_reopen(rt);
    flush(rt);
    rt_log(rt, RT_LOG_ERROR, "three");
    flush(rt);
    assert_string_equal(messages(contents(moved)), "one|two");
    assert_string_equal(messages(contents(path)), "three");

    /* A place that cannot be opened: it goes on where it was. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    rt_log_reopen(rt);
    flush(rt);
    assert_non_null(strstr(look(rt).error, "directory"));
    rt_log(rt, RT_LOG_ERROR, "four");
    flush(rt);
    assert_int_equal(look(rt).failed, 0);
    rt_free(rt, 0);
    (void)rmdir(path);
}

static void a_file_is_rotated_and_a_few_are_kept(void **state)
{
    char path[200], old[220];
    struct rt_log_handler handler = { .kind = RT_LOG_FILE,
                                      .path = path,
                                      .format = RT_LOG_JSON,
                                      .size_max = 400,
                                      .keep = 2 };
    struct stat about;
    struct rt *rt;
    unsigned next = 0;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", in_directory("rotated"));
    rt = open_runtime(handler);
    for (unsigned i = 0; i < 20; i++)
        rt_log(rt, RT_LOG_ERROR, "line %u", i);
    flush(rt);
    for (unsigned i = 20; i < 40; i++) {
        rt_log(rt, RT_LOG_ERROR, "line %u", i);
        flush(rt);
    }
    assert_int_equal(look(rt).written, 40);
    rt_free(rt, 0);
    /* The last ones, in order, in files that are not longer than asked for. */
    for (int age = 2; age >= 0; age--) {
        const char *text;
        unsigned number;

        (void)snprintf(old, sizeof old, age == 0 ? "%s" : "%s.%d", path, age);
        text = contents(old);
        assert_true(strlen(text) > 100 && strlen(text) <= 400);
        while ((text = strstr(text, "\"line ")) != NULL) {
            assert_int_equal(sscanf(text, "\"line %u\"", &number), 1);
            if (next != 0)
                assert_int_equal(number, next);
            next = number + 1;
            text++;
        }
    }
    assert_int_equal(next, 40);
    (void)snprintf(old, sizeof old, "%s.3", path);
    assert_int_equal(stat(old, &about), -1);
}

/* ---- journald ----------------------------------------------------------- */

static int bind_journal(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path) + 1);
    (void)unlink(path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void expect_datagram(int fd, const char *message)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    char datagram[4000];
    ssize_t size;

    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    size = recv(fd, datagram, sizeof datagram - 1, 0);
    assert_true(size > 0);
    datagram[size] = '\0';
    assert_memory_equal(datagram, message, strlen(message));
    assert_non_null(strstr(datagram, "\nSYSLOG_IDENTIFIER=agner\n"));
}

static void journald_may_be_restarted(void **state)
{
    char *path = in_directory("journal");
    struct rt_log_handler handler = { .kind = RT_LOG_JOURNALD, .path = path };
    int journal = bind_journal(path);
    struct rt *rt = open_runtime(handler);

    (void)state;
    rt_log(rt, RT_LOG_WARNING, "one");
    rt_log(rt, RT_LOG_INFO, "not this");
    rt_log(rt, RT_LOG_EMERGENCY, "two");
    expect_datagram(journal, "MESSAGE=one\nPRIORITY=4\n");
    expect_datagram(journal, "MESSAGE=two\nPRIORITY=0\n");
    (void)close(journal);
    rt_log(rt, RT_LOG_ERROR, "lost");
    flush(rt);
    assert_int_equal(look(rt).failed, 1);
    journal = bind_journal(path);
    rt_log(rt, RT_LOG_ERROR, "three");
    expect_datagram(journal, "MESSAGE=log: handler test could not write 1 "
                             "events: ");
    expect_datagram(journal, "MESSAGE=three\nPRIORITY=3\n");
    (void)close(journal);
    rt_free(rt, 0);
}

static void a_journal_that_does_not_read_drops_and_tells(void **state)
{
    char *path = in_directory("journal");
    struct rt_log_handler handler = { .kind = RT_LOG_JOURNALD,
                                      .path = path,
                                      .queue_max = 64,
                                      .burst_max = RT_INFINITY };
    int journal = bind_journal(path);
    struct rt *rt = open_runtime(handler);

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        rt_log(rt, RT_LOG_ERROR, "line %u", i);
    assert_int_equal(rt_log_flush(rt, 1), AGNER_ETIMEOUT);
    assert_true(look(rt).dropped > 0);
    assert_int_equal(look(rt).failed, 0);
    rt_free(rt, 0);
    (void)close(journal);
}

/* ---- A callback that is slow -------------------------------------------- */

struct gate {
    pthread_mutex_t lock; /* held: the callback waits */
    size_t events;
};

static void wait_at_gate(void *ctx, const struct rt_log_event *event)
{
    struct gate *gate = ctx;

    (void)event;
    (void)pthread_mutex_lock(&gate->lock);
    gate->events++;
    (void)pthread_mutex_unlock(&gate->lock);
}

static void a_handler_that_is_stuck_holds_up_no_other(void **state)
{
    struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER };
    char *path = in_directory("other");
    struct rt_log_handler handler = { .kind = RT_LOG_CALLBACK,
                                      .event = wait_at_gate,
                                      .ctx = &gate,
                                      .queue_max = 100 };
    struct rt_log_handler other = { .id = "other",
                                    .kind = RT_LOG_FILE,
                                    .path = path,
                                    .burst_max = RT_INFINITY };
    struct rt_log_handler_info infos[2];
    struct rt *rt = open_runtime(handler);

    (void)state;
    assert_int_equal(rt_log_handler_add(rt, &other, NULL), AGNER_OK);
    (void)pthread_mutex_lock(&gate.lock);
    for (unsigned i = 0; i < 1000; i++)
        rt_log(rt, RT_LOG_ERROR, "%u", i);
    assert_int_equal(rt_log_flush(rt, 1), AGNER_ETIMEOUT);
    do {
        assert_int_equal(rt_log_handlers(rt, infos, 2), 2);
    } while (infos[1].written < 1000);
    assert_true(infos[0].dropped > 0);
    (void)pthread_mutex_unlock(&gate.lock);
    flush(rt);
    rt_free(rt, 0);
    /* Each event once, and a note that says how many are missing. */
    assert_int_equal(gate.events, 1000 - infos[0].dropped + 1);
}

/* ---- Simulated ---------------------------------------------------------- */

static void log_by_turns(struct gen *self, void *arg)
{
    for (unsigned i = 0; i < 20; i++) {
        rt_log_self(self, RT_LOG_NOTICE, "%s %u", (const char *)arg, i);
        rt_yield(self);
    }
}

static void run_simulated(uint64_t seed, struct etf_buffer *log)
{
    static char names[3][4] = { "a", "b", "c" };
    struct rt_log_handler handler = { .id = "file",
                                      .kind = RT_LOG_FILE,
                                      .path = "/log",
                                      .size_max = 2000,
                                      .burst_max = 50 };
    struct rt_options options = { .log_handlers = &handler,
                                  .log_handler_count = 1 };
    const struct rt_world *world;
    struct bed bed;
    etf_pid pid;

    bed_open_with(&bed, seed, options, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rt_spawn(bed.self, log_by_turns, names[i], NULL, &pid),
                         AGNER_OK);
    (void)sim_run(bed.sim, 10);
    world = sim_world(bed.sim);
    rt_log(bed.rt, RT_LOG_NOTICE, "still the same second");
    (void)sim_run(bed.sim, 1000);
    rt_log(bed.rt, RT_LOG_NOTICE, "end");
    for (const char **path = (const char *[]){ "/log.1", "/log", NULL };
         *path != NULL; path++)
        assert_int_equal(world->file_read(world->ctx, *path, 100000, log, NULL),
                         AGNER_OK);
    assert_int_equal(etf_buffer_add(log, "", 1), AGNER_OK);
    bed_close(&bed);
}

static void a_simulated_run_logs_the_same_each_time(void **state)
{
    struct etf_buffer one = { 0 }, again = { 0 }, other = { 0 };

    (void)state;
    run_simulated(7, &one);
    run_simulated(7, &again);
    run_simulated(8, &other);
    assert_string_equal((char *)one.data, (char *)again.data);
    assert_string_not_equal((char *)one.data, (char *)other.data);
    assert_non_null(strstr((char *)one.data,
                           "log: handler file dropped 11 events: too many"));
    assert_non_null(strstr((char *)one.data, " end\n"));
    etf_buffer_fini(&one);
    etf_buffer_fini(&again);
    etf_buffer_fini(&other);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
    static const char *const names[] = { "torn",    "file",      "moved",
                                         "rotated", "rotated.1", "rotated.2",
                                         "journal", "other" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in_directory(names[i]));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_nobody_reads_drops_and_tells),
        cmocka_unit_test(a_runtime_ends_though_nobody_reads_its_log),
        cmocka_unit_test(a_pipe_without_a_reader_is_an_error_and_no_signal),
        cmocka_unit_test(standard_error_may_be_closed),
        cmocka_unit_test(standard_error_may_be_a_socket),
        cmocka_unit_test(a_terminal_gets_colours_unless_it_wants_none),
        cmocka_unit_test(a_full_disk_costs_its_events_and_nothing_else),
        cmocka_unit_test(a_file_that_could_not_grow_goes_on_with_a_new_line),
        cmocka_unit_test(a_file_is_appended_to_and_opened_anew_when_asked),
        cmocka_unit_test(a_file_is_rotated_and_a_few_are_kept),
        cmocka_unit_test(journald_may_be_restarted),
        cmocka_unit_test(a_journal_that_does_not_read_drops_and_tells),
        cmocka_unit_test(a_handler_that_is_stuck_holds_up_no_other),
        cmocka_unit_test(a_simulated_run_logs_the_same_each_time),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
