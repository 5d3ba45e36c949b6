/*
 * Gossip: any datagram is a good name, or refused with a reason;
 * what was read is written and read back. And any text as a name with a port.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gossip_packet.h>
#include <registrar.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void read_packet(const uint8_t *data, size_t size)
{
    uint8_t packet[NODE__GOSSIP_MAX];
    char name[NODE__NAME_MAX + 1], again[NODE__NAME_MAX + 1];
    struct agner_error error = { AGNER_OK, "" };
    uint16_t port, port_again;

    if (node__gossip_read(data, size, name, &port, &error) != AGNER_OK) {
        check(error.text[0] != '\0');
        return;
    }
    check(node__name_check(name, strlen(name), NULL) == AGNER_OK);
    size = node__gossip_write(name, port, packet);
    check(size <= sizeof packet);
    check(node__gossip_read(packet, size, again, &port_again, NULL) ==
          AGNER_OK);
    check(strcmp(name, again) == 0 && port == port_again);
}

static void read_address(const uint8_t *data, size_t size)
{
    char text[600], name[NODE__NAME_MAX + 1];
    uint16_t port;

    if (size >= sizeof text || memchr(data, '\0', size) != NULL)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    if (node_address_parse(text, name, &port, NULL) == AGNER_OK)
        check(node__name_check(name, strlen(name), NULL) == AGNER_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_packet(data, size);
    read_address(data, size);
    return 0;
}
