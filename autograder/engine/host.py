"""The grader's hold on a zygote: forks to talk to, and their ends."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from autograder.engine import sandbox
from autograder.engine.codec import CodecError
from autograder.engine.codec_plain import PLAIN
from autograder.engine.limits import Limits
from autograder.engine.wire import Channel, Closed, FrameTooLarge, send_fds

START_SECONDS = 180.0
CONTROL_FRAME = 64 * 1024 * 1024  # an answer of the tests' process
LEARNER_FRAME = 1024 * 1024  # an answer of a learner's process, besides the output in it
# The zygote dies with the thread that started it (that is what "parent" means to Linux), so it is started by one that never ends.
_STARTER = ThreadPoolExecutor(1, "zygote-starter")


class InfrastructureError(RuntimeError):
    """The grader's own machinery failed; nobody's grade may suffer from it."""


class Child:
    """A fork of the zygote and the channel to it."""

    def __init__(self, pid: int, channel: Channel, zygote: int) -> None:
        self.pid, self.channel, self.zygote = pid, channel, zygote

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
            return PLAIN.loads(self.channel.receive())
        except (CodecError, FrameTooLarge) as error:
            raise Closed("the process sent something that is no answer") from error


class ZygoteHost:
    """Starts the zygote, and starts it again should it die."""

    def __init__(self, level: str, limits: Limits) -> None:
        self.level, self.limits = level, limits
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.channel: Channel | None = None
        self.started = 0  # how often: a fork belongs to the zygote it came from
        self.lost = False
        self.waiting = False

    def launch(self) -> None:
        """Start the zygote. It takes seconds to import everything; `ready` waits for that."""
        ours, theirs = socket.socketpair()
        arguments = ["-m", "autograder.engine.zygote", str(theirs.fileno()), self.level, json.dumps(asdict(self.limits))]
        self.started += 1
        self.lost = False
        self.process = _STARTER.submit(
            subprocess.Popen,
            [*sandbox.command(self.level), *arguments],
            env=sandbox.environment(self.level),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=None if self.level == "namespaces" else "/",
            start_new_session=True,  # Ctrl-C is for the command, which ends the zygote in its own way
        ).result()
        theirs.close()
        self.channel = Channel(ours)
        self.waiting = True

    def ready(self) -> None:
        """Wait until the zygote has imported everything.

        Raises:
            InfrastructureError: if it did not start; the text holds what it said.
        """
        if not self.waiting:
            return
        assert self.process is not None
        assert self.channel is not None
        self.channel.sock.settimeout(START_SECONDS)
        try:
            PLAIN.loads(self.channel.receive())
        except (Closed, TimeoutError) as error:
            self.process.kill()
            self.lost = True
            said = (self.process.stderr.read() if self.process.stderr else b"").decode(errors="replace")
            raise InfrastructureError(f"the zygote did not start:\n{said[-2000:]}") from error
        finally:
            self.waiting = False
        threading.Thread(target=self._drain, args=(self.process,), daemon=True).start()
        self.channel.sock.settimeout(30.0)

    @staticmethod
    def _drain(process: subprocess.Popen[bytes]) -> None:
        """Keep the zygote's stderr from filling its pipe."""
        if process.stderr is not None:
            with contextlib.suppress(ValueError, OSError):
                while os.read(process.stderr.fileno(), 65536):
                    pass

    def fork(self, kind: str, seed: int) -> Child:
        """A fresh process for a submission."""
        ours, theirs = socket.socketpair()
        with self.lock:
            answer, zygote = self._ask({"op": "fork", "kind": kind, "seed": seed}, theirs), self.started
        theirs.close()
        if "error" in answer:
            raise InfrastructureError(f"no process could be started: {answer['error']}")
        largest = CONTROL_FRAME if kind == "test" else LEARNER_FRAME + 8 * self.limits.output
        return Child(answer["pid"], Channel(ours, largest), zygote)

    def end(self, child: Child, wait: bool = True) -> dict[str, Any]:
        """Kill a fork and everything it started; if `wait`, say why it had ended."""
        child.channel.close()
        with self.lock:
            if child.zygote != self.started:
                raise InfrastructureError("the zygote died, and its forks with it")
            return self._ask({"op": "end", "pid": child.pid, "wait": wait})

    def _ask(self, order: dict[str, Any], pass_on: socket.socket | None = None) -> dict[str, Any]:
        if self.channel is None:
            raise InfrastructureError("the engine is not started")
        try:
            self.channel.send(PLAIN.dumps(order))
            if pass_on is not None:
                send_fds(self.channel.sock, [pass_on.fileno()])
            return dict(PLAIN.loads(self.channel.receive()))
        except (Closed, OSError, TimeoutError) as error:
            self.lost = True
            raise InfrastructureError("the zygote is gone") from error

    def alive(self) -> bool:
        return self.process is not None and not self.lost and self.process.poll() is None

    def kill(self) -> None:
        """End the zygote and all its forks now, whoever waits for them."""
        if self.process is not None:
            self.process.kill()

    def stop(self) -> None:
        if self.channel is not None:
            self.channel.close()
        if self.process is not None:
            try:
                self.process.wait(2.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.process.stderr is not None:
                self.process.stderr.close()
        self.process = self.channel = None
