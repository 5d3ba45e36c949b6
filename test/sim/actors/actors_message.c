/*
 * actors_message.c -- sending, and taking what comes: everything that reaches
 * an actor goes through here, and through the oracle.
 */
#include "actors_message.h"

#include <stdio.h>
#include <string.h>

#define BYTES_MAX (4u << 20)

void actors_note(const struct life *life, const char *what, int64_t n)
{
    char text[40];

    (void)snprintf(text, sizeof text, "life %u: %s %lld", life->number, what,
                   (long long)n);
    sim_trace(sim_of(life), text);
}

/* ---- Contents ----------------------------------------------------------- */

/* So that each byte of a message is determined by who sent it, and when. The
 * next eight of them. */
static uint64_t next_word(uint64_t *salt)
{
    *salt = *salt * 0x5851f42d4c957f2du + 0x14057b7ef767814fu;
    return *salt;
}

static void fill(uint8_t *bytes, size_t size, uint64_t salt)
{
    size_t i;

    for (i = 0; i < size; i += 8) {
        uint64_t word = next_word(&salt);

        memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
    }
}

static bool is_filled(const uint8_t *bytes, size_t size, uint64_t salt)
{
    size_t i;

    for (i = 0; i < size; i += 8) {
        uint64_t word = next_word(&salt);

        if (memcmp(bytes + i, &word, size - i < 8 ? size - i : 8) != 0)
            return false;
    }
    return true;
}

static int64_t check_sum(uint64_t from, uint64_t to, uint64_t seq,
                         uint64_t stamp, size_t size)
{
    uint64_t sum = from * 0x9e3779b97f4a7c15u ^ to * 0xbf58476d1ce4e5b9u ^
                   seq * 0x94d049bb133111ebu ^ stamp * 0xd6e8feb86659fd93u ^
                   (uint64_t)size;

    return (int64_t)(sum >> 8);
}

etf_term actors_message(struct life *life, struct gen *self, uint64_t to,
                        uint64_t seq, size_t size)
{
    static uint8_t bytes[BYTES_MAX];
    uint64_t stamp = ++life->stamp;

    if (size > BYTES_MAX)
        size = BYTES_MAX;
    fill(bytes, size, life->number * UINT64_C(1000003) + stamp);
    return etf_make(self, "{m, _, _, _, _, _, _}", (int64_t)life->number,
                    (int64_t)to, (int64_t)seq, (int64_t)stamp,
                    etf_binary(rt_region(self), bytes, size),
                    check_sum(life->number, to, seq, stamp, size));
}

/* ---- Sending ------------------------------------------------------------ */

#define BIT(e) (UINT64_C(1) << -(int)(AGNER_##e))

static void count_posted(struct life *life, struct life *to)
{
    to->posted++;
    if (to->actor->limit > 0 &&
        (to->actor->policy == RT_OVERFLOW_FAIL ||
         to->actor->policy == RT_OVERFLOW_BLOCK) &&
        actors_lives(to) && to->posted > to->intake + to->actor->limit + 1)
        oracle_fail(life->play, "I10",
                    "life %u has %llu messages; its limit is %u", to->number,
                    (unsigned long long)(to->posted - to->intake),
                    to->actor->limit);
}

enum agner_err actors_send(struct life *life, struct gen *self, struct life *to,
                           size_t size, bool cast, unsigned flags)
{
    bool local = actors_local(life, to), lived = actors_lives(to);
    uint64_t seq = oracle_sending(life, to);
    etf_term target = etf_from_pid(rt_region(self), actors_pid_from(life, to));
    etf_term message = actors_message(life, self, to->number, seq, size);
    enum agner_err err;

    life->sending = to->number;
    err = cast ? rt_cast(self, target, message)
               : rt_send_with(self, target, message, flags);
    life->sending = 0;
    if (err != AGNER_OK)
        oracle_unsent(life, to);
    else if (local)
        count_posted(life, to);
    if (err == AGNER_EMAILBOXFULL && local)
        life->play->refused++;
    if (err == AGNER_ENOPROC && local && lived && actors_lives(to) &&
        !to->suspect)
        oracle_fail(life->play, "I18", "no process: life %u, which lives",
                    to->number);
    oracle_i18_error(life, "send", err,
                     BIT(ENOPROC) | BIT(EMAILBOXFULL) | BIT(EINCARNATION) |
                         BIT(ENOCONN) | BIT(EAGAIN));
    return err;
}

/* ---- Taking ------------------------------------------------------------- */

static void take_message(struct life *life, etf_term message)
{
    struct play *play = life->play;
    int64_t from, to, seq, stamp, sum;
    etf_bytes bytes;

    if (!etf_match(message, "{m, _, _, _, _, _, _}", &from, &to, &seq, &stamp,
                   &bytes, &sum) ||
        from < 1 || from > play->life_count) {
        oracle_fail(play, "I2", "life %u received what nobody sends",
                    life->number);
        return;
    }
    actors_note(life, "got of", from);
    life->intake++;
    if (sum != check_sum((uint64_t)from, (uint64_t)to, (uint64_t)seq,
                         (uint64_t)stamp, bytes.size) ||
        !is_filled(bytes.data, bytes.size,
                   (uint64_t)from * UINT64_C(1000003) + (uint64_t)stamp))
        oracle_fail(play, "I2", "message %lld of life %lld to %u is damaged",
                    (long long)stamp, (long long)from, life->number);
    oracle_i1_i2_message(life, &play->lives[from - 1], (uint64_t)to,
                         (uint64_t)seq, (uint64_t)stamp);
}

