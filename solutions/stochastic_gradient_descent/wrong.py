"""Wrong solutions of the SGD assignment, each what a learner really writes."""

import math

import numpy as np
import torch

from autograder.catalogue import wrong


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="The tail is dropped: only full batches are yielded, so some examples are never seen in the epoch.")
def drops_the_tail(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    order = rng.permutation(n) if shuffle else np.arange(n)
    for k in range(n // batch_size):
        index = order[k * batch_size : (k + 1) * batch_size]
        yield X[index], y[index]


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="X and y are shuffled separately, so examples lose their labels.")
def shuffles_twice(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    rows = rng.permutation(n) if shuffle else np.arange(n)
    labels = rng.permutation(n) if shuffle else np.arange(n)
    for start in range(0, n, batch_size):
        yield X[rows[start : start + batch_size]], y[labels[start : start + batch_size]]


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="Batches are drawn with replacement: about a third of the examples are missing from the epoch.")
def draws_with_replacement(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    for start in range(0, n, batch_size):
        size = min(batch_size, n - start)
        index = rng.integers(n, size=size) if shuffle else np.arange(start, start + size)
        yield X[index], y[index]


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="The generator is seeded inside the function, so every epoch has the same order.")
def seeds_every_epoch(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    order = np.random.default_rng(0).permutation(n) if shuffle else np.arange(n)
    for start in range(0, n, batch_size):
        index = order[start : start + batch_size]
        yield X[index], y[index]


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="Only the order of the batches is shuffled: the same examples always share a batch.")
def shuffles_batches_only(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    starts = list(range(0, n, batch_size))
    full = [s for s in starts if s + batch_size <= n]
    if shuffle:
        full = [full[i] for i in rng.permutation(len(full))]
    for start in full + [s for s in starts if s + batch_size > n]:
        yield X[start : start + batch_size], y[start : start + batch_size]


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="An empty batch follows when batch_size divides n.")
def yields_an_empty_batch(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    order = rng.permutation(n) if shuffle else np.arange(n)
    for k in range(n // batch_size + 1):
        index = order[k * batch_size : (k + 1) * batch_size]
        yield X[index], y[index]


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="p = p - ... makes a new array: the caller's parameters never change.")
def not_in_place(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    for p, g in zip(params, grads):
        p = p - lr * (g + weight_decay * p)


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The list's entries are replaced by new arrays; whoever holds the old arrays sees no training.")
def replaces_the_arrays(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i in range(len(params)):
        d = grads[i] + weight_decay * params[i]
        if momentum > 0:
            state["momentum_buffer"][i] = momentum * state["momentum_buffer"][i] + d
            d = d + momentum * state["momentum_buffer"][i] if nesterov else state["momentum_buffer"][i]
        params[i] = params[i] - lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The gradient is damped by (1 - momentum), as in an exponential average; PyTorch's dampening is 0.")
def damped_momentum(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += (1 - momentum) * d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The first velocity is the caller's gradient array itself; the next step's v *= momentum then overwrites it.")
def velocity_aliases_gradient(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    first = "momentum_buffer" not in state
    if momentum > 0 and first:
        state["momentum_buffer"] = list(grads)
    for i, (p, g) in enumerate(zip(params, grads)):
        g += weight_decay * p
        d = g
        if momentum > 0:
            v = state["momentum_buffer"][i]
            if not first:
                v *= momentum
                v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The learning rate is folded into the velocity (Sutskever's form): it differs from PyTorch when the rate changes.")
def rate_inside_velocity(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = lr * (g + weight_decay * p)
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="Weight decay is applied to the parameter directly (decoupled, as in AdamW) instead of entering the velocity.")
def decoupled_decay(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        p *= 1 - lr * weight_decay
        d = g
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="nesterov=True is ignored.")
def ignores_nesterov(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += d
            d = v
        p -= lr * d


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="Warm-up starts at t instead of t + 1, so the first update has learning rate 0 and is wasted.")
def warmup_from_zero(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * t / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after // step_size)
    if schedule == "cosine":
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * after / (total_steps - warmup_steps)))
    return base_lr


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The cosine is measured from step 0, not from the end of warm-up, so the rate jumps when warm-up ends.")
def cosine_ignores_warmup(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    if schedule == "step":
        return base_lr * gamma ** ((t - warmup_steps) // step_size)
    if schedule == "cosine":
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * t / total_steps))
    return base_lr


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The step schedule divides without rounding down: it decays at every update instead of in steps.")
def smooth_steps(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after / step_size)
    if schedule == "cosine":
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * after / (total_steps - warmup_steps)))
    return base_lr


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The cosine is scaled by base_lr and min_lr is added on top: the rate starts too high by min_lr.")
def adds_min_lr(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after // step_size)
    if schedule == "cosine":
        return min_lr + 0.5 * base_lr * (1 + math.cos(math.pi * after / (total_steps - warmup_steps)))
    return base_lr


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="A full period 2π of the cosine: the rate climbs back to its start in the second half.")
def full_cosine_period(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after // step_size)
    if schedule == "cosine":
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(2 * math.pi * after / (total_steps - warmup_steps)))
    return base_lr


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-breaks",
       misconception="zero_grad() is missing: every update uses the sum of all gradients so far.")
def keeps_old_gradients(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(t)
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-epoch",
       misconception="The epoch's loss is the mean of the batch means: the examples of a short tail count too much.")
def mean_of_batch_means(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for permutation in order:
        batch_losses = []
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
            t += 1
        losses.append(sum(batch_losses) / len(batch_losses))
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-breaks",
       misconception="A new optimizer is made in every epoch, which throws the velocities away.")
def new_optimizer_each_epoch(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    losses, t = [], 0
    for permutation in order:
        optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-schedules",
       misconception="The schedule is asked with the epoch's number instead of the update's.")
def schedule_per_epoch(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses = []
    for epoch, permutation in enumerate(order):
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(epoch)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-batch",
       misconception="The loss is summed over the batch: the effective learning rate is multiplied by the batch size.")
def sums_the_loss(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index], reduction="sum")
            loss.backward()
            optimizer.step()
            total += loss.item()
            t += 1
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The full gradient is not added back: the estimator has mean 0 at the snapshot and is biased everywhere.")
def forgets_the_full_gradient(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")
    w, norms = np.array(w, dtype=np.float64), []
    for stage in indices:
        snapshot = w.copy()
        norms.append(np.linalg.norm(logistic_gradient(snapshot, X, y, l2)))
        for i in stage:
            w = w - lr * (logistic_gradient(w, X[i : i + 1], y[i : i + 1], l2) - logistic_gradient(snapshot, X[i : i + 1], y[i : i + 1], l2))
    return w, np.array(norms, dtype=np.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The snapshot is the same array as w and moves with it, so the correction always cancels: this is full gradient descent with a stale gradient.")
def snapshot_follows_w(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")
    w, norms = np.array(w, dtype=np.float64), []
    for stage in indices:
        snapshot = w
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = X[i : i + 1], y[i : i + 1]
            w -= lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, l2) + full)
    return w, np.array(norms, dtype=np.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The snapshot is taken once and never renewed: the correction is ever less like the gradient, and noise remains.")
def never_renews_the_snapshot(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")
    w, norms = np.array(w, dtype=np.float64), []
    snapshot = w.copy()
    full = logistic_gradient(snapshot, X, y, l2)
    for stage in indices:
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = X[i : i + 1], y[i : i + 1]
            w = w - lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, l2) + full)
    return w, np.array(norms, dtype=np.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The correction's sign is turned round: the snapshot's noise is added to the gradient's, not taken away.")
def correction_sign(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")
    w, norms = np.array(w, dtype=np.float64), []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = X[i : i + 1], y[i : i + 1]
            w = w - lr * (logistic_gradient(w, row, label, l2) + logistic_gradient(snapshot, row, label, l2) - full)
    return w, np.array(norms, dtype=np.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The regulariser is left out of the single-example gradients, so the inner estimator is biased.")
def drops_the_regulariser(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError("lr")
    w, norms = np.array(w, dtype=np.float64), []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = X[i : i + 1], y[i : i + 1]
            w = w - lr * (logistic_gradient(w, row, label, 0.0) - logistic_gradient(snapshot, row, label, 0.0) + full)
    return w, np.array(norms, dtype=np.float64)


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The step is added: it climbs instead of descending.")
def steps_uphill(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w + lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, l2) + full)
    return (w, np.array(norms, dtype=np.float64))


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The correction by the snapshot is left out: this is plain SGD, whose noise does not fade.")
def plain_sgd(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w - lr * logistic_gradient(w, row, label, l2)
    return (w, np.array(norms, dtype=np.float64))


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="l2 is missing in the gradient at w, though the snapshot's has it.")
def regulariser_at_the_snapshot_only(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w - lr * (logistic_gradient(w, row, label, 0.0) - logistic_gradient(snapshot, row, label, l2) + full)
    return (w, np.array(norms, dtype=np.float64))


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="The norm of the mean gradient is used instead of the mean of the squared norms: averaging first removes the noise to be measured.")
def norm_of_the_mean(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    small = (np.asarray(small_grads, dtype=np.float64).mean(axis=0) ** 2).sum()
    big = (np.asarray(big_grads, dtype=np.float64).mean(axis=0) ** 2).sum()
    g2 = (b_big * big - b_small * small) / (b_big - b_small)
    trace = (small - big) / (1 / b_small - 1 / b_big)
    return float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="The big batch's squared norm is taken for the true one: it still holds tr(Σ)/B of noise.")
def big_batch_is_the_truth(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    small = (np.asarray(small_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    g2 = (np.asarray(big_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    trace = (small - g2) * b_small
    return float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="The squared norm is a mean over coordinates, not a sum: both estimates are too small by the dimension d.")
def mean_over_coordinates(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    small = (np.asarray(small_grads, dtype=np.float64) ** 2).mean()
    big = (np.asarray(big_grads, dtype=np.float64) ** 2).mean()
    g2 = (b_big * big - b_small * small) / (b_big - b_small)
    trace = (small - big) / (1 / b_small - 1 / b_big)
    return float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="The ratio is turned round: signal over noise.")
def signal_over_noise(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    small = (np.asarray(small_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    big = (np.asarray(big_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    g2 = (b_big * big - b_small * small) / (b_big - b_small)
    trace = (small - big) / (1 / b_small - 1 / b_big)
    return float(g2), float(trace), float(g2 / trace) if trace > 0 else math.inf


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="Levels are rounded to the nearest: the compressor is deterministic and biased, small entries always vanish.")
def rounds_to_nearest(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum())
    if norm == 0:
        return np.zeros_like(g)
    return norm * np.sign(g) * np.round(s * np.abs(g) / norm) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="The chance of rounding up is turned round: the larger the fraction, the rarer it is rounded up.")
def probability_turned_round(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum())
    if norm == 0:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u > r - level)) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="The largest entry scales the gradient instead of the Euclidean norm (the variant of the paper's experiments, which the bound is not about).")
def scales_by_the_largest(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.abs(g).max(initial=0.0)
    if norm == 0:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u < r - level)) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="The sign is lost: magnitudes are quantized and sent without it.")
def loses_the_sign(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum())
    if norm == 0:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * (level + (u < r - level)) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="A zero gradient is divided by its norm: nan from then on.")
def divides_by_zero(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum())
    with np.errstate(all="ignore"):
        r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u < r - level)) / s


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="The order is only rotated to a random start: neighbours stay neighbours, and most orders never occur.")
def rotates_the_order(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    order = np.roll(np.arange(n), int(rng.integers(n)) if shuffle and n else 0)
    for start in range(0, n, batch_size):
        index = order[start : start + batch_size]
        yield X[index], y[index]


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The velocities are stored before the arguments are checked: a refused call leaves a changed state behind.")
def stores_before_checking(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The cosine falls to zero and is cut off at min_lr, instead of falling to min_lr.")
def cuts_off_at_min_lr(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after // step_size)
    if schedule == "cosine":
        return max(min_lr, 0.5 * base_lr * (1 + math.cos(math.pi * after / (total_steps - warmup_steps))))
    return base_lr


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-schedules",
       misconception="The update counter restarts with every epoch, and the schedule with it.")
def counter_restarts(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses = []
    for permutation in order:
        total = 0.0
        for t, start in enumerate(range(0, n, batch_size)):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.param_groups[0]["lr"] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="The squared norms are summed over the batches instead of averaged: both estimates grow with the number of rows.")
def sums_over_rows(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    small = (np.asarray(small_grads, dtype=np.float64) ** 2).sum()
    big = (np.asarray(big_grads, dtype=np.float64) ** 2).sum()
    g2 = (b_big * big - b_small * small) / (b_big - b_small)
    trace = (small - big) / (1 / b_small - 1 / b_big)
    return float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="Low-precision gradients are squared in their own dtype, which overflows: in float16 already from 256 on.")
def squares_in_low_precision(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError("batch sizes")
    with np.errstate(all="ignore"):
        small = (np.asarray(small_grads) ** 2).sum(axis=1).mean()
        big = (np.asarray(big_grads) ** 2).sum(axis=1).mean()
        g2 = (b_big * big - b_small * small) / (b_big - b_small)
        trace = (small - big) / (1 / b_small - 1 / b_big)
        return float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="Every row of a matrix is divided by a norm of its own: that sends one norm per row, another compressor.")
def norm_of_each_row(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum(axis=-1, keepdims=True))
    r = s * np.abs(g) / np.where(norm == 0, 1.0, norm)
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u < r - level)) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="A small number is added to the norm against division by zero: tiny gradients are then quantized to nothing.")
def adds_to_the_norm(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    norm = np.sqrt((g * g).sum()) + 1e-8
    r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u < r - level)) / s


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="`shuffle` is ignored: every epoch visits the examples in the order given.")
def never_shuffles(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1 or len(y) != n:
        raise ValueError("bad arguments")
    for start in range(0, n, batch_size):
        yield X[start : start + batch_size], y[start : start + batch_size]


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="Weight decay is added with `g += ...`, which changes the caller's gradients.")
def decay_changes_the_gradient(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0 or (nesterov and momentum == 0) or len(params) != len(grads):
        raise ValueError("bad arguments")
    if any(np.shape(p) != np.shape(g) for p, g in zip(params, grads)):
        raise ValueError("shapes")
    if momentum > 0 and "momentum_buffer" not in state:
        state["momentum_buffer"] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        g += weight_decay * p
        d = g
        if momentum > 0:
            v = state["momentum_buffer"][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="weight_decay is ignored.")
def ignores_weight_decay(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError('lr, momentum and weight_decay must not be negative')
    if nesterov and momentum == 0:
        raise ValueError('Nesterov momentum needs momentum > 0')
    if len(params) != len(grads) or any((np.shape(p) != np.shape(g) for p, g in zip(params, grads))):
        raise ValueError('params and grads must have the same length and shapes')
    first = 'momentum_buffer' not in state
    if momentum > 0 and first:
        state['momentum_buffer'] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + 0.0
        if momentum > 0:
            v = state['momentum_buffer'][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The drops of the step schedule are counted from step 0, not from the end of warm-up.")
def drops_ignore_warmup(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (t // step_size)
    if schedule == "cosine":
        progress = (t - warmup_steps) / (total_steps - warmup_steps)
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * progress))
    return base_lr


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="Warm-up is left out of the constant schedule.")
def constant_without_warmup(t, total_steps, base_lr, schedule="cosine", warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps or not 0 <= warmup_steps < total_steps or schedule not in ("constant", "step", "cosine"):
        raise ValueError("bad arguments")
    if schedule == "constant":
        return base_lr
    if t < warmup_steps:
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == "step":
        return base_lr * gamma ** (after // step_size)
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * after / (total_steps - warmup_steps)))


@wrong("learning_rate", caught_by="test_learning_rate", section="stochastic_gradient_descent-schedules",
       misconception="The step schedule has no warm-up: its first rate is the full one.")
def steps_without_warmup(t, total_steps, base_lr, schedule='cosine', warmup_steps=0, min_lr=0.0, step_size=30, gamma=0.1):
    if not 0 <= t <= total_steps:
        raise ValueError(f't must lie in [0, {total_steps}], got {t}')
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(f'warmup_steps must lie in [0, {total_steps}), got {warmup_steps}')
    if schedule not in ('constant', 'step', 'cosine'):
        raise ValueError(f'unknown schedule {schedule!r}')
    if t < warmup_steps and schedule != 'step':
        return base_lr * (t + 1) / warmup_steps
    after = t - warmup_steps
    if schedule == 'step':
        return base_lr * gamma ** (max(after, 0) // step_size)
    if schedule == 'cosine':
        progress = after / (total_steps - warmup_steps)
        return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * progress))
    return base_lr


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-real",
       misconception="The rate is stored as optimizer.lr, which PyTorch ignores: all updates use the constructor's rate.")
def sets_an_ignored_attribute(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start : start + batch_size])
            optimizer.lr = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-epoch",
       misconception="The given order is ignored: every epoch cuts the examples as they lie.")
