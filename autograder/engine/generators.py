"""Generators of random numbers that a learner's function drew from: the caller's own goes on to where drawing has led, and nowhere else.

Else a learner could set the generator that the test draws its next data from.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from autograder.engine.codec import CodecError

MULTIPLIERS = {"PCG64": 0x2360ED051FC65DA44385DF649FCCF645, "PCG64DXSM": 0xDA942042E4DD58B5}
MOST_DRAWS = 1 << 34
MOST_HALVES = 4096
MOST_TORCH_DRAWS = 1 << 26  # which are looked through one by one
WORDS, BLOCKS = 624, 256  # of torch's generator, a Mersenne Twister: it makes so many words at once; so many times are tried together
TORCH_HEAD = struct.Struct("<QiiQ")  # seed, words left (and the one just drawn), whether seeded, the next word
TORCH_TAIL = TORCH_HEAD.size + 8 * WORDS  # behind the words: the second of a pair of normal numbers, if it is still to be drawn
MOST_NORMALS = 1024
REFUSED = "a generator of random numbers was set to a state that drawing does not lead to"


def advance_numpy(target: np.random.Generator, source: np.random.Generator) -> None:
    """Take over a generator's state if it can have got there by drawing.

    The distance between two states of PCG64 is found bit by bit; the other generators have no such shortcut. The half of a word that
    a draw of 32 bits has left is believed if one of the last draws has left it, and forgotten if it can't be found.
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
        raise CodecError(REFUSED)
    if new["has_uint32"] and not _same_half(old, new) and new["uinteger"] not in _halves(old, distance):
        new = {**new, "has_uint32": 0, "uinteger": 0}
    target.bit_generator.state = new


def _same_half(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(old["has_uint32"]) and old["uinteger"] == new["uinteger"]


def _halves(old: Any, draws: int) -> Iterator[int]:
    """The halves that one of the last of so many draws may have left, if it was of 32 bits: PCG64's output function."""
    if old["bit_generator"] != "PCG64":
        return
    walking = np.random.PCG64(0)
    walking.state = old
    walking.advance(max(0, draws - MOST_HALVES))
    state, multiplier, plus, mask = walking.state["state"]["state"], MULTIPLIERS["PCG64"], old["state"]["inc"], (1 << 128) - 1
    for _ in range(min(draws, MOST_HALVES)):
        state = (state * multiplier + plus) & mask
        word, turn = (state >> 64 ^ state) & ((1 << 64) - 1), state >> 122
        yield (word >> turn | word << (64 - turn)) >> 32 & 0xFFFFFFFF


def is_torch_state(state: bytes) -> bool:
    """Whether torch can draw from this state. It takes some that make it read beyond its words."""
    if len(state) != torch.default_generator.get_state().numel():
        return False
    _seed, left, seeded, following = TORCH_HEAD.unpack_from(state)
    return bool(seeded == 1 and 1 <= left <= WORDS and (left == 1 or left + following == WORDS + 1) and following <= WORDS)


def advance_torch(target: torch.Generator, source: torch.Generator) -> None:
    """The same for torch's generator. The words that it goes through are made and compared."""
    old, new = (bytes(generator.get_state().numpy()) for generator in (target, source))
    if old == new:
        return
    (seed, left, _, _), (new_seed, new_left, _, following) = TORCH_HEAD.unpack_from(old), TORCH_HEAD.unpack_from(new)
    blocks = _blocks_between(_words(old), _words(new))
    draws = -1 if blocks is None else WORDS * blocks + left - new_left
    if new_seed != seed or draws < 0:
        raise CodecError(REFUSED)
    tail = new[TORCH_TAIL:]
    if tail != old[TORCH_TAIL:] and not _is_left_by_a_normal(old, draws, tail):
        tail = bytes(len(tail))
    following = following if blocks == 0 and left == new_left == 1 else WORDS + 1 - new_left
    state = TORCH_HEAD.pack(seed, new_left, 1, following) + new[TORCH_HEAD.size : TORCH_TAIL] + tail
    target.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def _words(state: bytes) -> np.ndarray[Any, Any]:
    return np.frombuffer(state, "<u8", WORDS, TORCH_HEAD.size).astype(np.uint32)


def _blocks_between(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> int | None:
    """How often all words must be made anew to come from one state to the other; None if that does not happen."""
    if np.array_equal(old, new):
        return 0
    twister = np.random.MT19937(0)
    twister.state = {"bit_generator": "MT19937", "state": {"key": old, "pos": WORDS}}
    goal = _tempered(new.astype(np.uint64))
    for start in range(0, MOST_TORCH_DRAWS // WORDS, BLOCKS):
        drawn = twister.random_raw(WORDS * BLOCKS).reshape(BLOCKS, WORDS)
        for place in np.flatnonzero((drawn[:, :2] == goal[:2]).all(axis=1)):
            if np.array_equal(drawn[place], goal):
                return start + int(place) + 1
    return None


def _tempered(words: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The numbers that these words give: the Mersenne Twister's output function."""
    words = words ^ words >> 11
    words = words ^ (words << 7 & 0x9D2C5680)
    words = words ^ (words << 15 & 0xEFC60000)
    return words ^ words >> 18


def _is_left_by_a_normal(old: bytes, draws: int, tail: bytes) -> bool:
    """Whether one of the last draws can have been that of a normal number, and have left this other one."""
    scratch = torch.Generator()
    scratch.set_state(torch.frombuffer(bytearray(old[:TORCH_TAIL] + bytes(len(tail))), dtype=torch.uint8))
    first = max(0, draws - MOST_NORMALS)
    while first:  # each of torch's float32 numbers takes one word
        part = min(first, 1 << 20)
        torch.rand(part, generator=scratch)
        first -= part
    for _ in range(min(draws, MOST_NORMALS)):
        here = scratch.get_state()
        torch.randn(1, dtype=torch.float64, generator=scratch)
        if bytes(scratch.get_state().numpy())[TORCH_TAIL:] == tail:
            return True
        scratch.set_state(here)
        torch.rand(1, dtype=torch.float32, generator=scratch)
    return False
