/*
 * gen_request.h -- many requests at once: collections with labels, and answers
 * that come as messages.
 *
 * Part of gen.h, which has gen_send_request() and what waits for one answer.
 *
 * Sources: OTP 25, gen_server, send_request and reqids_*; spec/gen.md 4.1.
 */
#ifndef AGNER_GEN_REQUEST_H
#define AGNER_GEN_REQUEST_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Answers as messages ------------------------------------------------ */

/*
 * As gen_send_request(), but nobody waits: the answer comes as a message, to
 * handle_info or rt_receive(), and gen_check_response() knows it. Of Erlang and
 * agner. AGNER_ENOPROC, AGNER_ENONAME, AGNER_EBADTERM, AGNER_EMAILBOXFULL,
 * AGNER_ENOMEM; whatever happens later comes as a message.
 */
AGNER_API enum agner_err gen_send_request_info(struct gen *self, etf_term to,
                                               etf_term request,
                                               struct rt_request *id);

/*
 * Is `message` the answer to that request, or the news that there will be none?
 * AGNER_OK with the answer in *reply (which may be NULL); AGNER_EEXIT,
 * AGNER_ENOPROC, AGNER_ENODEDOWN with the reason there; AGNER_EUNKNOWN: it is
 * something else. A request has one such message.
 */
AGNER_API enum agner_err gen_check_response(const struct rt_request *id,
                                            etf_term message, etf_term *reply);

/* Gives a request up, of either kind: its answer never comes. */
AGNER_API void gen_abandon_request(struct gen *self,
                                   const struct rt_request *id);

/* ---- Collections -------------------------------------------------------- */

/* Requests that are outstanding, each with a label. All zero is an empty one;
 * its owner ends it with gen_reqids_fini(). A look for an answer takes time in
 * proportion to the size. */
struct gen_reqids {
    struct gen_reqids_item *items; /* private */
    struct rt_request *ids;
    size_t count, capacity;
};

/* Frees the collection; the requests stay outstanding. */
AGNER_API void gen_reqids_fini(struct gen_reqids *c);

AGNER_API size_t gen_reqids_size(const struct gen_reqids *c);

/* Adds a request, once; `label` is copied. AGNER_ENOMEM. */
AGNER_API enum agner_err gen_reqids_add(struct gen_reqids *c,
                                        const struct rt_request *id,
                                        etf_term label);

/* gen_send_request() and gen_reqids_add() in one: after an error neither has
 * happened. */
AGNER_API enum agner_err gen_reqids_send(struct gen *self, struct gen_reqids *c,
                                         etf_term to, etf_term request,
                                         etf_term label);

/* A time on the clock of rt_now_ms() that is `ms` from now: a loop over answers
 * has one end for all of them. */
AGNER_API uint64_t gen_deadline(struct gen *self, uint64_t ms);

/*
 * Waits for an answer to any request of the collection that was sent by
 * gen_send_request().
 *
 *   deadline_ms  when to give the wait up: gen_deadline(), or GEN_INFINITY
 *   remove       the request leaves the collection when it is answered
 *   reply        as gen_wait(); may be NULL
 *   label        of the request whose outcome this is; may be NULL
 *
 * The results of gen_wait(): each but AGNER_ETIMEOUT, AGNER_EEXITING,
 * AGNER_EKILLED and AGNER_ENOMEM is the outcome of one request. AGNER_ENOREF:
 * none is outstanding. After AGNER_ETIMEOUT all are as before.
 */
AGNER_API enum agner_err gen_reqids_wait(struct gen *self, struct gen_reqids *c,
                                         uint64_t deadline_ms, bool remove,
                                         etf_term *reply, etf_term *label);

/* The same, but a time-out gives all requests up and empties the collection. */
AGNER_API enum agner_err gen_reqids_receive(struct gen *self,
                                            struct gen_reqids *c,
                                            uint64_t deadline_ms, bool remove,
                                            etf_term *reply, etf_term *label);

/* gen_check_response() for any request of the collection that was sent by
 * gen_send_request_info(). AGNER_ENOREF: it is empty. */
AGNER_API enum agner_err gen_reqids_check(struct gen *self,
                                          struct gen_reqids *c,
                                          etf_term message, bool remove,
                                          etf_term *reply, etf_term *label);

#ifdef __cplusplus
}
#endif

#endif
