/*
 * test_server.c -- the server of NAME, called as others would call it.
 */
#include "NAME_test.h"

int main(void)
{
    struct gen *self = test_begin();
    struct rt_spawn_options options = { .name = etf_atom("NAME_server") };
    etf_pid pid;

    CHECK(gen_start_link(self, &NAME_server, etf_nil(), &options, &pid, NULL) ==
          AGNER_OK);
    CHECK(answers(self, "NAME_server", "get", "0"));
    CHECK(answers(self, "NAME_server", "{add, 5}", "5"));
    CHECK(answers(self, "NAME_server", "{add, -2}", "3"));
    CHECK(answers(self, "NAME_server", "get", "3"));

    /* What it does not know changes nothing. */
    CHECK(answers(self, "NAME_server", "nonsense", "{error, badarg}"));
    CHECK(answers(self, "NAME_server", "{add, a}", "{error, badarg}"));
    CHECK(answers(self, "NAME_server", "{add, 9223372036854775807}",
                  "{error, badarg}"));
    CHECK(answers(self, "NAME_server", "get", "3"));
    return test_end(self);
}
