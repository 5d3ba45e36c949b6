#!/usr/bin/env python3
"""The examples of feeds print what their first comments say.

    test_feed_examples.py ACK PRODUCER SCOPE MUX
"""
import subprocess
import sys

EXPECTED = {
    "acknowledged_events": ["0", "0", "0", "1", "1", "1", "2", "2", "2"],
    "producer_subscription": ["0", "1", "2", "3", "4", "unsubscribed"],
    "scope": ["division happened: 2", "multiplication happened: 12", "subscriber exited"],
    "typed_mux": ["received {some_event,5}", "received {other_event,whoa}", "done"],
}


def main():
    failed = 0
    for program, expected in zip(sys.argv[1:], EXPECTED.values()):
        done = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=60)
        if done.returncode != 0 or done.stdout.splitlines() != expected:
            print(f"{program}: {done.returncode}, {done.stdout!r}")
            failed += 1
    print(f"{len(EXPECTED) - failed} passed, {failed} failed")
    return 1 if failed or len(sys.argv) != len(EXPECTED) + 1 else 0


if __name__ == "__main__":
    sys.exit(main())
