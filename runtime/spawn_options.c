/*
 * spawn_options.c -- the options of a spawn request, as Erlang writes them.
 *
 * Pure. A row for each option; what governs Erlang's own heaps is checked and
 * has no effect here. Source: erlang(3), spawn_opt/5 and spawn_request/5.
 */
#include "spawn_remote.h"

typedef bool (*option_fn)(etf_term value, struct spawn_wish *wish);

static bool is_size(etf_term value)
{
    uint64_t n;

    return etf_get_uint(value, &n) ||
           (etf_kind(value) == ETF_KIND_INTEGER &&
            etf_compare(value, etf_int(NULL, 0)) >= 0);
}

/* ---- Values, a function for each kind ------------------------------------ */

static bool take_size(etf_term value, struct spawn_wish *wish)
{
    (void)wish;
    return is_size(value);
}

static bool take_heap_limit(etf_term value, struct spawn_wish *wish)
{
    (void)wish;
    return is_size(value) || (etf_kind(value) == ETF_KIND_MAP &&
                              is_size(etf_map_get(value, etf_atom("size"))));
}

static bool take_queue_data(etf_term value, struct spawn_wish *wish)
{
    (void)wish;
    return etf_atom_is(value, "on_heap") || etf_atom_is(value, "off_heap") ||
           etf_atom_is(value, "mixed");
}

static bool take_priority(etf_term value, struct spawn_wish *wish)
{
    if (etf_same(value, ETF_A(low)))
        wish->priority = RT_PRIORITY_LOW;
    else if (etf_same(value, ETF_A(normal)))
        wish->priority = RT_PRIORITY_NORMAL;
    else if (etf_same(value, ETF_A(high)) || etf_same(value, ETF_A(max)))
        wish->priority = RT_PRIORITY_HIGH;
    else
        return false;
    return true;
}

static bool take_name(etf_term value, struct spawn_wish *wish)
{
    wish->name = value;
    return etf_is_atom(value) && !etf_same(value, ETF_A(undefined));
}

static bool take_async_dist(etf_term value, struct spawn_wish *wish)
{
    (void)wish;
    return etf_same(value, ETF_A(true)) || etf_same(value, ETF_A(false));
}

static bool take_reply(etf_term value, struct spawn_wish *wish)
{
    bool yes = etf_same(value, ETF_A(yes)), no = etf_same(value, ETF_A(no));

    wish->reply_ok = yes || etf_atom_is(value, "success_only");
    wish->reply_error = yes || etf_atom_is(value, "error_only");
    return no || wish->reply_ok || wish->reply_error;
}

static bool take_reply_tag(etf_term value, struct spawn_wish *wish)
{
    wish->reply_tag = value;
    return true;
}

static bool take_alias(etf_term value, struct spawn_wish *wish)
{
    wish->alias = 0;
    wish->alias_explicit = etf_atom_is(value, "explicit_unalias");
    if (wish->alias_explicit)
        return true;
    wish->alias = RELATION_IS_ALIAS;
    if (etf_atom_is(value, "demonitor"))
        return true;
    wish->alias |= RELATION_ALIAS_REPLY;
    return etf_atom_is(value, "reply_demonitor");
}

static bool take_monitor_tag(etf_term value, struct spawn_wish *wish)
{
    wish->monitor_tag = value;
    return true;
}

/* ---- Options ------------------------------------------------------------- */

struct option {
    const char *name;
    option_fn take;
};

static const struct option monitor_options[] = { { "alias", take_alias },
                                                 { "tag", take_monitor_tag },
                                                 { NULL, NULL } };

/* {Name, Value} by one of the rows. */
static bool take_pair(const struct option *rows, etf_term option,
                      struct spawn_wish *wish)
{
    const etf_term *items = etf_tuple_items(option);

    if (etf_tuple_size(option) != 2)
        return false;
    for (; rows->name != NULL; rows++)
        if (etf_atom_is(items[0], rows->name))
            return rows->take(items[1], wish);
    return false;
}

static bool take_monitor(etf_term value, struct spawn_wish *wish)
{
    etf_term option;

    wish->monitor = true;
    while (etf_list_next(&value, &option))
        if (!take_pair(monitor_options, option, wish))
            return false;
    return etf_same(value, etf_nil());
}

static const struct option options_with_value[] = {
    { "monitor", take_monitor },
    { "priority", take_priority },
    { "name", take_name }, /* between nodes like this one */
    { "reply", take_reply },
    { "reply_tag", take_reply_tag },
    { "async_dist", take_async_dist },
    { "fullsweep_after", take_size },
    { "min_heap_size", take_size },
    { "min_bin_vheap_size", take_size },
    { "max_heap_size", take_heap_limit },
    { "message_queue_data", take_queue_data },
    { NULL, NULL },
};

static bool take_option(etf_term option, struct spawn_wish *wish)
{
    if (etf_same(option, ETF_A(link)))
        wish->link = true;
    else if (etf_same(option, ETF_A(monitor)))
        wish->monitor = true;
    else
        return take_pair(options_with_value, option, wish);
    return true;
}

bool rt__spawn_wish(etf_term options, struct spawn_wish *wish)
{
    etf_term option;

    *wish = (struct spawn_wish){ .monitor_tag = ETF_NONE,
                                 .name = ETF_NONE,
                                 .reply_tag = ETF_NONE,
                                 .reply_ok = true,
                                 .reply_error = true };
    while (etf_list_next(&options, &option))
        if (!take_option(option, wish))
            return false;
    return etf_same(options, etf_nil());
}

bool rt__spawn_option_stays(etf_term option)
{
    return etf_is_tagged(option, etf_atom("reply"), 2) ||
           etf_is_tagged(option, etf_atom("reply_tag"), 2);
}
