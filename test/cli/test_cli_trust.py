#!/usr/bin/env python3
"""Keys, cookies and whom a node believes: files, commands, and a node that reads them again."""
import json
import os
import pty
import re
import signal
import stat
import subprocess

from agner_cli import AGNER, WAIT, Case, Node, main

KEY = r"agnerkey1-[a-z2-7]{52}"
A = "agnerkey1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"
B = "agnerkey1-aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"
C = "agnerkey1-ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"


class Files(Case):
    def folder(self, node="up@127.0.0.1"):
        return self.path(f".local/state/agner/{node}")

    def known(self, node="up@127.0.0.1"):
        with open(os.path.join(self.folder(node), "known_nodes")) as f:
            return f.read()

    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)


class Keys(Files):
    def test_a_node_makes_its_key_once(self):
        node = self.node("up@127.0.0.1")
        key = os.path.join(self.folder(), "key")
        self.assertEqual(self.mode(key), 0o600)
        self.assertEqual(self.mode(self.folder()), 0o700)
        _, first, _ = self.check(["key", "show"], 0, err="")
        self.assertRegex(first, f"^{KEY}\n$")
        self.check(["stop"], 0)
        self.assertEqual(node.wait(), (0, ""))
        # It is the only one that has a folder here, so it is meant.
        self.check(["key", "show"], 0, first, "")
        self.node("up@127.0.0.1")
        self.check(["key", "show", "-n", "up@127.0.0.1"], 0, first, "")
        with open(key) as f:
            self.assertNotIn(first.strip()[10:], f.read())

    def test_another_key_takes_its_place(self):
        self.node("up@127.0.0.1", "--log-level", "info")
        _, first, _ = self.check(["key", "show"], 0)
        code, _, err = self.run_it("key", "use")
        self.assertEqual(code, 6, err)
        self.assertIn("there is no next key\n  try: agner key new", err)
        _, second, _ = self.check(["key", "new"], 0, err="")
        self.assertNotEqual(first, second)
        self.check(["key", "show"], 0, f"{first}{second.strip()}  next: agner key use\n")
        code, _, err = self.run_it("key", "new")
        self.assertEqual(code, 8, err)
        self.check(["key", "use"], 0, "", "")
        self.check(["key", "show"], 0, second)
        _, out, _ = self.check(["key", "show", "--json"], 0)
        self.assertEqual(json.loads(out)["key"], second.strip())

    def test_a_folder_of_ones_own(self):
        folder = self.path("keys")
        _, out, _ = self.check(["key", "new", "--trust-dir", folder], 0, err="")
        self.assertEqual(self.mode(os.path.join(folder, "key")), 0o600)
        self.node("up@127.0.0.1", "--trust-dir", folder)
        self.check(["key", "show", "--trust-dir", folder], 0, out)
        self.assertFalse(os.path.exists(self.folder()))

    def test_without_a_folder_nothing_is_kept(self):
        self.node("up@127.0.0.1", "--trust-dir", "none")
        self.assertFalse(os.path.exists(self.folder()))
        code, _, err = self.run_it("key", "show")
        self.assertEqual(code, 6, err)

    def test_T6_files_that_others_can_read_are_refused(self):
        self.check(["key", "new", "-n", "up@127.0.0.1"], 0)
        key = os.path.join(self.folder(), "key")
        os.chmod(key, 0o644)
        node = Node(self, "--name", "up@127.0.0.1", "--epmd", "none", wait=False)
        code, err = node.wait()
        self.assertEqual(code, 4, err)
        self.assertEqual(err, f"agner start: {key}: others may read or write it\n"
                              f"  try: chmod 600 {key}\n")
        code, _, err = self.run_it("key", "show", "-n", "up@127.0.0.1")
        self.assertEqual(code, 4, err)
        self.assertIn(f"  try: chmod 600 {key}\n", err)
        code, out, _ = self.run_it("doctor", "--json")
        rows = [r for r in json.loads(out) if r["check"] == "keys"]
        self.assertEqual(code, 1)
        self.assertEqual([(r["verdict"], r["value"], r["command"]) for r in rows],
                         [("fail", "up@127.0.0.1", f"chmod 600 {key}")])
        os.chmod(key, 0o600)
        _, out, _ = self.run_it("doctor", "--json")
        rows = [r for r in json.loads(out) if r["check"] == "keys"]
        self.assertEqual([(r["verdict"], r["value"]) for r in rows],
                         [("ok", "1 nodes here")])


