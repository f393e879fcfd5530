"""The process that warm kernels are forked from. It can be started before anything heavy is imported, and taken over later."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

VARIABLE = "COURSE_EXECUTION"  # set to "plain", the book is built as Jupyter Book does it by itself: one thing after another
SCRIPT = str(Path(__file__).with_name("warm_kernel.py"))
_started: list[WarmServer] = []


def possible() -> bool:
    """Whether to fork kernels, and processes that write pages: Linux only, where a process with PyTorch in it survives a fork."""
    return sys.platform == "linux" and os.environ.get(VARIABLE) != "plain"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class WarmServer:
    """Imports modules in a process of its own; kernels can be had at `address` once it is ready."""

    def __init__(self, modules: list[str]) -> None:
        self.modules = set(modules)
        self.folder = tempfile.TemporaryDirectory(prefix="kernels-")
        self.address = str(Path(self.folder.name) / "warm")
        self._process = subprocess.Popen(
            [sys.executable, "-P", SCRIPT, "serve", self.address, *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._lock = Lock()
        self._ready = False

    def wait_until_ready(self) -> None:
        with self._lock:
            if not self._ready:
                assert self._process.stdout is not None
                if self._process.stdout.readline() != "ready\n":
                    raise RuntimeError("the process that chapters are forked from did not start; its message is above")
                self._ready = True

    def release(self) -> None:
        """No kernel is wanted any more: end soon."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def close(self) -> None:
        """End, and take the folder away."""
        self.release()
        with self._process:  # which waits for its end
            pass
        self.folder.cleanup()


def start(modules: list[str]) -> None:
    """Start a server that whoever wants these modules will take over."""
    _started.append(WarmServer(modules))


def take(modules: Iterable[str]) -> WarmServer:
    """The server that was started for these modules, else a new one; it is the caller's to close."""
    wanted = list(modules)
    while _started:
        server = _started.pop()
        if set(wanted) <= server.modules:
            return server
        server.close()
    return WarmServer(wanted)


def close_unused() -> None:
    while _started:
        _started.pop().close()
