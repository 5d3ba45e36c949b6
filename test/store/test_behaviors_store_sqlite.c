/*
 * test_behaviors_store_sqlite.c -- a store in a file: what may be wrong with
 * it, and what is on the disk when.
 *
 * SQLite's calls of fdatasync() and fsync() come here, for they are symbols of
 * the program: so a test counts them, holds them up, and lets them fail. Its
 * memory comes from here too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include <agner/gen.h>

#include "../process/bed.h"
#include "atomic.h"
#include "failing.h"

static char folder[64], path[80];

static _Atomic unsigned syncs;     /* how many there were */
static _Atomic unsigned sync_fail; /* the next ones fail */
static _Atomic unsigned sync_hold; /* they wait until it is 0 */

static int sync_file(void)
{
    (void)add_relaxed(&syncs, 1u);
    while (load_acquire(&sync_hold) != 0)
        (void)usleep(100);
    if (load_relaxed(&sync_fail) == 0)
        return 0;
    errno = EIO;
    return -1;
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    (void)fd;
    return sync_file();
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    (void)fd;
    return sync_file();
}

/* ---- A file for each case ------------------------------------------------ */

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/agner-sqlite-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/store", folder);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char name[100];

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

static etf_bytes bytes(const char *text)
{
    return (etf_bytes){ (const uint8_t *)text, strlen(text) };
}

static enum agner_err put(struct gen *self, struct gen_store *store,
                          const char *key, const char *value,
                          struct agner_error *error)
{
    struct gen_store_write write = { .key = bytes(key), .value = bytes(value) };

    return gen_store_put(self, store, &write, 1, error);
}

static bool has(struct gen *self, struct gen_store *store, const char *key)
{
    etf_bytes value;

    return gen_store_get(self, store, bytes(key), rt_region(self), &value,
                         NULL) == AGNER_OK;
}

static struct gen_store *must_open(struct gen *self)
{
    struct gen_store *store = NULL;
    struct agner_error error;

    if (gen_store_sqlite(self, path, NULL, &store, &error) != AGNER_OK)
        fail_msg("%s", error.text);
    return store;
}

static void must_close(struct gen *self, struct gen_store *store)
{
    assert_int_equal(gen_store_close(self, store), AGNER_OK);
    gen_store_free(store);
}

/* It does not open, for this reason. */
static void refuses(struct gen *self, const char *where,
                    struct gen_store_sqlite_options options,
                    enum agner_err code, const char *text)
{
    struct gen_store *store = NULL;
    struct agner_error error = { 0 };
    enum agner_err err =
        gen_store_sqlite(self, where, &options, &store, &error);

    if (err != code || strstr(error.text, text) == NULL)
        fail_msg("%s: %s", agner_strerror(err), error.text);
    assert_null(store);
}

/* A file that holds some rows. */
static void make_file(struct gen *self, unsigned rows)
{
    struct gen_store *store = must_open(self);
    static char value[1000];
    char key[16];

    memset(value, 'v', sizeof value - 1);
    for (unsigned i = 0; i < rows; i++) {
        (void)snprintf(key, sizeof key, "key %u", i);
        assert_int_equal(put(self, store, key, value, NULL), AGNER_OK);
    }
    must_close(self, store);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- What does not open -------------------------------------------------- */

static const struct gen_store_sqlite_options plain;

static void says_where_no_file_can_be(void **state)
{
    struct gen_store_sqlite_options must = { .must_exist = true };
    struct bed bed;
    char name[120];

    (void)state;
    bed_open(&bed, 1);
    (void)snprintf(name, sizeof name, "%s/none/store", folder);
    refuses(bed.self, name, plain, AGNER_EIO, "No such file or directory");
    refuses(bed.self, name, must, AGNER_ENONAME, "there is no such file");
    refuses(bed.self, path, must, AGNER_ENONAME, "there is no such file");
    refuses(bed.self, folder, plain, AGNER_EIO, "unable to open");
    refuses(bed.self, "", plain, AGNER_EINVAL, "without a path");
    refuses(bed.self, NULL, plain, AGNER_EINVAL, "without a path");
    refuses(bed.self, ":memory:", plain, AGNER_EIO, "no write-ahead log");
    bed_close(&bed);
}

/* Root writes where it likes, so it is somebody else for a moment. */
static void says_that_it_is_read_only(void **state)
{
    bool root = geteuid() == 0;
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    make_file(bed.self, 1);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    refuses(bed.self, path, plain, AGNER_EIO, "read-only");
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    bed_close(&bed);
}

static void overwrite(off_t at, size_t size)
{
    static uint8_t garbage[4096];
    int fd = open(path, O_WRONLY);

    memset(garbage, 0x5a, sizeof garbage);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, garbage, size, at), size);
    (void)close(fd);
}

