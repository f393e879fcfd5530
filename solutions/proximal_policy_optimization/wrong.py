"""What learners write by mistake, with the misconception each stands for."""

import numpy as np
import torch
from autograder.catalogue import wrong


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The clipped term alone, without the min: samples that moved the wrong way lose their gradient.")
def no_minimum(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.clip(ratio, 1 - low, 1 + high) * advantage
    improved_enough = (ratio > 1 + high) | (ratio < 1 - low)
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The plain surrogate r·A: nothing is clipped.")
def no_clip(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = ratio * advantage
    improved_enough = ((advantage > 0) & (ratio > 1 + high)) | ((advantage < 0) & (ratio < 1 - low))
    return objective, advantage.copy()


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The larger of the two terms: the bound is optimistic instead of pessimistic.")
def maximum_for_minimum(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.maximum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + high)) | ((advantage < 0) & (ratio < 1 - low))
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="Clipped from above only: a negative advantage may push the ratio to 0.")
def upper_side_only(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.minimum(ratio, 1 + high) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + high))
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The gradient is set to zero wherever the ratio is outside, whatever the sign of the advantage.")
def gradient_by_ratio_alone(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)
    improved_enough = (ratio > 1 + high) | (ratio < 1 - low)
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The clip is fixed at 0.2, whatever the argument says.")
def setting_ignored(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - 0.2, 1 + 0.2) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + 0.2)) | ((advantage < 0) & (ratio < 1 - 0.2))
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The objective itself, r·A, is returned for the gradient with respect to r.")
def objective_for_gradient(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + high)) | ((advantage < 0) & (ratio < 1 - low))
    return objective, np.where(improved_enough, 0.0, ratio * advantage)


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="The objective is to be maximised; the loss is its negative.")
def sign_forgotten(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-surrogate",
       misconception="The ratio is old over new instead of new over old.")
def ratio_inverted(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(old_logp.detach() - logp)
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="The ratio is never clipped.")
def loss_no_clip(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = ratio
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="The clipped term alone, without the min.")
def loss_no_minimum(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -(clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-surrogate",
       misconception="Log-probabilities are divided instead of probabilities.")
def ratio_without_exp(logp, old_logp, advantages, clip=0.2):
    ratio = logp / old_logp.detach()
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-surrogate",
       misconception="The difference of log-probabilities is used as the ratio, without the exponential.")
def log_difference(logp, old_logp, advantages, clip=0.2):
    ratio = (logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="Summed over the batch instead of averaged: the step grows with the batch.")
def sum_for_mean(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).sum()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-loop",
       misconception="The advantages are normalised inside the loss.")
def normalised_inside(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    a = (a - a.mean()) / (a.std(unbiased=False) + 1e-8)
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="max where the objective has min.")
def maximum_in_loss(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.maximum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="The clip is fixed at 0.2.")
def loss_setting_ignored(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 0.8, 1.2)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="Only the upper end of the ratio is clipped.")
def lower_clip_missing(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, max=1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-surrogate",
       misconception="old_logp is not detached: the ratio's gradient flows into the stored data too.")
