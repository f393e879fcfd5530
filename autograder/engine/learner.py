"""The learner's process: runs given cells, solution cells and extra cells, then answers the tests' calls.

It has never held a test or an answer. It has been handed hidden data, though, once a hidden test has run: what it puts out from then
on is not shown (see `disclosure`). One that dies in a test, or takes too long, is started again and runs its cells anew.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import signal
import socket
import sys
import traceback
import types
from typing import Any

from autograder.engine.cells import Capture, Shell, defined
from autograder.engine.codec_plain import PLAIN
from autograder.engine.ends import MAX_MESSAGE, text_of
from autograder.engine.rpc import Peer
from autograder.engine.seeds import reseed
from autograder.engine.wire import Channel, Closed, receive_fds


class LearnerPeer(Peer):
    """The learner's end: it trusts the tests' end, so it looks up what that one names."""

    accepts_names = True

    def __init__(self, channel: Channel, session: LearnerSession) -> None:
        super().__init__(channel, session.given)
        self.session = session

    def lookup(self, name: str) -> Any:
        if name.startswith("probe_") and name in self.given:
            return self.given[name]
        try:
            return self.session.namespace[name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def perform(self, *asked: Any) -> Any:
        try:
            return super().perform(*asked)
        finally:
            self.session.leave_to_the_first()

    def take_printed(self) -> str:
        return "".join(text for _name, text in self.session.capture.take())

    def describe(self, error: BaseException) -> str:
        return own_frames(error)


class LearnerSession:
    """One submission's namespace, and the cells run in it so far."""

    def __init__(self, output: int) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.given: dict[str, Any] = {}
        self.capture = Capture(output)
        self.shell = Shell(self.namespace, self.capture)
        self.process = os.getpid()

    def leave_to_the_first(self) -> None:
        """End a process that the learner's code has forked off and that comes back from it: only the first one answers."""
        if os.getpid() != self.process:
            os._exit(0)

    def run(self, identity: str, source: str, given: bool) -> dict[str, Any]:
        """Run one cell as Jupyter would; an error stays in the cell."""
        outputs: list[dict[str, Any]] = []
        error = None
        try:
            shown = self.shell.run(source, f"<{identity}>")
        except BaseException as caught:
            shown, error = None, caught
        self.leave_to_the_first()
        for name, text in self.capture.take():
            outputs.append({"output_type": "stream", "name": name, "text": text})
        if shown is not None:
            outputs.append({"output_type": "execute_result", "text": shown})
        failure = None
        if error is not None:
            failure = (type(error).__name__, text_of(error)[:MAX_MESSAGE], own_frames(error))
        if given:
            self.given |= defined(source, self.namespace)
        return {"id": identity, "outputs": outputs, "failure": failure}


def own_frames(error: BaseException) -> str:
    """Where in the learner's own cells the error came from, one line a frame."""
    lines = []
    if isinstance(error, SyntaxError) and str(error.filename).startswith("<"):
        return f"line {error.lineno}: {(error.text or '').strip()}"
    for frame, number in list(traceback.walk_tb(error.__traceback__))[-200:]:
        name = frame.f_code.co_filename
        if name.startswith("<") and name in linecache.cache:  # a cell: libraries' lines are not read
            place = f"{name[1:-1]}, line {number}"
            where = place if frame.f_code.co_name == "<module>" else f"{place}, in {frame.f_code.co_name}"
            lines.append(f"{where}: {linecache.getline(name, number).strip()[:200]}")
    return "\n".join(lines[-6:])


def main(control: int, output: int) -> None:
    """Serve the grader's orders until it hangs up."""
    channel = Channel(socket.socket(fileno=control))
    session = LearnerSession(output)
    sys.stdout, sys.stderr = session.capture.stream("stdout"), session.capture.stream("stderr")
    with contextlib.suppress(Closed):
        while True:
            order = PLAIN.loads(channel.receive())
            if order["op"] == "cell":
                channel.send(PLAIN.dumps(session.run(order["id"], order["source"], order["given"])))
            elif order["op"] == "serve":
                (fd,) = receive_fds(channel.sock, 1)
                _serve(LearnerPeer(Channel(socket.socket(fileno=fd)), session))
                channel.send(PLAIN.dumps(True))
    os._exit(0)


def _serve(peer: LearnerPeer) -> None:
    """Answer the calls of one test, until it hangs up. The draws of each begin anew, whatever those before it took."""
    reseed(0)
    with contextlib.suppress(Closed):
        while True:
            peer.serve(peer.channel.receive())
    peer.channel.close()
    peer.session.capture.take()
    if os.getpid() == 1:  # the first process of its own namespace: nothing that was started in a test reaches into the next
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
