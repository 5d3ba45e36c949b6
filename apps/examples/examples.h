/*
 * examples.h -- what the examples offer to be linked in.
 */
#ifndef AGNER_EXAMPLES_H
#define AGNER_EXAMPLES_H

#include <agner/gen.h>

extern const struct gen_server counter_server;
extern const struct gen_server echo_server;
extern const struct gen_statem lock_machine;
extern const struct gen_task_job words_job;

extern const struct gen_application counter_application;
extern const struct gen_application echo_application;
extern const struct gen_application shop_application;

#endif
