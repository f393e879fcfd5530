"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""


import numpy as np
import torch

from autograder.catalogue import rewritten


@rewritten("affine_parameters", of="divided_by_levels")
def affine_1(x_min, x_max, bits=8, signed=False):
    if bits < 2 or bits > 16:
        raise ValueError("bits")
    if not np.isfinite(x_min) or not np.isfinite(x_max) or x_max < x_min:
        raise ValueError("range")
    bottom = -(1 << (bits - 1)) if signed else 0
    a, b = min(x_min, 0), max(x_max, 0)
    if a == b:
        return 1.0, bottom
    step = float(b - a) / (1 << bits)
    return step, bottom + round(-a / step)


@rewritten("affine_parameters", of="zero_point_truncated")
def affine_2(x_min, x_max, bits=8, signed=False):
    if bits not in range(2, 17):
        raise ValueError("bits")
    if not (np.isfinite(x_min) and np.isfinite(x_max)) or x_max < x_min:
        raise ValueError("range")
    bottom = -(2 ** (bits - 1)) * signed
    a, b = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if b - a == 0:
        return 1.0, bottom
    step = (b - a) / (2**bits - 1)
    return step, int(-a / step) + bottom


@rewritten("quantize", of="halves_away_from_zero")
def quantize_1(x, scale, zero_point, bits=8, signed=False):
    x = np.array(x, float)
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    if np.isnan(x).any() or (np.array(scale) <= 0).any():
        raise ValueError("x or scale")
    if (np.array(zero_point) < low).any() or (np.array(zero_point) > high).any():
        raise ValueError("zero-point")
    ratio = x / scale
    whole = np.trunc(ratio + np.copysign(0.5, ratio))
    return np.minimum(np.maximum(whole + zero_point, low), high).astype(f"{'' if signed else 'u'}int{8 if bits <= 8 else 16}")


@rewritten("dequantize", of="zero_point_not_scaled")
def dequantize_1(q, scale, zero_point):
    return np.array(q, float) * scale - zero_point


@rewritten("quantize_per_channel", of="per_tensor_scale")
def per_channel_1(w, axis=0, bits=8):
    if bits < 2 or bits > 8:
        raise ValueError("bits")
    w = np.array(w, float)
    n = 2 ** (bits - 1) - 1
    shape = [1] * w.ndim
    shape[axis] = w.shape[axis]
    top = np.max(np.abs(w))
    scale = np.full(shape, top / n if top else 1.0)
    return np.clip(np.round(w / scale), -n, n).astype(np.int8), scale


@rewritten("int8_matmul", of="fourth_term_missing")
def matmul_1(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    for q in (q_x, q_w):
        if q.dtype != np.uint8 and q.dtype != np.int8:
            raise TypeError("eight bits")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("inner dimension")
    x, w = q_x.astype(np.int32), q_w.astype(np.int32)
    product = np.matmul(x, w)
    product = product - x.sum(1, dtype=np.int32)[:, None] * np.asarray(w_zero, np.int32)
    product = product - np.int32(x_zero) * w.sum(0, dtype=np.int32)[None, :]
    return product.astype(np.int32), product * (np.asarray(w_scale) * x_scale)


@rewritten("pack_int4", of="nibbles_swapped")
def pack_1(q):
    if np.any(q < -8) or np.any(q > 7):
        raise ValueError("range")
    padded = np.zeros((*q.shape[:-1], q.shape[-1] + q.shape[-1] % 2), np.uint8)
    padded[..., : q.shape[-1]] = q.astype(np.int64) & 0xF
    return (padded[..., 0::2] << 4) | padded[..., 1::2]


@rewritten("mse_scale", of="absolute_error")
def mse_1(x, bits=8, candidates=100):
    x = np.array(x, float)
    if bits < 2 or candidates < 1 or x.size == 0:
        raise ValueError("bad input")
    n = 2 ** (bits - 1) - 1
    top = np.abs(x).max()
    if top == 0:
        return 1.0, 0.0
    best = None
    for i in range(candidates, 0, -1):
        s = float(i / candidates * top / n)
        back = np.clip(np.round(x / s), -n, n) * s
        e = float(np.abs(back - x).mean())
        if best is None or e < best[1]:
            best = (s, e)
    return best


@rewritten("fake_quantize", of="no_mask")
def fake_1(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_max <= q_min:
        raise ValueError("settings")

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y):
            return (torch.clamp(torch.round(y / scale) + zero_point, q_min, q_max) - zero_point) * scale

        @staticmethod
        def backward(ctx, g):
            return g

    return Through.apply(x)


@rewritten("run_quantized_mlp", of="relu_on_logits")
def run_1(x, layers):
    h = np.array(x, float)
    for layer in layers:
        q = np.round(h / layer["x_scale"]) + layer["x_zero"]
        q = np.minimum(np.maximum(q, 0), 255) - layer["x_zero"]
        total = q.astype(np.int64) @ layer["q_weight"].astype(np.int64).T + layer["q_bias"]
        h = np.clip(total * layer["w_scale"] * layer["x_scale"], 0, None)
    return h
