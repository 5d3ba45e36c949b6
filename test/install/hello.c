/*
 * hello.c -- a program of somebody else, built with what pkg-config says.
 */
#include <agner/gen.h>
#include <agner/node.h>

#include <stdio.h>

static enum gen_next greet(struct gen *self, struct gen_from from,
                           etf_term request)
{
    etf_term name;

    if (!etf_match(request, "{hello, _}", &name))
        return gen_reply(self, from, etf_make(self, "{error, badarg}"));
    return gen_reply(self, from, etf_make(self, "{hello, _, too}", name));
}

static const struct gen_server greeter = { .name = "greeter",
                                           .handle_call = greet };

int main(void)
{
    struct node_options options = { .name = "hello@127.0.0.1",
                                    .cookie = "cookie",
                                    .no_listen = true };
    struct rt_spawn_options named = { .name = etf_atom("greeter") };
    struct agner_error error = { AGNER_OK, "" };
    struct node *node;
    struct gen *self;
    etf_term reply;
    etf_pid pid;
    char text[80];
    int code = 1;

    if (node_start(&options, &node, &error) != AGNER_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    self = rt_attach(node_rt(node));
    if (gen_start(self, &greeter, etf_nil(), &named, &pid, NULL) == AGNER_OK &&
        gen_call(self, named.name, etf_make(self, "{hello, world}"),
                 GEN_CALL_TIMEOUT_MS, &reply) == AGNER_OK) {
        printf("%s\n", etf_format(text, sizeof text, reply));
        code = 0;
    }
    rt_detach(self);
    node_stop(node, 1000);
    return code;
}
