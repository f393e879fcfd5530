"""Jupyter kernels that start in milliseconds: forks of one process that has imported everything already.

The process that Jupyter starts, watches and kills is a stand-in (`stand_in`). It asks the warm process (`serve`) for a fork, which
becomes an ordinary ipykernel, and lives as long as that fork does. A chapter runs in it as it would in a kernel of its own.

Run as a script, so that a stand-in starts with the standard library alone:
`warm_kernel.py serve SOCKET MODULE…` and `warm_kernel.py stand-in SOCKET CONNECTION_FILE`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any


def stand_in(address: str, connection_file: str) -> int:
    """Ask for a kernel on `connection_file` with this process's folder and environment; return the kernel's exit code."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        order = {"connection_file": connection_file, "cwd": os.getcwd(), "env": dict(os.environ)}
        server.sendall(json.dumps(order).encode() + b"\n")
        return int(server.recv(16) or b"1")


def serve(address: str, modules: list[str]) -> None:
    """Import `modules`, then fork a kernel for each stand-in that connects, until stdin is closed."""
    warm_up(modules)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as events:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        events.register(listener, selectors.EVENT_READ)
        events.register(sys.stdin, selectors.EVENT_READ)
        kernels: dict[int, tuple[int, socket.socket]] = {}  # descriptor of a kernel's process -> its id and its stand-in
        while True:
            for key, _ in events.select():
                if key.fileobj is sys.stdin:
                    return _end(kernels)
                if key.fileobj is listener:
                    _start(listener, events, kernels)
                else:
                    _finish(key, events, kernels)


def _start(listener: socket.socket, events: selectors.BaseSelector, kernels: dict[int, tuple[int, socket.socket]]) -> None:
    client, _ = listener.accept()
    with client.makefile("rb") as lines:
        order = json.loads(lines.readline())
    pid = os.fork()
    if pid == 0:
        events.close()
        listener.close()
        client.close()
        _become_kernel(order)
    process = os.pidfd_open(pid)
    kernels[process] = pid, client
    events.register(process, selectors.EVENT_READ, process)
    events.register(client, selectors.EVENT_READ, process)


def _finish(key: selectors.SelectorKey, events: selectors.BaseSelector, kernels: dict[int, tuple[int, socket.socket]]) -> None:
    """A kernel has ended, or its stand-in has, whereupon the kernel must."""
    if key.data not in kernels:
        return
    pid, client = kernels.pop(key.data)
    if key.fileobj is client:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for watched in (key.data, client):
        events.unregister(watched)
    with contextlib.suppress(OSError):
        client.sendall(str(abs(code)).encode())
    client.close()
    os.close(key.data)


def _end(kernels: dict[int, tuple[int, socket.socket]]) -> None:
    for pid, _ in kernels.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _become_kernel(order: dict[str, Any]) -> None:
    from ipykernel.kernelapp import launch_new_instance

    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        launch_new_instance(argv=["-f", order["connection_file"]])
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 0
    finally:
        os._exit(code)


def warm_up(modules: list[str]) -> None:
    """Import what the kernels will want, and touch what the libraries load on first use. No thread may be left running."""
    import gc

    gc.disable()  # what is imported stays
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel sets it before it imports Matplotlib
    for name in ["ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", *modules]:
        with contextlib.suppress(Exception):  # the chapter that wants it will say what is wrong
            importlib.import_module(name)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
        weight = torch.ones(2, 2, requires_grad=True)
        torch.nn.functional.cross_entropy(weight, torch.tensor([0, 1])).backward()
        if "torch.optim" in modules:  # its first step imports for a second
            torch.optim.Adam([weight]).step()
    if "matplotlib" in sys.modules:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().set_title(r"$\sqrt{x}$")
        FigureCanvasAgg(figure).draw()
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib_inline"]:
        del sys.modules[name]  # it hooks into the kernel as it is imported, so each kernel must import it itself
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(stand_in(sys.argv[2], sys.argv[3]))
