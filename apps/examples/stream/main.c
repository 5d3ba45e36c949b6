/*
 * main.c -- three subscribers to one stream: example-stream.
 *
 * Each prints every event, in order, and ends when the stream does. Prints
 *
 *     0: Hello!
 *     1: Hello!
 *     2: Hello!
 *     0: I am
 *
 * and so on to `EventStream`; who of the three is first may differ each time.
 */
#include <stdio.h>

#include <agner/gen.h>

struct subscriber {
    int number;
    struct gen_stream_promise from; /* where it joined */
};

static void subscriber(struct gen *self, void *arg)
{
    struct subscriber *me = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    char text[80];

    if (gen_cursor_open(self, &me->from, NULL, &cursor) != AGNER_OK)
        return;
    while (gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) ==
           AGNER_OK) {
        if (etf_get_text(event.term, text, sizeof text))
            (void)printf("%d: %s\n", me->number, text);
    }
}

static enum agner_err publish_all(struct gen *self, struct gen_stream *stream)
{
    static const char *const words[] = { "Hello!", "I am", "EventStream" };
    enum agner_err err = AGNER_OK;

    for (int i = 0; i < 3 && err == AGNER_OK; i++) {
        err = gen_stream_publish(self, stream,
                                 etf_text(rt_region(self), words[i]), NULL);
        (void)rt_sleep(self, 100); /* for people: to see one come, then one */
    }
    return err == AGNER_OK ? gen_stream_close(self, stream, ETF_NONE) : err;
}

static enum agner_err play(struct gen *self)
{
    struct subscriber subscribers[3];
    struct gen_stream *stream = NULL;
    etf_pid pids[3];
    enum agner_err err = gen_stream_new(rt_of(self), NULL, &stream);
    int count = 0;

    while (err == AGNER_OK && count < 3) {
        struct subscriber *one = &subscribers[count];

        one->number = count;
        gen_stream_subscribe(stream, &one->from);
        err = rt_spawn(self, subscriber, one, NULL, &pids[count++]);
    }
    if (err == AGNER_OK)
        err = publish_all(self, stream);
    gen_stream_free(stream);
    for (int i = 0; i < count; i++) {
        if (err == AGNER_OK)
            err = rt_wait(self, pids[i], RT_INFINITY);
        gen_stream_promise_free(&subscribers[i].from);
    }
    return err;
}

int main(void)
{
    enum agner_err err;
    struct gen *self;
    struct rt *rt;

    if (rt_new(NULL, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    err = self == NULL ? AGNER_ENOMEM : play(self);
    if (self != NULL)
        rt_detach(self);
    rt_free(rt, 1000);
    if (err != AGNER_OK)
        (void)fprintf(stderr, "example-stream: %s\n", agner_strerror(err));
    return err == AGNER_OK ? 0 : 1;
}
