/*
 * world_contract_udp.c -- datagrams and names of a world.
 */
#include "world_contract.h"

#include <stdio.h>
#include <string.h>

#define GROUP "239.7.7.7" /* for private use (RFC 2365) */

/* One socket: what it heard. */
struct ear {
    struct scene *scene;
    struct rt_udp *udp;
    struct rt_udp_options options;
    uint16_t port;
    enum agner_err err;
    unsigned count;
    char text[64]; /* the last datagram */
    struct rt_address from;
};

struct speech {
    struct ear *from;
    const char *host;
    uint16_t port;
    const void *bytes;
    size_t size;
    enum agner_err err;
};

static void heard(void *ctx, struct rt_udp *udp, const uint8_t *bytes,
                  size_t size, const struct rt_address *from)
{
    struct ear *ear = ctx;

    (void)udp;
    (void)snprintf(ear->text, sizeof ear->text, "%.*s", (int)size,
                   (const char *)bytes);
    ear->from = *from;
    ear->count++;
    scene_event(ear->scene);
}

static void open_ear(struct scene *scene, void *arg)
{
    struct ear *ear = arg;
    const struct rt_udp_owner owner = { .ctx = ear, .received = heard };
    struct agner_error error = { AGNER_OK, "" };

    ear->scene = scene;
    ear->err = scene->net->udp_open(scene->loop, &ear->options, &owner,
                                    &ear->udp, &ear->port, &error);
    EXPECT(scene, error.code == ear->err);
}

static void close_ear(struct scene *scene, void *arg)
{
    struct ear *ear = arg;

    scene->net->udp_close(ear->udp);
}

static void speak(struct scene *scene, void *arg)
{
    struct speech *speech = arg;

    speech->err =
        scene->net->udp_send(speech->from->udp, speech->host, speech->port,
                             speech->bytes, speech->size);
}

static bool has_heard(void *arg)
{
    const struct ear *ear = arg;

    return ear->count > 0;
}

static void begin(struct scene *scene, const struct place *place,
                  struct ear *ear, const char *group)
{
    memset(ear, 0, sizeof *ear);
    (void)snprintf(ear->options.host, sizeof ear->options.host, "%s",
                   group == NULL ? "127.0.0.1" : "");
    if (group != NULL) {
        (void)snprintf(ear->options.group, sizeof ear->options.group, "%s",
                       group);
        (void)snprintf(ear->options.interface, sizeof ear->options.interface,
                       "127.0.0.1");
    }
    if (scene->loop == NULL)
        scene_open(scene, place);
    scene_run(scene, open_ear, ear);
}

static void a_datagram_comes_whole(const struct place *place)
{
    struct scene scene = { .loop = NULL };
    struct ear a, b;
    struct speech speech = {
        .from = &a, .host = "127.0.0.1", .bytes = "hello", .size = 5
    };

    begin(&scene, place, &a, NULL);
    begin(&scene, place, &b, NULL);
    assert_int_equal(a.err, AGNER_OK);
    assert_int_equal(b.err, AGNER_OK);
    assert_int_not_equal(b.port, 0);
    speech.port = b.port;
    scene_run(&scene, speak, &speech);
    assert_int_equal(speech.err, AGNER_OK);
    scene_await(&scene, has_heard, &b);
    assert_string_equal(b.text, "hello");
    assert_string_equal(b.from.host, "127.0.0.1");
    assert_int_equal(b.from.port, a.port);
    assert_int_equal(a.count, 0);
    scene_run(&scene, close_ear, &a);
    scene_close(&scene); /* b closes with the loop */
}

/* The port is shared, and who sends hears itself. */
static void a_group_is_heard_by_all_of_it(const struct place *place)
{
    struct scene scene = { .loop = NULL };
    struct ear a, b;
    struct speech speech = {
        .from = &a, .host = GROUP, .bytes = "all", .size = 3
    };

    begin(&scene, place, &a, GROUP);
    if (a.err == AGNER_ENOTSUP) {
        scene_close(&scene);
        skip();
    }
    assert_int_equal(a.err, AGNER_OK);
    memset(&b, 0, sizeof b);
    b.options = a.options;
    b.options.port = a.port;
    scene_run(&scene, open_ear, &b);
    assert_int_equal(b.err, AGNER_OK);
    speech.port = a.port;
    scene_run(&scene, speak, &speech);
    if (speech.err == AGNER_ENOCONN) { /* no way to any group here */
        scene_close(&scene);
        skip();
    }
    assert_int_equal(speech.err, AGNER_OK);
    scene_await(&scene, has_heard, &a);
    scene_await(&scene, has_heard, &b);
    assert_string_equal(a.text, "all");
    assert_string_equal(b.text, "all");
    scene_close(&scene);
}

