"""The fuzzer of the line between the two processes: a learner's end that damages, swaps, repeats and invents what it sends.

A case is its number. The tests' end is the real one, in a process of its own that the kernel watches as in grading, so that a crash is
a finding and not the end. Run as `python -m autograder.attacks.conversation FIRST COUNT`; it prints what should not have happened.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from autograder.engine import namespaces
from autograder.engine.codec import UNSIGNED
from autograder.engine.codec_plain import PLAIN
from autograder.engine.ends import LearnerGone
from autograder.engine.learner import LearnerPeer, LearnerSession
from autograder.engine.settings import Settings
from autograder.engine.tester import TestSession
from autograder.engine.wire import Channel, Closed

SECONDS = 10  # for one conversation, which takes milliseconds
MEMORY = 512 * 1024 * 1024
GIVEN = """
import enum
from collections import namedtuple
from dataclasses import dataclass
import numpy as np
import torch
from autograder.checks import check, check_close, check_raises, fresh_rng
Pair = namedtuple("Pair", "left right")
class Kind(enum.Enum):
    A = 1
@dataclass
class Step:
    seen: object
    done: bool
class Bench:
    def __init__(self):
        self.steps = 0
    def step(self, by):
        self.steps += by
        return self.steps
def probe_two(x):
    return x, [x, x]
"""
ANSWER = """
class Box:
    def __init__(self, data): self.data = data
    def __add__(self, other): return Box(self.data)
    def __len__(self): return 3
    def __getitem__(self, i):
        if i > 2: raise IndexError
        return self.data
    def __enter__(self): return self
    def __exit__(self, *a): return None
def f(*args, **kwargs): return args[0] if args else kwargs
def g(*args):
    for arg in args: yield arg
def h(call, *args): return [call(arg) for arg in args]
def change(x, log):
    x += 1
    log["n"] = [x]
    return None
def draw(rng, gen): return rng.random(3), torch.rand(3, generator=gen)
def loss(x, w): return (x * w).sum(), torch.relu(x)
def learn(loss, x):
    x = x.clone().requires_grad_()
    loss(x).backward()
    return x.grad
