"""The sandbox starts wherever the checkout lies, and says what is missing where it can't."""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from autograder.engine import sandbox

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_checkout_under_tmp_is_found_in_the_sandbox(tmp_path: Path) -> None:
    """The sandbox has a /tmp of its own, which must not cover the environment and the code."""
    assert str(tmp_path).startswith("/tmp/")
    venv.create(tmp_path / ".venv", symlinks=True)
    python = tmp_path / ".venv" / "bin" / "python"
    shutil.copytree(CHECKOUT / "autograder", tmp_path / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    script = "from autograder.engine.sandbox import probe; print(*probe())"
    done = subprocess.run([python, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["namespaces"], done.stdout + done.stderr


def test_without_bubblewrap_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    sandbox.probe.cache_clear()
    try:
        with pytest.raises(sandbox.SandboxTooWeak, match=r"apt-get install bubblewrap.*\n?.*AUTOGRADER_SANDBOX_FLOOR=none"):
            sandbox.require("namespaces")
        assert sandbox.require("none") == "none"
    finally:
        sandbox.probe.cache_clear()
