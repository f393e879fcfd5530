"""Right solutions written differently; every test must pass them with every seed."""

import numpy as np
import torch
from autograder.catalogue import variant


@variant("kl_discrete", why="a loop over distributions and their supports")
def kl_loop(p, q):
    p, q = np.array(p, dtype=float), np.array(q, dtype=float)
    if p.shape != q.shape:
        raise ValueError("shapes differ")
    out = np.zeros(p.shape[:-1])
    for index in np.ndindex(*p.shape[:-1]):
        a, b = p[index], q[index]
        if np.any(a < 0) or np.any(b < 0) or abs(a.sum() - 1) > 1e-6 or abs(b.sum() - 1) > 1e-6:
            raise ValueError("not a distribution")
        on = a > 0
        out[index] = np.sum(a[on] * (np.log(a[on]) - np.log(b[on])))
    return out if p.ndim > 1 else float(out)


@variant("kl_discrete", why="cross-entropy minus entropy, with np.where after the fact")
def kl_where(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape or np.any(p < 0) or np.any(q < 0):
        raise ValueError("not two distributions of one shape")
    if np.any(abs(p.sum(-1) - 1) > 1e-6) or np.any(abs(q.sum(-1) - 1) > 1e-6):
        raise ValueError("sums")
    cross_entropy = -np.where(p > 0, p * np.log(q), 0.0).sum(-1)
    entropy = -np.where(p > 0, p * np.log(p), 0.0).sum(-1)
    return cross_entropy - entropy


@variant("js_divergence", why="the definition, with two divergences from the mixture")
def js_by_definition(p, q, weight=0.5):
    if weight < 0 or weight > 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    m = weight * p + (1 - weight) * q
    left = np.where((p > 0) & (m > 0), p * np.log(p / m), 0.0).sum(axis=-1)
    right = np.where((q > 0) & (m > 0), q * np.log(q / m), 0.0).sum(axis=-1)
    return weight * left + (1 - weight) * right


@variant("js_divergence", why="SciPy's elementwise entropy")
def js_with_scipy(p, q, weight=0.5):
    from scipy.special import entr

    if not (0 <= weight <= 1):
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    return (entr(weight * p + (1 - weight) * q) - weight * entr(p) - (1 - weight) * entr(q)).sum(-1)


@variant("gaussian_kl_diag", why="four sums, as in the derivation")
def diag_four_sums(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (mu_p, var_p, mu_q, var_q)))
    if np.any(var_p <= 0) or np.any(var_q <= 0):
        raise ValueError("variances")
    d = mu_p.shape[-1]
    ratio = var_p / var_q
    return 0.5 * (ratio.sum(-1) - np.log(ratio).sum(-1) + ((mu_p - mu_q) ** 2 / var_q).sum(-1) - d)


