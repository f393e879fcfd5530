"""Right solutions of the SGD assignment, written differently."""

import math

import numpy as np
import torch

from autograder.catalogue import variant


@variant("minibatches", why="shuffles in place a list of positions, and cuts it with a while loop")
def shuffled_list(X, y, batch_size, rng, shuffle=True):
    if batch_size < 1 or len(X) != len(y):
        raise ValueError("bad arguments")
    positions = list(range(len(X)))
    if shuffle:
        rng.shuffle(positions)
    while positions:
        now, positions = positions[:batch_size], positions[batch_size:]
        yield X[now], y[now]


@variant("minibatches", why="sorts random keys, and yields views of the shuffled copies")
def sorted_keys(X, y, batch_size, rng, shuffle=True):
    if not batch_size >= 1:
        raise ValueError("batch_size")
    if len(X) - len(y):
        raise ValueError("lengths")
    if shuffle:
        order = np.argsort(rng.random(len(X)))
        X, y = X[order], y[order]
    for k in range(math.ceil(len(X) / batch_size)):
        rows = slice(k * batch_size, (k + 1) * batch_size)
        yield X[rows], y[rows]


@variant("sgd_step", why="PyTorch's own wording: the first velocity is a copy of d; p[...] assigns in place")
def first_step_copies(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if min(lr, momentum, weight_decay) < 0 or (nesterov and not momentum):
        raise ValueError("hyper-parameters")
    if [np.shape(p) for p in params] != [np.shape(g) for g in grads]:
        raise ValueError("shapes")
    directions = [g + weight_decay * p for p, g in zip(params, grads)]
    if momentum:
        old = state.get("momentum_buffer")
        if old is None:
            state["momentum_buffer"] = [np.array(d) for d in directions]
        else:
            state["momentum_buffer"] = [momentum * v + d for v, d in zip(old, directions)]
        buffers = state["momentum_buffer"]
        directions = [d + momentum * v if nesterov else v for d, v in zip(directions, buffers)]
    for p, d in zip(params, directions):
        p[...] = p - lr * d


@variant("sgd_step", why="np.subtract with out=, one branch for each kind of momentum")
def branches(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError("negative")
    if nesterov and momentum == 0:
        raise ValueError("nesterov")
    if len(params) != len(grads):
        raise ValueError("length")
    for p, g in zip(params, grads):
        if p.shape != g.shape:
            raise ValueError("shape")
    if momentum > 0:
        state.setdefault("momentum_buffer", [np.zeros(p.shape, dtype=p.dtype) for p in params])
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g if weight_decay == 0 else g + weight_decay * p
        if momentum == 0:
            step = d
        else:
            v = state["momentum_buffer"][i]
            np.multiply(v, momentum, out=v)
            np.add(v, d, out=v)
            step = v if not nesterov else momentum * v + d
        np.subtract(p, lr * step, out=p)


@variant("learning_rate", why="NumPy's cosine, written as a weighted mean of both ends")
def weighted_ends(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if t < 0 or t > total_steps or warmup_steps < 0 or warmup_steps >= total_steps:
        raise ValueError("range")
    after = t - warmup_steps
    if schedule == "constant":
        rate = base_lr
    elif schedule == "step":
        rate = base_lr * gamma ** max(after // step_size, 0)
    elif schedule == "cosine":
        share = (1 + np.cos(np.pi * after / (total_steps - warmup_steps))) / 2
        rate = share * base_lr + (1 - share) * min_lr
    else:
        raise ValueError("schedule")
    return base_lr * (t + 1) / warmup_steps if after < 0 else float(rate)


@variant("learning_rate", why="squared cosine of half the angle, drops in a loop")
def half_angle(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if schedule not in {"constant", "step", "cosine"}:
        raise ValueError("schedule")
    if t not in range(total_steps + 1) or warmup_steps not in range(total_steps):
        raise ValueError("range")
    if t < warmup_steps:
        return (t + 1) / warmup_steps * base_lr
    after, rate = t - warmup_steps, base_lr
    if schedule == "step":
        while after >= step_size:
            rate, after = rate * gamma, after - step_size
    if schedule == "cosine":
        rate = min_lr + (base_lr - min_lr) * math.cos(math.pi * after / (2 * (total_steps - warmup_steps))) ** 2
    return rate


@variant("train_softmax", why="gradients by hand in PyTorch, without autograd or optimizer")
def gradients_by_hand(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W, b = torch.zeros(d, n_classes, dtype=torch.float64), torch.zeros(n_classes, dtype=torch.float64)
    vW, vb = torch.zeros_like(W), torch.zeros_like(b)
    onehot = torch.eye(n_classes, dtype=torch.float64)[y]
    losses, t = torch.zeros(len(order), dtype=torch.float64), 0
    for epoch, permutation in enumerate(order):
        for start in range(0, n, batch_size):
            index = torch.tensor(permutation[start : start + batch_size])
            logp = torch.log_softmax(X[index] @ W + b, dim=1)
            losses[epoch] -= (logp * onehot[index]).sum() / n
            error = (logp.exp() - onehot[index]) / len(index)
            vW = momentum * vW + X[index].T @ error + weight_decay * W
            vb = momentum * vb + error.sum(0) + weight_decay * b
            rate = schedule(t)
            W, b, t = W - rate * vW, b - rate * vb, t + 1
    return W, b, losses


@variant("train_softmax", why="a Linear module, torch.split for the batches, LambdaLR-like rate through param_groups")
def linear_module(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    model = torch.nn.Linear(X.shape[1], n_classes, dtype=torch.float64)
    for p in model.parameters():
        torch.nn.init.zeros_(p)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for permutation in torch.tensor(np.asarray(order)):
        summed = torch.zeros((), dtype=torch.float64)
        for index in permutation.split(batch_size):
            each = torch.nn.functional.cross_entropy(model(X[index]), y[index], reduction="none")
            model.zero_grad()
            each.mean().backward()
            for group in optimizer.param_groups:
                group["lr"] = schedule(t)
            optimizer.step()
            summed += each.detach().sum()
            t += 1
        losses.append(summed / len(X))
    return model.weight.detach().T, model.bias.detach(), torch.stack(losses)


@variant("svrg", why="snapshot gradients of all examples are stored once a stage")
def stored_gradients(X, y, w, lr, indices, l2):
    if not lr > 0:
        raise ValueError("lr")
    w, norms = np.array(w), np.zeros(len(indices))
    for s, stage in enumerate(indices):
        table = np.stack([logistic_gradient(w, X[[i]], y[[i]], l2) for i in range(len(X))])
        full = table.mean(axis=0)
        norms[s] = np.sqrt((full**2).sum())
        for i in stage:
            w = w - lr * logistic_gradient(w, X[[i]], y[[i]], l2) + lr * (table[i] - full)
    return w, norms


@variant("svrg", why="gradient formula written out for one example, w changed in place on a copy")
def written_out(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")

    def gradient(v, i):
        return -y[i] / (1 + np.exp(y[i] * (X[i] @ v))) * X[i] + l2 * v

    current, norms = w.astype(np.float64), []
    for stage in indices:
        anchor = current.copy()
        full = logistic_gradient(anchor, X, y, l2)
        norms.append(float(np.sqrt(full @ full)))
        for i in stage:
            current -= lr * (gradient(current, i) - gradient(anchor, i) + full)
    return current, np.array(norms)


@variant("noise_scale", why="solves the two linear equations")
def linear_system(small_grads, big_grads, b_small, b_big):
    if b_small < 1 or b_small >= b_big:
        raise ValueError("batch sizes")
    norms = [np.mean(np.linalg.norm(np.array(g, dtype=float), axis=1) ** 2) for g in (small_grads, big_grads)]
    slope = (norms[0] - norms[1]) * b_small * b_big / (b_big - b_small)
    signal = norms[1] - slope / b_big
    signal = (b_big * norms[1] - b_small * norms[0]) / (b_big - b_small) if abs(signal) < 1e-9 else signal
    return float(signal), float(slope), float(slope / signal) if signal > 0 else float("inf")


@variant("noise_scale", why="einsum for the squared norms, the formulas of the text")
def einsum_norms(small_grads, big_grads, b_small, b_big):
    if not (b_small >= 1 and b_big > b_small):
        raise ValueError("batch sizes")
    a, c = np.array(small_grads, dtype=np.float64), np.array(big_grads, dtype=np.float64)
    q1, q2 = np.einsum("kd,kd->", a, a) / len(a), np.einsum("kd,kd->", c, c) / len(c)
    g2, trace = (b_big * q2 - b_small * q1) / (b_big - b_small), (q1 - q2) / (1 / b_small - 1 / b_big)
    if g2 <= 0:
        return float(g2), float(trace), np.inf
    return float(g2), float(trace), float(trace / g2)


@variant("qsgd", why="np.where and modf")
def where_and_modf(g, s, u):
    if s < 1 or np.shape(g) != np.shape(u):
        raise ValueError("bad arguments")
    g = np.array(g, dtype=np.float64)
    norm = np.linalg.norm(g.ravel())
    if not norm:
        return np.zeros(g.shape)
    fraction, whole = np.modf(np.abs(g) * s / norm)
    return np.where(g < 0, -1.0, 1.0) * norm / s * np.where(u < fraction, whole + 1, whole)


@variant("qsgd", why="a loop over the entries")
def entry_by_entry(g, s, u):
    if s < 1:
        raise ValueError("s")
    if np.shape(g) != np.shape(u):
        raise ValueError("shapes")
    out = np.zeros(np.shape(g))
    norm = math.sqrt(sum(float(v) ** 2 for v in np.ravel(g)))
    for k in np.ndindex(out.shape):
        if norm > 0:
            r = s * abs(float(g[k])) / norm
            level = math.floor(r)
            if u[k] < r - level:
                level += 1
            out[k] = math.copysign(norm * level / s, g[k])
    return out
