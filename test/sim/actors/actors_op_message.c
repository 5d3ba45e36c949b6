/*
 * actors_op_message.c -- operations: messages, calls, receiving.
 */
#include "actors_message.h"
#include "actors_op.h"

#include <string.h>

/* Whose mailbox blocks senders is not waited for by one who may be waited for
 * itself: the program would lock itself up, which is no defect of agner. */
static unsigned send_flags(const struct life *life)
{
    return life->actor->limit > 0 ? RT_SEND_NOSUSPEND : 0;
}

void op_send(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);

    if (to != NULL)
        (void)actors_send(life, self, to, (size_t)n[2], false,
                          send_flags(life));
}

void op_send_large(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);

    if (to != NULL)
        (void)actors_send(life, self, to, (size_t)n[2] * 1024, false,
                          send_flags(life));
}

void op_flood(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);
    int64_t i;

    for (i = 0; to != NULL && i < n[1] && rt_check(self) == AGNER_OK; i++) {
        (void)actors_send(life, self, to, (size_t)n[2], false,
                          send_flags(life));
        rt_reset(self);
    }
}

void op_cast(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);

    if (to != NULL &&
        (to->actor->policy != RT_OVERFLOW_BLOCK || to->actor->limit == 0))
        (void)actors_send(life, self, to, (size_t)n[2], true, 0);
}

/* Whoever has the name, here or on the target's node. */
void op_send_name(struct life *life, struct gen *self, const int64_t *n)
{
    const struct life *to = actors_target(life, n[0]);
    etf_term name = actors_name((unsigned)n[1]);
    enum agner_err err;
    etf_pid owner;
    struct life *holder = NULL;

    if (to == NULL)
        return;
    if (rt_whereis(rt_of(self), name, &owner) == AGNER_OK)
        holder = actors_of_pid(life->play, life->node, owner);
    if (holder != NULL && holder->actor->limit > 0)
        return; /* counted by pid only */
    if (!actors_local(life, to))
        name =
            etf_make(self, "{_, _}", name, life->play->places[to->node].name);
    err =
        rt_send_with(self, name, actors_message(life, self, 0, 0, (size_t)n[2]),
                     RT_SEND_NOSUSPEND);
    oracle_i18_error(life, "send to a name", err,
                     ERR(ENOPROC) | ERR(ENONAME) | ERR(EMAILBOXFULL) |
                         ERR(ENOCONN) | ERR(EAGAIN));
}

void op_send_alias(struct life *life, struct gen *self, const int64_t *n)
{
    const struct life *to = actors_target(life, n[0]);
    enum agner_err err;

    if (to == NULL || !to->has_alias || to->actor->limit > 0)
        return;
    err = rt_send_with(
        self, etf_from_ref(rt_region(self), actors_alias_from(life, to)),
        actors_message(life, self, to->number, 0, (size_t)n[2]),
        RT_SEND_NOSUSPEND);
    oracle_i18_error(life, "send to an alias", err,
                     ERR(ENOPROC) | ERR(ENOALIAS) | ERR(EMAILBOXFULL) |
                         ERR(ENOCONN) | ERR(EAGAIN) | ERR(EINCARNATION));
}

/* ---- Calls -------------------------------------------------------------- */

/* G2: a message that was sent before the reply is there. */
static void check_behind(struct life *life, struct gen *self,
                         const struct life *callee)
{
    const struct pair *pair = oracle_find_pair(callee, life->number);
    uint64_t expected = pair == NULL ? 0 : pair->sent;
    bool complete = pair != NULL && pair->gapless && life->actor->limit == 0;
    etf_term message;

    while (rt_receive(self, 0, &message) == AGNER_OK)
        actors_take(life, self, message);
    if (complete && pair->received < expected && rt_check(self) == AGNER_OK)
        oracle_fail(life->play, "I1",
                    "life %u: the reply of %u overtook message %llu",
                    life->number, callee->number, (unsigned long long)expected);
}

static etf_term request_of(struct life *life, struct gen *self,
                           const struct life *to, int64_t how)
{
    return etf_make(self, "{c, _, _, _, _}", (int64_t)life->number,
                    (int64_t)to->number, (int64_t)++life->calls,
                    how % CALL_HOWS);
}

#define CALL_ERRORS \
    (ERR(ENOPROC) | ERR(EEXIT) | ERR(ENODEDOWN) | ERR(ETIMEOUT) | \
     ERR(EMAILBOXFULL) | ERR(ENOCONN))

