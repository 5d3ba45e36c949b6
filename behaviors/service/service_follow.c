/*
 * service_follow.c -- who hears of changes: cursors on this node, relays of
 * others (service_far.c), processes by messages, and the map that the service
 * is in.
 *
 * The stream comes into being with its first reader. A process on a busy
 * connection is passed over and gets the state of later: states have numbers,
 * and the newest one is what counts.
 *
 * Source: spec/service.md 3.3, 3.4.
 */
#include "service/service.h"

#include <stdlib.h>

#define SEGMENT   64   /* states in a piece of the stream */
#define BEHIND_MS 100u /* until a follower that was busy is tried again */

/* ---- Followers by message ------------------------------------------------ */

static void tell_follower(struct gen *self, struct service_follower *f,
                          etf_term state)
{
    etf_term message = etf_make(self, "{service_state, _, _}", f->ref, state);

    f->behind = rt_send_with(self, etf_from_pid(rt_region(self), f->pid),
                             message, RT_SEND_NOSUSPEND) == AGNER_EAGAIN;
}

static void remind(struct gen *self)
{
    (void)rt_send_after(self, rt_self_term(self), etf_atom("$service_behind"),
                        BEHIND_MS, NULL); /* else with the next change */
}

static void tell_followers(struct gen *self, struct service *s,
                           const struct gen_service_state *state,
                           bool behind_only)
{
    etf_term term = gen_service_state_term(rt_region(self), state);
    bool behind = false;

    for (struct service_follower *f = s->followers; f != NULL; f = f->next) {
        if (f->behind || !behind_only)
            tell_follower(self, f, term);
        behind = behind || f->behind;
    }
    if (behind)
        remind(self);
}

etf_term gen__follower_add(struct gen *self, struct service *s,
                           const struct gen_from *from, bool updates_only)
{
    struct service_follower *f = calloc(1, sizeof *f);
    etf_term who = rt_from_term(self, from);
    etf_term state = ETF_A(undefined);

    if (f == NULL)
        return etf_make(self, "{error, memory}");
    if (etf_is_none(who) || !etf_get_pid(etf_tuple_items(who)[0], &f->pid) ||
        rt_monitor(self, etf_tuple_items(who)[0], 0, &f->ref) != AGNER_OK) {
        free(f);
        return etf_make(self, "{error, memory}");
    }
    f->next = s->followers;
    s->followers = f;
    if (!updates_only)
        state = gen_service_state_term(rt_region(self), &s->object->now->state);
    return etf_make(self, "{ok, _, _}", f->ref, state);
}

bool gen__follower_remove(struct gen *self, struct service *s, etf_ref ref)
{
    struct service_follower **at = &s->followers, *f;

    while ((f = *at) != NULL && !etf_ref_equal(f->ref, ref))
        at = &f->next;
    if (f == NULL)
        return false;
    *at = f->next;
    (void)rt_demonitor(self, ref, true); /* it may have fired */
    free(f);
    return true;
}

bool gen__followers_message(struct gen *self, struct service *s,
                            etf_term message)
{
    etf_ref ref;

    if (etf_match(message, "{'DOWN', _, process, __, __}", &ref))
        return gen__follower_remove(self, s, ref);
    if (!etf_atom_is(message, "$service_behind"))
        return false;
    tell_followers(self, s, &s->object->now->state, true);
    return true;
}

/* ---- The map ------------------------------------------------------------- */

/* On this node the state as it is. */
static etf_term for_map(struct gen *self, const struct service *s,
                        struct service_block *block)
{
    struct etf_region *r = rt_region(self);
    etf_term state;

    if (!etf_pid_is_local(s->object->watcher))
        return gen_service_state_term(r, &block->state);
    state = etf_resource(r, gen__block_hold(block), gen__block_destroy);
    if (etf_is_none(state))
        gen__block_free(block); /* the count of the resource */
    return state;
}

void gen__map_tell(struct gen *self, struct service *s,
                   struct service_block *block)
{
    etf_pid watcher = s->object->watcher;

    if (etf_pid_is_none(watcher))
        return;
    if (rt_send(self, etf_from_pid(rt_region(self), watcher),
                etf_make(self, "{'$service_changed', _, _}", rt_self(self),
                         for_map(self, s, block))) == AGNER_ENOMEM)
        (void)gen_stop(self, ETF_A(memory_limit)); /* or the map is wrong */
}

/* ---- Streams ------------------------------------------------------------- */

void gen__state_destroy(void *ctx, void *data, size_t size)
{
    (void)ctx;
    (void)size;
    gen__block_free(data);
}

static etf_term encode_event(void *ctx, struct etf_region *r, const void *data,
                             size_t size)
{
    (void)ctx;
    (void)size;
    return gen_service_state_term(r, data);
}

