"""Executing chapters: several at a time, each in a kernel forked from one that has imported everything already."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode

from autograder import warm_server


class WarmKernels:
    """Runs notebooks in warm kernels, as many at a time as there are cores. Use as a context manager."""

    def __init__(self, modules: Iterable[str], jobs: int | None = None) -> None:
        """`modules` are imported once, beforehand; `jobs` notebooks run at a time (one more than there are cores if not given)."""
        self._server = warm_server.take(modules)
        # One more than there are cores: a kernel waits now and then, and the last chapter is seldom alone.
        self._pool = ThreadPoolExecutor(jobs or warm_server.cores() + 1)

    def __enter__(self) -> WarmKernels:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._server.close()

    def release(self) -> None:
        """All notebooks are done: let the process that they were forked from end meanwhile."""
        self._server.release()

    def submit(self, notebook: NotebookNode, folder: Path, timeout: int) -> Future[float]:
        """Execute `notebook` in place, working in `folder`; the future gives its processor time (s), or raises what nbclient does."""
        return self._pool.submit(self._execute, notebook, folder, timeout)

    def _execute(self, notebook: NotebookNode, folder: Path, timeout: int) -> float:
        self._server.wait_until_ready()
        manager = AsyncKernelManager(
            kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
            kernel_spec_manager=_WarmSpecs(self._server.address),
            transport="ipc",  # ports would be raced for
            ip=tempfile.mktemp(prefix="k", dir=self._server.folder.name),
        )
        resources = {"metadata": {"path": str(folder)}}
        try:
            NotebookClient(notebook, km=manager, timeout=timeout, resources=resources, record_timing=False).execute()
            return _processor_time(manager)
        finally:
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)


def _processor_time(manager: AsyncKernelManager) -> float:
    """The seconds that a kernel has computed: those of the clock depend on what runs beside it."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        reply = client.execute("", user_expressions={"seconds": "__import__('time').process_time()"}, reply=True, timeout=60)
        return float(reply["content"]["user_expressions"]["seconds"]["data"]["text/plain"])
    finally:
        client.stop_channels()


class _WarmSpecs(KernelSpecManager):
    """The installed kernels, started by way of the warm process."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = super().get_kernel_spec(kernel_name)
        spec.argv = [sys.executable, "-I", "-S", warm_server.SCRIPT, "stand-in", self._address, "{connection_file}"]
        spec.interrupt_mode = "message"
        return spec
