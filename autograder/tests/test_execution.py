"""Warm kernels: what they put out is what a kernel of its own puts out, and nothing of them stays behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from autograder.executed import imported_modules
from autograder.execution import WarmKernels

CELLS = [
    "import numpy as np\nimport matplotlib.pyplot as plt\nprint(np.arange(3))",
    "plt.plot([0, 1])\nplt.show()",
    "np.random.default_rng(0).normal()",
    "import os\nprint(os.getcwd())",
]


def notebook(*cells: str) -> NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.fixture(scope="module")
def kernels() -> Iterator[WarmKernels]:
    with WarmKernels(["numpy", "matplotlib.pyplot", "no_such_module"], jobs=2) as running:
        yield running


def test_outputs_are_those_of_a_kernel_of_its_own(kernels: WarmKernels, tmp_path: Path) -> None:
    warm, plain = notebook(*CELLS), notebook(*CELLS)
    kernels.submit(warm, tmp_path, 60).result()
    NotebookClient(plain, timeout=60, resources={"metadata": {"path": str(tmp_path)}}, record_timing=False).execute()
    assert [cell.outputs for cell in warm.cells] == [cell.outputs for cell in plain.cells]
    assert "image/png" in warm.cells[1].outputs[0].data


def test_notebooks_do_not_see_each_other(kernels: WarmKernels, tmp_path: Path) -> None:
    first = notebook("import numpy as np\nnp.mine = seen = 1")
    second = notebook("import numpy as np\nprint(hasattr(np, 'mine'), 'seen' in globals())")
    kernels.submit(first, tmp_path, 60).result()
    kernels.submit(second, tmp_path, 60).result()
    assert second.cells[0].outputs[0].text == "False False\n"


def test_an_error_names_the_cell_and_the_next_notebook_runs(kernels: WarmKernels, tmp_path: Path) -> None:
    good = notebook("print(1)")
    failed, done = kernels.submit(notebook("x = 1\nx / 0"), tmp_path, 60), kernels.submit(good, tmp_path, 60)
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        failed.result()
    done.result()
    assert good.cells[0].outputs[0].text == "1\n"


def test_no_kernel_outlives_its_notebook(kernels: WarmKernels, tmp_path: Path) -> None:
    running = notebook("import os\nprint(os.getpid())")
    kernels.submit(running, tmp_path, 60).result()
    pid = int(running.cells[0].outputs[0].text)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")


def test_imports_are_found_in_code_and_once() -> None:
    more = ["from torch import nn\nfrom . import x\ndef f():\n    import json", "no python", "torch.optim.SGD([])"]
    found = imported_modules([*CELLS, *more])
    assert found == ["numpy", "matplotlib.pyplot", "os", "torch", "json", "torch.optim"]
