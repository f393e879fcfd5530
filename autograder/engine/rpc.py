"""Calls between the learner's process and the tests' process.

A call frame is: what to do, contents of the objects the other end still holds, the arguments. A reply frame is: which mutable
objects changed and to what, the tensors whose graph stays behind, the result. All but the values are plain data: a stand-in there would
let the other end answer otherwise each time that it is looked at. Either end may call while it waits for a reply, so
callbacks work. `Peer` is symmetric; what each end permits is in its subclasses (`learner.LearnerPeer`, `tester.TestPeer`).
"""

from __future__ import annotations

from types import NoneType
from typing import Any

import torch

from autograder.engine import changes
from autograder.engine.codec import CodecError, Decoder, Encoder
from autograder.engine.codec_plain import PLAIN
from autograder.engine.ends import MAX_MESSAGE, LearnerGone, Retained
from autograder.engine.gradients import RemoteGraph, differentiable
from autograder.engine.remote import Remote
from autograder.engine.serving import Server
from autograder.engine.values import KNOWN_EXCEPTIONS, Crossing
from autograder.engine.wire import Closed, FrameTooLarge

MAX_NAME = 100


class Peer(Server):
    """One end of the conversation: it calls, and answers calls."""

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

    def _told(self, retained: Retained, crossing: Crossing) -> tuple[bytes | None, ...] | None:
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
        printed, changed, retain = (decoder.value_of(PLAIN) for _ in range(3))
        if type(printed) is not str or type(changed) is not list or type(retain) is not tuple or {*map(type, retain)} - {int}:
            raise CodecError("not the head of a reply")
        if printed:
            self.printed(printed)
        if changed:
            self._apply(changed, table, labels, crossing)
        for number in retain:
            self.retained.setdefault(number, Retained(table, labels))
        if kind == b"E":
            raise self._exception(decoder.value_of(PLAIN), ends)
        graph, tensors = decoder.value_of(PLAIN), decoder.value()
        if type(graph) is not int or type(tensors) is not list or any(not isinstance(tensor, torch.Tensor) for tensor in tensors):
            raise CodecError("not the graph of a reply")
        if tensors:
            remote = RemoteGraph(graph, tensors, self._remote_vjp, self.releases.append)
            crossing.outputs = remote.attach(inputs)
        decoder.objects = []  # the result was written by an encoder of its own
        result = decoder.value()
        decoder.finish()
        return result

    def _apply(self, changed: list[Any], table: list[Any], labels: list[tuple[Any, str]], crossing: Crossing) -> None:
        for change in changed:
            if type(change) is not tuple or len(change) != 2 or type(change[0]) is not int or type(change[1]) not in (bytes, NoneType):
                raise CodecError("not a change")
            number = change[0]
            if not 0 <= number < len(table):
                raise CodecError("a change of an object that was not an argument")
            if not changes.is_random(table[number]) and not self.may_change(*labels[number]):
                self.refuse_change(*labels[number])
        changes.apply(self.codec, table, changed, crossing)

    def _remote_vjp(self, number: int, gradients: list[Any]) -> list[Any]:
        found = self.request("vjp", number, None, tuple(gradients), {})
        if type(found) is not list:
            raise CodecError("not a list of gradients")
        return found

    def _exception(self, described: Any, ends: bool) -> BaseException:
        """The exception that the other end raised, as the nearest type that is known here.

        `StopIteration` comes from an iterator alone (`ends`): from a call it would end the loop around it, and the checks there.
        """
        if type(described) is not tuple or tuple(map(type, described)) != (list, tuple, str):
            raise CodecError("not an exception")
        names, args, trace = described
        names = [name[:MAX_NAME] for name in names[:16] if type(name) is str if ends or name != "StopIteration"] or ["RuntimeError"]
        known = {**KNOWN_EXCEPTIONS, **{k: v for k, v in self.given.items() if isinstance(v, type) and issubclass(v, Exception)}}
        kind = next((known[name] for name in names if name in known), RuntimeError)
        message = _said(args) if kind is not RuntimeError or names[0] in known else f"{names[0]}: {_said(args)}"
        try:
            error = kind(*args)
        except Exception:
            error = RuntimeError(message)
        error.learner = (names[0], message[:MAX_MESSAGE], trace[:MAX_MESSAGE])  # type: ignore[attr-defined]
        return error


def _said(args: tuple[Any, ...]) -> str:
    try:
        return ", ".join(map(str, args))
    except Exception:  # a number too long to be written
        return ""


def _argument(spans: list[tuple[int | str, int, int]], number: int) -> int | str:
    """Which argument an object of the table came with."""
    return next((key for key, start, end in spans if start <= number < end), 0)
