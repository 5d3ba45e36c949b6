/*
 * tx.c -- a transaction at one saga, without a vote: tx.h.
 *
 * The rules are a table, and the first row that fits holds. `who` is the
 * creator (C), another participant (P) or both; `how` the kinds of commit.
 *
 *   state  event        who how     it does                            next
 *   -----  -----------  --- ------  ---------------------------------  -------
 *   RUN    ask work     CP  all     nothing: it may                    RUN
 *   RUN    ask result   P   none    it was sent: forgets               ENDED
 *   RUN    ask result   CP  all     it was sent                        SENT
 *   RUN    ask interim  P   all     nothing: it may                    RUN
 *   RUN    ask cancel   CP  all     nothing: a cancel comes            RUN
 *   RUN    cancel       P   all     jobs, nexts; handle_tx_cancel      ENDED
 *   RUN    own cancel   CP  all     jobs, nexts, parent; ..._cancel    ENDED
 *   RUN    next cancel  CP  all     trapped: drops it, and tells       RUN
 *   RUN    next cancel  CP  all     jobs, nexts, parent; ..._cancel    ENDED
 *   RUN    parent down  P   all     jobs, nexts; handle_tx_cancel      ENDED
 *   RUN    lifespan     CP  all     jobs; handle_tx_cancel             ENDED
 *   RUN    result       CP  none    drops the next; ..._result         RUN
 *   RUN    result       CP  others  keeps the next; ..._result         RUN
 *   SENT   own          C   all     handle_tx_done                     SENT
 *   SENT   done         C   none    forgets                            ENDED
 *   SENT   done         C   notify  commits jobs, nexts, forgets       ENDED
 *   SENT   done         C   vote    the vote begins PREPARING SENT   commit P
 * notify  commits jobs, nexts; ..._commit    ENDED SENT   prepare      P   vote
 * the vote begins                    PREPARING
 *
 * SENT has the rows of RUN for cancels, ends and the lifespan. A lifespan is
 * over for all at about the same time, so nobody is told of it.
 */
#include "saga/tx.h"

enum {
    RUN = 1 << SAGA_RUN,
    SENT = 1 << SAGA_SENT,
    DECIDED = 1 << SAGA_DECIDED,
    OPEN = RUN | SENT,
    C = 1,
    P = 2,
    NONE = 1 << GEN_SAGA_NO_COMMIT,
    NOTIFY = 1 << GEN_SAGA_NOTIFY,
    VOTE = 1 << GEN_SAGA_VOTE,
    ALL = NONE | NOTIFY | VOTE,
};

/* A further condition. */
enum need { ANY, TRAPPED, ACKS, LAST_ACK, SOME_OPEN };

struct row {
    unsigned states;
    enum saga_event event;
    unsigned who, how;
    enum need need;
    enum agner_err err;
    enum saga_state next;
    unsigned actions;
};

#define END_ALL (SAGA_CANCEL_JOBS | SAGA_CANCEL_NEXTS)
#define GONE    (SAGA_FORGET | SAGA_CALL_CANCEL)
#define COMMIT  (SAGA_COMMIT_NEXTS | SAGA_COMMIT_JOBS)

