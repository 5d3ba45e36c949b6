/*
 * test_runtime_mailbox.c -- receiving, and mailboxes with a limit:
 * reliability 1.5.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

static bool is_even(void *ctx, etf_term m)
{
    int64_t n;

    (void)ctx;
    return etf_get_int(m, &n) && n % 2 == 0;
}

static void selective(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);
    etf_pid a = bed_puppet(bed, NULL);
    etf_term message;
    int64_t i;

    for (i = 1; i <= 6; i++)
        bed_order(bed, a, "{say, _, _}", me, i);
    for (i = 2; i <= 6; i += 2) {
        int64_t n;

        assert_int_equal(
            rt_receive_match(bed->self, is_even, NULL, WAIT_MS, &message),
            AGNER_OK);
        assert_true(etf_get_int(message, &n));
        assert_int_equal(n, i);
    }
    assert_int_equal(rt_receive_match(bed->self, is_even, NULL, 5, &message),
                     AGNER_ETIMEOUT);
    bed_expect(bed, "1");
    bed_expect(bed, "3");
    bed_expect(bed, "5");
}

static void selective_receive_leaves_the_others_in_order(void **state)
{
    (void)state;
    bed_everywhere(selective, SEEDS);
}

/* Waits for `go`, then tells how many messages it finds, and which was first.
 */
static void slow_reader(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg;
    etf_term message;
    int64_t count = 0, first = -1, n;

    (void)rt_send_pid(self, boss, etf_atom("ready"));
    while (rt_whereis(rt_of(self), etf_atom("go"), &boss) != AGNER_OK) {
        if (rt_check(self) != AGNER_OK)
            return;
        rt_yield(self);
    }
    while (rt_receive(self, 20, &message) == AGNER_OK) {
        if (first < 0 && etf_get_int(message, &n))
            first = n;
        count++;
    }
    (void)rt_send_pid(self, boss, etf_make(self, "{_, _}", first, count));
}

static void overflow(struct bed *bed, enum rt_overflow policy,
                     enum agner_err wanted, const char *text)
{
    struct rt_spawn_options options = { .mailbox_max = 5, .overflow = policy };
    etf_pid me = rt_self(bed->self), pid;
    int64_t i;

    assert_int_equal(rt_spawn(bed->self, slow_reader, &me, &options, &pid),
                     AGNER_OK);
    bed_expect(bed, "ready");
    for (i = 0; i < 12; i++) {
        enum agner_err err =
            rt_send_pid(bed->self, pid, etf_int(rt_region(bed->self), i));

        assert_int_equal(err, i < 5 ? AGNER_OK : wanted);
    }
    assert_int_equal(rt_register(bed->rt, etf_atom("go"), me), AGNER_OK);
    bed_expect(bed, text);
    assert_int_equal(rt_unregister(bed->rt, etf_atom("go")), AGNER_OK);
}

static void policies(struct bed *bed)
{
    overflow(bed, RT_OVERFLOW_FAIL, AGNER_EMAILBOXFULL, "{0,5}");
    overflow(bed, RT_OVERFLOW_DROP_NEWEST, AGNER_OK, "{0,5}");
    overflow(bed, RT_OVERFLOW_DROP_OLDEST, AGNER_OK, "{7,5}");
}

static void a_full_mailbox_does_what_its_owner_chose(void **state)
{
    (void)state;
    bed_everywhere(policies, SEEDS);
}

#define FLOOD 200

struct flood {
    etf_pid to, boss;
};

static void flooder(struct gen *self, void *arg)
{
    struct flood *f = arg;
    int64_t i;

    for (i = 0; i < FLOOD; i++)
        if (rt_send_pid(self, f->to, etf_int(rt_region(self), i)) != AGNER_OK)
            break;
    (void)rt_send_pid(self, f->boss, etf_make(self, "{sent, _}", i));
}

