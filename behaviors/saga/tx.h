/*
 * tx.h -- what a transaction does with what happens to it, at one saga.
 *
 * Private to behaviors/. Plain structs in and out: no process, clock or
 * memory. tx.c has the part that all transactions have, vote.c that of a
 * two-phase commit; who acts on it is saga_act.c.
 *
 *   state           what is true                             left by
 *   --------------  ---------------------------------------  ---------------
 *   SAGA_RUN        works: it may ask others                 result, cancel
 *   SAGA_SENT       its result is out, it waits for the end  commit, cancel
 *   SAGA_PREPARING  it has asked those below for their vote  votes, cancel
 *   SAGA_PREPARED   it has voted yes; others decide          decision
 *   SAGA_DECIDED    creator: committed, others still to ack  acks
 *   SAGA_OVER       over, but its record would not go        another try
 *   SAGA_ENDED      nothing: it is forgotten                 --
 */
#ifndef SAGA_TX_H
#define SAGA_TX_H

#include <agner/gen_saga.h>

enum saga_state {
    SAGA_RUN,
    SAGA_SENT,
    SAGA_PREPARING,
    SAGA_PREPARED,
    SAGA_DECIDED,
    SAGA_OVER,
    SAGA_ENDED,
};

/* What happens. */
enum saga_event {
    /* The saga's code asks. */
    SAGA_ASK_WORK,    /* for a next saga or a job */
    SAGA_ASK_RESULT,  /* to send its result */
    SAGA_ASK_INTERIM, /* to send progress */
    SAGA_ASK_CANCEL,  /* to cancel; or a person */
    /* It comes from others. */
    SAGA_ON_CANCEL,      /* from who passed it on */
    SAGA_ON_OWN_CANCEL,  /* its own, after SAGA_ASK_CANCEL */
    SAGA_ON_NEXT_CANCEL, /* from a next: its message, its end, its time-out */
    SAGA_ON_PARENT_DOWN,
    SAGA_ON_LIFESPAN,
    SAGA_ON_RESULT, /* of a next */
    SAGA_ON_OWN,    /* of itself: the creator's */
    SAGA_ON_DONE,   /* handle_tx_done has returned */
    SAGA_ON_COMMIT, /* decided: commit */
    /* Of a vote. */
    SAGA_ON_PREPARE, /* from who passed it on; at the creator: after done */
    SAGA_ON_YES,     /* of a next or a job, or nobody had to be asked */
    SAGA_ON_NO,
    SAGA_ON_ABORT,   /* decided: abort */
    SAGA_ON_OUTCOME, /* somebody asks what was decided */
    SAGA_ON_ACK,
    SAGA_ON_TICK, /* GEN_SAGA_ASK_MS have passed */
};

/* What to do, in this order. */
enum saga_action {
    SAGA_CANCEL_JOBS = 1 << 0,
    SAGA_CANCEL_NEXTS = 1 << 1,
    SAGA_CANCEL_PARENT = 1 << 2,
    SAGA_COMMIT_NEXTS = 1 << 3,
    SAGA_COMMIT_JOBS = 1 << 4,
    SAGA_DROP_NEXT = 1 << 5, /* the one that it came from */
    SAGA_KEEP_NEXT = 1 << 6, /* ... or it stays, as one that has delivered */
    SAGA_PREPARE = 1 << 7,   /* write it down, ask itself, then those below */
    SAGA_DECIDE = 1 << 8,    /* write the decision, which may fail */
    SAGA_VOTE_YES = 1 << 9,
    SAGA_VOTE_NO = 1 << 10,
    SAGA_PUSH = 1 << 11,   /* the decision, to those who have not acked */
    SAGA_ERASE = 1 << 12,  /* the record; if that fails: SAGA_OVER */
    SAGA_ACK = 1 << 13,    /* tell the creator, unless the record stays */
    SAGA_TELL = 1 << 14,   /* answer who asks: the outcome */
    SAGA_ASK = 1 << 15,    /* ask the creator for the outcome */
    SAGA_FORGET = 1 << 16, /* timers, monitors, the transaction */
    /* A callback, at most one. */
    SAGA_CALL_CANCEL = 1 << 17,
    SAGA_CALL_COMMIT = 1 << 18,
    SAGA_CALL_RESULT = 1 << 19,
    SAGA_CALL_DONE = 1 << 20,
    SAGA_CALL_TRAPPED = 1 << 21,
    SAGA_CALL_ACKS = 1 << 22, /* {saga_acks, ...} */
};

/* The transaction as a decision needs it. */
struct saga_look {
    enum saga_state state;
    enum gen_saga_commit commit;
    bool creator;
    bool cancelling; /* its own cancel is on the way to it */
    bool acks;       /* GEN_SAGA_NOTIFY with acknowledgements, and nexts */
    bool trapped;    /* the next has trap_cancel */
    bool lost;       /* prepared, and the creator will never answer */
    size_t open;     /* nexts and jobs that have not delivered */
    size_t votes;    /* that are still to come, after this one */
    size_t unacked;  /* after this one */
};

struct saga_step {
    enum agner_err err; /* of SAGA_ASK_*: else the event means nothing here */
    enum saga_state state; /* after it */
    unsigned actions;
};

/* Both: AGNER_ETXUNKNOWN for what is not for that state. */
struct saga_step saga__tx_step(const struct saga_look *look,
                               enum saga_event event);
/* For the states of a vote; saga__tx_step() calls it. */
struct saga_step saga__vote_step(const struct saga_look *look,
                                 enum saga_event event);

/* sagas behind the creator: may one more be asked? */
enum agner_err saga__hop(uint64_t hop_limit, uint64_t trail);
/* The time of a next or a job out of what is left: AGNER_ELIFESPAN. `asked_ms`
 * 0: all of it. */
enum agner_err saga__time(uint64_t left_ms, uint64_t asked_ms,
                          uint64_t *time_ms);

#endif
