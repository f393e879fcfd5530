"""Answering calls: do what a frame asks, and say what came of it and which arguments it changed."""

from __future__ import annotations

from typing import Any

import torch

from autograder.engine import changes
from autograder.engine.codec import CodecError, Decoder, Encoder
from autograder.engine.codec_plain import PLAIN
from autograder.engine.ends import MAX_MESSAGE, End, Held, LearnerGone, text_of
from autograder.engine.gradients import differentiable, local_vjp
from autograder.engine.remote import OPERATORS
from autograder.engine.values import Crossing

MAX_NESTED_CALLS = 40


class Server(End):
    """The end that is called."""

    def serve(self, frame: bytearray) -> None:
        """Do what a call frame asks and send the answer."""
        crossing = Crossing(self)
        decoder = Decoder(self.codec, memoryview(frame)[1:], None, crossing)  # type: ignore[arg-type]
        table: list[Any] = []
        before: list[bytes | None] = []
        held: Held | None = None
        self.depth += 1
        result, error = None, None
        inputs: list[torch.Tensor] = []
        try:
            if self.depth > MAX_NESTED_CALLS:
                raise RecursionError("calls between the processes are nested too deeply")
            op, address, name, grad, releases = decoder.value_of(PLAIN)
            for number in releases:
                self.graphs.pop(number, None)
            held = self.held.get(address) if isinstance(address, int) else None
            table = list(held.table) if held else []
            before = self._sync(held, decoder.value_of(PLAIN), crossing)
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

    def _sync(self, held: Held | None, told: tuple[bytes | None, ...] | None, crossing: Crossing) -> list[bytes | None]:
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
            self.held[number] = Held(table, after)
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
            args = (text_of(error)[:MAX_MESSAGE],)
        return names[:16], args, self.describe(error)
