/*
 * The handshake's machine: recordings of real nodes replayed in both roles, and
 * what a hostile peer may say (B-DST-1 to B-DST-5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flags.h>
#include <handshake.h>

#include "../json_doc.h"

#define OTP_OFFER UINT64_C(0x0d07df7fbd) /* of 25 to 27 */
#define OFFER     (OTP_OFFER | NODE__FLAG_ALTACT_SIG)

static const char *const recordings[] = {
    "asymmetric_cookies", "bad_cookie",     "dynamic_name",
    "dynamic_name_twice", "hidden",         "not_allowed",
    "otp23_to_otp23",     "otp23_to_otp25", "otp23_to_otp27",
    "otp25_to_otp23",     "otp25_to_otp25", "otp25_to_otp27",
    "otp27_to_otp23",     "otp27_to_otp25", "otp27_to_otp27",
};
#define RECORDINGS (sizeof recordings / sizeof recordings[0])

/* ---- Recordings --------------------------------------------------------- */

/* One connection of a recording: who was who, and the bytes of each direction.
 */
struct recorded {
    const char *status; /* or NULL */
    char a[256], b[256];
    uint64_t a_flags, b_flags;
    uint32_t a_creation, b_creation;
    uint32_t a_challenge, b_challenge;
    char a_cookie[32], b_cookie[32];
    struct etf_buffer c2s, s2c;
    bool dynamic;
    bool acked;
};

static void add_hex(struct etf_buffer *to, const char *hex)
{
    size_t size;
    uint8_t *bytes = json_doc_hex(hex, &size);

    assert_int_equal(etf_buffer_add(to, bytes, size), AGNER_OK);
    free(bytes);
}

static void record(struct recorded *r, const struct json_value *m)
{
    const char *kind = json_get_text(m, "kind");
    const char *name = json_get_text(m, "name");
    const char *flags = json_get_text(m, "flags");

    if (strcmp(kind, "send_name") == 0) {
        (void)snprintf(r->a, sizeof r->a, "%s", name);
        r->a_flags = strtoull(flags, NULL, 16);
        r->a_creation = (uint32_t)json_get_number(m, "creation");
    } else if (strcmp(kind, "status") == 0) {
        r->status = json_get_text(m, "status");
        if (strcmp(r->status, "named:") == 0) {
            r->dynamic = true;
            (void)snprintf(r->a, sizeof r->a, "%s", name);
            r->a_creation = (uint32_t)json_get_number(m, "creation");
        }
    } else if (strcmp(kind, "challenge") == 0) {
        (void)snprintf(r->b, sizeof r->b, "%s", name);
        r->b_flags = strtoull(flags, NULL, 16);
        r->b_challenge = (uint32_t)json_get_number(m, "challenge");
        r->b_creation = (uint32_t)json_get_number(m, "creation");
    } else if (strcmp(kind, "challenge_reply") == 0) {
        r->a_challenge = (uint32_t)json_get_number(m, "challenge");
    } else if (strcmp(kind, "challenge_ack") == 0) {
        r->acked = true;
    }
    if (json_get_text(m, "hex") != NULL)
        add_hex(strcmp(json_get_text(m, "dir"), "c2s") == 0 ? &r->c2s : &r->s2c,
                json_get_text(m, "hex"));
}

/* The recording's connection number `conn`; false when it has none. */
static bool load(const struct json_value *doc, const char *name, int64_t conn,
                 struct recorded *r)
{
    const struct json_value *m, *cookies = json_get(doc, "cookie");
    bool found = false;

    memset(r, 0, sizeof *r);
    (void)snprintf(r->a_cookie, sizeof r->a_cookie, "%s",
                   json_get_text(cookies, "a"));
    (void)snprintf(r->b_cookie, sizeof r->b_cookie, "%s",
                   json_get_text(cookies, "b"));
    if (strcmp(name, "asymmetric_cookies") == 0) {
        (void)snprintf(r->a_cookie, sizeof r->a_cookie, "toward");
        (void)snprintf(r->b_cookie, sizeof r->b_cookie, "toward");
    }
    for (m = json_get(doc, "messages")->first; m != NULL; m = m->next)
        if (strcmp(json_get_text(m, "chan"), "dist") == 0 &&
            json_get_number(m, "conn") == conn) {
            record(r, m);
            found = true;
        }
    return found;
}

