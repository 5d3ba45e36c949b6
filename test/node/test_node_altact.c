/*
 * Signals in the form that OTP 28 has for those with priority, to processes of
 * ours: messages and exits, to a pid, to a name, and through an alias.
 */
#include <unistd.h>

#include <flags.h>

#include "duo.h"
#include "raw_peer.h"

#define OLD "old@127.0.0.1" /* the peer that is only a socket */

/* A connected socket that speaks for OLD, and whom it writes to. */
struct scene {
    struct duo duo;
    int fd;
    etf_pid from, to;
    etf_ref alias;
};

static struct scene scene_new(void)
{
    struct scene s = { .duo = duo_new() };
    struct node__handshake hs;
    etf_term reply;

    s.fd = raw_dial(node_port(s.duo.b), OLD, B, PAIR_COOKIE, 0, &hs);
    assert_true(s.fd >= 0);
    assert_true((hs.flags & NODE__FLAG_ALTACT_SIG) != 0);
    s.from = (etf_pid){ .node = etf_atom(OLD), .id = 1, .creation = 77 };
    s.to = duo_teller(s.duo.at_b, "teller", rt_self(s.duo.at_b), true);
    assert_int_equal(gen_call(s.duo.at_b, etf_make(s.duo.at_b, "_", s.to),
                              etf_atom("alias"), WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_get_ref(reply, &s.alias));
    return s;
}

static void scene_end(const struct scene *s)
{
    close(s->fd);
    duo_end(&s->duo);
}

/* {37, Flags, From, To} and `payload`. */
static void say(const struct scene *s, int64_t flags, etf_term to,
                const char *payload)
{
    struct gen *self = s->duo.at_b;
    struct etf_self us = rt_node(node_rt(s->duo.b));
    struct etf_encode_options options = { .self = &us };
    struct etf_buffer packet = { 0 };

    assert_int_equal(etf_buffer_add(&packet, "\x83\x44\0", 3), AGNER_OK);
    assert_int_equal(
        etf_encode(&packet, etf_make(self, "{37, _, _, _}", flags, s->from, to),
                   &options),
        AGNER_OK);
    assert_int_equal(etf_encode(&packet, etf_atom(payload), &options),
                     AGNER_OK);
    raw_packet(s->fd, packet.data, packet.size);
    etf_buffer_fini(&packet);
}

/* The teller heard of an exit of OLD's for this reason. */
static void expect_exit(const struct scene *s, const char *reason)
{
    etf_term message, why;
    etf_pid from;

    assert_int_equal(rt_receive(s->duo.at_b, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{info, {'EXIT', _, _}}", &from, &why));
    assert_true(etf_pid_equal(from, s->from));
    assert_true(etf_atom_is(why, reason));
}

static void messages_arrive_by_each_way(void **state)
{
    struct scene s = scene_new();
    struct gen *self = s.duo.at_b;

    (void)state;
    say(&s, 1, etf_make(self, "_", s.to), "pid");
    duo_expect(self, "{info,pid}");
    say(&s, 1 | 4, etf_make(self, "_", s.alias), "alias");
    duo_expect(self, "{info,alias}");
    say(&s, 1 | 8, etf_atom("teller"), "name");
    duo_expect(self, "{info,name}");
    say(&s, 8, etf_atom("nobody"), "lost");
    say(&s, 0, etf_make(self, "_", s.to), "last");
    duo_expect(self, "{info,last}");
    scene_end(&s);
}

static void exits_arrive_by_each_way(void **state)
{
    struct scene s = scene_new();
    struct gen *self = s.duo.at_b;
    etf_ref gone = s.alias;

    (void)state;
    gone.words[0] ^= 1; /* no alias */
    say(&s, 16 | 1, etf_make(self, "_", s.to), "pid");
    expect_exit(&s, "pid");
    say(&s, 16 | 4, etf_make(self, "_", s.alias), "alias");
    expect_exit(&s, "alias");
    say(&s, 16 | 8, etf_atom("teller"), "name");
    expect_exit(&s, "name");
    say(&s, 16 | 4, etf_make(self, "_", gone), "lost");
    say(&s, 16 | 8, etf_atom("nobody"), "lost");
    say(&s, 0, etf_make(self, "_", s.to), "last");
    duo_expect(self, "{info,last}");
    /* Kill is for ever, through an alias too. */
    say(&s, 16 | 4 | 1, etf_make(self, "_", s.alias), "kill");
    say(&s, 16 | 4, etf_make(self, "_", s.alias), "too_late");
    while (rt_is_alive(node_rt(s.duo.b), s.to))
        rt_sleep(self, 1);
    assert_int_equal(rt_receive(self, 0, &(etf_term){ 0 }), AGNER_ETIMEOUT);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_by_each_way),
        cmocka_unit_test(exits_arrive_by_each_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
