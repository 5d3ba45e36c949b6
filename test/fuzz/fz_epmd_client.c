/*
 * What an epmd may answer: the input is that answer, to each kind of request.
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

/* A failure says why. */
static void check_error(enum agner_err err, const struct agner_error *error)
{
    check(err == AGNER_OK || error->code == err);
    check(err == AGNER_OK ||
          (error->text[0] != '\0' &&
           memchr(error->text, 0, sizeof error->text) != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[NODE__EPMD_NAME_MAX + 1];
    struct node__epmd_node node;
    struct agner_error error;
    uint32_t creation;
    enum agner_err err;
    uint16_t port;
    size_t at = 4;

    err = node__epmd_alive_answer(data, size, &creation, &error);
    check_error(err, &error);
    err = node__epmd_port_answer(data, size, "x", &node, &error);
    check_error(err, &error);
    if (err == AGNER_OK)
        check(node.port != 0 && strcmp(node.name, "x") == 0);
    while (node__epmd_names_next(data, size, &at, name, &port))
        check(strlen(name) > 0 && at <= size);
    return 0;
}
