"""The codec: every value comes back as it was, and no bytes make it do anything but refuse."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.engine.codec import CodecError
from autograder.engine.codec_plain import PLAIN
from autograder.engine.codec_tensors import tensor_codec

CODEC = tensor_codec()
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.just(...)
)
hashable = st.recursive(atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6)
values = st.recursive(
    atoms | st.slices(9),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(hashable, inner, max_size=4) | st.sets(hashable, max_size=4)
    ),
    max_leaves=20,
)
NAMES = """
    bool uint8 int8 int16 uint16 int32 uint32 int64 uint64 float16 bfloat16 float32 float64 complex64 complex128 float8_e4m3fn float8_e5m2
"""
TENSOR_DTYPES = [getattr(torch, n) for n in NAMES.split()]
dtypes = hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes() | hnp.array_dtypes(hnp.scalar_dtypes())
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


many = st.lists(st.floats(allow_nan=False), min_size=7)


@given(values | many | many.map(tuple) | many.map(lambda floats: [tuple(floats), floats, floats]))
def test_plain_values_come_back(value: Any) -> None:
    returned = PLAIN.loads(PLAIN.dumps(value))
    assert type(returned) is type(value)
    assert returned == value


def test_not_a_number_comes_back_bit_by_bit() -> None:
    assert math.isnan(PLAIN.loads(PLAIN.dumps(float("nan"))))
    assert math.isnan(PLAIN.loads(PLAIN.dumps([float("nan")] * 20))[3])
    assert math.copysign(1, PLAIN.loads(PLAIN.dumps(-0.0))) == -1


@given(st.integers(), st.sampled_from([1, -1]), st.integers(60, 300))
def test_integers_of_any_size(offset: int, sign: int, bits: int) -> None:
    number = sign * (1 << bits) + offset
    assert PLAIN.loads(PLAIN.dumps(number)) == number


@settings(deadline=None)
@given(arrays, st.data())
def test_arrays_keep_dtype_shape_strides_and_bytes(array: np.ndarray[Any, Any], data: st.DataObject) -> None:
    if array.ndim and array.size:
        array = array[data.draw(hnp.basic_indices(array.shape, allow_ellipsis=False))]
        array = np.asarray(array)
    if data.draw(st.booleans()):
        array = array.T
    returned = CODEC.loads(CODEC.dumps(array))
    assert returned.dtype == array.dtype
    assert returned.shape == array.shape
    assert returned.tobytes() == array.tobytes()
    assert returned.flags.writeable == array.flags.writeable
    if array.size:
        assert returned.strides == array.strides
        assert returned.flags.c_contiguous == array.flags.c_contiguous


@settings(deadline=None)
@given(
    st.sampled_from(TENSOR_DTYPES),
    st.lists(st.integers(0, 4), max_size=3),
    st.booleans(),
)
def test_tensors_keep_dtype_shape_strides_and_bytes(dtype: torch.dtype, shape: list[int], turn: bool) -> None:
    count = math.prod(shape) * dtype.itemsize
    tensor = (torch.arange(count) % 2).to(torch.uint8).view(dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)
    if turn and len(shape) > 1:
        tensor = tensor.transpose(0, 1)
    returned = CODEC.loads(CODEC.dumps(tensor))
    assert returned.dtype == tensor.dtype
    assert returned.shape == tensor.shape
    assert bytes(CODEC.dumps(returned)) == bytes(CODEC.dumps(tensor))
    if count:
        assert returned.stride() == tensor.stride()


def test_tensors_keep_gradients_and_flags() -> None:
    leaf = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    leaf.grad = torch.tensor([3.0, 4.0])
    returned = CODEC.loads(CODEC.dumps(leaf))
    assert isinstance(returned, torch.nn.Parameter)
    assert returned.requires_grad
    assert torch.equal(returned.grad, leaf.grad)


def test_broadcast_views_stay_views() -> None:
    array = np.broadcast_to(np.arange(3.0), (4, 3))
    returned = CODEC.loads(CODEC.dumps(array))
    assert returned.strides == (0, 8)
    assert np.array_equal(returned, array)
    for tensor in (torch.arange(3.0).expand(4, 3), torch.tensor(2.0).expand(1), torch.tensor(2.0).expand(1, 5)):
        back = CODEC.loads(CODEC.dumps(tensor))
        assert back.stride() == tensor.stride()
        assert torch.equal(back, tensor)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_go_on_where_they_were(kind: Any) -> None:
    rng = np.random.Generator(kind(3))
    rng.integers(5, dtype=np.int32)
    assert np.array_equal(CODEC.loads(CODEC.dumps(rng)).random(5), rng.random(5))


def test_identity_within_a_value() -> None:
    array = np.zeros(3)
    first, second, (third,) = CODEC.loads(CODEC.dumps([array, array, [array]]))
    assert first is second is third


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["a"], dtype=np.dtypes.StringDType()), object(), len, type, np.array])
def test_what_is_not_data_is_refused(value: Any) -> None:
    with pytest.raises(CodecError):
        CODEC.dumps(value)


def test_cycles_and_depth_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(CodecError):
            PLAIN.dumps(value)
    with pytest.raises(CodecError):
        PLAIN.loads(b"l\x01\x00\x00\x00" * 5000 + b"N")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_data(payload: bytes) -> None:
    with contextlib.suppress(CodecError):
        CODEC.loads(payload)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([[1, "a", {2: 3.0}], (np.arange(6).reshape(2, 3).T, 1), torch.ones(2, 3), np.random.default_rng(0), slice(1)]),
    st.data(),
)
def test_damaged_frames_are_refused_or_data(value: Any, data: st.DataObject) -> None:
    payload = bytearray(CODEC.dumps(value))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        CODEC.loads(payload[: data.draw(st.integers(0, len(payload)))])


def test_announced_sizes_allocate_nothing() -> None:
    for payload in (b"l\xff\xff\xff\xff", b"s\xff\xff\xff\x7f", b"v\xff\xff\xff\x7f", b"I\xff\xff\xff\x7f\x01"):
        with pytest.raises(CodecError):
            PLAIN.loads(payload)
