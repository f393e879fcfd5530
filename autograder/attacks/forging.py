"""Forged results and output."""

from autograder.attacks import Attack

ALWAYS = """
class Agree:
    def __getattr__(self, name): return self
    def __call__(self, *a): return self
for name in "eq ne lt le gt ge contains bool".split():
    setattr(Agree, f"__{name}__", lambda self, *a: True)
Agree.__ne__ = lambda self, *a: False
for name in "add sub mul radd rsub rmul abs neg truediv".split():
    setattr(Agree, f"__{name}__", lambda self, *a: self)
def square(x): return Agree()
def cube(x): return Agree()
"""

# The line on which the grader is told what became of a cell: it is read by the grader itself.
TELL = """
import os, struct, sys
def tell(*frames):
    frame = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == 'main' and 'channel' in frame.f_locals): frame = frame.f_back
    if frame is not None:
        for sent in frames: frame.f_locals['channel'].send(sent)
        os._exit(0)
def number(value): return b'I' + struct.pack('<I', 4096) + value.to_bytes(4096, 'little')
def text(value): return b's' + struct.pack('<I', len(value)) + value
"""

ATTACKS = [
    Attack(
        "a number without end, told to the grader",
        TELL + """
told = text(b'outputs') + b'l' + bytes(4) + text(b'failure') + b't' + struct.pack('<I', 3) + number(7**3000) + text(b'') * 2
tell(b'd' + struct.pack('<I', 2) + told)
""",
    ),
    Attack(
        "keys that collide, told to the grader",
        TELL + """
keys = ((k * (2**61 - 1)).to_bytes(11, 'little') for k in range(1, 60_000))
told = b''.join(b'I' + struct.pack('<I', 11) + key + b'N' for key in keys)
tell(b'd' + struct.pack('<I', 59_999) + told)
""",
    ),
    Attack("an object that agrees with everything", answers={"cube": ALWAYS}),
    Attack(
        "a float that equals everything",
        answers={
            "cube": """
        class F(float):
            def __eq__(self, o): return True
            def __ne__(self, o): return False
            def __sub__(self, o): return F(0)
            def __abs__(self): return F(0)
            def __lt__(self, o): return True
        def cube(x): return F(0)
        """
        },
    ),
    Attack(
        "an integer that equals everything",
        answers={
            "cube": """
        class I(int):
            def __eq__(self, o): return True
            def __ne__(self, o): return False
            def __sub__(self, o): return 0
            __hash__ = int.__hash__
        def cube(x): return I(8)
        """
        },
    ),
    Attack(
        "an array that equals everything",
        """
        class A(np.ndarray):
            def __array_function__(self, *a): return True
            def __array_ufunc__(self, *a, **k): return np.True_
        def square(x):
            return np.zeros(np.shape(x)).view(A)
        """,
    ),
    Attack(
        "an attribute that equals everything",
        answers={
            "counter": """
        class Yes:
            def __eq__(self, o): return True
        class Counter:
            total = Yes()
            def add(self, amount): pass
        """
        },
    ),
    Attack(
        "an undeclared attribute",
        answers={
            "counter": """
        class Counter:
            def __getattr__(self, name): return 2
            def __getattribute__(self, name): return 733.25 if name == 'total' and False else object.__getattribute__(self, name)
            total = property(lambda self: type('Y', (), {'__eq__': lambda s, o: True})())
            def add(self, a): pass
        """
        },
    ),
    Attack(
        "early end of a map",
        answers={
            "cube": """
        calls = []
        def cube(x):
            calls.append(x)
            if x in (4.0, 5.0): raise StopIteration
            return 0.0
        """
        },
    ),
    Attack(
        "a cube right but for the last loop, which it ends early",
        answers={
            "cube": """
        def cube(x):
            if x in (4.0, 5.0): raise StopIteration
            return {2.0: 8.0, 3.0: 27.0}.get(x, x ** 3 if x > 700 else 0.0)
        """
        },
    ),
    Attack(
        "printed scores",
        """
        print('9.0'); print('{"score": 9}')
        try: display({'score': 9})
        except Exception: pass
        def square(x):
            print('passed 3/3')
            return 0.0
        """,
    ),
    Attack(
        "answers sent for the tests",
        """
        import socket
        try:
            from autograder.engine.codec_plain import PLAIN
            from autograder.engine.wire import Channel
            good = dict.fromkeys(['property', 'hint', 'trace', 'open', 'failure'])
            good |= {'status': 'passed', 'message': '', 'printed': '', 'outputs': []}
            for fd in range(3, 64):
                try: Channel(socket.socket(fileno=fd)).send(PLAIN.dumps(good))
                except OSError: pass
        except ImportError: pass
        """,
        expected=0.0,  # it closes the channel of its own later cells
    ),
    Attack(
        "changes of arguments that were not asked for",
        """
        def square(x):
            import gc
            for peer in [o for o in gc.get_objects() if type(o).__name__ == 'LearnerPeer']:
                head = peer.codec.dumps(None) + peer.codec.dumps([(0, b'f' + bytes(8)), (7, None)]) + peer.codec.dumps(())
                peer._respond = lambda *a: peer._send(b'A' + head + peer.codec.dumps(0) + peer.codec.dumps([]) + b'f' + bytes(8))
            return 0.0
        """,
    ),
    Attack(
        "calls back into the tests' process",
        """
        def square(x):
            import gc
            for peer in [o for o in gc.get_objects() if type(o).__name__ == 'LearnerPeer']:
                for op in ('call', 'get', 'op', 'vjp', 'value'):
                    for target in (0, 1, 2, 'exec', 'exit', 'check_close'):
                        for name in (None, '__init__', '__class__', 'setitem'):
                            try: peer.request(op, target, name, ('raise SystemExit',), {})
                            except Exception: pass
            return 0
        """,
    ),
    Attack(
        "class names of another class",
        """
        def square(x):
            members = {'__float__': lambda s: 4.0, '__eq__': lambda s, o: True, '__array__': lambda s, *a, **k: np.array(4.0)}
            return type('float', (), members)()
        """,
    ),
    Attack(
        "a function by name",
        answers={
            "cube": """
        cube = lambda x: eval
        """
        },
    ),
    Attack(
        "Booleans that are neither",
        """
        def square(x):
            return np.frombuffer(bytes([2]) * max(np.size(x), 1), bool).reshape(np.shape(x))
        """,
    ),
    Attack(
        "a generator that never ends",
        """
        def square(x):
            return iter(int, 1)
        """,
    ),
    Attack(
        "a container of itself",
        """
        def square(x):
            box = []
            box.append(box)
            return box
        """,
    ),
    Attack("an output that looks like the grader's", "raise type('CheckPassed', (BaseException,), {})"),
]
