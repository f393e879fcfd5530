"""What a test can do with a learner's functions and objects although they live in another process."""

from __future__ import annotations

import pytest

from autograder.tests.engine_case import assignment, engine, grade_of, graded, passes

IDENTITY = "def f(x):\n    return x\n"



def test_values_cross_both_ways() -> None:
    passes(IDENTITY, """
        for value in [None, True, 2**90, 1.5, 1j, "é", b"x", [1, [2.0]], (1,), {"a": {1}}, frozenset([1]), slice(1, None), range(3), ...]:
            assert f(value) == value and type(f(value)) is type(value)
        for value in [np.float32(2), np.zeros(()), np.zeros((0, 3)), np.arange(6).reshape(2, 3).T, np.dtype("f4")]:
            assert type(f(value)) is type(value) and np.array_equal(f(value), value)
        assert f(torch.float16) is torch.float16 and f(np.float32) is np.float32 and f(torch.Size([1])) == (1,)
        x = np.arange(3)
        assert f(x) is x  # an argument that comes back is the same object
    """)  # fmt: skip


def test_layout_of_arguments_is_kept() -> None:
    passes("def f(x):\n    return x.flags.c_contiguous if hasattr(x, 'flags') else x.is_contiguous()", """
        check(not f(np.zeros((3, 4)).T) and not f(np.zeros((4, 4))[:, ::2]) and f(np.zeros((3, 4))), "layout")
        check(not f(torch.zeros(3, 4).t()) and f(torch.zeros(3, 4)), "layout of tensors")
    """)  # fmt: skip


def test_exceptions_keep_their_type() -> None:
    answer = """
        class Odd(ShapeError):
            pass
        def f(kind):
            raise {"value": ValueError("no"), "given": ShapeError("no"), "own": Odd("no"), "linalg": np.linalg.LinAlgError("no")}[kind]
    """
    passes(answer, """
        check_raises(ValueError, "value", f, "value")
        check_raises(ShapeError, "given", f, "given")
        check_raises(ShapeError, "subclass", f, "own")
        check_raises(np.linalg.LinAlgError, "linalg", f, "linalg")
        check_raises(KeyError, "key", f, "other")
    """, given="class ShapeError(Exception):\n    pass")  # fmt: skip


def test_a_value_that_cannot_cross_is_not_the_expected_error() -> None:
    grade = graded(
        "def f():\n    raise ValueError", "check_raises(ValueError, 'refuses', f)", submitted="import sys\ndef f():\n    return sys"
    )
    assert grade.score == 0


def test_declared_changes_arrive_in_the_tests_objects() -> None:
    answer = """
        def f(params, log):
            for p in params:
                p -= 1.0
            params[0] = params[0] * 10
            log["n"] = len(params)
    """
    passes(answer, """
        a, b, log = np.ones(2), np.full(2, 3.0), {}
        params = [a, b]
        f(params, log)
        check_close(a, [0.0, 0.0], "first changed in place")
        check(params[1] is b and params[0] is not a, "replaced in the list only")
        check_close(b, [2.0, 2.0], "second changed in place")
        check(log == {"n": 2}, "dict changed")
    """, inplace={"f": ["params", "log"]})  # fmt: skip


@pytest.mark.parametrize("change", ["x += 1", "x.sort()", "x[0] = 5"])
def test_undeclared_changes_fail(change: str) -> None:
    answer = "def f(x):\n    return float(x.sum())"
    grade = graded(answer, "f(np.array([2.0, 1.0]))", submitted=f"def f(x):\n    s = float(x.sum())\n    {change}\n    return s")
    assert (grade.status, grade.property) == ("failed", "inputs left unchanged")


def test_undeclared_change_of_a_tensor_or_list_fails() -> None:
    for argument, change in (("torch.ones(2)", "x.add_(1)"), ("[1, 2]", "x.append(3)"), ("{1: 2}", "x.clear()")):
        grade = graded("def f(x):\n    return 1", f"f({argument})", submitted=f"def f(x):\n    {change}\n    return 1")
        assert grade.property == "inputs left unchanged", argument