class Trust(Files):
    def test_the_list(self):
        args = ["-n", "up@127.0.0.1"]
        self.check(["trust", "list", *args], 0)
        self.check(["trust", "add", "a@h", A, "--note", "from Ada", *args], 0, "", "")
        self.check(["key", "allow", "b@h", B, *args], 0, "", "")
        self.assertEqual(self.known(), f"a@h {A} pinned # from Ada\nb@h {B} pinned\n")
        self.assertEqual(self.mode(os.path.join(self.folder(), "known_nodes")), 0o600)
        _, out, _ = self.check(["trust", "list", "--json", *args], 0)
        self.assertEqual(json.loads(out)[0], {"name": "a@h", "state": "pinned",
                                              "key": A, "note": "from Ada"})
        self.check(["trust", "list", *args, "--no-headers"], 0,
                   f"a@h\tpinned\t{A}\tfrom Ada\nb@h\tpinned\t{B}\t-\n")
        self.check(["trust", "remove", "a@h", *args], 0, "", "")
        self.check(["trust", "remove", "a@h", *args], 6)
        self.check(["key", "revoke", B, *args], 0, "", "")
        self.assertEqual(self.known(), f"b@h {B} revoked\n")
        self.check(["trust", "remove", B, *args], 0, "", "")
        self.assertEqual(self.known(), "")

    def test_two_keys_for_a_name_and_no_third(self):
        args = ["-n", "up@127.0.0.1"]
        self.check(["trust", "add", "a@h", A, *args], 0)
        self.check(["trust", "add", "a@h", B, *args], 0)
        code, _, err = self.run_it("trust", "add", "a@h", C, *args)
        self.assertIn("a@h has 2 keys already", err)
        self.assertNotEqual(code, 0)
        code, _, err = self.run_it("trust", "add", "a@h", A, *args)
        self.assertEqual(code, 2, err)
        self.check(["trust", "revoke", A, *args], 0)
        code, _, err = self.run_it("trust", "add", "c@h", A, *args)
        self.assertIn("that key is revoked", err)
        self.assertEqual(code, 4, err)

    def test_what_is_typed_wrong_changes_nothing(self):
        args = ["-n", "up@127.0.0.1"]
        secret = "agnersecret1-" + A[10:]
        for wrong, text in ((["add", "a@h", "xyz"], "'xyz' is no key: agnerkey1-..."),
                            (["add", "a@h", A[:-1]], "is no key"),
                            (["add", "a@h", secret], "that is a secret key"),
                            (["add", "a", A], "no @ in 'a'"),
                            (["add", "a b@h", A], "a name with a space"),
                            (["add", "a@h"], "add wants a NAME and a KEY"),
                            (["revoke", "a@h"], "is no key"),
                            (["list", "x"], "list wants nothing more")):
            code, _, err = self.run_it("trust", *wrong, *args)
            self.assertEqual(code, 2, (wrong, err))
            self.assertIn(text, err)
            self.assertNotIn(secret, err)
        self.assertFalse(os.path.exists(os.path.join(self.folder(), "known_nodes")))

    def test_it_has_to_be_clear_who_is_meant(self):
        self.check(["trust", "list"], 2)
        self.node("a@127.0.0.1")
        self.node("b@127.0.0.1")
        code, _, err = self.run_it("trust", "list")
        self.assertEqual(code, 2)
        self.assertIn("several nodes run here", err)
        self.check(["trust", "list", "-n", "a@127.0.0.1"], 0)

    def test_a_broken_list_is_named_with_its_line(self):
        self.check(["trust", "add", "a@h", A, "-n", "up@127.0.0.1"], 0)
        path = os.path.join(self.folder(), "known_nodes")
        with open(path, "a") as f:
            f.write("what is this\n")
        for args in (["trust", "list"], ["trust", "add", "b@h", B]):
            code, _, err = self.run_it(*args, "-n", "up@127.0.0.1")
            self.assertEqual(code, 4, err)
            self.assertIn(f"{path}: line 2: expected NAME KEY STATE", err)
        code, out, _ = self.run_it("doctor", "--json")
        self.assertIn("line 2", [r for r in json.loads(out) if r["check"] == "keys"]
                      [0]["meaning"])


