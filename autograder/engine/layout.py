"""How values lie in memory: dtype, shape and strides, and the bytes between.

An array crosses as shape, dtype, strides and the values in C order. The receiver lays them out with the same strides, so code
that breaks on a transposed or strided input breaks here too.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any, NamedTuple

import numpy as np

from autograder.engine.codec import UNSIGNED, CodecError, Decoder, Encoder
from autograder.engine.codec_plain import plain_codec

SIMPLE_DTYPE = re.compile(r"[<>|=][biufcmMSUV]\d+(\[[0-9a-zA-Z]+\])?")
MAX_SPAN = 64 * 1024 * 1024
KEPT_HEADS, LONG_HEAD = 1024, 512


def write_dtype(encoder: Encoder, dtype: np.dtype[Any]) -> None:
    if dtype.hasobject or dtype.kind == "T":
        raise CodecError(f"an array of {dtype} (Python objects) can't cross between the processes; use a numeric dtype")
    if dtype.subdtype is not None:
        encoder.value(("sub", dtype.subdtype[0], dtype.subdtype[1]))
    elif dtype.names is not None:
        fields = [dtype.fields[name] for name in dtype.names] if dtype.fields else []
        titles = tuple(f[2] if len(f) > 2 else None for f in fields)
        encoder.value(("struct", dtype.names, tuple(f[0] for f in fields), tuple(f[1] for f in fields), titles, dtype.itemsize))
    else:
        encoder.value(dtype.str)


def read_dtype(decoder: Decoder) -> np.dtype[Any]:
    form = decoder.value()
    if isinstance(form, str):
        if not SIMPLE_DTYPE.fullmatch(form):
            raise CodecError("not a dtype that may cross")
        return np.dtype(form)
    if form[0] == "sub":
        dtype = np.dtype((form[1], tuple(form[2])))
    else:
        names, formats, offsets, titles, size = form[1:]
        layout: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
        dtype = np.dtype(layout | {"titles": titles} if any(t is not None for t in titles) else layout)
    if dtype.hasobject:
        raise CodecError("not a dtype that may cross")
    return dtype


class Layout(NamedTuple):
    """How values lie in memory. `strides` is None for plain C order; `size` counts the values' bytes, `span` those they are spread over."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    size: int
    span: int
    start: int


def _span(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[int, int]:
    """Bytes that a layout covers, and where its first element stands in them."""
    before = sum((n - 1) * -s for n, s in zip(shape, strides, strict=True) if s < 0)
    after = sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s > 0)
    return before + after + itemsize, before


def _c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    strides, step = [], itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def write_layout(encoder: Encoder, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...], values: bytes) -> None:
    simple = dtype.names is None and dtype.subdtype is None  # two others may be equal and still not the same
    head = (_head if simple else _head.__wrapped__)(dtype, shape, strides)
    encoder.out += head
    encoder.u32(len(values))
    encoder.out += values


@functools.lru_cache(maxsize=KEPT_HEADS)
def _head(dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """Its length, then dtype, shape and strides; the same few are written again and again.

    Strides are left out where the layout is plain C order, or too sparse to be worth laying out again.
    """
    size = math.prod(shape) * dtype.itemsize
    plain = strides == _c_strides(shape, dtype.itemsize)
    sparse = size == 0 or _span(shape, strides, dtype.itemsize)[0] > min(16 * size + 65536, MAX_SPAN)
    encoder = Encoder(_HEADS)
    write_dtype(encoder, dtype)
    encoder.value(shape)
    encoder.value(None if plain or sparse else strides)
    return UNSIGNED.pack(len(encoder.out)) + encoder.out


@functools.lru_cache(maxsize=KEPT_HEADS)
def _read_head(head: bytes) -> Layout:
    decoder = Decoder(_HEADS, head)
    dtype, shape, strides = read_dtype(decoder), decoder.value(), decoder.value()
    decoder.finish()
    if type(shape) is not tuple or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise CodecError("not a shape")
    if math.prod(n for n in shape if n) > 1 << 40:
        raise CodecError("not a shape")
    size = math.prod(shape) * dtype.itemsize
    if strides is None:
        return Layout(dtype, shape, None, size, size, 0)
    if type(strides) is not tuple or len(strides) != len(shape) or any(type(s) is not int or abs(s) > MAX_SPAN for s in strides):
        raise CodecError("not strides")
    span, start = _span(shape, strides, dtype.itemsize)
    if size == 0 or span > min(16 * size + 65536, MAX_SPAN):
        raise CodecError("strides reach too far")
    return Layout(dtype, shape, strides, size, span, start)


def read_layout(decoder: Decoder) -> tuple[Layout, np.ndarray[Any, Any]]:
    """The layout, and the flat bytes in it."""
    head = bytes(decoder.take(decoder.u32()))
    layout = (_read_head if len(head) <= LONG_HEAD else _read_head.__wrapped__)(head)
    values = decoder.take(decoder.u32())
    if layout.size != len(values):
        raise CodecError("shape and data do not fit")
    require_true_or_false(values, layout.dtype)
    if layout.strides is None:
        return layout, np.frombuffer(bytearray(values), np.uint8)
    buffer = np.zeros(layout.span, np.uint8)
    spread = np.ndarray(layout.shape, layout.dtype, buffer, layout.start, layout.strides)
    spread[...] = np.frombuffer(values, layout.dtype).reshape(layout.shape)
    return layout, buffer


def require_true_or_false(values: memoryview | bytes, dtype: np.dtype[Any]) -> None:
    """Refuse Booleans that are neither 0 nor 1: NumPy takes one for equal to True, or not, as it happens."""
    base = dtype.base
    if base.names is not None:
        table = np.frombuffer(values, base)
        for name in base.names:
            part = np.ascontiguousarray(table[name])
            require_true_or_false(part.tobytes(), part.dtype)
    elif base.kind == "b" and len(values) and np.frombuffer(values, np.uint8).max() > 1:
        raise CodecError("a Boolean that is neither true nor false")


def encode_dtype(encoder: Encoder, value: np.dtype[Any]) -> None:
    encoder.out += b"y"
    encoder.nested(lambda: write_dtype(encoder, value))


_HEADS = plain_codec()  # an array's dtype, shape and strides
_HEADS.fallbacks.append((lambda v: isinstance(v, np.dtype), encode_dtype))
_HEADS.by_tag[ord("y")] = read_dtype