def test_optimizer_keeps_the_tests_parameters() -> None:
    answer = """
        class Sgd:
            def __init__(self, params, lr):
                self.params, self.lr = list(params), lr
            def step(self):
                with torch.no_grad():
                    for p in self.params:
                        p -= self.lr * p.grad
            def zero_grad(self):
                for p in self.params:
                    p.grad = None
    """
    test = """
        p = torch.tensor([1.0, 2.0], requires_grad=True)
        opt = Sgd([p], lr=0.5)
        for _ in range(2):
            opt.zero_grad()
            (p**2).sum().backward()
            opt.step()
        check_close(p, [0.0, 0.0], "converges")
        check(p.requires_grad, "still a leaf")
    """
    case = assignment([("f", answer, test)], inplace={"Sgd": ["params"]})
    grade = engine().grade_sources(case, {"f": case.source("f")}).tasks[0]
    assert grade.status == "passed", grade.message
    undeclared = assignment([("f", answer, test)])
    assert engine().grade_sources(undeclared, {"f": case.source("f")}).tasks[0].property == "inputs left unchanged"


def test_callbacks_into_the_test() -> None:
    passes("def f(g, x):\n    return [g(v) for v in x]", """
        seen = []
        def g(v):
            seen.append(v)
            return v + 1
        check(f(g, [1, 2]) == [2, 3] and seen == [1, 2], "callback")
        check(f(lambda v: f(lambda w: w * 2, [v]), [1, 2]) == [[2], [4]], "nested callbacks")
        check_close(f(np.exp, [0.0]), [1.0], "library functions")
        def bad(v):
            raise KeyError("k")
        check_raises(KeyError, "error of a callback", f, bad, [1])
    """)  # fmt: skip


def test_functions_and_generators_come_back_as_stand_ins() -> None:
    answer = """
        def f(n):
            def add(x):
                return x + n
            return add
        def count(start):
            while True:
                start = yield_or(start)
                yield start
        def yield_or(x):
            return x + 1
    """
    passes(answer, """
        check(f(3)(4) == 7, "closure")
        numbers = count(10)
        check([next(numbers) for _ in range(3)] == [11, 12, 13], "lazy generator")
        check([a for a, _ in zip(count(0), range(2))] == [1, 2], "iteration")
    """)  # fmt: skip


def test_all_that_a_generator_still_has_is_fetched_at_once() -> None:
    answer = """
        calls = []
        def count(end, fail=False):
            for i in range(end):
                calls.append(i)
                yield np.full(2, i)
            if fail:
                raise TypeError("no more")
        def reused(end):
            kept = np.zeros(1)
            for i in range(end):
                kept[0] = i
                yield kept
        def asked():
            return len(calls)
    """
    passes(answer, """
        check([x[0] for x in list(count(3))] == [0, 1, 2] and len(tuple(count(0))) == 0, "all of it")
        numbers = count(4)
        check(next(numbers)[0] == 0 and asked() == 4, "one at a time where one is asked for")
        check([x[1] for x in list(numbers)] == [1, 2, 3] and list(numbers) == [], "the rest, once")
        check_raises(TypeError, "what it raises is raised", list, count(2, True))
        check_raises(TypeError, "a generator has no length", len, count(2))
        check([x[0] for x in reused(2)] == [0, 1] and [x[0] for x in list(reused(2))] == [1, 1], "as in a notebook")
    """)  # fmt: skip


def test_classes_operators_and_declared_attributes() -> None:
    answer = """
        class Value:
            def __init__(self, data):
                self.data, self.secret = data, 1
            def __add__(self, other):
                return Value(self.data + getattr(other, "data", other))
            __radd__ = __add__
            def __len__(self):
                return 7
            def __getitem__(self, i):
                return i * 2
            def __enter__(self):
                return self
            def __exit__(self, *a):
                return None
            def twice(self, by=2):
                return self.data * by
            @property
            def half(self):
                return self.data / 2
    """
    passes(answer, """
        v = Value(3)
        check((v + Value(4)).data == 7 and (1 + v).data == 4, "operators")
        check(v.twice() == 6 and v.twice(by=3) == 9 and v.half == 1.5, "methods and properties")
        check(len(v) == 7 and v[4] == 8 and isinstance(v, Value), "protocols")
        with v as w:
            check(w.data == 3, "context manager")
    """, attributes={"Value": ["data", "half"]})  # fmt: skip
    refused = graded(answer, "check(Value(1).secret == 1, 'x')", attributes={"Value": ["data"]})
    assert refused.score == 0
    assert "not declared" in refused.message


