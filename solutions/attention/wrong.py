"""Wrong solutions of the attention assignment: each is what a learner really writes, with the cell that must catch it."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from autograder.catalogue import wrong


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="The triangle is aligned at the top left, so with a cached past the queries can't see most of it.")
def causal_top_left(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_k < n_q:
        raise ValueError("more queries than keys")
    return np.tri(n_q, n_k, dtype=bool)


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="The diagonal is left out: a query may not see itself, and the first one sees nothing.")
def causal_without_diagonal(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_k < n_q:
        raise ValueError("more queries than keys")
    return np.tri(n_q, n_k, n_k - n_q - 1, dtype=bool)


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="The mask is inverted: True marks what is forbidden, as in nn.MultiheadAttention.")
def causal_inverted(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_k < n_q:
        raise ValueError("more queries than keys")
    return ~np.tri(n_q, n_k, n_k - n_q, dtype=bool)


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="The mask is transposed: each query sees the future only.")
def causal_transposed(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_k < n_q:
        raise ValueError("more queries than keys")
    return np.arange(n_k) >= np.arange(n_q)[:, None] + (n_k - n_q)


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="More queries than keys are not refused; the first queries then see nothing.")
def causal_no_error(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    return np.tri(n_q, n_k, n_k - n_q, dtype=bool)


@wrong("causal_mask", caught_by="test_masks", section="attention-masks",
       misconception="`if not n_k` stands for `if n_k is None`, so zero keys are taken for the default.")
def causal_zero_is_default(n_q, n_k=None):
    if not n_k:
        n_k = n_q
    if n_k < n_q:
        raise ValueError("more queries than keys")
    return np.tri(n_q, n_k, n_k - n_q, dtype=bool)


@wrong("padding_mask", caught_by="test_masks", section="attention-masks",
       misconception="Off by one: the first padding key counts as real.")
def padding_one_too_many(lengths, n_k):
    lengths = np.asarray(lengths)
    if (lengths < 0).any() or (lengths > n_k).any():
        raise ValueError("length out of range")
    return (np.arange(n_k) <= lengths[:, None])[:, None, None, :]


@wrong("padding_mask", caught_by="test_masks", section="attention-masks",
       misconception="The shape is (B, n_k), which broadcasts against queries instead of the batch.")
def padding_two_axes(lengths, n_k):
    lengths = np.asarray(lengths)
    if (lengths < 0).any() or (lengths > n_k).any():
        raise ValueError("length out of range")
    return np.arange(n_k) < lengths[:, None]


@wrong("padding_mask", caught_by="test_masks", section="attention-masks",
       misconception="The padding stands on the left: the last keys count as real.")
def padding_left(lengths, n_k):
    lengths = np.asarray(lengths)
    if (lengths < 0).any() or (lengths > n_k).any():
        raise ValueError("length out of range")
    return (np.arange(n_k) >= n_k - lengths[:, None])[:, None, None, :]


@wrong("padding_mask", caught_by="test_masks", section="attention-masks",
       misconception="Lengths out of range are not refused.")
def padding_no_error(lengths, n_k):
    return (np.arange(n_k) < np.asarray(lengths)[:, None])[:, None, None, :]


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-scale",
       misconception="The scores are not scaled at all.")
def no_scale(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-scale",
       misconception="The scores are divided by d instead of its square root.")
def scaled_by_d(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / q.shape[-1] if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-scale",
       misconception="The scale uses the number of keys instead of the width of a key.")
def scaled_by_length(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(k.shape[-2]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="The softmax runs over the queries instead of the keys.")
def softmax_over_queries(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-2, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-2, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="The mask is read the other way round: True hides a key.")
def mask_inverted(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, -np.inf, scores)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="The mask is applied after the softmax, so the weights no longer sum to one.")
def mask_after_softmax(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        weights = weights * mask
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="Masked scores are set to −1e4 instead of −inf: a fully masked row then averages all values.")
def minus_ten_thousand(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -1e4)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="Masked scores are set to 0, which is an ordinary score: masked keys keep weight.")
def masked_scores_zero(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, 0)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="A fully masked row gives not-a-number: −inf minus −inf is undefined.")
def masked_row_is_nan(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    with np.errstate(invalid="ignore"):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="The largest score is not subtracted: np.exp overflows for large scores.")
def not_stable(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(scores)
        total = e.sum(axis=-1, keepdims=True)
        weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="The largest score is taken before the mask: a masked key with a large score wipes out the row.")
def largest_before_mask(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        e = np.where(mask, e, 0)
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="The setting `scale` is ignored.")
def scale_ignored(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="1 / np.sqrt(d) is a NumPy float64, so float32 inputs come back as float64.")
def turns_to_float64(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / np.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="A mask of numbers is accepted and read as if it were boolean.")
def mask_of_numbers(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="k.T turns all axes, so the layer is right for matrices only.")
def all_axes_turned(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ k.T)
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-definition",
       misconception="`if not scale` stands for `if scale is None`, so a scale of zero becomes the default.")
def zero_scale_is_default(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    if not scale:
        scale = 1 / math.sqrt(q.shape[-1])
    scores = scale * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="Masked scores are set to −1e9, and only fully masked rows are mended: very negative allowed scores lose to the fill.")
def finite_fill_mended(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -1e9).astype(q.dtype)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    if mask is not None:
        weights = weights * np.broadcast_to(mask, weights.shape).any(axis=-1, keepdims=True)
    return weights @ v, weights


@wrong("scaled_dot_product_attention", caught_by="test_scaled_dot_product_attention", section="attention-masks",
       misconception="Not-a-number of fully masked rows is replaced at the end, after NumPy has warned about it.")
def warns_then_mends(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes")
    scores = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * (q @ np.swapaxes(k, -1, -2))
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("mask")
        scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = np.nan_to_num(e / e.sum(axis=-1, keepdims=True))
    return weights @ v, weights


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The softmax's mean term is left out: each weight is treated as if it depended on its own score only.")
def no_mean_term(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_scores = weights * (d_output @ np.swapaxes(v, -1, -2))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The plain mean over the keys is subtracted instead of the mean under the weights.")
def plain_mean(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - d_weights.mean(axis=-1, keepdims=True))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The mean is taken over the queries instead of the keys.")
def mean_over_queries(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-2, keepdims=True))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The scale is missing in the gradients of queries and keys.")
def backward_without_scale(d_output, q, k, v, weights, scale=None):
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return d_scores @ k, np.swapaxes(d_scores, -1, -2) @ q, np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The scale is forgotten in the gradient of the keys alone.")
def keys_without_scale(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * (d_scores @ k), np.swapaxes(d_scores, -1, -2) @ q, np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The setting `scale` is ignored in the backward pass.")
def backward_scale_ignored(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1])
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The sign of dS is turned.")
def backward_sign(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * ((weights * d_weights).sum(axis=-1, keepdims=True) - d_weights)
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="dV uses the weights without transposing them, which runs only when there are as many queries as keys.")
def values_not_transposed(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), weights @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The chapter's 2-D code is copied: .T turns all axes, so arrays with leading axes come out wrong.")
def backward_all_axes_turned(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ v.T
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * d_scores @ k, scale * d_scores.T @ q, weights.T @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="`if not scale` stands for `if scale is None`, so a scale of zero becomes the default.")
def backward_zero_scale_is_default(d_output, q, k, v, weights, scale=None):
    scale = scale or 1 / math.sqrt(q.shape[-1])
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * (d_scores @ k), scale * (np.swapaxes(d_scores, -1, -2) @ q), np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="The mean under the weights is summed without keepdims, so it broadcasts along the queries instead of the keys.")
def mean_without_keepdims(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1))
    return scale * d_scores @ k, scale * np.swapaxes(d_scores, -1, -2) @ q, np.swapaxes(weights, -1, -2) @ d_output


@wrong("attention_backward", caught_by="test_attention_backward", section="attention-gradient",
       misconception="1 / np.sqrt(d) is a NumPy float64, so float32 inputs give float64 gradients.")
def backward_turns_to_float64(d_output, q, k, v, weights, scale=None):
    scale = 1 / np.sqrt(q.shape[-1]) if scale is None else scale
    d_weights = d_output @ np.swapaxes(v, -1, -2)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return scale * d_scores @ k, scale * np.swapaxes(d_scores, -1, -2) @ q, np.swapaxes(weights, -1, -2) @ d_output


@wrong("split_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="A reshape alone: the time axis is cut into heads, and positions are mixed.")
def split_by_reshape(x, n_heads):
    batch, length, width = x.shape
    if width % n_heads:
        raise ValueError("width")
    return x.reshape(batch, n_heads, length, width // n_heads)


@wrong("split_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="Features are dealt out in turn (0, h, 2h, … to head 0) instead of in blocks.")
def split_interleaved(x, n_heads):
    batch, length, width = x.shape
    if width % n_heads:
        raise ValueError("width")
    return x.reshape(batch, length, width // n_heads, n_heads).permute(0, 3, 1, 2)


@wrong("split_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="The heads axis stays after the time axis: the result is (B, T, h, d).")
def split_without_transpose(x, n_heads):
    batch, length, width = x.shape
    if width % n_heads:
        raise ValueError("width")
    return x.reshape(batch, length, n_heads, width // n_heads)


@wrong("split_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="A width that the heads don't divide is cut off without a word.")
def split_drops_features(x, n_heads):
    batch, length, width = x.shape
    d = width // n_heads
    return x[..., : n_heads * d].reshape(batch, length, n_heads, d).transpose(1, 2)


@wrong("merge_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="The axes are not swapped back before flattening: right shape, positions mixed.")
def merge_by_reshape(x):
    batch, n_heads, length, d = x.shape
    return x.reshape(batch, length, n_heads * d)


@wrong("merge_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="view is used after a transpose, which fails on tensors that aren't contiguous.")
def merge_by_view(x):
    batch, n_heads, length, d = x.shape
    return x.transpose(1, 2).view(batch, length, n_heads * d)


@wrong("split_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="The heads are gathered in a new float tensor, so the dtype and the gradient are lost.")
def split_into_zeros(x, n_heads):
    batch, length, width = x.shape
    if width % n_heads:
        raise ValueError("width")
    d = width // n_heads
    parts = torch.zeros(batch, n_heads, length, d, dtype=torch.float64)
    for i in range(n_heads):
        parts[:, i] = x[:, :, i * d : (i + 1) * d].detach()
    return parts


@wrong("merge_heads", caught_by="test_split_heads", section="attention-heads",
       misconception="The tensor goes through NumPy, which cuts the gradient.")
def merge_through_numpy(x):
    batch, n_heads, length, d = x.shape
    return torch.from_numpy(np.ascontiguousarray(x.detach().numpy().transpose(0, 2, 1, 3))).reshape(batch, length, n_heads * d)


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-breaks",
       misconception="The projections are still reshaped to heads without swapping axes.")
def bug_split(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, n_heads, length, d) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-breaks",
       misconception="The scale still uses the width of the model, not of one head.")
def bug_scale(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / width**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-breaks",
       misconception="The mask still multiplies the weights after the softmax.")
def bug_mask_after(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    weights = torch.softmax(q @ k.transpose(-1, -2) / d**0.5, dim=-1)
    if mask is not None:
        weights = weights * mask
    return (weights @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-breaks",
       misconception="The heads are still merged by a reshape without swapping axes.")
def bug_merge(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-masks",
       misconception="The mask is mended with the wrong sense: True now hides a key.")
def mended_inverted(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -1e30)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-heads",
       misconception="The output projection is lost in the repair.")
def no_output_projection(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width)


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-breaks",
       misconception="Masked scores are set to −1e4, which is an ordinary score when the others are large.")
def mended_with_a_finite_fill(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-gradient",
       misconception="The weights are detached, so queries and keys never learn.")
def weights_detached(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, dim=-1).detach()
    return (weights @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("multi_head_attention", caught_by="test_multi_head_attention", section="attention-gradient",
       misconception="A projection is detached, so its matrix never learns.")
def projection_detached(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    w_q = w_q.detach()
    batch, length, width = x.shape
    d = width // n_heads
    q, k, v = ((x @ w).reshape(batch, length, n_heads, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, width) @ w_o


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="is_causal=True aligns the triangle at the top left, so a decoding step sees the first key only.")
class TopLeftCausal:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        if not q.shape[-2] == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        self.length += q.shape[-2]
        return F.scaled_dot_product_attention(q, self.k, self.v, is_causal=True)

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="No mask at all: decoding steps are right, but positions of a prompt see later ones.")
class PromptSeesFuture:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        if not q.shape[-2] == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        self.length += q.shape[-2]
        return F.scaled_dot_product_attention(q, self.k, self.v)

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="Only the last keys and values are kept: each call forgets the past.")
class ForgetsPast:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        if not q.shape[-2] == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.k, self.v = k, v
        self.length += q.shape[-2]
        return F.scaled_dot_product_attention(q, self.k, self.v, is_causal=True)

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="reset sets the length to 0 but keeps the old keys and values.")
class ResetKeepsKeys:
    def __init__(self):
        self.k, self.v, self.length = None, None, 0

    def step(self, q, k, v):
        m = q.shape[-2]
        if not m == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        self.length += m
        mask = torch.ones(m, self.k.shape[-2], dtype=torch.bool).tril(diagonal=self.k.shape[-2] - m)
        return F.scaled_dot_product_attention(q, self.k, self.v, attn_mask=mask)

    def reset(self):
        self.length = 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="The cache is checked after it was changed, so a refused step leaves wrong keys behind.")
class ChangesBeforeCheck:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        m, past = q.shape[-2], self.length
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        if not m == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.length = past + m
        mask = torch.ones(m, self.length, dtype=torch.bool).tril(diagonal=past)
        return F.scaled_dot_product_attention(q, self.k, self.v, attn_mask=mask)

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="length counts calls instead of positions.")
class CountsCalls:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        m = q.shape[-2]
        if not m == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        self.length += 1
        mask = torch.ones(m, self.k.shape[-2], dtype=torch.bool).tril(diagonal=self.k.shape[-2] - m)
        return F.scaled_dot_product_attention(q, self.k, self.v, attn_mask=mask)

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="Keys and values are kept on the class: two caches in use at once overwrite each other.")
class KeptOnTheClass:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        m, past, kind = q.shape[-2], self.length, type(self)
        if not m == k.shape[-2] == v.shape[-2]:
            raise ValueError("positions")
        kind.k = k if past == 0 else torch.cat([kind.k, k], dim=-2)
        kind.v = v if past == 0 else torch.cat([kind.v, v], dim=-2)
        self.length = past + m
        mask = torch.ones(m, kind.k.shape[-2], dtype=torch.bool).tril(diagonal=kind.k.shape[-2] - m)
        return F.scaled_dot_product_attention(q, kind.k, kind.v, attn_mask=mask)

    def reset(self):
        self.length = 0


@wrong("KVCache", caught_by="test_KVCache", section="attention-cache",
       misconception="Later positions get 1e4 less in their scores, not −∞: a prompt sees its future where scores are large.")
class FutureMadeSmall:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        m = q.shape[-2]
        if k.shape[-2] != m or v.shape[-2] != m:
            raise ValueError("one query, key and value per new position")
        self.k = k if self.k is None else torch.cat([self.k, k], dim=-2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=-2)
        past, self.length = self.length, self.length + m
        allowed = torch.ones(m, self.length, dtype=q.dtype).tril(past)
        scores = q @ self.k.mT / math.sqrt(q.shape[-1]) - 1e4 * (1 - allowed)
        return scores.softmax(-1) @ self.v

    def reset(self):
        self.k, self.v, self.length = None, None, 0


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="Each head is given the full width, so the cost grows with the number of heads.")
def full_width_heads(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    return {"projections": 4 * n * d_model**2, "scores": n_heads * n**2 * d_model, "values": n_heads * n**2 * d_model,
            "weights_bytes": n_heads * n**2 * bytes_per_number, "cache_bytes": 2 * n * d_model * bytes_per_number}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="The output projection is forgotten: three products instead of four.")
def three_projections(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    return {"projections": 3 * n * d_model**2, "scores": n**2 * d_model, "values": n**2 * d_model,
            "weights_bytes": n_heads * n**2 * bytes_per_number, "cache_bytes": 2 * n * d_model * bytes_per_number}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="The weights of one head only are counted.")
def weights_of_one_head(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    return {"projections": 4 * n * d_model**2, "scores": n**2 * d_model, "values": n**2 * d_model,
            "weights_bytes": n**2 * bytes_per_number, "cache_bytes": 2 * n * d_model * bytes_per_number}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="The cache counts keys without values.")
def cache_without_values(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    return {"projections": 4 * n * d_model**2, "scores": n**2 * d_model, "values": n**2 * d_model,
            "weights_bytes": n_heads * n**2 * bytes_per_number, "cache_bytes": n * d_model * bytes_per_number}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="Four bytes per number are taken for granted.")
def always_four_bytes(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    return {"projections": 4 * n * d_model**2, "scores": n**2 * d_model, "values": n**2 * d_model,
            "weights_bytes": 4 * n_heads * n**2, "cache_bytes": 8 * n * d_model}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="True division makes floats of the counts.")
def float_counts(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    d = d_model / n_heads
    return {"projections": 4 * n * d_model**2, "scores": n_heads * n**2 * d, "values": n_heads * n**2 * d,
            "weights_bytes": n_heads * n**2 * bytes_per_number, "cache_bytes": 2 * n * d_model * bytes_per_number}


@wrong("attention_cost", caught_by="test_attention_cost", section="attention-cost",
       misconception="int() of a float gives back the type and not the digits: counts above 2**53 are rounded.")
def int_of_floats(n, d_model, n_heads, bytes_per_number=4):
    d = d_model / n_heads
    if d != int(d):
        raise ValueError("the heads don't divide the width")
    return {"projections": 4 * n * d_model**2, "scores": int(n_heads * n**2 * d), "values": int(n_heads * n**2 * d),
            "weights_bytes": n_heads * n**2 * bytes_per_number, "cache_bytes": 2 * n * d_model * bytes_per_number}