static void says_that_it_is_damaged(void **state)
{
    struct gen_store_sqlite_options check = { .check = true };
    struct gen_store_row rows[100];
    struct gen_store *store;
    struct bed bed;
    size_t count;

    (void)state;
    bed_open(&bed, 1);
    make_file(bed.self, 60);
    overwrite(4096, 4096); /* the table's root */
    refuses(bed.self, path, check, AGNER_ECORRUPT, path);
    store = must_open(bed.self); /* not looked at yet */
    assert_int_equal(gen_store_scan(bed.self, store, (etf_bytes){ 0 },
                                    (etf_bytes){ 0 }, 100, rt_region(bed.self),
                                    rows, &count, NULL),
                     AGNER_ECORRUPT);
    must_close(bed.self, store);
    overwrite(0, 100);
    refuses(bed.self, path, plain, AGNER_ECORRUPT, "file is not a database");
    bed_close(&bed);
}

static void says_whose_it_is(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    run_sql("CREATE TABLE t (x)");
    refuses(bed.self, path, plain, AGNER_EBADTYPE, "another program");
    assert_int_equal(unlink(path), 0);
    make_file(bed.self, 1);
    run_sql("PRAGMA user_version = 2");
    refuses(bed.self, path, plain, AGNER_ENOTSUP,
            "it has version 2, which is newer than 1");
    run_sql("PRAGMA user_version = 1; ALTER TABLE agner_store RENAME TO x");
    refuses(bed.self, path, plain, AGNER_ECORRUPT, "not as it was made");
    run_sql("DROP TABLE x");
    refuses(bed.self, path, plain, AGNER_ECORRUPT, "its table is missing");
    bed_close(&bed);
}

