"""Calls between the learner's process and the tests' process.

A call frame is: what to do, contents of the objects the other end still holds, the arguments. A reply frame is: which mutable
objects changed and to what, the tensors whose graph stays behind, the result. Either end may call while it waits for a reply, so
callbacks work. `Peer` is symmetric; what each end permits is in its subclasses (`learner.LearnerPeer`, `tester.TestPeer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from autograder.engine import changes
from autograder.engine.codec import CodecError, Decoder, Encoder
from autograder.engine.codec_plain import PLAIN
from autograder.engine.gradients import RemoteGraph, differentiable, local_vjp
from autograder.engine.remote import OPERATORS, Remote, RemoteMethod
from autograder.engine.values import KNOWN_EXCEPTIONS, Crossing, peer_codec
from autograder.engine.wire import Channel, Closed, FrameTooLarge

MAX_NESTED_CALLS = 40
MAX_MESSAGE = 2000
MAX_NAME = 100


@dataclass
class _Retained:
    """The caller's copies of the arguments that an object of the other end keeps, and by which call and parameter each was passed.

    `sent` is what they held when the other end was last told, None if what it has may be something else by now.
    """

    table: list[Any]
    labels: list[tuple[Any, str]]
    sent: tuple[bytes | None, ...] | None = None


@dataclass
class _Held:
    """The other end's copies. `seen` is what they held after the last call."""

    table: list[Any]
    seen: list[bytes | None]


class LearnerGone(BaseException):
    """The learner's process ended, or sent something that is no frame."""


