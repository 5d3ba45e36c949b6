/*
 * test_app.c -- the application of NAME, started and stopped as a node does it.
 */
#include "NAME_test.h"

static const char *const names[] = {
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

/* How many of the application's processes are registered. */
static size_t running(struct gen *self)
{
    size_t count = 0;
    etf_pid pid;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        count += rt_whereis(rt_of(self), etf_atom(names[i]), &pid) == AGNER_OK;
    return count;
}

int main(void)
{
    struct gen *self = test_begin();
    struct agner_error error = { 0 };

    CHECK(gen_applications_start(self, NULL, &error) == AGNER_OK);
    CHECK(gen_application_load(self, &NAME_application, &error) == AGNER_OK);
    CHECK(gen_application_start(self, "NAME", GEN_APP_TEMPORARY, NULL,
                                &error) == AGNER_OK);
    CHECK(running(self) == sizeof names / sizeof names[0]);
    CHECK(gen_application_stop(self, "NAME", TEST_MS, &error) == AGNER_OK);
    CHECK(running(self) == 0);
    CHECK(gen_applications_stop(self, TEST_MS) == AGNER_OK);
    if (failures > 0 && error.text[0] != '\0')
        fprintf(stderr, "%s\n", error.text);
    return test_end(self);
}