@variant("gaussian_kl_diag", why="with standard deviations, one dimension at a time")
def diag_with_sigmas(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if var_p.size and var_p.min() <= 0 or var_q.size and var_q.min() <= 0:
        raise ValueError("variances")
    s, t = np.sqrt(var_p), np.sqrt(var_q)
    return np.sum(np.log(t / s) + 0.5 * (s / t) ** 2 + 0.5 * ((mu_p - mu_q) / t) ** 2 - 0.5, axis=-1)


@variant("gaussian_kl_full", why="slogdet, an inverse and eigenvalues for the check")
def full_slogdet(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if not np.allclose(cov, np.swapaxes(cov, -1, -2), rtol=0, atol=1e-8) or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, difference = np.linalg.inv(cov_q), mu_q - mu_p
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    quadratic = np.einsum("...i,...ij,...j->...", difference, inverse, difference)
    return 0.5 * (log_ratio + np.einsum("...ij,...ji->...", inverse, cov_p) + quadratic - mu_p.shape[-1])


@variant("gaussian_kl_full", why="eigenvalues of the whitened covariance")
def full_whitened(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.any(np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-8):
            raise ValueError("covariance")
    np.linalg.cholesky(cov_p)
    low = np.linalg.cholesky(cov_q)
    white = np.linalg.solve(low, np.swapaxes(np.linalg.solve(low, cov_p), -1, -2))
    ratios = np.linalg.eigvalsh((white + np.swapaxes(white, -1, -2)) / 2)
    shift = np.linalg.solve(low, (mu_p - mu_q)[..., None])[..., 0]
    return 0.5 * (np.sum(ratios - 1 - np.log(ratios), axis=-1) + np.sum(shift**2, axis=-1))


@variant("gaussian_kl_full", why="a loop over the broadcast pairs")
def full_loop(mu_p, cov_p, mu_q, cov_q):
    arrays = [np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q)]
    lead = np.broadcast_shapes(*(a.shape[: a.ndim - core] for a, core in zip(arrays, (1, 2, 1, 2))))
    mu_p, cov_p, mu_q, cov_q = (np.broadcast_to(a, lead + a.shape[a.ndim - core :]) for a, core in zip(arrays, (1, 2, 1, 2)))
    out = np.zeros(lead)
    for i in np.ndindex(*lead):
        for cov in (cov_p[i], cov_q[i]):
            if abs(cov - cov.T).max() > 1e-8:
                raise ValueError("covariance")
        l_p, l_q = np.linalg.cholesky(cov_p[i]), np.linalg.cholesky(cov_q[i])
        a, y = np.linalg.solve(l_q, l_p), np.linalg.solve(l_q, mu_p[i] - mu_q[i])
        out[i] = np.log(np.diag(l_q) / np.diag(l_p)).sum() + 0.5 * ((a**2).sum() + y @ y - len(y))
    return out if lead else float(out)


@variant("kl_estimators", why="k3 as k1 plus the control variate")
def estimators_control_variate(log_p, log_q):
    log_p, log_q = np.array(log_p, dtype=np.float64), np.array(log_q, dtype=np.float64)
    if np.shape(log_p) != np.shape(log_q):
        raise ValueError("shapes differ")
    k1 = log_q - log_p
    return k1, k1**2 / 2, k1 + np.expm1(-k1)


@variant("kl_estimators", why="a series near one, the formula elsewhere")
def estimators_series(log_p, log_q):
    log_p, log_q = np.array(log_p, dtype=np.float64), np.array(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes differ")
    u = log_p - log_q
    small = np.abs(u) < 1e-2
    v = np.where(small, u, 0.0)
    series = v**2 / 2 + v**3 / 6 + v**4 / 24 + v**5 / 120 + v**6 / 720
    return -u, np.square(u) / 2, np.where(small, series, np.exp(u) - 1 - u)


@variant("reparameterize", why="through the standard deviation")
def reparameterize_sqrt(mu, logvar, eps):
    return torch.sqrt(torch.exp(logvar)).mul(eps).add(mu)


@variant("reparameterize", why="a distribution's affine transform")
def reparameterize_addcmul(mu, logvar, eps):
    return torch.addcmul(mu, torch.exp(logvar / 2), eps)


@variant("vae_loss", why="softplus for the cross-entropy, sums divided by the batch size")
def loss_softplus(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    nll = (torch.clamp(logits, min=0) - x * logits + torch.log1p(torch.exp(-logits.abs()))).sum()
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (nll + beta * kl) / x.shape[0]


@variant("vae_loss", why="torch.distributions for both terms")
def loss_distributions(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape:
        raise ValueError("pixels")
    if mu.shape != logvar.shape:
        raise ValueError("latents")
    posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar), validate_args=False)
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu), validate_args=False)
    log_likelihood = torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(-1)
    return (beta * torch.distributions.kl_divergence(posterior, prior).sum(-1) - log_likelihood).mean()


@variant("fit_forward", why="raw second moment minus the outer product of the mean")
def forward_raw_moments(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if np.any(weights < 0) or abs(np.sum(weights) - 1) > 1e-6:
        raise ValueError("weights")
    mean = (weights[:, None] * means).sum(0)
    second = (weights[:, None, None] * (covs + means[:, :, None] * means[:, None, :])).sum(0)
    return mean, second - np.outer(mean, mean)


@variant("fit_forward", why="a loop over the components")
def forward_loop(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError("weights")
    mean = sum(w * m for w, m in zip(weights, means))
    cov = sum(w * (s + np.outer(m - mean, m - mean)) for w, m, s in zip(weights, means, covs))
    return mean, cov


@variant("fit_reverse", why="Nelder-Mead over the mean and the logarithm of the standard deviation")
def reverse_nelder_mead(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    w, m, s = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or s.min() <= 0:
        raise ValueError("std")

    def divergence(theta):
        x = theta[0] + np.exp(theta[1]) * NODES[:, None]
        return -theta[1] - logsumexp(np.log(w / s) - (x - m) ** 2 / (2 * s**2), axis=1) @ NODE_WEIGHTS

    found = minimize(divergence, [start[0], np.log(start[1])], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    return found.x[0], np.exp(found.x[1])


@variant("fit_reverse", why="gradients by reparameterization in torch, with LBFGS")
def reverse_torch(weights, means, stds, start):
    w, m, s = (torch.tensor(np.asarray(a, dtype=np.float64)) for a in (weights, means, stds))
    if start[1] <= 0 or bool((s <= 0).any()):
        raise ValueError("std")
    theta = torch.tensor([float(start[0]), float(np.log(start[1]))], dtype=torch.float64, requires_grad=True)
    nodes, node_weights = torch.tensor(NODES), torch.tensor(NODE_WEIGHTS)
    optimizer = torch.optim.LBFGS([theta], max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-9, tolerance_change=1e-12)

    def closure():
        optimizer.zero_grad()
        x = theta[0] + theta[1].exp() * nodes
        log_p = torch.logsumexp(w.log() - s.log() - 0.5 * ((x[:, None] - m) / s) ** 2, dim=1)
        loss = -theta[1] - node_weights @ log_p
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(theta[0].detach()), float(theta[1].detach().exp())


@variant("reverse_kl_and_gradient", why="the gradient by automatic differentiation")
def gradient_by_autograd(theta, weights, means, stds):
    t = torch.tensor([float(theta[0]), float(theta[1])], dtype=torch.float64, requires_grad=True)
    w, m, s = (torch.tensor(np.asarray(a, dtype=np.float64)) for a in (weights, means, stds))
    x = t[0] + t[1].exp() * torch.tensor(NODES)
    log_p = torch.logsumexp(w.log() - s.log() - 0.5 * ((x[:, None] - m) / s) ** 2, dim=1) - 0.5 * np.log(2 * np.pi)
    value = -t[1] - 0.5 * np.log(2 * np.pi * np.e) - torch.tensor(NODE_WEIGHTS) @ log_p
    value.backward()
    return value.item(), t.grad.numpy()


@variant("reverse_kl_and_gradient", why="a loop over the nodes, with a softmax shifted by its maximum")
def gradient_loop(theta, weights, means, stds):
    w, m, s = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    value, gradient = -theta[1] - 0.5 * np.log(2 * np.pi * np.e), np.array([0.0, -1.0])
    for node, node_weight in zip(NODES, NODE_WEIGHTS):
        x = theta[0] + np.exp(theta[1]) * node
        logs = np.log(w / s) - 0.5 * ((x - m) / s) ** 2
        terms = np.exp(logs - logs.max())
        value -= node_weight * (np.log(terms.sum()) + logs.max() - 0.5 * np.log(2 * np.pi))
        slope = (terms * (m - x) / s**2).sum() / terms.sum()
        gradient = gradient - node_weight * slope * np.array([1.0, np.exp(theta[1]) * node])
    return float(value), gradient
