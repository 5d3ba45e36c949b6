/*
 * beacon.c -- a service: says a word every so many milliseconds.
 *
 * Its configuration is "MS WORD". To apply one is to start a process that does
 * it; the process before has ended by then, since the run supervisor ended it.
 */
#include "beacon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting {
    unsigned every_ms;
    char word[32];
};

/* ---- The process -------------------------------------------------------- */

static enum gen_next say(struct gen *self)
{
    const struct setting *setting = gen_state(self);

    (void)printf("%s\n", setting->word);
    return gen_timeout(self, setting->every_ms);
}

static enum gen_next speaker_init(struct gen *self, etf_term args)
{
    struct setting *setting = gen_state(self);
    etf_term word;

    if (!etf_match(args, "{_, _}", &setting->every_ms, &word) ||
        !etf_get_text(word, setting->word, sizeof setting->word))
        return gen_stop(self, ETF_A(badarg));
    return say(self);
}

static enum gen_next speaker_info(struct gen *self, etf_term message)
{
    return etf_same(message, ETF_A(timeout)) ? say(self) : GEN_NEXT;
}

static const struct gen_server speaker = { .name = "speaker",
                                           .state_size = sizeof(struct setting),
                                           .init = speaker_init,
                                           .handle_info = speaker_info };

/* ---- The service -------------------------------------------------------- */

/* In whoever configures: what is wrong is told there, and changes nothing. */
static enum agner_err parse(void *arg, etf_bytes config, void **parsed,
                            struct agner_error *error)
{
    struct setting *setting = calloc(1, sizeof *setting);
    char text[64];

    (void)arg;
    if (setting == NULL)
        return AGNER_ENOMEM;
    (void)snprintf(text, sizeof text, "%.*s", (int)config.size,
                   (const char *)config.data);
    if (sscanf(text, "%u %31s", &setting->every_ms, setting->word) != 2 ||
        setting->every_ms == 0) {
        free(setting);
        return agner_fail(error, AGNER_ESYNTAX, "not \"MS WORD\": %s", text);
    }
    *parsed = setting;
    return AGNER_OK;
}

/* A process for each try. */
static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    const struct setting *setting = gen_apply_parsed(a);
    struct gen_child_spec child = { .id = "speaker", .server = &speaker };

    if (strcmp(setting->word, "never") == 0)
        return gen_apply_abort(self, a, AGNER_ENOTALLOWED,
                               etf_make(self, "never"));
    child.args_term = etf_make(self, "{_, _}", setting->every_ms,
                               (const char *)setting->word);
    return gen_apply_spawn(self, a, &child, NULL, NULL);
}

const struct gen_service_spec beacon = {
    .name = "beacon",
    .apply = apply,
    .parse = parse,
    .parsed_free = free,
};
