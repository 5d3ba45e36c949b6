#!/usr/bin/env python3
"""The examples of feeds print what their first comments say.

    test_feed_examples.py ACK PRODUCER SCOPE MUX LINK
"""
import subprocess
import sys

EXPECTED = {
    "acknowledged_events": ["0", "0", "0", "1", "1", "1", "2", "2", "2"],
    "producer_subscription": ["0", "1", "2", "3", "4", "unsubscribed"],
    "scope": ["division happened: 2", "multiplication happened: 12", "subscriber exited"],
    "typed_mux": ["received {some_event,5}", "received {other_event,whoa}", "done"],
    "two_nodes": ["2 follow in town: 1 receiver here",
                  "held after 769 events: 257 wait here, 257 in town",
                  "both have got 2000", "the link is cut: noconnection",
                  "missed 2002 to 2011", "goes on with 2012"],
}


def main():
    failed = 0
    for program, expected in zip(sys.argv[1:], EXPECTED.values()):
        done = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=300)
        if done.returncode != 0 or done.stdout.splitlines() != expected:
            print(f"{program}: {done.returncode}, {done.stdout!r}")
            failed += 1
    print(f"{len(EXPECTED) - failed} passed, {failed} failed")
    return 1 if failed or len(sys.argv) != len(EXPECTED) + 1 else 0


if __name__ == "__main__":
    sys.exit(main())
