/*
 * future.c -- a result that comes later: gen_future.h.
 *
 * Its process has a hook from birth: so a future is done in any case, with the
 * result, or as crashed. The result is written once, under the lock, before
 * `done`; who sees that reads it without the lock.
 */
#include <agner/gen_future.h>

#include <stdlib.h>

#include "async/place.h"

struct gen_future {
    struct gen_place place; /* first */
    struct rt_hook hook;    /* of its process */
    gen_future_fn run;      /* NULL: a promise */
    void *ctx;
    struct gen_cancel *token; /* held */
    _Atomic bool done;        /* the rest stays from then on */
    enum agner_err err;
    struct etf_box *box; /* owned; NULL: the atom `word` */
    etf_term word;
    bool taken; /* cancelled, or completed: the lock guards it */
};

static struct gen_future *future_of(const struct gen_place *place)
{
    return (struct gen_future *)(uintptr_t)place; /* its first field */
}

/* Acquire pairs with the release in finish(): the result. */
static enum agner_err look(const struct gen_place *place, uint64_t want)
{
    (void)want;
    return load_acquire(&future_of(place)->done) ? AGNER_OK : AGNER_EAGAIN;
}

static etf_term result_of(struct gen_future *f, struct etf_region *r)
{
    return f->box == NULL ? f->word : etf_copy(r, etf_box_term(f->box));
}

/* As others see it: {ok, Term} or {error, {Code, Reason}}. */
static etf_term shown(struct gen_future *f, struct etf_region *r)
{
    etf_term result = result_of(f, r);

    if (etf_is_none(result))
        return ETF_NONE;
    return f->err == AGNER_OK
               ? etf_make(r, "{ok, _}", result)
               : etf_make(r, "{error, {_, _}}", (int64_t)f->err, result);
}

static etf_term tell(struct gen_place *place, struct etf_region *r,
                     const struct gen_listener *l)
{
    etf_term result = shown(future_of(place), r);

    return etf_is_none(result)
               ? ETF_NONE
               : etf_make(r, "{gen_future, _, _}", l->ref, result);
}

/* Takes `box`, which is the result, or NULL: `word`. */
static enum agner_err finish(struct gen_future *f, struct gen *by,
                             enum agner_err err, struct etf_box *box,
                             etf_term word)
{
    struct gen_listener *due = NULL;
    bool late;

    rt__lock(&f->place.lock);
    late = load_relaxed(&f->done);
    if (!late) {
        f->err = err;
        f->box = box;
        f->word = word;
        store_release(&f->done, true);
        due = gen__place_wake(&f->place, by, look);
    }
    rt__unlock(&f->place.lock);
    gen__place_tell(due, tell);
    if (late)
        etf_box_free(box);
    return late ? AGNER_EALREADY : AGNER_OK;
}

/* ---- Its process -------------------------------------------------------- */

struct run {
    struct gen_future *future;
    enum agner_err err;
    etf_term result;
};

static void call_run(struct gen *self, void *arg)
{
    struct run *run = arg;
    struct gen_future *f = run->future;

    run->err = f->run(self, f->ctx, f->token, &run->result);
}

static void live(struct gen *self, void *arg)
{
    struct run run = { .future = arg, .result = ETF_A(ok) };
    struct etf_box *box = NULL;

    if (rt_try(self, call_run, &run, &run.result) != AGNER_OK)
        run.err = AGNER_ECRASHED;
    if (run.err != AGNER_OK && rt_check(self) != AGNER_OK)
        return;                  /* cut short: the hook says so */
    if (etf_is_none(run.result)) /* the action had no memory for it */
        run = (struct run){ .err = AGNER_ENOMEM, .result = ETF_A(undefined) };
    if (!etf_same(run.result, ETF_A(ok))) {
        box = etf_box_new(run.result);
        if (box == NULL)
            run =
                (struct run){ .err = AGNER_ENOMEM, .result = ETF_A(undefined) };
    }
    (void)finish(arg, self, run.err, box, box != NULL ? ETF_NONE : run.result);
}

static void gone(struct rt_hook *hook, struct rt *rt)
{
    struct gen_future *f =
        (struct gen_future *)(void *)((char *)hook -
                                      offsetof(struct gen_future, hook));

    (void)rt;
    (void)finish(f, NULL, AGNER_ECRASHED, NULL, ETF_A(killed)); /* or is done */
    gen_future_free(f);
}

/* ---- Making and freeing ------------------------------------------------- */

static void fini(struct gen_place *place)
{
    struct gen_future *f = future_of(place);

    etf_box_free(f->box);
    gen_cancel_free(f->token);
    free(f);
}

struct gen_future *gen_future_promise(struct rt *rt)
{
    struct gen_future *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    gen__place_init(&f->place, rt, fini);
    return f;
}

enum agner_err gen_future_start(struct gen *self, gen_future_fn run, void *ctx,
                                const struct gen_future_options *options,
                                struct gen_future **out)
{
    struct rt_spawn_options spawn = { .label = "gen_future" };
    struct gen_future *f;
    enum agner_err err;
    etf_pid pid;

