/*
 * The packets of a connection that is up, without a node (fz_dist_packets has
 * one): the first byte chooses the flags, each packet has its length in two
 * bytes. What was understood as a signal is written and read
 * again, and must be the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <control.h>
#include <flags.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Our own form of a signal reads back as that signal. */
static void write_again(const struct rt_signal *signal,
                        const struct node__control_peer *peer,
                        struct etf_region *scratch)
{
    const struct etf_encode_options options = { .self = peer->self };
    struct etf_buffer terms = { .size_max = 1 << 20 };
    struct node__arrived arrived = { .terms = NULL };
    struct rt_signal again;
    enum node__verdict verdict;
    size_t control_size;

    /* We exit pids only. */
    if (signal->kind == RT_SIGNAL_EXIT2 && etf_pid_is_none(signal->to))
        return;
    if (node__control_encode(&terms, signal, peer->flags, &options,
                             &control_size) == AGNER_OK &&
        !etf_pid_is_none(signal->from)) {
        check(control_size <= terms.size);
        arrived.terms = terms.data;
        arrived.size = terms.size;
        check(node__control_decode(&arrived, peer, scratch, &again, &verdict,
                                   NULL) == AGNER_OK);
        check(verdict == NODE__DELIVER && again.kind == signal->kind);
        check(etf_pid_equal(again.from, signal->from) ||
              signal->kind == RT_SIGNAL_SEND);
        check(etf_pid_equal(again.to, signal->to));
        check(etf_ref_equal(again.ref, signal->ref));
        check(etf_is_none(signal->payload) ||
              etf_equal(again.payload, signal->payload));
        etf_box_free(again.box);
    }
    etf_buffer_fini(&terms);
}

static bool handle(struct node__in *in, const struct node__control_peer *peer,
                   const uint8_t *packet, size_t size,
                   struct etf_region *scratch)
{
    struct node__arrived arrived;
    struct rt_signal signal;
    enum node__verdict verdict;
    struct agner_error error = { .text = "" };
    enum agner_err err = node__packet_read(in, packet, size, &arrived, &error);
    bool read = err == AGNER_OK;

    if (read && arrived.terms != NULL)
        err = node__control_decode(&arrived, peer, scratch, &signal, &verdict,
                                   &error);
    if (read && arrived.terms != NULL && err == AGNER_OK &&
        verdict == NODE__DELIVER) {
        write_again(&signal, peer, scratch);
        etf_box_free(signal.box);
    }
    if (read)
        node__arrived_fini(&arrived);
    check(err == AGNER_OK || error.text[0] != '\0');
    etf_region_reset(scratch);
    return err == AGNER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t forms[] = {
        NODE__FLAGS_OFFERED,
        NODE__FLAGS_OFFERED &
            ~(NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_FRAGMENTS),
        NODE__FLAG_FRAGMENTS,
        NODE__FLAG_DIST_HDR_ATOM_CACHE | NODE__FLAG_DIST_MONITOR,
    };
    const struct etf_self us = { .name = etf_atom("b@vm"), .creation = 22 };
    struct etf_atom_budget budget = { 0 };
    struct node__control_peer peer = { .name = etf_atom("a@vm"),
                                       .self = &us,
                                       .budget = &budget };
    struct node__in *in = calloc(1, sizeof *in);
    struct etf_region *scratch = etf_region_new(16 << 20);
    size_t at = 1, length;

    if (in != NULL && scratch != NULL && size > 0) {
        peer.flags = in->flags = forms[data[0] % 4];
        in->budget = &budget;
        in->sequences.bytes_max = 1 << 20;
        while (size - at >= 2) {
            length = (size_t)data[at] << 8 | data[at + 1];
            at += 2;
            if (length > size - at)
                length = size - at;
            if (!handle(in, &peer, data + at, length, scratch))
                break;
            at += length;
        }
    }
    if (in != NULL)
        node__in_fini(in);
    etf_region_free(scratch);
    free(in);
    return 0;
}
