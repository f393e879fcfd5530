"""The sandbox: what its walls keep out, that it starts wherever the checkout lies, and what it says where it can't."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from autograder.engine import Engine, sandbox
from autograder.tests.engine_case import LIMITS, assignment, grade_json, notebook

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


@pytest.mark.parametrize("level", ["namespaces", "unshared"])
def test_a_checkout_and_an_exchange_inside_a_folder_that_is_shown_are_covered(tmp_path: Path, level: str) -> None:
    venv.create(tmp_path, symlinks=True)
    course, exchange = tmp_path / "course", tmp_path / "share" / "nbgrader"
    shutil.copytree(CHECKOUT / "autograder", course / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    for folder in (course / "solutions", exchange / "inbound"):
        folder.mkdir(parents=True)
        (folder / "secret").write_text("secret")
    tmp_path.chmod(0o755)
    folders = [sandbox.inside(str(folder)) for folder in (course, course / "autograder", exchange)]
    look = f"import os; print([sorted(os.listdir(folder)) for folder in {folders}])"
    script = f"""
import os, subprocess, sys
from autograder.engine import sandbox
sandbox.EXCHANGE = {str(exchange)!r}
if {level!r} == "unshared":
    from autograder.engine import unshared
    sys.argv[1:] = ["-c", {look!r}]
    raise SystemExit(unshared.main())
raise SystemExit(subprocess.run([*sandbox.command({level!r}), "-c", {look!r}], env=sandbox.environment({level!r})).returncode)
"""
    python = tmp_path / "bin" / "python"
    done = subprocess.run([python, "-c", script], cwd=course, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[['autograder'], ['__init__.py', 'checks.py', 'engine'], []]", done.stdout + done.stderr


def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    monkeypatch.setattr(sandbox, "probe", sandbox.probe.__wrapped__)


def test_without_bubblewrap_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_bubblewrap(monkeypatch)
    with pytest.raises(sandbox.SandboxTooWeak, match=r"apt-get install bubblewrap.*\n?.*AUTOGRADER_SANDBOX_FLOOR=(unshared|none)"):
        sandbox.require("namespaces")
    assert sandbox.require("none") in ("unshared", "none")
    with pytest.raises(sandbox.SandboxTooWeak, match="set it to one of none, unshared, namespaces"):
        sandbox.require("strong")


@pytest.mark.parametrize("level", ["unshared", "none"])
def test_lower_levels_grade_alike_and_say_so_in_the_record(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    without_bubblewrap(monkeypatch)
    if level == "none":
        monkeypatch.setattr(sandbox, "command", lambda level: [sys.executable, *sandbox.FLAGS] if level == "none" else ["/bin/false"])
    elif sandbox.probe()[0] != level:
        pytest.skip(f"this kernel lets this user make no namespaces: {sandbox.probe()[1]}")
    case = assignment([("f", "def f():\n    return 1", "check(f() == 1, 'one')")])
    with Engine(LIMITS, sandbox_floor=level) as engine:
        grades = [engine.grade_sources(case, {"f": f"def f():\n    return {answer}"}) for answer in (1, 2)]
    assert [grade.score for grade in grades] == [1, 0]
    assert {grade.record["sandbox"] for grade in grades} == {sandbox.described(level)}


@pytest.mark.skipif(os.geteuid() != 0, reason="all tests run as an ordinary user already")
def test_an_ordinary_user_has_the_same_walls(tmp_path: Path) -> None:
    script = (
        "from autograder.tests.engine_case import assignment, grade_json, notebook\n"
        "case = assignment([('f', 'def f():\\n    return 1', 'check(f() == 1, \"one\")')])\n"
        "grade = grade_json(case, notebook(case, {}))\n"
        "print(grade.score, grade.record['sandbox'])"
    )
    tmp_path.chmod(0o777)
    above = [str(folder) for folder in reversed(Path(sys.base_prefix).parents)]
    closed = next((folder for folder in above if not os.stat(folder).st_mode & stat.S_IXOTH), None)
    opened = ["--perms", "0755", "--tmpfs", closed] if closed else []  # where Python itself is root's own
    for folder in [folder for folder in above if closed and folder.startswith(f"{closed}/")]:
        opened += ["--perms", "0755", "--dir", folder]
    opened += ["--ro-bind", sys.base_prefix, sys.base_prefix] if closed else []
    as_user = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "--no-new-privs"]
    command = ["bwrap", "--dev-bind", "/", "/", *opened, "--", *as_user, sys.executable, "-c", script]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["1.0", sandbox.described("namespaces")], done.stdout + done.stderr


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


def test_what_the_system_gives_can_be_read() -> None:
    """Also where root steps down to nobody, who can't enter folders that are made for root."""
    paths = [path for path in sandbox.SYSTEM if os.path.exists(path)]
    assert "SAW []" in reveals(f"[p for p in {paths} if not os.access(p, os.R_OK)]")


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
