/*
 * heritage.c -- group leaders and what else is inherited: see heritage.h.
 */
#include "heritage.h"

#include <stdlib.h>
#include <string.h>

#include "worker.h"

/* ---- The leader, for readers of any thread ----------------------------------
 */

/*
 * Order: who reads one of the words with acquire sees the odd version that was
 * there before it; who reads the even version sees the words that belong to it.
 * So a reader that sees one version before and after has words of that version.
 */
static void write_leader(struct heritage *h, etf_pid leader)
{
    uint64_t words[3];
    unsigned i;

    _Static_assert(sizeof leader == sizeof words, "a pid is three words");
    memcpy(words, &leader, sizeof words);
    for (i = 0; i < 3; i++)
        store_release(&h->leader[i], words[i]);
    store_release(&h->version, load_relaxed(&h->version) + 1);
}

etf_pid rt__leader_in(const struct heritage *h)
{
    uint64_t words[3];
    etf_pid leader;
    unsigned i;

    for (i = 0; i < 3; i++)
        words[i] = load_acquire(&h->leader[i]); /* see write_leader() */
    memcpy(&leader, words, sizeof leader);
    return leader;
}

/*
 * The block may be given to other processes at any time. What was read counts
 * when afterwards the process is the same, still has the block, and the block
 * is of the same version, in this order: then it had it in that version.
 */
bool rt__heritage_leader(struct rt *rt, etf_pid pid, etf_pid *leader)
{
    const struct process *p =
        etf_pid_is_local(pid) ? rt__slot(rt, pid.id) : NULL;
    const struct heritage *h;
    uint32_t version = 0;
    bool settled;

    do {
        if (p == NULL || !rt_is_alive(rt, pid))
            return false;
        h = load_acquire(&p->heritage);
        *leader = pid;
        if (h == NULL)
            return true;
        version = load_acquire(&h->version);
        *leader = rt__leader_in(h);
        settled = (version & 1u) == 0 &&
                  load_acquire(&p->generation) == pid.serial &&
                  load_acquire(&p->heritage) == h &&
                  load_relaxed(&h->version) == version;
    } while (!settled);
    if (etf_pid_is_none(*leader))
        *leader = pid;
    return true;
}

/* ---- Blocks
 * --------------------------------------------------------------------- */

struct heritage *rt__heritage_new(struct rt *rt, etf_pid leader,
                                  struct etf_box *env)
{
    struct heritage *h;

    rt__lock(&rt->heritage_lock);
    h = rt->heritages;
    if (h != NULL) {
        rt->heritages = h->next;
    } else {
        h = calloc(1, sizeof *h);
        if (h != NULL) {
            store_relaxed(&h->version, 1u);
            h->place = rt->heritage_count++ % SHARES;
        }
    }
    rt__unlock(&rt->heritage_lock);
    if (h == NULL) {
        etf_box_free(env);
        return NULL;
    }
    h->env = env;
    h->next = NULL;
    store_relaxed(&h->refs, 1u);
    write_leader(h, leader);
    return h;
}

static void release(struct rt *rt, struct heritage *h)
{
    etf_box_free(h->env);
    h->env = NULL;
    store_relaxed(&h->version, load_relaxed(&h->version) + 1);
    rt__lock(&rt->heritage_lock);
    h->next = rt->heritages;
    rt->heritages = h;
    rt__unlock(&rt->heritage_lock);
}

/* Order: release pairs with the acquire of whoever takes the last count, who
 * frees what the others have read. */
static void put(struct rt *rt, struct heritage *h, uint32_t count)
{
    if (sub_acq_rel(&h->refs, count) == count)
        release(rt, h);
}

/* ---- Counts in hand
 * ------------------------------------------------------------- */

/* Makes the place that of `h`. */
static void claim(struct rt *rt, struct share *s, struct heritage *h)
{
    if (s->heritage == h)
        return;
    if (s->spare > 0)
        put(rt, s->heritage, s->spare);
    s->heritage = h;
    s->spare = 0;
}

/* Relaxed: whoever holds one count may add others. */
void rt__heritage_hold(struct worker *worker, struct heritage *h)
{
    struct share *s;

    if (worker == NULL) {
        add_relaxed(&h->refs, 1u);
        return;
    }
    s = &worker->shares[h->place];
    claim(worker->rt, s, h);
    if (s->spare == 0) {
        add_relaxed(&h->refs, SHARE_BATCH);
        s->spare = SHARE_BATCH;
    }
    s->spare--;
}

