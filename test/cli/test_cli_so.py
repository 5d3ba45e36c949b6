#!/usr/bin/env python3
"""Applications from shared objects, good and broken (B-SO-1)."""
import os
import signal

from agner_cli import Case, Node, main

COUNTER = os.environ["COUNTER_SO"]

# A sanitizer's handler would end the node in its own way.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_abort=0"

GOOD = """
#include <agner/gen.h>
GEN_APPLICATION(probe) = {
    .abi = GEN_APPLICATION_ABI, .name = "probe", .description = "nothing",
    .version = "1.0", %s
};
"""


class SharedObject(Case):
    def refused(self, path, why, *more):
        node = Node(self, "--name", "so@127.0.0.1", "--epmd", "none", "--app",
                    path, *more, wait=False)
        code, err = node.wait()
        self.assertEqual(code, 1, err)
        self.assertRegex(err, why)
        self.assertFalse(os.path.exists(self.socket_of("so@127.0.0.1")))

    def test_the_counter_is_loaded_and_called(self):
        self.node("so@127.0.0.1", "--app", COUNTER)
        self.check(["call", "counter", "{add, 5}"], 0, "5\n", "")

    def test_an_application_is_found_by_name_in_its_directory(self):
        self.build("probe", GOOD % "")
        config = self.write("c.config", """[{agner, [
            {name, 'so@127.0.0.1'}, {epmd, none}, {applications, [probe]},
            {application_dirs, ["%s"]}]}].""" % self.path("so"))
        node = Node(self, "--config", config)
        self.assertRegex(node.ready, "^so@127.0.0.1 ready")
        self.assertIn("probe 1.0", self.check(["status"], 0)[1])

    def test_B_SO_1_an_object_outside_of_the_directories_is_refused(self):
        path = self.build("probe", GOOD % "")
        os.mkdir(self.path("other"))
        config = self.write("c.config", '[{agner, [{application_dirs, ["%s"]}]'
                            '}].' % self.path("other"))
        self.refused(path, "not below any of application_dirs", "--config",
                     config)

    def test_B_SO_1_what_is_no_object_is_refused_with_the_loaders_text(self):
        self.refused(self.write("so/text.so", "not an object, " * 100, 0o755),
                     "text.so: invalid ELF header")
        self.refused(self.write("so/empty.so", "", 0o755),
                     "empty.so: file too short")
        self.refused(self.home + "/", "not a file")

    def test_B_SO_1_an_object_that_is_cut_short_is_refused(self):
        path = self.build("cut", GOOD % "")
        size = os.path.getsize(path)
        for part in (size // 8, size // 4, size // 2, 2000, 500, 100):
            os.truncate(path, min(part, os.path.getsize(path)))
            self.refused(path, "cut.so")

    def test_B_SO_1_an_object_for_another_machine_is_refused(self):
        path = self.build("other", GOOD % "")
        with open(path, "r+b") as f:
            f.seek(18)  # e_machine
            f.write(b"\x16\x00")  # S390
        self.refused(path, "other.so")

    def test_B_SO_1_what_others_may_write_is_refused(self):
        path = self.build("probe", GOOD % "")
        os.chmod(path, 0o757)
        self.refused(path, "everybody may write it; run: chmod o-w .*probe.so")
        os.chmod(path, 0o755)
        os.chmod(self.path("so"), 0o777)
        self.refused(path, "everybody may write it; run: chmod o-w .*/so")

    def test_B_SO_1_unresolved_symbols_are_named(self):
        path = self.build("lacks", "extern int nowhere(void);\n" + GOOD % ""
                          + "\nint f(void) { return nowhere(); }\n")
        self.refused(path, "undefined symbol: nowhere")

    def test_B_SO_1_an_object_without_an_application_is_refused(self):
        path = self.build("none", "int f(void) { return 1; }")
        self.refused(path, "does not export 'agner_application'")

    def test_B_SO_1_another_abi_is_refused(self):
        path = self.build("abi", GOOD.replace("GEN_APPLICATION_ABI", "99") % "")
        self.refused(path, "made for application ABI 99; this is 2")

    def test_an_application_without_a_name_is_refused(self):
        path = self.build("name", GOOD.replace('"probe"', "0") % "")
        self.refused(path, "has no name")

    def test_what_is_needed_is_started_first(self):
        path = self.build(
            "probe", 'static const char *const needs[] = '
            '{ "counter", 0 };' + GOOD % ".applications = needs,")
        self.node("so@127.0.0.1", "--app", path)
        self.assertRegex(self.check(["status"], 0)[1],
                         "applications\tkernel .*, counter .*, probe 1.0\n")

    def test_B_SO_2_a_cycle_is_named(self):
        path = self.build(
            "probe", 'static const char *const needs[] = '
            '{ "probe", 0 };' + GOOD % ".applications = needs,")
        self.refused(path, "probe needs probe")

    def test_a_need_that_nobody_meets_is_named(self):
        path = self.build(
            "probe", 'static const char *const needs[] = '
            '{ "nowhere", 0 };' + GOOD % ".applications = needs,")
        self.refused(path, "there is no application nowhere")

    def test_B_SO_2_a_name_that_is_taken_is_refused(self):
        one, two = (self.build(name, GOOD % "") for name in ("one", "two"))
        self.refused(one, "two.so: there is an application probe already",
                     "--app", two)

    CHILD = """
    #include <agner/gen.h>
    static enum gen_next init(struct gen *self, etf_term args) {
        %s
    }
    static const struct gen_server server = { .name = "s", .init = init };
    static const struct gen_child_spec children[] = {
        { .name = "one", .server = &server, .args = "%s" } };
    """

    def test_B_SO_2_a_child_that_does_not_start_is_told_with_its_reason(self):
        children = ".children = children, .child_count = 1,"
        path = self.build(
            "probe", self.CHILD % ('(void)args; return gen_stop(self, '
                                   'etf_make(self, "{no, luck}"));', "[]")
            + GOOD % children)
        self.refused(path, r"application probe did not start: \{\{shutdown,"
                     r"\{failed_to_start_child,one,\{no,luck")
        path = self.build(
            "args", self.CHILD % ("(void)self; (void)args; return GEN_NEXT;",
                                  "{a,") + GOOD % children)
        self.refused(path, r"args.so: child 0: \{invalid_args,<<.line 1, column")

    def dies(self, path, number, what, where):
        """Of a signal, and the black box says why and in which function."""
        node = Node(self, "--name", "so@127.0.0.1", "--epmd", "none", "--app", path, wait=False)
        self.assertEqual(node.wait()[0], -number)
        out = self.check(["postmortem", "so@127.0.0.1"], 0)[1]
        self.assertIn("it died of a fault", out)
        self.assertRegex(out, f"fault +{what}.*{where}")

    def test_B_SO_1_a_constructor_that_fails_is_in_the_black_box(self):
        """It runs inside of dlopen(), so it cannot be contained (T9: an application is
        trusted code), but who it was is told."""
        path = self.build("aborts", "#include <stdlib.h>\n"
                          "__attribute__((constructor)) static void begin(void) { abort(); }"
                          + GOOD % "")
        self.dies(path, signal.SIGABRT, "SIGABRT", "")
        path = self.build("faults", "__attribute__((constructor)) static void begin(void)\n"
                          "{ *(volatile int *)16 = 1; }" + GOOD % "", "-g", "-w")
        self.dies(path, signal.SIGSEGV, "SIGSEGV at address 0x10", "begin")

    START = """
    #include <agner/gen.h>
    static enum agner_err begin(struct gen *self, enum gen_start_type type, etf_term args,
                                etf_pid *top, etf_term *reason)
    {
        (void)type; (void)args; (void)top; (void)reason;
        %s
    }
    """

    def starts_with(self, name, code, *flags):
        return self.build(name, self.START % code + GOOD % ".start = begin,", *flags)

    def test_B_SO_2_a_start_that_ends_is_told(self):
        self.refused(self.starts_with("ends", 'rt_exit(self, etf_make(self, "{no, luck}"));'),
                     r"application probe did not start: .*\{no,luck\}")
        self.refused(self.starts_with("memory", "(void)self; return AGNER_ENOMEM;"),
                     "application probe did not start: .*(enomem|memory)")

    def test_B_SO_2_a_start_that_crashes_is_in_the_black_box(self):
        path = self.starts_with("crash", "(void)self; *(volatile int *)16 = 1; return AGNER_OK;",
                                "-g", "-w")
        self.dies(path, signal.SIGSEGV, "SIGSEGV at address 0x10", "begin")

    def test_B_SO_2_a_start_that_hangs_can_be_given_up(self):
        path = self.starts_with(
            "hangs", '(void)fclose(fopen("%s", "w")); (void)rt_sleep(self, RT_INFINITY);'
            "return AGNER_OK;" % self.path("begun"), "-include", "stdio.h")
        node = Node(self, "--name", "so@127.0.0.1", "--epmd", "none", "--stop-time", "1s",
                    "--app", path, wait=False)
        self.until(lambda: os.path.exists(self.path("begun")))
        node.signal(signal.SIGTERM)
        self.assertIn(node.wait()[0], (0, 1))
        self.assertFalse(os.path.exists(self.socket_of("so@127.0.0.1")))


main()
