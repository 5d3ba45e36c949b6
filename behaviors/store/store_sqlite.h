/*
 * store_sqlite.h -- between the queue of a store in a file and the file.
 *
 * Private to behaviors/store/. All of store_sqlite_file.c runs on a thread that
 * may wait, one at a time for each file.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <agner/gen_store.h>

struct store_file;

/* What gen_store_sqlite() says, without the blocking pool. */
enum agner_err
gen__store_file_open(const char *path,
                     const struct gen_store_sqlite_options *options,
                     struct store_file **out, struct agner_error *error);
void gen__store_file_close(struct store_file *file);

/* A transaction around puts; what fails is rolled back. */
enum agner_err gen__store_file_begin(struct store_file *file,
                                     struct agner_error *error);
enum agner_err gen__store_file_put(struct store_file *file,
                                   const struct gen_store_write *write,
                                   struct agner_error *error);
enum agner_err gen__store_file_commit(struct store_file *file,
                                      struct agner_error *error);
void gen__store_file_rollback(struct store_file *file);

enum agner_err gen__store_file_get(struct store_file *file, etf_bytes key,
                                   struct etf_buffer *value,
                                   struct agner_error *error);

/* Rows one behind the other: two sizes of 32 bits, the key, the value. */
enum agner_err gen__store_file_scan(struct store_file *file, etf_bytes prefix,
                                    etf_bytes after, size_t limit,
                                    struct etf_buffer *rows, size_t *count,
                                    struct agner_error *error);

#endif