/* A file has one store: of this process, and of all. */
static void says_that_another_has_it(void **state)
{
    struct gen_store_sqlite_options once = { .busy_ms = RT_INFINITY };
    struct gen_store *store;
    struct bed bed;
    int pipes[2], status;
    char byte = 0;
    pid_t child;

    (void)state;
    bed_open(&bed, 1);
    store = must_open(bed.self);
    refuses(bed.self, path, once, AGNER_EBUSY, "locked");
    must_close(bed.self, store);
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        store = must_open(bed.self);
        (void)!write(pipes[1], &byte, 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    refuses(bed.self, path, once, AGNER_EBUSY, "locked");
    once.busy_ms = 1;
    refuses(bed.self, path, once, AGNER_EBUSY, "locked");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    must_close(bed.self, must_open(bed.self)); /* its lock ended with it */
    bed_close(&bed);
}

/* ---- Writing ------------------------------------------------------------- */

/* As on a full disk: it says so, and goes on when there is room again. */
static void says_that_there_is_no_room(void **state)
{
    struct rlimit before, small = { .rlim_cur = 300000 };
    struct agner_error error = { 0 };
    struct gen_store *store;
    enum agner_err err = AGNER_OK;
    static char value[20000];
    unsigned written = 0;
    struct bed bed;
    char key[16];

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    bed_open(&bed, 1);
    memset(value, 'v', sizeof value - 1);
    store = must_open(bed.self);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (; err == AGNER_OK && written < 100; written++) {
        (void)snprintf(key, sizeof key, "key %u", written);
        err = put(bed.self, store, key, value, &error);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, AGNER_EIO);
    assert_string_equal(error.text, "COMMIT: disk I/O error");
    assert_false(has(bed.self, store, key));
    for (unsigned i = 0; i + 1 < written; i++) {
        (void)snprintf(key, sizeof key, "key %u", i);
        assert_true(has(bed.self, store, key));
    }
    assert_int_equal(put(bed.self, store, "more", "x", NULL), AGNER_OK);
    must_close(bed.self, store);
    bed_close(&bed);
}

/* A put that cannot be made to last is not there, and says so. */
static void says_that_the_disk_failed(void **state)
{
    struct agner_error error = { 0 };
    struct gen_store *store;
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    store = must_open(bed.self);
    assert_int_equal(put(bed.self, store, "a", "1", NULL), AGNER_OK);
    store_relaxed(&sync_fail, 1u);
    assert_int_equal(put(bed.self, store, "b", "1", &error), AGNER_EIO);
    store_relaxed(&sync_fail, 0u);
    assert_false(has(bed.self, store, "b"));
    assert_true(has(bed.self, store, "a"));
    assert_int_equal(put(bed.self, store, "b", "2", NULL), AGNER_OK);
    must_close(bed.self, store);
    bed_close(&bed);
}

/* synchronous = FULL: nobody is told before the disk has it; `relaxed` asks it
 * at check points only. */
static void each_put_is_on_the_disk(void **state)
{
    struct gen_store_sqlite_options relaxed = { .relaxed = true };
    struct gen_store *store;
    struct bed bed;
    unsigned before;

    (void)state;
    bed_open(&bed, 1);
    store = must_open(bed.self);
    for (unsigned i = 0; i < 5; i++) {
        before = load_relaxed(&syncs);
        assert_int_equal(put(bed.self, store, "a", &"12345"[i], NULL),
                         AGNER_OK);
        assert_true(load_relaxed(&syncs) > before);
    }
    must_close(bed.self, store);
    assert_int_equal(gen_store_sqlite(bed.self, path, &relaxed, &store, NULL),
                     AGNER_OK);
    assert_int_equal(put(bed.self, store, "a", "1", NULL), AGNER_OK);
    before = load_relaxed(&syncs);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(put(bed.self, store, "a", &"12345"[i], NULL),
                         AGNER_OK);
    assert_int_equal(load_relaxed(&syncs), before);
    must_close(bed.self, store);
    bed_close(&bed);
}

/* ---- Groups -------------------------------------------------------------- */

#define WRITERS 100u

struct writer {
    struct gen_store *store;
    etf_pid test;
    unsigned number;
};

static void write_one(struct gen *self, void *arg)
{
    struct writer *w = arg;
    char key[16];

    (void)snprintf(key, sizeof key, "key %u", w->number);
    (void)rt_send_pid(self, w->test,
                      put(self, w->store, key, "x", NULL) == AGNER_OK
                          ? ETF_A(ok)
                          : ETF_A(error));
}

static void wait_until_waiting(struct bed *bed, etf_pid pid)
{
    struct rt_process_info info;

    while (rt_process_glance(bed->rt, pid, &info) == AGNER_OK &&
           info.status != RT_STATUS_CALLING)
        rt_yield(bed->self);
}

/* While one waits for the disk, all that come meanwhile gather, and share the
 * next transaction. `killed`: every so manieth of them is, while it waits. */
static void gather(unsigned killed)
{
    struct writer writers[WRITERS];
    etf_pid pids[WRITERS];
    struct gen_store *store;
    struct bed bed;
    unsigned before, left = 0;

    bed_open(&bed, 0);
    store = must_open(bed.self);
    assert_int_equal(put(bed.self, store, "first", "x", NULL), AGNER_OK);
    before = load_relaxed(&syncs);
    store_release(&sync_hold, 1u);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ store, rt_self(bed.self), i };
        assert_int_equal(
            rt_spawn(bed.self, write_one, &writers[i], NULL, &pids[i]),
            AGNER_OK);
        while (load_relaxed(&syncs) == before) /* the first one leads */
            rt_yield(bed.self);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        wait_until_waiting(&bed, pids[i]);
    for (unsigned i = 0; i < WRITERS; i++) {
        if (killed != 0 && i % killed == killed - 1)
            (void)rt_kill(bed.rt, pids[i], ETF_A(kill));
        else
            left++;
    }
    for (unsigned i = 1; killed != 0 && i < WRITERS; i++) {
        if (i % killed == killed - 1)
            assert_int_equal(rt_wait(bed.self, pids[i], WAIT_MS), AGNER_OK);
    }
    store_release(&sync_hold, 0u);
    for (unsigned i = 0; i < left; i++)
        bed_expect(&bed, "ok");
    assert_int_equal(load_relaxed(&syncs) - before, 2);
    must_close(bed.self, store);
    bed_close(&bed);
}

static void writers_share_a_transaction(void **state)
{
    (void)state;
    gather(0);
}

