/*
 * main.c -- a supervised pool: workers that may crash, and callers that need
 * not care.
 *
 *     pool             one_for_one: starts, restarts and stops
 *       pool.0 ... .3  workers: one spec, a partition supervisor
 *
 * Each key belongs to one of the workers, always the same. One of them is sent
 * something that it cannot digest; a moment later it is there again under its
 * name, and has forgotten what it knew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>

#define WORKERS 4u

/* A worker counts what it is given for each call; poison kills it. */
struct worker {
    int64_t index, done;
};

static enum gen_next worker_init(struct gen *self, etf_term args)
{
    struct worker *w = gen_state(self);

    if (!etf_match(args, "{_, __}", &w->index))
        return gen_stop(self, ETF_A(badarg));
    return GEN_NEXT;
}

static enum gen_next worker_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    struct worker *w = gen_state(self);

    if (etf_match(request, "poison"))
        return gen_stop(self, etf_make(self, "cannot_digest"));
    return gen_reply(self, from, etf_make(self, "{_, _}", w->index, ++w->done));
}

static const struct gen_server worker_server = {
    .name = "worker",
    .state_size = sizeof(struct worker),
    .init = worker_init,
    .handle_call = worker_call,
};

static const struct gen_child_spec worker = { .server = &worker_server };

/* Asks whoever has the key, and prints who it was. */
static enum agner_err ask(struct gen *self, const struct gen_partitions *pool,
                          const char *key, etf_term request)
{
    etf_term who = gen_partition_of(pool, etf_atom(key)), answer;
    int64_t index, done;
    enum agner_err err =
        gen_call(self, who, request, GEN_CALL_TIMEOUT_MS, &answer);

    if (err != AGNER_OK)
        printf("%s: %s\n", key, agner_strerror(err));
    else if (etf_match(answer, "{_, _}", &index, &done))
        printf("%s: worker %" PRId64 ", its call %" PRId64 "\n", key, index,
               done);
    return err;
}

/* Until the worker of that key is there again: it is restarted at once. */
static enum agner_err await(struct gen *self, const struct gen_partitions *pool,
                            const char *key)
{
    etf_pid pid;

    for (unsigned tries = 1000; tries > 0; tries--) {
        if (rt_whereis(rt_of(self), gen_partition_of(pool, etf_atom(key)),
                       &pid) == AGNER_OK)
            return AGNER_OK;
        (void)rt_sleep(self, 1);
    }
    return AGNER_ETIMEOUT;
}

static enum agner_err use_pool(struct gen *self)
{
    struct gen_partitions pool;
    etf_pid sup;
    enum agner_err err =
        gen_partition_start_link(self, "pool", &worker, WORKERS, &sup, NULL);

    if (err == AGNER_OK)
        err = gen_partitions(self, "pool", &pool);
    if (err != AGNER_OK)
        return err;
    (void)ask(self, &pool, "apples", etf_make(self, "work"));
    (void)ask(self, &pool, "plums", etf_make(self, "work"));
    (void)ask(self, &pool, "apples", etf_make(self, "work"));
    (void)ask(self, &pool, "apples", etf_make(self, "poison"));
    err = await(self, &pool, "apples");
    if (err == AGNER_OK)
        err = ask(self, &pool, "apples", etf_make(self, "work"));
    /* All workers end before this returns. */
    (void)rt_unlink(self, sup);
    (void)gen_server_stop(self, etf_from_pid(rt_region(self), sup),
                          ETF_A(shutdown), RT_INFINITY);
    return err;
}

int main(void)
{
    struct rt_options options = { .log_level = RT_LOG_CRITICAL };
    struct agner_error error = { 0 };
    struct rt *rt;
    struct gen *self;
    enum agner_err err;

    if (rt_new(&options, &rt, &error) != AGNER_OK) {
        fprintf(stderr, "pool: %s\n", error.text);
        return EXIT_FAILURE;
    }
    self = rt_attach(rt);
    err = self != NULL ? use_pool(self) : AGNER_ENOMEM;
    if (self != NULL)
        rt_detach(self);
    rt_free(rt, 1000);
    if (err != AGNER_OK)
        fprintf(stderr, "pool: %s\n", agner_strerror(err));
    return err == AGNER_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
