"""Right solutions written differently: every test must pass them."""

import numpy as np
import torch
from autograder.catalogue import variant


@variant("clip_cases", why="a loop over the four cases, each written out")
def four_cases(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=float), np.asarray(advantage, dtype=float)
    if ratio.shape != advantage.shape or min(low, high) <= 0:
        raise ValueError("shapes must be equal and clip above 0")
    objective, gradient = np.empty(ratio.shape), np.empty(ratio.shape)
    for i in np.ndindex(ratio.shape):
        r, a = ratio[i], advantage[i]
        if a > 0 and r > 1 + high:
            objective[i], gradient[i] = (1 + high) * a, 0.0
        elif a < 0 and r < 1 - low:
            objective[i], gradient[i] = (1 - low) * a, 0.0
        else:
            objective[i], gradient[i] = r * a, a
    return objective, gradient


@variant("clip_cases", why="the gradient from comparing the two terms of the min")
def compare_terms(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.array(ratio, dtype=np.float64), np.array(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError("shapes differ")
    if not (low > 0 and high > 0):
        raise ValueError("clip must be above 0")
    plain = ratio * advantage
    clipped = np.maximum(1 - low, np.minimum(ratio, 1 + high)) * advantage
    return np.where(plain <= clipped, plain, clipped), advantage * (plain <= clipped)


@variant("policy_loss", why="the maximum of two losses, as most code bases write it")
def maximum_of_losses(logp, old_logp, advantages, clip=0.2):
    ratio = (logp - old_logp.detach()).exp()
    advantages = advantages.detach()
    first = -advantages * ratio
    second = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return torch.max(first, second).mean()


@variant("policy_loss", why="one-sided bounds chosen by the sign of the advantage")
def bound_by_sign(logp, old_logp, advantages, clip=0.2):
    with torch.no_grad():
        a = advantages.clone()
        bound = torch.where(a >= 0, (1 + clip) * a, (1 - clip) * a)
        old = old_logp.clone()
    return -torch.minimum(torch.exp(logp - old) * a, bound).sum() / logp.numel()


@variant("gae", why="one environment at a time, sums written out forwards")
def forward_sums(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = np.array(rewards, float), np.array(values, float), np.array(next_values, float)
    terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
    if len({x.shape for x in (rewards, values, next_values, terminated, truncated)}) != 1:
        raise ValueError("one shape, please")
    envs, steps = rewards.shape
    advantages = np.zeros((envs, steps))
    for n in range(envs):
        for t in range(steps):
            discount = 1.0
            for k in range(t, steps):
                future = 0.0 if terminated[n, k] else gamma * next_values[n, k]
                advantages[n, t] += discount * (rewards[n, k] + future - values[n, k])
                if terminated[n, k] or truncated[n, k]:
                    break
                discount *= gamma * lam
    return advantages, advantages + values


@variant("gae", why="the recursion on the returns instead of the advantages")
def return_recursion(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    arrays = [np.asarray(x) for x in (rewards, values, next_values, terminated, truncated)]
    if any(x.shape != arrays[0].shape for x in arrays):
        raise ValueError("one shape, please")
    r, v, nv = (x.T.astype(np.float64) for x in arrays[:3])
    term, cut = arrays[3].T.astype(bool), (arrays[3].astype(bool) | arrays[4].astype(bool)).T
    returns = np.empty_like(r)
    for t in range(len(r) - 1, -1, -1):
        if t + 1 < len(r):
            blend = np.where(cut[t], nv[t], (1 - lam) * nv[t] + lam * (returns[t + 1] - v[t + 1] + nv[t]))
        else:
            blend = nv[t]
        returns[t] = r[t] + gamma * np.where(term[t], 0.0, blend)
    return (returns - v).T, returns.T


@variant("minibatches", why="shuffles an index array in place, and hands out copies")
def shuffle_in_place(size, minibatch_size, epochs, rng):
    if min(size, minibatch_size) < 1:
        raise ValueError("at least one")
    index = np.arange(size, dtype=np.int64)
    for _ in range(epochs):
        rng.shuffle(index)
        start = 0
        while start < size:
            yield index[start : start + minibatch_size].copy()
            start += minibatch_size


@variant("minibatches", why="sorts random keys, then splits; a function which returns an iterator")
def sort_random_keys(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError("at least one")
    cuts = list(range(minibatch_size, size, minibatch_size))
    return iter([part for _ in range(epochs) for part in np.split(np.argsort(rng.random(size)), cuts)])


@variant("value_loss", why="mse_loss, and the clipped value through two torch.minimum and torch.maximum")
def with_mse(values, old_values, returns, clip=None):
    plain = torch.nn.functional.mse_loss(values, returns, reduction="none")
    if clip is None:
        return plain.mean() / 2
    near = torch.minimum(torch.maximum(values, old_values - clip), old_values + clip)
    clipped = torch.nn.functional.mse_loss(near, returns, reduction="none")
    return torch.stack([plain, clipped]).max(dim=0).values.mean() / 2


@variant("entropy", why="torch.distributions")
def by_distribution(logits):
    return torch.distributions.Categorical(logits=logits).entropy().mean()


@variant("entropy", why="log-sum-exp minus the mean logit")
def by_logsumexp(logits):
    return (torch.logsumexp(logits, dim=1) - (torch.softmax(logits, dim=1) * logits).sum(dim=1)).mean()


@variant("approximate_kl", why="the ratio written out")
def ratio_written_out(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.size == 0 or logp.shape != old_logp.shape:
        raise ValueError("shapes")
    ratio = np.exp(logp - old_logp)
    return float(((ratio - 1) - np.log(ratio)).mean())


@variant("approximate_kl", why="PyTorch in double precision")
def in_torch(logp, old_logp):
    new = torch.from_numpy(np.array(logp, dtype=np.float64))
    old = torch.from_numpy(np.array(old_logp, dtype=np.float64))
    if new.shape != old.shape or new.numel() == 0:
        raise ValueError("shapes")
    return (torch.exp(new - old) - 1 - (new - old)).mean().item()


@variant("should_stop", why="cases one after the other")
def case_by_case(kl, target_kl=None, factor=1.5):
    if kl != kl:
        return True
    if target_kl is None:
        return False
    return True if kl > target_kl * factor else False


@variant("should_stop", why="a comparison that is false for nan, turned round")
def turned_round(kl, target_kl=None, factor=1.5):
    limit = np.inf if target_kl is None else factor * target_kl
    return bool(not kl <= limit)


@variant("train_ppo", why="arrays allocated in advance, turned round for the advantages, samples ordered environment by environment")
def preallocated(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
                 gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    T, N = rollout_steps, env.num_envs
    updates = env_steps // (T * N)
    if updates == 0:
        raise ValueError("the budget is too small")
    obs, score, finished = env.reset(), np.zeros(N), []
    for u in range(updates):
        O, F = np.zeros((T, N, 4), np.float32), np.zeros((T, N, 4), np.float32)
        A, L, R = np.zeros((T, N), np.int64), np.zeros((T, N)), np.zeros((T, N))
        D, C = np.zeros((T, N), bool), np.zeros((T, N), bool)
        V, W = np.zeros((T, N)), np.zeros((T, N))
        for t in range(T):
            O[t] = obs
            A[t], L[t] = agent.act(obs, rng)
            V[t] = agent.value(obs)
            s = env.step(A[t])
            R[t], D[t], C[t], F[t], obs = s.reward, s.terminated, s.truncated, s.final_observation, s.observation
            W[t] = agent.value(F[t])
            score += R[t]
            for n in range(N):
                if D[t, n] or C[t, n]:
                    finished.append(float(score[n]))
                    score[n] = 0.0
        adv, ret = advantage_fn(R.T, V.T, W.T, D.T, C.T, gamma, lam)
        flat = [np.swapaxes(x, 0, 1).reshape(T * N, *x.shape[2:]) for x in (O, A, L, adv.T, ret.T)]
        rate = learning_rate * (updates - u) / updates

        def one_pass():
            index = np.arange(T * N)
            rng.shuffle(index)
            while len(index):
                pick, index = index[:minibatch_size], index[minibatch_size:]
                o, a, l, v, r = (x[pick] for x in flat)
                v = (v - np.mean(v)) / (np.std(v) + 1e-8)
                kl = agent.improve(dict(observations=o, actions=a, logp=l, advantages=v, returns=r), learning_rate=rate,
                                   clip=clip, value_weight=value_weight, entropy_weight=entropy_weight)
                if target_kl is not None and kl > 1.5 * target_kl:
                    return False
            return True

        for _ in range(epochs):
            if not one_pass():
                break
    return dict(env_steps=updates * T * N, episode_returns=finished)


@variant("train_ppo", why="a list of dicts per step, one generator over all minibatches")
def list_of_steps(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
                  gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    size = rollout_steps * env.num_envs
    if env_steps < size:
        raise ValueError("the budget is too small")
    observation, score, log, used = env.reset(), [0.0] * env.num_envs, [], 0
    iterations = int(env_steps / size)
    while used + size <= env_steps:
        fraction = used // size / iterations
        steps = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            transition = env.step(action)
            steps.append({"o": observation, "a": action, "l": logp, "t": transition})
            observation = transition.observation
            for n in range(env.num_envs):
                score[n] += float(transition.reward[n])
                if transition.terminated[n] or transition.truncated[n]:
                    log.append(score[n])
                    score[n] = 0.0
        used += size
        values = np.stack([agent.value(s["o"]) for s in steps], axis=1)
        nexts = np.stack([agent.value(s["t"].final_observation) for s in steps], axis=1)
        advantages, returns = advantage_fn(np.stack([s["t"].reward for s in steps], axis=1), values, nexts,
                                           np.stack([s["t"].terminated for s in steps], axis=1),
                                           np.stack([s["t"].truncated for s in steps], axis=1), gamma, lam)
        data = {"observations": np.concatenate([s["o"] for s in steps]), "actions": np.concatenate([s["a"] for s in steps]),
                "logp": np.concatenate([s["l"] for s in steps]), "advantages": advantages.T.ravel(), "returns": returns.T.ravel()}
        orders = (rng.permutation(size) for _ in range(epochs))
        for index in (o[k : k + minibatch_size] for o in orders for k in range(0, size, minibatch_size)):
            batch = {key: value[index] for key, value in data.items()}
            batch["advantages"] = (batch["advantages"] - batch["advantages"].mean()) / (batch["advantages"].std() + 1e-8)
            kl = agent.improve(batch, learning_rate=(1 - fraction) * learning_rate, clip=clip,
                               value_weight=value_weight, entropy_weight=entropy_weight)
            if target_kl is not None and kl / target_kl > 1.5:
                break
    return {"env_steps": used, "episode_returns": log}


@variant("gae", why="one linear system per environment, upper bidiagonal")
def linear_system(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    r, v, nv = (np.array(x, dtype=np.float64) for x in (rewards, values, next_values))
    term, trunc = np.array(terminated, dtype=bool), np.array(truncated, dtype=bool)
    if len({x.shape for x in (r, v, nv, term, trunc)}) != 1:
        raise ValueError("one shape, please")
    delta = r + gamma * (1 - term) * nv - v
    going_on = 1.0 - (term | trunc)
    advantages = np.array([
        np.linalg.solve(np.eye(r.shape[1]) - gamma * lam * np.diag(going_on[n, :-1], 1), delta[n]) for n in range(len(r))
    ])
    return advantages, advantages + v


@variant("entropy", why="logits shifted by log-sum-exp, written out")
def shifted(logits):
    logp = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    return (-logp * logp.exp()).sum(dim=-1).mean()
