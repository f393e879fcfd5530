"""NumPy and torch values on top of the plain codec: arrays, tensors, scalars, dtypes and generators of random numbers.

An array crosses as shape, dtype, strides and the values in C order. The receiver lays them out with the same strides, so code
that breaks on a transposed or strided input breaks here too.
"""

from __future__ import annotations

import functools
import math
import re
import struct
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.engine.codec import UNSIGNED, Codec, CodecError, Decoder, Encoder
from autograder.engine.codec_plain import plain_codec

SIMPLE_DTYPE = re.compile(r"[<>|=][biufcmMSUV]\d+(\[[0-9a-zA-Z]+\])?")
BIT_GENERATORS = {c.__name__: c for c in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)}
TORCH_DTYPES = {str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)}
CARRIER = {n: np.dtype(name) for n, name in ((1, "<u1"), (2, "<u2"), (4, "<u4"), (8, "<u8"), (16, "|V16"))}
MAX_SPAN = 64 * 1024 * 1024
PCG64 = struct.Struct("<16s16sBI")
KEPT_HEADS, LONG_HEAD = 1024, 512


def _write_dtype(encoder: Encoder, dtype: np.dtype[Any]) -> None:
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


def _read_dtype(decoder: Decoder) -> np.dtype[Any]:
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


def _write_layout(encoder: Encoder, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...], values: bytes) -> None:
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
    _write_dtype(encoder, dtype)
    encoder.value(shape)
    encoder.value(None if plain or sparse else strides)
    return UNSIGNED.pack(len(encoder.out)) + encoder.out


@functools.lru_cache(maxsize=KEPT_HEADS)
def _read_head(head: bytes) -> Layout:
    decoder = Decoder(_HEADS, head)
    dtype, shape, strides = _read_dtype(decoder), decoder.value(), decoder.value()
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


def _read_layout(decoder: Decoder) -> tuple[Layout, np.ndarray[Any, Any]]:
    """The layout, and the flat bytes in it."""
    head = bytes(decoder.take(decoder.u32()))
    layout = (_read_head if len(head) <= LONG_HEAD else _read_head.__wrapped__)(head)
    values = decoder.take(decoder.u32())
    if layout.size != len(values):
        raise CodecError("shape and data do not fit")
    _require_true_or_false(values, layout.dtype)
    if layout.strides is None:
        return layout, np.frombuffer(bytearray(values), np.uint8)
    buffer = np.zeros(layout.span, np.uint8)
    spread = np.ndarray(layout.shape, layout.dtype, buffer, layout.start, layout.strides)
    spread[...] = np.frombuffer(values, layout.dtype).reshape(layout.shape)
    return layout, buffer


def _require_true_or_false(values: memoryview | bytes, dtype: np.dtype[Any]) -> None:
    """Refuse Booleans that are neither 0 nor 1: NumPy takes one for equal to True, or not, as it happens."""
    base = dtype.base
    if base.names is not None:
        table = np.frombuffer(values, base)
        for name in base.names:
            part = np.ascontiguousarray(table[name])
            _require_true_or_false(part.tobytes(), part.dtype)
    elif base.kind == "b" and len(values) and np.frombuffer(values, np.uint8).max() > 1:
        raise CodecError("a Boolean that is neither true nor false")


def _array(encoder: Encoder, value: np.ndarray[Any, Any]) -> None:
    value = value if type(value) is np.ndarray else np.asarray(value)

    def write() -> None:
        encoder.out += b"a" if value.flags.writeable else b"A"
        _write_layout(encoder, value.dtype, value.shape, value.strides, value.tobytes())

    encoder.mutable(value, write)


def _read_array(decoder: Decoder, writeable: bool) -> Any:
    start = decoder.position - 1
    layout, buffer = _read_layout(decoder)
    array = np.ndarray(layout.shape, layout.dtype, buffer, layout.start, layout.strides)
    array.flags.writeable = writeable
    return decoder.note(array, start)


def _scalar(encoder: Encoder, value: np.generic) -> None:
    array = np.asarray(value)
    encoder.out += b"n"
    _write_dtype(encoder, array.dtype)
    data = array.tobytes()
    encoder.u32(len(data))
    encoder.out += data


def _read_scalar(decoder: Decoder) -> Any:
    dtype = _read_dtype(decoder)
    data = bytes(decoder.take(decoder.u32()))
    if len(data) != dtype.itemsize or not data:
        raise CodecError("a scalar of the wrong size")
    _require_true_or_false(data, dtype)
    return np.frombuffer(data, dtype)[0]


def _dtype(encoder: Encoder, value: np.dtype[Any]) -> None:
    encoder.out += b"y"
    encoder.nested(lambda: _write_dtype(encoder, value))


def tensor_parts(value: torch.Tensor) -> None:
    """Refuse tensors that are not plain strided data on the CPU."""
    if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
        raise CodecError(f"a {value.layout} tensor on {value.device} can't cross between the processes; make it dense, on the CPU")


def write_tensor(encoder: Encoder, value: torch.Tensor) -> None:
    """A tensor as a leaf: contents, layout, whether it requires a gradient, and the gradient it has."""
    tensor_parts(value)
    encoder.out += b"x"
    plain = value.detach().resolve_conj().resolve_neg()
    grad = value.grad if value.is_leaf else None
    flags = value.requires_grad | 2 * isinstance(value, torch.nn.Parameter)
    encoder.value((str(value.dtype), flags))
    encoder.value(None if grad is None else grad.detach())
    size = plain.element_size()
    data = plain.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    _write_layout(encoder, CARRIER[size], tuple(plain.shape), tuple(s * size for s in plain.stride()), data)


