/*
 * test_stage.c -- numbers go from the source of NAME to its sink.
 */
#include "NAME_test.h"

/* Waits until the sink has that sum: events are on their way for a moment. */
static bool comes_to(struct gen *self, int64_t sum)
{
    uint64_t deadline = rt_now_ms(rt_of(self)) + TEST_MS;
    etf_term reply;
    int64_t now = -1;

    do {
        if (gen_call(self, etf_atom("NAME_sink"), etf_make(self, "sum"),
                     TEST_MS, &reply) != AGNER_OK)
            return false;
    } while ((!etf_get_int(reply, &now) || now != sum) &&
             rt_sleep(self, 1) == AGNER_OK &&
             rt_now_ms(rt_of(self)) < deadline);
    return now == sum;
}

int main(void)
{
    struct gen *self = test_begin();
    struct rt_spawn_options source = { .name = etf_atom("NAME_source") };
    struct rt_spawn_options sink = { .name = etf_atom("NAME_sink") };
    etf_pid pid;

    CHECK(gen_stage_start_link(self, &NAME_source, etf_nil(), &source, &pid,
                               NULL) == AGNER_OK);
    for (int64_t n = 1; n <= 50; n++) /* nobody asks yet */
        CHECK(gen_cast(self, etf_atom("NAME_source"),
                       etf_make(self, "{put, _}", n)) == AGNER_OK);
    CHECK(gen_stage_start_link(self, &NAME_sink, etf_nil(), &sink, &pid,
                               NULL) == AGNER_OK);
    CHECK(comes_to(self, 1275));
    for (int64_t n = 51; n <= 100; n++)
        CHECK(gen_cast(self, etf_atom("NAME_source"),
                       etf_make(self, "{put, _}", n)) == AGNER_OK);
    CHECK(comes_to(self, 5050));
    CHECK(answers(self, "NAME_sink", "what", "{error, badarg}"));
    return test_end(self);
}
