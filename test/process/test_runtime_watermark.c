/*
 * test_runtime_watermark.c -- the marks of a node's memory, on real memory:
 * G33.
 *
 * Everything is waited for; how long the runtime takes to notice is not looked
 * at. test_sim_watermark has what the marks do.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bed.h"
#include "sanitizer.h"

#define MIB   (UINT64_C(1) << 20)
#define FLOOD 250000 /* messages of about 600 bytes: 140 MiB */

/* What this program uses, without marks that could be met. */
static uint64_t used_now(void)
{
    struct rt_stats stats;
    struct bed bed;

    bed_open_with(&bed, 0, (struct rt_options){ .workers = 2 }, NULL);
    rt_stats(bed.rt, &stats);
    bed_close(&bed);
    assert_true(stats.memory_used > 0);
    assert_true(stats.memory_soft < stats.memory_hard);
    return stats.memory_used;
}

static void open_with_marks(struct bed *bed, uint64_t soft_more,
                            uint64_t hard_more)
{
    uint64_t used = used_now();
    etf_ref ref;

    bed_open_with(bed, 0,
                  (struct rt_options){ .workers = 2,
                                       .memory_soft = used + soft_more,
                                       .memory_hard = used + hard_more },
                  NULL);
    assert_int_equal(rt_event_monitor(bed->self, etf_atom("alarm"), &ref, NULL),
                     AGNER_OK);
}

/* Waits for the alarm that begins so, for as long as the machine takes. */
static void expect_alarm(struct bed *bed, const char *text)
{
    etf_term message, name, node, what;
    char got[200];
    uint64_t ns;

    assert_int_equal(rt_receive(bed->self, RT_INFINITY, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{event, _, _, _, _}", &name, &node, &ns, &what));
    (void)etf_format(got, sizeof got, what);
    if (strncmp(got, text, strlen(text)) != 0)
        fail_msg("%s in place of %s", got, text);
}

/* Memory that the sanitizers do not know of. */
static void *take(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static void idle(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
}

/* All is parked while the memory goes up and down: the watchdog is woken by
 * what makes it, and goes on by itself until it is down again. */
static void G33_what_the_program_uses_is_noticed(void **state)
{
    struct bed bed;
    void *first, *second;
    etf_pid pid;

    (void)state;
    open_with_marks(&bed, 64 * MIB, 192 * MIB);
    assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, &pid), AGNER_OK);
    first = take(128 * MIB);
    do { /* somebody works, as somebody does who takes memory; but not so much
            that it takes more than this test does */
        assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, &pid), AGNER_OK);
        (void)usleep(1000);
    } while (rt_memory_level(bed.rt) == RT_MEMORY_OK);
    expect_alarm(&bed, "{set_alarm,{memory_soft_mark,");
    second = take(128 * MIB);
    expect_alarm(&bed, "{set_alarm,{memory_hard_mark,");
    assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, &pid), AGNER_ENOMEM);
    assert_int_equal(munmap(second, 128 * MIB), 0);
    expect_alarm(&bed, "{clear_alarm,memory_hard_mark}");
    assert_int_equal(rt_spawn(bed.self, idle, NULL, NULL, &pid), AGNER_OK);
    assert_int_equal(munmap(first, 128 * MIB), 0);
    expect_alarm(&bed, "{clear_alarm,memory_soft_mark}");
    bed_close(&bed);
}

#if defined(RT_ASAN) || defined(RT_TSAN)
#define HAS_POOLS 0 /* malloc keeps blocks for a while; shadows stay */
#else
#define HAS_POOLS 1
#endif

static bool is_go(void *ctx, etf_term message)
{
    (void)ctx;
    return etf_atom_is(message, "go");
}

/* Sends itself more than the mark, waits for a word, and takes it all. */
static void flood(struct gen *self, void *arg)
{
    etf_term message, list = etf_nil();

    (void)arg;
    for (int i = 0; i < 30; i++)
        list = etf_cons(rt_region(self), etf_int(NULL, i), list);
    for (int i = 0; i < FLOOD; i++)
        (void)rt_send_pid(self, rt_self(self), list);
    if (rt_receive_match(self, is_go, NULL, RT_INFINITY, &message) != AGNER_OK)
        return;
    for (int i = 0; i < FLOOD; i++) {
        (void)rt_receive(self, RT_INFINITY, &message);
        rt_reset(self);
    }
    (void)rt_receive(self, RT_INFINITY, &message); /* until it is killed */
}

/* What was freed is the workers', and does not count as used. */
static void G33_blocks_that_are_free_are_not_used(void **state)
{
    struct bed bed;
    etf_pid pid;

    (void)state;
    if (!HAS_POOLS)
        skip();
    open_with_marks(&bed, 64 * MIB, 4096 * MIB);
    assert_int_equal(rt_spawn(bed.self, flood, NULL, NULL, &pid), AGNER_OK);
    expect_alarm(&bed, "{set_alarm,{memory_soft_mark,");
    assert_int_equal(rt_send_pid(bed.self, pid, etf_atom("go")), AGNER_OK);
    expect_alarm(&bed, "{clear_alarm,memory_soft_mark}");
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(G33_what_the_program_uses_is_noticed),
        cmocka_unit_test(G33_blocks_that_are_free_are_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
