#!/usr/bin/env python3
"""docs/conformance.md is true: test_tools_conformance.py SOURCES BUILD.

Each row of its tables is there, names tests that exist and are run, or says why it has
none; and each test of the tree that ports one of the reference's, or is called by the
number of a defect or an invariant, is in it.
"""
import glob
import json
import os
import re
import sys

SOURCES, BUILD = sys.argv[1:3]
DOC = os.path.join(SOURCES, "docs", "conformance.md")

# What the tables must have rows for, in order: spec/gen.md 3.1 to 3.6, 6 and 7.
ROWS = """
TestServer TestServerMessageOrder TestServerMessageFlood TestRegistrar TestRegistrarAlias
TestRPC TestNode TestNodeFragmentation TestNodeAtomCache TestNodeStaticRoute
TestNodeDistHandshake TestNodeRemoteSpawn BenchmarkNodeSequential BenchmarkNodeParallel
TestMonitorLocalLocal TestMonitorLocalRemoteByPid TestMonitorLocalRemoteByName
TestLinkLocalLocal TestLinkLocalRemote
TestApplicationBasics TestApplicationTypePermanent TestApplicationTypeTransient
TestApplicationTypeTemporary TestApplicationStop
TestSupervisorOneForOne TestSupervisorOneForAll TestSupervisorRestForOne
TestSupervisorSimpleOneForOne
TestStageSimple TestStageDistributed TestStageDispatcherDemand TestStageDispatcherBroadcast
TestStageDispatcherPartition
TestSagaSimple TestSagaDist TestSagaCommitSimple TestSagaCommitDistributed
TestSagaCancelSimple TestSagaCancelCases
""".split()
# spec/eventstream.md 4 and 5.
ROWS += ["Stream_" + name for name in """Serial Concurrent Consume_good Consume_abort Consume_error
Consume_cancel shared notify example death lag closed publishers churn""".split()]
ROWS += [f"StreamWeak_{n}" for n in range(1, 9)]
# spec/service.md 4 and 5.
ROWS += ["service_" + name for name in """start start_start configure configure_configure
configure_error configure_start start_configure start_configure_configure_error
configure_start_error start_configure_error stop start_stop configure_stop
configure_start_stop retry bus_one_to_many bus_dont_wait bus_drop_excess map remote
follow""".split()]
ROWS += [f"service_weak_{n}" for n in range(1, 11)]
ROWS += """FeedPanics Feed FeedSubscribeSameChannel FeedSubscribeBlockedPost FeedUnsubscribeBlockedPost
FeedUnsubscribeSentChan FeedUnsubscribeFromInbox NewSubscriptionError Resubscribe
ResubscribeAbort ResubscribeWithErrorHandler ResubscribeWithCompletedSubscription Multisub
MultisubPartialUnsubscribe MultisubFullUnsubscribe SubCloseUnsub Sub MuxErrorAfterStop
UnsubscribeUnblockPost SubscribeDuplicateType MuxConcurrent BenchmarkFeedSend1000
BenchmarkFeedOfSend1000 BenchmarkPost1000 BenchmarkPostConcurrent BenchmarkChanSend
ExampleFeed_acknowledgedEvents ExampleNewSubscription ExampleSubscriptionScope ExampleTypeMux
Feed_order Feed_producer Feed_death Feed_cut Feed_link""".split()
ROWS += ["FeedOf" + name for name in ["", "SubscribeSameChannel", "SubscribeBlockedPost",
                                      "UnsubscribeBlockedPost", "UnsubscribeSentChan",
                                      "UnsubscribeFromInbox"]]
ROWS += [f"FeedWeak_{n}" for n in range(1, 12)]
ROWS += [f"D-{n:02}" for n in range(1, 55)]
ROWS += [f"I{n}" for n in range(1, 21)]

# spec/async.md 4; what its sections 2 and 5 say of the original.
ROWS += """
Batch Batch_empty Batch_panic Errors_All Errors_First
Future_Complete Future_Cancel Future_Cancel_repeat Future_Finished
Interceptors Interceptors_all_nil Interceptors_some_nil Interval Interval_StopOnError Latch
Latch_Reset Queue_Start_Close Queue_Start_Stop Queue_Start_Stop_Start Recover Worker
Interval_graceful Queue_fire Worker_kill Future_promise
""".split()
ROWS += [f"A-{n:02}" for n in range(1, 25)]
ROWS += [f"DS-{n}" for n in range(1, 6)]