void rt__heritage_drop(struct rt *rt, struct worker *worker, struct heritage *h)
{
    struct share *s;

    if (worker == NULL) {
        put(rt, h, 1);
        return;
    }
    s = &worker->shares[h->place];
    claim(rt, s, h);
    if (++s->spare < 2 * SHARE_BATCH)
        return;
    put(rt, h, SHARE_BATCH);
    s->spare -= SHARE_BATCH;
}

void rt__heritage_fini(struct rt *rt)
{
    unsigned i, j;

    for (i = 0; i < rt->worker_total; i++)
        for (j = 0; rt->workers[i] != NULL && j < SHARES; j++)
            claim(rt, &rt->workers[i]->shares[j], NULL);
    while (rt->heritages != NULL) {
        struct heritage *h = rt->heritages;

        rt->heritages = h->next;
        free(h);
    }
}

/* ---- Of a process
 * ---------------------------------------------------------------- */

/* Order: release, so that who finds `h` there finds it filled in. */
void rt__heritage_set(struct rt *rt, struct worker *worker, struct process *p,
                      struct heritage *h)
{
    struct heritage *before = load_relaxed(&p->heritage);

    store_release(&p->heritage, h);
    if (before != NULL)
        rt__heritage_drop(rt, worker, before);
}

enum agner_err rt__heritage_lead(struct rt *rt, struct worker *worker,
                                 struct process *p, etf_pid leader)
{
    const struct heritage *before = load_relaxed(&p->heritage);
    struct etf_box *env = before == NULL ? NULL : before->env;
    struct heritage *h;

    if (env != NULL)
        (void)etf_box_hold(env);
    h = rt__heritage_new(rt, leader, env);
    if (h == NULL)
        return AGNER_ENOMEM;
    rt__heritage_set(rt, worker, p, h);
    return AGNER_OK;
}

enum agner_err rt__heritage_equip(struct rt *rt, struct worker *worker,
                                  struct process *p, struct etf_box *env)
{
    struct heritage *h = load_relaxed(&p->heritage);
    etf_pid leader = h == NULL ? (etf_pid){ 0 } : rt__leader_in(h);

    if (h != NULL && load_acquire(&h->refs) == 1) {
        /* Nobody else has it; acquire as in put(). */
        etf_box_free(h->env);
        h->env = env;
        return AGNER_OK;
    }
    if (env == NULL && etf_pid_is_none(leader)) {
        rt__heritage_set(rt, worker, p, NULL);
        return AGNER_OK;
    }
    h = rt__heritage_new(rt, leader, env);
    if (h == NULL)
        return AGNER_ENOMEM;
    rt__heritage_set(rt, worker, p, h);
    return AGNER_OK;
}

etf_term rt__heritage_env(const struct process *p)
{
    const struct heritage *h = load_relaxed(&p->heritage);

    return h == NULL || h->env == NULL ? ETF_NONE : etf_box_term(h->env);
}

etf_pid rt_group_leader(const struct gen *self)
{
    const struct heritage *h = load_relaxed(&self->process->heritage);
    etf_pid leader = h == NULL ? (etf_pid){ 0 } : rt__leader_in(h);

    return etf_pid_is_none(leader) ? rt_self(self) : leader;
}

/* The signal that makes `leader` the one of a local process. */
static enum agner_err tell_local(struct gen *self, etf_pid of, etf_pid leader)
{
    struct envelope *m;
    enum agner_err err;

    m = rt__envelope_from(self->worker, ENVELOPE_GROUP_LEADER,
                          etf_from_pid(&self->scratch, leader), ETF_NONE);
    if (m == NULL)
        return AGNER_ENOMEM;
    err = rt__push(self->rt, self->worker, rt__word_of(of), m);
    if (err != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
    return err;
}

enum agner_err rt_set_group_leader(struct gen *self, etf_pid of, etf_pid leader)
{
    struct rt_signal s = { .kind = RT_SIGNAL_GROUP_LEADER, .node = of.node };
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf_pid_is_none(of) || etf_pid_is_none(leader))
        return AGNER_EINVAL;
    if (etf_pid_equal(of, rt_self(self)))
        return rt__heritage_lead(self->rt, self->worker, self->process, leader);
    if (etf_pid_is_local(of))
        return tell_local(self, of, leader);
    if (etf_same(of.node, rt__node_name(self->rt)))
        return AGNER_EINCARNATION;
    s.from = leader;
    s.to = of;
    return rt__carry(self->rt, self, &s);
}
