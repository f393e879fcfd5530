"""What both ends of the conversation have, and what each may decide for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from autograder.engine.codec import CodecError
from autograder.engine.remote import Remote, RemoteMethod
from autograder.engine.values import peer_codec
from autograder.engine.wire import Channel, Closed

MAX_MESSAGE = 2000


@dataclass
class Retained:
    """The caller's copies of the arguments that an object of the other end keeps, and by which call and parameter each was passed.

    `sent` is what they held when the other end was last told, None if what it has may be something else by now.
    """

    table: list[Any]
    labels: list[tuple[Any, str]]
    sent: tuple[bytes | None, ...] | None = None


@dataclass
class Held:
    """The other end's copies. `seen` is what they held after the last call."""

    table: list[Any]
    seen: list[bytes | None]


def text_of(error: BaseException) -> str:
    """What an error says, if it can say it: it may be the learner's own, or hold a number too long to be written."""
    try:
        return str(error)
    except BaseException:
        return ""


class LearnerGone(BaseException):
    """The learner's process ended, or sent something that is no frame."""


class End:
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
        self.retained: dict[int, Retained] = {}
        self.held: dict[int, Held] = {}
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
        """The number by which the other end may name an object of this one; it is kept until the connection ends: a test is short."""
        if id(value) not in self.numbers:
            self.counter += 1
            self.exports[self.counter] = value
            self.numbers[id(value)] = self.counter
        return self.numbers[id(value)]

    def parameter(self, label: Any, key: int | str) -> str:
        return str(key)

    def _send(self, frame: bytes | bytearray) -> None:
        try:
            self.channel.send(frame)
        except Closed as error:
            raise LearnerGone from error
