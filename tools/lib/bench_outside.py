"""Rows of tools/bench that only an outsider can measure: start, memory, idle processor time, size.

Each function takes the command that runs the row and returns its output: `row peer metric value unit` lines. A program
that does not do what it should raises OSError with what is wrong.
"""
import glob
import os
import shutil
import subprocess
import tempfile
import time

READY_S = 60  # until a program has said READY


def _line(row, peer, metric, value, unit):
    return f"{row} {peer} {metric} {value:.4f} {unit}\n"


def _median(values):
    return sorted(values)[len(values) // 2]


def hello(row, peer, command, env, n):
    """n starts: from the exec to the first line, which is written when the first message was handled; and to the end."""
    first, end = [], []
    path = shutil.which(command[0], path=env.get("PATH")) or command[0]
    for _ in range(n + 1):
        output, child_output = os.pipe()
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, child_output, 1)]
        begin = time.perf_counter()
        pid = os.posix_spawn(path, command, env, file_actions=actions)
        os.close(child_output)
        said = os.read(output, 100)
        first.append(time.perf_counter() - begin)
        _, status = os.waitpid(pid, 0)
        end.append(time.perf_counter() - begin)
        os.close(output)
        if said.strip() != b"hello" or status != 0:
            raise OSError(f"said {said!r}, status {status}")
    # the first start brings the files into memory
    return (_line(row, peer, "ms_until_first_message", _median(first[1:]) * 1e3, "ms") +
            _line(row, peer, "ms_until_end", _median(end[1:]) * 1e3, "ms"))


def _open(command, env):
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, start_new_session=True)


def _ready(program):
    line = program.stdout.readline()
    if line.strip() != "READY":
        raise OSError(f"said {line.strip()!r} for READY")


def _processor(pid):
    """Nanoseconds on a processor, and changes of it, of all threads of a program."""
    spent = switches = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                spent += int(f.read().split()[0])
            with open(f"/proc/{pid}/task/{task}/status") as f:
                switches += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
        except FileNotFoundError:  # a thread that has just ended
            continue
    return spent, switches


def _watch(row, peer, pid, seconds, suffix):
    spent, switches = _processor(pid)
    begin = time.monotonic()
    time.sleep(seconds)
    spent2, switches2 = _processor(pid)
    took = time.monotonic() - begin
    return (_line(row, peer, "percent_of_a_core" + suffix, (spent2 - spent) / 1e7 / took, "%") +
            _line(row, peer, "wake_ups" + suffix, (switches2 - switches) / took, "a_second"))


def _memory(row, peer, pid):
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    kb = {name: int(status[name].split()[0]) for name in ("VmRSS", "RssAnon")}
    return (_line(row, peer, "mb_resident", kb["VmRSS"] / 1024, "MB") +
            _line(row, peer, "mb_private", kb["RssAnon"] / 1024, "MB") +
            _line(row, peer, "threads", int(status["Threads"]), "threads"))


def _end(program):
    program.stdin.close()
    rest = program.stdout.read()
    if program.wait(timeout=READY_S) != 0:
        raise OSError(f"exit {program.returncode}")
    return rest


def empty(row, peer, command, env, quick):
    """A program that has started everything, and does nothing."""
    with _open(command, env) as program:
        try:
            _ready(program)
            time.sleep(0.1 if quick else 1)
            output = _memory(row, peer, program.pid) + _watch(row, peer, program.pid, 0.1 if quick else 3, "")
            return output + _end(program)
        finally:
            program.kill()


def idle(row, peer, command, env, quick):
    """N processes that wait; then also 1000 that have a timer of a second."""
    with _open(command, env) as program:
        try:
            _ready(program)
            time.sleep(0.1 if quick else 1)
            output = _watch(row, peer, program.pid, 0.1 if quick else 4, "_processes")
            program.stdin.write("\n")
            program.stdin.flush()
            _ready(program)
            time.sleep(0.1 if quick else 1.5)
            output += _watch(row, peer, program.pid, 0.1 if quick else 4, "_1000_timers")
            return output + _end(program)
        finally:
            program.kill()


def size(row, peer, library):
    """Bytes of the shared library without symbols, as it is packaged."""
    if library is None:
        raise OSError("no libagner.so beside the program")
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "library")
        subprocess.run(["strip", "--strip-unneeded", "-o", copy, library], check=True, stdin=subprocess.DEVNULL)
        return _line(row, peer, "kb_stripped", os.path.getsize(copy) / 1024, "KB")


def library_of(program):
    found = glob.glob(os.path.join(os.path.dirname(os.path.abspath(program)), "..", "..", "libagner.so"))
    return found[0] if found else None


OUTSIDE = ("hello", "hello_node", "empty", "empty_node", "idle", "size")


def run(row, peer, command, env, n, quick):
    """One row from outside: (its output, why it failed or None)."""
    if row != "size" and command[0].endswith("run.sh"):  # no shell in what is measured
        printed = subprocess.run(command, env=dict(env, BENCH_PRINT="1"), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if printed.returncode != 0:
            return "", printed.stderr.strip()[-200:]
        command = printed.stdout.split()
    try:
        if row == "size":
            return size(row, peer, library_of(command[0])), None
        if row.startswith("hello"):
            return hello(row, peer, command, env, n), None
        return (empty if row.startswith("empty") else idle)(row, peer, command, env, quick), None
    except (OSError, subprocess.SubprocessError) as why:
        return "", str(why)