/* clang-format off */
static const struct row rows[] = {
    { RUN,  SAGA_ASK_WORK,    C | P, ALL, ANY, AGNER_OK, SAGA_RUN, 0 },
    { SENT, SAGA_ASK_WORK,    C | P, ALL, ANY, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { RUN,  SAGA_ASK_RESULT,  C | P, ALL, SOME_OPEN, AGNER_ETXINPROGRESS, SAGA_RUN, 0 },
    { RUN,  SAGA_ASK_RESULT,  P, NONE, ANY, AGNER_OK, SAGA_ENDED, SAGA_FORGET },
    { RUN,  SAGA_ASK_RESULT,  C | P, ALL, ANY, AGNER_OK, SAGA_SENT, 0 },
    { SENT, SAGA_ASK_RESULT,  C | P, ALL, ANY, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { OPEN, SAGA_ASK_INTERIM, C, ALL, ANY, AGNER_ENOTALLOWED, SAGA_RUN, 0 },
    { RUN,  SAGA_ASK_INTERIM, P, ALL, ANY, AGNER_OK, SAGA_RUN, 0 },
    { SENT, SAGA_ASK_INTERIM, P, ALL, ANY, AGNER_ERESULTSENT, SAGA_SENT, 0 },
    { OPEN, SAGA_ASK_CANCEL,  C | P, ALL, ANY, AGNER_OK, SAGA_RUN, 0 },

    { OPEN, SAGA_ON_CANCEL,      P, ALL, ANY, AGNER_OK, SAGA_ENDED, END_ALL | GONE },
    { OPEN, SAGA_ON_OWN_CANCEL,  C | P, ALL, ANY, AGNER_OK, SAGA_ENDED, END_ALL | SAGA_CANCEL_PARENT | GONE },
    { OPEN, SAGA_ON_NEXT_CANCEL, C | P, ALL, TRAPPED, AGNER_OK, SAGA_RUN, SAGA_DROP_NEXT | SAGA_CALL_TRAPPED },
    { OPEN, SAGA_ON_NEXT_CANCEL, C | P, ALL, ANY, AGNER_OK, SAGA_ENDED, END_ALL | SAGA_CANCEL_PARENT | GONE },
    { OPEN, SAGA_ON_PARENT_DOWN, P, ALL, ANY, AGNER_OK, SAGA_ENDED, END_ALL | GONE },
    { OPEN, SAGA_ON_LIFESPAN,    C | P, ALL, ANY, AGNER_OK, SAGA_ENDED, SAGA_CANCEL_JOBS | GONE },

    { RUN,  SAGA_ON_RESULT, C | P, NONE, ANY, AGNER_OK, SAGA_RUN, SAGA_DROP_NEXT | SAGA_CALL_RESULT },
    { RUN,  SAGA_ON_RESULT, C | P, ALL, ANY, AGNER_OK, SAGA_RUN, SAGA_KEEP_NEXT | SAGA_CALL_RESULT },
    { SENT, SAGA_ON_OWN,    C, ALL, ANY, AGNER_OK, SAGA_SENT, SAGA_CALL_DONE },
    { SENT, SAGA_ON_DONE,   C, NONE, ANY, AGNER_OK, SAGA_ENDED, SAGA_FORGET },
    { SENT, SAGA_ON_DONE,   C, NOTIFY, ACKS, AGNER_OK, SAGA_DECIDED, COMMIT },
    { SENT, SAGA_ON_DONE,   C, NOTIFY, ANY, AGNER_OK, SAGA_ENDED, COMMIT | SAGA_FORGET },
    { SENT, SAGA_ON_DONE,   C, VOTE, ANY, AGNER_OK, SAGA_PREPARING, SAGA_PREPARE },
    { SENT, SAGA_ON_COMMIT, P, NOTIFY, ANY, AGNER_OK, SAGA_ENDED, COMMIT | SAGA_ACK | SAGA_FORGET | SAGA_CALL_COMMIT },
    { SENT, SAGA_ON_PREPARE, P, VOTE, ANY, AGNER_OK, SAGA_PREPARING, SAGA_PREPARE },

    /* The creator of a notice waits for the acknowledgements, for a while. */
    { DECIDED, SAGA_ON_ACK,      C, NOTIFY, LAST_ACK, AGNER_OK, SAGA_ENDED, SAGA_FORGET | SAGA_CALL_ACKS },
    { DECIDED, SAGA_ON_ACK,      C, NOTIFY, ANY, AGNER_OK, SAGA_DECIDED, 0 },
    { DECIDED, SAGA_ON_LIFESPAN, C, NOTIFY, ANY, AGNER_OK, SAGA_ENDED, SAGA_FORGET | SAGA_CALL_ACKS },
    { DECIDED, SAGA_ASK_CANCEL,  C, NOTIFY, ANY, AGNER_ENOTALLOWED, SAGA_DECIDED, 0 },
    { DECIDED, SAGA_ASK_WORK,    C, NOTIFY, ANY, AGNER_ERESULTSENT, SAGA_DECIDED, 0 },
    { DECIDED, SAGA_ASK_RESULT,  C, NOTIFY, ANY, AGNER_ERESULTSENT, SAGA_DECIDED, 0 },
    { DECIDED, SAGA_ASK_INTERIM, C, NOTIFY, ANY, AGNER_ENOTALLOWED, SAGA_DECIDED, 0 },
};
/* clang-format on */

static bool met(enum need need, const struct saga_look *look)
{
    switch (need) {
    case ANY:
        return true;
    case TRAPPED:
        return look->trapped;
    case ACKS:
        return look->acks;
    case LAST_ACK:
        return look->unacked == 0;
    case SOME_OPEN:
        return look->open != 0;
    }
    return false;
}

static bool fits(const struct row *row, const struct saga_look *look,
                 enum saga_event event)
{
    return row->event == event && (row->states & 1u << look->state) != 0 &&
           (row->who & (look->creator ? C : P)) != 0 &&
           (row->how & 1u << look->commit) != 0 && met(row->need, look);
}

/* What its own cancel, which is on its way, makes pointless. A commit that
 * comes before it holds. */
static bool waits_for_cancel(enum saga_event event)
{
    switch (event) {
    case SAGA_ASK_WORK:
    case SAGA_ASK_RESULT:
    case SAGA_ASK_INTERIM:
    case SAGA_ASK_CANCEL:
    case SAGA_ON_RESULT:
    case SAGA_ON_OWN:
    case SAGA_ON_DONE:
    case SAGA_ON_PREPARE:
    case SAGA_ON_YES:
        return true;
    case SAGA_ON_CANCEL:
    case SAGA_ON_OWN_CANCEL:
    case SAGA_ON_COMMIT:
    case SAGA_ON_NEXT_CANCEL:
    case SAGA_ON_PARENT_DOWN:
    case SAGA_ON_LIFESPAN:
    case SAGA_ON_NO:
    case SAGA_ON_ABORT:
    case SAGA_ON_OUTCOME:
    case SAGA_ON_ACK:
    case SAGA_ON_TICK:
        break;
    }
    return false;
}

struct saga_step saga__tx_step(const struct saga_look *look,
                               enum saga_event event)
{
    struct saga_step step = { .err = AGNER_ETXUNKNOWN, .state = look->state };

    if (look->state == SAGA_ENDED)
        return step;
    if (look->cancelling && waits_for_cancel(event)) {
        step.err = AGNER_ETXCANCELLED;
        return step;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!fits(&rows[i], look, event))
            continue;
        step.err = rows[i].err;
        step.actions = rows[i].actions;
        /* RUN stands for the state that it has, unless the row ends it. */
        step.state = rows[i].next == SAGA_RUN ? look->state : rows[i].next;
        return step;
    }
    return look->commit == GEN_SAGA_VOTE ? saga__vote_step(look, event) : step;
}

enum agner_err saga__hop(uint64_t hop_limit, uint64_t trail)
{
    return trail + 1 > hop_limit ? AGNER_EHOPLIMIT : AGNER_OK;
}

enum agner_err saga__time(uint64_t left_ms, uint64_t asked_ms,
                          uint64_t *time_ms)
{
    if (asked_ms > left_ms)
        return AGNER_ELIFESPAN;
    *time_ms = asked_ms != 0 ? asked_ms : left_ms;
    return AGNER_OK;
}
