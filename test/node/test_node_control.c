/*
 * Control messages: each signal there and back under every set of flags, and
 * what a hostile or confused peer may write (B-DST-8 to B-DST-10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <control.h>
#include <flags.h>

#define OFFER NODE__FLAGS_OFFERED

/* We are b, the peer is a. */
struct place {
    struct etf_region *region;
    struct etf_self us, them;
    struct node__control_peer peer;
};

static struct place place_new(uint64_t flags)
{
    struct place p = { .region = etf_region_new(0) };

    assert_non_null(p.region);
    p.us.name = etf_atom("b@host");
    p.us.creation = 22;
    p.them.name = etf_atom("a@host");
    p.them.creation = 11;
    p.peer.name = p.them.name;
    p.peer.flags = flags;
    return p;
}

static etf_term parse(struct place *p, const char *text)
{
    struct agner_error error;
    etf_term t = ETF_NONE;

    if (etf_parse(p->region, text, strlen(text), &t, NULL, &error) != AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

static void place_free(struct place *p)
{
    etf_region_free(p->region);
}

static enum agner_err decode(struct place *p, const uint8_t *bytes, size_t size,
                             struct rt_signal *signal,
                             enum node__verdict *verdict,
                             struct agner_error *error)
{
    const struct node__arrived arrived = { .terms = bytes, .size = size };

    p->peer.self = &p->us;
    return node__control_decode(&arrived, &p->peer, p->region, signal, verdict,
                                error);
}

/* The signals of this table are as the sender, a, has them: its own pids are
 * local. */
static struct rt_signal signal_of(struct place *p, enum rt_signal_kind kind)
{
    struct rt_signal s = { .kind = kind, .node = p->us.name };

    s.from = (etf_pid){ .id = 5, .serial = 70000 };
    s.to = (etf_pid){
        .node = p->us.name, .id = 9, .serial = UINT32_MAX, .creation = 22
    };
    s.ref = (etf_ref){ .count = 3, .words = { 1, 2, 3 } };
    s.id = UINT64_C(1) << 40 | 77;
    s.payload = parse(p, "{hello, [1, 2.5], <<\"x\">>}");
    if (kind == RT_SIGNAL_SPAWN_REQUEST)
        s.call = etf_make(p->region, "{{m, f, 2}, _, [link, {priority, low}]}",
                          s.to);
    return s;
}

static void assert_pid(etf_pid pid, etf_term node, uint32_t id, uint32_t serial,
                       uint32_t creation)
{
    const etf_pid expected = {
        .node = node, .id = id, .serial = serial, .creation = creation
    };

    assert_true(etf_pid_equal(pid, expected));
}

static bool has_payload(enum rt_signal_kind kind)
{
    return kind <= RT_SIGNAL_SEND_ALIAS || kind == RT_SIGNAL_EXIT ||
           kind == RT_SIGNAL_EXIT2 || kind == RT_SIGNAL_DOWN ||
           kind == RT_SIGNAL_SPAWN_REQUEST || kind == RT_SIGNAL_SPAWN_REPLY;
}

/* Encodes as a and decodes as b. False: the peer has no such signal. */
static bool there_and_back(struct place *p, const struct rt_signal *sent,
                           struct rt_signal *got)
{
    struct etf_encode_options options = { .self = &p->them };
    struct etf_buffer terms = { 0 };
    enum node__verdict verdict;
    struct agner_error error;
    size_t control_size;
    enum agner_err err = node__control_encode(&terms, sent, p->peer.flags,
                                              &options, &control_size);

    if (err == AGNER_ENOTSUP) {
        assert_int_equal(terms.size, 0);
        return false;
    }
    assert_int_equal(err, AGNER_OK);
    assert_in_range(control_size, 1, terms.size);
    if (decode(p, terms.data, terms.size, got, &verdict, &error) != AGNER_OK)
        fail_msg("kind %d: %s", (int)sent->kind, error.text);
    assert_int_equal(verdict, NODE__DELIVER);
    assert_int_equal(got->kind, sent->kind);
    assert_true(etf_same(got->node, p->them.name));
    assert_int_equal(got->box != NULL, has_payload(sent->kind));
    if (got->box != NULL)
        assert_true(etf_equal(got->payload, sent->payload));
    etf_buffer_fini(&terms);
    return true;
}

/* Each flag that changes a form, on and off. */
static void each_signal_survives_each_set_of_flags(void **state)
{
    static const uint64_t bits[] = {
        NODE__FLAG_SEND_SENDER, NODE__FLAG_EXIT_PAYLOAD, NODE__FLAG_UNLINK_ID,
        NODE__FLAG_ALIAS,       NODE__FLAG_DIST_MONITOR, NODE__FLAG_ALTACT_SIG
    };
    unsigned set, kind, i;

    (void)state;
    for (set = 0; set < 64; set++)
        for (kind = 0; kind <= RT_SIGNAL_GROUP_LEADER; kind++) {
            uint64_t flags = NODE__FLAG_DIST_MONITOR_NAME;
            struct rt_signal sent, got;
            struct place p;
            bool arrived, expected = true;

            for (i = 0; i < 6; i++)
                flags |= set >> i & 1 ? bits[i] : 0;
            p = place_new(flags);
            sent = signal_of(&p, (enum rt_signal_kind)kind);
            if (kind == RT_SIGNAL_SEND_NAME)
                sent.name = etf_atom("target");
            if (kind == RT_SIGNAL_SEND_ALIAS) {
                sent.ref.node = p.us.name;
                sent.ref.creation = 22;
                expected =
                    (flags & (NODE__FLAG_ALIAS | NODE__FLAG_ALTACT_SIG)) != 0;
            }
            if (kind == RT_SIGNAL_UNLINK_ACK)
                expected = (flags & NODE__FLAG_UNLINK_ID) != 0;
            if (kind == RT_SIGNAL_MONITOR || kind == RT_SIGNAL_DEMONITOR ||
                kind == RT_SIGNAL_DOWN)
                expected = (flags & NODE__FLAG_DIST_MONITOR) != 0;
            arrived = there_and_back(&p, &sent, &got);
            assert_int_equal(arrived, expected);
            if (arrived) {
                /* SEND in its old form does not say who. */
                if (kind != RT_SIGNAL_SEND || flags & NODE__FLAG_SEND_SENDER)
                    assert_pid(got.from, p.them.name, 5, 70000, 11);
                if (kind != RT_SIGNAL_SEND_NAME && kind != RT_SIGNAL_SEND_ALIAS)
                    assert_pid(got.to, ETF_NONE, 9, UINT32_MAX, 0);
                if (kind == RT_SIGNAL_UNLINK || kind == RT_SIGNAL_UNLINK_ACK)
                    assert_true(got.id ==
                                (flags & NODE__FLAG_UNLINK_ID ? sent.id : 0));
                etf_box_free(got.box);
            }
            place_free(&p);
        }
}

static void monitors_and_their_ends_keep_the_name(void **state)
{
    static const enum rt_signal_kind kinds[] = { RT_SIGNAL_MONITOR,
                                                 RT_SIGNAL_DEMONITOR,
                                                 RT_SIGNAL_DOWN };
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct place p = place_new(OFFER);
        struct rt_signal sent = signal_of(&p, kinds[i]), got;

        sent.name = etf_atom("some name \xc3\xa9");
        assert_true(there_and_back(&p, &sent, &got));
        assert_true(etf_same(got.name, sent.name));
        assert_int_equal(got.ref.count, 3);
        assert_int_equal(got.ref.words[2], 3);
        if (kinds[i] == RT_SIGNAL_DOWN)
            assert_true(etf_pid_is_none(got.from));
        else
            assert_true(etf_pid_is_none(got.to));
        etf_box_free(got.box);
        p.peer.flags &= ~NODE__FLAG_DIST_MONITOR_NAME;
        assert_false(there_and_back(&p, &sent, &got));
        place_free(&p);
    }
}

static void every_size_of_reference_and_of_unlink_id(void **state)
{
    struct place p = place_new(OFFER);
    struct rt_signal sent, got;
    unsigned i;

    (void)state;
    for (i = 1; i <= 5; i++) {
        sent = signal_of(&p, RT_SIGNAL_MONITOR);
        sent.ref = (etf_ref){ .count = i, .words = { 9 } };
        sent.ref.words[i - 1] = UINT32_MAX;
        assert_true(there_and_back(&p, &sent, &got));
        assert_int_equal(got.ref.count, i);
        assert_memory_equal(got.ref.words, sent.ref.words,
                            sizeof got.ref.words);
    }
    for (i = 0; i < 64; i++) {
        sent = signal_of(&p, RT_SIGNAL_UNLINK);
        sent.id = UINT64_MAX >> i;
        assert_true(there_and_back(&p, &sent, &got));
        assert_true(got.id == sent.id);
    }
    place_free(&p);
}

static void an_atom_of_1020_bytes_fits_wherever_it_stands(void **state)
{
    struct place p = place_new(OFFER);
    struct rt_signal sent = signal_of(&p, RT_SIGNAL_DOWN), got;
    char text[4 * 255];
    int i;

    (void)state;
    for (i = 0; i < 255; i++)
        memcpy(text + 4 * i, "\xf0\x9f\x98\x80", 4);
    p.us.name = p.them.name = p.peer.name = etf_atom_n(text, sizeof text);
    sent.to.node = sent.ref.node = p.us.name;
    sent.name = p.us.name;
    assert_true(there_and_back(&p, &sent, &got));
    assert_true(etf_same(got.name, p.us.name));
    etf_box_free(got.box);
    place_free(&p);
}

/* ---- What was written by hand
 * --------------------------------------------------- */

struct text_case {
    const char
        *control; /* with A, B, C for nodes' pids and R for a reference */
    const char *message; /* or NULL */
    enum node__verdict verdict;
    const char *why; /* NULL: it is legal */
};

/* The pids and references that the cases name. */
static void add_terms(struct place *p, etf_term *terms)
{
    etf_term third = etf_atom("c@host");

    terms[0] = etf_from_pid(
        p->region, (etf_pid){ .node = p->them.name, .id = 1, .creation = 11 });
    terms[1] = etf_from_pid(
        p->region, (etf_pid){ .node = p->us.name, .id = 2, .creation = 22 });
    terms[2] = etf_from_pid(
        p->region, (etf_pid){ .node = third, .id = 3, .creation = 33 });
    terms[3] = etf_from_ref(p->region, (etf_ref){ .node = p->them.name,
                                                  .creation = 11,
                                                  .count = 1,
                                                  .words = { 5 } });
    terms[4] = etf_from_pid(
        p->region, (etf_pid){ .node = p->us.name, .id = 2, .creation = 21 });
    terms[5] = etf_from_pid(
        p->region, (etf_pid){ .node = p->them.name, .id = 1, .creation = 10 });
    terms[6] = etf_from_ref(p->region, (etf_ref){ .node = p->us.name,
                                                  .creation = 22,
                                                  .count = 3,
                                                  .words = { 5 } });
}

/* Replaces the words $a, $b and so on by those terms. */
static etf_term fill_in(struct etf_region *r, etf_term t, const etf_term *terms)
{
    static const char *const words[] = { "$a",     "$b",     "$c",    "$r",
                                         "$b_old", "$a_old", "$alias" };
    etf_term items[12];
    size_t i, n = etf_tuple_size(t);

    for (i = 0; i < 7; i++)
        if (etf_atom_is(t, words[i]))
            return terms[i];
    if (etf_kind(t) != ETF_KIND_TUPLE)
        return t;
    for (i = 0; i < n; i++)
        items[i] = fill_in(r, etf_tuple_items(t)[i], terms);
    return etf_tuple(r, items, n);
}

static void add_term(struct place *p, struct etf_buffer *bytes,
                     const char *text)
{
    etf_term terms[7], t;

    add_terms(p, terms);
    t = parse(p, text);
    assert_int_equal(etf_encode(bytes, fill_in(p->region, t, terms), NULL),
                     AGNER_OK);
}

static void check_case(uint64_t flags, const struct text_case *c)
{
    struct place p = place_new(flags);
    struct etf_buffer bytes = { 0 };
    enum node__verdict verdict;
    struct agner_error error;
    struct rt_signal signal;
    enum agner_err err;

    add_term(&p, &bytes, c->control);
    if (c->message != NULL)
        add_term(&p, &bytes, c->message);
    err = decode(&p, bytes.data, bytes.size, &signal, &verdict, &error);
    if (c->why == NULL) {
        if (err != AGNER_OK)
            fail_msg("%s: %s", c->control, error.text);
        if (verdict != c->verdict)
            fail_msg("%s: verdict %d", c->control, (int)verdict);
        etf_box_free(signal.box);
    } else {
        if (err != AGNER_EPROTO)
            fail_msg("%s: accepted, or %d", c->control, (int)err);
        if (strstr(error.text, c->why) == NULL)
            fail_msg("%s: says %s", c->control, error.text);
    }
    etf_buffer_fini(&bytes);
    place_free(&p);
}

static void check_cases(uint64_t flags, const struct text_case *cases,
                        size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        check_case(flags, &cases[i]);
}

/* B-DST-8 */
static void B_DST_8_refuses_control_messages_that_are_none(void **state)
{
    static const struct text_case cases[] = {
        { "17", NULL, 0, "no tuple" },
        { "[1, '$a', '$b']", NULL, 0, "no tuple" },
        { "{}", NULL, 0, "empty" },
        { "{link, '$a', '$b'}", NULL, 0, "unsigned integer" },
        { "{-1, '$a', '$b'}", NULL, 0, "unsigned integer" },
        { "{1.0, '$a', '$b'}", NULL, 0, "unsigned integer" },
        { "{0, '$a', '$b'}", NULL, 0, "unknown operation 0" },
        { "{5}", NULL, 0, "unknown operation 5" },
        { "{9, '$a', '$b'}", NULL, 0, "unknown operation 9" },
        { "{38, 0, '$a', '$b'}", "m", 0, "unknown operation 38" },
        { "{37, 0, '$a'}", "m", 0, "number of elements" },
        { "{37, 2, '$a', '$b'}", "m", 0, "flags and its number" },
        { "{37, 1, '$a', '$b', tok}", "m", 0, "flags and its number" },
        { "{37, 2, '$a', '$b', tok, x}", "m", 0, "number of elements" },
        { "{37, x, '$a', '$b'}", "m", 0, "unsigned integer" },
        { "{37, 0, '$a', '$alias'}", "m", 0, "a pid is expected" },
        { "{37, 4, '$a', '$b'}", "m", 0, "a reference" },
        { "{37, 8, '$a', '$b'}", "m", 0, "a name" },
        { "{37, 16, '$a', '$b'}", NULL, 0, "missing" },
        { "{255}", NULL, 0, "unknown operation 255" },
        { "{18446744073709551615}", NULL, 0, "unknown operation 1844" },
        { "{18446744073709551616}", NULL, 0, "unsigned integer" },
        { "{1}", NULL, 0, "number of elements" },
        { "{1, '$a'}", NULL, 0, "number of elements" },
        { "{1, '$a', '$b', x}", NULL, 0, "number of elements" },
        { "{22, '$a'}", "m", 0, "number of elements" },
        { "{35, 0, '$a', '$b'}", NULL, 0, "id 0" },
        { "{36, 0, '$a', '$b'}", NULL, 0, "id 0" },
        { "{35, -1, '$a', '$b'}", NULL, 0, "unsigned" },
        { "{4, '$a', '$b'}", NULL, 0, "without an id" },
        { "{6, '$a', '', 7}", "m", 0, "a name" },
        { "{19, '$a', 7, '$r'}", NULL, 0, "a pid or a name" },
        { "{19, '$a', '$b', r}", NULL, 0, "a reference" },
        { "{21, 7, '$b', '$r', x}", NULL, 0, "a pid or a name" },
        { "{33, '$a', '$b'}", "m", 0, "a reference" },
        { "{29, '$r', '$a', '$a', {m, f}, []}", "[]", 0, "Module" },
        { "{29, '$r', '$a', '$a', {m, f, -1}, []}", "[]", 0, "Module" },
        { "{29, '$r', '$a', '$a', {m, 7, 0}, []}", "[]", 0, "Module" },
        { "{29, '$r', '$a', x, {m, f, 0}, []}", "[]", 0, "a pid" },
        { "{22, '$a', '$b'}", NULL, 0, "missing" },
        { "{6, '$a', '', n}", NULL, 0, "missing" },
        { "{24, '$a', '$b'}", NULL, 0, "missing" },
        { "{28, '$a', '$b', '$r'}", NULL, 0, "missing" },
        { "{29, '$r', '$a', '$a', {m, f, 0}, []}", NULL, 0, "missing" },
    };

    (void)state;
    check_cases(OFFER, cases, sizeof cases / sizeof cases[0]);
}

/* Writes the shape with `from` for each < and `to` for each >. */
static void spell(char *text, const char *shape, const char *from,
                  const char *to)
{
    for (; *shape != '\0'; shape++) {
        const char *word = *shape == '<' ? from : *shape == '>' ? to : NULL;

        if (word == NULL) {
            *text++ = *shape;
            continue;
        }
        memcpy(text, word, strlen(word));
        text += strlen(word);
    }
    *text = '\0';
}

/* B-DST-8: each operation, with something else in place of each pid. */
static void B_DST_8_refuses_wrong_types_where_pids_are_due(void **state)
{
    static const char *const shapes[] = {
        "{1, <, >}",        "{2, '', >}",       "{3, <, >, r}",
        "{7, <, >}",        "{8, <, >, r}",     "{12, '', >, t}",
        "{13, <, >, t, r}", "{18, <, >, t, r}", "{22, <, >}",
        "{23, <, >, t}",    "{24, <, >}",       "{25, <, >, t}",
        "{26, <, >}",       "{27, <, >, t}",    "{35, 1, <, >}",
        "{36, 1, <, >}",
    };
    static const char *const wrong[] = {
        "x", "1", "[]", "1.5", "'$r'", "{1, 2}"
    };
    size_t i, w;

    (void)state;
    for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (w = 0; w < sizeof wrong / sizeof wrong[0]; w++) {
            struct text_case c = { .message = "m", .why = "a pid is expected" };
            char text[200];

            c.control = text;
            spell(text, shapes[i], "'$a'", wrong[w]);
            check_case(OFFER, &c);
            if (strchr(shapes[i], '<') == NULL)
                continue;
            spell(text, shapes[i], wrong[w], "'$b'");
            check_case(OFFER, &c);
        }
}

/* B-DST-9 */
static void B_DST_9_refuses_a_sender_that_is_not_the_peer_s(void **state)
{
    static const char *const controls[] = {
        "{1, '$c', '$b'}",
        "{1, '$b', '$b'}",
        "{3, '$c', '$b', r}",
        "{6, '$c', '', n}",
        "{8, '$c', '$b', r}",
        "{19, '$c', n, '$r'}",
        "{20, '$c', n, '$r'}",
        "{21, '$c', '$b', '$r', x}",
        "{22, '$b_old', '$b'}",
        "{24, '$c', '$b'}",
        "{26, '$b', '$b'}",
        "{28, '$c', '$b', '$r'}",
        "{29, '$r', '$c', '$a', {m, f, 0}, []}",
        "{33, '$c', '$alias'}",
        "{35, 1, '$c', '$b'}",
        "{36, 1, '$c', '$b'}",
        "{37, 0, '$c', '$b'}",
        "{37, 20, '$b', '$alias'}",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        const struct text_case c = { controls[i], "m", 0, "no process of" };

        check_case(OFFER, &c);
    }
}

/* B-DST-9, B-DST-10, and what OTP takes although newer forms were agreed. */
static void B_DST_10_takes_what_is_odd_but_legal(void **state)
{
    static const struct text_case cases[] = {
        /* A stale creation of the peer, and of us. */
        { "{22, '$a_old', '$b'}", "m", NODE__DELIVER, NULL },
        { "{1, '$a', '$b_old'}", NULL, NODE__DELIVER, NULL },
        { "{19, '$a', '$b_old', '$r'}", NULL, NODE__DELIVER, NULL },
        /* A target on a third node. */
        { "{8, '$a', '$c', r}", NULL, NODE__IGNORE, NULL },
        { "{22, '$a', '$c'}", "m", NODE__IGNORE, NULL },
        { "{1, '$a', '$a'}", NULL, NODE__IGNORE, NULL },
        { "{33, '$a', '$r'}", "m", NODE__IGNORE, NULL },
        { "{33, '$a', '$alias'}", "m", NODE__DELIVER, NULL },
        /* Old forms. */
        { "{2, '', '$b'}", "m", NODE__DELIVER, NULL },
        { "{2, ['any', cookie], '$b'}", "m", NODE__DELIVER, NULL },
        { "{3, '$a', '$b', r}", NULL, NODE__DELIVER, NULL },
        { "{8, '$a', '$b', r}", NULL, NODE__DELIVER, NULL },
        { "{21, n, '$b', '$r', x}", NULL, NODE__DELIVER, NULL },
        /* Tokens. */
        { "{12, '', '$b', {0, 1, 2, '$c', 4}}", "m", NODE__DELIVER, NULL },
        { "{13, '$a', '$b', {0, 1, 2, '$c', 4}, r}", NULL, NODE__DELIVER,
          NULL },
        { "{34, '$a', '$alias', {0, 1, 2, '$c', 4}}", "m", NODE__DELIVER,
          NULL },
        /* Anybody may lead. */
        { "{7, '$c', '$b'}", NULL, NODE__DELIVER, NULL },
        /* The runtime answers what is wrong in these. */
        { "{31, '$r', '$b', 0, '$a'}", NULL, NODE__DELIVER, NULL },
        { "{32, '$r', '$b', 0, '$a', tok}", NULL, NODE__DELIVER, NULL },
        { "{29, '$r', '$a', '$c', {m, f, 0}, [link | x]}", "[]", NODE__DELIVER,
          NULL },
        { "{30, '$r', '$a', '$c', {m, f, 0}, [], tok}", "[]", NODE__DELIVER,
          NULL },
        /* Bytes after a control message without a payload. */
        { "{1, '$a', '$b'}", "m", NODE__DELIVER, NULL },
    };
    static const struct text_case without_ids[] = {
        { "{4, '$a', '$b'}", NULL, NODE__DELIVER, NULL },
    };

    (void)state;
    check_cases(OFFER, cases, sizeof cases / sizeof cases[0]);
    check_cases(OFFER & ~NODE__FLAG_UNLINK_ID, without_ids, 1);
}

/* Priority is for who has asked for it, which nobody here has: the same signals
 * otherwise. Flags that nobody knows change nothing. */
static void an_alternate_signal_is_what_its_flags_say(void **state)
{
    static const struct {
        const char *control;
        enum rt_signal_kind kind;
    } cases[] = {
        { "{37, 0, '$a', '$b'}", RT_SIGNAL_SEND },
        { "{37, 1, '$a', '$b'}", RT_SIGNAL_SEND },
        { "{37, 3, '$a', '$b', {0, 1, 2, '$c', 4}}", RT_SIGNAL_SEND },
        { "{37, 5, '$a', '$alias'}", RT_SIGNAL_SEND_ALIAS },
        { "{37, 6, '$a', '$alias', tok}", RT_SIGNAL_SEND_ALIAS },
        { "{37, 9, '$a', name}", RT_SIGNAL_SEND_NAME },
        { "{37, 16, '$a', '$b'}", RT_SIGNAL_EXIT2 },
        { "{37, 19, '$a', '$b', tok}", RT_SIGNAL_EXIT2 },
        { "{37, 21, '$a', '$alias'}", RT_SIGNAL_EXIT2 },
        { "{37, 24, '$a', name}", RT_SIGNAL_EXIT2 },
        { "{37, 1024, '$a', '$b'}", RT_SIGNAL_SEND },
        { "{37, 0, '$a', '$c'}", RT_SIGNAL_SEND }, /* ignored */
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place p = place_new(OFFER);
        struct etf_buffer bytes = { 0 };
        struct agner_error error = { .text = "" };
        enum node__verdict verdict;
        struct rt_signal signal;

        add_term(&p, &bytes, cases[i].control);
        add_term(&p, &bytes, "{the, message}");
        if (decode(&p, bytes.data, bytes.size, &signal, &verdict, &error) !=
            AGNER_OK)
            fail_msg("%s: %s", cases[i].control, error.text);
        if (strstr(cases[i].control, "'$a', '$c'") != NULL) {
            assert_int_equal(verdict, NODE__IGNORE);
        } else {
            assert_int_equal(verdict, NODE__DELIVER);
            assert_int_equal(signal.kind, cases[i].kind);
            assert_int_equal(!etf_is_none(signal.name),
                             strstr(cases[i].control, "name") != NULL);
            assert_int_equal(signal.ref.count != 0,
                             strstr(cases[i].control, "alias") != NULL);
            assert_true(etf_equal(signal.payload, parse(&p, "{the, message}")));
        }
        etf_box_free(signal.box);
        etf_buffer_fini(&bytes);
        place_free(&p);
    }
}

/* B-DST-8: a message that ends early, has more behind it, or is none. */
static void B_DST_8_refuses_a_message_that_does_not_decode(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = { { "m\0\0\0\5abc", 8 }, { "jj", 2 }, { "\0", 1 }, { "R\0", 2 } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct place p = place_new(OFFER);
        struct etf_buffer bytes = { 0 };
        struct rt_signal signal;
        enum node__verdict verdict;
        struct agner_error error;

        add_term(&p, &bytes, "{22, '$a', '$b'}");
        assert_int_equal(etf_buffer_add(&bytes, bad[i].bytes, bad[i].size),
                         AGNER_OK);
        assert_int_not_equal(
            decode(&p, bytes.data, bytes.size, &signal, &verdict, &error),
            AGNER_OK);
        assert_non_null(strstr(error.text, "SEND_SENDER: message: "));
        etf_buffer_fini(&bytes);
        place_free(&p);
    }
}

/* B-DST-8: every prefix of every kind of message. */
static void B_DST_8_refuses_every_prefix(void **state)
{
    unsigned kind;

    (void)state;
    for (kind = 0; kind <= RT_SIGNAL_SPAWN_REPLY; kind++) {
        struct place p = place_new(OFFER);
        struct etf_encode_options options = { .self = &p.them };
        struct rt_signal sent = signal_of(&p, (enum rt_signal_kind)kind), got;
        struct etf_buffer terms = { 0 };
        enum node__verdict verdict;
        struct agner_error error;
        size_t control_size, cut;

        if (kind == RT_SIGNAL_SEND_NAME)
            sent.name = etf_atom("target");
        assert_int_equal(
            node__control_encode(&terms, &sent, OFFER, &options, &control_size),
            AGNER_OK);
        for (cut = 0; cut < terms.size; cut++) {
            /* A copy of its own, so that a read past its end is noticed. */
            uint8_t *copy = malloc(cut + 1);

            memcpy(copy, terms.data, cut);
            copy = realloc(copy, cut > 0 ? cut : 1);
            assert_int_not_equal(decode(&p, copy, cut, &got, &verdict, &error),
                                 AGNER_OK);
            free(copy);
            etf_region_reset(p.region);
        }
        etf_buffer_fini(&terms);
        place_free(&p);
    }
}

/* Nobody but a peer with SPAWN is asked, or answered. */
static void spawn_requests_and_replies_survive(void **state)
{
    struct place p = place_new(OFFER);
    struct rt_signal sent = signal_of(&p, RT_SIGNAL_SPAWN_REQUEST), got;
    etf_pid leader = { .node = etf_atom("c@host"), .id = 3, .creation = 33 };

    (void)state;
    sent.call =
        etf_make(p.region, "{{m, f, 2}, _, [link, {priority, low}]}", leader);
    sent.payload = parse(&p, "[{arg, 1}, <<\"x\">>]");
    assert_true(there_and_back(&p, &sent, &got));
    assert_true(etf_equal(got.call, sent.call));
    assert_true(etf_ref_equal(got.ref, (etf_ref){ .node = p.them.name,
                                                  .creation = 11,
                                                  .count = 3,
                                                  .words = { 1, 2, 3 } }));
    assert_pid(got.from, p.them.name, 5, 70000, 11);
    etf_box_free(got.box);
    p.peer.flags &= ~NODE__FLAG_SPAWN;
    assert_false(there_and_back(&p, &sent, &got));
    place_free(&p);

    p = place_new(OFFER);
    sent = signal_of(&p, RT_SIGNAL_SPAWN_REPLY);
    sent.ref.node = p.us.name;
    sent.ref.creation = 22;
    sent.id = 0;
    sent.payload = etf_atom("badopt");
    assert_true(there_and_back(&p, &sent, &got));
    assert_true(got.id == 0);
    assert_pid(got.to, ETF_NONE, 9, UINT32_MAX, 0);
    assert_true(etf_is_none(got.ref.node));
    etf_box_free(got.box);
    place_free(&p);
}

/* Names that were not interned: nothing is registered so, unless it is by now.
 */
static void a_name_past_the_limit_of_atoms_is_text(void **state)
{
    struct etf_atom_budget nothing = { 0 };
    struct place p = place_new(OFFER);
    struct etf_buffer bytes = { 0 };
    struct rt_signal signal;
    enum node__verdict verdict;
    uint32_t count;

    (void)state;
    p.peer.budget = &nothing;
    add_term(&p, &bytes, "{6, '$a', '', namf_wxyz}");
    add_term(&p, &bytes, "m");
    bytes.data[bytes.size - 6] = 'e'; /* name_wxyz, which nobody has said yet */
    count = etf_atom_count();
    assert_int_equal(
        decode(&p, bytes.data, bytes.size, &signal, &verdict, NULL), AGNER_OK);
    assert_int_equal(etf_atom_count(), count);
    assert_true(etf_is_atom(signal.name));
    etf_box_free(signal.box);
    etf_buffer_fini(&bytes);
    place_free(&p);
}

static void leaves_the_buffer_alone_when_a_term_cannot_leave(void **state)
{
    struct place p = place_new(OFFER);
    struct etf_encode_options options = { .self = &p.them };
    struct rt_signal s = signal_of(&p, RT_SIGNAL_SEND);
    struct etf_buffer terms = { 0 };
    size_t control_size;
    static int value;

    (void)state;
    assert_int_equal(etf_buffer_add(&terms, "abc", 3), AGNER_OK);
    s.payload = etf_resource(p.region, &value, NULL);
    assert_int_equal(
        node__control_encode(&terms, &s, OFFER, &options, &control_size),
        AGNER_EBADTERM);
    assert_int_equal(terms.size, 3);
    s = signal_of(&p, RT_SIGNAL_SEND);
    terms.size_max = 80;
    assert_int_equal(
        node__control_encode(&terms, &s, OFFER, &options, &control_size),
        AGNER_ELIMIT);
    assert_int_equal(terms.size, 3);
    etf_buffer_fini(&terms);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_survives_each_set_of_flags),
        cmocka_unit_test(monitors_and_their_ends_keep_the_name),
        cmocka_unit_test(every_size_of_reference_and_of_unlink_id),
        cmocka_unit_test(an_atom_of_1020_bytes_fits_wherever_it_stands),
        cmocka_unit_test(B_DST_8_refuses_control_messages_that_are_none),
        cmocka_unit_test(B_DST_8_refuses_wrong_types_where_pids_are_due),
        cmocka_unit_test(B_DST_9_refuses_a_sender_that_is_not_the_peer_s),
        cmocka_unit_test(B_DST_10_takes_what_is_odd_but_legal),
        cmocka_unit_test(an_alternate_signal_is_what_its_flags_say),
        cmocka_unit_test(B_DST_8_refuses_a_message_that_does_not_decode),
        cmocka_unit_test(B_DST_8_refuses_every_prefix),
        cmocka_unit_test(spawn_requests_and_replies_survive),
        cmocka_unit_test(a_name_past_the_limit_of_atoms_is_text),
        cmocka_unit_test(leaves_the_buffer_alone_when_a_term_cannot_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
