#!/usr/bin/env python3
"""A TCP proxy on loopback that mistreats what goes through it.

    proxy.py PORT [LISTEN] [MODE]     runs until it is interrupted

and in a test:

    with Proxy(port_behind) as proxy:
        ... connect to proxy.port ...
        proxy.mode = {"delay": 0.02}

A mode holds for all connections, from the next bytes on, both ways:

    {}                 passes everything at once
    {"delay": S}       each piece S seconds later
    {"rate": B}        at most B bytes a second
    {"bytes": N}       N bytes (1) at a time, each a write of its own
    {"stall": True}    keeps everything, closes nothing; what was kept goes on its way
                       when another mode is set

What happens at once is a function: cut() closes both sides in order, reset() makes both
sides see a connection reset; cut_after(n) cuts after n more bytes.
"""
import ast
import socket
import struct
import sys
import threading
import time

PIECE = 16384


class Proxy:
    def __init__(self, behind, listen=0, mode=None):
        self.behind = behind
        self.changed = threading.Condition()
        self.pairs = []
        self.carried = 0  # bytes, both ways
        self.kept = 0     # bytes that a stall keeps
        self.limit = None
        self._mode = mode or {}
        self.server = socket.create_server(("127.0.0.1", listen))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        with self.changed:
            self._mode = mode
            self.changed.notify_all()

    def close(self):
        self.server.close()
        self.mode = {}
        self.cut()

    def cut(self):
        self._end(lambda s: None)

    def reset(self):
        self._end(lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0)))

    def cut_after(self, count):
        with self.changed:
            self.limit = self.carried + count

    def _end(self, prepare):
        with self.changed:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    prepare(s)
                    s.shutdown(socket.SHUT_RD)  # wakes who reads it
                except OSError:
                    pass  # it is gone already
            for s in pair:
                s.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return  # closed: the end
            try:
                far = socket.create_connection(("127.0.0.1", self.behind))
            except OSError:
                near.close()
                continue
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b),
                                 daemon=True).start()

    def _carry(self, source, sink):
        try:
            while piece := source.recv(PIECE):
                self._pass(piece, sink)
            with self.changed:
                if any(sink in p for p in self.pairs):  # else it was cut
                    sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them is gone: the other hears it by its own thread
        self._drop(source, sink)

    def _drop(self, *ends):
        with self.changed:
            kept = [p for p in self.pairs if not set(p) & set(ends)]
            gone = [p for p in self.pairs if set(p) & set(ends)]
            self.pairs = kept
        for pair in gone:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def _pass(self, piece, sink):
        at = 0
        while at < len(piece):
            with self.changed:
                self.kept += len(piece) - at
                self.changed.notify_all()
                self.changed.wait_for(lambda: "stall" not in self._mode)
                self.kept -= len(piece) - at
                mode = self._mode
            size = mode.get("bytes", len(piece))
            if "rate" in mode:
                size = min(size, max(1, mode["rate"] // 50))
            part = piece[at:at + size]
            if "delay" in mode:
                time.sleep(mode["delay"])
            if "rate" in mode:
                time.sleep(len(part) / mode["rate"])
            with self.changed:
                over = self.limit is not None and \
                    self.carried + len(part) >= self.limit
                if over:
                    part = part[:self.limit - self.carried]
                    self.limit = None
                self.carried += len(part)
            sink.sendall(part)
            if over:
                raise OSError("cut here")
            at += len(part)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    listen = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    mode = ast.literal_eval(sys.argv[3]) if len(sys.argv) > 3 else {}
    with Proxy(int(sys.argv[1]), listen, mode) as proxy:
        print(f"proxy on port {proxy.port}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
