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

/* world_map.c */
enum agner_err rt__file_map(void *ctx, const char *path, unsigned keep,
                            size_t size, struct rt_mapping **mapping,
                            uint8_t **bytes, struct agner_error *error);
void rt__file_unmap(void *ctx, struct rt_mapping *mapping);

/* world_private.c */
enum agner_err rt__private_read(void *ctx, const char *path, void *bytes,
                                size_t room, size_t *size,
                                struct agner_error *error);
enum agner_err rt__private_write(void *ctx, const char *path, const void *bytes,
                                 size_t size, bool fresh,
                                 struct agner_error *error);
enum agner_err rt__private_folder(void *ctx, const char *path, bool make,
                                  struct agner_error *error);
enum agner_err rt__private_lock(void *ctx, const char *folder, int *lock,
                                struct agner_error *error);
void rt__private_unlock(void *ctx, int lock);

/* world_where.c */
enum agner_err rt__thread_watch(void *ctx);
size_t rt__thread_where(void *ctx, struct rt_thread *thread,
                        const void *stack_end, void **places, size_t room);

/* world_output.c again. What the system calls error `number` of errno, in
 * `text`, which is returned.
 */
char *rt__system_text(int number, char *text, size_t size);

#endif
