/*
 * kinds.h -- the kinds of store that each case of the tests runs on.
 */
#ifndef TEST_KINDS_H
#define TEST_KINDS_H

#include <agner/gen.h>

struct kind {
    const char *name; /* NULL: no more */
    enum agner_err (*open)(struct gen *self, struct gen_store **out,
                           struct agner_error *error);
    void (*clean)(void); /* after it is closed: what it keeps is forgotten */
    bool keeps;          /* what was put is there when it is opened again */
    unsigned steps;      /* of a drawn sequence */
};

extern const struct kind kinds[];

#endif