value = {"a": np.arange(3)}
"""
# What a right answer would be is drawn after the answer has been given, so no frame can hold it.
LAST = "\ncheck(f(1) == float(np.random.default_rng().random()), 'never')"
TESTS = [
    "x = np.arange(6.0).reshape(2, 3)\nfor v in (1, 2.5, 'text', [x, {'k': x}], (x.T, None), {1, 2}, x, torch.ones(2)): f(v)\n"
    "float(np.sum(f(x)))",
    "x, log = np.ones(3), {}\nfor _ in range(3): change(x, log)\ncheck_close(x, np.full(3, 4.0), 'added')\nprint(log)",
    "for n in (2, 3): print([i for i in g(*range(n))], list(g(1, 2, np.ones(2))), next(g(1)))",
    "b = Box(np.ones(2))\nprint(len(b), b[1], (b + 1).data, [i for i in b], isinstance(b, Box))\nwith b as c: print(c.data)",
    "b = Bench()\nprint(h(lambda v: v + 1, 1, 2), h(b.step, 3), f(b), h(np.exp, 1.0), h(lambda v: Step(v, True), 1))",
    "x, w = torch.ones(3, requires_grad=True), torch.full((3,), 2.0, requires_grad=True)\na, b = loss(x * 2, w)\n(a + b.sum()).backward()\n"
    "print(x.grad, w.grad)\nprint(learn(lambda z: (z * w).sum(), torch.ones(3)))",
    "rng, gen = fresh_rng('f'), torch.Generator().manual_seed(1)\nprint(draw(rng, gen), rng.normal(), torch.randn(3, generator=gen))",
    "print(f(Step(np.ones(2), True)), f(Pair(1, Kind.A)), f(Kind.A), f(np.float32), f(torch.float16), f(np.dtype('f4')), probe_two([1]))",
    "check_raises(ValueError, 'raises', h, f, 1)",
    "check_close(f(np.ones((2, 2))), np.ones((2, 2)), 'same', hint='!')\n"
    "check_close(value['a'], np.arange(3), 'value')\nprint(sum(f([1, 2])), max(f([3.0])))",
    "d = {f(1): 2, 'b': f('x')}\nprint(sorted(map(str, d)), f(x=3), f'{f(2)}', d[f(1)])\nassert f([1]) == [1], f([2])",
]
RULES = {
    "inplace": {"change": ["x", "log"]}, "attributes": {"Box": ["data"]}, "parameters": {"change": ["x", "log"]},
    "methods": {"Box": ["__init__", "__add__", "__len__"]}, "open": [],
}  # fmt: skip
TAGS = b"NTFicsfIbBvltdSZ:r.RKOhHkeuoaAnygpxGYVzm"


class Liar(LearnerPeer):
    """A learner's end that keeps to the protocol only most of the time."""

    def lie(self, rng: random.Random, share: float) -> None:
        self.rng, self.share, self.sent = rng, share, list[bytes]()

    def _send(self, frame: bytes | bytearray) -> None:
        self.sent.append(bytes(frame))
        if self.rng.random() < self.share:
            for lie in self.rng.choice((self.damaged, self.spliced, self.invented, self.repeated, self.asked))(bytes(frame)):
                super()._send(lie)
            return
        super()._send(frame)

    def damaged(self, frame: bytes) -> Iterator[bytes]:
        """Other bytes in some places, a part left out or put in twice."""
        part, rng = bytearray(frame), self.rng
        for _ in range(rng.randint(1, 4)):
            place, width = rng.randrange(len(part) or 1), rng.choice((1, 1, 2, 4, 9))
            kind = rng.randrange(5)
            if kind == 0:
                part[place : place + width] = rng.randbytes(width)
            elif kind == 1:
                part[place : place + 1] = bytes([rng.choice(TAGS)])
            elif kind == 2:
                del part[place : place + width]
            elif kind == 3:
                part[place:place] = part[place : place + width] * rng.randint(1, 3)
            else:
                part[place : place + 4] = UNSIGNED.pack(rng.choice((0, 1, 2, 3, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1)))
        yield bytes(part)

    def spliced(self, frame: bytes) -> Iterator[bytes]:
        """The beginning of one frame and the end of another."""
        other = self.rng.choice(self.sent)
        yield frame[: self.rng.randrange(len(frame) + 1)] + other[self.rng.randrange(len(other) + 1) :]

    def repeated(self, frame: bytes) -> Iterator[bytes]:
        """A frame of before, in place of this one or besides."""
        yield self.rng.choice(self.sent)
        if self.rng.random() < 0.5:
            yield frame

    def invented(self, frame: bytes) -> Iterator[bytes]:
        """A reply whose every part is of the right form and holds anything."""
        rng, said = self.rng, self.codec.dumps
        changed = [(rng.randrange(4), b"" + self.anything(3)) for _ in range(rng.choice((0, 0, 1, 2)))]
        retain = tuple(rng.randrange(5) for _ in range(rng.choice((0, 0, 1))))
        head = said("printed\n" * rng.choice((0, 1))) + said(changed) + said(retain)
        if rng.random() < 0.2:
            names = [rng.choice(("ValueError", "StopIteration", "KeyboardInterrupt", "CheckFailed", "Own", "OSError", "ExceptionGroup"))]
            yield b"E" + bytes(head) + bytes(said((names, (1, "x"), "f, line 1: x")))
            return
        tensors = [torch.ones(rng.choice((1, 3))) for _ in range(rng.choice((0, 0, 1, 2)))]
        yield b"A" + bytes(head + said(rng.randrange(9)) + said(tensors)) + self.anything(4)

    def asked(self, frame: bytes) -> Iterator[bytes]:
        """A call that nobody waits for."""
        rng = self.rng
        op = rng.choice(("call", "get", "op", "vjp", "value", "none"))
        name = rng.choice((None, "step", "steps", "iter", "next", "__class__"))
        head = self.codec.dumps((op, rng.choice((0, 1, 2, 3, "exec", "f", None)), name, rng.random() < 0.5, (rng.randrange(4),)))
        yield b"C" + bytes(head + self.codec.dumps(None) + UNSIGNED.pack(1) + UNSIGNED.pack(0)) + self.anything(3)
        if rng.random() < 0.7:
            yield frame

    def anything(self, depth: int) -> bytes:
        """A value as the other end may read it: of every tag there is, most of them sound."""
        rng = self.rng
        count = rng.choice((0, 1, 2, 3))
        kind = rng.choice("lltdSZonumKRHhOHek:r") if depth else rng.choice("NTFicsfIbBKROk")
        if kind in "ltSZ":
            return kind.encode() + UNSIGNED.pack(count) + b"".join(self.anything(depth - 1) for _ in range(count))
        if kind == "d":
            return b"d" + UNSIGNED.pack(count) + b"".join(self.anything(0) + self.anything(depth - 1) for _ in range(count))
        if kind == "o":
            fields = b"d" + UNSIGNED.pack(1) + b"s" + _text(rng.choice((b"seen", b"done", b"odd"))) + self.anything(depth - 1)
            return b"o" + _text(rng.choice((b"Step", b"Bench", b"Pair"))) + fields
        if kind == "u":
            return b"u" + _text(b"Pair") + b"t" + UNSIGNED.pack(2) + self.anything(depth - 1) + self.anything(depth - 1)
        if kind in "KRHO":
            return kind.encode() + UNSIGNED.pack(rng.randrange(4))
        if kind == "h":
            names = rng.choice((["generator"], ["Box"], ["Bench"], ["function"], ["ndarray"], ["Box", "Sgd"], []))
            return b"h" + UNSIGNED.pack(rng.randrange(6)) + bytes(PLAIN.dumps((names, rng.random() < 0.2, rng.random() < 0.5)))
        if kind in "ek":
            named = _text(rng.choice((b"Kind", b"Step", b"float", b"numpy.float32")))
            return kind.encode() + named + (b"s" + _text(b"A") if kind == "e" else b"")
        if kind in ":r":
            return kind.encode() + b"".join(self.anything(0) for _ in range(3))
        return bytes(self.codec.dumps(rng.choice(self.values())))

    def values(self) -> list[Any]:
        rng = self.rng
        dtypes = ("f8", "f4", "i8", "?", "c16", "M8[s]", "U3", "f2", "u1")
        arrays = [np.ones(rng.choice(((), (0,), (3,), (2, 3))), rng.choice(dtypes)) for _ in range(2)]
        arrays += [np.arange(12.0).reshape(3, 4)[::-1, ::2], np.broadcast_to(np.ones(2), (3, 2)), np.zeros(2, [("a", "f8"), ("b", "?")])]
        odd = (torch.float16, torch.bfloat16, torch.bool, torch.complex64, torch.int8)
        tensors = [torch.ones(3, dtype=rng.choice(odd)), torch.ones(2, 3).T]
        tensors += [torch.nn.Parameter(torch.ones(2)), torch.ones(3, requires_grad=True), torch.ones(0, 1 << 30)]
        plain = [None, True, 1, -1, 1 << 70, 10**5000, 1.5, float("nan"), -0.0, "x" * 70, "\ud800", b"x", 1j, slice(1), ...]
        generators = [np.random.default_rng(1), np.random.Generator(np.random.MT19937(1)), torch.Generator()]
        return [*arrays, *tensors, *plain, *generators, range(1 << 20), np.float32(1)]


