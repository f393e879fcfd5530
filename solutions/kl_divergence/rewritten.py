"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""

import numpy as np
import torch

from autograder.catalogue import rewritten


@rewritten("kl_discrete", of="swapped_arguments")
def kl_discrete_1(p, q):
    a, b = np.array(q, float), np.array(p, float)
    if a.shape != b.shape:
        raise ValueError("shapes")
    if np.any(a < 0) or np.any(b < 0) or not np.allclose(a.sum(-1), 1) or not np.allclose(b.sum(-1), 1):
        raise ValueError("no distribution")
    with np.errstate(all="ignore"):
        terms = a * np.log(a / b)
    terms[a == 0] = 0
    return terms.sum(-1)


@rewritten("kl_discrete", of="in_bits")
def kl_discrete_2(p, q):
    p, q = np.array(p, float), np.array(q, float)
    if p.shape != q.shape:
        raise ValueError("shapes")
    if np.any(p < 0) or np.any(q < 0) or np.any(abs(p.sum(-1) - 1) > 1e-6) or np.any(abs(q.sum(-1) - 1) > 1e-6):
        raise ValueError("no distribution")
    with np.errstate(all="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(q)) / np.log(2.0), 0.0)
    return np.sum(terms, axis=-1)


@rewritten("kl_discrete", of="drops_zeros_of_q")
def kl_discrete_3(p, q):
    p, q = np.array(p, float), np.array(q, float)
    if p.shape != q.shape or np.any(p < 0) or np.any(q < 0):
        raise ValueError("bad input")
    if np.any(abs(p.sum(-1) - 1) > 1e-6) or np.any(abs(q.sum(-1) - 1) > 1e-6):
        raise ValueError("no distribution")
    both = (p != 0) & (q != 0)
    ratio = np.divide(p, q, out=np.ones_like(p), where=both)
    return np.sum(p * np.log(ratio), axis=-1)


@rewritten("kl_discrete", of="mean_for_sum")
def kl_discrete_4(p, q):
    p, q = np.array(p, float), np.array(q, float)
    if p.shape != q.shape or np.any(p < 0) or np.any(q < 0):
        raise ValueError("bad input")
    if np.any(abs(p.sum(-1) - 1) > 1e-6) or np.any(abs(q.sum(-1) - 1) > 1e-6):
        raise ValueError("no distribution")
    from scipy.special import rel_entr

    return rel_entr(p, q).sum(-1) / p.shape[-1]


@rewritten("js_divergence", of="weight_ignored")
def js_divergence_1(p, q, weight=0.5):
    if weight < 0 or weight > 1:
        raise ValueError("weight")
    from scipy.special import rel_entr

    p, q = np.array(p, float), np.array(q, float)
    m = (p + q) / 2
    return (rel_entr(p, m).sum(-1) + rel_entr(q, m).sum(-1)) / 2


@rewritten("js_divergence", of="distance_for_divergence")
def js_divergence_2(p, q, weight=0.5):
    if weight < 0 or weight > 1:
        raise ValueError("weight")
    from scipy.special import entr

    p, q = np.array(p, float), np.array(q, float)
    gap = entr(weight * p + (1 - weight) * q).sum(-1) - weight * entr(p).sum(-1) - (1 - weight) * entr(q).sum(-1)
    return np.sqrt(np.maximum(gap, 0))


@rewritten("gaussian_kl_diag", of="no_half")
def gaussian_kl_diag_1(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = map(np.asarray, (mu_p, var_p, mu_q, var_q))
    if np.any(var_p <= 0) or np.any(var_q <= 0):
        raise ValueError("variance")
    difference = np.asarray(mu_p, float) - mu_q
    return np.sum(var_p / var_q + difference * difference / var_q - 1 - np.log(var_p / var_q), axis=-1)


@rewritten("gaussian_kl_diag", of="swapped_gaussians")
def gaussian_kl_diag_2(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.array(x, float) for x in (mu_p, var_p, mu_q, var_q))
    if np.any(var_p <= 0) or np.any(var_q <= 0):
        raise ValueError("variance")
    log_ratio = np.log(np.sqrt(var_p)) - np.log(np.sqrt(var_q))
    return (log_ratio + (var_q + (mu_q - mu_p) ** 2) / (2 * var_p) - 0.5).sum(-1)


@rewritten("vae_loss", of="sum_over_batch")
def vae_loss(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    likelihood = (x * torch.nn.functional.logsigmoid(logits) + (1 - x) * torch.nn.functional.logsigmoid(-logits)).sum()
    divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - torch.exp(logvar))
    return beta * divergence - likelihood


@rewritten("gaussian_kl_full", of="squeezed_solution")
def gaussian_kl_full(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.array(x, float) for x in (mu_p, cov_p, mu_q, cov_q))
    if np.abs(cov_p - cov_p.swapaxes(-1, -2)).max() > 1e-8 or np.abs(cov_q - cov_q.swapaxes(-1, -2)).max() > 1e-8:
        raise ValueError("symmetric")
    if np.linalg.eigvalsh(cov_p).min() <= 0 or np.linalg.eigvalsh(cov_q).min() <= 0:
        raise ValueError("positive definite")
    column = (mu_q - mu_p)[..., None]
    solved = np.squeeze(np.linalg.solve(cov_q, column))
    quadratic = (np.squeeze(column) * solved).sum(axis=-1)
    trace = np.trace(np.linalg.solve(cov_q, cov_p), axis1=-2, axis2=-1)
    volume = np.linalg.slogdet(cov_q).logabsdet - np.linalg.slogdet(cov_p).logabsdet
    return (volume + trace + quadratic - mu_p.shape[-1]) / 2


@rewritten("fit_forward", of="inner_for_outer")
def fit_forward(weights, means, covs):
    w, m, s = np.array(weights, float), np.array(means, float), np.array(covs, float)
    if w.min() < 0 or abs(np.sum(w) - 1) > 1e-6:
        raise ValueError("weights")
    centre = np.sum(w[:, None] * m, axis=0)
    total = np.zeros_like(s[0])
    for k in range(len(w)):
        difference = m[k] - centre
        total += w[k] * s[k] + w[k] * np.dot(difference, difference)
    return centre, total


@rewritten("reverse_kl_and_gradient", of="forward_differences_of_f")
def reverse_kl_and_gradient_1(theta, weights, means, stds):
    from scipy.optimize import approx_fprime
    from scipy.stats import norm

    w, m, s = np.array(weights, float), np.array(means, float), np.array(stds, float)

    def objective(t):
        x = t[0] + np.exp(t[1]) * NODES
        log_p = logsumexp(np.log(w) + norm.logpdf(x[:, None], m, s), axis=1)
        return -t[1] - 0.5 * np.log(2 * np.pi) - 0.5 - np.dot(NODE_WEIGHTS, log_p)

    t = np.array(theta, float)
    return objective(t), approx_fprime(t, objective)


@rewritten("reverse_kl_and_gradient", of="differences_of_f")
def reverse_kl_and_gradient_2(theta, weights, means, stds):
    w, m, s = np.array(weights, float), np.array(means, float), np.array(stds, float)

    def objective(t):
        x = t[0] + np.exp(t[1]) * NODES
        logs = np.log(w / (s * np.sqrt(2 * np.pi))) - (x[:, None] - m) ** 2 / (2 * s**2)
        return -t[1] - 0.5 * np.log(2 * np.pi) - 0.5 - np.sum(NODE_WEIGHTS * logsumexp(logs, axis=1))

    t, steps = np.array(theta, float), 1e-6 * np.eye(2)
    return objective(t), np.array([objective(t + step) - objective(t - step) for step in steps]) / 2e-6