/* The second of three is the first in the queue, so it is to lead next. */
static void who_is_killed_in_the_queue_leads_nobody(void **state)
{
    (void)state;
    gather(2);
}

/* ---- kill -9 ------------------------------------------------------------- */

/* Two keys in each batch; the number is told when it is there. */
static void write_for_ever(int told)
{
    struct gen_store *store;
    struct bed bed;

    bed_open(&bed, 1);
    store = must_open(bed.self);
    for (uint32_t i = 0;; i++) {
        etf_bytes value = { (const uint8_t *)&i, sizeof i };
        struct gen_store_write writes[] = { { .key = bytes("x") },
                                            { .key = bytes("y") } };

        writes[0].value = writes[1].value = value;
        if (gen_store_put(bed.self, store, writes, 2, NULL) != AGNER_OK)
            _exit(1);
        if (write(told, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

static uint32_t number_of(struct gen *self, struct gen_store *store,
                          const char *key)
{
    etf_bytes value;
    uint32_t number;

    assert_int_equal(
        gen_store_get(self, store, bytes(key), rt_region(self), &value, NULL),
        AGNER_OK);
    memcpy(&number, value.data, sizeof number);
    return number;
}

static void what_was_told_is_there_after_kill(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 10; round++) {
        int pipes[2], status;
        uint32_t told = 0, next, x, y;
        struct gen_store *store;
        struct bed bed;
        pid_t child;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0)
            write_for_ever(pipes[1]);
        (void)close(pipes[1]);
        while (told < round * 7)
            assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(pipes[0], &next, sizeof next) == sizeof next)
            told = next;
        (void)close(pipes[0]);
        bed_open(&bed, 1);
        store = must_open(bed.self);
        x = number_of(bed.self, store, "x");
        y = number_of(bed.self, store, "y");
        assert_int_equal(x, y);
        assert_true(x == told || x == told + 1);
        must_close(bed.self, store);
        bed_close(&bed);
    }
}

/* ---- SQLite's own memory ------------------------------------------------- */

static sqlite3_mem_methods own, original;

static void *failing_malloc(int size)
{
    return failing_now() ? NULL : original.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
    return failing_now() ? NULL : original.xRealloc(old, size);
}

static enum agner_err use(struct gen *self, struct gen_store **store,
                          struct agner_error *error)
{
    struct gen_store_row rows[4];
    enum agner_err err = gen_store_sqlite(self, path, NULL, store, error);
    etf_bytes value;
    size_t count;

    if (err == AGNER_OK)
        err = put(self, *store, "a", "1", error);
    if (err == AGNER_OK)
        err = gen_store_get(self, *store, bytes("a"), rt_region(self), &value,
                            error);
    if (err == AGNER_OK)
        err = gen_store_scan(self, *store, (etf_bytes){ 0 }, (etf_bytes){ 0 },
                             4, rt_region(self), rows, &count, error);
    if (err == AGNER_OK)
        err = gen_store_close(self, *store);
    return err;
}

/* G34. What it cannot do without memory it says; some of it SQLite can do. */
static void its_memory_may_fail(void **state)
{
    bool seen = true;

    (void)state;
    for (unsigned n = 1; seen; n++) {
        struct gen_store *store = NULL;
        struct agner_error error = { 0 };
        enum agner_err err;
        struct bed bed;

        bed_open(&bed, 1);
        failing_seen = false;
        failing_in = n;
        err = use(bed.self, &store, &error);
        failing_in = 0;
        seen = failing_seen;
        if (!seen)
            assert_int_equal(err, AGNER_OK);
        else if (err != AGNER_OK && err != AGNER_ENOMEM)
            fail_msg("allocation %u: %s", n, error.text);
        if (store != NULL) {
            (void)gen_store_close(bed.self, store);
            gen_store_free(store);
        }
        if (n % 8 == 0)
            (void)unlink(path); /* new files and old ones */
        bed_close(&bed);
        assert_true(seen || n > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_where_no_file_can_be, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_that_it_is_read_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_that_it_is_damaged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_whose_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_that_another_has_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_that_there_is_no_room, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_that_the_disk_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_put_is_on_the_disk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(writers_share_a_transaction, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_killed_in_the_queue_leads_nobody,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_told_is_there_after_kill,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_memory_may_fail, set_up, tear_down),
    };

    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original);
    own = original;
    own.xMalloc = failing_malloc;
    own.xRealloc = failing_realloc;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &own);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
