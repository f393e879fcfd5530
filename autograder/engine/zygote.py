"""The process that imports the libraries once and is forked for every submission.

It never runs a learner's or a test's code and never holds either: the grader sends those to the forks over sockets of their own.
So one zygote serves both kinds of fork. Run as `python -m autograder.engine.zygote FD LEVEL`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import threading  # noqa: F401 - before `importing`, which see
import time
from collections.abc import Iterable, Iterator
from typing import Any

from autograder.engine import cores, filters, namespaces, sandbox
from autograder.engine.codec_plain import PLAIN
from autograder.engine.libraries import ALWAYS
from autograder.engine.limits import Limits
from autograder.engine.wire import Channel, Closed, receive_fds

WATCH_SECONDS = 0.1
LOOK_SECONDS = 0.02  # for each process of a learner, between two looks at all their pages, which take 2 ms each
BUFFER = 212_992  # bytes that the kernel keeps for a socket which nobody reads
CROWD, POLITE = 4, 10  # processes and threads at full priority; the nice value of more (at 19 they would take too long to die)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """What is imported in here is there to stay, and to be forked.

    Libraries ask to be called in each fork: to reseed (which is done here anyway), to make locks anew (nobody holds one). Being
    called costs a third of the whole fork, as each writes to pages that were shared. `threading`, which needs it, is loaded before.
    Looking for garbage would cost a third of the time, and dirty in each fork the pages of all that it finds to be alive.
    """
    register, os.register_at_fork = os.register_at_fork, lambda **hooks: None
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    os.register_at_fork = register


def warm_up() -> None:
    """Import and touch what assignments use, so that no fork pays for it. One thread: a second one would not survive a fork."""
    with importing():
        import torch

        torch.set_num_threads(1)
        load(ALWAYS)
        torch.nn.functional.cross_entropy(torch.nn.Linear(2, 2)(torch.ones(2, 2)), torch.tensor([0, 1])).backward()
        from autograder.engine import learner, seeds, tester, values  # noqa: F401

        for accept_names in (False, True):
            values.peer_codec(accept_names)


def load(modules: Iterable[str]) -> None:
    import importlib

    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


class Zygote:
    """Forks on request, watches memory, and ends forks."""

    def __init__(self, channel: Channel, level: str) -> None:
        self.channel, self.level, self.isolated = channel, level, level != "none"
        self.readable = sandbox.readable(level)
        self.children: dict[int, int] = {}  # pid -> what its resident set was at birth, 0 for tests
        self.limits: dict[int, Limits] = {}  # of each child
        self.reasons: dict[int, str] = {}
        self.looked: dict[int, float] = {}  # when the pages of a learner's processes may be looked at again
        self.dying: set[int] = set()  # killed, and not waited for yet: taking a process with namespaces down takes milliseconds

    def run(self) -> None:
        watched = time.monotonic()
        while True:
            ready, _, _ = select.select([self.channel.sock], [], [], WATCH_SECONDS if self.children or self.dying else None)
            self.dying = {pid for pid in self.dying if os.waitpid(pid, os.WNOHANG)[0] == 0}
            if time.monotonic() - watched > WATCH_SECONDS:  # also when one order follows the other
                self.watch()
                watched = time.monotonic()
            if not ready:
                continue
            order = PLAIN.loads(self.channel.receive())
            answer: dict[str, Any]
            try:
                answer = self.end(order["pid"], order["wait"]) if order["op"] == "end" else self.fork(order)
            except OSError as error:
                answer = {"error": str(error)}
            self.channel.send(PLAIN.dumps(answer))

    def fork(self, order: dict[str, Any]) -> dict[str, Any]:
        (fd,) = receive_fds(self.channel.sock, 1)
        if order["op"] == "branch":
            return self.branch(fd, order["modules"])
        learner, limits = order["kind"] == "learner", Limits(**order["limits"])
        pid = namespaces.fork_into_namespaces() if learner and self.isolated else os.fork()
        if pid == 0:
            try:
                if order["core"] is not None:
                    cores.stay_on([order["core"]])
                self.become(fd, learner, limits)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(fd)
        self.children[pid], self.limits[pid] = _resident(pid) if learner else -1, limits
        return {"pid": pid}

    def branch(self, fd: int, modules: list[str]) -> dict[str, Any]:
        """A zygote that has more modules, with a channel of its own."""
        pid = os.fork()
        if pid == 0:
            try:
                namespaces.close_all_but(fd)
                namespaces.die_with_parent()
                channel = Channel(socket.socket(fileno=fd))
                with importing():
                    load(modules)
                channel.send(PLAIN.dumps({"ready": True}))
                Zygote(channel, self.level).run()
            finally:
                os._exit(0)
        os.close(fd)
        return {"pid": pid}

    def become(self, fd: int, learner: bool, limits: Limits) -> None:
        """The life of a fork."""
        namespaces.close_all_but(fd)
        namespaces.die_with_parent()
        if learner:
            os.setsid()
            if self.isolated:
                namespaces.enter_private_root(limits)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os.close(null)
            namespaces.limit_resources(limits)
            if self.isolated:
                os.chdir("/tmp")
            filters.enter(self.readable)
            from autograder.engine.learner import main as learner_main
            from autograder.engine.seeds import reseed

            reseed(0)
            learner_main(fd, limits.output)
        else:
            namespaces.undumpable()
            namespaces.limit_memory(limits.memory)
            from autograder.engine.tester import main as test_main

            test_main(fd)

    def end(self, pid: int, wait: bool) -> dict[str, Any]:
        """Kill a fork and all it started; if `wait`, say why it ended and what it used."""
        if pid not in self.children:
            return {"reason": None}
        if not self.isolated and self.children[pid] >= 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        allowed = self.limits.pop(pid).cpu_seconds
        del self.children[pid]
        self.looked.pop(pid, None)
        if not wait:
            self.reasons.pop(pid, None)
            self.dying.add(pid)
            return {"reason": None}
        _pid, status, usage = os.wait4(pid, 0)
        spent = usage.ru_utime + usage.ru_stime  # Linux holds the limit against a count by ticks, which may run ahead of this
        reason = self.reasons.pop(pid, None) or ("cpu" if os.WIFSIGNALED(status) and spent > allowed / 2 else None)
        return {"reason": reason, "status": status, "memory": usage.ru_maxrss * 1024}

    def watch(self) -> None:
        """End learners whose processes together hold too much, or are too many."""
        learners = [pid for pid, size in self.children.items() if size >= 0]
        if not learners:
            return
        parents = _parents()
        for pid in learners:
            family = _descendants(pid, parents)
            limits = self.limits[pid]
            held = self.held(pid, family, limits.memory)
            if held > limits.memory or len(family) > limits.processes + 8:
                self.reasons[pid] = "memory" if held > limits.memory else "processes"
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            else:
                _make_way(family)

    def held(self, pid: int, family: list[int], most: int) -> int:
        """Bytes of memory that a learner's processes hold beyond what was there at its birth.

        To know a page that was made by one of them from one that all have from the zygote, the kernel must go through all its pages. That
        is done only where it can matter, and for a crowd not every time.
        """
        base, resident = self.children[pid], list(map(_resident, family))
        plain = sum(max(0, size - base) for size in resident)
        if plain > most or sum(resident) <= most or len(family) == 1 or time.monotonic() < self.looked.get(pid, 0.0):
            return plain
        self.looked[pid] = time.monotonic() + LOOK_SECONDS * len(family)
        return max(plain, sum(map(_share, family)) - base)


def _share(pid: int) -> int:
    """What a process holds, each page shared out among those that have it, and what the buffers behind its descriptors can hold."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            pages = next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
        return pages + len(os.listdir(f"/proc/{pid}/fd")) * BUFFER
    except PermissionError:  # it hides its pages: then all count
        return _resident(pid)
    except (OSError, IndexError, ValueError):
        return 0


def _make_way(family: list[int]) -> None:
    """Let a crowd of processes and threads have little more of the processor than one would: others have deadlines too."""
    tasks = [int(task) for pid in family for task in _tasks(pid)]
    for task in tasks if len(tasks) > CROWD else []:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, task, POLITE)


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * 4096
    except (OSError, IndexError, ValueError):
        return 0


def _parents() -> dict[int, int]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    return found


def _descendants(root: int, parents: dict[int, int]) -> list[int]:
    family = {root}
    for _generation in range(64):
        more = {pid for pid, parent in parents.items() if parent in family and pid not in family}
        if not more:
            break
        family |= more
    return sorted(family)


def main() -> None:
    fd, level = int(sys.argv[1]), sys.argv[2]
    started = time.perf_counter()
    warm_up()
    namespaces.die_with_parent()
    namespaces.undumpable()
    channel = Channel(socket.socket(fileno=fd))
    channel.send(PLAIN.dumps({"ready": time.perf_counter() - started}))
    with contextlib.suppress(Closed, KeyboardInterrupt):
        Zygote(channel, level).run()
    os._exit(0)  # there is nothing to put away, and putting away all that was imported takes a tenth of a second


if __name__ == "__main__":
    main()
