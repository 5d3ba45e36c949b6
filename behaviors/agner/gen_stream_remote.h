/*
 * gen_stream_remote.h -- streams with a snapshot, and streams of other nodes.
 *
 * Snapshot and changes. A process that keeps a model publishes each change of
 * it in a stream. Who asks it gets a copy of the model and the place of the
 * next change, in one answer: nothing is missing between them, and nothing is
 * there twice.
 *
 * Other nodes. gen_stream_serve() gives a stream a name; gen_stream_follow() on
 * another node gives a stream there with the same events under the same
 * numbers. However many read it there, each event crosses once. When the
 * connection is lost and comes back, it goes on where it was. If that is not
 * kept any more, readers are told with AGNER_ELAGGED; or, of a stream with an
 * owner, they get an event {gen_stream_snapshot, Snapshot} that replaces what
 * they know.
 *
 * gen.h includes this header. Source: spec/eventstream.md 2, 3.4.
 */
#ifndef AGNER_GEN_STREAM_REMOTE_H
#define AGNER_GEN_STREAM_REMOTE_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_stream; /* gen_stream.h */
struct gen_stream_options;
struct gen_stream_promise;

/* ---- Snapshot and changes ------------------------------------------------ */

/* In handle_call of the owner: does `request` ask for a snapshot? */
AGNER_API bool gen_stream_snapshot_asked(etf_term request);
/* Answers it with the model, a term that is copied, and the place of the next
 * event of `stream`, which only the owner publishes to. GEN_NEXT. */
AGNER_API enum gen_next gen_stream_snapshot_reply(struct gen *self,
                                                  struct gen_from from,
                                                  struct gen_stream *stream,
                                                  etf_term snapshot);
/*
 * Asks the owner: a process of this node, or {Name, Node} where a stream is
 * served for one.
 *
 *   snapshot  in self's region
 *   changes   the place behind it; the caller's
 *
 * Errors as gen_call(), gen_stream_follow(), and AGNER_ENOTSUP: it has none.
 */
AGNER_API enum agner_err
gen_stream_snapshot_subscribe(struct gen *self, etf_term owner,
                              uint64_t timeout_ms, etf_term *snapshot,
                              struct gen_stream_promise *changes);

/* ---- Other nodes --------------------------------------------------------- */

/*
 * A process, linked to self, that serves `stream` to other nodes under `name`,
 * an atom; while it lives it holds the stream. `owner` is who answers
 * snapshots, a pid or name of this node, or ETF_NONE. Native events cross as
 * what the stream's `encode` makes of them; without it as a binary of their
 * bytes, and pointers as the atom `undefined`. AGNER_ETAKEN, AGNER_EINVAL,
 * AGNER_ENOMEM, AGNER_ELIMIT.
 */
AGNER_API enum agner_err gen_stream_serve(struct gen *self,
                                          struct gen_stream *stream,
                                          etf_term name, etf_term owner,
                                          etf_pid *pid);

/* All zero is a good default. */
struct gen_stream_follow_options {
    uint64_t credit;       /* events on their way at most; 0: 1024 */
    uint64_t credit_bytes; /* of their boxes; 0: 64 KiB */
    bool no_resume;        /* a lost node is the end: reason `noconnection` */
    uint64_t retry_ms;     /* 0: 1000; doubled each time, */
    uint64_t retry_max_ms; /* ... up to this; 0: 8000 */
    const struct gen_stream_options *stream; /* of the one here; its `retain` is
                                                `credit` when that is 0 */
};

/*
 * The stream that is served as {Name, Node}, on this node; from now on, or, if
 * somebody follows it already, the same: the first one's options hold. The
 * caller gets a count, and frees it with gen_stream_free(). When nobody has one
 * any more, nor a place in it, following ends after a while.
 *
 * AGNER_ENOPROC (nobody serves it), AGNER_ENODEDOWN, AGNER_ETIMEOUT,
 * AGNER_EINVAL, AGNER_ENOMEM.
 */
AGNER_API enum agner_err
gen_stream_follow(struct gen *self, etf_term name_and_node,
                  const struct gen_stream_follow_options *options,
                  uint64_t timeout_ms, struct gen_stream **out);

#ifdef __cplusplus
}
#endif

#endif
