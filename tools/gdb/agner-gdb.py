"""agner-gdb.py -- gdb commands for the processes of an agner node, alive or a core file.

    info actors [TEXT]      the processes: pid, name, behaviour, state, mailbox, where they are
    actor PID [COMMAND]     a gdb command (bt) as if the process were the thread: its stack, while
                            it waits in the middle of its code
    actor apply all [COMMAND]   the same for every process that has a stack

PID is as it is printed, <0.12.1>, or just 12; or a registered name. gdb loads this by itself where it is installed and
trusted; otherwise say `source .../agner-gdb.py`. It needs the library's symbol `agner_debug`, which
is exported (a stripped library has it), and .eh_frame, which is always there; with debug information
the frames have lines and arguments too.

A process that waits has its registers on its own stack. An unwinder gives gdb those as the
registers of the caller of the selected thread's newest frame: so nothing is written, and core files
work. A process that runs is found by the thread whose stack pointer is in its stack.
"""
import re

import gdb
from gdb.unwinder import Unwinder

# Names from the C enums: runtime/agner/rt_info.h, rt_waits.h.
STATUS = ["init", "waiting", "runnable", "running", "calling", "suspended", "exiting"]
WAITS = ["", "message", "call", "request", "time", "room", "work", "turn"]

# How a context lies on a stack: runtime/context_*.S. Registers in order from the stack pointer,
# bytes, and which of them is where it goes on.
CONTEXTS = {
    "x86-64": (["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"], 56, "rip", "rsp"),
    "aarch64": (["x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "pc"],
                160, "pc", "sp"),
}

# Functions of the library in which a process waits: the next one out is its own code.
OURS = re.compile(r"^(rt_|rt__|gen_|gen__|etf_|node_|switch_to|wait_on_stack|yield|wait_any|"
                  r"call_local|request_wait|ask_other|begin$|loop|loop_on|run$|serve$|deliver$|call_code|"
                  r"first_raw|first_behavior|server_\w+|proc_\w+|receive\w*|wait_message|block\w*)")


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def number(address, size=8):
    return int.from_bytes(memory(address, size), "little")


def text(address, limit=200):
    if address == 0:
        return ""
    out = b""
    while len(out) < limit:
        byte = memory(address + len(out), 1)
        if byte == b"\0":
            break
        out += byte
    return out.decode("utf-8", "replace")


class Layout:
    """What agner_debug says: runtime/debug.h."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&agner_debug"))
        except gdb.error:
            raise gdb.GdbError("no agner_debug: this is no program with agner, or it has not begun")
        if memory(at, 8) != b"AGNERDBG" or number(at + 8) != 1:
            raise gdb.GdbError("agner_debug is of another version than this script")
        self.library = gdb.solib_name(at)  # None: it is in the program itself
        self.value, at = {}, at + 16
        for i in range(48):
            name = memory(at + 32 * i, 24).rstrip(b"\0").decode()
            if name:
                self.value[name] = number(at + 32 * i + 24)
        at += 48 * 32
        self.idle, self.dead = number(at), number(at + 8)
        self.atoms, self.atom_size, self.atom_text, self.atom_bytes = (
            number(at + 16 + 8 * i) for i in range(4))
        self.runtimes = [r for r in (number(at + 56 + 8 * i) for i in range(64)) if r != 0]

    def read(self, address, field, size=8):
        return number(address + self.value[field], size)

    def atom(self, word):
        if word == 0 or word & 7 != self.value["tag_atom"]:
            return ""
        entry = self.atoms + (word >> 3 & 0xffffffff) * self.atom_size
        size = number(entry + self.atom_bytes, 2)
        return memory(number(entry + self.atom_text), size).decode("utf-8", "replace")


class Actor:
    """A process that lives."""

    def __init__(self, layout, rt, address):
        self.layout, self.rt, self.address = layout, rt, address
        self.slot = layout.read(address, "process.slot", 4)
        self.generation = layout.read(address, "process.generation", 4)
        self.pid = f"<0.{self.slot}.{self.generation}>"
        self.gen = layout.read(address, "process.gen")
        status = layout.read(address, "process.status", 1)
        self.status = STATUS[status] if status < len(STATUS) else "?"
        self.behavior = self.label()
        self.name = self.first_name()

    def label(self):
        """What its behaviour calls itself: the user's table, where that is known."""
        read = self.layout.read
        behavior, state = read(self.address, "process.behavior"), read(self.address, "process.state")
        if behavior == 0:
            return ""
        at = read(behavior, "behavior.label_at")
        started = read(self.address, "process.flags", 2) & self.layout.value["started"]
        label = number(state + at) if at and state and started else 0
        return text(label or read(behavior, "behavior.name"))

    def first_name(self):
        names = self.layout.read(self.address, "process.names")
        if names == 0 or self.layout.read(names, "names.count", 4) == 0:
            return ""
        return self.layout.atom(self.layout.read(names, "names.items"))

    def mailbox(self):
        """What it has taken, and what waits at its door."""
        count = self.layout.read(self.address, "process.queued", 4)
        inbox = self.layout.read(self.address, "process.inbox")
        while inbox not in (0, self.layout.idle, self.layout.dead) and count < 1000000:
            count += 1
            inbox = self.layout.read(inbox, "envelope.next")
        return count

    def waits(self):
        if self.gen == 0:
            return ""
        kind = self.layout.read(self.gen, "gen.shown") & 15
        if kind == 0 or kind >= len(WAITS):
            return ""
        return WAITS[kind] + self.target(kind)

    def target(self, kind):
        if WAITS[kind] not in ("call", "request"):
            return ""
        read = self.layout.read
        node = read(self.gen, "gen.far_node")
        if WAITS[kind] == "request" and node != 0:
            name = self.layout.atom(read(self.gen, "gen.far_name"))
            far = read(self.gen, "gen.far_pid")
            who = name or f"<0.{far & 0xffffffff}.{far >> 32}>"
            return f" {who} on {self.layout.atom(node)}"
        callee = read(self.gen, "gen.callee")
        if callee & 7 != self.layout.value["tag_pid"]:
            return ""
        return f" <0.{callee >> 3 & 0xfffffff}.{callee >> 31 & 0xffffffff}>"

    def parked(self):
        """Where its registers are; 0: it has no stack of its own, or runs on one."""
        if self.gen == 0 or self.layout.read(self.gen, "gen.external", 1) != 0 or self.runs_on():
            return 0
        return self.layout.read(self.gen, "gen.context")

    def runs_on(self):
        """The stack that it runs on just now, or 0."""
        total = self.layout.read(self.rt, "rt.worker_total", 4)
        for i in range(total):
            worker = number(self.rt + self.layout.value["rt.workers"] + 8 * i)
            if worker == 0 or self.layout.read(worker, "worker.is_parked", 4) != 0:
                continue
            gen = self.layout.read(worker, "worker.running")
            if gen != 0 and self.layout.read(gen, "gen.process") == self.address:
                return gen
        return 0


def actors(layout):
    for rt in layout.runtimes:
        slots = layout.value["chunk_slots"]
        for i in range(layout.read(rt, "rt.chunk_count", 4)):
            chunk = number(rt + layout.value["rt.chunks"] + 8 * i)
            if chunk == 0:
                continue
            size = layout.value["process"]
            whole = memory(chunk, slots * size)  # one read: most slots are nobody's
            at = layout.value["process.inbox"]
            for slot in range(slots):
                inbox = int.from_bytes(whole[slot * size + at:slot * size + at + 8], "little")
                generation = int.from_bytes(
                    whole[slot * size + layout.value["process.generation"]:][:4], "little")
                if inbox != layout.dead and generation != 0 and not (i == 0 and slot == 0):
                    yield Actor(layout, rt, chunk + slot * size)


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Parked(Unwinder):
    """Gives the registers of `context`, once, as those of the newest frame's caller."""

    def __init__(self):
        super().__init__("agner")
        self.context = 0
        self.newest = None

    def __call__(self, frame):
        if self.context == 0:
            return None
        registers, size, pc, sp = CONTEXTS[architecture()]
        here = int(frame.read_register(sp)), int(frame.read_register(pc))
        if self.newest is None:
            self.newest = here
        if here != self.newest:
            return None
        word = gdb.lookup_type("unsigned long")
        # The frame is given a place on the process's stack: gdb does not follow one that lies
        # further in than the one before, as another stack may.
        info = frame.create_unwind_info(FrameId(gdb.Value(self.context), gdb.Value(here[1])))
        for i, register in enumerate(registers):
            # x30 is both the link register and where it goes on.
            info.add_saved_register(register, gdb.Value(number(self.context + 8 * i)).cast(word))
        info.add_saved_register(sp, gdb.Value(self.context + size).cast(word))
        return info


def architecture():
    name = gdb.selected_inferior().architecture().name()
    for known, prefix in (("x86-64", "i386:x86-64"), ("aarch64", "aarch64")):
        if name.startswith(prefix):
            return known
    raise gdb.GdbError(f"stacks of {name} are not known")


PARKED = Parked()
gdb.unwinder.register_unwinder(None, PARKED, True)


class As:
    """While it lasts, the selected thread's newest frame is called by the process."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        gdb.newest_frame().select()
        PARKED.context, PARKED.newest = self.context, None
        gdb.invalidate_cached_frames()

    def __exit__(self, *_):
        PARKED.context = 0
        gdb.invalidate_cached_frames()
        gdb.newest_frame().select()


def own_function(frame, library):
    """The innermost function that is not the library's."""
    name = ""
    while frame is not None:
        name = frame.name() or f"{frame.pc():#x}"
        ours = gdb.solib_name(frame.pc()) == library if library else OURS.match(name)
        if not ours:
            return name
        frame = frame.older()
    return name


def thread_of(gen, layout):
    """The thread whose stack pointer is in that stack."""
    low = layout.read(gen, "gen.stack")
    selected = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            sp = int(gdb.parse_and_eval("(unsigned long)$sp"))
            if low <= sp < gen:
                return thread
    finally:
        if selected is not None:
            selected.switch()
    return None


def where(actor):
    context = actor.parked()
    if context != 0:
        try:
            with As(context):
                frame = gdb.newest_frame().older()
                return own_function(frame, actor.layout.library) if frame is not None else ""
        except gdb.error:
            return ""
    gen = actor.runs_on()
    thread = thread_of(gen, actor.layout) if gen else None
    if thread is None:
        return ""
    selected = gdb.selected_thread()
    thread.switch()
    try:
        return own_function(gdb.newest_frame(), actor.layout.library)
    finally:
        selected.switch()


class InfoActors(gdb.Command):
    """The processes of the agner nodes in this program: info actors [TEXT].
With TEXT only those whose row has it."""

    def __init__(self):
        super().__init__("info actors", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        layout = Layout()
        count = 0
        print(f"{'PID':16} {'NAME':20} {'BEHAVIOR':20} {'STATE':10} {'MAILBOX':>8} WAITS, WHERE")
        for actor in actors(layout):
            row = (f"{actor.pid:16} {actor.name or '-':20} {actor.behavior or '-':20} "
                   f"{actor.status:10} {actor.mailbox():>8} {actor.waits() or '-'} {where(actor)}")
            if argument in row:
                print(row.rstrip())
                count += 1
        print(f"{count} processes")


def find(which):
    match = re.fullmatch(r"<?(?:0\.)?(\d+)(?:\.(\d+))?>?", which)
    for actor in actors(Layout()):
        if match is None:
            found = actor.name == which
        else:
            found = (actor.slot == int(match.group(1)) and
                     match.group(2) in (None, str(actor.generation)))
        if found:
            return actor
    raise gdb.GdbError(f"{which}: no process has that pid or name")


def backtrace():
    """The frames behind the newest one, which is not the process's."""
    for line in gdb.execute("bt", to_string=True).splitlines():
        match = re.match(r"#(\d+)\s+(.*)", line)
        if match and match.group(1) == "0":
            continue
        print(f"#{int(match.group(1)) - 1:<2} {match.group(2)}" if match else line)


def run_as(actor, command):
    context = actor.parked()
    if context != 0:
        with As(context):
            if command == "bt":
                backtrace()
                return
            older = gdb.newest_frame().older()
            if older is not None:
                older.select()
            gdb.execute(command)
        return
    gen = actor.runs_on()
    thread = thread_of(gen, actor.layout) if gen else None
    if thread is None:
        print(f"{actor.pid} has no stack: it waits for a message between two callbacks"
              if actor.gen == 0 else f"{actor.pid}: its stack is not in this core file")
        return
    selected = gdb.selected_thread()
    thread.switch()
    try:
        gdb.execute(command)
    finally:
        selected.switch()


class ActorCommand(gdb.Command):
    """A command as if a process were the thread: actor PID [COMMAND], actor apply all [COMMAND].
COMMAND is bt unless another is given."""

    def __init__(self):
        super().__init__("actor", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split()
        if words[:2] == ["apply", "all"]:
            for actor in list(actors(Layout())):
                if actor.parked() or actor.runs_on():
                    print(f"\nactor {actor.pid} {actor.name or actor.behavior}")
                    run_as(actor, " ".join(words[2:]) or "bt")
        elif words:
            run_as(find(words[0]), " ".join(words[1:]) or "bt")
        else:
            raise gdb.GdbError("actor PID [COMMAND], or actor apply all [COMMAND]")


InfoActors()
ActorCommand()
