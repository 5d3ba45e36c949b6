/*
 * vote.c -- the states of a two-phase commit, at the creator (C) and at other
 * participants (P): tx.h.
 *
 *   state      event        who  it does                              next
 *   ---------  -----------  ---  -----------------------------------  ---------
 *   PREPARING  yes          CP   nothing while more are to come       PREPARING
 *   PREPARING  yes, last    P    votes yes                            PREPARED
 *   PREPARING  yes, last    C    writes the decision, then tells all  DECIDED
 *   PREPARING  no           CP   votes no, cancels below              ENDED
 *   PREPARING  cancel, end  CP   the same                             ENDED
 *   PREPARED   commit       P    jobs, erases, acks; ..._commit       ENDED
 *   PREPARED   abort        P    jobs, erases; handle_tx_cancel       ENDED
 *   PREPARED   cancel       P    the same: it never comes after yes   ENDED
 *   PREPARED   parent down  P    asks the creator                     PREPARED
 *   PREPARED   tick         P    asks the creator                     PREPARED
 *   PREPARED   others       P    nothing: it never decides alone      PREPARED
 *   DECIDED    ack, last    C    erases the decision, forgets         ENDED
 *   DECIDED    tick         C    tells those who have not acked       DECIDED
 *   DECIDED    outcome      C    answers: commit                      DECIDED
 *   OVER       tick         CP   tries to erase again, then acks      ENDED
 *
 * Presumed abort: who asks for a transaction that its creator does not know is
 * answered: abort. One that is still voting is not answered. The creator
 * forgets a decision when the last one has acknowledged it, and a participant
 * acknowledges when its own record is gone, so that none is ever asked for
 * after it was forgotten. Who passed the transaction on cancels a prepared one
 * only while it has not voted yes itself: then nothing can be decided but
 * abort.
 */
#include "saga/tx.h"

#define END_ALL (SAGA_CANCEL_JOBS | SAGA_CANCEL_NEXTS)
#define GONE    (SAGA_ERASE | SAGA_FORGET | SAGA_CALL_CANCEL)

static struct saga_step go(enum saga_state state, unsigned actions)
{
    struct saga_step step = { AGNER_OK, state, actions };

    return step;
}

static struct saga_step refuse(const struct saga_look *look, enum agner_err err)
{
    struct saga_step step = { err, look->state, 0 };

    return step;
}

static struct saga_step abort_vote(const struct saga_look *look)
{
    return go(SAGA_ENDED, END_ALL | (look->creator ? 0 : SAGA_VOTE_NO) | GONE);
}

static struct saga_step preparing(const struct saga_look *look,
                                  enum saga_event event)
{
    switch (event) {
    case SAGA_ON_YES:
        if (look->votes != 0)
            return go(SAGA_PREPARING, 0);
        if (look->creator)
            return go(SAGA_DECIDED, SAGA_DECIDE | SAGA_PUSH | SAGA_COMMIT_JOBS |
                                        SAGA_CALL_COMMIT);
        return go(SAGA_PREPARED, SAGA_VOTE_YES);
    case SAGA_ON_NO:
    case SAGA_ON_CANCEL:
    case SAGA_ON_OWN_CANCEL:
    case SAGA_ON_NEXT_CANCEL: /* trapped too: the result has it in it */
    case SAGA_ON_PARENT_DOWN:
    case SAGA_ON_LIFESPAN:
        return abort_vote(look);
    case SAGA_ASK_CANCEL:
        return go(SAGA_PREPARING, 0);
    case SAGA_ASK_WORK:
    case SAGA_ASK_RESULT:
        return refuse(look, AGNER_ERESULTSENT);
    case SAGA_ASK_INTERIM:
        return refuse(look,
                      look->creator ? AGNER_ENOTALLOWED : AGNER_ERESULTSENT);
    case SAGA_ON_RESULT:
    case SAGA_ON_OWN:
    case SAGA_ON_DONE:
    case SAGA_ON_COMMIT:
    case SAGA_ON_PREPARE:
    case SAGA_ON_ABORT:
    case SAGA_ON_OUTCOME:
    case SAGA_ON_ACK:
    case SAGA_ON_TICK:
        break;
    }
    return refuse(look, AGNER_ETXUNKNOWN);
}

