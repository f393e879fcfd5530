"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""

import math

import numpy as np
import torch

from autograder.catalogue import rewritten


@rewritten("minibatches", of="drops_the_tail")
def minibatches_1(X, y, batch_size, rng, shuffle=True):
    if batch_size < 1 or len(X) != len(y):
        raise ValueError("bad input")
    index = np.arange(len(X))
    if shuffle:
        index = rng.permutation(len(X))
    for k in range(len(X) // batch_size):
        part = index[k * batch_size : (k + 1) * batch_size]
        yield X[part], y[part]


@rewritten("sgd_step", of="decoupled_decay")
def sgd_1(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if min(lr, momentum, weight_decay) < 0 or (nesterov and not momentum):
        raise ValueError("settings")
    if len(params) != len(grads) or any(np.shape(a) != np.shape(b) for a, b in zip(params, grads)):
        raise ValueError("shapes")
    if momentum and "momentum_buffer" not in state:
        state["momentum_buffer"] = [0 * p for p in params]
    for k in range(len(params)):
        step = grads[k]
        if momentum:
            buffer = state["momentum_buffer"][k]
            buffer[...] = momentum * buffer + grads[k]
            step = grads[k] + momentum * buffer if nesterov else buffer
        params[k][...] = params[k] - lr * weight_decay * params[k] - lr * step


@rewritten("sgd_step", of="ignores_nesterov")
def sgd_2(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError("settings")
    if nesterov and momentum == 0:
        raise ValueError("settings")
    if len(params) != len(grads):
        raise ValueError("length")
    for p, g in zip(params, grads):
        if np.shape(p) != np.shape(g):
            raise ValueError("shape")
    if momentum > 0:
        buffers = state.setdefault("momentum_buffer", [np.zeros_like(p) for p in params])
    for k, (p, g) in enumerate(zip(params, grads)):
        g = g + weight_decay * p
        if momentum > 0:
            np.add(momentum * buffers[k], g, out=buffers[k])
            g = buffers[k]
        np.subtract(p, lr * g, out=p)


@rewritten("learning_rate", of="warmup_from_zero")
def rate_1(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if t < 0 or t > total_steps or warmup_steps < 0 or warmup_steps >= total_steps:
        raise ValueError("step")
    if schedule not in {"cosine", "step", "constant"}:
        raise ValueError("schedule")
    if warmup_steps and t < warmup_steps:
        return t / warmup_steps * base_lr
    t, span = t - warmup_steps, total_steps - warmup_steps
    if schedule == "constant":
        return base_lr
    if schedule == "step":
        return base_lr * math.pow(gamma, t // step_size)
    return min_lr + (base_lr - min_lr) * (math.cos(t / span * math.pi) + 1) / 2


@rewritten("learning_rate", of="smooth_steps")
def rate_2(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not (0 <= t <= total_steps and 0 <= warmup_steps < total_steps):
        raise ValueError("step")
    if schedule not in ("cosine", "step", "constant"):
        raise ValueError("schedule")
    if t < warmup_steps:
        return (t + 1) / warmup_steps * base_lr
    t -= warmup_steps
    if schedule == "step":
        return base_lr * math.exp(math.log(gamma) * t / step_size)
    if schedule == "cosine":
        return min_lr + (base_lr - min_lr) * math.cos(math.pi / 2 * t / (total_steps - warmup_steps)) ** 2
    return base_lr


@rewritten("train_softmax", of="sums_the_loss")
def train_1(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    W = torch.zeros(X.shape[1], n_classes, dtype=torch.double, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.double, requires_grad=True)
    opt = torch.optim.SGD([W, b], lr=0.1, momentum=momentum, weight_decay=weight_decay)
    history, update = [], 0
    for perm in order:
        epoch = 0.0
        for part in torch.as_tensor(np.asarray(perm)).split(batch_size):
            for group in opt.param_groups:
                group["lr"] = schedule(update)
            opt.zero_grad()
            logp = torch.log_softmax(X[part] @ W + b, dim=1)
            loss = -logp[torch.arange(len(part)), y[part]].sum()
            loss.backward()
            opt.step()
            epoch += float(loss)
            update += 1
        history.append(epoch / len(X))
    return W.detach(), b.detach(), torch.tensor(history, dtype=torch.double)


@rewritten("svrg", of="forgets_the_full_gradient")
def svrg_1(X, y, w, lr, indices, l2):
    if not lr > 0:
        raise ValueError("lr")
    w, norms = np.array(w, float), []
    for inner in indices:
        anchor = np.array(w)
        norms.append(float(np.sqrt((logistic_gradient(anchor, X, y, l2) ** 2).sum())))
        for i in inner:
            one, label = X[[i]], y[[i]]
            w = w - lr * logistic_gradient(w, one, label, l2) + lr * logistic_gradient(anchor, one, label, l2)
    return w, np.array(norms, float)


@rewritten("noise_scale", of="signal_over_noise")
def noise_1(small_grads, big_grads, b_small, b_big):
    if b_small < 1 or b_big <= b_small:
        raise ValueError("batch sizes")
    s = np.mean(np.linalg.norm(np.array(small_grads, float), axis=1) ** 2)
    b = np.mean(np.linalg.norm(np.array(big_grads, float), axis=1) ** 2)
    signal = (b_big * b - b_small * s) / (b_big - b_small)
    noise = (s - b) * b_small * b_big / (b_big - b_small)
    return float(signal), float(noise), float(signal / noise) if signal > 0 else math.inf


@rewritten("qsgd", of="rounds_to_nearest")
def qsgd_1(g, s, u):
    g = np.array(g, float)
    if s < 1 or g.shape != np.shape(u):
        raise ValueError("bad input")
    length = float(np.linalg.norm(g.ravel()))
    if length == 0.0:
        return g * 0.0
    return np.round(s * g / length) / s * length


@rewritten("qsgd", of="loses_the_sign")
def qsgd_2(g, s, u):
    g, u = np.array(g, float), np.array(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad input")
    length = math.sqrt(float(np.sum(g**2)))
    if length == 0.0:
        return np.zeros(g.shape)
    scaled = np.abs(g) * (s / length)
    return np.where(u < scaled % 1.0, np.floor(scaled) + 1, np.floor(scaled)) * (length / s)
