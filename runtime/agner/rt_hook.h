/*
 * rt_hook.h -- what is to be done when a process ends, by whoever is not one.
 *
 * An object that has something of a process, a subscription or a place in a
 * queue, learns of its end here, at no cost of a message: a hook is a block of
 * the object's own memory in the process's list.
 *
 * Included by rt.h.
 */
#ifndef AGNER_RT_HOOK_H
#define AGNER_RT_HOOK_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_hook {
    /* Runs once, when the process ends, however it ends: after its names are
     * free and before anybody is told. On the thread that ends it, and not as
     * the process: it has no self, and waits for nothing. The hook is on no
     * list any more, so this may free it. */
    void (*run)(struct rt_hook *hook, struct rt *rt);
    struct rt_hook *next, *prev; /* private */
    uint64_t who;                /* private: whose list it is for */
    bool listed;                 /* private */
};

/* Puts `hook`, whose `run` is set, on self's list; the last one runs first.
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED: it is not there. */
AGNER_API enum agner_err rt_hook_add(struct gen *self, struct rt_hook *hook);

/* Takes it off, if it was ever put on one. true: it never runs. false: it has
 * run, or it does now on another thread, so its memory is still in use there.
 * Any thread; of one hook, one at a time. */
AGNER_API bool rt_hook_remove(struct rt *rt, struct rt_hook *hook);

#ifdef __cplusplus
}
#endif

#endif
