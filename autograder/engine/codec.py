"""Values to bytes and back, without pickle: decoding builds data and runs nothing.

A value is one tag byte and its payload. Only containers are known here; `codec_plain`, `codec_arrays`, `codec_tensors` and `values`
add plain data, arrays, tensors and references by registering tags. Decoding checks every length and tag, because the bytes may
come from a hostile process: whatever is wrong with them is a `CodecError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64
QUAD, DOUBLE, PAIR, UNSIGNED = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd"), struct.Struct("<I")


class CodecError(Exception):
    """A value that can't cross, or bytes that are not a value.

    Not a `ValueError`: a test that expects one must not take a refused value for it.
    """


EncodeFunction = Callable[["Encoder", Any], None]
DecodeFunction = Callable[["Decoder"], Any]


class Codec:
    """A table of types and tags. Copy it to extend it."""

    def __init__(self) -> None:
        self.by_type: dict[type, EncodeFunction] = {}
        self.by_tag: dict[int, DecodeFunction] = {}
        self.fallbacks: list[tuple[Callable[[Any], bool], EncodeFunction]] = []

    def copy(self) -> Codec:
        other = type(self)()
        other.by_type, other.by_tag = dict(self.by_type), dict(self.by_tag)
        other.fallbacks = list(self.fallbacks)
        return other

    def dumps(self, value: Any) -> bytearray:
        encoder = Encoder(self)
        encoder.value(value)
        return encoder.out

    def loads(self, payload: bytes | bytearray) -> Any:
        decoder = Decoder(self, payload)
        value = decoder.value()
        decoder.finish()
        return value


class Encoder:
    """Writes values to `out`. `objects` lists the mutable values met, in the order the decoder will meet them.

    `known` maps the identity of objects that the other end holds already to the number they have there.
    """

    def __init__(self, codec: Codec, known: dict[int, int] | None = None, context: Any = None) -> None:
        self.codec, self.known, self.context = codec, known or {}, context
        self.out = bytearray()
        self.objects: list[Any] = []
        self.seen: dict[int, int] = {}
        self.open: set[int] = set()
        self.depth = 0

    def value(self, value: Any) -> None:
        encode = self.codec.by_type.get(type(value))
        if encode is None:
            for accepts, candidate in self.codec.fallbacks:
                if accepts(value):
                    encode = candidate
                    break
            else:
                raise CodecError(f"a value of type {type(value).__name__} can't cross between the processes")
        encode(self, value)

    def u32(self, number: int) -> None:
        self.out += UNSIGNED.pack(number)

    def text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.u32(len(data))
        self.out += data

    def mutable(self, value: Any, write: Callable[[], None]) -> None:
        """Write a mutable value once; a second meeting is a reference, so that identity survives."""
        identity = id(value)
        if identity in self.known:
            self.out += b"K"
            self.u32(self.known[identity])
            return
        if identity in self.seen:
            self.out += b"R"
            self.u32(self.seen[identity])
            return
        if identity in self.open:
            raise CodecError("a container that holds itself can't cross between the processes")
        self.open.add(identity)
        self.nested(write)
        self.open.discard(identity)
        self.seen[identity] = len(self.objects)
        self.objects.append(value)

    def nested(self, write: Callable[[], None]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CodecError(f"a value nested more than {MAX_DEPTH} deep can't cross between the processes")
        write()
        self.depth -= 1


class Decoder:
    """Reads values from bytes it does not trust."""

    def __init__(self, codec: Codec, payload: bytes | bytearray, known: list[Any] | None = None, context: Any = None) -> None:
        self.codec, self.known, self.context = codec, known or [], context
        self.data = memoryview(payload)
        self.position = 0
        self.objects: list[Any] = []
        self.leaves: dict[int, tuple[int, int]] = {}  # number -> where in the frame its bytes stand
        self.depth = 0

    def value(self) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH + 4:
            raise CodecError("the frame is nested too deeply")
        tag = self.take(1)[0]
        decode = self.codec.by_tag.get(tag)
        if decode is None:
            raise CodecError(f"unknown tag {tag:#x}")
        try:
            value = decode(self)
        except CodecError:
            raise
        except Exception as error:
            raise CodecError(f"malformed value ({type(error).__name__})") from error
        self.depth -= 1
        return value

    def value_of(self, codec: Codec) -> Any:
        """The next value, if it is made of what `codec` knows."""
        own, self.codec = self.codec, codec
        try:
            return self.value()
        finally:
            self.codec = own

    def finish(self) -> None:
        if self.position != len(self.data):
            raise CodecError("bytes are left over after the value")

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise CodecError("the frame is shorter than it says")
        part = self.data[self.position : end]
        self.position = end
        return part

    def u32(self) -> int:
        return int(UNSIGNED.unpack(self.take(4))[0])

    def count(self) -> int:
        """A number of items: each takes a byte at least, so no more can follow than bytes are left."""
        count = self.u32()
        if count > len(self.data) - self.position:
            raise CodecError("the frame is shorter than it says")
        return count

    def text(self) -> str:
        return str(self.take(self.u32()), "utf-8", "surrogatepass")

    def note(self, value: Any, start: int | None = None) -> Any:
        """Number a mutable value, in step with `Encoder.mutable`. `start` is given where it holds no others: where its bytes begin."""
        if start is not None:
            self.leaves[len(self.objects)] = (start, self.position)
        self.objects.append(value)
        return value
