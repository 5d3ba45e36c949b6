/*
 * case_options.c -- the fields of struct sim_options by name.
 *
 * Those that make a run: the tape is a part of the case by itself. A value of 0
 * is what is not said.
 */
#include "sim_case.h"

#include <assert.h>
#include <string.h>

#define OPTIONS(X) \
    X(pick) \
    X(change_points) \
    X(steps_expected) \
    X(step_ns) \
    X(steps_max) \
    X(stall_ppm) \
    X(stall_ms) \
    X(delay_min_us) \
    X(delay_mean_us) \
    X(bandwidth) \
    X(window) \
    X(cut_ppm) \
    X(refuse_ppm) \
    X(silent_dial_ppm) \
    X(reset_ppm) \
    X(half_open_ppm) \
    X(half_close_ppm) \
    X(clog_ppm) \
    X(clog_ms) \
    X(flip_ppm) \
    X(datagram_ppm) \
    X(descriptor_ppm) \
    X(name_error_ppm) \
    X(name_stale_ppm) \
    X(weather) \
    X(weather_ms) \
    X(weather_for_ms) \
    X(file_error_ppm) \
    X(wall_ns) \
    X(uid)

#define SIZE_OF(field) sizeof(((struct sim_options *)NULL)->field)

static const struct option {
    const char *name;
    size_t offset, size;
} options_by_name[] = {
#define ROW(field) \
    { #field, offsetof(struct sim_options, field), SIZE_OF(field) },
    OPTIONS(ROW)
#undef ROW
};

#define COUNT (sizeof options_by_name / sizeof options_by_name[0])

size_t sim__option_count(void)
{
    return COUNT;
}

const char *sim__option_name(size_t index)
{
    return options_by_name[index].name;
}

int sim__option_find(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strlen(options_by_name[i].name) == size &&
            memcmp(options_by_name[i].name, name, size) == 0)
            return (int)i;
    return -1;
}

uint64_t sim__option_get(const struct sim_options *options, size_t index)
{
    const struct option *option = &options_by_name[index];
    const char *field = (const char *)options + option->offset;
    uint64_t value = 0;
    uint32_t word;

    if (option->size == sizeof value) {
        memcpy(&value, field, sizeof value);
        return value;
    }
    assert(option->size == sizeof word);
    memcpy(&word, field, sizeof word);
    return word;
}

/* A value that does not fit is cut off: it was no value of that option. */
void sim__option_set(struct sim_options *options, size_t index, uint64_t value)
{
    const struct option *option = &options_by_name[index];
    char *field = (char *)options + option->offset;
    uint32_t word = (uint32_t)value;

    if (option->size == sizeof value)
        memcpy(field, &value, sizeof value);
    else
        memcpy(field, &word, sizeof word);
}