static void unload(struct recorded *r)
{
    etf_buffer_fini(&r->c2s);
    etf_buffer_fini(&r->s2c);
}

/* Feeds `in` in pieces of `step` bytes; stops when the machine takes no more.
 */
static enum node__hs_state feed(struct node__handshake *hs,
                                const struct etf_buffer *in, size_t *at,
                                size_t step, struct etf_buffer *out)
{
    enum node__hs_state state = hs->state;

    while (*at < in->size) {
        size_t used, part = in->size - *at < step ? in->size - *at : step;

        state = node__handshake_feed(hs, in->data + *at, part, out, &used);
        *at += used;
        if (used < part)
            break;
    }
    return state;
}

static enum node__hs_state decide_as(struct node__handshake *hs,
                                     const struct recorded *r,
                                     struct etf_buffer *out)
{
    if (r->dynamic)
        return node__handshake_rename(hs, r->a, r->a_creation, out);
    if (strcmp(r->status, "not_allowed") == 0)
        return node__handshake_decide(hs, HS_NOT_ALLOWED, out);
    assert_string_equal(r->status, "ok");
    return node__handshake_decide(hs, HS_OK, out);
}

/* We are B: what we say is what the real B said, to the byte. */
static void replay_as_acceptor(const struct recorded *r, size_t step)
{
    struct node__hs_self self = { .name = r->b,
                                  .creation = r->b_creation,
                                  .flags = r->b_flags,
                                  .cookie = r->b_cookie,
                                  .cookie_size = strlen(r->b_cookie),
                                  .challenge = r->b_challenge };
    struct etf_buffer out = { 0 };
    struct node__handshake hs;
    enum node__hs_state state;
    size_t at = 0;

    if (r->dynamic) /* the challenge's flags follow from the request */
        self.flags = OTP_OFFER;
    node__handshake_accept(&hs, &self);
    state = feed(&hs, &r->c2s, &at, step, &out);
    assert_int_equal(state, HS_DECIDE);
    assert_int_equal(hs.wants_name, r->dynamic);
    state = decide_as(&hs, r, &out);
    if (state == HS_REPLY)
        state = feed(&hs, &r->c2s, &at, step, &out);
    assert_int_equal(out.size, r->s2c.size);
    assert_memory_equal(out.data, r->s2c.data, out.size);
    assert_string_equal(hs.peer, r->a);
    if (r->acked) {
        assert_int_equal(state, HS_UP);
        assert_int_equal(hs.flags & ~NODE__FLAG_MANDATORY_25_DIGEST,
                         r->a_flags & self.flags &
                             ~NODE__FLAG_MANDATORY_25_DIGEST);
        assert_int_equal(hs.peer_creation, r->a_creation);
    } else {
        assert_int_not_equal(state, HS_UP);
    }
    etf_buffer_fini(&out);
}

/* We are A. */
static void replay_as_initiator(const struct recorded *r, size_t step)
{
    struct node__hs_self self = { .name = r->a,
                                  .creation = r->a_creation,
                                  .flags = r->a_flags,
                                  .cookie = r->a_cookie,
                                  .cookie_size = strlen(r->a_cookie),
                                  .challenge = r->a_challenge };
    struct etf_buffer out = { 0 };
    struct node__handshake hs;
    enum node__hs_state state;
    size_t at = 0;

    if (r->dynamic) { /* all it knows is its host */
        self.name = strchr(r->a, '@') + 1;
        self.creation = 0;
    }
    assert_int_equal(node__handshake_dial(&hs, &self,
                                          r->b[0] != '\0' ? r->b : "b@vm", &out,
                                          NULL),
                     AGNER_OK);
    state = feed(&hs, &r->s2c, &at, step, &out);
    /* OTP 27 stops at the flags of OTP 23, and we go on. */
    assert_true(out.size >= r->c2s.size);
    assert_memory_equal(out.data, r->c2s.data, r->c2s.size);
    if (r->acked) {
        assert_int_equal(state, HS_UP);
        assert_int_equal(out.size, r->c2s.size);
        assert_int_equal(hs.peer_creation, r->b_creation);
        assert_string_equal(hs.self.name, r->a);
        assert_int_equal(hs.self.creation, r->a_creation);
    } else if (strcmp(r->status, "not_allowed") == 0) {
        assert_int_equal(state, HS_FAILED);
        assert_int_equal(hs.error.code, AGNER_ENOTALLOWED);
    } else {
        assert_int_equal(state, HS_ACK);
        node__handshake_ended(&hs, AGNER_OK, "closed by the peer");
        assert_int_equal(hs.state, HS_FAILED);
        assert_int_equal(hs.error.code, AGNER_EAUTH);
    }
    etf_buffer_fini(&out);
}

