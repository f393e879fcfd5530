"""Mistakes of the catalogue in other words, as another learner would write them: diagnosis must still name them."""


import numpy as np
import torch

from autograder.catalogue import rewritten


@rewritten("clip_cases", of="no_minimum")
def clip_1(ratio, advantage, low=0.2, high=0.2):
    r, a = np.array(ratio, float), np.array(advantage, float)
    if r.shape != a.shape or low <= 0 or high <= 0:
        raise ValueError("bad input")
    inside = (r >= 1 - low) & (r <= 1 + high)
    return a * np.minimum(np.maximum(r, 1 - low), 1 + high), np.where(inside, a, 0.0)


@rewritten("clip_cases", of="no_clip")
def clip_2(ratio, advantage, low=0.2, high=0.2):
    r, a = np.array(ratio, float), np.array(advantage, float)
    if r.shape != a.shape or low <= 0 or high <= 0:
        raise ValueError("bad input")
    return np.multiply(r, a), 1.0 * a


@rewritten("policy_loss", of="sign_forgotten")
def loss_1(logp, old_logp, advantages, clip=0.2):
    r = (logp - old_logp.detach()).exp()
    a = advantages.detach()
    return torch.where(a >= 0, torch.minimum(r, torch.tensor(1 + clip)), torch.maximum(r, torch.tensor(1 - clip))).mul(a).mean()


@rewritten("policy_loss", of="ratio_inverted")
def loss_2(logp, old_logp, advantages, clip=0.2):
    r = (old_logp.detach() - logp).exp()
    a = advantages.detach()
    return torch.max(-r * a, -r.clamp(1 - clip, 1 + clip) * a).mean()


@rewritten("policy_loss", of="sum_for_mean")
def loss_3(logp, old_logp, advantages, clip=0.2):
    r = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    return torch.max(-r * a, -r.clip(1 - clip, 1 + clip) * a).sum()


@rewritten("gae", of="no_lambda")
def gae_1(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    r, v, nv = (np.array(x, float) for x in (rewards, values, next_values))
    term, trunc = np.array(terminated, bool), np.array(truncated, bool)
    if len({r.shape, v.shape, nv.shape, term.shape, trunc.shape}) != 1:
        raise ValueError("shapes")
    out = np.zeros(r.shape)
    for n in range(r.shape[0]):
        later = 0.0
        for t in range(r.shape[1] - 1, -1, -1):
            error = r[n, t] - v[n, t] + (0.0 if term[n, t] else gamma * nv[n, t])
            later = error if term[n, t] or trunc[n, t] else error + gamma * later
            out[n, t] = later
    return out, out + v


@rewritten("gae", of="truncation_runs_on")
def gae_2(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    r, v, nv = (np.array(x, float) for x in (rewards, values, next_values))
    term, trunc = np.array(terminated, bool), np.array(truncated, bool)
    if len({r.shape, v.shape, nv.shape, term.shape, trunc.shape}) != 1:
        raise ValueError("shapes")
    alive = 1.0 - term
    error = r + gamma * alive * nv - v
    out = np.zeros_like(error)
    for t in range(error.shape[1])[::-1]:
        out[:, t] = error[:, t]
        if t + 1 < error.shape[1]:
            out[:, t] += gamma * lam * alive[:, t] * out[:, t + 1]
    return out, v + out


@rewritten("minibatches", of="drops_the_last")
def batches_1(size, minibatch_size, epochs, rng):
    if min(size, minibatch_size) < 1:
        raise ValueError("sizes")
    for _ in range(epochs):
        order = rng.permutation(size)
        for k in range(size // minibatch_size):
            yield order[k * minibatch_size :][:minibatch_size]


@rewritten("value_loss", of="half_forgotten")
def value_1(values, old_values, returns, clip=None):
    plain = (returns - values) ** 2
    if clip is None:
        return plain.mean()
    near = torch.clamp(values, old_values - clip, old_values + clip)
    return torch.max(plain, (returns - near) ** 2).mean()


@rewritten("entropy", of="entropy_in_bits")
def entropy_1(logits):
    p = torch.softmax(logits, -1)
    return -(p * torch.log_softmax(logits, -1) / np.log(2.0)).sum(-1).mean()


@rewritten("approximate_kl", of="kl_swapped")
def kl_1(logp, old_logp):
    new, old = np.array(logp, float), np.array(old_logp, float)
    if new.shape != old.shape or not new.size:
        raise ValueError("shapes")
    gap = old - new
    return float((np.expm1(gap) - gap).mean())


@rewritten("should_stop", of="stops_at_equality")
def stop_1(kl, target_kl=None, factor=1.5):
    if np.isnan(kl):
        return True
    if target_kl is None:
        return False
    return bool(kl >= target_kl * factor)
