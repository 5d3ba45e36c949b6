/*
 * oracle_time.c -- calls, timers, and which errors there may be: I7, I8, I18.
 */
#include "actors_play.h"

void oracle_i18_error(struct life *life, const char *what, enum agner_err err,
                      uint64_t allowed)
{
    uint64_t always = UINT64_C(1) << -AGNER_EEXITING |
                      UINT64_C(1) << -AGNER_EKILLED | UINT64_C(1) << -AGNER_OK;

    if (err > 0 || err < -63 || ((always | allowed) >> -err & 1) == 0)
        oracle_fail(life->play, "I18", "%s: %s, which it does not document",
                    what, agner_strerror(err));
}

/* G23: the reply is that of this call, a time-out was waited for, and who is
 * said to be gone is. */
void oracle_i7_outcome(struct life *life, struct life *callee, uint64_t id,
                       uint64_t began_ns, uint64_t timeout_ms,
                       enum agner_err err, etf_term reply)
{
    uint64_t now_ns = actors_now_ns(life);
    int64_t got;

    if (err == AGNER_OK &&
        (!etf_match(reply, "{r, _}", &got) || (uint64_t)got != id))
        oracle_fail(life->play, "I7", "life %u: the reply to another call",
                    life->number);
    if (err == AGNER_ETIMEOUT && now_ns - began_ns < timeout_ms * 1000000)
        oracle_fail(life->play, "I7",
                    "life %u: timed out after %llu ns of "
                    "%llu ms",
                    life->number, (unsigned long long)(now_ns - began_ns),
                    (unsigned long long)timeout_ms);
    if (actors_local(life, callee) && actors_lives(callee) &&
        (err == AGNER_ENODEDOWN || err == AGNER_ENOCONN ||
         err == AGNER_ENOPROC || err == AGNER_EEXIT))
        oracle_fail(life->play, "I7", "life %u: %u is gone, but lives",
                    life->number, callee->number);
}

void oracle_i8_fired(struct life *life, uint64_t id)
{
    uint64_t now_ns = actors_now_ns(life);
    struct clock *clock = NULL;
    unsigned i;

    for (i = 0; i < TIMERS; i++)
        if (life->clocks[i].state != CLOCK_FREE && life->clocks[i].id == id)
            clock = &life->clocks[i];
    if (clock == NULL) {
        if (life->clock_next < TIMERS)
            oracle_fail(life->play, "I8", "life %u: no timer %llu",
                        life->number, (unsigned long long)id);
        return;
    }
    if (clock->state == CLOCK_FIRED)
        oracle_fail(life->play, "I8", "life %u: a timer fired twice",
                    life->number);
    if (clock->state == CLOCK_CANCELLED)
        oracle_fail(life->play, "I8", "life %u: a timer after its cancel",
                    life->number);
    if (now_ns < clock->due_ns)
        oracle_fail(life->play, "I8", "life %u: a timer %llu ns early",
                    life->number, (unsigned long long)(clock->due_ns - now_ns));
    clock->state = CLOCK_FIRED;
}

void oracle_i8_all_timers_fired(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->life_count; i++) {
        const struct life *life = &play->lives[i];

        if (!actors_lives(life) || life->actor->limit > 0)
            continue;
        for (j = 0; j < TIMERS; j++) {
            const struct clock *clock = &life->clocks[j];
            bool due = clock->due_ns + 1000000000u <= actors_now_ns(life);

            if (clock->state == CLOCK_LATE || (clock->state == CLOCK_ON && due))
                oracle_fail(play, "I8", "life %u: a timer never fired",
                            life->number);
        }
    }
}
