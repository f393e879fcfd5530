"""NumPy values on top of the plain codec: arrays, scalars, dtypes and generators of random numbers."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from autograder.engine.codec import Codec, CodecError, Decoder, Encoder
from autograder.engine.codec_plain import plain_codec
from autograder.engine.layout import encode_dtype, read_dtype, read_layout, require_true_or_false, write_dtype, write_layout

BIT_GENERATORS = {c.__name__: c for c in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)}
PCG64 = struct.Struct("<16s16sBI")


def _array(encoder: Encoder, value: np.ndarray[Any, Any]) -> None:
    value = value if type(value) is np.ndarray else np.asarray(value)

    def write() -> None:
        encoder.out += b"a" if value.flags.writeable else b"A"
        write_layout(encoder, value.dtype, value.shape, value.strides, value.tobytes())

    encoder.mutable(value, write)


def _read_array(decoder: Decoder, writeable: bool) -> Any:
    start = decoder.position - 1
    layout, buffer = read_layout(decoder)
    array = np.ndarray(layout.shape, layout.dtype, buffer, layout.start, layout.strides)
    array.flags.writeable = writeable
    return decoder.note(array, start)


def _scalar(encoder: Encoder, value: np.generic) -> None:
    array = np.asarray(value)
    encoder.out += b"n"
    write_dtype(encoder, array.dtype)
    data = array.tobytes()
    encoder.u32(len(data))
    encoder.out += data


def _read_scalar(decoder: Decoder) -> Any:
    dtype = read_dtype(decoder)
    data = bytes(decoder.take(decoder.u32()))
    if len(data) != dtype.itemsize or not data:
        raise CodecError("a scalar of the wrong size")
    require_true_or_false(data, dtype)
    return np.frombuffer(data, dtype)[0]


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


_STATES = plain_codec()  # a generator's state: crosses as one opaque value, its parts are nobody's arguments
_STATES.by_type[np.ndarray] = _array
_STATES.by_tag[ord("a")] = lambda d: _read_array(d, True)
_STATES.fallbacks.append((lambda v: isinstance(v, np.generic), _scalar))
_STATES.by_tag[ord("n")] = _read_scalar


def array_codec() -> Codec:
    """The plain codec with NumPy's values."""
    codec = plain_codec()
    codec.by_type |= {np.ndarray: _array, np.random.Generator: _generator}
    codec.fallbacks += [
        (lambda v: isinstance(v, np.generic), _scalar),
        (lambda v: isinstance(v, np.dtype), encode_dtype),
        (lambda v: isinstance(v, np.ndarray), _array),
    ]
    codec.by_tag |= {
        ord("a"): lambda d: _read_array(d, True),
        ord("A"): lambda d: _read_array(d, False),
        ord("n"): _read_scalar,
        ord("y"): read_dtype,
        ord("g"): _read_generator,
        ord("p"): _read_pcg64,
    }
    return codec
