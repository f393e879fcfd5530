"""The sandbox: what its walls keep out, that it starts wherever the checkout lies, and what it says where it can't."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from autograder.engine import sandbox
from autograder.tests.engine_case import assignment, grade_json, notebook

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


# What learner code finds inside.


def reveals(expression: str) -> str:
    """What a learner's cell can print of an expression."""
    case = assignment([("f", "def f():\n    return 1", "check(f() == 1, 'one')")])
    source = f"import os, sys, gc, glob\ntry:\n    print('SAW', {expression})\nexcept Exception as e:\n    print('NO', type(e))"
    return repr(grade_json(case, notebook(case, {}, source)).cells)


@pytest.mark.parametrize(
    "folder", ["solutions", "exercises", ".git", "submitted", "autograder/tests", "gradebook.db", "autograder/master.py"]
)
def test_the_checkout_is_out_of_reach(folder: str) -> None:
    root = Path(__file__).resolve().parents[2]
    assert "SAW False" in reveals(f"os.path.exists({str(root / folder)!r})")
    assert (root / folder).exists() or folder in ("submitted", "gradebook.db", "exercises", ".git")


def test_the_file_system_is_read_only_and_tmp_is_fresh() -> None:
    root = Path(__file__).resolve().parents[2]
    for path in (root / "autograder/checks.py", Path("/usr/x"), Path("/x"), Path("/dev/x"), Path(os.__file__)):
        assert "SAW" not in reveals(f"open({str(path)!r}, 'a').close()"), path
    assert "SAW 3" in reveals("open('/tmp/mine', 'w').write('abc')")
    assert "SAW False" in reveals("os.path.exists('/tmp/mine')")
    assert "SAW ['shm']" not in reveals("os.listdir('/dev/shm')")


def test_no_network_no_capabilities_no_other_processes() -> None:
    shown = reveals("__import__('socket').create_connection(('127.0.0.1', 22), 1)")
    assert "SAW" not in shown
    assert "SAW ['lo']" in reveals("[n for _, n in __import__('socket').if_nameindex()]")
    assert "SAW ['0000000000000000']" in reveals("[l.split()[1] for l in open('/proc/self/status') if l.startswith('CapEff')]")
    assert "SAW ['1']" in reveals("[p for p in os.listdir('/proc') if p.isdigit()]")
    assert "SAW 1" in reveals("os.getpid()")
    assert "SAW []" in reveals("os.listdir('/outer-proc')")
    assert "SAW -1" in reveals("__import__('ctypes').CDLL(None).unshare(0x10000000)")


def test_nothing_of_the_environment_is_inherited() -> None:
    os.environ["COURSE_PRIVATE"] = "private-value"
    assert "private-value" not in reveals("dict(os.environ)")


def test_daemons_end_with_the_submission() -> None:
    marker = "sleeper-4711"
    source = f"""
        import subprocess, sys, os
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])
            os._exit(0)
        import threading, time
        threading.Thread(target=lambda: time.sleep(600)).start()
    """
    case = assignment([("f", "def f():\n    return 1", "check(f() == 1, 'one')")])
    grade_json(case, notebook(case, {}, source))
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes())
        except OSError:
            continue
    assert not any(marker.encode() in command for command in commands)
