/*
 * test_sup.c -- the supervisor of NAME: its children run, and come back.
 */
#include "NAME_test.h"

static const char *const children[] = {
#ifdef SERVER
    "NAME_server",
#endif
#ifdef STATEM
    "NAME_statem",
#endif
#ifdef STAGE
    "NAME_source", "NAME_sink",
#endif
#ifdef SAGA
    "NAME_saga",
#endif
};

/* Waits until `name` is a process other than `before`. */
static bool came_back(struct gen *self, const char *name, etf_pid before)
{
    uint64_t deadline = rt_now_ms(rt_of(self)) + TEST_MS;
    etf_pid pid;

    do {
        if (rt_whereis(rt_of(self), etf_atom(name), &pid) == AGNER_OK &&
            !etf_pid_equal(pid, before))
            return true;
    } while (rt_sleep(self, 1) == AGNER_OK &&
             rt_now_ms(rt_of(self)) < deadline);
    return false;
}

static void kill_it(struct gen *self, const char *name)
{
    etf_pid pid;

    if (!CHECK(rt_whereis(rt_of(self), etf_atom(name), &pid) == AGNER_OK))
        return;
    CHECK(rt_exit_signal(self, pid, etf_make(self, "kill")) == AGNER_OK);
    CHECK(came_back(self, name, pid));
}

int main(void)
{
    struct gen *self = test_begin();
    struct gen_child_counts counts;
    etf_pid sup;

    CHECK(gen_supervisor_start_link(self, &NAME_sup, etf_nil(), NULL, &sup,
                                    NULL) == AGNER_OK);
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++)
        kill_it(self, children[i]);
    CHECK(gen_count_children(self, etf_make(self, "_", sup), &counts) ==
          AGNER_OK);
    CHECK(counts.active == counts.specs);
    CHECK(gen_server_stop(self, etf_make(self, "_", sup),
                          etf_make(self, "normal"), TEST_MS) == AGNER_OK);
    return test_end(self);
}
