/*
 * cancel.c -- tokens that end all processes which were spawned with them.
 *
 * The token knows its processes, not they it: who has ended is weeded out when
 * more come. So the token may be freed at any time. Source: spec/gen.md 1.2.
 */
#include <stdlib.h>

#include "pid_set.h"
#include "worker.h"

struct rt_cancel {
    struct rt *rt; /* borrowed */
    rt_spin lock;  /* guards the rest */
    bool cancelled;
    struct pid_set pids;
};

struct rt_cancel *rt_cancel_new(struct rt *rt)
{
    struct rt_cancel *token = calloc(1, sizeof *token);

    if (token != NULL)
        token->rt = rt;
    return token;
}

void rt_cancel_free(struct rt_cancel *token)
{
    if (token == NULL)
        return;
    free(token->pids.pids);
    free(token);
}

enum agner_err rt__cancel_join(struct rt_cancel *token, etf_term pid)
{
    enum agner_err err = AGNER_ETERMINATED;

    rt__lock(&token->lock);
    if (!token->cancelled)
        err = rt__pids_add(token->rt, &token->pids, pid) ? AGNER_OK
                                                         : AGNER_ENOMEM;
    rt__unlock(&token->lock);
    return err;
}

/* The next one to end; none comes any more. ETF_NONE: that was the last. */
static etf_term next(struct rt_cancel *token)
{
    etf_term pid = ETF_NONE;

    rt__lock(&token->lock);
    token->cancelled = true;
    if (token->pids.count > 0)
        pid = token->pids.pids[token->pids.count - 1];
    rt__unlock(&token->lock);
    return pid;
}

static void done_with(struct rt_cancel *token, etf_term pid)
{
    rt__lock(&token->lock);
    (void)rt__pids_remove(&token->pids, pid);
    rt__unlock(&token->lock);
}

enum agner_err rt_cancel(struct rt_cancel *token)
{
    uint64_t words[8];
    struct etf_region r;
    struct envelope *m;
    etf_term reason, pid;
    enum agner_err err = AGNER_OK;

    etf__region_init(&r, words, 8, 0);
    reason = etf_make(&r, "{shutdown, cancelled}");
    while (err == AGNER_OK && !etf_is_none(pid = next(token))) {
        m = rt__envelope_new(NULL, ENVELOPE_EXIT2, reason);
        if (m == NULL) {
            err = AGNER_ENOMEM;
            break;
        }
        m->sender = pid;
        m->flags |= ENVELOPE_LIFETIME;
        rt__push_or_drop(token->rt, NULL, pid, m);
        done_with(token, pid);
    }
    etf__region_fini(&r);
    return err;
}
