"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""

import math

import numpy as np

from autograder.catalogue import rewritten


@rewritten("entropy", of="base_ignored")
def entropy_1(p, base=math.e):
    p = np.array(p, float)
    if not base > 1 or np.any(p < 0) or not np.allclose(np.sum(p, axis=-1), 1, rtol=0, atol=1e-6):
        raise ValueError("no distribution")
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return -np.sum(p * logs, axis=-1)


@rewritten("entropy", of="mean_over_outcomes")
def entropy_2(p, base=math.e):
    p = np.array(p, float)
    if not base > 1 or np.any(p < 0) or np.any(abs(np.sum(p, axis=-1) - 1) > 1e-6):
        raise ValueError("no distribution")
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return -np.sum(p * logs, axis=-1) / p.shape[-1] / math.log(base)


@rewritten("perplexity", of="padding_counted")
def perplexity_1(log_probs, mask=None):
    log_probs = np.array(log_probs, float)
    if mask is not None and np.shape(mask) != log_probs.shape:
        raise ValueError("shape")
    if log_probs.size == 0 or (mask is not None and not np.any(mask)):
        raise ValueError("nothing to count")
    return math.exp(-np.sum(log_probs) / log_probs.size)


@rewritten("perplexity", of="power_of_two")
def perplexity_2(log_probs, mask=None):
    values = np.array(log_probs, float)
    if mask is not None:
        if np.shape(mask) != values.shape:
            raise ValueError("shape")
        values = values[np.array(mask, bool)]
    if values.size == 0:
        raise ValueError("nothing to count")
    return float(np.exp2(-np.mean(values)))


@rewritten("cross_entropy", of="averaged")
def cross_entropy_1(logits, labels, smoothing=0.0):
    z, y = np.array(logits, float), np.array(labels)
    if np.any(y < 0) or np.any(y >= z.shape[-1]) or smoothing < 0 or smoothing > 1:
        raise ValueError("labels or smoothing")
    z = z - z.max(axis=-1, keepdims=True)
    logq = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    target = np.full(z.shape, smoothing / z.shape[-1])
    np.put_along_axis(target, y[..., None], smoothing / z.shape[-1] + 1 - smoothing, axis=-1)
    return np.mean(-np.sum(target * logq, axis=-1))


@rewritten("mutual_information", of="in_bits")
def mutual_information_1(table):
    t = np.array(table, float)
    if np.any(t < 0) or t.sum() == 0:
        raise ValueError("table")
    t = t / t.sum()
    rows, columns = t.sum(axis=1), t.sum(axis=0)
    return float(sum(t[i, j] * np.log2(t[i, j] / (rows[i] * columns[j])) for i, j in np.argwhere(t > 0)))


@rewritten("huffman_lengths", of="rounded_surprise")
def huffman_1(weights):
    w = np.array(weights, float)
    if w.size == 0 or np.any(w <= 0):
        raise ValueError("weights")
    return np.array([math.ceil(-math.log2(x / w.sum()) - 1e-12) for x in w])


@rewritten("gaussian_entropy", of="without_e")
def gaussian_1(cov):
    c = np.array(cov, float)
    if c.ndim != 2 or c.shape[0] != c.shape[1] or np.any(abs(c - c.T) > 1e-8):
        raise ValueError("symmetric")
    eigenvalues = np.linalg.eigvalsh(c)
    if eigenvalues[0] <= 0:
        raise ValueError("definite")
    return float(0.5 * np.sum(np.log(2 * math.pi * eigenvalues)))
