/*
 * The configuration file: any text is read, or refused with a place
 * in it; the finder of places stays inside the text, whatever the path.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agner_apps.h"
#include "term_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct agner_error error = { AGNER_OK, "" };
    struct apps_config config;
    size_t path[3];
    unsigned line, column;

    if (apps_config_parse("f", text, size, &config, &error) == AGNER_OK)
        apps_config_fini(&config);
    else
        check(sscanf(error.text, "f:%u:%u: ", &line, &column) == 2);
    (void)apps__term_depth(text, size);
    for (size_t i = 0; i < 27; i++) {
        path[0] = i / 9;
        path[1] = i / 3 % 3;
        path[2] = i % 3;
        check(apps__term_offset(text, size, path, i % 4) <= size);
    }
    return 0;
}
