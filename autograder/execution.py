"""Executing chapters: several at a time, each in a kernel forked from one that has imported everything already."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode

from autograder import warm_kernel

SCRIPT = str(Path(warm_kernel.__file__))


def possible() -> bool:
    """Whether kernels can be forked here: Linux only, where a process with PyTorch in it survives a fork."""
    return sys.platform == "linux"


class WarmKernels:
    """Runs notebooks in warm kernels, as many at a time as there are cores. Use as a context manager."""

    def __init__(self, modules: Iterable[str], jobs: int | None = None) -> None:
        """`modules` are imported once, beforehand; `jobs` notebooks run at a time (all cores if not given)."""
        self._folder = tempfile.TemporaryDirectory(prefix="kernels-")
        self._address = str(Path(self._folder.name) / "warm")
        self._pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1)
        self._server = subprocess.Popen(
            [sys.executable, "-P", SCRIPT, "serve", self._address, *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._started = threading.Lock()
        self._ready = False

    def __enter__(self) -> WarmKernels:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._server.communicate()
        self._folder.cleanup()

    def submit(self, notebook: NotebookNode, folder: Path, timeout: int) -> Future[float]:
        """Execute `notebook` in place, working in `folder`; the future gives the seconds it took, or raises what nbclient does."""
        return self._pool.submit(self._execute, notebook, folder, timeout)

    def _execute(self, notebook: NotebookNode, folder: Path, timeout: int) -> float:
        self._wait_until_ready()
        manager = AsyncKernelManager(
            kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
            kernel_spec_manager=_WarmSpecs(self._address),
            transport="ipc",  # ports would be raced for
            ip=tempfile.mktemp(prefix="k", dir=self._folder.name),
        )
        started = time.perf_counter()
        resources = {"metadata": {"path": str(folder)}}
        try:
            NotebookClient(notebook, km=manager, timeout=timeout, resources=resources, record_timing=False).execute()
        finally:
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)
        return time.perf_counter() - started

    def _wait_until_ready(self) -> None:
        with self._started:
            if not self._ready:
                assert self._server.stdout is not None
                if self._server.stdout.readline() != "ready\n":
                    raise RuntimeError("the process that chapters are forked from did not start; its message is above")
                self._ready = True


class _WarmSpecs(KernelSpecManager):
    """The installed kernels, started by way of the warm process."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = super().get_kernel_spec(kernel_name)
        spec.argv = [sys.executable, "-I", "-S", SCRIPT, "stand-in", self._address, "{connection_file}"]
        spec.interrupt_mode = "message"
        return spec


def imported_modules(notebooks: Iterable[NotebookNode]) -> list[str]:
    """The modules that the code cells import, in the order of their first use."""
    found: dict[str, None] = {}
    for notebook in notebooks:
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            try:
                tree = ast.parse(cell.source)
            except SyntaxError:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    found |= dict.fromkeys(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found[node.module] = None
    return list(found)
