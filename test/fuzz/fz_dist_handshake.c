/*
 * Both roles of the handshake against any bytes, cut where the input says.
 * The first byte chooses the role, what the owner answers,
 * and whether the dial is of version 5 or asks for a name.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <flags.h>
#include <handshake.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The owner's part, whenever the machine asks. */
static void answer(struct node__handshake *hs, uint8_t choice,
                   struct etf_buffer *out)
{
    if (hs->state == HS_ASK_ALIVE)
        (void)node__handshake_go_on(hs, choice & 1, out);
    else if (hs->state == HS_DECIDE && hs->wants_name && (choice & 1))
        (void)node__handshake_rename(hs, "ABC@host", 1, out);
    else if (hs->state == HS_DECIDE && hs->wants_name)
        (void)node__handshake_decide(hs, HS_NOT_ALLOWED, out);
    else if (hs->state == HS_DECIDE)
        (void)node__handshake_decide(hs, (enum node__hs_status)(choice % 5),
                                     out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node__hs_self self = { .name = "b@host",
                                  .creation = 9,
                                  .flags = NODE__FLAGS_OFFERED,
                                  .cookie = "secret",
                                  .cookie_size = 6,
                                  .challenge = 3 };
    struct etf_buffer out = { 0 };
    struct node__handshake hs;
    uint8_t choice;
    size_t at = 1;

    if (size == 0)
        return 0;
    choice = data[0] >> 1;
    if ((data[0] & 0xc1) == 0x81) {
        self.name = "host";
        self.flags |= NODE__FLAG_NAME_ME;
    }
    if ((data[0] & 0xc1) == 0x41)
        (void)node__handshake_dial_old(&hs, &self, "a@host", &out, NULL);
    else if (data[0] & 1)
        (void)node__handshake_dial(&hs, &self, "a@host", &out, NULL);
    else
        node__handshake_accept(&hs, &self);
    while (at < size && hs.state != HS_UP && hs.state != HS_FAILED) {
        size_t used, part = 1 + data[at] % 64u;

        if (part > size - at)
            part = size - at;
        (void)node__handshake_feed(&hs, data + at, part, &out, &used);
        if (used > part)
            abort();
        answer(&hs, choice, &out);
        at += used > 0 ? used : 1;
    }
    if (hs.state == HS_FAILED && hs.error.text[0] == '\0')
        abort();
    if (hs.state == HS_UP &&
        (node__name_check(hs.peer, strlen(hs.peer), NULL) != AGNER_OK ||
         node__name_check(hs.self.name, strlen(hs.self.name), NULL) !=
             AGNER_OK))
        abort();
    node__handshake_ended(&hs, AGNER_OK, "closed");
    if (hs.state != HS_UP && hs.state != HS_FAILED)
        abort();
    etf_buffer_fini(&out);
    return 0;
}
