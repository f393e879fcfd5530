"""Which mutable arguments a call changed, and how to make the same change at the other end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from autograder.engine.codec import Codec, CodecError, Decoder, Encoder

MULTIPLIERS = {"PCG64": 0x2360ED051FC65DA44385DF649FCCF645, "PCG64DXSM": 0xDA942042E4DD58B5}
MOST_DRAWS = 1 << 34
MOST_HALVES = 4096


def contents(codec: Codec, table: list[Any], context: Any = None) -> list[bytes | None]:
    """What each object of `table` holds now, its children in the table by number; None where it can't be told."""
    known = {id(item): number for number, item in enumerate(table)}
    found: list[bytes | None] = []
    for number, item in enumerate(table):
        del known[id(item)]
        encoder = Encoder(codec, known, context)
        try:
            encoder.value(item)
            found.append(bytes(encoder.out))
        except CodecError:
            found.append(None)
        known[id(item)] = number
    return found


def differences(before: list[bytes | None], after: list[bytes | None]) -> list[tuple[int, bytes | None]]:
    """The numbers of the changed objects and what they hold now."""
    return [(n, new) for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new or new is None]


def apply(codec: Codec, table: list[Any], changed: list[tuple[int, bytes | None]], context: Any = None) -> None:
    """Give the objects of `table` the contents that their counterparts have now."""
    for number, payload in changed:
        if payload is None:
            raise CodecError("an argument was given contents that can't cross between the processes")
        decoder = Decoder(codec, payload, table, context)
        assign(table[number], decoder.value())
        decoder.finish()


def assign(target: Any, source: Any) -> None:
    """Make `target` equal to `source`, keeping its identity."""
    if type(target) is not type(source) and not isinstance(target, torch.Tensor):
        raise CodecError("an argument can't change its type")
    if isinstance(target, list):
        target[:] = source
    elif isinstance(target, (dict, set)):
        target.clear()
        target.update(source)
    elif isinstance(target, bytearray):
        target[:] = source
    elif isinstance(target, np.ndarray):
        _assign_array(target, source)
    elif isinstance(target, torch.Tensor):
        _assign_tensor(target, source)
    elif isinstance(target, np.random.Generator):
        _advance(target, source)
    elif isinstance(target, torch.Generator):
        target.set_state(source.get_state())
    elif dataclasses.is_dataclass(target):
        for field in dataclasses.fields(target):
            object.__setattr__(target, field.name, getattr(source, field.name))
    else:
        raise CodecError(f"a {type(target).__name__} can't change in place")


def _assign_array(target: np.ndarray[Any, Any], source: np.ndarray[Any, Any]) -> None:
    if target.shape != source.shape or target.dtype != source.dtype:
        raise CodecError("an array can't change its shape or dtype in place")
    if target.tobytes() != source.tobytes():
        target[...] = source


def _assign_tensor(target: torch.Tensor, source: Any) -> None:
    if not isinstance(source, torch.Tensor):
        raise CodecError("an argument can't change its type")
    with torch.no_grad():
        if target.shape != source.shape or target.dtype != source.dtype:
            target.data = source.data
        elif not torch.equal(target, source):  # an equal copy would only disturb autograd's version counter
            target.copy_(source)
    if target.is_leaf and target.requires_grad != source.requires_grad:
        target.requires_grad_(source.requires_grad)
    if not target.is_leaf:
        return
    if source.grad is None or target.grad is None:
        target.grad = source.grad
    elif not torch.equal(target.grad, source.grad):
        with torch.no_grad():
            target.grad.copy_(source.grad)


def _advance(target: np.random.Generator, source: np.random.Generator) -> None:
    """Take over a generator's state if it can have got there by drawing.

    Else a learner could set the generator that the test draws its next data from. The distance between two states of PCG64 is
    found bit by bit; the other generators have no such shortcut. The half of a word that a draw of 32 bits has left is believed if
    one of the draws in between has left it, and forgotten if it can't be found.
    """
    old, new = target.bit_generator.state, source.bit_generator.state
    multiplier = MULTIPLIERS.get(old["bit_generator"])
    if multiplier is None or new["bit_generator"] != old["bit_generator"] or new["state"]["inc"] != old["state"]["inc"]:
        raise CodecError("a generator of random numbers passed to a learner's function must be np.random.default_rng's kind, and stay so")
    state, goal, plus = old["state"]["state"], new["state"]["state"], old["state"]["inc"]
    distance, bit, mask = 0, 1, (1 << 128) - 1
    while state != goal and bit <= mask:
        if (state ^ goal) & bit:
            state = (state * multiplier + plus) & mask
            distance |= bit
        bit <<= 1
        plus = (multiplier + 1) * plus & mask
        multiplier = multiplier * multiplier & mask
    if distance > MOST_DRAWS or (distance == 0 and new["has_uint32"] and not _same_half(old, new)):
        raise CodecError("a generator of random numbers was set to a state that drawing does not lead to")
    if new["has_uint32"] and not _same_half(old, new) and new["uinteger"] not in _halves(old, min(distance, MOST_HALVES)):
        new = {**new, "has_uint32": 0, "uinteger": 0}
    target.bit_generator.state = new


def _same_half(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(old["has_uint32"]) and old["uinteger"] == new["uinteger"]


def _halves(old: Mapping[str, Any], draws: int) -> Iterator[int]:
    """The halves that a draw of 32 bits may have left for the next one, if it was among the next so many: PCG64's output function."""
    if old["bit_generator"] != "PCG64":
        return
    state, multiplier, plus, mask = old["state"]["state"], MULTIPLIERS["PCG64"], old["state"]["inc"], (1 << 128) - 1
    for _ in range(draws):
        state = (state * multiplier + plus) & mask
        word, turn = (state >> 64 ^ state) & ((1 << 64) - 1), state >> 122
        yield (word >> turn | word << (64 - turn)) >> 32 & 0xFFFFFFFF


def is_random(value: Any) -> bool:
    """Whether drawing from `value` changes it: generators of random numbers may always be advanced."""
    return isinstance(value, (np.random.Generator, torch.Generator))
