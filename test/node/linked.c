/*
 * linked.c -- two nodes with a secure link between them: linked.h.
 */
#include "linked.h"

#include <unistd.h>

void linked_note(void *ctx, enum rt_log_level level, const char *text)
{
    struct diary *diary = ctx;

    (void)level;
    rt__lock(&diary->lock);
    (void)etf_buffer_add(&diary->text, text, strlen(text));
    (void)etf_buffer_add(&diary->text, "\n", 1);
    rt__unlock(&diary->lock);
}

size_t linked_noted(struct diary *diary, const char *part)
{
    size_t size = strlen(part), count = 0;
    const uint8_t *at, *end;

    rt__lock(&diary->lock);
    at = diary->text.data;
    end = at + diary->text.size;
    while (at != NULL && at < end) {
        at = memmem(at, (size_t)(end - at), part, size);
        if (at == NULL)
            break;
        count++;
        at += size;
    }
    rt__unlock(&diary->lock);
    return count;
}

void linked_expect(struct diary *diary, const char *part)
{
    for (int i = 0; i < WAIT_MS; i++) {
        if (linked_noted(diary, part) > 0)
            return;
        (void)usleep(1000);
    }
    fail_msg("not in the log: %s\n%.*s", part, (int)diary->text.size,
             (const char *)diary->text.data);
}

void linked_begin_with(struct linked *l, struct node_options a,
                       struct node_options b, bool tapped)
{
    memset(l, 0, sizeof *l);
    a.rt.log = b.rt.log = linked_note;
    a.rt.log_ctx = &l->at_a;
    b.rt.log_ctx = &l->at_b;
    l->duo.a = pair_start(&a);
    l->duo.b = pair_start(&b);
    if (tapped) {
        l->tap = tap_new(node_port(l->duo.b), !b.plain);
        assert_int_equal(node_route(l->duo.a, B, "127.0.0.1", tap_port(l->tap)),
                         AGNER_OK);
    } else {
        pair_route(l->duo.a, l->duo.b);
        pair_route(l->duo.b, l->duo.a);
    }
    l->duo.at_a = rt_attach(node_rt(l->duo.a));
    l->duo.at_b = rt_attach(node_rt(l->duo.b));
}

void linked_begin(struct linked *l, bool tapped)
{
    linked_begin_with(l, pair_options(A), pair_options(B), tapped);
}

void linked_end(struct linked *l)
{
    duo_end(&l->duo);
    if (l->tap != NULL)
        tap_free(l->tap);
    etf_buffer_fini(&l->at_a.text);
    etf_buffer_fini(&l->at_b.text);
}

void linked_connect(struct linked *l)
{
    struct agner_error error = { .code = AGNER_OK };

    if (node_connect(l->duo.at_a, l->duo.a, B, &error) != AGNER_OK)
        fail_msg("no connection: %s", error.text);
}

etf_pid linked_b(const struct linked *l)
{
    return duo_pid_from_a(&l->duo, rt_self(l->duo.at_b));
}

void linked_send(struct linked *l, const char *text)
{
    assert_int_equal(rt_send_pid(l->duo.at_a, linked_b(l), etf_atom(text)),
                     AGNER_OK);
}

struct node_peer_info linked_peer(struct node *node)
{
    struct node_peer_info info;

    assert_int_equal(node_peers(node, &info, 1), 1);
    return info;
}

void linked_dial(void *arg)
{
    struct linked_dialler *d = arg;
    struct gen *self = rt_attach(node_rt(d->node));

    d->err = node_connect(self, d->node, d->to, NULL);
    rt_detach(self);
}

void linked_chatter(struct linked *l)
{
    static uint8_t bytes[100000];
    etf_term message;

    memcpy(bytes + 5000, LINKED_SECRET, strlen(LINKED_SECRET));
    assert_int_equal(rt_register(node_rt(l->duo.b), etf_atom(LINKED_KNOWN),
                                 rt_self(l->duo.at_b)),
                     AGNER_OK);
    linked_connect(l);
    linked_send(l, LINKED_SECRET);
    assert_int_equal(
        rt_send(l->duo.at_a,
                etf_make(l->duo.at_a, "{_, '" B "'}", etf_atom(LINKED_KNOWN)),
                etf_atom(LINKED_SECRET)),
        AGNER_OK);
    assert_int_equal(
        rt_send_pid(l->duo.at_a, linked_b(l),
                    etf_binary(rt_region(l->duo.at_a), bytes, sizeof bytes)),
        AGNER_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rt_receive(l->duo.at_b, WAIT_MS, &message), AGNER_OK);
}
