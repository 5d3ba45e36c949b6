/*
 * master.h -- the process that an application hangs on. Private to apps/loader.
 */
#ifndef AGNER_MASTER_H
#define AGNER_MASTER_H

#include <agner/gen.h>

/* Started with the application as a native value: etf_resource(). */
extern const struct gen_server apps__master;

#endif
