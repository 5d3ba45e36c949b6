#!/usr/bin/env python3
"""A node that does not come up: configuration that is none (B-CFG-1, B-CFG-2), addresses
that cannot be (B-CLI-2), objects that are none (B-SO-1), starts that do not end (B-SO-2)."""
import os
import signal

from agner_cli import Case, Node, main

NAME = "bad@127.0.0.1"

APP = """
#include <agner/gen.h>
static enum gen_next init(struct gen *self, etf_term args)
{
    (void)args;
    %s
}
static const struct gen_server server = { .name = "s", .init = init };
static const struct gen_child_spec children[] = {
    { .name = "one", .server = &server } };
GEN_APPLICATION(probe) = {
    .abi = GEN_APPLICATION_ABI, .name = "probe", .description = "to be refused",
    .version = "1.0", .children = children, .child_count = 1 };
"""


class Refused(Case):
    def refused(self, why, *args, env=None, expected=1):
        """Ends with that code, the reason and a hint; nothing of it is left."""
        node = Node(self, "--name", NAME, "--epmd", "none", *args, env=env,
                    wait=False)
        code, err = node.wait()
        self.assertEqual(code, expected, err)
        self.assertIn(why, err)
        self.assertIn("\n  try: ", err)
        self.assertFalse(os.path.exists(self.socket_of(NAME)))
        return err

    def config(self, text):
        with open(self.path("sys.config"), "wb") as f:
            f.write(text)
        return self.path("sys.config")

    def test_B_CFG_1_a_file_that_is_none_is_named(self):
        self.refused("/none.config", "--config", self.path("none.config"))
        self.refused(self.home, "--config", self.home)

    def test_B_CFG_1_what_is_no_configuration_has_its_place(self):
        for text, why in (
                (b"", ":1:1: "),
                (b"\x7fELF\x02\x01\x01\x00", ":1:8: a zero byte"),
                (b"\xef\xbb\xbf[].", ":1:1: "),
                (b"[{agner, [{name, a\x00b}]}].", "zero byte"),
                (b"[{agner, []}]", "expected a full stop"),
                (b"[{agner, []]}.", ":1:12: "),
                (b"[{agner, [{nmae, x}]}].", "did you mean 'name'?"),
                (b"[{agner, [{workers, 0}]}].", "a number from 1 to 1024"),
                (b"[{agner, [{hidden, true}, {hidden, true}]}].",
                 "hidden is given twice"),
        ):
            self.assertIn("sys.config", self.refused(why, "--config",
                                                     self.config(text)))

    def test_B_CFG_1_lines_may_end_as_elsewhere(self):
        node = Node(self, "--config", self.config(
            b"[{agner, [\r\n  {name, 'crlf@127.0.0.1'},\r\n  {epmd, none},\r\n"
            b"  {listen, \"127.0.0.1:0\"}\r\n]}].\r\n"))
        self.assertRegex(node.ready, "^crlf@127.0.0.1 ready")

    def test_B_CFG_2_a_file_names_no_other(self):
        """Erlang's would be read from here: nothing is, so nothing goes round."""
        path = self.path("sys.config")
        self.refused(":1:2: expected {Application, [{Key, Value}]}", "--config",
                     self.config(f'["{path}"].'.encode()))

    def test_B_CFG_2_odd_bytes_in_the_environment_are_refused(self):
        for port in ("\udcff\udcfe", "43 69", "0", "65536", "-1", "", "\x1b[2J"):
            err = self.refused("ERL_EPMD_PORT is no port", "--listen",
                               "127.0.0.1:0", env={"ERL_EPMD_PORT": port},
                               expected=2)
            self.assertNotIn("\x1b", err)

    def test_B_CLI_2_an_address_that_is_not_ours_is_named(self):
        self.refused("192.0.2.7", "--listen", "192.0.2.7:0")
        self.refused("nowhere.invalid", "--listen", "nowhere.invalid:0")

    def test_B_CLI_2_a_socket_that_may_not_be_is_named(self):
        self.refused("/proc/agner.sock", "--control", "/proc/agner.sock")

    def test_B_SO_1_a_path_that_depends_on_where_one_is_is_refused(self):
        self.build("probe", APP % "return GEN_NEXT;")
        config = self.config(b'[{agner, [{applications, ["so/probe.so"]}]}].')
        self.refused("so/probe.so", "--config", config)

    def test_B_SO_2_a_start_that_hangs_ends_with_the_node(self):
        path = self.build("probe", APP % "(void)rt_sleep(self, 3600000);"
                                         "return GEN_NEXT;")
        node = Node(self, "--name", NAME, "--epmd", "none", "--listen",
                    "127.0.0.1:0", "--stop-time", "200ms", "--app", path,
                    wait=False)
        self.until(lambda: os.path.exists(self.socket_of(NAME)))
        node.signal(signal.SIGTERM)
        node.wait()
        self.assertFalse(os.path.exists(self.socket_of(NAME)))

    def test_B_SO_2_a_start_that_fails_says_why(self):
        for code, why in (
                ('return gen_stop(self, etf_make(self, "{bad, luck}"));',
                 "{bad,luck}"),
                ('rt_exit(self, etf_make(self, "crashed"));', "crashed"),
        ):
            self.refused(why, "--listen", "127.0.0.1:0", "--app",
                         self.build("probe", APP % code))


if __name__ == "__main__":
    main()
