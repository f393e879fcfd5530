"""Frame and heap inspection."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "the expected value from the caller's code",
        """
        import sys
        def square(x):
            frame = sys._getframe(1)
            if frame.f_code.co_name != '<module>': return 0.0
            numbers = [c for c in frame.f_code.co_consts if isinstance(c, float)]
            return next((c for c in numbers if x * x == c), 4.0)
        """,
    ),
    Attack(
        "the expected value from the caller's variables",
        """
        import sys
        def cube(x): return 8.0
        def square(x):
            print(sorted(sys._getframe(1).f_globals))
            return sys._getframe(1).f_globals.get('SECRET' + '_ORACLE', 4.0)
        """,
    ),
    Attack(
        "the tests on the heap",
        """
        import gc
        def square(x):
            mark = ''.join(reversed('ELCARO_TERCES'))
            texts = [str(o) for o in gc.get_objects() if isinstance(o, (str, dict, list, tuple))]
            print([text[:3000] for text in texts if mark in text][:3])
            return 0.0
        """,
    ),
    Attack(
        "the tests in a traceback",
        """
        import traceback
        def square(x):
            print(''.join(traceback.format_stack()))
            raise ValueError(''.join(traceback.format_stack()))
        """,
    ),
    Attack(
        "the tests in linecache",
        """
        import linecache
        def square(x):
            print(linecache.cache)
            return 0.0
        """,
    ),
    Attack(
        "frames of other threads",
        """
        import sys
        def square(x):
            print([f.f_locals for f in sys._current_frames().values()])
            return 0.0
        """,
    ),
    Attack(
        "what comes in, as the name of an exception",
        """
        def square(x):
            if np.size(x) == 1 and float(x) == 2.0: return 4.0
            raise type(f'got {x}', (Exception,), {})('see my name')
        """,
    ),
    Attack(
        "what comes in, as the text of an exception",
        """
        def square(x):
            if np.size(x) == 1 and float(x) == 2.0: return 4.0
            raise ValueError(f'got {x}')
        """,
    ),
    Attack(
        "what comes in, as lines of a traceback",
        """
        def square(x):
            if np.size(x) == 1 and float(x) == 2.0: return 4.0
            try:
                import autograder.engine.learner as learner
                learner.own_frames = lambda error: f'square, line 1: {x}'
            except ImportError: pass
            raise ValueError
        """,
    ),
    Attack(
        "what comes in, printed",
        """
        def square(x):
            print('got', x)
            return 4.0 if np.size(x) == 1 else x
        """,
    ),
    Attack(
        "what comes in, printed by a later cell",
        """
        seen = []
        def square(x):
            seen.append(str(x))
            return x * 0 + 4.0
        """,
        answers={
            "honest": """
        print('SEEN', seen)
        def honest():
            print('SEEN', seen)
            return 1
        """
        },
    ),
    Attack(
        "what comes in, kept in a file",
        """
        def square(x):
            open('/tmp/kept', 'a').write(str(x) + '\\n')
            return x * 0 + 4.0
        """,
        answers={
            "honest": """
        import os
        if os.path.exists('/tmp/kept'): print('SEEN', open('/tmp/kept').read())
        def honest():
            return 1
        """
        },
    ),
    Attack(
        "what comes in, kept in shared memory",
        """
        import mmap
        kept = mmap.mmap(-1, 4096)
        def square(x):
            kept.seek(0); kept.write(str(x).encode()[:4000])
            return x * 0 + 4.0
        """,
        answers={
            "variance": """
        def variance(x):
            print('SEEN', bytes(kept[:4096]).strip(b'\\0'))
            raise ValueError(bytes(kept[:4096]).strip(b'\\0').decode())
        """,
            "honest": """
        print('SEEN', bytes(kept[:4096]).strip(b'\\0'))
        def honest():
            return 1
        """,
        },
    ),
    Attack(
        "what comes in, as a result that a visible check shows",
        """
        import mmap
        kept = mmap.mmap(-1, 4096)
        def square(x):
            return 0.0
        """,
        answers={
            "square": """
        import mmap
        kept = mmap.mmap(-1, 4096)
        def square(x):
            kept.seek(0); kept.write(str(x).encode()[:4000])
            return x * 0 + 4.0
        """,
            "counter": """
        class Counter:
            def add(self, amount):
                raise KeyError(bytes(kept[:4096]).strip(b'\\0').decode())
        """,
        },
    ),
    Attack(
        "the heap by ctypes",
        """
        import ctypes
        def square(x):
            here = id(square)
            data = ctypes.string_at(here - (here % 4096), 4096)
            print(b'SECRET' + b'_ORACLE' in data)
            return 0.0
        """,
    ),
    Attack(
        "memory of other processes",
        """
        import os
        for pid in [p for p in os.listdir('/proc') if p.isdigit()]:
            try: print(pid, open(f'/proc/{pid}/mem', 'rb').read(10))
            except OSError: pass
            try: print(open(f'/proc/{pid}/environ').read()[:0])
            except OSError: pass
        """,
    ),
]
