"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from autograder.catalogue import rewritten


@rewritten("causal_mask", of="causal_top_left")
def causal_mask_1(n_q, n_k=None):
    if n_k is None:
        n_k = n_q
    if n_q > n_k:
        raise ValueError("too many queries")
    mask = np.zeros((n_q, n_k), dtype=bool)
    for i in range(n_q):
        mask[i, : i + 1] = True
    return mask


@rewritten("causal_mask", of="causal_inverted")
def causal_mask_2(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_k < n_q:
        raise ValueError("too many queries")
    return np.triu(np.ones((n_q, n_k), dtype=bool), k=1 + n_k - n_q)


@rewritten("padding_mask", of="padding_one_too_many")
def padding_mask_1(lengths, n_k):
    if min(lengths) < 0 or max(lengths) > n_k:
        raise ValueError("length")
    return np.array([[[[j <= length for j in range(n_k)]]] for length in lengths], dtype=bool)


@rewritten("scaled_dot_product_attention", of="no_scale")
def attention_1(q, k, v, mask=None, scale=None):
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("shapes do not fit")
    scores = np.einsum("...id,...jd->...ij", q, k)
    if scale is not None:
        scores = scores * scale
    if mask is not None:
        if mask.dtype != np.bool_:
            raise TypeError("boolean mask")
        scores = np.where(mask, scores, -np.inf)
    high = np.max(scores, axis=-1, keepdims=True)
    high[np.isinf(high)] = 0
    e = np.exp(scores - high)
    s = e.sum(-1, keepdims=True)
    s[s == 0] = 1
    return (e / s) @ v, e / s


@rewritten("scaled_dot_product_attention", of="softmax_over_queries")
def attention_2(q, k, v, mask=None, scale=None):
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("shapes do not fit")
    s = q.shape[-1] ** -0.5 if scale is None else scale
    scores = (q @ np.moveaxis(k, -1, -2)) * s
    if mask is not None:
        if mask.dtype != bool:
            raise TypeError("boolean mask")
        scores = np.where(mask, scores, -np.inf)
    high = scores.max(-2, keepdims=True)
    e = np.exp(scores - np.where(np.isinf(high), 0, high))
    total = e.sum(-2, keepdims=True)
    w = np.divide(e, total, out=np.zeros_like(e), where=total != 0)
    return w @ v, w


@rewritten("scaled_dot_product_attention", of="mask_after_softmax")
def attention_3(q, k, v, mask=None, scale=None):
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("shapes do not fit")
    if mask is not None and mask.dtype != bool:
        raise TypeError("boolean mask")
    s = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = q @ k.swapaxes(-1, -2) * s
    e = np.exp(scores - scores.max(-1, keepdims=True))
    w = e / e.sum(-1, keepdims=True)
    if mask is not None:
        w = w * mask
    return w @ v, w


@rewritten("attention_backward", of="no_mean_term")
def backward_1(d_output, q, k, v, weights, scale=None):
    s = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    gradient = np.einsum("...ic,...jc->...ij", d_output, v) * weights * s
    return gradient @ k, np.einsum("...ij,...id->...jd", gradient, q), np.einsum("...ij,...ic->...jc", weights, d_output)


@rewritten("attention_backward", of="backward_sign")
def backward_2(d_output, q, k, v, weights, scale=None):
    s = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    upstream = d_output @ v.swapaxes(-1, -2)
    inner = weights * ((weights * upstream).sum(-1, keepdims=True) - upstream)
    return s * inner @ k, s * inner.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ d_output


@rewritten("split_heads", of="split_by_reshape")
def split_heads_1(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("width")
    return x.reshape(len(x), n_heads, x.shape[1], -1)


@rewritten("attention_cost", of="three_projections")
def attention_cost_1(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("width")
    products = n * n * d_model
    return {
        "projections": 3 * d_model * d_model * n,
        "scores": products,
        "values": products,
        "weights_bytes": bytes_per_number * n_heads * n * n,
        "cache_bytes": bytes_per_number * 2 * d_model * n,
    }


@rewritten("KVCache", of="ForgetsPast")
class Cache:
    def __init__(self):
        self.length = 0

    def step(self, q, k, v):
        if not q.shape[-2] == k.shape[-2] == v.shape[-2]:
            raise ValueError("one of each")
        self.length += q.shape[-2]
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def reset(self):
        self.length = 0
