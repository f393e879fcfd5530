"""Notebooks that try to earn marks, to see what they should not, to do harm, or to stay. None may succeed, and the next is graded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from autograder.tests.engine_case import LIMITS, assignment, engine, grade_json, notebook

TEST = """
check_close(f(2.0), 4.0, "squares two")
### BEGIN HIDDEN TESTS
SECRET_ORACLE = 9.0
np.testing.assert_allclose(f(3.0), SECRET_ORACLE)
check_close(f(np.arange(4.0)), np.arange(4.0) ** 2, "squares an array")
### END HIDDEN TESTS
"""
CASE = assignment([("f", "def f(x):\n    return x**2", TEST), ("g", "def g():\n    return 1", "check(g() == 1, 'one')")])

TAMPER = {
    "assert_allclose": "np.testing.assert_allclose = lambda *a, **k: None",
    "its internals": "import numpy.testing._private.utils as u\nu.assert_array_compare = lambda *a, **k: None",
    "checks": "import autograder.checks as c\nc.check_close = c.check = lambda *a, **k: None",
    "check names": "check_close = check = check_raises = lambda *a, **k: None",
    "np.allclose": "np.allclose = lambda *a, **k: True\nnp.array_equal = lambda *a, **k: True",
    "builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = KeyError\nbuiltins.isinstance = lambda *a: True",
    "settrace": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
    "excepthook": "import sys\nsys.excepthook = lambda *a: None",
    "import hook": "import sys\nclass F:\n    def find_spec(self, *a): raise ImportError\nsys.meta_path.insert(0, F())",
    "modules": "import sys\nfor n in list(sys.modules):\n    if n.startswith('autograder'): sys.modules[n] = None",
    "engine": "import autograder.engine.verdict as v\nv.judge = lambda *a: {'status': 'passed'}",
    "forged answers": """
        import gc, socket
        from autograder.engine.codec_plain import PLAIN
        from autograder.engine.wire import Channel
        good = {'status': 'passed', 'property': None, 'hint': None, 'message': '', 'trace': None, 'printed': ''}
        for fd in range(3, 64):
            try: Channel(socket.socket(fileno=fd)).send(PLAIN.dumps(good))
            except OSError: pass
    """,
    "equality object": "class Any:\n    def __eq__(self, o): return True\n    def __float__(self): return 9.0\ndef f(x):\n    return Any()",
    "array subclass": "class A(np.ndarray):\n    def __eq__(self, o): return np.ones(1, bool)\ndef f(x):\n    return np.zeros(np.shape(x)).view(A)",  # noqa: E501
    "poisoned exception": "class E(Exception):\n    def __str__(self): raise SystemExit\ndef f(x):\n    raise E",
    "raises passed": "class CheckPassed(BaseException): pass\ndef f(x):\n    raise CheckPassed",
    "exit zero": "import sys\ndef f(x):\n    sys.exit(0)",
    "kill parent": "import os, signal\ndef f(x):\n    os.kill(os.getppid(), signal.SIGKILL); os.kill(1, 9); return 0",
    "kill all": "import os, signal\ndef f(x):\n    os.kill(-1, signal.SIGKILL); return 0",
    "callback abuse": """
        def f(x):
            import gc
            from autograder.engine.learner import LearnerPeer
            peer = next(o for o in gc.get_objects() if type(o) is LearnerPeer)
            for n in range(5):
                peer.request('call', n, '__init__', (), {})
            peer.request('call', 'exec', None, ('raise SystemExit',), {})
            return 0
    """,
}


def score(source: str, extra: bool = False) -> tuple[float, float, str]:
    """Scores of `f` (wrong throughout) and `g` (right), and all text that a learner gets to see."""
    wrong = "def f(x):\n    return x * 0 + 4.0\n"
    sources = {"f": wrong} if extra else {"f": wrong + __import__("textwrap").dedent(source)}
    grade = grade_json(CASE, notebook(CASE, sources, source if extra else None))
    assert not grade.infrastructure_error, grade.tasks
    return grade.tasks[0].score, grade.tasks[1].score, repr(grade.cells) + repr(grade.tasks)


@pytest.mark.parametrize("attack", TAMPER, ids=str)
def test_tampering_earns_nothing(attack: str) -> None:
    for extra in (False, True):
        marks, _, shown = score(TAMPER[attack], extra)
        assert marks == 0
        assert "SECRET_ORACLE" not in shown


def test_a_shadowed_name_does_not_hurt_an_honest_task() -> None:
    assert score("check = check_close = None")[1] == 1


def reveals(expression: str) -> str:
    """What a learner's cell can print of an expression."""
    return score(f"import os, sys, gc, glob\ntry:\n    print('SAW', {expression})\nexcept Exception as e:\n    print('NO', type(e))")[2]


@pytest.mark.parametrize(
    "expression",
    [
        "[str(o)[:9999] for o in gc.get_objects() if isinstance(o, (str, dict, list)) and 'SECRET' + '_ORACLE' in str(o)]",
        "open(sys._getframe().f_code.co_filename).read()",
        "[str(f) for f in sys._current_frames().values()]",
        "os.environ.get('AUTOGRADER_SEED', 'NO') + '_SEED'",
    ],
)
def test_tests_are_not_in_the_learners_process(expression: str) -> None:
    shown = reveals(expression)
    assert "SECRET_ORACLE'" not in shown
    assert "squares an array" not in shown


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