class Reload(Files):
    def test_a_node_says_what_it_could_not_read_and_goes_on(self):
        self.node("up@127.0.0.1", "--log-file", self.path("log"))
        self.check(["reload"], 0, "", "")
        os.chmod(self.path(".erlang.cookie"), 0o604)
        code, _, err = self.run_it("reload")
        self.assertEqual(code, 8, err)
        self.assertIn("others may read or write it", err)
        code, _, err = self.run_it("trust", "add", "a@h", A)
        self.assertIn("up@127.0.0.1 goes on with what it had", err)
        self.assertNotEqual(code, 0)
        os.chmod(self.path(".erlang.cookie"), 0o600)
        self.check(["trust", "add", "b@h", B], 0, "", "")

    def log(self):
        with open(self.path("log")) as f:
            return f.read()

    def test_SIGHUP_has_it_read_again(self):
        node = self.node("up@127.0.0.1", "--log-file", self.path("log"),
                         "--log-level", "info")
        node.signal(signal.SIGHUP)
        self.until(lambda: "keys and cookies were read again" in self.log())
        self.write(".erlang.cookie", "\n", 0o600)
        node.signal(signal.SIGHUP)
        self.until(lambda: "there is no cookie in it" in self.log())
        self.check(["status"], 0)

    def test_without_a_cookie_a_list_is_needed(self):
        node = Node(self, "--name", "up@127.0.0.1", "--epmd", "none",
                    "--cookie-file", "none", wait=False)
        code, err = node.wait()
        self.assertEqual(code, 2)
        self.assertIn("  try: --trust listed\n", err)
        self.node("up@127.0.0.1", "--cookie-file", "none", "--trust", "listed")
        code, _, err = self.run_it("start", "--name", "x@127.0.0.1", "--epmd",
                                   "none", "--trust", "all")
        self.assertEqual(code, 2)
        self.assertIn("--trust: expected first-use or listed, not 'all'", err)