void op_call(struct life *life, struct gen *self, const int64_t *n)
{
    struct life *to = actors_target(life, n[0]);
    uint64_t began_ns = actors_now_ns(life), timeout_ms = (uint64_t)n[1];
    etf_term target, request, reply = ETF_NONE;
    bool behind = n[2] % CALL_HOWS == CALL_BEHIND_A_MESSAGE;
    enum agner_err err;
    uint64_t id;

    if (to == NULL || timeout_ms == 0 || life->actor->limit > 0)
        return;
    if (to->actor->limit > 0 && to->actor->policy != RT_OVERFLOW_FAIL)
        return; /* may wait for room, or be dropped */
    target = etf_from_pid(rt_region(self), actors_pid_from(life, to));
    request = request_of(life, self, to, n[2]);
    id = life->calls;
    if (actors_local(life, to))
        to->posted++; /* the callee counts it too */
    err = rt_call(self, target, request, timeout_ms, &reply);
    if (actors_local(life, to) && err != AGNER_OK)
        to->posted--; /* it may not have been sent at all */
    if (actors_local(life, to) && err == AGNER_EMAILBOXFULL)
        life->play->refused++;
    oracle_i18_error(life, "call", err, CALL_ERRORS);
    oracle_i7_outcome(life, to, id, began_ns, timeout_ms, err, reply);
    if (err == AGNER_OK && behind)
        check_behind(life, self, to);
}

void op_requests(struct life *life, struct gen *self, const int64_t *n)
{
    struct rt_request ids[6];
    struct life *callees[6];
    uint64_t numbers[6], began_ns = actors_now_ns(life);
    size_t count = 0, left, i;

    if (life->actor->limit > 0)
        return;
    for (i = 0; i < (size_t)n[2] + 1 && i < 6; i++) {
        struct life *to = actors_target(life, n[0] + (int64_t)i);

        if (to == NULL || to->actor->limit > 0)
            continue;
        if (rt_request_send(
                self, etf_from_pid(rt_region(self), actors_pid_from(life, to)),
                request_of(life, self, to, n[3]), &ids[count]) != AGNER_OK)
            continue;
        callees[count] = to;
        numbers[count++] = life->calls;
    }
    for (left = count; left > 0; left--) {
        etf_term reply = ETF_NONE;
        size_t which = count;
        enum agner_err err = rt_request_wait_any(
            self, ids, count, (uint64_t)n[1] + 1, &which, &reply);

        oracle_i18_error(life, "wait for requests", err, CALL_ERRORS);
        if (err == AGNER_ETIMEOUT || err == AGNER_EEXITING ||
            err == AGNER_EKILLED)
            break;
        if (which >= count) {
            oracle_fail(life->play, "I7", "life %u: an outcome of no request",
                        life->number);
            return;
        }
        oracle_i7_outcome(life, callees[which], numbers[which], began_ns, 0,
                          err, reply);
        memset(&ids[which], 0, sizeof ids[which]);
    }
    for (i = 0; i < count; i++)
        if (ids[i].ref.count > 0)
            rt_request_abandon(self, &ids[i]);
}

/* ---- Receiving ---------------------------------------------------------- */

void op_receive(struct life *life, struct gen *self, const int64_t *n)
{
    etf_term message;
    int64_t i;

    for (i = 0; i <= n[1]; i++) {
        if (rt_receive(self, (uint64_t)n[0], &message) != AGNER_OK)
            return;
        actors_take(life, self, message);
    }
}

/* Calls, exits and timers: what may overtake the rest without being noticed. */
static bool is_event(void *ctx, etf_term message)
{
    size_t size = etf_tuple_size(message);

    (void)ctx;
    return size > 0 && size != 7 &&
           !etf_is_tagged(message, ETF_A(gen_cast), 2) &&
           !etf_is_tagged(message, ETF_A(DOWN), 5) &&
           !etf_is_tagged(message, ETF_A(nodeup), 3) &&
           !etf_is_tagged(message, ETF_A(nodedown), 3);
}

void op_select(struct life *life, struct gen *self, const int64_t *n)
{
    etf_term message;

    if (rt_receive_match(self, is_event, NULL, (uint64_t)n[1], &message) ==
        AGNER_OK)
        actors_take(life, self, message);
}
