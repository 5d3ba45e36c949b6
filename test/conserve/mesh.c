/*
 * mesh.c -- chains of hops: each message goes on to a random process until its
 * hops are used up. Received = chains x (hops + 1).
 */
#include <stdlib.h>

#include "conserve.h"

#define PROCESSES 200
#define CHAINS    100

struct mesh {
    etf_pid pids[PROCESSES];
    atomic_uint_fast64_t sent, received, over;
    uint64_t seed;
    etf_pid home;
};

static struct mesh mesh;

struct node {
    uint64_t random;
};

static enum rt_next begin(struct gen *self, etf_term args)
{
    struct node *node = rt_state(self);
    int64_t index = 0;

    (void)etf_get_int(args, &index);
    node->random = conserve_seed(mesh.seed, (uint64_t)index);
    return RT_NEXT;
}

static enum rt_next hop(struct gen *self, const struct rt_message *m)
{
    struct node *node = rt_state(self);
    int64_t left;

    if (!etf_get_int(m->term, &left))
        return rt_stop(self, ETF_A(normal));
    atomic_fetch_add_explicit(&mesh.received, 1, memory_order_relaxed);
    if (left == 0) {
        if (atomic_fetch_add(&mesh.over, 1) + 1 == CHAINS)
            conserve_must(rt_send_pid(self, mesh.home, ETF_A(ok)), "home");
        return RT_NEXT;
    }
    atomic_fetch_add_explicit(&mesh.sent, 1, memory_order_relaxed);
    conserve_must(
        rt_send_pid(self, mesh.pids[conserve_draw(&node->random) % PROCESSES],
                    etf_int(NULL, left - 1)),
        "hop");
    return RT_NEXT;
}

static const struct rt_behavior behavior = { .name = "mesh",
                                             .state_size = sizeof(struct node),
                                             .init = begin,
                                             .message = hop };

bool conserve_mesh(struct conserve *c)
{
    uint64_t hops = c->n / CHAINS;
    etf_term message;
    bool well;

    mesh.seed = c->seed;
    mesh.home = rt_self(c->self);
    atomic_store(&mesh.sent, CHAINS);
    atomic_store(&mesh.received, 0);
    atomic_store(&mesh.over, 0);
    for (int64_t i = 0; i < PROCESSES; i++)
        conserve_must(rt_start(c->self, &behavior, etf_int(NULL, i), NULL,
                               &mesh.pids[i], NULL),
                      "start");
    for (unsigned i = 0; i < CHAINS; i++)
        conserve_must(rt_send_pid(c->self, mesh.pids[i % PROCESSES],
                                  etf_int(NULL, (int64_t)hops)),
                      "send");
    conserve_must(rt_receive(c->self, CONSERVE_WAIT_MS, &message), "the end");
    for (unsigned i = 0; i < PROCESSES; i++)
        conserve_must(rt_send_pid(c->self, mesh.pids[i], ETF_A(normal)),
                      "stop");
    c->messages = atomic_load(&mesh.received);
    well = c->messages == CHAINS * (hops + 1) &&
           atomic_load(&mesh.sent) == c->messages;
    CONSERVE_SAY(c, "%llu sent, %llu received",
                 (unsigned long long)atomic_load(&mesh.sent),
                 (unsigned long long)c->messages);
    return well;
}
