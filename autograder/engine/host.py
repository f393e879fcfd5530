"""The grader's hold on a zygote: forks to talk to, and their ends."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from autograder.engine import sandbox
from autograder.engine.codec import Codec, CodecError
from autograder.engine.codec_plain import ANSWERS, PLAIN
from autograder.engine.limits import Limits
from autograder.engine.wire import Channel, Closed, FrameTooLarge, send_fds

START_SECONDS = 180.0
CONTROL_FRAME = 64 * 1024 * 1024  # an answer of the tests' process
MOST_IDLE = 8  # tests' processes that wait for a submission
LEARNER_FRAME = 1024 * 1024  # an answer of a learner's process, besides the output in it
# The zygote dies with the thread that started it (that is what "parent" means to Linux), so it is started by one that never ends.
_STARTER = ThreadPoolExecutor(1, "zygote-starter")


class InfrastructureError(RuntimeError):
    """The grader's own machinery failed; nobody's grade may suffer from it."""


class NotStarted(InfrastructureError):
    """There is no zygote to grade with at all; the text says what it said."""


class Control:
    """A line to a zygote: one order at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel, self.lock, self.closed = Channel(sock), threading.Lock(), False

    def close(self) -> None:
        self.closed = True
        self.channel.close()

    def ask(self, order: dict[str, Any], pass_on: socket.socket | None = None) -> dict[str, Any]:
        self.channel.send(PLAIN.dumps(order))
        if pass_on is not None:
            send_fds(self.channel.sock, [pass_on.fileno()])
        return dict(PLAIN.loads(self.channel.receive()))


class Child:
    """A fork of a zygote and the channel to it. `codec` reads its answers."""

    def __init__(self, pid: int, channel: Channel, zygote: Control, codec: Codec) -> None:
        self.pid, self.channel, self.zygote, self.codec = pid, channel, zygote, codec

    def order(self, **fields: Any) -> None:
        self.channel.sock.settimeout(5.0)
        self.channel.send(PLAIN.dumps(fields))

    def hand_over(self, sock: socket.socket) -> None:
        """Give the child one end of a socket, and forget it here."""
        try:
            send_fds(self.channel.sock, [sock.fileno()])
        except OSError as error:
            raise Closed("the process is gone") from error
        finally:
            sock.close()

    def answer(self, seconds: float) -> Any:
        """The next answer: `TimeoutError` when it is late, `Closed` when there will be none."""
        self.channel.deadline = time.monotonic() + seconds
        try:
            return self.codec.loads(self.channel.receive())
        except (CodecError, FrameTooLarge) as error:
            raise Closed("the process sent something that is no answer") from error


