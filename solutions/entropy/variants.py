"""Right solutions of Entropy and mutual information, written otherwise: every test must pass them."""

import heapq
import math

import numpy as np

from autograder.catalogue import variant


@variant("entropy", why="the library's -x log x, which knows about zeros")
def entropy_library(p, base=math.e):
    from scipy.special import entr

    p = np.array(p, dtype=float)
    if not base > 1 or np.any(p < 0) or np.any(abs(p.sum(-1) - 1) > 1e-6):
        raise ValueError("input")
    return entr(p).sum(-1) / math.log(base)


@variant("entropy", why="a loop over distributions and outcomes")
def entropy_loop(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1:
        raise ValueError("base")
    out = np.zeros(p.shape[:-1])
    for index in np.ndindex(out.shape):
        row = p[index]
        if min(row) < 0 or abs(sum(row) - 1) > 1e-6:
            raise ValueError("distribution")
        out[index] = -sum(v * math.log(v, base) for v in row if v > 0)
    return out


@variant("entropy", why="SciPy's entropy, which divides by the sum once more")
def entropy_scipy(p, base=math.e):
    from scipy.stats import entropy as library

    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or not np.allclose(p.sum(axis=-1), 1, rtol=0, atol=1e-6):
        raise ValueError("input")
    return library(p, base=base, axis=-1)


@variant("entropy", why="the logarithm of 2 with a where, changed to the base at the end")
def entropy_log2(p, base=math.e):
    p = np.array(p, dtype=np.float64)
    if base <= 1 or p.min(initial=0) < 0 or np.abs(p.sum(-1) - 1).max(initial=0) > 1e-6:
        raise ValueError("input")
    logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
    return -np.einsum("...k,...k->...", p, logs) / np.log2(base)


@variant("perplexity", why="the mean as a weighted sum, padding replaced before it")
def perplexity_where(log_probs, mask=None):
    log_probs = np.array(log_probs, dtype=float)
    mask = np.full_like(log_probs, True, dtype=bool) if mask is None else np.array(mask, dtype=bool)
    if mask.shape != log_probs.shape or mask.sum() == 0:
        raise ValueError("mask")
    return np.exp(-np.where(mask, log_probs, 0).sum() / mask.sum())


@variant("perplexity", why="a loop over the tokens")
def perplexity_loop(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    if mask is not None and np.shape(mask) != log_probs.shape:
        raise ValueError("shapes")
    total, count = 0.0, 0
    for index in np.ndindex(log_probs.shape):
        if mask is None or np.asarray(mask)[index]:
            total, count = total - log_probs[index], count + 1
    if count == 0:
        raise ValueError("nothing counts")
    return float(np.exp(total / count))


@variant("perplexity", why="a weighted average, the mask as weights")
def perplexity_average(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones_like(log_probs, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if np.shape(mask) != np.shape(log_probs) or not np.any(mask):
        raise ValueError("mask")
    return float(np.exp(np.average(-np.where(mask, log_probs, 0.0), weights=mask)))


@variant("cross_entropy", why="SciPy's logsumexp and the smoothed target as an array")
def cross_entropy_target(logits, labels, smoothing=0.0):
    from scipy.special import logsumexp

    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    classes = logits.shape[-1]
    if np.any((labels < 0) | (labels >= classes)) or smoothing < 0 or smoothing > 1:
        raise ValueError("input")
    target = (1 - smoothing) * (np.arange(classes) == labels[..., None]) + smoothing / classes
    return (target * (logsumexp(logits, axis=-1, keepdims=True) - logits)).sum(axis=-1)


@variant("cross_entropy", why="PyTorch's own, in float64")
def cross_entropy_torch(logits, labels, smoothing=0.0):
    import torch

    logits, labels = np.array(logits, dtype=np.float64), np.array(labels, dtype=np.int64)
    if ((labels < 0) | (labels >= logits.shape[-1])).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    log_q = torch.log_softmax(torch.from_numpy(logits), dim=-1)
    picked = log_q.gather(-1, torch.from_numpy(labels)[..., None])[..., 0]
    return (-(1 - smoothing) * picked - smoothing * log_q.mean(dim=-1)).numpy()


@variant("cross_entropy", why="PyTorch's loss with its own label smoothing")
def cross_entropy_smoothed_torch(logits, labels, smoothing=0.0):
    import torch
    import torch.nn.functional as F

    z, y = torch.tensor(np.array(logits, dtype=np.float64)), torch.tensor(np.array(labels, dtype=np.int64))
    classes = z.shape[-1]
    if ((y < 0) | (y >= classes)).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    losses = F.cross_entropy(z.reshape(-1, classes), y.reshape(-1), reduction="none", label_smoothing=float(smoothing))
    return losses.reshape(y.shape).numpy()


@variant("cross_entropy", why="the logarithms added up by logaddexp, no target")
def cross_entropy_logaddexp(logits, labels, smoothing=0.0):
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if np.any(y < 0) or np.any(y >= z.shape[-1]) or smoothing < 0 or smoothing > 1:
        raise ValueError("input")
    own = np.take_along_axis(z, y[..., None], axis=-1)[..., 0]
    return np.logaddexp.reduce(z, axis=-1) - (1 - smoothing) * own - smoothing * z.mean(axis=-1)


@variant("mutual_information", why="three entropies")
def information_by_entropies(table):
    table = np.asarray(table, dtype=np.float64)
    if np.min(table) < 0 or np.sum(table) == 0:
        raise ValueError("table")
    joint = table / table.sum()

    def h(p):
        return -sum(float(v) * math.log(v) for v in np.ravel(p) if v > 0)

    return h(joint.sum(axis=0)) + h(joint.sum(axis=1)) - h(joint)


@variant("mutual_information", why="the library's p log(p/q) on joint and product")
def information_library(table):
    from scipy.special import rel_entr

    table = np.array(table, dtype=float)
    if np.any(table < 0) or table.sum() <= 0:
        raise ValueError("table")
    joint = table / table.sum()
    return float(rel_entr(joint, np.outer(joint.sum(1), joint.sum(0))).sum())


@variant("mutual_information", why="in counts throughout: log of n times n_ij over n_i n_j")
def information_in_counts(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not table.any():
        raise ValueError("table")
    n, seen = table.sum(), table > 0
    margins = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    return max(0.0, float((table[seen] / n * np.log(n * table[seen] / margins[seen])).sum()))


@variant("mutual_information", why="H(X) - H(X|Y), column by column")
def information_conditional(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or table.sum() == 0:
        raise ValueError("table")
    joint = table / table.sum()

    def h(p):
        return -sum(float(v) * math.log(v) for v in p if v > 0)

    left = sum(share * h(column / share) for column in joint.T if (share := column.sum()) > 0)
    return h(joint.sum(axis=1)) - left


@variant("huffman_lengths", why="a tree of pairs, walked at the end; ties to the newest")
def huffman_tree(weights):
    weights = [float(w) for w in weights]
    if not weights or min(weights) <= 0:
        raise ValueError("weights")
    heap = [(w, -i, i) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    serial = len(weights)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (a[0] + b[0], -serial, (a[2], b[2])))
        serial += 1
    lengths, stack = np.zeros(len(weights), dtype=np.int64), [(heap[0][2], 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, tuple):
            stack += [(child, depth + 1) for child in node]
        else:
            lengths[node] = depth
    return lengths


@variant("huffman_lengths", why="parents in an array, ties to the oldest, sorted anew each time")
def huffman_parents(weights):
    weights = np.array(weights, dtype=float).tolist()
    if len(weights) == 0 or any(w <= 0 for w in weights):
        raise ValueError("weights")
    n, parent = len(weights), {}
    alive = list(range(n))
    while len(alive) > 1:
        alive.sort(key=lambda node: weights[node])
        new = len(weights)
        weights.append(weights[alive[0]] + weights[alive[1]])
        parent[alive[0]] = parent[alive[1]] = new
        alive = alive[2:] + [new]
    lengths = []
    for node in range(n):
        depth = 0
        while node in parent:
            node, depth = parent[node], depth + 1
        lengths.append(depth)
    return np.array(lengths)


@variant("huffman_lengths", why="two queues: the outcomes in order, and the joins, which come in order by themselves")
def huffman_queues(weights):
    w = np.asarray(weights, dtype=np.float64)
    if w.size == 0 or w.min() <= 0:
        raise ValueError("weights")
    outcomes, joins = [(float(w[i]), [int(i)]) for i in np.argsort(w, kind="stable")], []
    lengths = np.zeros(len(w), dtype=np.int32)
    while len(outcomes) + len(joins) > 1:
        pair = []
        for _ in range(2):
            queue = outcomes if outcomes and (not joins or outcomes[0][0] <= joins[0][0]) else joins
            pair.append(queue.pop(0))
        members = pair[0][1] + pair[1][1]
        lengths[members] += 1
        joins.append((pair[0][0] + pair[1][0], members))
    return lengths


@variant("huffman_lengths", why="the proof by induction as a recursion on the joined alphabet")
def huffman_recursion(weights):
    w = [float(v) for v in np.asarray(weights).ravel()]
    if not w or min(w) <= 0:
        raise ValueError("weights")

    def lengths(w):
        if len(w) == 1:
            return [0]
        a, b, *rest = sorted(range(len(w)), key=w.__getitem__)
        *others, joined = lengths([w[i] for i in rest] + [w[a] + w[b]])
        out = dict(zip(rest, others))
        out[a] = out[b] = joined + 1
        return [out[i] for i in range(len(w))]

    return np.array(lengths(w))


@variant("gaussian_entropy", why="eigenvalues")
def gaussian_eigenvalues(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or np.abs(cov - cov.T).max() > 1e-8:
        raise ValueError("shape")
    values = np.linalg.eigvalsh(cov)
    if values.min() <= 0:
        raise ValueError("not positive definite")
    return 0.5 * np.log(2 * np.pi * np.e * values).sum()


@variant("gaussian_entropy", why="slogdet for the value, Cholesky for the check")
def gaussian_slogdet(cov):
    cov = np.array(cov, dtype=float)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    try:
        np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        raise ValueError("not positive definite") from None
    return float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * cov)[1])


@variant("gaussian_entropy", why="the chain rule: one conditional variance after the other")
def gaussian_chain_rule(cov):
    cov = np.array(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or np.abs(cov - cov.T).max() > 1e-8:
        raise ValueError("shape")
    total = 0.0
    for k in range(len(cov)):
        if not cov[k, k] > 0:
            raise ValueError("not positive definite")
        total += 0.5 * math.log(2 * math.pi * math.e * cov[k, k])
        cov[k + 1 :, k + 1 :] -= np.outer(cov[k + 1 :, k], cov[k, k + 1 :]) / cov[k, k]
    return total


@variant("gaussian_entropy", why="PyTorch's Cholesky, which tells by a number that it failed")
def gaussian_torch(cov):
    import torch

    cov = np.array(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or np.abs(cov - cov.T).max() > 1e-8:
        raise ValueError("shape")
    factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(cov))
    if failed.item():
        raise ValueError("not positive definite")
    return (0.5 * len(cov) * math.log(2 * math.pi * math.e) + factor.diagonal().log().sum()).item()
