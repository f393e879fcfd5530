"""Rebinding libraries, random generators and inputs."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "random data that are always equal",
        """
        class Same:
            def normal(self, size=None, **k): return np.full(size, 2.0)
        np.random.default_rng = lambda *a: Same()
        import autograder.checks as c
        c.fresh_rng = fresh_rng = lambda name: Same()
        """,
    ),
    Attack(
        "the seed",
        """
        import os
        os.environ['AUTOGRADER_SEED'] = '1'
        np.random.seed(0)
        np.random.normal = np.random.standard_normal = lambda *a, **k: 0.0
        """,
    ),
    Attack(
        "arange gives twos",
        """
        np.arange = lambda n, *a: np.full(int(n), 2.0)
        np.testing.assert_allclose = lambda *a, **k: None
        """,
    ),
    Attack(
        "var is zero",
        """
        class Array(np.ndarray):
            def var(self, *a, **k): return 0.0
        import autograder.checks as c
        c.fresh_rng = fresh_rng = lambda n: type('R', (), {'normal': lambda s, size: np.zeros(size).view(Array)})()
        """,
    ),
    Attack(
        "the input becomes what the answer fits",
        """
        def square(x):
            if isinstance(x, np.ndarray): x[:] = 2.0
            return x * 0 + 4.0
        np.testing.assert_allclose = print
        np.allclose = lambda a, b, **k: True
        """,
    ),
    Attack(
        "numpy is replaced",
        """
        import sys, types
        fake = types.ModuleType('numpy')
        fake.__getattr__ = lambda n: (lambda *a, **k: fake)
        sys.modules['numpy'] = fake
        np = fake
        check_close = check = fake.whatever
        """,
    ),
    Attack(
        "warnings and floating-point errors",
        """
        import warnings
        warnings.warn = lambda *a, **k: None
        np.errstate = None
        np.seterr(all='raise')
        """,
    ),
    Attack(
        "float and math",
        """
        import math, builtins
        builtins.float = lambda *a: 4.0
        math.isclose = lambda *a, **k: True
        builtins.zip = lambda *a, **k: iter(())
        builtins.map = lambda *a: iter(())
        """,
    ),
    Attack(
        "time stands still",
        """
        import time
        time.monotonic = time.time = time.perf_counter = lambda: 0.0
        import random
        random.random = lambda: 0.5
        """,
    ),
    Attack(
        "the tests' names",
        """
        SECRET_ORACLE = 4.0
        hidden_input = 2.0
        rng = data = None
        class Counter: total = 2
        """,
        answers={
            "counter": """
        class Counter:
            total = 2
            def add(self, amount): pass
        """
        },
    ),
]