class Cookies(Files):
    def marks(self, *args):
        _, out, _ = self.check(["cookie", "fingerprint", "--json", *args], 0)
        found = json.loads(out)
        return [found["fingerprint"], *found["others"]]

    def test_another_cookie_in_three_steps(self):
        self.check(["cookie", "new"], 0)
        self.node("up@127.0.0.1")
        path = self.path(".config/agner/cookie")
        first = self.marks()
        self.assertEqual(len(first), 1)
        self.check(["cookie", "use"], 6)
        self.check(["cookie", "next"], 0, err="")
        both = self.marks()
        self.assertEqual(both[0], first[0])
        self.assertEqual(len(both), 2)
        self.check(["cookie", "use"], 0,
                   f"{both[1]}  {path}\n{both[0]}  accepted too\n", "")
        self.check(["cookie", "drop", "--cookie-file", path], 0,
                   f"{both[1]}  {path}\n", "")
        self.assertEqual(self.mode(path), 0o600)

    def test_sealed_by_a_passphrase_it_comes_to_another_host(self):
        words = self.write("words", "four words of mine\n", 0o600)
        here, there = self.path("here"), self.path("there")
        self.check(["cookie", "new", "--cookie-file", here], 0)
        _, sealed, _ = self.check(["cookie", "seal", "--cookie-file", here,
                                   "--passphrase-file", words], 0, err="")
        self.assertRegex(sealed, "^agnersealed1-[A-Za-z0-9_-]+\n$")
        with open(here) as f:
            self.assertNotIn(f.read().strip(), sealed)
        self.check(["cookie", "open", "--cookie-file", there, "--passphrase-file",
                    words], 0, err="", stdin=sealed)
        self.assertEqual(self.mode(there), 0o600)
        self.assertEqual(self.marks("--cookie-file", here),
                         self.marks("--cookie-file", there))
        # Once more: it is there.
        self.check(["cookie", "open", "--cookie-file", there, "--passphrase-file",
                    words], 8, stdin=sealed)
        wrong = self.write("wrong", "other words\n", 0o600)
        code, _, err = self.run_it("cookie", "open", "--cookie-file",
                                   self.path("x"), "--passphrase-file", wrong,
                                   stdin=sealed)
        self.assertEqual(code, 4, err)
        self.assertIn("another passphrase, or it was changed", err)
        for text, code in ((sealed[:-5], 4), ("hello", 2)):
            self.check(["cookie", "open", "--passphrase-file", words], code,
                       stdin=text)
        self.assertFalse(os.path.exists(self.path("x")))
        os.chmod(words, 0o644)
        self.check(["cookie", "seal", "--cookie-file", here, "--passphrase-file",
                    words], 4)

    def test_the_newest_one_is_sealed_for_a_key(self):
        here, there = self.path("here"), self.path("there")
        keys = ["--trust-dir", self.path("keys")]
        _, key, _ = self.check(["key", "new", *keys], 0)
        self.check(["cookie", "new", "--cookie-file", here], 0)
        with open(here) as f:
            self.write("there", f.read(), 0o600)
        self.check(["cookie", "next", "--cookie-file", here], 0)
        _, sealed, _ = self.check(["cookie", "seal", "--cookie-file", here, "--to",
                                   key.strip()], 0, err="")
        text = self.write("sealed", sealed)
        self.check(["cookie", "open", text, "--cookie-file", there, *keys], 0, err="")
        self.assertEqual(self.marks("--cookie-file", here),
                         self.marks("--cookie-file", there))
        self.check(["key", "new", "--trust-dir", self.path("others")], 0)
        code, _, err = self.run_it("cookie", "open", text, "--cookie-file",
                                   self.path("x"), "--trust-dir",
                                   self.path("others"))
        self.assertEqual(code, 4, err)
        self.assertIn("it is not for the key in", err)

    def test_a_passphrase_comes_from_a_descriptor_or_the_terminal(self):
        self.check(["cookie", "new"], 0)
        read, write = os.pipe()
        os.write(write, b"four words\n")
        os.close(write)
        done = subprocess.run([AGNER, "cookie", "seal", "--passphrase-fd", str(read)],
                              env=self.env(), pass_fds=(read,), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT)
        os.close(read)
        self.assertEqual(done.returncode, 0, done.stderr)
        # A terminal of its own, which shows nothing of what is typed.
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(AGNER, ["agner", "cookie", "seal"], self.env())
        shown = b""
        for prompt in (b"passphrase: ", b"again: "):
            while not shown.endswith(prompt):
                shown += os.read(terminal, 1)
            os.write(terminal, b"four words\n")
        while b"agnersealed1-" not in shown or not shown.endswith(b"\n"):
            shown += os.read(terminal, 1000)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(status, 0)
        self.assertNotIn(b"four", shown)
        # Without any there is nobody to ask.
        done = subprocess.run(["setsid", AGNER, "cookie", "seal"], env=self.env(),
                              stdin=subprocess.DEVNULL, text=True, capture_output=True,
                              timeout=WAIT)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--passphrase-file FILE", done.stderr)

    def test_no_cookie_and_no_secret_key_is_ever_printed(self):
        self.check(["cookie", "new"], 0)
        self.check(["cookie", "next"], 0)
        node = self.node("up@127.0.0.1", "--log-level", "debug")
        with open(self.path(".config/agner/cookie")) as f:
            secrets = f.read().split()
        with open(os.path.join(self.folder(), "key")) as f:
            secrets += f.read().split()
        said = ""
        for args in (["cookie", "fingerprint"], ["key", "show"], ["trust", "list"],
                     ["reload"], ["status"], ["doctor"], ["dump"]):
            _, out, err = self.run_it(*args)
            said += out + err
        self.check(["stop"], 0)
        said += node.wait()[1]
        self.assertEqual(len(secrets), 3)
        for secret in secrets:
            self.assertNotIn(secret, said)
            self.assertNotIn(re.sub("^agner[a-z]*1-", "", secret), said)


