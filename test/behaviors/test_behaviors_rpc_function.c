/*
 * test_behaviors_rpc_function.c -- functions that are provided by name, and
 * what calling them gives: spec/gen.md 1.14, spec/distribution.md 12.
 */
#include "../process/bed.h"

#include <agner/gen.h>

/* {Class, X} is what it does: last, throw, exit, leave, error, none, apply. */
static enum gen_rpc_class obey(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term what, x;

    if (!etf_match(args, "[{_, _}]", &what, &x))
        return gen_rpc_badarg(result);
    *result = x;
    if (etf_atom_is(what, "throw"))
        return GEN_RPC_THROW;
    if (etf_atom_is(what, "exit"))
        return GEN_RPC_EXIT;
    if (etf_atom_is(what, "error"))
        return GEN_RPC_ERROR;
    if (etf_atom_is(what, "apply"))
        return GEN_RPC_APPLY;
    if (etf_atom_is(what, "leave"))
        rt_exit(self, x);
    if (etf_atom_is(what, "none"))
        *result = ETF_NONE;
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class last(struct gen *self, etf_term args,
                               etf_term *result)
{
    (void)self;
    while (etf_list_next(&args, result))
        continue;
    return GEN_RPC_VALUE;
}

static const char *const friends[] = { "a@x", "b@x", NULL };

static const struct gen_rpc_function functions[] = {
    { "m", "obey", 1, obey, NULL },
    { "m", "last", GEN_RPC_ANY_ARITY, last, NULL },
    { "m", "private", 1, last, friends },
    { "m:n", "o", 0, last, NULL },
};

static const char *const classes[] = {
    [GEN_RPC_VALUE] = "value", [GEN_RPC_THROW] = "throw",
    [GEN_RPC_EXIT] = "exit",   [GEN_RPC_ERROR] = "error",
    [GEN_RPC_APPLY] = "apply",
};

/* "{M, F, Args}" evaluated for `node` gives "{Class, Result}". */
static void gives(struct bed *bed, const char *node, const char *call,
                  const char *expected)
{
    etf_term m = ETF_NONE, f = ETF_NONE, args = ETF_NONE, t, result = ETF_NONE;
    enum gen_rpc_class class;
    char text[2000];

    assert_int_equal(
        etf_parse(rt_region(bed->self), call, strlen(call), &t, NULL, NULL),
        AGNER_OK);
    assert_true(etf_match(t, "{_, _, _}", &m, &f, &args));
    class = gen_rpc_apply(bed->self, node == NULL ? ETF_NONE : etf_atom(node),
                          m, f, args, &result);
    etf_format(text, sizeof text,
               etf_make(bed->self, "{_, _}", etf_atom(classes[class]), result));
    assert_string_equal(text, expected);
    rt_reset(bed->self);
}

static void every_class_is_told_as_erlang_tells_it(struct bed *bed)
{
    assert_int_equal(gen_rpc_provide(bed->rt, functions, 4), AGNER_OK);
    gives(bed, NULL, "{m, last, [1, {two}]}", "{value,{two}}");
    gives(bed, NULL, "{m, obey, [{throw, ball}]}", "{throw,ball}");
    gives(bed, NULL, "{m, obey, [{exit, gone}]}", "{exit,gone}");
    gives(bed, NULL, "{m, obey, [{leave, {far, away}}]}", "{exit,{far,away}}");
    gives(bed, NULL, "{m, obey, [{error, oops}]}",
          "{error,{oops,[{m,obey,1,[]}]}}");
    gives(bed, NULL, "{m, obey, [x]}", "{error,{badarg,[{m,obey,[x],[]}]}}");
    gives(bed, NULL, "{m, obey, [{none, x}]}",
          "{error,{system_limit,[{m,obey,1,[]}]}}");
    gives(bed, NULL,
          "{m, obey, [{apply, {m, obey, [{apply, {m, last, [300]}}]}}]}",
          "{value,300}");
    gives(bed, NULL, "{m, obey, [{apply, {m, nix, [300]}}]}",
          "{error,{undef,[{m,nix,[300],[]}]}}");
    gives(bed, NULL, "{m, obey, [{apply, x}]}",
          "{error,{badarg,[{m,obey,[{apply,x}],[]}]}}");
}

/* TestRPC, the half of one node: revoked and unknown are the same. */
static void what_is_not_provided_is_undef(struct bed *bed)
{
    static const char *const odd[][2] = {
        { "{m, obey, [1, 2]}", "{error,{undef,[{m,obey,[1,2],[]}]}}" },
        { "{m, nix, []}", "{error,{undef,[{m,nix,[],[]}]}}" },
        { "{erlang, halt, []}", "{error,{undef,[{erlang,halt,[],[]}]}}" },
        { "{m, last, [a | b]}",
          "{error,{badarg,[{erlang,apply,[m,last,[a|b]],[]}]}}" },
        { "{m, last, x}", "{error,{badarg,[{erlang,apply,[m,last,x],[]}]}}" },
        { "{1, last, []}", "{error,{badarg,[{erlang,apply,[1,last,[]],[]}]}}" },
        { "{m, \"last\", []}",
          "{error,{badarg,[{erlang,apply,[m,\"last\",[]],[]}]}}" },
        { "{m, 'n:o', []}", "{error,{undef,[{m,'n:o',[],[]}]}}" },
        { "{'m:n', o, [1]}", "{error,{undef,[{'m:n',o,[1],[]}]}}" },
        /* What every module has. */
        { "{m, module_info, [module]}", "{value,m}" },
        { "{m, module_info, [exports]}", "{value,[{private,1},{obey,1}]}" },
        { "{m, module_info, [attributes]}", "{value,[]}" },
        { "{m, module_info, [nix]}",
          "{error,{badarg,[{m,module_info,[nix],[]}]}}" },
        { "{m, module_info, [a, b]}",
          "{error,{undef,[{m,module_info,[a,b],[]}]}}" },
        { "{nix, module_info, []}",
          "{error,{undef,[{nix,module_info,[],[]}]}}" },
    };
    uint32_t atoms;

    gives(bed, NULL, "{m, last, [1]}", "{error,{undef,[{m,last,[1],[]}]}}");
    assert_int_equal(gen_rpc_provide(bed->rt, functions, 4), AGNER_OK);
    gives(bed, NULL, "{m, last, [1]}", "{value,1}");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        gives(bed, NULL, odd[i][0], odd[i][1]);
    assert_int_equal(gen_rpc_revoke(bed->rt, "m", "last", 1), AGNER_EUNKNOWN);
    assert_int_equal(gen_rpc_revoke(bed->rt, "m", "last", -1), AGNER_OK);
    assert_int_equal(gen_rpc_revoke(bed->rt, "m", "last", -1), AGNER_EUNKNOWN);
    gives(bed, NULL, "{m, last, [1]}", "{error,{undef,[{m,last,[1],[]}]}}");
    /* Asking makes no atoms. */
    atoms = etf_atom_count();
    assert_false(gen_rpc_is_provided(bed->rt, ETF_A(spawn), ETF_A(kill), 77));
    assert_int_equal(etf_atom_count(), atoms);
}

static void only_listed_nodes_may_call_what_has_a_list(struct bed *bed)
{
    assert_int_equal(gen_rpc_provide(bed->rt, functions, 4), AGNER_OK);
    gives(bed, "b@x", "{m, private, [1]}", "{value,1}");
    gives(bed, "a@x", "{m, private, [1]}", "{value,1}");
    gives(bed, NULL, "{m, private, [1]}", "{value,1}");
    gives(bed, "nonode@nohost", "{m, private, [1]}", "{value,1}");
    gives(bed, "c@x", "{m, private, [1]}",
          "{error,{not_allowed,[{m,private,1,[]}]}}");
    /* A tail call does not leave the caller's rights behind. */
    gives(bed, "c@x", "{m, obey, [{apply, {m, private, [1]}}]}",
          "{error,{not_allowed,[{m,private,1,[]}]}}");
    gives(bed, "c@x", "{m, last, [1]}", "{value,1}");
}

static void functions_are_provided_all_or_none(struct bed *bed)
{
    static char long_name[300];
    const struct gen_rpc_function taken[] = {
        { "m", "first", 0, last, NULL },
        { "m", "obey", 1, last, NULL },
    };
    const struct gen_rpc_function bad[] = {
        { "m", "first", 0, last, NULL },
        { "m", long_name, 1, last, NULL },
        { "m", "first", 256, last, NULL },
        { "m", "first", -2, last, NULL },
    };
    char text[200];

    memset(long_name, 'x', sizeof long_name - 1);
    assert_int_equal(gen_rpc_provide(bed->rt, functions, 4), AGNER_OK);
    assert_int_equal(gen_rpc_provide(bed->rt, taken, 2), AGNER_ETAKEN);
    assert_int_equal(gen_rpc_provide(bed->rt, bad, 2), AGNER_EINVAL);
    assert_int_equal(gen_rpc_provide(bed->rt, bad + 2, 1), AGNER_EINVAL);
    assert_int_equal(gen_rpc_provide(bed->rt, bad + 3, 1), AGNER_EINVAL);
    etf_format(text, sizeof text,
               gen_rpc_provided(bed->rt, rt_region(bed->self)));
    assert_string_equal(text,
                        "['m:last/*','m:n:o/0','m:obey/1','m:private/1']");
    assert_true(
        gen_rpc_is_provided(bed->rt, etf_atom("m"), etf_atom("last"), 300));
    assert_false(
        gen_rpc_is_provided(bed->rt, etf_atom("m"), etf_atom("obey"), 2));
    assert_false(gen_rpc_is_provided(bed->rt, etf_nil(), etf_atom("obey"), 1));
}

#define EVERYWHERE(name) \
    static void name##_everywhere(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, 3); \
    }
EVERYWHERE(every_class_is_told_as_erlang_tells_it)
EVERYWHERE(what_is_not_provided_is_undef)
EVERYWHERE(only_listed_nodes_may_call_what_has_a_list)
EVERYWHERE(functions_are_provided_all_or_none)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_is_told_as_erlang_tells_it_everywhere),
        cmocka_unit_test(what_is_not_provided_is_undef_everywhere),
        cmocka_unit_test(only_listed_nodes_may_call_what_has_a_list_everywhere),
        cmocka_unit_test(functions_are_provided_all_or_none_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