static void says_what_real_nodes_said_in_each_recording(void **state)
{
    unsigned connections = 0;
    size_t i;

    (void)state;
    for (i = 0; i < RECORDINGS; i++) {
        char path[512];
        struct json_doc *doc;
        int64_t conn;

        (void)snprintf(path, sizeof path,
                       VECTORS "/handshake/handshake_%s.json", recordings[i]);
        doc = json_doc_open(path);
        for (conn = 1; conn < 20; conn++) {
            struct recorded r;
            size_t step;

            if (load(json_doc_root(doc), recordings[i], conn, &r)) {
                connections++;
                for (step = 1; step < 2000; step = 3 * step + 1) {
                    replay_as_acceptor(&r, step);
                    replay_as_initiator(&r, step);
                }
            }
            unload(&r);
        }
        json_doc_close(doc);
    }
    assert_int_equal(connections, RECORDINGS + 1);
}

/* ---- Two machines of ours ------------------------------------------------ */

struct pair {
    struct node__hs_self a, b;
    struct node__handshake dialler, acceptor;
    struct etf_buffer to_b, to_a;
    size_t at_b, at_a;
};

static void pair_init(struct pair *p)
{
    memset(p, 0, sizeof *p);
    p->a = (struct node__hs_self){ .name = "a@host",
                                   .creation = 7,
                                   .flags = OFFER,
                                   .cookie = "secret",
                                   .cookie_size = 6,
                                   .challenge = 0xf0000001 };
    p->b = p->a;
    p->b.name = "b@host";
    p->b.creation = 9;
    p->b.challenge = 3;
}

static void pair_begin(struct pair *p)
{
    node__handshake_accept(&p->acceptor, &p->b);
    assert_int_equal(
        node__handshake_dial(&p->dialler, &p->a, "b@host", &p->to_b, NULL),
        AGNER_OK);
}

/* Carries bytes both ways until nothing moves. */
static void pair_run(struct pair *p)
{
    size_t b, a;

    do {
        b = p->at_b;
        a = p->at_a;
        (void)feed(&p->acceptor, &p->to_b, &p->at_b, 64, &p->to_a);
        (void)feed(&p->dialler, &p->to_a, &p->at_a, 64, &p->to_b);
    } while (b != p->at_b || a != p->at_a);
}

static void pair_fini(struct pair *p)
{
    etf_buffer_fini(&p->to_a);
    etf_buffer_fini(&p->to_b);
}

static void connects_after_each_status_that_goes_on(void **state)
{
    static const enum node__hs_status good[] = { HS_OK, HS_OK_SIMULTANEOUS,
                                                 HS_IS_ALIVE };
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct pair p;

        pair_init(&p);
        pair_begin(&p);
        pair_run(&p);
        assert_int_equal(p.acceptor.state, HS_DECIDE);
        (void)node__handshake_decide(&p.acceptor, good[i], &p.to_a);
        pair_run(&p);
        if (good[i] == HS_IS_ALIVE) {
            assert_int_equal(p.dialler.state, HS_ASK_ALIVE);
            (void)node__handshake_go_on(&p.dialler, true, &p.to_b);
            pair_run(&p);
        }
        assert_int_equal(p.acceptor.state, HS_UP);
        assert_int_equal(p.dialler.state, HS_UP);
        assert_int_equal(p.dialler.simultaneous, good[i] == HS_OK_SIMULTANEOUS);
        assert_int_equal(p.dialler.peer_creation, 9);
        assert_int_equal(p.acceptor.peer_creation, 7);
        assert_int_equal(p.dialler.flags, p.acceptor.flags);
        pair_fini(&p);
    }
}