class Live(Files):
    """Three nodes of one user: each command tells all of them."""

    NAMES = ["a@127.0.0.1", "b@127.0.0.1", "c@127.0.0.1"]

    def start(self, name, peers=()):
        args = [x for peer in peers for x in ("--peer", peer)]
        # Hidden: global has no part in which links there are.
        node = self.node(name, "--hidden", *args)
        self.assertIsNotNone(node.ready)
        return node, f"{name}:{node.ready.rsplit(' ', 1)[1]}"

    def links(self, name):
        """Name and address of each link that is up. The address of who came in has the
        port that this one connection has."""
        _, out, _ = self.check(["nodes", "-n", name, "--json"], 0)
        return sorted((row["name"], row["address"]) for row in json.loads(out)
                      if row["state"] == "up")

    def linked(self, name, *peers):
        return [peer for peer, _ in self.links(name)] == sorted(peers)

    def setUp(self):
        super().setUp()
        self.check(["cookie", "new"], 0)
        self.nodes, addresses = {}, []
        for name in self.NAMES:
            self.nodes[name], address = self.start(name, addresses)
            addresses.append(address)
        self.until(lambda: all(self.linked(name, *(set(self.NAMES) - {name}))
                               for name in self.NAMES))
        self.addresses = addresses

    def all_links(self):
        return [self.links(name) for name in self.NAMES]

    def comes_in(self, name):
        """Somebody starts now, with what is in the files, and comes to all of them."""
        node, _ = self.start(name, self.addresses)
        self.until(lambda: self.linked(name, *self.NAMES))
        self.check(["stop", "-n", name], 0)
        self.assertEqual(node.wait()[0], 0)
        self.until(lambda: all(self.linked(n, *(set(self.NAMES) - {n}))
                               for n in self.NAMES))

    def test_cookie_and_key_are_changed_and_no_link_is_lost(self):
        before = self.all_links()
        for step in ("next", "use", "drop"):
            self.check(["cookie", step], 0, err="")
            self.comes_in(f"{step}@127.0.0.1")
            self.assertEqual(self.all_links(), before)
        _, key, _ = self.check(["key", "new", "-n", "a@127.0.0.1"], 0)
        for name in self.NAMES[1:]:
            self.check(["trust", "add", "a@127.0.0.1", key.strip(), "-n", name], 0)
        self.check(["key", "use", "-n", "a@127.0.0.1"], 0, "", "")
        self.assertEqual(self.all_links(), before)
        # Started again it comes with the new key.
        self.check(["stop", "-n", "a@127.0.0.1"], 0)
        self.nodes["a@127.0.0.1"].wait()
        self.start("a@127.0.0.1", self.addresses[1:])
        self.until(lambda: self.linked("a@127.0.0.1", *self.NAMES[1:]))
        self.assertIn(key.strip() + " pinned", self.known("b@127.0.0.1"))
        self.assertIn("seen", self.known("b@127.0.0.1"))

    def test_a_key_that_is_revoked_loses_its_links(self):
        _, key, _ = self.check(["key", "show", "-n", "a@127.0.0.1"], 0)
        self.check(["key", "revoke", key.strip(), "-n", "b@127.0.0.1", "--note",
                    "lost"], 0, "", "")
        self.assertTrue(self.linked("b@127.0.0.1", "c@127.0.0.1"))
        self.until(lambda: self.linked("a@127.0.0.1", "c@127.0.0.1"))
        code, _, err = self.run_it("ping", self.addresses[0], "-n", "b@127.0.0.1")
        self.assertNotEqual(code, 0)

    def test_a_name_that_comes_with_another_key_is_refused(self):
        self.check(["stop", "-n", "c@127.0.0.1"], 0)
        self.nodes["c@127.0.0.1"].wait()
        os.unlink(os.path.join(self.folder("c@127.0.0.1"), "key"))
        _, address = self.start("c@127.0.0.1")
        for other in self.addresses[:2]:
            for there, args in ((other, ["-n", "c@127.0.0.1"]),
                                (address, ["-n", other.rsplit(":", 1)[0]])):
                code, _, err = self.run_it("ping", there, *args)
                self.assertNotEqual(code, 0, (there, args))
        self.assertEqual(self.links("c@127.0.0.1"), [])
        # Somebody looks, and says that it is right.
        _, key, _ = self.check(["key", "show", "-n", "c@127.0.0.1"], 0)
        self.check(["trust", "add", "c@127.0.0.1", key.strip(), "-n",
                    "a@127.0.0.1"], 0)
        self.check(["ping", address, "-n", "a@127.0.0.1"], 0)


if __name__ == "__main__":
    main()