def gradient_into_the_old(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp)
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The flags of step t+1 are used at step t: episodes are cut one step early or late.")
def done_off_by_one(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~((terminated | truncated)[min(t + 1, len(delta) - 1)]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="A time limit is treated as a terminal state: its value counts as 0.")
def truncation_as_termination(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~(terminated | truncated) * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The value of the state after the last step is left out.")
def no_bootstrap(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    next_values = next_values.copy()
    next_values[-1] = 0.0
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The value of a terminal state is added to delta.")
def terminal_value_counted(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="A truncated episode leaks into the next one: the sum is cut at terminated only.")
def truncation_runs_on(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~terminated[t] * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The flags are never used to cut the sum.")
def dones_ignored(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The factor λ is missing in the recursion.")
def no_lambda(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The factor γ is missing in the recursion.")
def no_gamma(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The recursion runs forward in time: past errors are summed instead of later ones.")
def forward_loop(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in range(len(delta)):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The value targets add the next values instead of the values.")
def returns_plus_next_values(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + next_values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="values[t+1] is used for the next value, which after a reset belongs to another episode.")
def next_values_from_rows(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    next_values = np.concatenate([values[1:], next_values[-1:]])
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="One order is drawn for all epochs.")
def one_order(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    order = rng.permutation(size)
    for _ in range(epochs):
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="Each minibatch is drawn with replacement: some samples are never used, others twice.")
def with_replacement(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = rng.integers(size, size=size)
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="The short minibatch at the end of an epoch is dropped.")
def drops_the_last(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = rng.permutation(size)
        for start in range(0, size - minibatch_size + 1, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="The indices come in order: neighbouring time steps share a minibatch.")
def not_shuffled(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = np.arange(size)
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="NumPy's global generator is used: the run can't be repeated from its seed.")
def global_generator(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = np.random.permutation(size)
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="Only one pass is made.")
def one_epoch(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(min(epochs, 1)):
        order = rng.permutation(size)
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="The last index is left out.")
def one_index_short(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = rng.permutation(size - 1)
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The smaller of the two errors is taken: clipping then rewards leaving the range.")
def minimum_of_errors(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = torch.minimum(error, (clipped - returns).square())
    return 0.5 * error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The value is clipped to ±ε, instead of its change.")
def value_itself_clipped(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = torch.clamp(values, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The factor one half is missing.")
def half_forgotten(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="Only the clipped error counts: the gradient vanishes even where the value is far from its target.")
def clipped_error_only(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = (clipped - returns).square()
    return 0.5 * error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The value is clipped relative to the return instead of the old value.")
def clipped_ratio_of_values(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = returns + torch.clamp(values - returns, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="Summed over the batch instead of averaged.")
def error_summed(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * error.sum()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The clip is not used.")
def clip_ignored(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if False:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return 0.5 * error.mean()


@wrong("value_loss", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The squared errors are summed, and the half is missing.")
def summed_without_half(values, old_values, returns, clip=None):
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + torch.clamp(values - old_values, -clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return error.sum()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The sign is missing: this is minus the entropy.")
def entropy_sign(logits):
    logp = torch.log_softmax(logits, dim=-1)
    return (logp.exp() * logp).sum(dim=-1).mean()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The softmax runs over the batch instead of the actions.")
def entropy_over_states(logits):
    logp = torch.log_softmax(logits, dim=0)
    return -(logp.exp() * logp).sum(dim=-1).mean()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="Measured in bits, log base 2, instead of nats.")
def entropy_in_bits(logits):
    logp = torch.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(dim=-1).mean() / np.log(2)


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="log(softmax) with large logits gives 0 · log 0.")
def log_of_softmax(logits):
    logp = torch.log(torch.softmax(logits, dim=-1))
    return -(logp.exp() * logp).sum(dim=-1).mean()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="Averaged over the actions too, instead of summed.")
def averaged_over_actions(logits):
    logp = torch.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).mean(dim=-1).mean()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The entropies of the states are summed; the mean over the states is meant.")
def summed_over_states(logits):
    logp = torch.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum()


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="The roles of old and new are swapped: exp(-d) - 1 + d.")
def kl_swapped(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError(f"two arrays of one shape, not empty, are needed; got {logp.shape} and {old_logp.shape}")
    d = old_logp - logp
    return float(np.mean(np.expm1(d) - d))


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="The plain mean of -d: unbiased too, but it can be negative and varies more.")
def plain_difference(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError(f"two arrays of one shape, not empty, are needed; got {logp.shape} and {old_logp.shape}")
    d = logp - old_logp
    return float(np.mean(-d))


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="Half the mean square of d: only the leading term for a small change, and biased.")
def squared_difference(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError(f"two arrays of one shape, not empty, are needed; got {logp.shape} and {old_logp.shape}")
    d = logp - old_logp
    return float(np.mean(d**2 / 2))


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="exp(d) - d is 1 too large.")
def one_forgotten(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError(f"two arrays of one shape, not empty, are needed; got {logp.shape} and {old_logp.shape}")
    d = logp - old_logp
    return float(np.mean(np.exp(d) - d))


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="Summed instead of averaged: the estimate grows with the batch.")
def kl_summed(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError(f"two arrays of one shape, not empty, are needed; got {logp.shape} and {old_logp.shape}")
    d = logp - old_logp
    return float(np.sum(np.expm1(d) - d))


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="The factor is left out.")
def factor_ignored(kl, target_kl=None, factor=1.5):
    if np.isnan(kl):
        return True
    return target_kl is not None and bool(kl > target_kl)


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="The factor is fixed at 1.5, whatever the argument says.")
def factor_fixed(kl, target_kl=None, factor=1.5):
    if np.isnan(kl):
        return True
    return target_kl is not None and bool(kl > 1.5 * target_kl)


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="Stops at equality too.")
def stops_at_equality(kl, target_kl=None, factor=1.5):
    if np.isnan(kl):
        return True
    return target_kl is not None and bool(kl >= factor * target_kl)


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="No target is taken as a target of zero.")
def stops_without_target(kl, target_kl=None, factor=1.5):
    if np.isnan(kl):
        return True
    return bool(kl > factor * (target_kl or 0.0))


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="A comparison with nan is false, so training goes on with broken numbers.")
def nan_goes_on(kl, target_kl=None, factor=1.5):
    return target_kl is not None and bool(kl > factor * target_kl)


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="Next values come from the observation after the reset: they belong to another episode.")
def next_observation_after_reset(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The observation is stored after the step: actions no longer belong to their observations.")
def observation_after_step(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            observation = step.observation
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The budget counts the steps of one environment only.")
def budget_per_environment(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // rollout_steps
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="One iteration too many: the budget is exceeded.")
def budget_rounded_up(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = -(-env_steps // samples)
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The advantages are not normalised.")
def not_normalised(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = a
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The advantages are normalised over the whole rollout instead of the minibatch.")
def normalised_over_rollout(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a, everything = batch["advantages"], data["advantages"]
                batch["advantages"] = (a - everything.mean()) / (everything.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The mean of the advantages is not subtracted.")
def mean_not_subtracted(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = a / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-kl",
       misconception="Early stopping leaves only the inner loop: the next epoch goes on.")
def stops_one_epoch_only(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-kl",
       misconception="target_kl is not used.")
def never_stops(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = False
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-kl",
       misconception="Stops above the target instead of above 1.5 times the target.")
def stops_at_target(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The learning rate does not fall.")
def rate_constant(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate, clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The learning rate reaches zero in the last iteration.")
def rate_off_by_one(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - (i + 1) / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The environments are reset at every iteration: long episodes never finish.")
def reset_each_iteration(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        observation, running = env.reset(), np.zeros(env.num_envs)
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="One epoch, whatever the argument says.")
def single_epoch(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(1):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The samples are not shuffled.")
def order_kept(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = np.arange(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="Terminated and truncated are handed over in the wrong order.")
def flags_swapped(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), truncated, terminated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="An episode's return is not set back to zero at its end.")
def returns_run_on(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = running + 0.0
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="Only terminated episodes are recorded.")
def truncated_not_counted(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The advantages are not shuffled with their samples.")
def advantages_unmatched(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = data["advantages"][start : start + minibatch_size]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The upper setting is used on both sides.")
def one_setting_for_both(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - high, 1 + high) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + high)) | ((advantage < 0) & (ratio < 1 - high))
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="Time is taken to run down the rows: advantages flow from one environment into another.")
def time_along_the_rows(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64) for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool), np.asarray(truncated, dtype=bool)
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~(terminated[t] | truncated[t]) * following
        advantages[t] = following
    return advantages, advantages + values


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="The sum is cut at a truncation only: a terminated episode leaks into the next one.")
def termination_runs_on(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64).T for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool).T, np.asarray(truncated, dtype=bool).T
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * ~terminated * next_values - values
    advantages, following = np.zeros_like(delta), np.zeros(delta.shape[1:])
    for t in reversed(range(len(delta))):
        following = delta[t] + gamma * lam * ~truncated[t] * following
        advantages[t] = following
    return advantages.T, (advantages + values).T


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="Later errors are added without gamma and without lam.")
def neither_factor(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64) for x in (rewards, values, next_values))
    terminated, truncated = (np.asarray(terminated, dtype=bool), np.asarray(truncated, dtype=bool))
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError('rewards, values, next_values, terminated and truncated must have one shape')
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    advantages, following = (np.zeros_like(delta), np.zeros(len(delta)))
    for t in reversed(range(delta.shape[1])):
        following = delta[:, t] + ~(terminated[:, t] | truncated[:, t]) * following
        advantages[:, t] = following
    return (advantages, advantages + values)


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The sum of rewards starts anew in each iteration: the beginning of a long episode is lost.")
def running_reset_each_iteration(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows, running = [], np.zeros(env.num_envs)
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The advantages have shape (B, 1): against logp (B,) they broadcast to (B, B).")
def advantages_in_columns(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = ((a - a.mean()) / (a.std() + 1e-8))[:, None]
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The actions are flattened step by step, the other arrays environment by environment.")
def actions_flattened_otherwise(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        data["actions"] = actions.T.reshape(-1)
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="r - 1 is compared with the clip: at the corners rounding decides, against the statement.")
def distance_compared(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)
    done = ((advantage > 0) & (ratio - 1 > high)) | ((advantage < 0) & (1 - ratio > low))
    return objective, np.where(done, 0.0, advantage)


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-loop",
       misconception="Two probabilities are divided: in float32 both may be 0, and the ratio is not a number. Subtract the logarithms first.")
def ratio_of_exponentials(logp, old_logp, advantages, clip=0.2):
    ratio = logp.exp() / old_logp.detach().exp()
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="Only the starting point is random: neighbouring steps still share a minibatch.")
def random_start(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    for _ in range(epochs):
        order = np.roll(np.arange(size), rng.integers(size))
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("approximate_kl", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="Large log-ratios are clipped, so the watch is blind where it matters.")
def log_ratios_clipped(logp, old_logp):
    logp, old_logp = np.asarray(logp, dtype=np.float64), np.asarray(old_logp, dtype=np.float64)
    if logp.shape != old_logp.shape or logp.size == 0:
        raise ValueError("two arrays of one shape, not empty, are needed")
    d = np.clip(logp - old_logp, -5, 5)
    return float(np.mean(np.expm1(d) - d))


@wrong("should_stop", caught_by="test_kl_watch", section="proximal_policy_optimization-kl",
       misconception="Infinity is treated like nan: training stops without a target.")
def stops_at_infinity(kl, target_kl=None, factor=1.5):
    if not np.isfinite(kl):
        return True
    return target_kl is not None and bool(kl > factor * target_kl)


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The actions are drawn with a generator of their own instead of rng.")
def acts_with_own_generator(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, np.random.default_rng(0))
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="Stops at equality with 1.5 times the target too.")
def stops_at_equal_kl(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl >= 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="The arrays are handed over with time first, as they were collected.")
def time_first_arrays(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.array(x) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="Arrays with time first are turned round for the estimate, but its results are not turned back: samples get the advantages of others.")
def estimates_not_turned_back(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.array(x) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards.T, agent.value(observations).T, agent.value(finals).T, terminated.T, truncated.T, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The run goes on from the final observation: after an end it acts in a state that is gone.")
def acts_on_final_observation(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.final_observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The normalised advantages are written back, and normalised again in the next epoch.")
def normalised_advantages_kept(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                data["advantages"][order[start : start + minibatch_size]] = batch["advantages"]
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="The standard deviation is the one with n - 1, as torch.std gives it.")
def deviation_with_ddof(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std(ddof=1) + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="The values too come from the final observations: they belong to the states after the actions.")
def values_of_final_observations(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(finals), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-gae",
       misconception="Both ends are handed over as a termination: at the time limit nothing is bootstrapped.")
def every_end_is_a_termination(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        observations, actions, logps, rewards, terminated, truncated, finals = (np.stack(x, axis=1) for x in zip(*rows))
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated | truncated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="The gradient exchanges the two limits: it is cut at 1 + low and 1 - high.")
def gradient_limits_exchanged(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64)
    if ratio.shape != advantage.shape:
        raise ValueError(f"ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}")
    if low <= 0 or high <= 0:
        raise ValueError(f"low and high must be above 0, got {low} and {high}")
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage)
    improved_enough = ((advantage > 0) & (ratio > 1 + low)) | ((advantage < 0) & (ratio < 1 - high))
    return objective, np.where(improved_enough, 0.0, advantage)


@wrong("clip_cases", caught_by="test_clip_cases", section="proximal_policy_optimization-clip",
       misconception="low and high are exchanged in the objective and in the gradient.")
def settings_exchanged(ratio, advantage, low=0.2, high=0.2):
    ratio, advantage = (np.asarray(ratio, dtype=np.float64), np.asarray(advantage, dtype=np.float64))
    if ratio.shape != advantage.shape:
        raise ValueError(f'ratio and advantage must have one shape, got {ratio.shape} and {advantage.shape}')
    if low <= 0 or high <= 0:
        raise ValueError(f'low and high must be above 0, got {low} and {high}')
    objective = np.minimum(ratio * advantage, np.clip(ratio, 1 - high, 1 + low) * advantage)
    improved_enough = (advantage > 0) & (ratio > 1 + low) | (advantage < 0) & (ratio < 1 - high)
    return (objective, np.where(improved_enough, 0.0, advantage))


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="logp is detached as well: the loss has the right value, and no gradient.")
def logp_detached(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp.detach() - old_logp.detach())
    a = advantages.detach()
    return -torch.minimum(ratio * a, torch.clamp(ratio, 1 - clip, 1 + clip) * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-loop",
       misconception="The advantages are normalised inside the loss, with the standard deviation that has n − 1.")
def normalised_by_torch_std(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    a = (a - a.mean()) / (a.std() + 1e-08)
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("policy_loss", caught_by="test_policy_loss", section="proximal_policy_optimization-clip",
       misconception="The clipped term is detached: inside the range, where both terms are equal, half of the gradient is lost.")
def clipped_term_detached(logp, old_logp, advantages, clip=0.2):
    ratio = torch.exp(logp - old_logp.detach())
    a = advantages.detach()
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip).detach()
    return -torch.minimum(ratio * a, clipped * a).mean()


@wrong("gae", caught_by="test_gae", section="proximal_policy_optimization-gae",
       misconception="Where both flags are set, the time limit decides: the value of a terminal state is counted.")
def truncation_decides(rewards, values, next_values, terminated, truncated, gamma=0.99, lam=0.95):
    rewards, values, next_values = (np.asarray(x, dtype=np.float64) for x in (rewards, values, next_values))
    terminated, truncated = np.asarray(terminated, dtype=bool), np.asarray(truncated, dtype=bool)
    if not rewards.shape == values.shape == next_values.shape == terminated.shape == truncated.shape:
        raise ValueError("rewards, values, next_values, terminated and truncated must have one shape")
    delta = rewards + gamma * np.where(terminated & ~truncated, 0.0, next_values) - values
    advantages, following = np.zeros_like(delta), np.zeros(len(delta))
    for t in reversed(range(delta.shape[1])):
        following = delta[:, t] + gamma * lam * ~(terminated[:, t] | truncated[:, t]) * following
        advantages[:, t] = following
    return advantages, advantages + values


@wrong("minibatches", caught_by="test_minibatches", section="proximal_policy_optimization-loop",
       misconception="One shuffle for all epochs, which each epoch only starts at another place.")
def order_rolled(size, minibatch_size, epochs, rng):
    if size < 1 or minibatch_size < 1:
        raise ValueError(f"size and minibatch_size must be at least 1, got {size} and {minibatch_size}")
    first = rng.permutation(size)
    for _ in range(epochs):
        order = np.roll(first, rng.integers(size))
        for start in range(0, size, minibatch_size):
            yield order[start : start + minibatch_size]


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="The probabilities are cut off from below before the logarithm: the entropy of rare actions is wrong.")
def probabilities_cut_off(logits):
    p = torch.softmax(logits, dim=-1)
    return -(p * p.clamp_min(1e-12).log()).sum(dim=-1).mean()


@wrong("entropy", caught_by="test_value_and_entropy", section="proximal_policy_optimization-value",
       misconception="torch.where hides 0 · log 0 from the value; its gradient is still not a number.")
def where_hides_the_value_only(logits):
    p = torch.softmax(logits, dim=-1)
    return torch.where(p > 0, -p * p.log(), torch.zeros_like(p)).sum(dim=-1).mean()


@wrong("train_ppo", caught_by="test_train_ppo", section="proximal_policy_optimization-loop",
       misconception="reshape in place of swapping the axes: the arrays are (N, T), but rows mix environments and times.")
def reshaped_for_turned(env, agent, advantage_fn, rng, *, env_steps, rollout_steps=32, epochs=6, minibatch_size=256,
              gamma=0.98, lam=0.9, clip=0.2, value_weight=0.5, entropy_weight=0.0, learning_rate=4e-3, target_kl=None):
    samples = rollout_steps * env.num_envs
    iterations = env_steps // samples
    if iterations < 1:
        raise ValueError(f"env_steps={env_steps} is less than one iteration of {samples} steps")
    observation, running, episode_returns = env.reset(), np.zeros(env.num_envs), []
    for i in range(iterations):
        rows = []
        for _ in range(rollout_steps):
            action, logp = agent.act(observation, rng)
            step = env.step(action)
            rows.append((observation, action, logp, step.reward, step.terminated, step.truncated, step.final_observation))
            observation = step.observation
            running = running + step.reward
            ended = step.terminated | step.truncated
            episode_returns += [float(x) for x in running[ended]]
            running = np.where(ended, 0.0, running)
        stacked = [np.stack(x) for x in zip(*rows)]
        observations, actions, logps, rewards, terminated, truncated, finals = (
            x.reshape(env.num_envs, rollout_steps, *x.shape[2:]) for x in stacked
        )
        advantages, returns = advantage_fn(
            rewards, agent.value(observations), agent.value(finals), terminated, truncated, gamma, lam
        )
        data = {"observations": observations, "actions": actions, "logp": logps, "advantages": advantages, "returns": returns}
        data = {k: v.reshape(samples, *v.shape[2:]) for k, v in data.items()}
        stop = False
        for _ in range(epochs):
            order = rng.permutation(samples)
            for start in range(0, samples, minibatch_size):
                batch = {k: v[order[start : start + minibatch_size]] for k, v in data.items()}
                a = batch["advantages"]
                batch["advantages"] = (a - a.mean()) / (a.std() + 1e-8)
                kl = agent.improve(batch, learning_rate=learning_rate * (1 - i / iterations), clip=clip,
                                   value_weight=value_weight, entropy_weight=entropy_weight)
                stop = target_kl is not None and kl > 1.5 * target_kl
                if stop:
                    break
            if stop:
                break
    return {"env_steps": iterations * samples, "episode_returns": episode_returns}