static struct saga_step prepared(const struct saga_look *look,
                                 enum saga_event event)
{
    switch (event) {
    case SAGA_ON_COMMIT:
        return go(SAGA_ENDED, SAGA_COMMIT_JOBS | SAGA_ERASE | SAGA_ACK |
                                  SAGA_FORGET | SAGA_CALL_COMMIT);
    case SAGA_ON_CANCEL:
    case SAGA_ON_ABORT:
        return go(SAGA_ENDED, END_ALL | GONE);
    case SAGA_ON_PARENT_DOWN:
    case SAGA_ON_TICK:
        return go(SAGA_PREPARED, SAGA_ASK);
    case SAGA_ON_OWN_CANCEL:
        if (look->lost)
            return go(SAGA_ENDED, END_ALL | GONE);
        break;
    case SAGA_ASK_CANCEL:
        return look->lost ? go(SAGA_PREPARED, 0)
                          : refuse(look, AGNER_ENOTALLOWED);
    case SAGA_ASK_WORK:
    case SAGA_ASK_RESULT:
    case SAGA_ASK_INTERIM:
        return refuse(look, AGNER_ERESULTSENT);
    case SAGA_ON_NEXT_CANCEL:
    case SAGA_ON_LIFESPAN:
    case SAGA_ON_RESULT:
    case SAGA_ON_OWN:
    case SAGA_ON_DONE:
    case SAGA_ON_PREPARE:
    case SAGA_ON_YES:
    case SAGA_ON_NO:
    case SAGA_ON_OUTCOME:
    case SAGA_ON_ACK:
        break;
    }
    return refuse(look, AGNER_ETXUNKNOWN);
}

static struct saga_step decided(const struct saga_look *look,
                                enum saga_event event)
{
    switch (event) {
    case SAGA_ON_ACK:
        if (look->unacked != 0)
            return go(SAGA_DECIDED, 0);
        return go(SAGA_ENDED, SAGA_ERASE | SAGA_FORGET);
    case SAGA_ON_TICK:
        return go(SAGA_DECIDED, SAGA_PUSH);
    case SAGA_ON_OUTCOME:
        return go(SAGA_DECIDED, SAGA_TELL);
    case SAGA_ASK_CANCEL:
    case SAGA_ASK_INTERIM:
        return refuse(look, AGNER_ENOTALLOWED);
    case SAGA_ASK_WORK:
    case SAGA_ASK_RESULT:
        return refuse(look, AGNER_ERESULTSENT);
    case SAGA_ON_CANCEL:
    case SAGA_ON_OWN_CANCEL:
    case SAGA_ON_NEXT_CANCEL:
    case SAGA_ON_PARENT_DOWN:
    case SAGA_ON_LIFESPAN:
    case SAGA_ON_RESULT:
    case SAGA_ON_OWN:
    case SAGA_ON_DONE:
    case SAGA_ON_COMMIT:
    case SAGA_ON_PREPARE:
    case SAGA_ON_YES:
    case SAGA_ON_NO:
    case SAGA_ON_ABORT:
        break;
    }
    return refuse(look, AGNER_ETXUNKNOWN);
}

struct saga_step saga__vote_step(const struct saga_look *look,
                                 enum saga_event event)
{
    switch (look->state) {
    case SAGA_PREPARING:
        return preparing(look, event);
    case SAGA_PREPARED:
        return prepared(look, event);
    case SAGA_DECIDED:
        return decided(look, event);
    case SAGA_OVER:
        if (event == SAGA_ON_COMMIT || event == SAGA_ON_TICK)
            return go(SAGA_ENDED, SAGA_ERASE | SAGA_ACK | SAGA_FORGET);
        return refuse(look, AGNER_ETXUNKNOWN);
    case SAGA_RUN:
    case SAGA_SENT:
    case SAGA_ENDED:
        break;
    }
    return refuse(look, AGNER_ETXUNKNOWN);
}
