#!/usr/bin/env python3
"""Runs what README.md, or another page, shows, in order, and compares what it prints.

    run_readme.py SOURCE_ROOT BUILD_ROOT [PAGE]

Each ```sh block is run, all of them in one shell. README.md's are run in a new
directory that looks like a fresh checkout whose `build` is BUILD_ROOT; those of
another PAGE in an empty one, by somebody who has installed agner. A ```text block right after a
```sh block is what that block prints: line by line, where `...` stands for any
text. A ```c block that opens with a file comment is the text of that file, or of
its code, somewhere under apps/examples; on another page, a part of a file that the
blocks have made. Every path in backticks that names a file of the tree exists.

HOME, the run-time directory, the epmd port and the install root are the test's
own, so nothing outside of the directory is touched; compilers and the loader look
for what was installed there. What the blocks leave running is ended here, and is a
failure.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from loopback import free_port

MARK = "---- readme block "
PR_SET_CHILD_SUBREAPER = 36


def blocks(text):
    """(language, body, directly after the one before) of each fenced block."""
    found = []
    end = 0
    for m in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        found.append((m.group(1), m.group(2), text[end:m.start()].strip() == ""))
        end = m.end()
    return found


def same(expected, printed):
    """Are the lines the same, `...` standing for anything within a line?"""
    want = expected.rstrip("\n").split("\n")
    have = printed.rstrip("\n").split("\n")
    if len(want) != len(have):
        return False
    return all(
        re.fullmatch(".*".join(re.escape(p) for p in w.split("...")), h)
        for w, h in zip(want, have)
    )


def check_listings(folder, found):
    """Each C listing is the text of a file below the folder; returns complaints."""
    examples = [p.read_text() for p in folder.rglob("*.c")]
    wrong = []
    for language, body, _ in found:
        if language == "c" and not any(body in text for text in examples):
            wrong.append("a C block is in no example:\n" + body)
    return wrong


def check_paths(source, text):
    """Paths in backticks that start with a folder of the tree exist."""
    rooms = [p.name for p in source.iterdir() if p.is_dir()]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    wrong = []
    for name in re.findall(r"`([\w./-]+)`", prose):
        if name.split("/")[0] in rooms and "/" in name:
            if name.split("/")[0] != "build" and not (source / name).exists():
                wrong.append("no such file: " + name)
    return wrong


def checkout(source, build, sandbox):
    """A directory that looks like the checkout, made of links."""
    tree = sandbox / "agner"
    tree.mkdir()
    for entry in source.iterdir():
        if not entry.name.startswith(("build", ".")):
            (tree / entry.name).symlink_to(entry)
    (tree / "build").symlink_to(build)
    return tree


def install_dir(build, what):
    """Where `meson install` puts `bindir` or `libdir`, below the install root."""
    out = subprocess.run(["meson", "introspect", str(build), "--buildoptions"],
                         capture_output=True, text=True, check=True).stdout
    options = {o["name"]: o["value"] for o in json.loads(out)}
    return pathlib.Path(options["prefix"], options[what])


def install(build, env):
    """Agner is there, as its user finds it: env is changed to say so."""
    subprocess.run(["meson", "install", "-C", str(build), "--quiet",
                    "--no-rebuild"], env=env, check=True, capture_output=True)
    env["PATH"] = f"{env['DESTDIR']}{install_dir(build, 'bindir')}:{env['PATH']}"
    del env["DESTDIR"]  # it was ours, and is nothing for the user's projects


def environment(build, sandbox):
    env = dict(os.environ)
    home, run, root = sandbox / "home", sandbox / "run", sandbox / "root"
    for d in (home, run, root):
        d.mkdir(mode=0o700)
    lib = f"{root}{install_dir(build, 'libdir')}"
    env.update(
        PKG_CONFIG_PATH=f"{lib}/pkgconfig",
        PKG_CONFIG_SYSROOT_DIR=str(root),
        LD_LIBRARY_PATH=lib,
        HOME=str(home),
        XDG_RUNTIME_DIR=str(run),
        XDG_CONFIG_HOME=str(home / ".config"),
        XDG_STATE_HOME=str(home / ".state"),
        DESTDIR=str(root),
        ERL_EPMD_PORT=str(free_port()),
        LC_ALL="C.UTF-8",
        NO_COLOR="1",
        TMPDIR=str(sandbox),
    )
    return env


def children():
    """Processes that are ours by now: orphans come to the subreaper."""
    pids = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True, text=True, check=False).stdout.splitlines()
    return [line.split(None, 1) for line in pids
            if "ps -o pid=" not in line]


def end_children():
    left = [(int(pid), args) for pid, args in children()]
    for pid, _ in left:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
    return left


def settled_children():
    """What is still there when those that are ending had their time."""
    deadline = time.monotonic() + 60
    while children() and time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            break
    return end_children()


def run(found, tree, env):
    """Runs the sh blocks in one shell; returns what each printed."""
    script = ["set -eu"]
    count = 0
    for language, body, _ in found:
        if language == "sh":
            script.append(f"echo '{MARK}{count}'")
            script.append(body)
            count += 1
    # bash, since people paste into it; stderr counts as printed.
    shell = subprocess.Popen(
        ["bash", "-c", "\n".join(script)], cwd=tree, env=env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    try:
        printed, _ = shell.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        shell.kill()
        printed, _ = shell.communicate()
        printed += "\n(out of time)\n"
    # A node that root has started says so; pages show what their readers see.
    printed = re.sub(r"^.*: runs as root: .*\n", "", printed, flags=re.M)
    parts = re.split(rf"^{MARK}\d+\n", printed, flags=re.M)[1:]
    return shell.returncode, parts + [""] * (count - len(parts)), printed


def check_output(found, parts):
    wrong = []
    index = -1
    for i, (language, body, _) in enumerate(found):
        if language != "sh":
            continue
        index += 1
        follows = found[i + 1] if i + 1 < len(found) else ("", "", False)
        if follows[0] == "text" and follows[2]:
            if not same(follows[1], parts[index]):
                wrong.append(f"{body}printed\n{parts[index]}"
                             f"instead of\n{follows[1]}")
    return wrong


def main():
    source, build = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    page = sys.argv[3] if len(sys.argv) > 3 else "README.md"
    text = (source / page).read_text()
    found = blocks(text)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sandbox = pathlib.Path(tempfile.mkdtemp(prefix="agner-readme-"))
    try:
        wrong = check_paths(source, text)
        env = environment(build, sandbox)
        if page == "README.md":
            tree = checkout(source, build, sandbox)
        else:
            install(build, env)
            tree = sandbox / "empty"
            tree.mkdir()
        code, parts, printed = run(found, tree, env)
        wrong += check_listings(
            source / "apps/examples" if page == "README.md" else tree, found)
        wrong += check_output(found, parts)
        if code != 0:
            wrong.append(f"the shell ended with {code}:\n{printed}")
        for pid, args in settled_children():
            wrong.append(f"left running: {args}")
    finally:
        end_children()
        shutil.rmtree(sandbox, ignore_errors=True)
    if not any(language == "sh" for language, _, _ in found):
        wrong.append(f"{page} has no ```sh block")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