def test_gradients_flow_through_a_call() -> None:
    passes("def f(x, w):\n    return (x * w).sum(), torch.relu(x)", """
        x = torch.tensor([1.0, -2.0], requires_grad=True)
        w = torch.tensor([3.0, 4.0], requires_grad=True)
        y, r = f(x * 2, w)
        (y * 2 + r.sum()).backward()
        check_close(x.grad, [14.0, 16.0], "gradient of a non-leaf argument")
        check_close(w.grad, [4.0, -8.0], "gradient of the second argument")
        (g,) = torch.autograd.grad(f(x, w)[0], x)
        check_close(g, [3.0, 4.0], "autograd.grad")
        with torch.no_grad():
            check(not f(x, w)[0].requires_grad, "no_grad crosses")
        check(not f(x.detach(), w.detach())[0].requires_grad, "no gradient where none is asked for")
        check(torch.autograd.gradcheck(lambda a: f(a, w.double())[0], x.double().detach().requires_grad_()), "gradcheck")
    """)  # fmt: skip


def test_gradients_flow_through_a_callback() -> None:
    passes("def f(loss, x):\n    x = x.clone().requires_grad_()\n    loss(x).backward()\n    return x.grad", """
        check_close(f(lambda z: (z**3).sum(), torch.tensor([1.0, 2.0])), [3.0, 12.0], "gradient of the test's function")
    """)  # fmt: skip


def test_probes_run_beside_the_learners_objects() -> None:
    answer = """
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(2, 1)
            def forward(self, x):
                return self.layer(x)
    """
    passes(answer, """
        net = Net()
        check(net(torch.zeros(5, 2)).shape == (5, 1), "forward")
        net(torch.ones(5, 2)).sum().backward()
        norm, names = probe_grad(net)
        check(norm > 0 and names == ["layer.bias", "layer.weight"], "probe")
    """, given="""
        def probe_grad(net):
            return float(net.layer.weight.grad.norm()), sorted(n for n, _ in net.named_parameters())
    """)  # fmt: skip


def test_given_classes_cross_as_data() -> None:
    passes("def f(step, kind):\n    return Step(step.obs + 1, step.done), Pair(1, kind), kind", """
        step, pair, kind = f(Step(np.zeros(2), False), Kind.B)
        check(isinstance(step, Step) and step.obs.tolist() == [1, 1], "dataclass")
        check(pair == Pair(1, Kind.B) and pair.left == 1 and kind is Kind.B, "named tuple and enum")
    """, given="""
        import enum
        from collections import namedtuple
        from dataclasses import dataclass
        Pair = namedtuple("Pair", "left right")
        class Kind(enum.Enum):
            A = 1
            B = 2
        @dataclass
        class Step:
            obs: np.ndarray
            done: bool
    """)  # fmt: skip


def test_values_defined_by_a_solution_cell() -> None:
    passes("answer, table = 42, {'a': np.arange(2)}", "check(answer == 42 and table['a'].tolist() == [0, 1], 'values')")


def test_seed_reaches_the_tests_only() -> None:
    case = assignment([("f", "import os\ndef f():\n    return os.environ.get('AUTOGRADER_SEED')",
                        "import os\ncheck(f() is None and os.environ['AUTOGRADER_SEED'] == '5', 'seed')")])  # fmt: skip
    assert engine().grade_sources(case, {"f": case.source("f")}, seed=5).tasks[0].status == "passed"


