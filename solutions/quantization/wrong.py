"""Wrong solutions that learners of quantization write, and the cell that must catch each."""

import numpy as np
import torch

from autograder.catalogue import wrong


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="The range is divided by the number of levels, 2**bits, instead of the number of steps, 2**bits - 1.")
def divided_by_levels(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    low, high = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if low == high:
        return 1.0, q_min
    scale = (high - low) / 2**bits
    return scale, q_min + int(np.rint(-low / scale))


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="The range is not widened to contain zero, so the zero-point leaves the integer range.")
def range_not_widened(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    if x_min == x_max:
        return 1.0, q_min
    scale = float(x_max - x_min) / (2**bits - 1)
    return scale, q_min + int(np.rint(-x_min / scale))


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="The zero-point is clipped into range, but the range was not widened: zero is exact, but the step is too small and the data are clipped.")
def clipped_but_not_widened(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    if x_min == x_max:
        return 1.0, q_min
    scale = float(x_max - x_min) / (2**bits - 1)
    return scale, int(np.clip(q_min + np.rint(-x_min / scale), q_min, q_min + 2**bits - 1))


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="Halves are rounded up (floor of x + 0.5) instead of to the even neighbour.")
def halves_rounded_up(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    low, high = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if low == high:
        return 1.0, q_min
    scale = (high - low) / (2**bits - 1)
    return scale, q_min + int(np.floor(-low / scale + 0.5))


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="The zero-point is truncated with int() instead of rounded.")
def zero_point_truncated(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    low, high = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if low == high:
        return 1.0, q_min
    scale = (high - low) / (2**bits - 1)
    return scale, q_min + int(-low / scale)


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="The zero-point ignores q_min: right for unsigned integers, wrong for signed ones.")
def q_min_forgotten(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    low, high = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if low == high:
        return 1.0, 0
    scale = (high - low) / (2**bits - 1)
    return scale, int(np.rint(-low / scale))


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The zero-point is added before rounding, which moves exact halves when it is odd.")
def zero_point_inside_round(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    return np.clip(np.rint(x / scale + zero_point), q_min, q_max).astype(dtype)


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="No clip: the cast to eight bits wraps values beyond the range around.")
def no_clip(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    return (np.rint(np.clip(x / scale, -1e9, 1e9)) + zero_point).astype(np.int64).astype(dtype)


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="Halves are rounded away from zero instead of to the even neighbour.")
def halves_away_from_zero(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    r = x / scale
    return np.clip(np.sign(r) * np.floor(np.abs(r) + 0.5) + zero_point, q_min, q_max).astype(dtype)


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The width is ignored: the clip is always to eight bits, so four bits hold more than sixteen levels.")
def always_eight_bits(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    low = -(2 ** (bits - 1)) if signed else 0
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < low) or np.any(np.asarray(zero_point) > low + 2**bits - 1):
        raise ValueError("invalid")
    bits = 8 if bits <= 8 else 16
    q_min = -(2 ** (bits - 1)) if signed else 0
    return np.clip(np.rint(x / scale) + zero_point, q_min, q_min + 2**bits - 1).astype(f"{'int' if signed else 'uint'}{bits}")


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The clip comes before the zero-point is added, so shifted values leave the integer range.")
def clip_before_shift(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    return (np.clip(np.rint(x / scale), q_min, q_max) + zero_point).astype(np.int64).astype(dtype)


@wrong("dequantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The zero-point is subtracted in eight bits, where the difference wraps around.")
def subtracted_in_eight_bits(q, scale, zero_point):
    q = np.asarray(q)
    return scale * (q - np.asarray(zero_point).astype(q.dtype)).astype(np.float64)


@wrong("dequantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The zero-point is subtracted after scaling: scale * q - zero_point.")
def zero_point_not_scaled(q, scale, zero_point):
    return scale * np.asarray(q, dtype=np.float64) - zero_point


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="The maximum is taken along the channel axis, so each column of inputs gets a scale instead of each channel.")
def reduced_channel_axis(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1) - 1
    largest = np.abs(w).max(axis=axis, keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0)
    return np.clip(np.rint(w / scale), -n, n).astype(np.int8), scale


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="One scale for the whole tensor: a large channel takes the resolution of all others.")
def per_tensor_scale(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1) - 1
    shape = [1] * w.ndim
    shape[axis] = w.shape[axis]
    scale = np.full(shape, (np.abs(w).max() or 1.0) / n)
    return np.clip(np.rint(w / scale), -n, n).astype(np.int8), scale


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="The absolute value is forgotten: channels whose largest weight is negative are clipped.")
def signed_maximum(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1) - 1
    largest = w.max(axis=tuple(a for a in range(w.ndim) if a != axis % w.ndim), keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0)
    return np.clip(np.rint(w / scale), -n, n).astype(np.int8), scale


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="The scale divides by 2**(bits-1) instead of 2**(bits-1) - 1, so the largest weight is clipped.")
def one_level_too_many(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1)
    largest = np.abs(w).max(axis=tuple(a for a in range(w.ndim) if a != axis % w.ndim), keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0)
    return np.clip(np.rint(w / scale), -n, n - 1).astype(np.int8), scale


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="The cast to int8 truncates toward zero: rounding is missing.")
def truncated(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1) - 1
    largest = np.abs(w).max(axis=tuple(a for a in range(w.ndim) if a != axis % w.ndim), keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0)
    return np.clip(w / scale, -n, n).astype(np.int8), scale


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The product is taken in eight bits, where it wraps around without a word.")
def eight_bit_product(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b, w_zero = q_x.astype(np.int32), q_w.astype(np.int32), np.asarray(w_zero, dtype=np.int32)
    raw = (q_x @ q_w.astype(q_x.dtype)).astype(np.int32)
    acc = raw - w_zero * a.sum(1, keepdims=True) - x_zero * b.sum(0) + a.shape[1] * x_zero * w_zero
    return acc.astype(np.int32), x_scale * w_scale * acc


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The last term, K * x_zero * w_zero, is missing.")
def fourth_term_missing(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b, w_zero = q_x.astype(np.int32), q_w.astype(np.int32), np.asarray(w_zero, dtype=np.int32)
    acc = (a @ b - w_zero * a.sum(1, keepdims=True) - x_zero * b.sum(0)).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The zero-points are swapped between the row sums and the column sums.")
def zero_points_swapped(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b, w_zero = q_x.astype(np.int32), q_w.astype(np.int32), np.asarray(w_zero, dtype=np.int32)
    acc = (a @ b - x_zero * a.sum(1, keepdims=True) - w_zero * b.sum(0) + a.shape[1] * x_zero * w_zero).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The constant term uses the number of rows or columns of the result instead of the inner dimension K.")
def wrong_count(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b, w_zero = q_x.astype(np.int32), q_w.astype(np.int32), np.asarray(w_zero, dtype=np.int32)
    acc = (a @ b - w_zero * a.sum(1, keepdims=True) - x_zero * b.sum(0) + a.shape[0] * x_zero * w_zero).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The zero-points are ignored: right for symmetric tensors only.")
def no_correction(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    acc = q_x.astype(np.int32) @ q_w.astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="Accumulation in 16 bits overflows after a handful of products.")
def sixteen_bit_accumulator(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a = q_x.astype(np.int16) - np.int16(x_zero)
    b = q_w.astype(np.int16) - np.asarray(w_zero, dtype=np.int16)
    acc = (a @ b).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The nibbles are swapped: the even index goes to the high four bits.")
def nibbles_swapped(q):
    q = np.asarray(q)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    nibbles = (q.astype(np.int64) % 16).astype(np.uint8)
    if q.shape[-1] % 2:
        nibbles = np.concatenate([nibbles, np.zeros((*q.shape[:-1], 1), dtype=np.uint8)], axis=-1)
    return 16 * nibbles[..., ::2] + nibbles[..., 1::2]


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="Negative values are not masked to four bits, so their sign bits overwrite the neighbour.")
def sign_bits_leak(q):
    q = np.asarray(q)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    q = q.astype(np.int64)
    if q.shape[-1] % 2:
        q = np.concatenate([q, np.zeros((*q.shape[:-1], 1), dtype=np.int64)], axis=-1)
    return ((q[..., ::2] | (q[..., 1::2] << 4)) & 255).astype(np.uint8)


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="An odd last element is dropped instead of being stored with a zero beside it.")
def odd_element_dropped(q):
    q = np.asarray(q)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    nibbles = (q.astype(np.int64) % 16).astype(np.uint8)
    pairs = q.shape[-1] // 2
    return nibbles[..., : 2 * pairs : 2] + 16 * nibbles[..., 1 : 2 * pairs : 2]


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The pairs are formed over the flattened array instead of along the last axis.")
def pairs_over_flat_array(q):
    q = np.asarray(q)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    nibbles = (q.astype(np.int64).ravel() % 16).astype(np.uint8)
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return nibbles[::2] + 16 * nibbles[1::2]


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="Values that need more than four bits are masked silently instead of refused.")
def no_range_check(q):
    q = np.asarray(q)
    nibbles = (q.astype(np.int64) % 16).astype(np.uint8)
    if q.shape[-1] % 2:
        nibbles = np.concatenate([nibbles, np.zeros((*q.shape[:-1], 1), dtype=np.uint8)], axis=-1)
    return nibbles[..., ::2] + 16 * nibbles[..., 1::2]


@wrong("unpack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The sign is not extended: -1 comes back as 15.")
def no_sign_extension(packed, n):
    if packed.shape[-1] != (n + 1) // 2:
        raise ValueError("length")
    both = np.stack([packed & 15, packed >> 4], axis=-1)
    return both.reshape(*packed.shape[:-1], 2 * packed.shape[-1])[..., :n].astype(np.int8)


@wrong("unpack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="All low nibbles come first and then all high ones: the pairs are not interleaved.")
def not_interleaved(packed, n):
    if packed.shape[-1] != (n + 1) // 2:
        raise ValueError("length")
    both = np.concatenate([packed & 15, packed >> 4], axis=-1).astype(np.int8)
    return np.where(both > 7, both - 16, both)[..., :n].astype(np.int8)


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="This is min-max calibration: the largest value sets the scale and nothing is searched.")
def min_max_only(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    scale = largest / n
    return float(scale), float(np.mean((scale * np.rint(x / scale) - x) ** 2))


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The error is measured without the clip, so a small scale always wins.")
def clip_left_out(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    trials = []
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        trials.append((float(np.mean((scale * np.rint(x / scale) - x) ** 2)), -i, float(scale)))
    error, _, scale = min(trials)
    return scale, error


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="On a tie the smaller scale is kept.")
def tie_to_smaller_scale(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    trials = []
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        trials.append((float(np.mean((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2)), i, float(scale)))
    error, _, scale = min(trials)
    return scale, error


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The mean absolute error is minimised instead of the mean squared error.")
def absolute_error(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    trials = []
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        trials.append((float(np.mean(np.abs(scale * np.clip(np.rint(x / scale), -n, n) - x))), -i, float(scale)))
    error, _, scale = min(trials)
    return scale, error


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The range of candidates stops one short, so the plain maximum is never tried.")
def last_candidate_missing(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best, lowest = 1.0, np.inf
    for i in range(1, candidates):
        scale = i / candidates * largest / n
        error = np.mean((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2)
        if error <= lowest:
            best, lowest = scale, error
    return float(best), float(lowest)


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="torch.round is left in the graph: its gradient is zero everywhere, so nothing trains.")
def zero_gradient(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    return (torch.clamp(torch.round(x / scale) + zero_point, q_min, q_max) - zero_point) * scale


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The gradient passes everywhere, also where the value was clipped.")
def no_mask(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    x_hat = (torch.clamp(torch.round(x.detach() / scale) + zero_point, q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach())


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The mask is strict: the gradient is lost at the two end levels, which are inside.")
def strict_mask(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((r > q_min) & (r < q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The gradient is multiplied by 1/scale: the two scalings must cancel.")
def gradient_over_scale(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) / scale * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The mask is decided on the unrounded value, which differs from the quantizer by half a step at the ends.")
def mask_before_rounding(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    v = x.detach() / scale + zero_point
    x_hat = ((torch.round(x.detach() / scale) + zero_point).clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((v >= q_min) & (v <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The sum x + (x_hat - x) is rounded where x is large and clipped, so the forward value leaves the grid, and nothing is masked.")
def inexact_forward(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    x_hat = ((torch.round(x / scale) + zero_point).clamp(q_min, q_max) - zero_point) * scale
    return x + (x_hat - x).detach()


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="Every layer uses the input range of the first one: hidden activations are clipped or coarse.")
def first_range_for_all(weights, biases, calibration):
    if len(weights) != len(biases):
        raise ValueError("length")
    x = np.asarray(calibration, dtype=np.float64)
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    step = float(high - low) / 255
    layers = []
    for w, b in zip(weights, biases, strict=True):
        w_scale = np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / w_scale[:, None]).astype(np.int8),
                       "w_scale": w_scale, "q_bias": np.rint(b / (step * w_scale)).astype(np.int32)})
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The ReLU is missing in the calibration pass, so the hidden ranges have a negative half that never occurs.")
def calibrated_without_relu(weights, biases, calibration):
    if len(weights) != len(biases):
        raise ValueError("length")
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        low, high = min(x.min(), 0.0), max(x.max(), 0.0)
        step = float(high - low) / 255
        w_scale = np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / w_scale[:, None]).astype(np.int8),
                       "w_scale": w_scale, "q_bias": np.rint(b / (step * w_scale)).astype(np.int32)})
        x = x @ w.T + b
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The bias is stored in units of the weight scale alone: the input scale is missing.")
def bias_without_input_scale(weights, biases, calibration):
    if len(weights) != len(biases):
        raise ValueError("length")
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        low, high = min(x.min(), 0.0), max(x.max(), 0.0)
        step = float(high - low) / 255
        w_scale = np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / w_scale[:, None]).astype(np.int8),
                       "w_scale": w_scale, "q_bias": np.rint(b / w_scale).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The input's zero-point is not subtracted, which shifts every output by a constant.")
def zero_point_left_in(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        q = np.clip(np.rint(x / layer["x_scale"]) + layer["x_zero"], 0, 255).astype(np.int32)
        x = layer["x_scale"] * layer["w_scale"] * (q @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"])
        if index < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="ReLU follows the last layer too: negative logits are lost.")
def relu_on_logits(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for layer in layers:
        q = np.clip(np.rint(x / layer["x_scale"]) + layer["x_zero"], 0, 255).astype(np.int32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = np.maximum(layer["x_scale"] * layer["w_scale"] * acc, 0.0)
    return x


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="Inputs beyond the calibrated range are not saturated.")
def inputs_not_saturated(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        q = np.rint(x / layer["x_scale"]).astype(np.int32)
        acc = q @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc
        if index < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="A small constant bounds the scale from below against division by zero, so a tiny range is quantized with a step far too coarse.")
def scale_floor(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    low, high = min(float(x_min), 0.0), max(float(x_max), 0.0)
    if low == high:
        return 1.0, q_min
    scale = max((high - low) / (2**bits - 1), 1e-8)
    return scale, q_min + int(np.rint(-low / scale))


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The rounded values are cast to 32 bits before the clip: huge values wrap around.")
def cast_before_clip(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    r = np.clip(np.rint(x / scale), -(2.0**60), 2.0**60).astype(np.int64).astype(np.int32)
    return np.clip(r + zero_point, q_min, q_max).astype(dtype)


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="x is multiplied by 1 / scale, which rounds twice and moves exact halves.")
def times_reciprocal(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = q_min + 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    return np.clip(np.rint(x * (1 / np.asarray(scale, dtype=np.float64))) + zero_point, q_min, q_max).astype(dtype)


@wrong("dequantize", caught_by="test_quantize", section="quantization-affine",
       misconception="The product is computed in float32 and only its result is converted to float64.")
def float32_product(q, scale, zero_point):
    difference = np.asarray(q, dtype=np.float32) - np.asarray(zero_point, dtype=np.float32)
    return np.asarray(np.asarray(scale, dtype=np.float32) * difference, dtype=np.float64)


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="The maximum is computed in the dtype of the weights: float32 is inaccurate, and in int8 the absolute value of -128 is -128.")
def computed_in_input_dtype(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w)
    n = 2 ** (bits - 1) - 1
    largest = np.abs(w).max(axis=tuple(a for a in range(w.ndim) if a != axis % w.ndim), keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0).astype(np.float64)
    return np.clip(np.rint(w / scale), -n, n).astype(np.int8), scale


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The stored integers are converted but the zero-points are not: the term with both zero-points wraps around in eight bits.")
def eight_bit_zero_points(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b = q_x.astype(np.int32), q_w.astype(np.int32)
    z_x, z_w = np.asarray(x_zero, dtype=np.int32), np.asarray(w_zero, dtype=np.int32)
    last = (a.shape[1] * z_x * z_w).astype(np.asarray(w_zero).dtype)
    acc = (a @ b - z_w * a.sum(1, keepdims=True) - z_x * b.sum(0) + last).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The cast to eight bits comes before the range check, so 256 passes as 0.")
def cast_before_range_check(q):
    q = q.astype(np.int8)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    nibbles = (q.astype(np.int64) % 16).astype(np.uint8)
    if q.shape[-1] % 2:
        nibbles = np.concatenate([nibbles, np.zeros((*q.shape[:-1], 1), dtype=np.uint8)], axis=-1)
    return nibbles[..., ::2] + 16 * nibbles[..., 1::2]


@wrong("unpack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The last axis is left to reshape(-1), which can not find its length when another axis has length 0.")
def reshaped_with_minus_one(packed, n):
    if packed.shape[-1] != (n + 1) // 2:
        raise ValueError("length")
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1).astype(np.int8)
    return np.where(nibbles > 7, nibbles - 16, nibbles)[..., :n].astype(np.int8)


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The search goes down from the maximum and stops at the first rise of the error, in a local valley.")
def first_valley(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best = (1.0, np.inf)
    for i in range(candidates, 0, -1):
        scale = i / candidates * largest / n
        error = float(np.mean((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2))
        if error > best[1]:
            break
        if error < best[1]:
            best = (float(scale), error)
    return best


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="Only the upper half of the candidates is tried, so a tensor with a strong outlier keeps a step that is too coarse.")
def upper_half_only(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best = (1.0, np.inf)
    for i in range(candidates // 2 + 1 if candidates > 10 else 1, candidates + 1):
        scale = i / candidates * largest / n
        error = float(np.mean((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2))
        if error <= best[1]:
            best = (float(scale), error)
    return best


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The squared errors are summed; their mean is asked for.")
def error_summed(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if bits < 2:
        raise ValueError('bits must be at least 2')
    n = 2 ** (bits - 1) - 1
    largest = np.abs(x).max()
    if largest == 0:
        return (1.0, 0.0)
    trials = []
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        error = np.sum((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2)
        trials.append((float(error), -i, float(scale)))
    error, _, scale = min(trials)
    return (scale, error)


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The bias is cast to int32 without rounding, which truncates it toward zero.")
def bias_truncated(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        w, b = np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step, steps = (high - low) / 255, np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / steps[:, None]).astype(np.int8),
                       "w_scale": steps, "q_bias": (b / (step * steps)).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="float32 weights are not converted, so their scales are float32 and inaccurate.")
def float32_weight_scale(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step, steps = (high - low) / 255, np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / steps[:, None]).astype(np.int8),
                       "w_scale": steps, "q_bias": np.rint(b / (step * steps)).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="One weight scale for the whole tensor: small rows lose their resolution.")
def one_scale_per_tensor(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        w, b = np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step, steps = (high - low) / 255, np.full(len(w), np.abs(w).max() / 127)
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / steps[:, None]).astype(np.int8),
                       "w_scale": steps, "q_bias": np.rint(b / (step * steps)).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="ReLU follows the first layer only: deeper hidden layers pass negative values on.")
def relu_after_first_only(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        q = np.clip(np.rint(x / layer["x_scale"]) + layer["x_zero"], 0, 255).astype(np.int32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc
        if index == 0 and len(layers) > 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("quantize_per_channel", caught_by="test_quantize_per_channel", section="quantization-granularity",
       misconception="A negative axis is compared with positive ones, so no axis is kept and the whole tensor gets one scale.")
def negative_axis_not_found(w, axis=0, bits=8):
    if not 2 <= bits <= 8:
        raise ValueError("bits")
    w = np.asarray(w, dtype=np.float64)
    n = 2 ** (bits - 1) - 1
    largest = np.abs(w).max(axis=tuple(a for a in range(w.ndim) if a != axis), keepdims=True)
    scale = np.where(largest > 0, largest / n, 1.0)
    return np.clip(np.rint(w / scale), -n, n).astype(np.int8), scale


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The zero-point is added but not subtracted again before scaling: every value is shifted by scale * zero_point.")
def zero_point_not_subtracted(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale) + zero_point
    return r.clamp(q_min, q_max) * scale + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-library",
       misconception="float32 is divided in float64 and converted back: values next to a half go to another level than in float32.")
def divided_in_float64(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach().double() / scale) + zero_point
    x_hat = ((r.clamp(q_min, q_max) - zero_point) * scale).to(x.dtype)
    return x_hat + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The zero-point is subtracted after the clip, but was never added before it.")
def zero_point_never_added(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError('scale must be positive and q_min below q_max')
    r = torch.round(x.detach() / scale)
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    inside = (r >= q_min) & (r <= q_max)
    return x_hat + (x - x.detach()) * inside


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="There is no ReLU: the clip at 0 of the next layer does its work only while that layer's zero-point is 0.")
def relu_left_to_the_clip(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for layer in layers:
        q = np.clip(np.rint(x / layer["x_scale"]) + layer["x_zero"], 0, 255).astype(np.int32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc
    return x


@wrong("affine_parameters", caught_by="test_affine_parameters", section="quantization-affine",
       misconception="Only the lower limit is widened to zero: a range below zero has its zero-point above the integer range.")
def upper_limit_not_widened(x_min, x_max, bits=8, signed=False):
    if not 2 <= bits <= 16 or not (np.isfinite(x_min) and np.isfinite(x_max)) or x_min > x_max:
        raise ValueError("invalid")
    q_min = -(2 ** (bits - 1)) if signed else 0
    low, high = min(float(x_min), 0.0), float(x_max)
    if low == high:
        return 1.0, q_min
    scale = (high - low) / (2**bits - 1)
    return scale, q_min + int(np.rint(-low / scale))


@wrong("quantize", caught_by="test_quantize", section="quantization-affine",
       misconception="q_max is 2**bits - 1 for signed integers too, so large values wrap around in the signed dtype.")
def unsigned_top_for_signed(x, scale, zero_point, bits=8, signed=False):
    x = np.asarray(x, dtype=np.float64)
    q_min = -(2 ** (bits - 1)) if signed else 0
    q_max = 2**bits - 1
    if np.isnan(x).any() or not np.all(np.asarray(scale) > 0) or np.any(np.asarray(zero_point) < q_min) or np.any(np.asarray(zero_point) > q_max):
        raise ValueError("invalid")
    dtype = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
    return np.clip(np.rint(x / scale) + zero_point, q_min, q_max).astype(np.int64).astype(dtype)


@wrong("int8_matmul", caught_by="test_int8_matmul", section="quantization-matmul",
       misconception="The row and column sums are taken in 16 bits, which hold only a few hundred terms.")
def sixteen_bit_sums(q_x, x_scale, x_zero, q_w, w_scale, w_zero):
    if q_x.dtype not in (np.uint8, np.int8) or q_w.dtype not in (np.uint8, np.int8):
        raise TypeError("dtype")
    if q_x.shape[1] != q_w.shape[0]:
        raise ValueError("shape")
    a, b, z_w = q_x.astype(np.int32), q_w.astype(np.int32), np.asarray(w_zero, dtype=np.int32)
    rows = q_x.sum(axis=1, keepdims=True, dtype=np.int16).astype(np.int32)
    columns = q_w.sum(axis=0, dtype=np.int16).astype(np.int32)
    acc = (a @ b - z_w * rows - int(x_zero) * columns + a.shape[1] * int(x_zero) * z_w).astype(np.int32)
    return acc, x_scale * w_scale * acc


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The range is tested on the absolute value, which in int8 is -128 for -128.")
def absolute_value_tested(q):
    if (np.abs(q) > 8).any() or (q == 8).any():
        raise ValueError("range")
    nibbles = (q.astype(np.int64) % 16).astype(np.uint8)
    if q.shape[-1] % 2:
        nibbles = np.concatenate([nibbles, np.zeros((*q.shape[:-1], 1), dtype=np.uint8)], axis=-1)
    return nibbles[..., ::2] + 16 * nibbles[..., 1::2]


@wrong("pack_int4", caught_by="test_pack_int4", section="quantization-int4",
       misconception="The cast to 32 bits comes before the range check, so 2**32 passes as 0.")
def int32_before_range_check(q):
    q = q.astype(np.int32)
    if ((q < -8) | (q > 7)).any():
        raise ValueError("range")
    nibbles = (q % 16).astype(np.uint8)
    if q.shape[-1] % 2:
        nibbles = np.concatenate([nibbles, np.zeros((*q.shape[:-1], 1), dtype=np.uint8)], axis=-1)
    return nibbles[..., ::2] + 16 * nibbles[..., 1::2]


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The clip, n times the scale, is returned in place of the scale.")
def clip_returned(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    trials = []
    for i in range(1, candidates + 1):
        clip = i / candidates * largest
        error = np.mean((clip / n * np.clip(np.rint(x * n / clip), -n, n) - x) ** 2)
        trials.append((float(error), -i, float(clip)))
    error, _, clip = min(trials)
    return clip, error


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="The levels are stored in 16 bits, where those of wider quantizers wrap around.")
def levels_in_sixteen_bits(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best = (1.0, np.inf)
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        q = np.clip(np.rint(x / scale), -n, n).astype(np.int64).astype(np.int16)
        error = float(np.mean((scale * q - x) ** 2))
        if error <= best[1]:
            best = (float(scale), error)
    return best


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-library",
       misconception="This is PyTorch's own operation, which multiplies by 1 / scale and calculates in float32 for a float64 tensor too.")
def pytorchs_operation(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, q_min, q_max)


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-library",
       misconception="x is multiplied by 1 / scale, which rounds twice and moves exact halves.")
def multiplied_by_reciprocal(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() * (1 / scale)) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-library",
       misconception="The scale becomes a float32 tensor, so float64 is divided by a rounded scale.")
def scale_in_float32(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / torch.tensor(scale, dtype=torch.float32)) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-affine",
       misconception="The zero-point is added before rounding, which moves exact halves when it is odd.")
def zero_point_before_rounding(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale + zero_point)
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="Masked rightly, but the value is x + (x_hat - x), which loses x_hat where a huge x is clipped.")
def masked_inexact_forward(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    through = torch.where((r >= q_min) & (r <= q_max), x, x.detach())
    return through + (x_hat - through).detach()


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-ste",
       misconception="The mask asks whether the value moved by at most half a step: wrong at a half that rounds beyond the last level.")
def mask_by_distance(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    r = torch.round(x.detach() / scale) + zero_point
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((x_hat - x.detach()).abs() <= scale / 2)


@wrong("fake_quantize", caught_by="test_fake_quantize", section="quantization-affine",
       misconception="The rounded quotient is cast to 32 bits before the clip, where huge values become the lowest integer.")
def int32_before_clip(x, scale, zero_point=0, q_min=-128, q_max=127):
    if scale <= 0 or q_min >= q_max:
        raise ValueError("invalid")
    whole = torch.round(x.detach() / scale)
    r = torch.where(whole.abs() < 2**31, whole, -(2.0**31)) + zero_point  # what a cast to int32 leaves on most processors
    x_hat = (r.clamp(q_min, q_max) - zero_point) * scale
    return x_hat + (x - x.detach()) * ((r >= q_min) & (r <= q_max))


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-affine",
       misconception="The input range is not widened to contain zero, so its zero-point leaves the eight bits.")
def input_range_not_widened(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        w, b = np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)
        step, steps = float(x.max() - x.min()) / 255, np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-x.min() / step)), "q_weight": np.rint(w / steps[:, None]).astype(np.int8),
                       "w_scale": steps, "q_bias": np.rint(b / (step * steps)).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The bias is divided in float32, whose 24 bits don't hold the large integers that it becomes.")
def bias_in_float32(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        w, b = np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step, steps = (high - low) / 255, np.abs(w).max(axis=1) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / steps[:, None]).astype(np.int8),
                       "w_scale": steps, "q_bias": np.rint(b.astype(np.float32) / (step * steps).astype(np.float32)).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("quantize_mlp", caught_by="test_quantized_mlp", section="quantization-network",
       misconception="The weight scales keep their reduced axis, so they multiply rows of the result instead of its columns.")
def weight_scale_keeps_its_axis(weights, biases, calibration):
    layers, x = [], np.asarray(calibration, dtype=np.float64)
    for w, b in zip(weights, biases, strict=True):
        w, b = np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)
        low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        step, steps = (high - low) / 255, np.abs(w).max(axis=1, keepdims=True) / 127
        layers.append({"x_scale": step, "x_zero": int(np.rint(-low / step)), "q_weight": np.rint(w / steps).astype(np.int8),
                       "w_scale": steps, "q_bias": np.rint(b / (step * steps[:, 0])).astype(np.int32)})
        x = np.maximum(x @ w.T + b, 0.0)
    return layers


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-affine",
       misconception="The zero-point is added before rounding, which moves exact halves when it is odd.")
def zero_point_added_before_rounding(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        q = np.clip(np.rint(x / layer["x_scale"] + layer["x_zero"]), 0, 255).astype(np.int32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc
        if index < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-affine",
       misconception="The rounded input is cast to 32 bits before the clip, where huge values become the lowest integer.")
def cast_before_saturation(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        whole = np.rint(x / layer["x_scale"])
        q = np.clip(np.where(np.abs(whole) < 2**31, whole, -(2**31)) + layer["x_zero"], 0, 255).astype(np.int32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.int32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc
        if index < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("run_quantized_mlp", caught_by="test_quantized_mlp", section="quantization-matmul",
       misconception="The sums are taken in float32, which holds integers up to 2**24 only.")
def sums_in_float32(x, layers):
    x = np.asarray(x, dtype=np.float64)
    for index, layer in enumerate(layers):
        q = np.clip(np.rint(x / layer["x_scale"]) + layer["x_zero"], 0, 255).astype(np.float32)
        acc = (q - layer["x_zero"]) @ layer["q_weight"].T.astype(np.float32) + layer["q_bias"]
        x = layer["x_scale"] * layer["w_scale"] * acc.astype(np.float64)
        if index < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-calibration",
       misconception="np.arange with a fractional step gives one candidate too many for some C, above the maximum.")
def candidates_from_arange(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best = (1.0, np.inf)
    for ratio in np.arange(1 / candidates, 1 + 1 / candidates, 1 / candidates):
        scale = ratio * largest / n
        error = float(np.mean((scale * np.clip(np.rint(x / scale), -n, n) - x) ** 2))
        if error <= best[1]:
            best = (float(scale), error)
    return best


@wrong("mse_scale", caught_by="test_mse_scale", section="quantization-affine",
       misconception="The level -n - 1 is used too, though the symmetric map leaves it out.")
def lowest_level_used(x, bits=8, candidates=100):
    x = np.asarray(x, dtype=np.float64)
    if x.size == 0 or bits < 2 or candidates < 1:
        raise ValueError("invalid")
    n, largest = 2 ** (bits - 1) - 1, np.abs(x).max()
    if largest == 0:
        return 1.0, 0.0
    best = (1.0, np.inf)
    for i in range(1, candidates + 1):
        scale = i / candidates * largest / n
        error = float(np.mean((scale * np.clip(np.rint(x / scale), -n - 1, n) - x) ** 2))
        if error <= best[1]:
            best = (float(scale), error)
    return best