enum agner_err gen__service_stream(struct service *s)
{
    struct gen_stream_options options = { .name = s->head.sys.name,
                                          .segment = SEGMENT,
                                          .max_lag = GEN_SERVICE_WINDOW,
                                          .many_publishers = true,
                                          .destroy = gen__state_destroy,
                                          .encode = encode_event };

    return s->stream != NULL
               ? AGNER_OK
               : gen_stream_new(s->object->rt, &options, &s->stream);
}

static void destroy_promise(void *value)
{
    struct gen_stream_promise *promise = value;

    gen_stream_promise_free(promise);
    free(promise);
}

etf_term gen__followed_term(struct gen *self, struct gen_stream *stream,
                            void *first, void (*destroy)(void *first))
{
    struct gen_stream_promise *promise = malloc(sizeof *promise);
    struct etf_region *r = rt_region(self);
    etf_term items[2], both;

    if (first == NULL || promise == NULL) {
        destroy(first);
        free(promise);
        return ETF_A(error);
    }
    gen_stream_subscribe(stream, promise);
    items[0] = etf_resource(r, first, destroy);
    if (etf_is_none(items[0]))
        destroy(first); /* the count of the resource */
    items[1] = etf_resource(r, promise, destroy_promise);
    if (etf_is_none(items[1]))
        destroy_promise(promise);
    both = etf_tuple(r, items, 2);
    return etf_is_none(both) ? ETF_A(error) : both;
}

etf_term gen__service_followed(struct gen *self, struct service *s)
{
    if (gen__service_stream(s) != AGNER_OK)
        return ETF_A(error);
    return gen__followed_term(self, s->stream, gen__block_hold(s->object->now),
                              gen__block_destroy);
}

const struct gen_cursor_options gen__follow_all = { .lag = GEN_STREAM_SKIP,
                                                    .window =
                                                        GEN_SERVICE_WINDOW };

enum agner_err gen__follow(struct gen *self, etf_pid pid, int64_t request,
                           const struct gen_cursor_options *options,
                           void **first, struct gen_cursor **cursor)
{
    enum agner_err err;
    etf_term reply;
    void *promise;

    if (etf_pid_is_none(pid))
        return AGNER_ENOPROC;
    err =
        rt_call(self, etf_from_pid(NULL, pid),
                etf_int(rt_region(self), request), GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        return err;
    if (etf_tuple_size(reply) != 2 ||
        !etf_get_resource(etf_tuple_items(reply)[0], first) ||
        !etf_get_resource(etf_tuple_items(reply)[1], &promise))
        return AGNER_ENOMEM;
    return gen_cursor_open(
        self, promise, options != NULL ? options : &gen__follow_all, cursor);
}

enum agner_err gen_service_follow(struct gen *self, struct gen_service *service,
                                  const struct gen_cursor_options *options,
                                  const struct gen_service_state **state,
                                  struct gen_cursor **cursor)
{
    enum agner_err err;
    void *block;
    etf_pid pid;

    if (service->spec == NULL)
        return gen__service_follow_at(self, service, options, state, cursor);
    err = gen__service_awake(self, service, &pid);
    if (err == AGNER_OK)
        err =
            gen__follow(self, pid, SERVICE_DO_FOLLOW, options, &block, cursor);
    if (err == AGNER_OK && state != NULL)
        *state = &gen__block_hold(block)->state;
    return err;
}

const struct gen_service_state *
gen_service_event_state(const struct gen_stream_event *event)
{
    return event->data;
}

static void publish(struct gen *self, struct service *s,
                    struct service_block *block)
{
    if (gen_stream_publish_pointer(self, s->stream, gen__block_hold(block),
                                   sizeof *block, NULL) == AGNER_OK)
        return;
    gen__block_free(block);
    (void)gen_stop(self, ETF_A(memory_limit)); /* or followers are wrong */
}

/* ---- All of them --------------------------------------------------------- */

void gen__followers_tell(struct gen *self, struct service *s,
                         struct service_block *block)
{
    if (s->stream != NULL)
        publish(self, s, block);
    gen__map_tell(self, s, block);
    if (s->followers != NULL)
        tell_followers(self, s, &block->state, false);
}

void gen__followers_end(struct gen *self, struct service *s, etf_term reason)
{
    for (struct service_follower *f = s->followers; f != NULL; f = f->next)
        (void)rt_send_with(
            self, etf_from_pid(rt_region(self), f->pid),
            etf_make(self, "{service_end, _, _}", f->ref, reason),
            RT_SEND_NOSUSPEND); /* else its monitor tells */
    if (s->stream != NULL)
        (void)gen_stream_close(self, s->stream, reason); /* not closed yet */
}

void gen__followers_free(struct service *s)
{
    struct service_follower *f;

    while ((f = s->followers) != NULL) {
        s->followers = f->next;
        free(f);
    }
    if (s->stream != NULL)
        (void)gen_stream_close(NULL, s->stream, ETF_A(killed)); /* unless it
                                                                   was */
    gen_stream_free(s->stream);
}
