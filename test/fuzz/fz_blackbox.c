/*
 * The reader of black boxes (fz_blackbox): any bytes. What it takes must hold:
 * every event has a kind of its half, a ring that there is, and a text that
 * ends; events are in order.
 *
 * A header has a checksum, which no mutation gets right: so the input is tried
 * as it is, and once more with its checksum put right.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rt_box.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_names(const struct rt_box *box, uint64_t address)
{
    struct rt_box_name name;
    char text[64];

    for (uint32_t i = 0; i <= box->header.names + 1; i++)
        check(strlen(rt_box_name(box, i, &name)) < sizeof name.text);
    check(strlen(rt_box_place(box, address, text, sizeof text)) < sizeof text);
}

static void read_all(const uint8_t *data, size_t size)
{
    struct agner_error error = { AGNER_OK, "" };
    struct rt_box_event *events;
    struct rt_box box;
    size_t count = 0;

    if (rt_box_open(data, size, &box, &error) != AGNER_OK) {
        check(error.text[0] != '\0');
        return;
    }
    check(strlen(box.header.node) < sizeof box.header.node);
    if (rt_box_events(&box, &events, &count) != AGNER_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        check(events[i].ring < box.header.rings);
        check(strlen(events[i].text) <= RT_BOX_TEXT);
        check(i == 0 || events[i].time_ns >= events[i - 1].time_ns);
        check(events[i].kind >= RT_BOX_LARGE || events[i].text[0] == '\0');
    }
    for (uint32_t i = 0; i < box.header.rings; i++) {
        struct rt_box_line line;

        rt_box_line(&box, i, &line);
    }
    check_names(&box, count == 0 ? 0 : events[0].b);
    free(events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_box_header header;
    uint8_t *copy;

    read_all(data, size);
    if (size < sizeof header)
        return 0;
    copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    memcpy(&header, copy, sizeof header);
    header.sum = rt_box_sum(&header);
    memcpy(copy, &header, sizeof header);
    read_all(copy, size);
    free(copy);
    return 0;
}
