"""Right solutions of the attention assignment written in other ways: every test must pass them."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from autograder.catalogue import variant


@variant("causal_mask", why="np.tri with an offset")
def causal_by_tri(n_q, n_k=None):
    n_k = n_q if n_k is None else n_k
    if n_q > n_k:
        raise ValueError("more queries than keys")
    return np.tri(n_q, n_k, n_k - n_q, dtype=bool)


@variant("causal_mask", why="the last rows of the square mask")
def causal_last_rows(n_q, n_k=None):
    if n_k is None:
        n_k = n_q
    if n_q > n_k:
        raise ValueError("more queries than keys")
    return np.tril(np.ones((n_k, n_k), dtype=bool))[n_k - n_q :]


@variant("padding_mask", why="a loop over the batch")
def padding_loop(lengths, n_k):
    mask = np.zeros((len(lengths), 1, 1, n_k), dtype=bool)
    for b, length in enumerate(lengths):
        if not 0 <= length <= n_k:
            raise ValueError("length out of range")
        mask[b, ..., :length] = True
    return mask


@variant("scaled_dot_product_attention", why="scipy-like log-sum-exp form, scaling the queries first")
def scaled_queries(q, k, v, mask=None, scale=None):
    if q.shape[-1] != k.shape[-1]:
        raise ValueError("widths differ")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError("numbers of keys and values differ")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = np.einsum("...id,...jd->...ij", q * scale, k)
    allowed = np.ones_like(scores, dtype=bool)
    if mask is not None:
        if np.asarray(mask).dtype != np.bool_:
            raise TypeError("boolean mask expected")
        allowed &= mask
    top = np.max(scores, axis=-1, keepdims=True, where=allowed, initial=np.finfo(scores.dtype).min)
    powers = np.zeros_like(scores)
    np.exp(scores - top, out=powers, where=allowed)
    total = powers.sum(-1, keepdims=True)
    weights = np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)
    return weights @ v, weights


@variant("scaled_dot_product_attention", why="through torch, in the dtype of the inputs")
def through_torch(q, k, v, mask=None, scale=None):
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("shapes don't fit")
    if mask is not None and mask.dtype != bool:
        raise TypeError("boolean mask expected")
    tq, tk, tv = (torch.from_numpy(np.ascontiguousarray(x)) for x in (q, k, v))
    scores = tq @ tk.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~torch.from_numpy(np.ascontiguousarray(mask)), -math.inf)
    weights = torch.nan_to_num(torch.softmax(scores, -1), nan=0.0)
    return (weights @ tv).numpy(), weights.numpy()


@variant("scaled_dot_product_attention", why="the smallest finite number for −∞, and the mask once more after the softmax")
def smallest_fill(q, k, v, mask=None, scale=None):
    if k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError("shapes don't fit")
    if mask is not None and mask.dtype != bool:
        raise TypeError("boolean mask expected")
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    allowed = np.broadcast_to(True if mask is None else mask, scores.shape)
    scores = np.where(allowed, scores, np.finfo(scores.dtype).min)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True) * allowed
    return weights @ v, weights


@variant("attention_backward", why="einsum, with the mean taken as output · dO, as flash attention does")
def backward_einsum(d_output, q, k, v, weights, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    d_v = np.einsum("...ij,...ic->...jc", weights, d_output)
    d_weights = np.einsum("...ic,...jc->...ij", d_output, v)
    mean = ((weights @ v) * d_output).sum(-1, keepdims=True)
    d_scores = scale * weights * (d_weights - mean)
    return np.einsum("...ij,...jd->...id", d_scores, k), np.einsum("...ij,...id->...jd", d_scores, q), d_v


@variant("attention_backward", why="the full softmax Jacobian of each row")
def backward_jacobian(d_output, q, k, v, weights, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    eye = np.eye(weights.shape[-1], dtype=weights.dtype)
    jacobian = weights[..., :, None] * (eye - weights[..., None, :])
    d_weights = d_output @ v.swapaxes(-1, -2)
    d_scores = (jacobian @ d_weights[..., None])[..., 0]
    return scale * d_scores @ k, scale * d_scores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ d_output


@variant("split_heads", why="chunks stacked on a new axis")
def split_by_chunks(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("the heads don't divide the width")
    return torch.stack(torch.split(x, x.shape[-1] // n_heads, dim=-1), dim=1)


@variant("split_heads", why="unflatten and movedim")
def split_unflatten(x, n_heads):
    if x.shape[-1] % n_heads != 0:
        raise ValueError("the heads don't divide the width")
    return x.unflatten(-1, (n_heads, x.shape[-1] // n_heads)).movedim(2, 1)


@variant("split_heads", why="the chapter's reshape, which leaves the width of a head to PyTorch")
def split_minus_one(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("the heads don't divide the width")
    return x.view(*x.shape[:-1], n_heads, -1).transpose(-2, -3)


@variant("merge_heads", why="the heads concatenated")
def merge_cat(x):
    return torch.cat(list(x.unbind(1)), dim=-1)


@variant("merge_heads", why="permute, contiguous and view")
def merge_view(x):
    batch, n_heads, length, d = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(batch, length, n_heads * d)


@variant("merge_heads", why="a reshape that leaves the width to PyTorch")
def merge_minus_one(x):
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)


@variant("multi_head_attention", why="a loop over heads")
def head_by_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    d = width // n_heads
    allowed = None if mask is None else torch.broadcast_to(mask, (batch, n_heads, length, length))
    heads = []
    for i in range(n_heads):
        block = slice(i * d, (i + 1) * d)
        scores = (x @ w_q[:, block]) @ (x @ w_k[:, block]).mT / math.sqrt(d)
        if allowed is not None:
            scores = torch.where(allowed[:, i], scores, -math.inf)
        heads.append(scores.softmax(-1) @ (x @ w_v[:, block]))
    return torch.cat(heads, dim=-1) @ w_o


@variant("multi_head_attention", why="PyTorch's own kernel and one merged projection")
def with_the_library(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    qkv = (x @ torch.cat([w_q, w_k, w_v], dim=1)).reshape(batch, length, 3, n_heads, width // n_heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2) @ w_o


@variant("multi_head_attention", why="heads folded into the batch, the smallest finite number for −∞")
def heads_in_the_batch(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    batch, length, width = x.shape
    q, k, v = ((x @ w).unflatten(-1, (n_heads, -1)).transpose(1, 2).flatten(0, 1) for w in (w_q, w_k, w_v))
    scores = torch.bmm(q, k.mT) * (width // n_heads) ** -0.5
    if mask is not None:
        hidden = ~mask.expand(batch, n_heads, length, length).flatten(0, 1)
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
    heads = torch.bmm(scores.softmax(-1), v).unflatten(0, (batch, n_heads))
    return heads.transpose(1, 2).flatten(2) @ w_o


@variant("KVCache", why="lists of chunks, joined when needed")
class ListCache:
    def __init__(self):
        self.keys, self.values, self.length = [], [], 0

    def step(self, q, k, v):
        if len({q.shape[2], k.shape[2], v.shape[2]}) != 1:
            raise ValueError("one query, key and value per new position")
        self.keys.append(k)
        self.values.append(v)
        self.length += k.shape[2]
        keys, values = torch.cat(self.keys, 2), torch.cat(self.values, 2)
        scores = q @ keys.mT / q.shape[-1] ** 0.5
        position = torch.arange(self.length)
        scores = scores.masked_fill(position > position[-q.shape[2] :, None], -math.inf)
        return scores.softmax(-1) @ values

    def reset(self):
        self.__init__()


@variant("KVCache", why="a loop over the new positions, no mask")
class OneAtATime:
    def __init__(self):
        self.reset()

    def step(self, q, k, v):
        m = k.shape[-2]
        if q.shape[-2] != m or v.shape[-2] != m:
            raise ValueError("one query, key and value per new position")
        if self.length == 0:
            self.k, self.v = k[..., :0, :], v[..., :0, :]
        outputs = []
        for i in range(m):
            self.k = torch.cat([self.k, k[..., i : i + 1, :]], dim=-2)
            self.v = torch.cat([self.v, v[..., i : i + 1, :]], dim=-2)
            outputs.append(F.scaled_dot_product_attention(q[..., i : i + 1, :], self.k, self.v))
        self.length += m
        return torch.cat(outputs, dim=-2)

    def reset(self):
        self.length = 0


@variant("KVCache", why="one buffer that doubles when it is full")
class DoublingCache:
    def __init__(self):
        self.length, self.buffers = 0, None

    def step(self, q, k, v):
        m = q.shape[-2]
        if not m == k.shape[-2] == v.shape[-2]:
            raise ValueError("one query, key and value per new position")
        if self.buffers is None:
            self.buffers = [x.new_empty(*x.shape[:2], 1, x.shape[-1]) for x in (k, v)]
        end = self.length + m
        while self.buffers[0].shape[2] < end:
            self.buffers = [torch.cat([b, torch.empty_like(b)], dim=2) for b in self.buffers]
        for buffer, new in zip(self.buffers, (k, v)):
            buffer[:, :, self.length : end] = new
        keys, values = (b[:, :, :end] for b in self.buffers)
        late = torch.arange(end) > torch.arange(self.length, end)[:, None]
        self.length = end
        scores = (q @ keys.mT / math.sqrt(q.shape[-1])).masked_fill(late, -math.inf)
        return scores.softmax(-1) @ values

    reset = __init__


@variant("attention_cost", why="simplified by hand: heads cancel")
def heads_cancel(n, d_model, n_heads, bytes_per_number=4):
    if d_model % n_heads:
        raise ValueError("the heads don't divide the width")
    pairs = n * n
    return dict(projections=4 * n * d_model * d_model, scores=pairs * d_model, values=pairs * d_model,
                weights_bytes=n_heads * pairs * bytes_per_number, cache_bytes=2 * n * d_model * bytes_per_number)


@variant("attention_cost", why="summed head by head")
def summed(n, d_model, n_heads, bytes_per_number=4):
    d, rest = divmod(d_model, n_heads)
    if rest:
        raise ValueError("the heads don't divide the width")
    cost = {"projections": 4 * n * d_model * d_model, "scores": 0, "values": 0, "weights_bytes": 0, "cache_bytes": 0}
    for _ in range(n_heads):
        cost["scores"] += n * d * n
        cost["values"] += n * n * d
        cost["weights_bytes"] += n * n * bytes_per_number
        cost["cache_bytes"] += 2 * n * d * bytes_per_number
    return cost
