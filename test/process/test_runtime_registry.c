/*
 * test_runtime_registry.c -- behaviours by group and name: spec/gen.md 1.5.
 */
#include "bed.h"

static int destroyed;

static void count(void *data)
{
    destroyed += *(int *)data;
}

static void rows_are_found_listed_and_taken_out(void **state)
{
    static const char here;
    struct bed bed;
    char text[100];
    const void *behavior = NULL;
    int one = 1, ten = 10;
    void *data = NULL;

    (void)state;
    destroyed = 0;
    bed_open(&bed, 1);
    assert_int_equal(rt_behavior_register(bed.rt, "shapes", etf_atom("square"),
                                          &here, &one, count),
                     AGNER_OK);
    assert_int_equal(rt_behavior_register(bed.rt, "shapes", etf_atom("circle"),
                                          &one, NULL, NULL),
                     AGNER_OK);
    assert_int_equal(rt_behavior_register(bed.rt, RT_GROUP_REMOTE,
                                          etf_atom("square"), &ten, &ten,
                                          count),
                     AGNER_OK);
    assert_int_equal(rt_behavior_register(bed.rt, "shapes", etf_atom("square"),
                                          &ten, &ten, count),
                     AGNER_ETAKEN);
    assert_int_equal(rt_behavior_find(bed.rt, "shapes", etf_atom("square"),
                                      &behavior, &data),
                     AGNER_OK);
    assert_ptr_equal(behavior, &here);
    assert_ptr_equal(data, &one);
    assert_int_equal(rt_behavior_find(bed.rt, RT_GROUP_REMOTE,
                                      etf_atom("square"), &behavior, NULL),
                     AGNER_OK);
    assert_ptr_equal(behavior, &ten);
    assert_int_equal(
        rt_behavior_find(bed.rt, "shapes", etf_atom("line"), &behavior, NULL),
        AGNER_EUNKNOWN);
    assert_int_equal(rt_behavior_find(bed.rt, "colours", etf_atom("square"),
                                      &behavior, NULL),
                     AGNER_EUNKNOWN);
    etf_format(text, sizeof text,
               rt_behavior_list(bed.rt, rt_region(bed.self), "shapes"));
    assert_string_equal(text, "[circle,square]");
    etf_format(text, sizeof text,
               rt_behavior_list(bed.rt, rt_region(bed.self), "colours"));
    assert_string_equal(text, "[]");
    assert_int_equal(
        rt_behavior_unregister(bed.rt, "shapes", etf_atom("square")), AGNER_OK);
    assert_int_equal(destroyed, 1);
    assert_int_equal(
        rt_behavior_unregister(bed.rt, "shapes", etf_atom("square")),
        AGNER_EUNKNOWN);
    bed_close(&bed);
    assert_int_equal(destroyed, 11); /* what is left ends with the runtime */
}

static void groups_of_the_house_are_reserved(void **state)
{
    struct bed bed;
    static const char here;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(rt_behavior_register(bed.rt, "agner:mine", etf_atom("a"),
                                          &here, NULL, NULL),
                     AGNER_EINVAL);
    assert_int_equal(
        rt_behavior_register(bed.rt, "", etf_atom("a"), &here, NULL, NULL),
        AGNER_EINVAL);
    assert_int_equal(rt_behavior_register(bed.rt, "mine", ETF_A(undefined),
                                          &here, NULL, NULL),
                     AGNER_EINVAL);
    assert_int_equal(rt_behavior_register(bed.rt, RT_GROUP_APPLICATIONS,
                                          etf_atom("a"), &here, NULL, NULL),
                     AGNER_OK);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_listed_and_taken_out),
        cmocka_unit_test(groups_of_the_house_are_reserved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
