/*
 * store_sqlite_none.c -- a library that was built without SQLite.
 */
#include <agner/gen_store.h>

enum agner_err gen_store_sqlite(struct gen *self, const char *path,
                                const struct gen_store_sqlite_options *options,
                                struct gen_store **out,
                                struct agner_error *error)
{
    (void)self;
    (void)options;
    (void)out;
    return agner_fail(error, AGNER_ENOTSUP,
                      "%s: this library was built without SQLite",
                      path == NULL ? "a store" : path);
}