def _text(word: bytes) -> bytes:
    return UNSIGNED.pack(len(word)) + word


def converse(number: int) -> str:
    """Hold one conversation; the status that its test got."""
    rng = random.Random(number)
    ours, theirs = socket.socketpair()
    session = TestSession(4096, 0)
    sys.stdout = session.capture.stream("stdout")
    session.give("setup", GIVEN)
    session.expect(["f", "g", "h", "change", "draw", "loss", "learn", "Box"], ["value"])
    source = rng.choice(TESTS) + LAST
    code = marshal.dumps(compile(source, "<test_f>", "exec"))
    order = {"id": "test_f", "hidden": [], "rules": RULES, "uses": ["value"], "source": source, "code": code}
    order["observe"] = rng.choice(("", "failures"))
    lying = threading.Thread(target=_lie, args=(theirs, rng), daemon=True)
    lying.start()
    verdict = session.test(order, Channel(ours))
    PLAIN.dumps(verdict)
    lying.join(SECONDS)
    return str(verdict["status"]) if verdict["status"] != "passed" else "passed, which it can't"


def _lie(sock: socket.socket, rng: random.Random) -> None:
    """The learner's end, in a thread: it has the same interpreter, which makes a conversation take a millisecond."""
    learner = LearnerSession.__new__(LearnerSession)
    learner.namespace, learner.given, learner.capture = {}, {}, TestSession(4096, 0).capture
    exec(GIVEN + ANSWER, learner.namespace)
    learner.given = {name: learner.namespace[name] for name in ("Pair", "Kind", "Step", "Bench", "probe_two")}
    for kind in ("Pair", "Kind", "Step", "Bench"):
        learner.namespace[kind].__module__ = "__main__"
    peer = Liar(Channel(sock), learner)
    peer.lie(rng, rng.choice((0.1, 0.3, 0.6)))
    with contextlib.suppress(Closed, LearnerGone, Exception):
        peer.channel.deadline = time.monotonic() + SECONDS
        while True:
            peer.serve(peer.channel.receive())
    sock.close()


def fuzz(first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Hold conversations in a process that may crash; what they came to, and what should not have happened."""
    outcomes, failures = Counter[str](), list[str]()
    number = first
    while number < first + count:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _work(writing, number, first + count)
        os.close(writing)
        last, said = number - 1, b""
        with os.fdopen(reading, "rb") as lines:
            for said in lines:
                told, _, outcome = said.decode().strip().partition(" ")
                last = int(told)
                outcomes[outcome.split(":")[0]] += 1
                if ":" in outcome or outcome.startswith("passed"):
                    failures.append(f"case {last}: {outcome}")
        _, status = os.waitpid(pid, 0)
        if status:
            failures.append(f"case {last + 1}: ended the process, {os.waitstatus_to_exitcode(status)}")
        number = last + 1 + bool(status)
    return outcomes, failures


def _work(out: int, first: int, end: int) -> None:
    namespaces.limit_memory(MEMORY)
    settings = Settings()
    for number in range(first, end):
        signal.alarm(2 * SECONDS)
        settings.restore()
        began = time.monotonic()
        try:
            outcome = converse(number)
        except BaseException as error:
            outcome = f"raised: {type(error).__name__} {error} {traceback.format_exc()[-300:]!r}"
        if time.monotonic() - began > SECONDS:
            outcome = f"slow: {time.monotonic() - began:.1f} s"
        os.write(out, f"{number} {outcome}".replace("\n", " ").encode("utf-8", "replace") + b"\n")
    os._exit(0)


if __name__ == "__main__":
    begun = time.process_time()
    found, wrong = fuzz(int(sys.argv[1]), int(sys.argv[2]))
    print(dict(found.most_common()))
    print("\n".join(wrong) or "nothing that should not have happened")
