"""torch's values on top of NumPy's: tensors with what autograd knows of them, generators, dtypes and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.engine.codec import Codec, CodecError, Decoder, Encoder
from autograder.engine.codec_arrays import array_codec
from autograder.engine.generators import is_torch_state
from autograder.engine.layout import read_layout, require_true_or_false, write_layout

TORCH_DTYPES = {str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)}
CARRIER = {n: np.dtype(name) for n, name in ((1, "<u1"), (2, "<u2"), (4, "<u4"), (8, "<u8"), (16, "|V16"))}


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
    flat = plain.contiguous().as_strided((plain.numel(),), (1,))  # a view, even of one number that was expanded to a shape
    data = flat.view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    write_layout(encoder, CARRIER[size], tuple(plain.shape), tuple(s * size for s in plain.stride()), data)


def encode_tensor(encoder: Encoder, value: torch.Tensor) -> None:
    encoder.mutable(value, lambda: write_tensor(encoder, value))


def read_tensor(decoder: Decoder) -> torch.Tensor:
    start = decoder.position - 1
    (name, flags), grad = decoder.value(), decoder.value()
    dtype = TORCH_DTYPES[name]
    layout, buffer = read_layout(decoder)
    if layout.dtype != CARRIER[dtype.itemsize]:
        raise CodecError("dtype and data do not fit")
    if dtype is torch.bool:
        require_true_or_false(buffer.tobytes(), np.dtype(bool))
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


def _torch_generator(encoder: Encoder, value: torch.Generator) -> None:
    def write() -> None:
        state = value.get_state().numpy().tobytes()
        encoder.out += b"G"
        encoder.u32(len(state))
        encoder.out += state

    encoder.mutable(value, write)


def _read_torch_generator(decoder: Decoder) -> Any:
    generator = torch.Generator()
    state = bytes(decoder.take(decoder.u32()))
    if not is_torch_state(state):
        raise CodecError("not a generator's state")
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return decoder.note(generator)


def _tagged(tag: bytes, form: Any) -> Any:
    def encode(encoder: Encoder, value: Any) -> None:
        encoder.out += tag
        encoder.value(form(value))

    return encode


def tensor_codec() -> Codec:
    """The codec for arrays with torch's values."""
    codec = array_codec()
    codec.by_type |= {
        torch.Tensor: encode_tensor,
        torch.nn.Parameter: encode_tensor,
        torch.Generator: _torch_generator,
        torch.dtype: _tagged(b"Y", str),
        torch.device: _tagged(b"V", str),
        torch.Size: _tagged(b"z", tuple),
    }
    codec.fallbacks.append((lambda v: isinstance(v, torch.Tensor), encode_tensor))
    codec.by_tag |= {
        ord("x"): read_tensor,
        ord("G"): _read_torch_generator,
        ord("Y"): lambda d: TORCH_DTYPES[d.value()],
        ord("V"): lambda d: torch.device(d.value()),
        ord("z"): lambda d: torch.Size(d.value()),
    }
    return codec