def ignores_the_order(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = [], 0
    for _ in range(len(order)):
        total = 0.0
        for start in range(0, n, batch_size):
            batch = slice(start, min(start + batch_size, n))
            optimizer.param_groups[0]["lr"] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[batch] @ W + b, y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * (batch.stop - batch.start)
            t += 1
        losses.append(total / n)
    return W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64)


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-scratch",
       misconception="weight_decay is not passed on to the optimizer.")
def no_weight_decay(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=0.0)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-scratch",
       misconception="Only W decays: here weight decay acts on all parameters, b too.")
def decay_of_weights_only(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([{'params': [W], 'weight_decay': weight_decay}, {'params': [b]}], lr=1.0, momentum=momentum)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            rate = schedule(t)
            for group in optimizer.param_groups:
                group['lr'] = rate
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="np.linalg.norm(g, 2) of a matrix is its largest singular value, not the norm of all its entries.")
def spectral_norm(g, s, u):
    g, u = np.asarray(g, dtype=np.float64), np.asarray(u)
    if s < 1 or g.shape != u.shape:
        raise ValueError("bad arguments")
    if g.size == 0 or not g.any():
        return np.zeros_like(g)
    norm = np.linalg.norm(g, 2) if g.ndim <= 2 else np.sqrt((g * g).sum())
    r = s * np.abs(g) / norm
    level = np.floor(r)
    return norm * np.sign(g) * (level + (u < r - level)) / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="u ≤ the fraction rounds up: with u = 0 a whole level then goes up by one.")
