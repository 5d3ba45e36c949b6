/*
 * test_behaviors_statem_engine.c -- the order of events as a table of cases.
 *
 * A case is a text: what callbacks ask for, event by event, and what the engine
 * then holds. One letter is one event or time-out.
 *
 *     p    the event at hand, named by the next letter, is postponed
 *     i    the event of the next letter is inserted
 *     !    the state has changed
 *     s e x y   state, event, and two named time-outs, each followed by its
 *          order: 0, 9 (ms), @ (at a time), u (update), c (cancel)
 *     .    the turn is over
 *     >    the next event is taken out, and its turn begins
 *     f    the timer of the time-out in the next letter has fired
 *
 * What is held, in order: events; due; postponed; timers; then what had to be
 * started and stopped over all turns. A time-out is shown by its letter and the
 * number of the order that gave it its content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "statem_engine.h"

static const struct {
    const char *what;
    const char *script;
    const char *held; /* "events|due|postponed|timers|started|stopped" */
} cases[] = {
    { "nothing happens", ".", "|||||" },
    { "postponed events keep their order", "pa.pb.pc.", "||abc|||" },
    { "they come back when the state has changed", "pa.pb.!.", "ab|||||" },
    { "the last one may change it", "pa.pb!.", "ab|||||" },
    { "inserted events come first", "pa.ibic!.", "bca|||||" },
    { "...also before those inserted earlier", "iaib.>icid.", "cdb|||||" },
    { "retried before inserted earlier", "pa.ibic.>!.", "ac|||||" },
    { "a time-out starts", "s9.", "|||s1|s1|" },
    { "a time-out at a time starts", "s@.", "|||s1|s1|" },
    { "one of 0 is due", "s0.", "|s1||||" },
    { "one at a time is never due", "x@y0.", "|y2||x1|x1|" },
    { "due ones keep their order", "x0s0y0.", "|x1s2y3||||" },
    { "the last of a name counts", "s9x9s0.", "|s3||x2|x2|" },
    { "...in its own place", "x0y0x0.", "|y2x3||||" },
    { "a new one replaces", "s9.s9.", "|||s2|s1s2|s1" },
    { "a new one replaces one that is due", "x0y0.x0.", "|y2x3||||x1" },
    { "0 replaces one that runs", "x9.x0.", "|x2|||x1|x1" },
    { "one that runs replaces 0", "x0.x9.", "|||x2|x2|x1" },
    { "an update keeps the timer", "x9.xu.", "|||x2|x1|x1" },
    { "an update keeps the place", "x0y0.xu.", "|x3y2||||x1" },
    { "an update of nothing is due", "xu.", "|x1||||" },
    { "a cancel ends it", "x9.xc.", "||||x1|x1x2" },
    { "a cancel ends one that is due", "x0.xc.", "|||||x1x2" },
    { "a cancel of nothing", "xc.", "|||||x1" },
    { "a state time-out ends with its state", "s9.!.", "||||s1|s1" },
    { "...also when it is due", "s0ia.>!.", "|||||s1" },
    { "...but not a new one", "s9.!s9.", "|||s2|s1s2|s1" },
    { "a named one lives on", "x9.!.", "|||x1|x1|" },
    { "an event time-out ends with any event", "e9..", "||||e1|e1" },
    { "...an inserted one too", "e0ia.>.", "|||||e1" },
    { "...but not with its own", "e9.", "|||e1|e1|" },
    { "a fired one is gone", "x9y9.fx.", "|||y2|x1y2|" },
    { "next is an event, then what is due", "x0ia.>.>.", "|||||" },
};

struct bench {
    struct statem_engine engine;
    struct statem_step step;
    struct statem_item *at_hand, *postponed;
    unsigned orders, timers; /* so far */
    char started[64], stopped[64];
};

static struct statem_item *new_item(char letter)
{
    struct statem_item *item = calloc(1, sizeof *item);

    assert_non_null(item);
    item->event.type = GEN_STATEM_CAST;
    item->event.content = etf_int(NULL, letter);
    return item;
}

static void name_item(const struct statem_item *item, char *text)
{
    int64_t number = 0;

    (void)etf_get_int(item->event.content, &number);
    text += strlen(text);
    switch (item->event.type) {
    case GEN_STATEM_STATE_TIMEOUT:
        sprintf(text, "s%lld", (long long)number);
        break;
    case GEN_STATEM_TIMEOUT:
        sprintf(text, "e%lld", (long long)number);
        break;
    case GEN_STATEM_NAMED_TIMEOUT:
        sprintf(text, "%.1s%lld",
                (const char *)etf_atom_text(item->event.name).data,
                (long long)number);
        break;
    default:
        sprintf(text, "%c", (char)number);
        break;
    }
}