def test_what_is_shown_of_hidden_tests() -> None:
    test = """
        f(1)
        ### BEGIN HIDDEN TESTS
        secret = 123456
        f(secret)
        check(f(secret) == 7, "doubles its argument", hint="think")
        ### END HIDDEN TESTS
    """
    grade = grade_of("def f(x):\n    return x", test, submitted="def f(x):\n    print('got', x)\n    return x")
    task, outputs = grade.tasks[0], str(grade.cells["test_f"].outputs)
    assert (task.status, task.property, task.hint) == ("failed", "doubles its argument", "think")
    assert "got 1\\n" in outputs
    assert "123456" not in outputs
    assert "secret" not in outputs
    raised = grade_of("def f(x):\n    return x", test, submitted="def f(x):\n    if x > 1:\n        raise ValueError(f'{x}')")
    assert raised.tasks[0].status == "error"
    assert raised.tasks[0].learner_trace
    assert "123456" not in str(raised.cells["test_f"].outputs) + str(raised.tasks[0])


def test_what_learner_code_keeps_of_hidden_tests_is_not_shown_later() -> None:
    test = "{0}(1)\n### BEGIN HIDDEN TESTS\n{0}(123456)\n### END HIDDEN TESTS"
    case = assignment([(name, f"def {name}(x):\n    return x", test.format(name)) for name in ("f", "g")])
    keeping = "def f(x):\n    open('/tmp/kept', 'a').write(f'kept {x};')\n    return x\nf(0)"
    showing = "def g(x):\n    print('given', x, 'and', open('/tmp/kept').read())\n    return x"
    grade = engine().grade_sources(case, {"f": keeping, "g": showing})
    assert grade.score == 2
    assert "given 1 and kept 0;\n" in str(grade.cells["test_g"].outputs[0]["text"])
    assert "123456" not in str(grade.cells)


@pytest.mark.parametrize("asked", [1, 500])
def test_a_test_that_has_failed_ends_soon_and_of_itself(asked: int) -> None:
    test = f"for i in range({asked}):\n    f(i)\ncheck(f(1) == 2, 'two')\nfor i in range(10_000):\n    f(i)"
    case = assignment([("f", "def f(x):\n    return 2", test), ("g", "def g():\n    return 1", f"check({asked} < g() < 10_000, 'asked')")])
    counting = "calls = 0\ndef f(x):\n    global calls\n    calls += 1\n    return [[x] * 8] * 8"
    grade = engine().grade_sources(case, {"f": counting, "g": "def g():\n    return calls"})
    assert [(task.status, task.property) for task in grade.tasks] == [("failed", "two"), ("passed", None)]  # had it hung: 0 calls


def test_statuses() -> None:
    answer, test = "def f():\n    return 1", "check(f() == 1, 'one')"
    statuses = {
        "def f():\n    return 1": "passed",
        "def f():\n    return 2": "failed",
        "def f():\n    raise NotImplementedError": "not_attempted",
        "def f():\n    return 1 / 0": "error",
        "def f(:": "error",
        "pass": "error",
        "def f():\n    while True: pass": "timeout",
        "import os\ndef f():\n    os._exit(0)": "crashed",
    }
    assert {s: graded(answer, test, submitted=s).status for s in statuses} == statuses


def test_a_failed_task_does_not_sink_the_next() -> None:
    case = assignment([(n, f"def {n}():\n    return 1", f"check({n}() == 1, 'one')") for n in "abcd"])
    sources = {
        "a": "import os\nos._exit(1)",
        "b": "import os, signal\ndef b():\n    os.kill(os.getppid(), signal.SIGKILL)\n    os._exit(3)",
        "c": "def c():\n    while True: pass",
        "d": "def d():\n    return 1",
    }
    statuses = [task.status for task in engine().grade_sources(case, sources).tasks]
    assert statuses == ["crashed", "crashed", "timeout", "passed"]


LENIENT = """
check(f(2.0) == 4.0, "equal")
check(abs(f(2.0) - 4.0) < 1e-9, "near")
check(f(3.0) != 4.0, "unequal")
check(not (f(2.0) < 4.0 or f(2.0) > 4.0), "order")
assert f(3.0) in (9.0,)
"""


@pytest.mark.parametrize("line", [LENIENT, *LENIENT.strip().splitlines()])
def test_an_object_that_agrees_with_everything_earns_nothing(line: str) -> None:
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
    assert graded("def f(x):\n    return x**2", line).score == 1
    assert graded("def f(x):\n    return x**2", line, submitted=agree).score == 0