HARM = {
    "endless loop": "while True: pass",
    "endless C loop": "'a' * 50 + str(sum(range(10**12)))",
    "memory": "x = []\nwhile True: x.append(bytearray(10**7))",
    "memory in one piece": "np.ones(10**10)",
    "forks and memory": "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        b = bytearray(300 * 2**20)\n        while True: pass\nwhile True: pass",  # noqa: E501
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "disk": "f = open('/tmp/a', 'wb')\nwhile True: f.write(b'x' * 2**20)",
    "output": "for i in range(10**6): print('x' * 100)",
    "recursion": "def r(): return r() + r()\nr()",
    "segfault": "import ctypes\nctypes.string_at(0)",
    "exit": "import os\nos._exit(0)",
    "stop": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP); os.abort()",
    "ignore signals": "import signal\nfor s in range(1, 31):\n    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\nwhile True: pass",  # noqa: E501
}


@pytest.mark.parametrize("attack", HARM, ids=str)
def test_harm_stays_with_its_author(attack: str) -> None:
    started = time.monotonic()
    marks, other, shown = score(HARM[attack])
    assert (marks, other) == (0, 1), shown
    assert time.monotonic() - started < 5 * LIMITS.cell_seconds
    assert len(shown) < 10 * LIMITS.output


def test_a_huge_or_hostile_result_is_a_failed_task() -> None:
    for body in ("return np.zeros(2**27)", "return [[]] * 10**6", "l = []; l.append(l); return l", "return iter(int, 1)"):
        assert score(f"def f(x):\n    {body}")[:2] == (0, 1)


def test_daemons_end_with_the_submission() -> None:
    marker = "sleeper-4711"
    score(f"""
        import subprocess, sys, os
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])
            os._exit(0)
        import threading, time
        threading.Thread(target=lambda: time.sleep(600)).start()
    """)  # fmt: skip
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes())
        except OSError:
            continue
    assert not any(marker.encode() in command for command in commands)


def test_hidden_data_does_not_come_out_with_a_later_task() -> None:
    source = "seen = []\ndef f(x):\n    seen.append(float(np.sum(x)))\n    return x * 0 + 4.0\n"
    later = "print('SEEN', seen)\ndef g():\n    print('SEEN', seen)\n    return 1"
    grade = grade_json(CASE, notebook(CASE, {"f": source, "g": later}))
    assert "SEEN []" in repr(grade.cells)
    assert "SEEN [2" not in repr(grade.cells)


LENIENT = """
check(f(2.0) == 4.0, "equal")
check(abs(f(2.0) - 4.0) < 1e-9, "near")
check(f(3.0) != 4.0, "unequal")
check(not (f(2.0) < 4.0 or f(2.0) > 4.0), "order")
assert f(3.0) in (9.0,)
"""


def test_an_object_that_agrees_with_everything_earns_nothing() -> None:
    agree = """
        class Agree:
            def __getattr__(self, name): return self
            def __call__(self, *a): return self
        for name in "eq ne lt le gt ge contains".split():
            setattr(Agree, f"__{name}__", lambda self, *a: True)
        for name in "add sub mul radd rsub rmul abs neg truediv".split():
            setattr(Agree, f"__{name}__", lambda self, *a: self)
        def f(x):
            return Agree()
    """
    case = assignment([("f", "def f(x):\n    return x**2", LENIENT)])
    assert engine().grade_sources(case, {"f": case.source("f")}).score == 1
    assert engine().grade_sources(case, {"f": __import__("textwrap").dedent(agree)}).score == 0
    for line in LENIENT.strip().splitlines():
        case = assignment([("f", "def f(x):\n    return x**2", line)])
        assert engine().grade_sources(case, {"f": __import__("textwrap").dedent(agree)}).score == 0, line


@pytest.mark.parametrize(
    "change",
    [
        "rng.bit_generator.state = np.random.default_rng(0).bit_generator.state",
        "s = rng.bit_generator.state; s['state']['state'] ^= 1 << 90; rng.bit_generator.state = s",
    ],
)
def test_the_tests_random_numbers_can_be_drawn_but_not_chosen(change: str) -> None:
    test = "rng = fresh_rng('f')\nf(rng)\ncheck(True, 'x')"
    case = assignment([("f", "def f(rng):\n    rng.normal(size=1000); rng.permutation(50); rng.integers(5, dtype='i4')", test)])
    assert engine().grade_sources(case, {"f": case.source("f")}).score == 1
    assert engine().grade_sources(case, {"f": f"def f(rng):\n    {change}"}).score == 0


def test_a_dribble_does_not_put_off_the_deadline() -> None:
    source = """
        import socket, time
        for fd in range(3, 64):
            try: s = socket.socket(fileno=fd)
            except OSError: continue
            while True:
                s.send(b"\\x01")
                time.sleep(0.2)
    """
    started = time.monotonic()
    assert score(source)[1] == 1
    assert time.monotonic() - started < 5 * LIMITS.cell_seconds
