"""Tampering with assertion helpers."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "numpy.testing does nothing",
        """
        np.testing.assert_allclose = lambda *a, **k: None
        import autograder.checks as c
        c.check_close = check_close = lambda *a, **k: None
        """,
    ),
    Attack(
        "numpy.testing's internals",
        """
        import numpy.testing._private.utils as u
        u.assert_array_compare = lambda *a, **k: None
        check_close = print
        """,
    ),
    Attack(
        "the course's checks",
        """
        import autograder.checks as c
        c.check_close = c.check = lambda *a, **k: None
        check_close = check = c.check
        np.testing.assert_allclose = check
        """,
    ),
    Attack(
        "the code of a check",
        """
        check_close.__code__ = (lambda *a, **k: None).__code__
        check.__code__ = check_close.__code__
        check.__kwdefaults__ = check_close.__kwdefaults__ = None
        """,
    ),
    Attack("names of the checks", "check_close = check = lambda *a, **k: None"),
    Attack(
        "allclose agrees",
        """
        np.allclose = lambda *a, **k: True
        np.array_equal = np.allclose
        np.testing.assert_allclose = np.allclose
        """,
    ),
    Attack(
        "CheckFailed is harmless",
        """
        import autograder.checks as c
        class Quiet:
            pass
        c.CheckFailed = lambda *a, **k: SystemExit(0)
        """,
    ),
    Attack(
        "abs and isinstance",
        """
        import builtins
        builtins.abs = lambda x: 0
        builtins.isinstance = lambda *a: True
        builtins.bool = lambda x: True
        builtins.AssertionError = KeyError
        """,
        expected=0.0,  # its own later cells run no more
    ),
    Attack(
        "numpy's comparison",
        """
        np.isclose = lambda *a, **k: np.True_
        np.testing.assert_allclose = np.isclose
        np.all = np.any = np.isclose
        np.allclose = np.isclose
        """,
    ),
    Attack(
        "engine's verdict",
        """
        import autograder.engine.verdict as v
        v.judge = lambda *a: {'status': 'passed'}
        import autograder.engine.feedback as f
        f.task_grades = None
        """,
    ),
]