void actors_answer_held(struct life *life, struct gen *self)
{
    unsigned i, count = life->held_count;

    life->held_count = 0;
    for (i = 0; i < count; i++) {
        struct gen_from from = life->held[i];

        (void)rt_reply(self, &from,
                       etf_make(self, "{r, _}", (int64_t)life->held_ids[i]));
    }
}

void actors_take_call(struct life *life, struct gen *self,
                      const struct gen_from *from, etf_term request)
{
    struct play *play = life->play;
    int64_t caller, to, id, how;

    if (etf_match(request, "{probe, _}", &id)) {
        (void)rt_reply(self, from, etf_make(self, "{r, _}", id));
        return;
    }
    actors_answer_held(life, self);
    if (!etf_match(request, "{c, _, _, _, _}", &caller, &to, &id, &how) ||
        caller < 1 || caller > play->life_count) {
        oracle_fail(play, "I2", "life %u received a call that nobody makes",
                    life->number);
        return;
    }
    life->intake++;
    if ((uint64_t)to != life->number)
        oracle_fail(play, "I13", "life %u received a call to life %lld",
                    life->number, (long long)to);
    actors_note(life, "is called by", caller);
    switch ((enum call_how)how) {
    case CALL_BEHIND_A_MESSAGE:
        (void)actors_send(life, self, &play->lives[caller - 1], 20, false,
                          RT_SEND_NOSUSPEND);
        break;
    case CALL_LATER:
        if (life->held_count == CALLS_HELD)
            break;
        life->held[life->held_count] = *from;
        life->held_ids[life->held_count++] = (uint64_t)id;
        return;
    case CALL_NEVER:
        return;
    case CALL_EXIT:
        life->suspect = true;
        rt_exit(self, etf_make(self, "{e, _}", (int64_t)life->number));
        return;
    case CALL_NOW:
    case CALL_HOWS:
        break;
    }
    (void)rt_reply(self, from, etf_make(self, "{r, _}", id));
}

void actors_take_cast(struct life *life, struct gen *self, etf_term request)
{
    actors_answer_held(life, self);
    take_message(life, request);
}

void actors_take_exit(struct life *life, struct gen *self, etf_term who,
                      etf_term reason)
{
    int64_t by, to;
    etf_pid pid;
    struct life *from = NULL;
    bool lost;

    (void)self;
    if (etf_get_pid(who, &pid))
        from = actors_of_pid(life->play, life->node, pid);
    if (from == NULL)
        return; /* a supervisor's */
    lost = etf_same(reason, ETF_A(noconnection)) && !actors_local(life, from);
    if (life->play->places[life->node].stopping && !lost)
        return; /* it may be in the name of a parent, who may live */
    actors_note(life, "hears the exit of", from->number);
    if (etf_match(reason, "{x, _, _}", &by, &to) && by == from->number &&
        to == life->number)
        return; /* an exit signal, not a link's */
    oracle_i4_exit(life, from, etf_same(reason, ETF_A(noconnection)));
}

/* Not what operations wait for. */
static bool take_event(struct life *life, struct gen *self, etf_term message)
{
    etf_term who, reason, object;
    int64_t id;
    etf_ref ref;

    if (etf_match(message, "{'EXIT', _, _}", &who, &reason)) {
        actors_take_exit(life, self, who, reason);
        return true;
    }
    if (etf_match(message, "{'DOWN', _, process, _, _}", &ref, &object,
                  &reason)) {
        oracle_i5_down(life, self, ref, reason);
        return true;
    }
    if (etf_match(message, "{t, _}", &id)) {
        oracle_i8_fired(life, (uint64_t)id);
        return true;
    }
    if (etf_match(message, "{nodedown, _, [__, {connection_id, _}]}", &who,
                  &id)) {
        oracle_i12_nodedown(life, who, (uint64_t)id);
        oracle_i5_nodedown(life, who, (uint64_t)id);
        return true;
    }
    if (etf_match(message, "{nodeup, _, [__, {connection_id, _}]}", &who,
                  &id)) {
        oracle_i12_nodeup(life, who, (uint64_t)id);
        return true;
    }
    return false;
}

void actors_take(struct life *life, struct gen *self, etf_term message)
{
    etf_term from_term, request;
    struct gen_from from;
    char text[120];

    if (etf_is_tagged(message, ETF_A(gen_call), 3)) {
        if (etf_match(message, "{'$gen_call', _, _}", &from_term, &request) &&
            rt_get_from(self, from_term, &from))
            actors_take_call(life, self, &from, request);
        return;
    }
    if (etf_match(message, "{'$gen_cast', _}", &request)) {
        actors_take_cast(life, self, request);
        return;
    }
    if (etf_same(message, ETF_A(call))) { /* a server's own: it may receive */
        (void)rt_send_pid(self, rt_self(self), message);
        return;
    }
    actors_answer_held(life, self);
    if (etf_tuple_size(message) == 7)
        take_message(life, message);
    else if (!take_event(life, self, message))
        oracle_fail(life->play, "I7", "life %u received %s", life->number,
                    etf_format(text, sizeof text, message));
}
