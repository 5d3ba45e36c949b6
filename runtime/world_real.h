/*
 * world_real.h -- what other files give to the table of the real world.
 *
 * Private to runtime/.
 */
#ifndef WORLD_REAL_H
#define WORLD_REAL_H

#include "rt_world.h"

/* world_uv.c */
extern const struct rt_net rt__net_uv;

/* world_output.c */
enum agner_err rt__output_open(void *ctx, enum rt_output_kind kind,
                               const char *path, struct rt_output **output,
                               struct rt_output_info *info,
                               struct agner_error *error);
enum agner_err rt__output_write(void *ctx, struct rt_output *output,
                                const void *bytes, size_t size,
                                uint64_t wait_ms, size_t *written,
                                struct agner_error *error);
void rt__output_close(void *ctx, struct rt_output *output);
enum agner_err rt__file_rename(void *ctx, const char *from, const char *to,
                               struct agner_error *error);

/* What the system calls error `number` of errno, in `text`, which is returned.
 */
char *rt__system_text(int number, char *text, size_t size);

#endif
