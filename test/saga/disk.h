/*
 * disk.h -- a store of a test's own, whose contents outlive runtimes.
 */
#ifndef TEST_DISK_H
#define TEST_DISK_H

#include <agner/gen.h>

#define DISK_ROWS 64

struct disk {
    struct disk_row {
        uint8_t *key, *value; /* owned */
        size_t key_size, value_size;
    } rows[DISK_ROWS];
    size_t count;
    /* Before each write; what it says instead of writing. May be NULL. */
    enum agner_err (*fault)(void *ctx);
    void *ctx;
};

/* A store on it, with one count. */
struct gen_store *disk_store(struct disk *disk, struct rt *rt);
void disk_clear(struct disk *disk);

#endif
