"""Which mutable arguments a call changed, and how to make the same change at the other end."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from autograder.engine.codec import Codec, CodecError, Decoder, Encoder
from autograder.engine.generators import advance_numpy, advance_torch


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
        advance_numpy(target, source)
    elif isinstance(target, torch.Generator):
        advance_torch(target, source)
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


def is_random(value: Any) -> bool:
    """Whether drawing from `value` changes it: generators of random numbers may always be advanced."""
    return isinstance(value, (np.random.Generator, torch.Generator))
