#!/usr/bin/env python3
"""A disk that is full under a node's log and black box: it goes on, and says so."""
import contextlib
import json
import os
import resource
import socket
import unittest

from bed import Bed, main

A = "a@127.0.0.1"


@contextlib.contextmanager
def files_of(size):
    """What is started meanwhile writes no file beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Disk(Bed):
    def failed(self):
        """Events that the file did not take, as `agner loglevel --list` tells."""
        _, out, _ = self.check(["loglevel", "-n", A, "--list", "--json"], 0)
        return sum(row["failed"] for row in json.loads(out))

    def refuse_strangers(self, count):
        """Makes the node log: strangers at its door."""
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", self.a.port)) as s:
                s.sendall(b"\0\7nothing")
                s.settimeout(100)
                while s.recv(100):
                    pass

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_node_whose_log_is_full_goes_on(self):
        self.a = self.start(A, "--log-file", "/dev/full")
        self.refuse_strangers(2)
        self.check(["call", "-n", A, "echo", "{echo, 1}"], 0, "1\n")
        self.assertIsNone(self.a.process.poll())
        self.until(lambda: self.failed() > 0)  # counted

    def test_a_file_that_may_not_grow_ends_no_node(self):
        """The system's signal for it (SIGXFSZ) would end it."""
        with files_of(100):
            self.a = self.start(A, "--log-file", self.path("a.log"))
        self.refuse_strangers(2)
        self.check(["call", "-n", A, "echo", "{echo, 1}"], 0, "1\n")
        self.assertIsNone(self.a.process.poll())
        self.until(lambda: self.failed() > 0)  # counted
        self.assertEqual(os.path.getsize(self.path("a.log")), 100)

    def test_a_black_box_without_room_is_told_and_not_needed(self):
        with files_of(65536):
            self.a = self.start(A, "--blackbox", self.path("a.box"))
        self.check(["call", "-n", A, "echo", "{echo, 1}"], 0, "1\n")
        self.a.signal(15)
        code, err = self.a.wait()
        self.assertEqual(code, 0)
        self.assertIn("a.box", err)


main()