static void name_all(const struct statem_queue *q, char *text)
{
    for (const struct statem_item *item = q->first; item != NULL;
         item = item->next)
        name_item(item, text);
}

static struct statem_item *new_timeout(struct bench *b, char letter, char order)
{
    struct statem_item *item = new_item(letter);

    item->event.content = etf_int(NULL, ++b->orders);
    item->event.type = letter == 's'   ? GEN_STATEM_STATE_TIMEOUT
                       : letter == 'e' ? GEN_STATEM_TIMEOUT
                                       : GEN_STATEM_NAMED_TIMEOUT;
    if (item->event.type == GEN_STATEM_NAMED_TIMEOUT)
        item->event.name = etf_atom_n(&letter, 1);
    item->ms = order == '9' ? 9 : 0;
    item->order = order == 'u'   ? STATEM_UPDATE
                  : order == 'c' ? STATEM_CANCEL
                  : order == '@' ? STATEM_AT
                                 : STATEM_AFTER;
    return item;
}

/* Ends the turn, and does what the engine leaves to be done. */
static void end_turn(struct bench *b)
{
    struct statem_outcome outcome;
    struct statem_item *item;

    gen__statem_settle(&b->engine, &b->step, b->postponed, &outcome);
    assert_null(b->step.asked.first);
    assert_null(b->step.inserted.first);
    name_all(&outcome.fresh, b->started);
    name_all(&outcome.gone, b->stopped);
    while ((item = gen__queue_take(&outcome.gone)) != NULL)
        free(item);
    while ((item = gen__queue_take(&outcome.fresh)) != NULL) {
        item->ref.count = 1;
        item->ref.words[0] = 100 + b->timers++;
        gen__queue_put(&b->engine.timers, item);
    }
    free(b->at_hand);
    b->at_hand = b->postponed = NULL;
    b->step = (struct statem_step){ 0 };
}

static void fire(struct bench *b, char letter)
{
    struct statem_item *item = b->engine.timers.first;
    etf_ref ref, unknown = { .count = 1, .words = { 7 } };

    while (item != NULL && !etf_same(item->event.name, etf_atom_n(&letter, 1)))
        item = item->next;
    assert_non_null(item);
    ref = item->ref;
    assert_null(gen__statem_fired(&b->engine, unknown));
    b->at_hand = gen__statem_fired(&b->engine, ref);
    assert_ptr_equal(b->at_hand, item);
    assert_null(gen__statem_fired(&b->engine, ref));
}

static void run(struct bench *b, const char *script)
{
    for (; *script != '\0'; script++) {
        switch (*script) {
        case 'p':
            b->postponed = new_item(*++script);
            break;
        case 'i':
            gen__queue_put(&b->step.inserted, new_item(*++script));
            break;
        case '!':
            b->step.changed = true;
            break;
        case '.':
            end_turn(b);
            break;
        case '>':
            assert_true(gen__statem_has_next(&b->engine));
            b->at_hand = gen__statem_next(&b->engine);
            break;
        case 'f':
            fire(b, *++script);
            break;
        default:
            free(gen__statem_ask(&b->step,
                                 new_timeout(b, script[0], script[1])));
            script++;
            break;
        }
    }
}

static void empty(struct statem_queue *q)
{
    struct statem_item *item;

    while ((item = gen__queue_take(q)) != NULL)
        free(item);
}

static void holds_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b = { 0 };
        char held[400] = "";

        run(&b, cases[i].script);
        assert_int_equal(gen__statem_has_next(&b.engine),
                         cases[i].held[0] != '|' || cases[i].held[1] != '|');
        name_all(&b.engine.events, held);
        strcat(held, "|");
        name_all(&b.engine.due, held);
        strcat(held, "|");
        name_all(&b.engine.postponed, held);
        strcat(held, "|");
        name_all(&b.engine.timers, held);
        strcat(strcat(strcat(strcat(held, "|"), b.started), "|"), b.stopped);
        if (strcmp(held, cases[i].held) != 0)
            fail_msg("%s: \"%s\" gives %s, not %s", cases[i].what,
                     cases[i].script, held, cases[i].held);
        empty(&b.engine.events);
        empty(&b.engine.due);
        empty(&b.engine.postponed);
        empty(&b.engine.timers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