static void ends_both_sides_after_each_status_that_refuses(void **state)
{
    static const struct {
        enum node__hs_status status;
        enum agner_err err;
    } bad[] = { { HS_NOK, AGNER_EALREADY },
                { HS_NOT_ALLOWED, AGNER_ENOTALLOWED },
                { HS_IS_ALIVE, AGNER_EALREADY } };
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct pair p;

        pair_init(&p);
        pair_begin(&p);
        pair_run(&p);
        (void)node__handshake_decide(&p.acceptor, bad[i].status, &p.to_a);
        pair_run(&p);
        if (bad[i].status == HS_IS_ALIVE) {
            (void)node__handshake_go_on(&p.dialler, false, &p.to_b);
            pair_run(&p);
        }
        assert_int_equal(p.acceptor.state, HS_FAILED);
        assert_int_equal(p.dialler.state, HS_FAILED);
        assert_int_equal(p.acceptor.error.code, bad[i].err);
        assert_int_equal(p.dialler.error.code, bad[i].err);
        pair_fini(&p);
    }
}

/* B-DST-5 */
static void B_DST_5_refuses_another_cookie_and_sends_no_digest(void **state)
{
    struct pair p;
    size_t before;

    (void)state;
    pair_init(&p);
    p.a.cookie = "secreT";
    pair_begin(&p);
    pair_run(&p);
    (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
    before = p.to_a.size;
    pair_run(&p);
    assert_int_equal(p.acceptor.state, HS_FAILED);
    assert_int_equal(p.acceptor.error.code, AGNER_EAUTH);
    assert_int_equal(p.to_a.size, before);
    assert_int_equal(p.dialler.state, HS_ACK);
    pair_fini(&p);
}

static bool another_cookie(void *ctx, size_t index, char *cookie)
{
    static const char *const cookies[] = { "former", "next" };

    (void)ctx;
    if (index == 2)
        return false;
    (void)strcpy(cookie, cookies[index]);
    return true;
}

/* While a cluster changes its cookie: each of ours is accepted, and the peer is
 * answered with its own. One that a peer has for itself stays the only one. */
static void accepts_further_cookies_of_ours(void **state)
{
    static const struct {
        const char *shown, *own;
        enum node__hs_state accepted, dialled;
    } cases[] = {
        { "secret", NULL, HS_UP, HS_UP },
        { "former", NULL, HS_UP, HS_UP },
        { "next", NULL, HS_UP, HS_UP },
        { "nobody's", NULL, HS_FAILED, HS_ACK },
        { "next", "its own", HS_FAILED, HS_ACK },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;

        pair_init(&p);
        p.a.cookie = cases[i].shown;
        p.a.cookie_size = strlen(cases[i].shown);
        p.b.another = another_cookie;
        pair_begin(&p);
        pair_run(&p);
        if (cases[i].own != NULL)
            node__handshake_cookies(&p.acceptor, cases[i].own, cases[i].own);
        (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
        pair_run(&p);
        assert_int_equal(p.acceptor.state, cases[i].accepted);
        assert_int_equal(p.dialler.state, cases[i].dialled);
        pair_fini(&p);
    }
}

/* B-DST-5: whoever sends our own challenge back could send our own digest back.
 */
static void B_DST_5_refuses_its_own_challenge(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.b.challenge = p.a.challenge;
    pair_begin(&p);
    pair_run(&p);
    (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
    pair_run(&p);
    assert_int_equal(p.dialler.state, HS_FAILED);
    assert_int_equal(p.dialler.error.code, AGNER_EAUTH);
    pair_fini(&p);
}

/* B-DST-5 */
static void B_DST_5_refuses_a_digest_with_any_bit_turned(void **state)
{
    unsigned bit;

    (void)state;
    for (bit = 0; bit < 128; bit++) {
        struct pair p;

        pair_init(&p);
        pair_begin(&p);
        pair_run(&p);
        (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
        (void)feed(&p.dialler, &p.to_a, &p.at_a, 64, &p.to_b);
        p.to_b.data[p.to_b.size - 16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        pair_run(&p);
        assert_int_equal(p.acceptor.state, HS_FAILED);
        assert_int_equal(p.acceptor.error.code, AGNER_EAUTH);
        pair_fini(&p);
    }
}

/* B-DST-3: 0x01070f94, bit 26 standing for all of them. */
static void B_DST_3_names_the_mandatory_flag_that_is_missing(void **state)
{
    unsigned bit, mandatory = 0;

    (void)state;
    assert_int_equal(NODE__FLAGS_MANDATORY, 0x01070f94);
    assert_int_equal(NODE__FLAGS_OFFERED, OFFER);
    for (bit = 0; bit < 64; bit++) {
        uint64_t flag = UINT64_C(1) << bit;
        struct pair p;

        pair_init(&p);
        p.a.flags =
            NODE__FLAGS_OFFERED & ~NODE__FLAG_MANDATORY_25_DIGEST & ~flag;
        pair_begin(&p);
        pair_run(&p);
        if (NODE__FLAGS_MANDATORY & flag) {
            mandatory++;
            assert_int_equal(p.acceptor.state, HS_FAILED);
            assert_non_null(
                strstr(p.acceptor.error.text, node__flag_name(flag)));
            /* The peer is told. */
            assert_int_equal(p.dialler.state, HS_FAILED);
            assert_int_equal(p.dialler.error.code, AGNER_ENOTALLOWED);
        } else {
            assert_int_equal(p.acceptor.state, HS_DECIDE);
        }
        pair_fini(&p);

        pair_init(&p);
        p.a.flags =
            NODE__FLAG_MANDATORY_25_DIGEST | (flag & ~NODE__FLAG_NAME_ME);
        pair_begin(&p);
        pair_run(&p);
        assert_int_equal(p.acceptor.state, HS_DECIDE);
        assert_int_equal(p.acceptor.flags & ~NODE__FLAGS_OFFERED, 0);
        pair_fini(&p);
    }
    assert_int_equal(mandatory, 11);
}

static void B_DST_3_the_initiator_checks_flags_too(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.b.flags =
        NODE__FLAGS_OFFERED & ~NODE__FLAG_MANDATORY_25_DIGEST & ~NODE__FLAG(17);
    pair_begin(&p);
    pair_run(&p);
    (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
    pair_run(&p);
    assert_int_equal(p.dialler.state, HS_FAILED);
    assert_non_null(strstr(p.dialler.error.text, "MAP_TAG"));
    pair_fini(&p);
}

/* ---- Bytes ----------------------------------------------------------------
 */

/* A first message with this name and these flags, `more` bytes after it. */
static size_t put_name(uint8_t *to, uint64_t flags, const char *name,
                       size_t size, size_t more)
{
    size_t body = 15 + size + more, i;

    to[0] = (uint8_t)(body >> 8);
    to[1] = (uint8_t)body;
    to[2] = 'N';
    for (i = 0; i < 8; i++)
        to[3 + i] = (uint8_t)(flags >> (56 - 8 * i));
    memset(to + 11, 1, 4);
    to[15] = (uint8_t)(size >> 8);
    to[16] = (uint8_t)size;
    memcpy(to + 17, name, size);
    memset(to + 17 + size, 0, more);
    return 2 + body;
}

static enum node__hs_state accept_bytes(struct node__handshake *hs,
                                        const uint8_t *bytes, size_t size)
{
    static const struct node__hs_self self = { .name = "b@host",
                                               .creation = 9,
                                               .flags = OFFER,
                                               .cookie = "secret",
                                               .cookie_size = 6,
                                               .challenge = 3 };
    struct etf_buffer out = { 0 };
    enum node__hs_state state;
    size_t used;

    node__handshake_accept(hs, &self);
    state = node__handshake_feed(hs, bytes, size, &out, &used);
    etf_buffer_fini(&out);
    return state;
}

/* B-DST-2 */
static void B_DST_2_refuses_names_that_cannot_be(void **state)
{
    char longest[300], too_long[300];
    const struct {
        const char *name;
        const char *why; /* NULL: fine */
    } cases[] = {
        { "a@b", NULL },           { "\xc3\xa9@b", NULL },
        { longest, NULL },         { "", "empty" },
        { "ab", "no @" },          { "a@b@c", "more than one @" },
        { "@b", "one side" },      { "a@", "one side" },
        { "@", "one side" },       { "a\n@b", "control" },
        { "a\x7f@b", "control" },  { "\xff@b", "UTF-8" },
        { "\xc0\x80@b", "UTF-8" }, { "\xed\xa0\x80@b", "UTF-8" },
        { "a@\xc3", "UTF-8" },     { too_long, "over 255" },
    };
    uint8_t bytes[1200];
    struct node__handshake hs;
    size_t i;

    (void)state;
    memset(longest, 'x', sizeof longest);
    memset(too_long, 'x', sizeof too_long);
    longest[100] = too_long[100] = '@';
    longest[255] = '\0';
    too_long[256] = '\0';
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size =
            put_name(bytes, OFFER, cases[i].name, strlen(cases[i].name), 0);
        enum node__hs_state got = accept_bytes(&hs, bytes, size);

        if (cases[i].why == NULL) {
            assert_int_equal(got, HS_DECIDE);
            assert_string_equal(hs.peer, cases[i].name);
        } else {
            assert_int_equal(got, HS_FAILED);
            assert_non_null(strstr(hs.error.text, cases[i].why));
        }
    }
    assert_int_equal(
        accept_bytes(&hs, bytes, put_name(bytes, OFFER, "a\0@b", 4, 0)),
        HS_FAILED);
}

static void ignores_what_follows_the_name(void **state)
{
    uint8_t bytes[1200];
    struct node__handshake hs;

    (void)state;
    assert_int_equal(
        accept_bytes(&hs, bytes, put_name(bytes, OFFER, "a@b", 3, 40)),
        HS_DECIDE);
    assert_string_equal(hs.peer, "a@b");
}

/* B-DST-1, B-DST-4 */
static void B_DST_1_fails_with_a_cause_on_what_is_no_first_message(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        { "GET / HTTP/1.1\r\n", 16, "HTTP" },
        { "\x16\x03\x01\x02\x00\x01", 6, "TLS" },
        { "\0\0", 2, "0 bytes" },
        { "\x04\x4d", 2, "1101 bytes" },
        { "\xff\xff", 2, "65535 bytes" },
        { "\0\x01N", 3, "too short" },
        { "\0\5n\0\5\0\0", 7, "version 5 is too short" },
        { "\0\x0bn\0\6\0\0\0\0a@bc", 13, "of another" },
        { "\0\x0bn\0\5\0\0\0\0abcd", 13, "no @" },
        { "\0\x0bn\0\5\0\0\0\0a@bc", 13, "lacks the flag" },
        { "\0\3sok", 5, "0x73" },
        { "\0\1r", 3, "0x72" },
        { "\0\1a", 3, "0x61" },
        { "\0\x10NFFFFFFFFCCCC\0\2a", 18, "ends inside" },
    };
    struct node__handshake hs;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            accept_bytes(&hs, (const uint8_t *)cases[i].bytes, cases[i].size),
            HS_FAILED);
        assert_non_null(strstr(hs.error.text, cases[i].why));
    }
}

/* B-DST-1: nothing, one byte: the deadline ends it, with what was waited for.
 */
static void B_DST_1_waits_on_every_prefix_of_a_message(void **state)
{
    uint8_t bytes[64];
    size_t size = put_name(bytes, OFFER, "a@b", 3, 0), cut;
    struct node__handshake hs;

    (void)state;
    for (cut = 0; cut < size; cut++) {
        assert_int_equal(accept_bytes(&hs, bytes, cut), HS_NAME);
        node__handshake_ended(&hs, AGNER_ETIMEOUT, "no answer in 7 s");
        assert_int_equal(hs.error.code, AGNER_ETIMEOUT);
        assert_non_null(strstr(hs.error.text, "the peer's name"));
    }
}

static void leaves_the_bytes_after_the_last_message(void **state)
{
    static const uint8_t packet[] = { 0, 0, 0, 0 };
    struct pair p;
    size_t used;

    (void)state;
    pair_init(&p);
    pair_begin(&p);
    pair_run(&p);
    (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
    (void)feed(&p.dialler, &p.to_a, &p.at_a, 64, &p.to_b);
    (void)feed(&p.acceptor, &p.to_b, &p.at_b, 64, &p.to_a);
    assert_int_equal(p.acceptor.state, HS_UP);
    /* The acceptor may say more at once. */
    assert_int_equal(etf_buffer_add(&p.to_a, packet, sizeof packet), AGNER_OK);
    assert_int_equal(node__handshake_feed(&p.dialler, p.to_a.data + p.at_a,
                                          p.to_a.size - p.at_a, &p.to_b, &used),
                     HS_UP);
    assert_int_equal(p.to_a.size - p.at_a - used, sizeof packet);
    pair_fini(&p);
}

static enum node__hs_state dial_and_hear(struct node__handshake *hs,
                                         const void *bytes, size_t size)
{
    struct pair p;
    size_t used;

    pair_init(&p);
    pair_begin(&p);
    (void)node__handshake_feed(&p.dialler, bytes, size, &p.to_b, &used);
    *hs = p.dialler;
    pair_fini(&p);
    return hs->state;
}

/* B-DST-4 */
static void B_DST_4_the_initiator_fails_on_messages_out_of_place(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        { "\0\3sno", 5, "not known" },
        { "\0\1s", 3, "not known" },
        { "\0\4sok ", 6, "not known" },
        { "\0\7snamed:", 9, "not asked for" },
        { "\0\5strue", 7, "not known" },
        { "\0\1N", 3, "0x4e" },
        { "\0\3sok\0\3sok", 10, "0x73" },
        { "\0\3sok\0\1N", 8, "too short" },
        { "\0\3sok\0\1n", 8, "version 5" },
        { "\0\3sok\0\x19NFFFFFFFFHHHHCCCC\0\6c@host", 32, "another node" },
        { "\0\3sok\0\x19NFFFFFFFFHHHHCCCC\0\x07"
          "b@host",
          32, "inside" },
    };
    struct node__handshake hs;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(dial_and_hear(&hs, cases[i].bytes, cases[i].size),
                         HS_FAILED);
        assert_non_null(strstr(hs.error.text, cases[i].why));
    }
}

static void gives_a_name_to_whoever_asks_for_one(void **state)
{
    uint8_t bytes[64];
    size_t size, used;
    struct node__hs_self self = {
        .name = "b@host", .flags = OFFER, .cookie = "c", .cookie_size = 1
    };
    struct node__handshake hs;
    struct etf_buffer out = { 0 };
    char name[NODE__NAME_MAX + 1];

    (void)state;
    assert_int_equal(node__name_make("host", UINT64_MAX, name), AGNER_OK);
    assert_int_equal(strlen(name), 13 + 5);
    assert_int_equal(node__name_check(name, strlen(name), NULL), AGNER_OK);
    size = put_name(bytes, OFFER | NODE__FLAG_NAME_ME, "host", 4, 0);
    node__handshake_accept(&hs, &self);
    assert_int_equal(node__handshake_feed(&hs, bytes, size, &out, &used),
                     HS_DECIDE);
    assert_true(hs.wants_name);
    assert_string_equal(hs.peer, "host");
    assert_int_equal(node__handshake_decide(&hs, HS_NOT_ALLOWED, &out),
                     HS_FAILED);
    assert_int_equal(out.size, 2 + 12);
    assert_memory_equal(out.data + 2, "snot_allowed", 12);
    /* With an @ it has a name, and asks for none. */
    size = put_name(bytes, OFFER | NODE__FLAG_NAME_ME, "a@host", 6, 0);
    assert_int_equal(accept_bytes(&hs, bytes, size), HS_FAILED);
    etf_buffer_fini(&out);
}

/* G35 */
static void the_greater_name_wins_when_both_dial(void **state)
{
    (void)state;
    assert_int_equal(node__handshake_tie_break("m1@h", "aa@h"), HS_NOK);
    assert_int_equal(node__handshake_tie_break("m1@h", "zz@h"),
                     HS_OK_SIMULTANEOUS);
    assert_int_equal(node__handshake_tie_break("m1@h", "\xc3\xa9@h"),
                     HS_OK_SIMULTANEOUS);
    assert_int_equal(node__handshake_status("m1@h", "m1@h", false, false),
                     HS_NOK);
    assert_int_equal(node__handshake_status("m1@h", "aa@h", true, true),
                     HS_IS_ALIVE);
    assert_int_equal(node__handshake_status("m1@h", "aa@h", false, true),
                     HS_NOK);
    assert_int_equal(node__handshake_status("m1@h", "zz@h", false, true),
                     HS_OK_SIMULTANEOUS);
    assert_int_equal(node__handshake_status("m1@h", "aa@h", false, false),
                     HS_OK);
}

static void note_line(void *ctx, const char *text)
{
    struct etf_buffer *lines = ctx;

    assert_null(strstr(text, "secret"));
    assert_int_equal(etf_buffer_add(lines, text, strlen(text)), AGNER_OK);
    assert_int_equal(etf_buffer_add(lines, "\n", 1), AGNER_OK);
}

static void tells_each_step_and_no_secret(void **state)
{
    struct etf_buffer lines = { 0 };
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.line = note_line;
    p.a.ctx = &lines;
    pair_begin(&p);
    pair_run(&p);
    (void)node__handshake_decide(&p.acceptor, HS_OK, &p.to_a);
    pair_run(&p);
    assert_int_equal(etf_buffer_add(&lines, "", 1), AGNER_OK);
    assert_string_equal((char *)lines.data,
                        "send name a@host, flags 0x2d07df7fbd\n"
                        "received status ok\n"
                        "received challenge, flags 0x2d07df7fbd, creation 9\n"
                        "send our digest and challenge\n"
                        "received the right digest: up\n");
    etf_buffer_fini(&lines);
    pair_fini(&p);
}

/* A buffer that may not grow is memory that is out. */
static void fails_when_there_is_no_memory_to_answer(void **state)
{
    struct etf_buffer out = { .size_max = 1 };
    struct pair p;

    (void)state;
    pair_init(&p);
    assert_int_equal(
        node__handshake_dial(&p.dialler, &p.a, "b@host", &out, NULL),
        AGNER_ELIMIT);
    pair_begin(&p);
    pair_run(&p);
    assert_int_equal(node__handshake_decide(&p.acceptor, HS_OK, &out),
                     HS_FAILED);
    assert_int_equal(p.acceptor.error.code, AGNER_ELIMIT);
    etf_buffer_fini(&out);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_real_nodes_said_in_each_recording),
        cmocka_unit_test(connects_after_each_status_that_goes_on),
        cmocka_unit_test(ends_both_sides_after_each_status_that_refuses),
        cmocka_unit_test(B_DST_5_refuses_another_cookie_and_sends_no_digest),
        cmocka_unit_test(accepts_further_cookies_of_ours),
        cmocka_unit_test(B_DST_5_refuses_its_own_challenge),
        cmocka_unit_test(B_DST_5_refuses_a_digest_with_any_bit_turned),
        cmocka_unit_test(B_DST_3_names_the_mandatory_flag_that_is_missing),
        cmocka_unit_test(B_DST_3_the_initiator_checks_flags_too),
        cmocka_unit_test(B_DST_2_refuses_names_that_cannot_be),
        cmocka_unit_test(ignores_what_follows_the_name),
        cmocka_unit_test(
            B_DST_1_fails_with_a_cause_on_what_is_no_first_message),
        cmocka_unit_test(B_DST_1_waits_on_every_prefix_of_a_message),
        cmocka_unit_test(leaves_the_bytes_after_the_last_message),
        cmocka_unit_test(B_DST_4_the_initiator_fails_on_messages_out_of_place),
        cmocka_unit_test(gives_a_name_to_whoever_asks_for_one),
        cmocka_unit_test(the_greater_name_wins_when_both_dial),
        cmocka_unit_test(tells_each_step_and_no_secret),
        cmocka_unit_test(fails_when_there_is_no_memory_to_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
