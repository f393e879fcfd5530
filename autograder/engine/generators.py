"""Whether a generator of random numbers can have got from one state to another by drawing.

Otherwise a learner who is handed a test's generator could choose what the test draws from it next. A generator may also keep part of
what a draw made for the draw after it (half a word, the second of two normal numbers). That is believed if one of the draws in between
has left it, and forgotten if it can't be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from autograder.engine.codec import CodecError

MULTIPLIERS = {"PCG64": 0x2360ED051FC65DA44385DF649FCCF645, "PCG64DXSM": 0xDA942042E4DD58B5}
MOST_DRAWS = 1 << 34
MOST_BLOCKS = 1 << 14  # of the Mersenne Twister, each of 624 words; going through them takes half a second
MOST_LEFT = 4096  # draws, the last ones, that are looked at for what they leave
UNREACHED = "a generator of random numbers was set to a state that drawing does not lead to"
# PyTorch's state of a CPU generator: seed, words left in the block, whether seeded, the next word, the words, what normal draws leave.
LEFT, NEXT, WORDS, AFTER = slice(8, 12), slice(16, 24), slice(24, 5016), slice(5016, None)
FIXED, SIZE = (slice(0, 8), slice(12, 16)), 5056


def advance_numpy(target: np.random.Generator, source: np.random.Generator) -> None:
    """Set `target` to the state of `source` if drawing leads there.

    The distance between two states of PCG64 is found bit by bit; NumPy's other generators have no such shortcut.
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
        raise CodecError(UNREACHED)
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
    walking.advance(max(0, draws - MOST_LEFT))
    state, multiplier, plus, mask = walking.state["state"]["state"], MULTIPLIERS["PCG64"], old["state"]["inc"], (1 << 128) - 1
    for _ in range(min(draws, MOST_LEFT)):
        state = (state * multiplier + plus) & mask
        word, turn = (state >> 64 ^ state) & ((1 << 64) - 1), state >> 122
        yield (word >> turn | word << (64 - turn)) >> 32 & 0xFFFFFFFF


def advance_torch(target: torch.Generator, source: torch.Generator) -> None:
    """Set `target` to the state of `source` if drawing leads there, found by drawing: block by block of the Mersenne Twister."""
    old, new = _bytes(target), _bytes(source)
    if len(old) != SIZE or len(new) != SIZE or any(old[part] != new[part] for part in FIXED):
        raise CodecError(UNREACHED)
    draws = _draws_between(old, new)
    if new[AFTER] != old[AFTER]:
        nothing = _bytes(torch.Generator())[AFTER]
        if new[AFTER] not in (nothing, *_normals(old, draws)):
            new = new[: AFTER.start] + nothing
    target.set_state(_tensor(new))


def _draws_between(old: bytes, new: bytes) -> int:
    walking, drawn = torch.Generator(), 0
    walking.set_state(_tensor(old))
    goal_left, goal_next = _place(new)
    for _ in range(MOST_BLOCKS):
        left, following = _place(now := _bytes(walking))
        if now[WORDS] == new[WORDS]:
            draws = goal_next - following
            if 0 <= draws < left and goal_left == left - draws:
                return drawn + draws
        torch.empty(left, dtype=torch.int32).random_(generator=walking)
        drawn += left
    raise CodecError(UNREACHED)


def _normals(old: bytes, draws: int) -> Iterator[bytes]:
    """What a normal number may have left that was drawn at one of the last of so many draws."""
    walking, trial = torch.Generator(), torch.Generator()
    walking.set_state(_tensor(old[: AFTER.start] + _bytes(trial)[AFTER]))
    torch.empty(max(0, draws - MOST_LEFT), dtype=torch.int32).random_(generator=walking)
    word = torch.empty(1, dtype=torch.int32)
    for _ in range(min(draws, MOST_LEFT)):
        trial.set_state(walking.get_state())
        torch.randn((), dtype=torch.float64, generator=trial)
        yield _bytes(trial)[AFTER]
        word.random_(generator=walking)


def _place(state: bytes) -> tuple[int, int]:
    return int.from_bytes(state[LEFT], "little"), int.from_bytes(state[NEXT], "little")


def _bytes(generator: torch.Generator) -> bytes:
    return generator.get_state().numpy().tobytes()


def _tensor(state: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)
