"""Plain Python data: the types that the standard library alone knows."""

from __future__ import annotations

import functools
import struct
from typing import Any

from autograder.engine.codec import DOUBLE, PAIR, QUAD, UNSIGNED, Codec, CodecError, Decoder, EncodeFunction, Encoder


def _constant(tag: bytes) -> EncodeFunction:
    def encode(encoder: Encoder, value: Any) -> None:
        encoder.out += tag

    return encode


def _int(encoder: Encoder, value: int) -> None:
    if -(1 << 63) <= value < 1 << 63:
        encoder.out += b"i" + QUAD.pack(value)
        return
    data = int(value).to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    encoder.out += b"I" + UNSIGNED.pack(len(data)) + data


def _str(encoder: Encoder, value: str) -> None:
    encoder.out += b"s"
    encoder.text(str(value))


def _bytes(encoder: Encoder, value: bytes) -> None:
    encoder.out += b"b" + UNSIGNED.pack(len(value)) + value


def _items(encoder: Encoder, tag: bytes, values: Any) -> None:
    encoder.out += tag
    encoder.u32(len(values))
    for item in list(values):
        encoder.value(item)


def _sequence(encoder: Encoder, tag: bytes, vector: bytes, values: list[Any] | tuple[Any, ...]) -> None:
    """A list or tuple: many floats as one block, all else item by item."""
    if len(values) > 8 and all(type(item) is float for item in values):
        encoder.out += vector + UNSIGNED.pack(len(values)) + struct.pack(f"<{len(values)}d", *values)
    else:
        _items(encoder, tag, values)


def _dict(encoder: Encoder, value: dict[Any, Any]) -> None:
    def write() -> None:
        encoder.out += b"d"
        encoder.u32(len(value))
        for key, item in list(value.items()):
            encoder.value(key)
            encoder.value(item)

    encoder.mutable(value, write)


def _slice(encoder: Encoder, value: slice) -> None:
    encoder.out += b":"
    for part in (value.start, value.stop, value.step):
        encoder.nested(functools.partial(encoder.value, part))


def _range(encoder: Encoder, value: range) -> None:
    encoder.out += b"r"
    for part in (value.start, value.stop, value.step):
        encoder.value(part)


def _floats(decoder: Decoder) -> tuple[float, ...]:
    count = decoder.u32()
    return struct.unpack(f"<{count}d", decoder.take(8 * count))


def _decode_list(decoder: Decoder) -> Any:
    return decoder.note([decoder.value() for _ in range(decoder.count())])


def _decode_dict(decoder: Decoder) -> dict[Any, Any]:
    result = {}
    for _ in range(decoder.count()):
        key = decoder.value()
        result[key] = decoder.value()
    decoder.note(result)
    return result


def _decode_range(decoder: Decoder) -> range:
    return range(decoder.value(), decoder.value(), decoder.value())


def _decode_reference(decoder: Decoder) -> Any:
    return decoder.objects[decoder.u32()]


def _decode_known(decoder: Decoder) -> Any:
    return decoder.known[decoder.u32()]


def plain_codec() -> Codec:
    """The codec for plain Python data."""
    codec = Codec()
    codec.by_type = {
        type(None): _constant(b"N"),
        bool: lambda e, v: e.out.extend(b"T" if v else b"F"),
        type(...): _constant(b"."),
        int: _int,
        float: lambda e, v: e.out.extend(b"f" + DOUBLE.pack(v)),
        complex: lambda e, v: e.out.extend(b"c" + PAIR.pack(v.real, v.imag)),
        str: _str,
        bytes: _bytes,
        bytearray: lambda e, v: e.mutable(v, lambda: e.out.extend(b"B" + UNSIGNED.pack(len(v)) + v)),
        list: lambda e, v: e.mutable(v, lambda: _sequence(e, b"l", b"v", v)),
        tuple: lambda e, v: e.nested(lambda: _sequence(e, b"t", b"w", v)),
        dict: _dict,
        set: lambda e, v: e.mutable(v, lambda: _items(e, b"S", v)),
        frozenset: lambda e, v: e.nested(lambda: _items(e, b"Z", v)),
        slice: _slice,
        range: _range,
    }
    codec.by_tag = {
        ord("N"): lambda d: None,
        ord("T"): lambda d: True,
        ord("F"): lambda d: False,
        ord("."): lambda d: ...,
        ord("i"): lambda d: QUAD.unpack(d.take(8))[0],
        ord("I"): lambda d: int.from_bytes(d.take(d.u32()), "little", signed=True),
        ord("f"): lambda d: DOUBLE.unpack(d.take(8))[0],
        ord("c"): lambda d: complex(*PAIR.unpack(d.take(16))),
        ord("s"): lambda d: d.text(),
        ord("b"): lambda d: bytes(d.take(d.u32())),
        ord("B"): lambda d: d.note(bytearray(d.take(d.u32()))),
        ord("v"): lambda d: d.note(list(_floats(d))),
        ord("l"): _decode_list,
        ord("t"): lambda d: tuple([d.value() for _ in range(d.count())]),
        ord("w"): _floats,
        ord("d"): _decode_dict,
        ord("S"): lambda d: d.note({d.value() for _ in range(d.count())}),
        ord("Z"): lambda d: frozenset([d.value() for _ in range(d.count())]),
        ord(":"): lambda d: slice(d.value(), d.value(), d.value()),
        ord("r"): _decode_range,
        ord("R"): _decode_reference,
        ord("K"): _decode_known,
    }
    return codec


def _decode_named(decoder: Decoder) -> dict[str, Any]:
    return {_name(decoder): decoder.value() for _ in range(decoder.count())}


def _name(decoder: Decoder) -> str:
    name = decoder.value()
    if type(name) is not str:
        raise CodecError("a key that is not text")
    return name


def answer_codec() -> Codec:
    """What a learner's process may say to the grader itself, which no time limit stops: text, lists and tuples, and dicts by name.

    Numbers are left out: some take for ever to write in digits, and others, as keys, to be put into one dict.
    """
    codec = plain_codec()
    codec.by_tag = {tag: decode for tag, decode in codec.by_tag.items() if tag in b"NTFslt"} | {ord("d"): _decode_named}
    return codec


PLAIN = plain_codec()
ANSWERS = answer_codec()
