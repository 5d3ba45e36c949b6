/*
 * remote.h -- what crosses between nodes that follow a stream.
 *
 * Private to behaviors/: the drawers that are built upon streams use it too.
 * The side that has the stream: a server under the stream's name, and a feeder
 * process for each node that follows. The other side: one relay process, which
 * puts the events into a stream of its own. The two are linked, so that each
 * hears of the other's end, and of a lost node. A process whose stream is its
 * own business, as a service's, is its own server and the owner of its
 * snapshots, and is followed by its pid too.
 *
 *   relay -> server   {'$stream_follow', Relay, Life, From, Credit, Bytes}
 *                     From: a number, or `next`; Life: that it was of, or 0
 *   feeder -> relay   {'$stream_start', Feeder, Life, Seq, HasOwner}
 *                     Seq is not From when From is not kept, or of another life
 *                     {'$stream_events', Feeder, Seq, Bytes, [Event]}
 *                     {'$stream_gap', Feeder, Seq, Count}
 *                     {'$stream_end', Feeder, Seq, Reason}
 *   relay -> feeder   {'$stream_credit', Count, Bytes}
 *
 * Source: spec/eventstream.md 3.4.
 */
#ifndef GEN_STREAM_RELAY_H
#define GEN_STREAM_RELAY_H

#include "stream/stream.h"

#define STREAM_CREDIT       1024u
#define STREAM_CREDIT_BYTES 65536u
#define STREAM_BATCH        64u /* events in a message, at most */

/* ---- resume.c: pure ------------------------------------------------- */

/* Where a feeder begins. */
struct stream_resume {
    bool next;      /* from the next event on */
    uint64_t from;  /* or this one, */
    uint64_t life;  /* ... of a stream that lived so; 0: of any */
    uint64_t ours;  /* this one's */
    uint64_t first; /* the oldest that is kept */
    uint64_t front; /* the next one */
};
uint64_t gen__stream_resume(const struct stream_resume *r);

/* What a relay makes of {'$stream_start', ...}. */
struct stream_again {
    bool begun;      /* it had events before */
    bool owner;      /* a snapshot can be had */
    uint64_t life;   /* that it knew */
    uint64_t expect; /* the number that it asked for */
    uint64_t there_life, seq;
};
enum stream_again_what {
    STREAM_GO_ON,    /* nobody notices */
    STREAM_GAP,      /* *gap numbers are passed over */
    STREAM_SNAPSHOT, /* a new one, then on from there */
};
enum stream_again_what gen__stream_again(const struct stream_again *a,
                                         uint64_t *gap);

/* ---- feeder.c ------------------------------------------------------------ */

struct stream_feed {
    struct gen_stream *stream; /* a count: the feeder's */
    etf_pid relay;
    struct stream_resume resume;
    uint64_t credit, bytes;
    bool owner;
};
/* A raw process; `arg` is a stream_feed, which it frees. */
void gen__stream_feeder(struct gen *self, void *arg);

/* ---- serve.c ------------------------------------------------------------- */

/* Starts a feeder if `message` asks for one; false: it is another message.
 * `link`: it ends with self. Otherwise with the stream, which must be closed.
 */
bool gen__stream_serve_follow(struct gen *self, struct gen_stream *stream,
                              bool has_owner, bool link, etf_term message);

/* ---- relay.c, follow.c --------------------------------------------------- */

/* {Stream, Name, Node, Credit, Bytes, NoResume, RetryMs, RetryMaxMs}, Name an
 * atom or a pid */
extern const struct gen_server gen__stream_relay;
/* gen_stream_follow(), of a pid too: the name of its relay is an atom more. */
enum agner_err
gen__stream_follow(struct gen *self, etf_term there,
                   const struct gen_stream_follow_options *options,
                   uint64_t timeout_ms, struct gen_stream **out);
/* A stream in a message of this node, with a count of its own. ETF_NONE: no
 * memory. */
etf_term gen__stream_term(struct gen *self, struct gen_stream *stream);

/* ---- snapshot.c ---------------------------------------------------------- */

/* `served` is {Name, Node}, or a pid. AGNER_ENOTSUP: it has no owner. */
enum agner_err gen__snapshot_of_far(struct gen *self, etf_term served,
                                    uint64_t timeout_ms, etf_term *snapshot,
                                    uint64_t *seq);
/* gen_stream_snapshot_subscribe() of that, with these options. */
enum agner_err
gen__snapshot_follow(struct gen *self, etf_term served,
                     const struct gen_stream_follow_options *options,
                     uint64_t timeout_ms, etf_term *snapshot,
                     struct gen_stream_promise *changes);

#endif