def rounds_up_at_equality(g, s, u):
    g, u = (np.asarray(g, dtype=np.float64), np.asarray(u))
    if s < 1:
        raise ValueError(f's must be at least 1, got {s}')
    if g.shape != u.shape:
        raise ValueError(f'g has shape {g.shape} but u has shape {u.shape}')
    norm = np.sqrt((g * g).sum())
    if norm == 0:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r)
    level = level + (u <= r - level)
    return norm * np.sign(g) * level / s


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="Each position is swapped with any other one: all orders occur, but some more often than others. Swap with the positions not yet fixed, or use rng.permutation.")
def swaps_with_any_position(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    if len(y) != n:
        raise ValueError(f'X has {n} rows but y has {len(y)}')
    order = np.arange(n)
    if shuffle:
        for i in range(n):
            j = rng.integers(n)
            order[i], order[j] = (order[j], order[i])
    for start in range(0, n, batch_size):
        index = order[start:start + batch_size]
        yield (X[index], y[index])


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="Whole random numbers are sorted: where two are equal the examples stay in the order given, so not every order is equally likely.")
def sorts_keys_with_ties(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    if len(y) != n:
        raise ValueError(f'X has {n} rows but y has {len(y)}')
    order = np.argsort(rng.integers(0, n, n), kind='stable') if shuffle and n else np.arange(n)
    for start in range(0, n, batch_size):
        index = order[start:start + batch_size]
        yield (X[index], y[index])


@wrong("minibatches", caught_by="test_minibatches", section="stochastic_gradient_descent-epoch",
       misconception="y is turned into integers: targets of a regression are cut off.")
def labels_become_integers(X, y, batch_size, rng, shuffle=True):
    n = len(X)
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    if len(y) != n:
        raise ValueError(f'X has {n} rows but y has {len(y)}')
    order = rng.permutation(n) if shuffle else np.arange(n)
    for start in range(0, n, batch_size):
        index = order[start:start + batch_size]
        yield (X[index], y[index].astype(int))


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="Nesterov's step is taken as (1 + momentum) v instead of d + momentum v: the two agree on the first step only.")
def nesterov_multiplies_the_velocity(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError('lr, momentum and weight_decay must not be negative')
    if nesterov and momentum == 0:
        raise ValueError('Nesterov momentum needs momentum > 0')
    if len(params) != len(grads) or any((np.shape(p) != np.shape(g) for p, g in zip(params, grads))):
        raise ValueError('params and grads must have the same length and shapes')
    first = 'momentum_buffer' not in state
    if momentum > 0 and first:
        state['momentum_buffer'] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state['momentum_buffer'][i]
            v *= momentum
            v += d
            d = (1 + momentum) * v if nesterov else v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="d + momentum v is stored as the velocity: the look-ahead is for this step's parameters only.")
