/*
 * epmd's own side: requests, each with its length in a byte, against a book of
 * names that must stay in order.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <epmd_proto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* No name is there twice, and the count of those that are alive is right. */
static void check_book(const struct node__epmd_book *book)
{
    size_t i, j, active = 0;

    for (i = 0; i < book->count; i++) {
        active += book->entries[i].owner != 0;
        check(book->entries[i].creation != 0);
        for (j = 0; j < i; j++)
            check(strcmp(book->entries[i].node.name,
                         book->entries[j].node.name) != 0);
    }
    check(active == book->active);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node__epmd_book book = { .port = 4369, .now = 1 };
    struct etf_buffer out = { 0 };
    uint64_t owner = 1;
    size_t at = 0, length;

    while (at < size) {
        enum node__epmd_next next;

        length = data[at++];
        if (length > size - at)
            length = size - at;
        out.size = 0;
        next = node__epmd_answer(&book, owner, length % 7 != 0, data + at,
                                 length, &out);
        check(next != NODE__EPMD_HOLD || out.size > 0);
        /* Half of the registrations end at once. */
        if (next == NODE__EPMD_HOLD && owner++ % 2 == 0)
            node__epmd_gone(&book, owner - 1);
        at += length;
        check_book(&book);
    }
    etf_buffer_fini(&out);
    node__epmd_book_fini(&book);
    return 0;
}