wrong = []


def complain(text):
    wrong.append(text)
    print(text)


def rows():
    """(first column, third, fourth, line number) of each row."""
    with open(DOC, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            cells = [cell.strip() for cell in line.strip().split("|")[1:-1]]
            if len(cells) == 4 and cells[0][:1] != "-" and cells[0] not in ("test", "defect", "invariant"):
                yield cells[0].strip("`"), cells[2], cells[3], number


def programs():
    """Each test program's sources that are run: name -> path."""
    with open(os.path.join(BUILD, "meson-info", "intro-tests.json"), encoding="utf-8") as file:
        tests = json.load(file)
    run = {os.path.basename(test["cmd"][0]) for test in tests}
    run |= {os.path.basename(word) for test in tests for word in test["cmd"][:2]
            if word.endswith(".py")}
    found = {}
    for path in glob.glob(os.path.join(SOURCES, "test", "**", "test_*"), recursive=True):
        name, kind = os.path.splitext(os.path.basename(path))
        if kind == ".c" and name in run or kind == ".py" and name + ".py" in run:
            found[name] = path
    return found


def functions(path):
    """What stands in a program's tables of tests; of a script, its functions and the keys of
    its tables."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".py"):
        return set(re.findall(r'^(?:def |    def |    ")(\w+)', text, flags=re.M))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    names = set()
    for table in re.findall(r"struct CMUnitTest \w+\[\] = \{(.*?)\};", text, flags=re.S):
        names.update(re.findall(r"\(\s*(\w+)", table))
    return names


def bench_rows():
    text = ""
    for path in glob.glob(os.path.join(SOURCES, "test", "bench", "*.c")):
        with open(path, encoding="utf-8") as file:
            text += file.read()
    return set(re.findall(r'"(\w+)"', text))


def named(cell):
    """(program, function) for each test that a cell names: `program`: `f`, `g`; `program`: ..."""
    program = None
    for word in re.findall(r"`(\w+)`", cell):
        if word.startswith("test_"):
            program = word
        else:
            yield program, word


def number_of(function):
    """The row that a test's name is about, or None. A row's name may have underscores of its
    own: the longest that fits counts."""
    if function.startswith("conf_"):
        fits = [row for row in ROWS if function[5:].startswith(row + "_")]
        return max(fits, key=len, default=None)
    match = re.match(r"(?:D_(\d\d)|I(\d+))_", function)
    if match is None:
        return None
    defect, invariant = match.groups()
    return f"D-{defect}" if defect else f"I{invariant}"


def main():
    run = {name: functions(path) for name, path in programs().items()}
    bench = bench_rows()
    seen, said = [], {}
    for row, cell, state, number in rows():
        seen.append(row)
        tests = list(named(cell))
        where = f"docs/conformance.md:{number}: {row}"
        if state.startswith("bench"):
            for _, name in tests:
                if name not in bench:
                    complain(f"{where}: there is no row {name} in the bench")
            continue
        if state.startswith(("=", "≠")) != bool(tests):
            complain(f"{where}: {state or 'nothing'}, and {len(tests)} tests")
        for program, function in tests:
            if function not in run.get(program, ()):
                complain(f"{where}: {program} has or runs no {function}")
            said.setdefault(function, set()).add(row)
    for row in ROWS:
        if seen.count(row) != 1:
            complain(f"docs/conformance.md: {seen.count(row)} rows for {row}")
    for row in sorted(set(seen) - set(ROWS)):
        complain(f"docs/conformance.md: a row for {row}, whatever that is")
    for program in sorted(run):
        for function in sorted(run[program]):
            row = number_of(function)
            if row in ROWS and row not in said.get(function, ()):
                complain(f"{program}: {function} is missing in the row of {row}")
    print(f"{len(seen)} rows, {len(said)} tests, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
