"""The tests' process: given cells, stand-ins for what the learner was to define, test cells, and the verdict.

It runs nothing of the learner's. What it knows of the learner's functions is what came back as data. So it serves one submission of
an assignment after the other, each with a namespace of its own, as long as all that came was sound (see `TestSession.sound`).
"""

from __future__ import annotations

import contextlib
import linecache
import marshal
import os
import socket
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

from autograder.checks import CheckFailed
from autograder.engine.cells import Capture, Shell, defined
from autograder.engine.codec import CodecError
from autograder.engine.codec_plain import PLAIN
from autograder.engine.cores import stay_on
from autograder.engine.ends import LearnerGone
from autograder.engine.observe import Observer
from autograder.engine.remote import Remote, RemoteMethod
from autograder.engine.rpc import Peer
from autograder.engine.seeds import reseed
from autograder.engine.settings import SPARE, Settings, forget, room
from autograder.engine.verdict import Rules, judge
from autograder.engine.wire import Channel, Closed, receive_fds

CHECKS = ("check", "check_close", "check_raises", "check_unchanged")
SAFE_OPERATIONS = {"iter", "next", "len", "getitem", "contains", "enter", "exit"}


class TestPeer(Peer):
    """The tests' end: the learner's end may call what a test handed to it, and nothing else."""

    names_functions = True

    def __init__(self, channel: Channel, session: TestSession, rules: Rules, observer: Observer | None = None) -> None:
        super().__init__(channel, session.given)
        self.session, self.rules, self.observer = session, rules, observer

    def request(self, op: str, target: Remote | int, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.observer is None:
            return self._request(op, target, name, args, kwargs)
        asked, arguments = f"{op} {name}", (*args, *kwargs.values())
        self.observer.asks(target)
        try:
            value = self._request(op, target, name, args, kwargs)
        except Exception as error:
            self.observer.raised(asked, error, arguments)
            raise
        if (op, name) == ("op", "rest") and isinstance(value, list):  # as if each had been asked for
            for item in value:
                self.observer.returned("op next", item, ())
        else:
            self.observer.returned(asked, value, arguments)
        return value

    def _request(self, op: str, target: Remote | int, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return super().request(op, target, name, args, kwargs)
        except (CodecError, LearnerGone):
            self.session.sound = False
            raise

    def refused(self, error: BaseException) -> None:
        self.session.sound = False

    def permits(self, op: str, target: Any, name: str | None) -> bool:
        if op == "vjp":
            return target in self.graphs
        if not any(target is exported for exported in self.exports.values()):
            return False
        ours = self.given.get(type(target).__name__) is type(target)
        if op == "call" and name is None:
            return callable(target)
        if op in ("call", "get"):
            return ours and isinstance(name, str) and not name.startswith("_")
        return op == "op" and name in SAFE_OPERATIONS and (ours or name in ("iter", "next"))

    def attribute(self, remote: Remote, name: str) -> Any:
        classes = self.rules.classes(remote)
        if self.rules.readable(classes, name):
            return self.request("get", remote, name, (), {})
        if not self.rules.method(classes, name):
            message = f"attribute {name!r} is not declared for the tests (course: attributes, in the solution cell's metadata)"
            raise AttributeError(message)
        return RemoteMethod(remote, name)

    def operator(self, remote: Remote, name: str) -> None:
        if not self.rules.operator(remote, name):
            raise TypeError(f"{remote!r} is an object, where the tests need data ({name})")

    def parameter(self, label: Any, key: int | str) -> str:
        return self.rules.parameter(label, key)

    def may_change(self, label: Any, parameter: str) -> bool:
        return self.rules.may_change(label, parameter)

    def refuse_change(self, label: Any, parameter: str) -> None:
        error = CheckFailed("inputs left unchanged", f"the argument {parameter!r} was changed in place", "")
        if self.observer is None:
            raise error
        self.session.failed(error)

    def printed(self, text: str) -> None:
        self.session.learner_printed(text)


class TestSession:
    """One submission's test namespace.

    It is `sound` while all that came from the learner's process was well-formed and allowed, and leaves `spare` bytes of memory: only
    then is the next submission graded in this process, too.
    """

    def __init__(self, output: int, seed: int, spare: float = 0.0) -> None:
        self.seed, self.sound, self.spare = seed, True, spare
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.capture = Capture(output)
        self.shell = Shell(self.namespace, self.capture)
        self.given: dict[str, Any] = {}
        self.functions: list[str] = []
        self.values: list[str] = []
        self.filename = ""
        self.hidden: list[tuple[int, int]] = []
        self.secret = False
        self.verdict: dict[str, Any] | None = None  # on a test that goes on after a failure
        self.observer: Observer | None = None
        self.tell: Callable[[dict[str, Any]], None] = lambda verdict: None

    def give(self, identity: str, source: str) -> str | None:
        """Run a given cell; what goes wrong (it may need the learner's functions) is reported, not raised."""
        self.filename = ""
        problem = None
        try:
            self.shell.run(source, f"<{identity}>")
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        self.capture.take()
        self.given |= defined(source, self.namespace)
        return problem

    def expect(self, functions: list[str], values: list[str]) -> None:
        """Names that the solution cells before the next test define."""
        self.functions += functions
        self.values += values

    def test(self, order: dict[str, Any], channel: Channel) -> dict[str, Any]:
        """Run one test cell against the learner's process at the other end of `channel`.

        If it is to `observe`, a check that does not hold settles the verdict, which is told at once, but does not end the test: what
        the solution does on the other inputs says which mistake it is.
        """
        self.filename, self.hidden, self.secret, self.verdict = f"<{order['id']}>", order["hidden"], False, None
        self.observer = Observer(known=order["observe"] == "always") if order["observe"] else None
        error: BaseException | None = None
        reseed(self.seed)
        try:
            peer = TestPeer(channel, self, Rules(order["rules"]), self.observer)
            self._bind(peer, set(order["uses"]))
            source = order["source"]
            linecache.cache[self.filename] = (len(source), None, source.splitlines(keepends=True), self.filename)
            with self._lenient() if self.observer else contextlib.nullcontext():
                exec(marshal.loads(order["code"]), self.namespace)
        except BaseException as caught:
            error = caught
        verdict = self.verdict or self._judged(error, None if error is None else _line_of(error, self.filename))
        if self.observer and (verdict["status"] != "passed" or order["observe"] == "always"):
            verdict["observed"] = self.observer.summaries()
        channel.close()
        forget(error)
        self.observer = None
        return verdict | {"sound": self.sound and room() >= self.spare}

    @contextlib.contextmanager
    def _lenient(self) -> Iterator[None]:
        """While a test is observed, a check that does not hold does not end it."""
        checks = {name: self.namespace[name] for name in CHECKS if name in self.namespace}
        self.namespace |= {name: self._noting(check) for name, check in checks.items()}
        try:
            yield
        finally:
            self.namespace |= checks

    def _noting(self, check: Callable[..., None]) -> Callable[..., None]:
        def noting(*args: Any, **kwargs: Any) -> None:
            try:
                check(*args, **kwargs)
            except CheckFailed as error:
                self.failed(error)

        return noting

    def failed(self, error: CheckFailed) -> None:
        """Settle the verdict of a test that goes on, and tell it: should the rest hang, there is one."""
        if self.verdict is None:
            assert self.observer is not None
            self.verdict = self._judged(error, self._line_now())
            self.secret = True  # nothing printed from here on would have been printed if the test had ended
            self.tell(self.verdict | {"final": False})
            self.observer.failed()

    def _judged(self, error: BaseException | None, line: int | None) -> dict[str, Any]:
        """The verdict on a test that ended, or failed, at a line of its cell, with what the learner printed until then."""
        printed = "".join(text for name, text in self.capture.take() if name == "learner")
        return judge(error, self._is_hidden(line)) | {"printed": printed, "final": True, "sound": self.sound, "observed": []}

    def _line_now(self) -> int | None:
        """The line of the test cell that is being run."""
        frame: types.FrameType | None = sys._getframe()
        while frame is not None and not (frame.f_code.co_filename == self.filename and frame.f_code.co_name == "<module>"):
            frame = frame.f_back
        return frame and frame.f_lineno

    def _is_hidden(self, line: int | None) -> bool:
        """Whether a line is in a hidden part of the test cell, or after one. In doubt, yes."""
        return line is None or any(start <= line for start, _end in self.hidden)

    def _bind(self, peer: TestPeer, uses: set[str]) -> None:
        for name in self.functions:
            self.namespace[name] = Remote(peer, name)
        for name in [n for n in self.given if n.startswith("probe_")]:
            self.namespace[name] = Remote(peer, name)
        for name in self.values:
            self.namespace.pop(name, None)
            if name in uses:
                with contextlib.suppress(NameError):
                    self.namespace[name] = peer.request("value", Remote(peer, name), None, (), {})

    def learner_printed(self, text: str) -> None:
        """Keep what the learner printed during a visible check; drop it from the first hidden one on: it may show hidden data."""
        line = self._line_now()
        self.secret |= line is not None and any(start <= line <= end for start, end in self.hidden)
        if not self.secret:
            self.capture.add("learner", text)


def _line_of(error: BaseException, filename: str) -> int | None:
    """The line of the test cell that an error came out of."""
    frames = traceback.walk_tb(error.__traceback__)
    return next((number for f, number in frames if f.f_code.co_filename == filename and f.f_code.co_name == "<module>"), None)


def begin(channel: Channel, output: int, seed: int, spare: float = 0.0) -> TestSession:
    """A new submission: nothing is left of the one before."""
    os.environ["AUTOGRADER_SEED"] = str(seed)
    reseed(seed)
    session = TestSession(output, seed, spare)
    session.tell = lambda verdict: channel.send(PLAIN.dumps(verdict))
    sys.stdout, sys.stderr = session.capture.stream("stdout"), session.capture.stream("stderr")
    return session


def main(control: int) -> None:
    """Serve the grader's orders until it hangs up; the first is to begin."""
    channel = Channel(socket.socket(fileno=control))
    settings, spare, everywhere = Settings(), SPARE * room(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    with contextlib.suppress(Closed):
        while True:
            order = PLAIN.loads(channel.receive())
            if order["op"] == "begin":
                settings.restore()
                stay_on(everywhere if order["core"] is None else [order["core"]])
                session = begin(channel, order["output"], order["seed"], spare)
            elif order["op"] == "given":
                session.give(order["id"], order["source"])
            elif order["op"] == "expect":
                session.expect(order["functions"], order["values"])
            elif order["op"] == "test":
                (fd,) = receive_fds(channel.sock, 1)
                channel.send(PLAIN.dumps(session.test(order, Channel(socket.socket(fileno=fd)))))
    os._exit(0)
