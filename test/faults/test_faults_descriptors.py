#!/usr/bin/env python3
"""A node that runs out of descriptors: accepting waits, all else goes on."""
import os
import resource
import socket
import time

from bed import Bed, main

A, B = "a@127.0.0.1", "b@127.0.0.1"
WATCHED_S = 0.6  # while it waits: some attempts, 100 ms apart


def cpu_s(pid):
    """What it has run, here and in the kernel, in seconds."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_calm(pid):
    """A loop that is busy takes what it can get."""
    before, ran = time.monotonic(), cpu_s(pid)
    time.sleep(WATCHED_S)  # a measure's length: nothing is waited for
    return cpu_s(pid) - ran < (time.monotonic() - before) / 10


class Descriptors(Bed):
    def test_accepting_pauses_and_resumes_by_itself(self):
        a = self.start(A, "--log-file", self.path("a.log"))
        pid = a.process.pid
        self.start(B, "--peer", f"a@127.0.0.1:{a.port}")
        self.meet(B, A)
        self.echoes(B, A)
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
        waits = [socket.create_connection(("127.0.0.1", a.port))
                 for _ in range(3)]
        for s in waits:
            self.addCleanup(s.close)
        said = "accepts no connections for now"
        self.until(lambda: said in self.text_of("a.log"))
        self.until(lambda: is_calm(pid))
        self.echoes(B, A)  # the link that is there is untouched
        self.assertEqual(self.text_of("a.log").count(said), 1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        for s in waits:  # each is taken now: it hears of what it does not say
            s.settimeout(100)
            s.sendall(b"\0\7nothing")
            self.assertIn(s.recv(1), (b"", b"\0"))
        self.check(["status", "-n", A], 0)  # its control socket, too
        self.assertEqual(self.text_of("a.log").count(said), 1)


main()
