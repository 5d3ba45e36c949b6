/*
 * world_real.h -- what world_uv.c gives to the table of the real world.
 *
 * Private to runtime/.
 */
#ifndef WORLD_REAL_H
#define WORLD_REAL_H

#include "rt_world.h"

/* world_uv.c */
extern const struct rt_net rt__net_uv;

/* What the system calls error `number` of errno, in `text`, which is returned.
 */
char *rt__system_text(int number, char *text, size_t size);

#endif