def nesterov_stored_as_velocity(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError('lr, momentum and weight_decay must not be negative')
    if nesterov and momentum == 0:
        raise ValueError('Nesterov momentum needs momentum > 0')
    if len(params) != len(grads) or any((np.shape(p) != np.shape(g) for p, g in zip(params, grads))):
        raise ValueError('params and grads must have the same length and shapes')
    first = 'momentum_buffer' not in state
    if momentum > 0 and first:
        state['momentum_buffer'] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state['momentum_buffer'][i]
            v *= momentum
            v += d
            if nesterov:
                v *= momentum
                v += d
            d = v
        p -= lr * d


@wrong("sgd_step", caught_by="test_sgd_step", section="stochastic_gradient_descent-scratch",
       misconception="The velocities are made by np.zeros(shape), in float64 whatever the dtype of the parameters.")
def velocities_in_float64(params, grads, state, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    if lr < 0 or momentum < 0 or weight_decay < 0:
        raise ValueError('lr, momentum and weight_decay must not be negative')
    if nesterov and momentum == 0:
        raise ValueError('Nesterov momentum needs momentum > 0')
    if len(params) != len(grads) or any((np.shape(p) != np.shape(g) for p, g in zip(params, grads))):
        raise ValueError('params and grads must have the same length and shapes')
    first = 'momentum_buffer' not in state
    if momentum > 0 and first:
        state['momentum_buffer'] = [np.zeros(p.shape) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        d = g + weight_decay * p
        if momentum > 0:
            v = state['momentum_buffer'][i]
            v *= momentum
            v += d
            d = d + momentum * v if nesterov else v
        p -= lr * d


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-real",
       misconception="softmax is applied before cross_entropy, which wants logits and applies it itself.")
def softmax_before_cross_entropy(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(torch.softmax(X[index] @ W + b, 1), y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-scratch",
       misconception="momentum is not passed on to the optimizer.")
def momentum_not_passed_on(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, weight_decay=weight_decay)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-schedules",
       misconception="The schedule is asked once more, for the rate of the optimizer's constructor.")
def asks_for_the_constructor(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=schedule(0), momentum=momentum, weight_decay=weight_decay)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-scratch",
       misconception="Weight decay is written into the loss instead of the optimizer: the same steps, but the reported loss holds its term.")
def decay_in_the_reported_loss(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss = loss + weight_decay / 2 * ((W ** 2).sum() + (b ** 2).sum())
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("train_softmax", caught_by="test_train_softmax", section="stochastic_gradient_descent-epoch",
       misconception="The tail of every epoch is dropped: some examples are not trained on.")
def trains_without_the_tail(X, y, n_classes, order, batch_size, schedule, momentum=0.0, weight_decay=0.0):
    n, d = X.shape
    W = torch.zeros(d, n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    losses, t = ([], 0)
    for permutation in order:
        total = 0.0
        for start in range(0, n - batch_size + 1, batch_size):
            index = torch.as_tensor(permutation[start:start + batch_size])
            optimizer.param_groups[0]['lr'] = schedule(t)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(X[index] @ W + b, y[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            t += 1
        losses.append(total / n)
    return (W.detach(), b.detach(), torch.tensor(losses, dtype=torch.float64))


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="The snapshot is renewed at every inner step, so the correction always cancels: this is gradient descent, at n gradients a step.")
def renews_the_snapshot_every_step(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            snapshot = w.copy()
            full = logistic_gradient(snapshot, X, y, l2)
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w - lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, l2) + full)
    return (w, np.array(norms, dtype=np.float64))


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="l2 is missing in the example's gradient at the snapshot, so the estimator is biased.")
def regulariser_missing_at_the_snapshot(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, l2)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w - lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, 0.0) + full)
    return (w, np.array(norms, dtype=np.float64))