static void eater(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg;
    etf_term message;
    int64_t i, n, in_order = 1;

    for (i = 0; i < FLOOD; i++) {
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        in_order &= etf_get_int(message, &n) && n == i;
        if (i % 7 == 0)
            rt_yield(self);
        rt_reset(self);
    }
    (void)rt_send_pid(self, boss, etf_make(self, "{eaten, _}", in_order));
}

static void blocking(struct bed *bed)
{
    struct rt_spawn_options options = { .mailbox_max = 8,
                                        .overflow = RT_OVERFLOW_BLOCK };
    struct flood f = { .boss = rt_self(bed->self) };
    etf_pid pid;
    etf_term message;
    int64_t n;
    unsigned i;

    assert_int_equal(rt_spawn(bed->self, eater, &f.boss, &options, &f.to),
                     AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, flooder, &f, NULL, &pid), AGNER_OK);
    for (i = 0; i < 2; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{sent, _}", &n)
                        ? n == FLOOD
                        : etf_match(message, "{eaten, _}", &n) && n == 1);
    }
    /* Who waits for a process that ends is let go. */
    options.mailbox_max = 2;
    f.to = bed_puppet(bed, &options);
    bed_order(bed, f.to, "{do, _, {say, _, hello}}", rt_self(bed->self),
              rt_self(bed->self));
    bed_expect(bed, "hello");
    bed_expect(bed, "{done,ok}");
}

/* G30 */
static void senders_wait_for_room_and_keep_their_order(void **state)
{
    (void)state;
    bed_everywhere(blocking, SEEDS);
}

static void stuck_reader(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg;

    (void)rt_send_pid(self, boss, etf_atom("ready"));
    while (rt_whereis(rt_of(self), etf_atom("go"), &boss) != AGNER_OK)
        if (rt_check(self) != AGNER_OK)
            return;
}

static void released(struct bed *bed)
{
    struct rt_spawn_options options = { .mailbox_max = 3,
                                        .overflow = RT_OVERFLOW_BLOCK };
    struct flood f = { .boss = rt_self(bed->self) };
    struct rt_process_info info;
    etf_pid pid;

    assert_int_equal(
        rt_spawn(bed->self, stuck_reader, &f.boss, &options, &f.to), AGNER_OK);
    bed_expect(bed, "ready");
    assert_int_equal(rt_spawn(bed->self, flooder, &f, NULL, &pid), AGNER_OK);
    do { /* it has its three, and who sends the fourth waits */
        (void)rt_sleep(bed->self, 1);
        assert_int_equal(rt_process_glance(bed->rt, f.to, &info), AGNER_OK);
    } while (info.mailbox_count < 3);
    assert_int_equal(rt_exit_signal(bed->self, f.to, ETF_A(kill)), AGNER_OK);
    bed_expect(bed, "{sent,3}");
}

static void a_sender_that_waits_is_released_when_the_receiver_ends(void **state)
{
    (void)state;
    bed_everywhere(released, SEEDS);
}

static void memory(struct bed *bed)
{
    struct rt_spawn_options options = { .memory_max = 100000 };
    etf_pid me = rt_self(bed->self), pid;
    etf_term message;
    etf_ref ref;
    int64_t i;
    uint64_t bytes;

    assert_int_equal(rt_spawn(bed->self, slow_reader, &me, &options, &pid),
                     AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    bed_expect(bed, "ready");
    for (i = 0; i < 2000; i++)
        (void)rt_send_pid(bed->self, pid,
                          etf_make(bed->self, "{_, some, more, words}", i));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(
        message, "{'DOWN', __, process, __, {memory_limit, _}}", &bytes));
    assert_true(bytes > 100000);
}

/* G32 */
static void a_process_over_its_memory_limit_ends(void **state)
{
    (void)state;
    bed_everywhere(memory, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selective_receive_leaves_the_others_in_order),
        cmocka_unit_test(a_full_mailbox_does_what_its_owner_chose),
        cmocka_unit_test(senders_wait_for_room_and_keep_their_order),
        cmocka_unit_test(
            a_sender_that_waits_is_released_when_the_receiver_ends),
        cmocka_unit_test(a_process_over_its_memory_limit_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
