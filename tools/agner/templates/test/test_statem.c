/*
 * test_statem.c -- the state machine of NAME, from state to state.
 */
#include "NAME_test.h"

int main(void)
{
    struct gen *self = test_begin();
    struct rt_spawn_options options = { .name = etf_atom("NAME_statem") };
    etf_pid pid;

    CHECK(gen_statem_start_link(self, &NAME_statem, etf_nil(), &options, &pid,
                                NULL) == AGNER_OK);
    CHECK(answers(self, "NAME_statem", "state", "locked"));
    CHECK(answers(self, "NAME_statem", "lock", "{error, locked}"));
    CHECK(answers(self, "NAME_statem", "{unlock, 1}", "{error, locked}"));
    CHECK(answers(self, "NAME_statem", "{unlock, 1234}", "ok"));
    CHECK(answers(self, "NAME_statem", "state", "open"));
    CHECK(answers(self, "NAME_statem", "lock", "ok"));
    CHECK(answers(self, "NAME_statem", "state", "locked"));
    return test_end(self);
}