class ZygoteHost:
    """Starts the zygote and its branches, and starts them again should one die."""

    def __init__(self, level: str, limits: Limits) -> None:
        self.level, self.limits = level, limits
        self.lock, self.branching = threading.Lock(), threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.control: Control | None = None
        self.branches: dict[frozenset[str], Future[Control]] = {}  # by libraries: the first zygote, and those branched off
        self.idle: list[tuple[tuple[str, frozenset[str], Limits], Child]] = []  # tests' processes, the one used last at the end
        self.lost = False
        self.waiting = False

    def launch(self) -> None:
        """Start the zygote. It takes seconds to import everything; `ready` waits for that."""
        ours, theirs = socket.socketpair()
        arguments = ["-m", "autograder.engine.zygote", str(theirs.fileno()), self.level]
        self.lost = False
        self.process = _STARTER.submit(
            subprocess.Popen,
            [*sandbox.command(self.level), *arguments],
            env=sandbox.environment(self.level),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/" if self.level == "none" else None,
            start_new_session=True,  # Ctrl-C is for the command, which ends the zygote in its own way
        ).result()
        theirs.close()
        self.control = Control(ours)
        self.branches, self.idle = {frozenset(): Future()}, []
        self.branches[frozenset()].set_result(self.control)
        self.waiting = True

    def ready(self) -> None:
        """Wait until the zygote has imported everything.

        Raises:
            NotStarted: if it did not start; the text holds what it said.
        """
        if not self.waiting:
            return
        assert self.process is not None
        assert self.control is not None
        channel = self.control.channel
        channel.sock.settimeout(START_SECONDS)
        try:
            PLAIN.loads(channel.receive())
        except (Closed, TimeoutError) as error:
            self.process.kill()
            self.lost = True
            said = (self.process.stderr.read() if self.process.stderr else b"").decode(errors="replace")
            raise NotStarted(f"the zygote did not start:\n{said[-2000:]}") from error
        finally:
            self.waiting = False
        threading.Thread(target=self._drain, args=(self.process,), daemon=True).start()
        channel.sock.settimeout(30.0)

    @staticmethod
    def _drain(process: subprocess.Popen[bytes]) -> None:
        """Keep the zygote's stderr from filling its pipe."""
        if process.stderr is not None:
            with contextlib.suppress(ValueError, OSError):
                while os.read(process.stderr.fileno(), 65536):
                    pass

    def fork(self, kind: str, libraries: frozenset[str], limits: Limits, core: int | None = None) -> Child:
        """A fresh process for a submission, with these libraries imported, under these limits, on this core if it is given."""
        ours, theirs = socket.socketpair()
        zygote = self._zygote(libraries)
        answer = self._ask(zygote, {"op": "fork", "kind": kind, "limits": asdict(limits), "core": core}, theirs)
        theirs.close()
        if "error" in answer:
            raise InfrastructureError(f"no process could be started: {answer['error']}")
        largest, codec = (CONTROL_FRAME, PLAIN) if kind == "test" else (LEARNER_FRAME + 8 * limits.output, ANSWERS)
        return Child(answer["pid"], Channel(ours, largest), zygote, codec)

    def tester(self, master: str, libraries: frozenset[str], limits: Limits) -> Child:
        """A tests' process for a submission of the assignment whose hash is `master`: one that is idle, else a fresh one."""
        key = (master, libraries, limits)
        with self.lock:
            for number, (idle, child) in enumerate(self.idle):
                if idle == key:
                    del self.idle[number]
                    return child
        return self.fork("test", libraries, limits)

    def give_back(self, child: Child, master: str, libraries: frozenset[str], limits: Limits) -> None:
        """Keep a tests' process for the next submission of the same assignment, and few in all."""
        with self.lock:
            self.idle.append(((master, libraries, limits), child))
            surplus = self.idle.pop(0)[1] if len(self.idle) > MOST_IDLE else None
        if surplus:
            self.end(surplus, wait=False)

    def end(self, child: Child, wait: bool = True) -> dict[str, Any]:
        """Kill a fork and everything it started; if `wait`, say why it had ended."""
        child.channel.close()
        if child.zygote.closed:
            raise InfrastructureError("the zygote died, and its forks with it")
        return self._ask(child.zygote, {"op": "end", "pid": child.pid, "wait": wait})

    def _zygote(self, libraries: frozenset[str]) -> Control:
        """The zygote that has these libraries, branched off if there is none yet; only who needs the same one waits for that."""
        with self.branching:
            if not self.branches:
                raise InfrastructureError("the engine is not started")
            if found := self.branches.get(libraries):
                nearest = None
            else:
                nearest = max((known for known in self.branches if known < libraries), key=len)
                origin, found = self.branches[nearest], Future()
                self.branches[libraries] = found
        if nearest is not None:
            try:
                found.set_result(self._branch(origin.result(), libraries, nearest))
            except BaseException as error:
                found.set_exception(error)
        return found.result()

    def _branch(self, origin: Control, libraries: frozenset[str], nearest: frozenset[str]) -> Control:
        """A new zygote with these libraries, from one that has the nearest to them."""
        ours, theirs = socket.socketpair()
        self._ask(origin, {"op": "branch", "modules": sorted(libraries - nearest)}, theirs)
        theirs.close()
        ours.settimeout(START_SECONDS)
        branch = Control(ours)
        try:
            PLAIN.loads(branch.channel.receive())
        except (Closed, OSError) as error:
            self.lost = True
            raise InfrastructureError(f"no zygote with {', '.join(sorted(libraries))}") from error
        ours.settimeout(30.0)
        return branch

    def _ask(self, zygote: Control, order: dict[str, Any], pass_on: socket.socket | None = None) -> dict[str, Any]:
        try:
            with zygote.lock:
                return zygote.ask(order, pass_on)
        except (Closed, OSError) as error:
            self.lost = True
            raise InfrastructureError("the zygote is gone") from error

    def alive(self) -> bool:
        return self.process is not None and not self.lost and self.process.poll() is None

    def kill(self) -> None:
        """End the zygote and all its forks now, whoever waits for them."""
        if self.process is not None:
            self.process.kill()

    def stop(self) -> None:
        with self.branching:
            branches, self.branches = self.branches, {}
        for branch in branches.values():
            if branch.done() and not branch.exception():
                branch.result().close()
        for _, child in self.idle:
            child.channel.close()
        self.idle = []
        if self.process is not None:
            try:
                self.process.wait(0.0 if self.waiting else 2.0)  # one that is still importing does not notice
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.process.stderr is not None:
                self.process.stderr.close()
        self.process = self.control = None