static void what_cannot_be_sent_or_opened_says_so(const struct place *place)
{
    static uint8_t large[RT_DATAGRAM_MAX + 1];
    struct scene scene = { .loop = NULL };
    struct ear a, b;
    struct speech speech = { .from = &a,
                             .host = "127.0.0.1",
                             .port = 9,
                             .bytes = large,
                             .size = sizeof large };

    begin(&scene, place, &a, NULL);
    scene_run(&scene, speak, &speech);
    assert_int_equal(speech.err, AGNER_EINVAL);
    speech.size = 1;
    speech.host = "a name";
    scene_run(&scene, speak, &speech);
    assert_int_equal(speech.err, AGNER_EINVAL);
    memset(&b, 0, sizeof b);
    b.options = a.options;
    b.options.port = a.port;
    scene_run(&scene, open_ear, &b);
    assert_int_equal(b.err, AGNER_ETAKEN);
    strcpy(b.options.host, "a name");
    scene_run(&scene, open_ear, &b);
    assert_int_equal(b.err, AGNER_EINVAL);
    scene_close(&scene);
}

/* ---- Names -----------------------------------------------------------------
 */

struct asked {
    struct scene *scene;
    const char *host;
    struct rt_resolve *resolve;
    enum agner_err begun, err;
    unsigned answers;
    size_t count;
    char first[64];
};

static void answered(void *ctx, enum agner_err err,
                     const struct rt_address *addresses, size_t count,
                     const char *text)
{
    struct asked *asked = ctx;

    (void)text;
    asked->err = err;
    asked->count = count;
    if (count > 0)
        (void)snprintf(asked->first, sizeof asked->first, "%.63s",
                       addresses[0].host);
    asked->answers++;
    scene_event(asked->scene);
}

static void ask(struct scene *scene, void *arg)
{
    struct asked *asked = arg;

    asked->scene = scene;
    asked->begun = scene->net->resolve(scene->loop, asked->host, answered,
                                       asked, &asked->resolve, NULL);
    EXPECT(scene, asked->answers == 0);
}

static void ask_and_cancel(struct scene *scene, void *arg)
{
    struct asked *asked = arg;

    ask(scene, asked);
    scene->net->resolve_cancel(asked->resolve);
}

static bool is_answered(void *arg)
{
    const struct asked *asked = arg;

    return asked->answers > 0;
}

static void a_name_has_its_addresses(const struct place *place)
{
    struct asked known = { .host = "localhost" };
    struct asked number = { .host = "10.1.2.3" };
    struct asked unknown = { .host = "no.such.host.invalid" };
    struct scene scene;

    scene_open(&scene, place);
    scene_run(&scene, ask, &known);
    scene_await(&scene, is_answered, &known);
    assert_int_equal(known.err, AGNER_OK);
    assert_true(strcmp(known.first, "127.0.0.1") == 0 ||
                strcmp(known.first, "::1") == 0);
    scene_run(&scene, ask, &number);
    scene_await(&scene, is_answered, &number);
    assert_int_equal(number.count, 1);
    assert_string_equal(number.first, "10.1.2.3");
    scene_run(&scene, ask, &unknown);
    scene_await(&scene, is_answered, &unknown);
    assert_int_equal(unknown.err, AGNER_ENONAME);
    assert_int_equal(unknown.count, 0);
    scene_close(&scene);
}

static void a_cancelled_question_has_no_answer(const struct place *place)
{
    struct asked dropped = { .host = "localhost" };
    struct asked pending = { .host = "localhost" };
    struct scene scene;

    scene_open(&scene, place);
    scene_run(&scene, ask_and_cancel, &dropped);
    scene_run(&scene, ask, &pending);
    scene_close(&scene); /* the loop's end answers, or waits for it */
    assert_int_equal(dropped.answers, 0);
    assert_int_equal(pending.answers, 1);
}

#define CASE(function) \
    { \
#function, function \
    }
const struct contract_case contract_udp_cases[] = {
    CASE(a_datagram_comes_whole),
    CASE(a_group_is_heard_by_all_of_it),
    CASE(what_cannot_be_sent_or_opened_says_so),
    CASE(a_name_has_its_addresses),
    CASE(a_cancelled_question_has_no_answer),
};
const size_t contract_udp_count =
    sizeof contract_udp_cases / sizeof contract_udp_cases[0];