    if (run == NULL)
        return AGNER_EINVAL;
    f = gen_future_promise(rt_of(self));
    if (f == NULL)
        return AGNER_ENOMEM;
    f->run = run;
    f->ctx = ctx;
    f->token =
        gen_cancel_new(rt_of(self), options == NULL ? NULL : options->cancel);
    if (f->token == NULL) {
        gen_future_free(f);
        return AGNER_ENOMEM;
    }
    f->hook.run = gone;
    spawn.hook = &f->hook;
    if (options != NULL)
        spawn.priority = options->priority;
    gen__place_hold(&f->place);
    err = rt_spawn(self, live, f, &spawn, &pid);
    if (err != AGNER_OK) {
        gen_future_free(f);
        gen_future_free(f);
        return err;
    }
    *out = f;
    return AGNER_OK;
}

enum agner_err gen_future_set(struct gen_future *f, enum agner_err err,
                              etf_term result)
{
    struct etf_box *box;

    if (f->run != NULL || etf_is_none(result))
        return AGNER_EINVAL;
    box = etf_box_new(result);
    if (box == NULL)
        return AGNER_ENOMEM;
    return finish(f, NULL, err, box, ETF_NONE);
}

struct gen_future *gen_future_hold(struct gen_future *f)
{
    gen__place_hold(&f->place);
    return f;
}

void gen_future_free(struct gen_future *f)
{
    gen__place_free(f == NULL ? NULL : &f->place);
}

/* ---- Its result --------------------------------------------------------- */

bool gen_future_is_done(const struct gen_future *f)
{
    return load_acquire(&f->done);
}

/* Marks it as taken; was it? */
static bool take(struct gen_future *f)
{
    bool was;

    rt__lock(&f->place.lock);
    was = f->taken;
    f->taken = true;
    rt__unlock(&f->place.lock);
    return was;
}

enum agner_err gen_future_poll(struct gen_future *f, struct etf_region *r,
                               etf_term *result)
{
    etf_term term = ETF_A(ok);

    if (!gen_future_is_done(f))
        return AGNER_EAGAIN;
    if (result != NULL) {
        term = result_of(f, r);
        if (etf_is_none(term))
            return AGNER_ENOMEM;
        *result = term;
    }
    return f->err;
}

enum agner_err gen_future_complete(struct gen *self, struct gen_future *f,
                                   uint64_t timeout_ms,
                                   struct gen_cancel *cancel, etf_term *result)
{
    enum agner_err err =
        gen__place_wait(self, &f->place, look, 0, timeout_ms, cancel);

    if (err != AGNER_OK)
        return err;
    (void)take(f);
    return gen_future_poll(f, rt_region(self), result);
}

enum agner_err gen_future_cancel(struct gen *self, struct gen_future *f,
                                 uint64_t timeout_ms)
{
    enum agner_err err;

    if (take(f))
        return AGNER_ECANCELLED;
    if (f->run == NULL)
        (void)finish(f, self, AGNER_ECANCELLED, NULL, etf_atom("cancelled"));
    else
        (void)gen_cancel_set(f->token, ETF_NONE);
    err = gen__place_wait(self, &f->place, look, 0, timeout_ms, NULL);
    return err == AGNER_OK ? f->err : err;
}

enum agner_err gen_future_notify(struct gen *self, struct gen_future *f,
                                 etf_ref *ref)
{
    return gen__place_listen(self, &f->place, look, 0, tell, ref);
}

/* ---- Many --------------------------------------------------------------- */

enum agner_err gen_future_complete_all(struct gen *self,
                                       struct gen_future *const *futures,
                                       size_t count, uint64_t timeout_ms,
                                       struct gen_cancel *cancel, size_t *which)
{
    uint64_t from_ms = rt_now_ms(rt_of(self));
    enum agner_err first = AGNER_OK;

    for (size_t i = 0; i < count; i++) {
        uint64_t spent_ms = rt_now_ms(rt_of(self)) - from_ms;
        uint64_t left_ms = timeout_ms == RT_INFINITY ? timeout_ms
                           : spent_ms >= timeout_ms  ? 0
                                                     : timeout_ms - spent_ms;
        struct gen_future *f = futures[i];
        enum agner_err err =
            gen__place_wait(self, &f->place, look, 0, left_ms, cancel);

        if (err == AGNER_OK) {
            (void)take(f);
            err = f->err;
        }
        if (err != AGNER_OK && which != NULL && first == AGNER_OK)
            *which = i;
        if (!gen_future_is_done(f))
            return err;
        if (first == AGNER_OK)
            first = err;
    }
    return first;
}

enum agner_err gen_future_complete_any(struct gen *self,
                                       struct gen_future *const *futures,
                                       size_t count, uint64_t timeout_ms,
                                       struct gen_cancel *cancel, size_t *which,
                                       etf_term *result)
{
    /* A struct gen_future begins with its place, so the list is one of places.
     */
    enum agner_err err =
        count == 0 ? AGNER_EINVAL
                   : gen__place_wait_any(
                         self, (struct gen_place *const *)(const void *)futures,
                         count, look, timeout_ms, cancel, which);

    if (err != AGNER_OK)
        return err;
    (void)take(futures[*which]);
    return gen_future_poll(futures[*which], rt_region(self), result);
}