def test_a_change_that_reads_otherwise_the_second_time_is_none() -> None:
    """Where it is looked at whether an argument may change, it is said to be the generator; where the change is made, the input."""
    test = "x = fresh_rng('x').normal(size=4)\ny = f(x, fresh_rng('f'))\ncheck_close(y, 2 * x, 'twice')"
    fake = """
        import sys
        from autograder.engine import changes
        class Change:
            def __init__(self, *answers): self.answers = list(answers)
            def __iter__(self): return self
            def __next__(self):
                answer = self.answers.pop(0) if self.answers else StopIteration
                if answer is StopIteration: raise StopIteration
                return answer
        def f(x, rng):
            frame = sys._getframe()
            while frame.f_code.co_name != 'serve': frame = frame.f_back
            zeros, = changes.contents(frame.f_locals['self'].codec, [np.zeros(4)])
            told = changes.differences
            def differences(before, after):
                changes.differences = told
                return [Change(1, zeros, StopIteration, 0, zeros)]
            changes.differences = differences
            return np.zeros(4)
    """
    assert graded("def f(x, rng): return 2 * x", test).score == 1
    assert graded("def f(x, rng): return 2 * x", test, submitted=fake).score == 0


@pytest.mark.parametrize("test", ["check({1: True}[f(1)], 'one')", "assert f(1) == 1, f(1)", "check_close([f(1)], [1], 'one', hint='!')"])
def test_an_answer_that_can_not_be_written_down_is_no_failure_of_the_grader(test: str) -> None:
    assert graded("def f(x):\n    return 1", test, submitted="def f(x):\n    return 10**6000").status in ("failed", "error")


REPLY = """
import gc
def f(x):
    peer = next(o for o in gc.get_objects() if type(o).__name__ == 'LearnerPeer')
    say = peer.codec.dumps
    peer._respond = lambda *a: peer._send(b''.join([HEAD]))
"""
HEADS = [
    "b'A', say(5), say([]), say(())",
    "b'A', say(''), say(5), say(())",
    "b'A', say(''), say([5]), say(())",
    "b'A', say(''), say([(0, 'x')]), say(())",
    "b'A', say(''), say([]), say(5)",
    "b'A', say(''), say([]), say(([],))",
    "b'A', say(''), say([]), say(()), say('x'), say([1]), say(1)",
    "b'A', say(''), say([]), say(()), say(1), say([None]), say(1)",
    "b'E', say(''), say([]), say(()), say(5)",
    "b'E', say(''), say([]), say(()), say((5, 5, 5))",
    "b''",
    "b'X'",
]


@pytest.mark.parametrize("head", HEADS)
def test_a_reply_of_another_form_is_not_the_expected_error(head: str) -> None:
    answer = "def f(x):\n    raise [TypeError, ValueError, IndexError][x[0]]"
    test = "check_raises((TypeError, ValueError, AttributeError, IndexError), 'refuses', f, [1])"
    assert graded(answer, test).score == 1
    assert graded(answer, test, submitted=REPLY.replace("HEAD", head)).score == 0


def test_cells_are_compiled_as_in_a_notebook() -> None:
    annotated = "def f(x: int):\n    return f.__annotations__['x'] is int"
    passes(annotated, "check(f(1), 'an annotation is a value')\ndef g(x: int): pass\ncheck(g.__annotations__['x'] is int, 'here too')")
    assert graded(annotated, "f(1)", submitted="def f(x: Missing):\n    return True").score == 0


def test_an_object_is_allowed_nothing_by_the_name_of_a_function() -> None:
    answer = "def f(params):\n    params[0] = 0\ndef g():\n    return lambda x: 2 * x"
    test = "x, h = np.ones(3), g()\ncheck_close(h(x), 2 * x, 'doubled')"
    named = "class f:\n    def __call__(self, x):\n        x[:] = 0\n        return np.zeros(3)\ndef g():\n    return f()"
    assert graded(answer, test, inplace={"f": ["params"]}).score == 1
    assert graded(answer, test, submitted=named, inplace={"f": ["params"]}).property == "inputs left unchanged"
