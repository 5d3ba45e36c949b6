/*
 * test_saga.c -- orders of NAME are done, or cancelled.
 */
#include "NAME_test.h"

int main(void)
{
    struct gen *self = test_begin();
    struct rt_spawn_options options = { .name = etf_atom("NAME_saga") };
    etf_pid pid;

    CHECK(gen_saga_start_link(self, &NAME_saga, etf_nil(), &options, &pid,
                              NULL) == AGNER_OK);
    CHECK(answers(self, "NAME_saga", "{order, 6}", "{ok, 42}"));
    CHECK(answers(self, "NAME_saga", "{order, 0}", "{error, no_such_number}"));
    CHECK(answers(self, "NAME_saga", "{order, 1}", "{ok, 7}"));
    CHECK(answers(self, "NAME_saga", "what", "{error, badarg}"));
    return test_end(self);
}
