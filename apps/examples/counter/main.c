/*
 * main.c -- a program that starts a counter and calls it, without any node.
 *
 * main() is no process; rt_attach() makes it one, so that it can call and wait.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples.h"

static enum agner_err count(struct gen *self)
{
    etf_pid counter;
    etf_term answer;
    int64_t value = 0;
    enum agner_err err;

    err = gen_start(self, &counter_server, etf_make(self, "_", 40), NULL,
                    &counter, NULL);
    if (err != AGNER_OK)
        return err;
    err = gen_call(self, etf_make(self, "_", counter),
                   etf_make(self, "{add, _}", 2), GEN_CALL_TIMEOUT_MS, &answer);
    if (err != AGNER_OK)
        return err;
    if (!etf_match(answer, "_", &value))
        return AGNER_EUNKNOWN;
    printf("the counter is at %" PRId64 "\n", value);
    return gen_server_stop(self, etf_make(self, "_", counter),
                           etf_make(self, "normal"), GEN_CALL_TIMEOUT_MS);
}

int main(void)
{
    struct rt_options options = { 0 };
    struct agner_error error = { 0 };
    struct rt *rt;
    struct gen *self;
    enum agner_err err;

    if (rt_new(&options, &rt, &error) != AGNER_OK) {
        fprintf(stderr, "counter: %s\n", error.text);
        return EXIT_FAILURE;
    }
    self = rt_attach(rt);
    err = self != NULL ? count(self) : AGNER_ENOMEM;
    if (self != NULL)
        rt_detach(self);
    rt_free(rt, 1000);
    if (err != AGNER_OK)
        fprintf(stderr, "counter: %s\n", agner_strerror(err));
    return err == AGNER_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