def _tensor(encoder: Encoder, value: torch.Tensor) -> None:
    encoder.mutable(value, lambda: write_tensor(encoder, value))


def read_tensor(decoder: Decoder) -> torch.Tensor:
    start = decoder.position - 1
    (name, flags), grad = decoder.value(), decoder.value()
    dtype = TORCH_DTYPES[name]
    layout, buffer = _read_layout(decoder)
    if layout.dtype != CARRIER[dtype.itemsize]:
        raise CodecError("dtype and data do not fit")
    if dtype is torch.bool:
        _require_true_or_false(buffer.tobytes(), np.dtype(bool))
    if layout.size == 0:
        tensor = torch.empty(layout.shape, dtype=dtype)
    elif layout.strides is None:
        tensor = torch.from_numpy(buffer).view(dtype).reshape(layout.shape)
    else:
        strides = [s // dtype.itemsize for s in layout.strides]
        if any(s < 0 for s in strides):
            raise CodecError("not strides")
        tensor = torch.from_numpy(buffer).view(dtype).as_strided(layout.shape, strides, layout.start // dtype.itemsize)
    if flags & 2:
        tensor = torch.nn.Parameter(tensor, requires_grad=bool(flags & 1))
    elif flags & 1:
        tensor.requires_grad_(True)
    if grad is not None:
        tensor.grad = grad
    decoder.note(tensor, start if grad is None else None)
    return tensor


def _generator(encoder: Encoder, value: np.random.Generator) -> None:
    def write() -> None:
        state = value.bit_generator.state
        if type(value.bit_generator) is np.random.PCG64:  # what `default_rng` gives
            numbers = (state["state"][name].to_bytes(16, "little") for name in ("state", "inc"))
            encoder.out += b"p" + PCG64.pack(*numbers, state["has_uint32"], state["uinteger"])
            return
        encoder.out += b"g"
        encoder.value((type(value.bit_generator).__name__, bytes(_STATES.dumps(state))))

    encoder.mutable(value, write)


def _read_generator(decoder: Decoder) -> Any:
    name, state = decoder.value()
    bits = BIT_GENERATORS[name](0)
    bits.state = held = _STATES.loads(state)
    # NumPy trusts these two, and reads beyond its buffer.
    if not (0 <= held["state"].get("pos", 0) <= 624 and 0 <= held.get("buffer_pos", 0) <= 4):
        raise CodecError("not a generator's state")
    return decoder.note(np.random.Generator(bits))


def _read_pcg64(decoder: Decoder) -> Any:
    start = decoder.position - 1
    state, inc, has, number = PCG64.unpack(decoder.take(PCG64.size))
    bits = np.random.PCG64(0)
    numbers: Any = {"state": int.from_bytes(state, "little"), "inc": int.from_bytes(inc, "little")}
    bits.state = {"bit_generator": "PCG64", "state": numbers, "has_uint32": has, "uinteger": number}
    return decoder.note(np.random.Generator(bits), start)


def _torch_generator(encoder: Encoder, value: torch.Generator) -> None:
    def write() -> None:
        state = value.get_state().numpy().tobytes()
        encoder.out += b"G"
        encoder.u32(len(state))
        encoder.out += state

    encoder.mutable(value, write)


def _read_torch_generator(decoder: Decoder) -> Any:
    generator = torch.Generator()
    state = np.frombuffer(bytes(decoder.take(decoder.u32())), np.uint8).copy()
    try:
        generator.set_state(torch.from_numpy(state))
    except RuntimeError as error:
        raise CodecError("not a generator's state") from error
    return decoder.note(generator)


def _tagged(tag: bytes, form: Any) -> Any:
    def encode(encoder: Encoder, value: Any) -> None:
        encoder.out += tag
        encoder.value(form(value))

    return encode


_HEADS = plain_codec()  # an array's dtype, shape and strides
_HEADS.fallbacks.append((lambda v: isinstance(v, np.dtype), _dtype))
_HEADS.by_tag[ord("y")] = _read_dtype
_STATES = plain_codec()  # a generator's state: crosses as one opaque value, its parts are nobody's arguments
_STATES.by_type[np.ndarray] = _array
_STATES.by_tag[ord("a")] = lambda d: _read_array(d, True)
_STATES.fallbacks.append((lambda v: isinstance(v, np.generic), _scalar))
_STATES.by_tag[ord("n")] = _read_scalar


def array_codec() -> Codec:
    """The plain codec with NumPy's and torch's values."""
    codec = plain_codec()
    codec.by_type |= {
        np.ndarray: _array,
        torch.Tensor: _tensor,
        torch.nn.Parameter: _tensor,
        np.random.Generator: _generator,
        torch.Generator: _torch_generator,
        torch.dtype: _tagged(b"Y", str),
        torch.device: _tagged(b"V", str),
        torch.Size: _tagged(b"z", tuple),
    }
    codec.fallbacks += [
        (lambda v: isinstance(v, np.generic), _scalar),
        (lambda v: isinstance(v, np.dtype), _dtype),
        (lambda v: isinstance(v, np.ndarray), _array),
        (lambda v: isinstance(v, torch.Tensor), _tensor),
    ]
    codec.by_tag |= {
        ord("a"): lambda d: _read_array(d, True),
        ord("A"): lambda d: _read_array(d, False),
        ord("n"): _read_scalar,
        ord("y"): _read_dtype,
        ord("x"): read_tensor,
        ord("g"): _read_generator,
        ord("p"): _read_pcg64,
        ord("G"): _read_torch_generator,
        ord("Y"): lambda d: TORCH_DTYPES[d.value()],
        ord("V"): lambda d: torch.device(d.value()),
        ord("z"): lambda d: torch.Size(d.value()),
    }
    return codec