class Peer:
    """One end of the conversation."""

    names_functions = False  # whether this end may name functions of known libraries for the other to use
    accepts_names = False  # whether this end looks up functions that the other names

    def __init__(self, channel: Channel, given: dict[str, Any]) -> None:
        self.channel, self.given = channel, given
        self.codec = peer_codec(self.accepts_names)
        self.exports: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self.counter = 0
        # Objects of the other end (by number) may keep the arguments they were made with: an optimizer its parameters.
        # Here are this end's copies, and the call and parameter by which each was passed. The other end has its own in `held`.
        self.retained: dict[int, _Retained] = {}
        self.held: dict[int, _Held] = {}
        self.releases: list[int] = []
        self.depth = 0

    def lookup(self, name: str) -> Any:
        raise CodecError("names can't be looked up here")

    def permits(self, op: str, target: Any, name: str | None) -> bool:
        return True

    def attribute(self, remote: Remote, name: str) -> Any:
        return RemoteMethod(remote, name)

    def operator(self, remote: Remote, name: str) -> None:
        """Called before an operator crosses; raises where it may not."""

    def may_change(self, label: Any, parameter: str) -> bool:
        return True

    def refuse_change(self, label: Any, parameter: str) -> None:
        """Called when an argument changed that was not to change."""

    def printed(self, text: str) -> None:
        """Called with what the other end printed while it worked on a call."""

    def take_printed(self) -> str:
        return ""

    def refused(self, error: BaseException) -> None:
        """Called when a call of the other end could not be read, or was not allowed."""

    def describe(self, error: BaseException) -> str:
        """The learner's own lines of a traceback, for feedback."""
        return ""

    def export(self, value: Any) -> int:
        if id(value) not in self.numbers:
            self.counter += 1
            self.exports[self.counter] = value
            self.numbers[id(value)] = self.counter
        return self.numbers[id(value)]

    def hold(self, remote: Remote, number: int) -> None:
        """A stand-in was made here. (The other end keeps its object until the connection ends: a test is short.)"""

    def request(self, op: str, target: Remote | int, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the other end and wait for its answer, serving its calls meanwhile."""
        address = target if isinstance(target, int) else object.__getattribute__(target, "_target")
        retained = self.retained.get(address) if isinstance(address, int) else None
        kept, labels = (retained.table, retained.labels) if retained else ([], [])
        table = list(kept)
        crossing = Crossing(self)
        encoder = Encoder(self.codec, {id(item): n for n, item in enumerate(table)}, crossing)
        releases, self.releases = self.releases, []
        encoder.value((op, address, name, torch.is_grad_enabled(), tuple(releases)))
        encoder.value(self._told(retained, crossing) if retained else None)
        spans = self._arguments(encoder, args, kwargs, len(table))
        table += encoder.objects
        inputs = differentiable(table)
        self.depth += 1
        try:
            self._send(b"C" + encoder.out)
            frame = self._reply()
        finally:
            self.depth -= 1
        label = (target, name) if isinstance(target, Remote) else (None, name)
        labels = labels + [(label, self.parameter(label, _argument(spans, n))) for n in range(len(kept), len(table))]
        return self._answer((op, name) == ("op", "next"), frame, table, inputs, labels)

    def _told(self, retained: _Retained, crossing: Crossing) -> tuple[bytes | None, ...] | None:
        """What to say of the arguments that the other end keeps: nothing if it knows."""
        now = tuple(changes.contents(self.codec, retained.table, crossing))
        news = None if now == retained.sent else now
        retained.sent = now
        return news

    def _arguments(self, encoder: Encoder, args: tuple[Any, ...], kwargs: dict[str, Any], first: int) -> list[tuple[int | str, int, int]]:
        """Write the arguments; say which numbers of the table each of them brought."""
        spans: list[tuple[int | str, int, int]] = []
        encoder.u32(len(args))
        encoder.u32(len(kwargs))
        named: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
        for key, item in named:
            if isinstance(key, str):
                encoder.text(key)
            start = len(encoder.objects)
            encoder.value(item)
            spans.append((key, first + start, first + len(encoder.objects)))
        return spans

    def _send(self, frame: bytes | bytearray) -> None:
        try:
            self.channel.send(frame)
        except Closed as error:
            raise LearnerGone from error

    def _reply(self) -> bytearray:
        while True:
            try:
                frame = self.channel.receive()
            except (Closed, FrameTooLarge) as error:
                raise LearnerGone from error
            if frame[:1] != b"C":
                return frame
            self.serve(frame)

    def _answer(self, ends: bool, frame: bytearray, table: list[Any], inputs: list[torch.Tensor], labels: list[tuple[Any, str]]) -> Any:
        crossing = Crossing(self)
        kind, decoder = frame[:1], Decoder(self.codec, memoryview(frame)[1:], table, crossing)  # type: ignore[arg-type]
        printed, changed, retain = decoder.value(), decoder.value(), decoder.value()
        if isinstance(printed, str) and printed:
            self.printed(printed)
        if changed:
            self._apply(changed, table, labels, crossing)
        for number in retain:
            self.retained.setdefault(number, _Retained(table, labels))
        if kind == b"E":
            raise self._exception(decoder.value(), ends)
        graph, tensors = decoder.value(), decoder.value()
        if tensors:
            remote = RemoteGraph(graph, tensors, self._remote_vjp, self.releases.append)
            crossing.outputs = remote.attach(inputs)
        decoder.objects = []  # the result was written by an encoder of its own
        result = decoder.value()
        decoder.finish()
        return result

    def _apply(self, changed: Any, table: list[Any], labels: list[tuple[Any, str]], crossing: Crossing) -> None:
        for number, _payload in changed:
            if type(number) is not int or not 0 <= number < len(table):
                raise CodecError("a change of an object that was not an argument")
            if not changes.is_random(table[number]) and not self.may_change(*labels[number]):
                self.refuse_change(*labels[number])
        changes.apply(self.codec, table, list(changed), crossing)

    def parameter(self, label: Any, key: int | str) -> str:
        return str(key)

    def _remote_vjp(self, number: int, gradients: list[Any]) -> list[Any]:
        return list(self.request("vjp", number, None, tuple(gradients), {}))

    def _exception(self, described: Any, ends: bool) -> BaseException:
        """The exception that the other end raised, as the nearest type that is known here.

        `StopIteration` comes from an iterator alone (`ends`): from a call it would end the loop around it, and the checks there.
        """
        names, args, trace = described
        names = [str(name)[:MAX_NAME] for name in names[:16] if ends or name != "StopIteration"] or ["RuntimeError"]
        known = {**KNOWN_EXCEPTIONS, **{k: v for k, v in self.given.items() if isinstance(v, type) and issubclass(v, Exception)}}
        kind = next((known[name] for name in names if name in known), RuntimeError)
        message = ", ".join(map(str, args)) if kind is not RuntimeError or names[0] in known else f"{names[0]}: {', '.join(map(str, args))}"
        try:
            error = kind(*args)
        except Exception:
            error = RuntimeError(message)
        error.learner = (names[0], message[:MAX_MESSAGE], str(trace)[:MAX_MESSAGE])  # type: ignore[attr-defined]
        return error

    # serving

    def serve(self, frame: bytearray) -> None:
        """Do what a call frame asks and send the answer."""
        crossing = Crossing(self)
        decoder = Decoder(self.codec, memoryview(frame)[1:], None, crossing)  # type: ignore[arg-type]
        table: list[Any] = []
        before: list[bytes | None] = []
        held: _Held | None = None
        self.depth += 1
        result, error = None, None
        inputs: list[torch.Tensor] = []
        try:
            if self.depth > MAX_NESTED_CALLS:
                raise RecursionError("calls between the processes are nested too deeply")
            op, address, name, grad, releases = decoder.value()
            for number in releases:
                self.graphs.pop(number, None)
            held = self.held.get(address) if isinstance(address, int) else None
            table = list(held.table) if held else []
            before = self._sync(held, decoder.value(), crossing)
            target = self._target(address)
            decoder.known = table
            positional, named = decoder.u32(), decoder.u32()
            args = [decoder.value() for _ in range(positional)]
            kwargs = {decoder.text(): decoder.value() for _ in range(named)}
            before = before + self._received(decoder, table, crossing)
            table = table + decoder.objects
            inputs = differentiable(table)
            if not self.permits(op, target, name):
                raise CodecError("this call is not allowed")
            with torch.set_grad_enabled(bool(grad)):
                result = self.perform(op, target, name, args, kwargs)
        except LearnerGone:
            raise
        except BaseException as caught:  # whatever learner code raises belongs to the caller
            error = caught
            if isinstance(caught, CodecError):
                self.refused(caught)
        finally:
            self.depth -= 1
        after = changes.contents(self.codec, table, Crossing(self)) if before else []
        if before and held:
            held.seen = after[: len(held.table)]
        self._respond(table, inputs, before, after, result, error)

    def _sync(self, held: _Held | None, told: tuple[bytes | None, ...] | None, crossing: Crossing) -> list[bytes | None]:
        """Bring what is kept here up to date with what the caller holds now; say what that is."""
        if held is None or told is None:
            return held.seen if held else []
        now = changes.contents(self.codec, held.table, crossing)
        changed = [(n, new) for n, (old, new) in enumerate(zip(now, told, strict=True)) if old != new]
        changes.apply(self.codec, held.table, changed, crossing)
        return changes.contents(self.codec, held.table, crossing) if changed else now

    def _received(self, decoder: Decoder, kept: list[Any], crossing: Crossing) -> list[bytes | None]:
        """What the arguments hold as they come in: their bytes in the frame, as long as none holds another."""
        if len(decoder.leaves) == len(decoder.objects):
            return [bytes(decoder.data[start:end]) for start, end in decoder.leaves.values()]
        return changes.contents(self.codec, kept + decoder.objects, crossing)[len(kept) :]

    def _target(self, address: Any) -> Any:
        return self.lookup(address) if isinstance(address, str) else self.exports.get(address, address)

    def perform(self, op: str, target: Any, name: str | None, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if op == "call":
            return (target if name is None else getattr(target, name))(*args, **kwargs)
        if op == "get":
            return getattr(target, str(name))
        if op == "op":
            return OPERATORS[str(name)](target, *args)
        if op == "vjp":
            outputs, inputs = self.graphs[target]
            return local_vjp(outputs, inputs, args)
        if op == "value":
            return target
        raise CodecError(f"unknown operation {op!r}")

    def _respond(
        self,
        table: list[Any],
        inputs: list[torch.Tensor],
        before: list[bytes | None],
        after: list[bytes | None],
        result: Any,
        error: BaseException | None,
    ) -> None:
        crossing = Crossing(self, reply=True)
        body = Encoder(self.codec, {id(item): n for n, item in enumerate(table)}, crossing)
        head = Encoder(self.codec, context=Crossing(self))
        if error is None:
            try:
                body.value(result)
            except Exception as refused:
                error = refused if isinstance(refused, CodecError) else CodecError(str(refused))
        retain = tuple(n for n in crossing.exported if n not in self.held) if error is None and table else ()
        for number in retain:
            self.held[number] = _Held(table, after)
        head.value(self.take_printed())
        head.value(changes.differences(before, after))
        head.value(retain)
        if error is not None:
            head.value(self._describe(error))
            self._send(b"E" + head.out)
            return
        self.counter += 1
        if crossing.tracked:
            self.graphs[self.counter] = (crossing.tracked, inputs)
        head.value(self.counter)
        head.value([tensor.detach() for tensor in crossing.tracked])
        self._send(b"A" + head.out + body.out)

    def _describe(self, error: BaseException) -> tuple[list[str], tuple[Any, ...], str]:
        names = [kind.__name__ for kind in type(error).__mro__ if kind not in (object, BaseException)]
        try:
            args = tuple(a[:MAX_MESSAGE] if isinstance(a, str) else a for a in error.args[:4])
            if len(PLAIN.dumps(args)) > 4 * MAX_MESSAGE:
                raise CodecError("too long")
        except Exception:
            args = (_text(error),)
        return names[:16], args, self.describe(error)


def _argument(spans: list[tuple[int | str, int, int]], number: int) -> int | str:
    """Which argument an object of the table came with."""
    return next((key for key, start, end in spans if start <= number < end), 0)


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:
        return ""