@wrong("svrg", caught_by="test_svrg", section="stochastic_gradient_descent-svrg",
       misconception="l2 is missing in the snapshot's full gradient, so the estimator is biased.")
def regulariser_missing_in_the_full_gradient(X, y, w, lr, indices, l2):
    if lr <= 0:
        raise ValueError(f'lr must be positive, got {lr}')
    w = np.array(w, dtype=np.float64)
    norms = []
    for stage in indices:
        snapshot = w.copy()
        full = logistic_gradient(snapshot, X, y, 0.0)
        norms.append(np.linalg.norm(full))
        for i in stage:
            row, label = (X[i:i + 1], y[i:i + 1])
            w = w - lr * (logistic_gradient(w, row, label, l2) - logistic_gradient(snapshot, row, label, l2) + full)
    return (w, np.array(norms, dtype=np.float64))


@wrong("noise_scale", caught_by="test_noise_scale", section="stochastic_gradient_descent-noise-scale",
       misconception="Negative estimates are cut off at zero: over many measurements their mean is then too large.")
def cuts_off_at_zero(small_grads, big_grads, b_small, b_big):
    if not 1 <= b_small < b_big:
        raise ValueError(f'1 <= b_small < b_big is needed, got {b_small} and {b_big}')
    small = (np.asarray(small_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    big = (np.asarray(big_grads, dtype=np.float64) ** 2).sum(axis=1).mean()
    g2 = max(0.0, (b_big * big - b_small * small) / (b_big - b_small))
    trace = max(0.0, (small - big) / (1 / b_small - 1 / b_big))
    return (float(g2), float(trace), float(trace / g2) if g2 > 0 else math.inf)


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="floor(r + u) rounds up for large u: the same distribution, but not the rule of the task, which rounds up for small u.")
def floor_of_the_sum(g, s, u):
    g, u = (np.asarray(g, dtype=np.float64), np.asarray(u))
    if s < 1:
        raise ValueError(f's must be at least 1, got {s}')
    if g.shape != u.shape:
        raise ValueError(f'g has shape {g.shape} but u has shape {u.shape}')
    norm = np.sqrt((g * g).sum())
    if norm == 0:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r + u)
    return norm * np.sign(g) * level / s


@wrong("qsgd", caught_by="test_qsgd", section="stochastic_gradient_descent-qsgd",
       misconception="A gradient with a tiny norm is taken for zero, though the result should scale with the gradient.")
def takes_tiny_for_zero(g, s, u):
    g, u = (np.asarray(g, dtype=np.float64), np.asarray(u))
    if s < 1:
        raise ValueError(f's must be at least 1, got {s}')
    if g.shape != u.shape:
        raise ValueError(f'g has shape {g.shape} but u has shape {u.shape}')
    norm = np.sqrt((g * g).sum())
    if norm < 1e-12:
        return np.zeros_like(g)
    r = s * np.abs(g) / norm
    level = np.floor(r)
    level = level + (u < r - level)
    return norm * np.sign(g) * level / s
