/*
 * test_check_mailbox.c -- runtime/mailbox.h in every order: pushing, claiming,
 * taking, parking, closing. And that the checker finds what is missing when
 * operations are made relaxed.
 *
 * Who wakes the process runs it, as a worker does that pushes on its own queue.
 */
#include <mailbox.h>

#include "check.h"

#define SENDERS_MAX 3
#define EACH        2

struct envelope rt__mailbox_marks[2];

static rt_inbox inbox;
static struct envelope envelopes[SENDERS_MAX][EACH];
static unsigned last[SENDERS_MAX], received, refused;
static int state; /* the process's own: plain memory */
static unsigned each;
static bool closes, claims;

static void begin(void)
{
    store_relaxed(&inbox, MAILBOX_IDLE);
    memset(envelopes, 0, sizeof envelopes);
    memset(last, 0, sizeof last);
    received = refused = 0;
}

static void receive(struct envelope *m)
{
    for (; m != NULL; m = m->next) {
        unsigned sender = (unsigned)(m - envelopes[0]) / EACH;
        unsigned number = (unsigned)(m - envelopes[sender]) + 1;

        explore_reads(m);
        explore_check(number == last[sender] + 1);
        last[sender] = number;
        received++;
    }
}

/* A worker that has the process. `ends`: the process ends when it has received
 * something. */
static void run_process(bool ends)
{
    for (;;) {
        explore_wrote(&state);
        receive(rt__mailbox_take(&inbox));
        if (ends && received > 0) {
            receive(rt__mailbox_close(&inbox));
            explore_wrote(&state);
            return;
        }
        explore_wrote(&state);
        if (rt__mailbox_park(&inbox))
            return;
    }
}

/* The process is ours: it gets `m` without its inbox, as rt__push_to() does it.
 */
static void hand_over(struct envelope *m)
{
    explore_wrote(&state);
    receive(m);
    run_process(closes);
}

static void sender(unsigned me)
{
    for (unsigned i = 0; i < each; i++) {
        struct envelope *m = &envelopes[me][i];

        explore_wrote(m);
        if (claims && rt__mailbox_claim(&inbox)) {
            hand_over(m);
            continue;
        }
        switch (rt__mailbox_push(&inbox, m)) {
        case MAILBOX_WOKE:
            run_process(closes);
            break;
        case MAILBOX_PUSHED:
            break;
        case MAILBOX_CLOSED:
            refused++;
            break;
        }
    }
}

static unsigned senders;

static void end(void)
{
    explore_check(received + refused == senders * each);
    explore_check(load_relaxed(&inbox) ==
                  (closes ? MAILBOX_DEAD : MAILBOX_IDLE));
}

static struct explore_test test_of(const char *name, unsigned count,
                                   unsigned messages, bool ends)
{
    senders = count;
    each = messages;
    closes = ends;
    claims = false;
    return (struct explore_test){ .name = name,
                                  .threads = count,
                                  .begin = begin,
                                  .thread = sender,
                                  .end = end };
}

static void two_senders_two_messages(void **unused)
{
    struct explore_test test = test_of("two by two", 2, 2, false);

    (void)unused;
    check_holds(&test);
}

static void three_senders(void **unused)
{
    struct explore_test test = test_of("three senders", 3, 1, false);

    (void)unused;
    check_holds(&test);
}

static void close_against_push(void **unused)
{
    struct explore_test test = test_of("close", 2, 2, true);

    (void)unused;
    check_holds(&test);
}

static void two_senders_that_claim(void **unused)
{
    struct explore_test test = test_of("claiming", 2, 2, false);

    (void)unused;
    claims = true;
    check_holds(&test);
}

static void close_against_claim(void **unused)
{
    struct explore_test test = test_of("closing and claiming", 2, 2, true);

    (void)unused;
    claims = true;
    check_holds(&test);
}

static void a_relaxed_claim_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed claim", 2, 2, false);

    (void)unused;
    claims = true;
    check_finds(&test, EXPLORE_WEAK_CAS); /* claim and park */
}

static void a_relaxed_push_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed push", 2, 2, false);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_CAS); /* push and park */
}

static void a_relaxed_take_is_found(void **unused)
{
    struct explore_test test = test_of("relaxed take", 2, 2, false);

    (void)unused;
    check_finds(&test, EXPLORE_WEAK_SWAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_senders_two_messages),
        cmocka_unit_test(three_senders),
        cmocka_unit_test(close_against_push),
        cmocka_unit_test(two_senders_that_claim),
        cmocka_unit_test(close_against_claim),
        cmocka_unit_test(a_relaxed_claim_is_found),
        cmocka_unit_test(a_relaxed_push_is_found),
        cmocka_unit_test(a_relaxed_take_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
