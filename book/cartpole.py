"""CartPole as one NumPy program over many environments, and a small actor–critic to train on it.

`VectorCartPole` follows Gymnasium's `CartPole-v1` step by step (a chapter asserts it): Barto, Sutton and Anderson's
cart-pole without friction, with Euler integration at 0.02 s, reward 1 a step, and a time limit of 500 steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

GRAVITY = 9.8  # m/s²
CART_MASS, POLE_MASS = 1.0, 0.1  # kg
TOTAL_MASS = CART_MASS + POLE_MASS
HALF_LENGTH = 0.5  # m, from the joint to the pole's centre of mass
FORCE = 10.0  # N, to the left (action 0) or to the right (action 1)
TIME_STEP = 0.02  # s
POSITION_LIMIT = 2.4  # m
ANGLE_LIMIT = 12 * 2 * np.pi / 360  # rad, that is 12 degrees
TIME_LIMIT = 500  # steps


class Transition(NamedTuple):
    """What one step of N environments gives."""

    observation: NDArray[np.float32]  # (N, 4) to act on next: already reset where an episode has ended
    reward: NDArray[np.float64]  # (N,)
    terminated: NDArray[np.bool_]  # (N,) the pole fell or the cart left the track
    truncated: NDArray[np.bool_]  # (N,) the time limit was reached, and the pole still stands
    final_observation: NDArray[np.float32]  # (N, 4) the state that the action led to, before any reset


def cartpole_dynamics(state: NDArray[np.float64], action: NDArray[np.int64]) -> NDArray[np.float64]:
    """The states (N, 4) one Euler step of 0.02 s after `state` (N, 4), pushed by `action` (N,) in {0, 1}.

    Columns: cart position (m), cart velocity (m/s), pole angle (rad, 0 is upright), angular velocity (rad/s).
    """
    _, velocity, angle, spin = state.T
    cosine, sine = np.cos(angle), np.sin(angle)
    force = np.where(action == 1, FORCE, -FORCE)
    push = (force + POLE_MASS * HALF_LENGTH * spin**2 * sine) / TOTAL_MASS
    inertia = HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / TOTAL_MASS)
    angular_acceleration = (GRAVITY * sine - cosine * push) / inertia
    acceleration = push - POLE_MASS * HALF_LENGTH * angular_acceleration * cosine / TOTAL_MASS
    rates = np.stack([velocity, acceleration, spin, angular_acceleration], axis=1)  # (N, 4)
    return state + TIME_STEP * rates


class VectorCartPole:
    """N independent cart-poles, stepped together and reset one by one when an episode ends."""

    def __init__(self, num_envs: int, rng: np.random.Generator) -> None:
        """`num_envs` environments whose starting states are drawn with `rng`; raises ValueError if it is below 1."""
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.num_envs, self.rng = num_envs, rng
        self.state = np.zeros((num_envs, 4))
        self.elapsed = np.zeros(num_envs, dtype=np.int64)
        self.steps_taken = 0  # over all environments, since construction

    def reset(self) -> NDArray[np.float32]:
        """Start every environment anew; the first observations, float32 (N, 4)."""
        self._restart(np.ones(self.num_envs, dtype=bool))
        return self.state.astype(np.float32)

    def step(self, action: NDArray[np.int64]) -> Transition:
        """Push each cart left (action 0) or right (action 1; other numbers are not refused).

        An environment whose episode ends is reset at once.
        """
        self.state = cartpole_dynamics(self.state, np.asarray(action))
        self.elapsed += 1
        self.steps_taken += self.num_envs
        out = (np.abs(self.state[:, 0]) > POSITION_LIMIT) | (np.abs(self.state[:, 2]) > ANGLE_LIMIT)
        truncated = (self.elapsed >= TIME_LIMIT) & ~out
        final_observation = self.state.astype(np.float32)
        self._restart(out | truncated)
        return Transition(self.state.astype(np.float32), np.ones(self.num_envs), out, truncated, final_observation)

    def _restart(self, where: NDArray[np.bool_]) -> None:
        self.state[where] = self.rng.uniform(-0.05, 0.05, size=(int(where.sum()), 4))
        self.elapsed[where] = 0


class ActorCritic:
    """Two tanh networks: logits over two actions, and a value. Acts in NumPy, learns in PyTorch, on the same weights."""

    def __init__(self, seed: int, *, hidden: int = 32) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.policy = _network(hidden, 2, 0.01, generator)
        self.critic = _network(hidden, 1, 1.0, generator)
        self.parameters = [*self.policy.parameters(), *self.critic.parameters()]
        self._averages = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        # Views of the parameters' own memory: what a step changes, acting sees.
        self._policy_weights = [p.detach().numpy() for p in self.policy.parameters()]
        self._critic_weights = [p.detach().numpy() for p in self.critic.parameters()]
        size = sum(p.numel() for p in self.parameters)
        self._first, self._second, self._updates = np.zeros(size, np.float32), np.zeros(size, np.float32), 0

    def logits(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (…, 2) for observations (…, 4), in NumPy."""
        return _forward(self._policy_weights, observation)

    def value(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (…,) of observations (…, 4), in NumPy."""
        return _forward(self._critic_weights, observation)[..., 0]

    def act(
        self, observation: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw one action for each observation: actions int64 (N,) and their log-probabilities float32 (N,)."""
        logits = self.logits(observation)
        margin = logits[:, 1] - logits[:, 0]
        action = (rng.random(len(margin)) < 0.5 + 0.5 * np.tanh(margin / 2)).astype(np.int64)  # the sigmoid, without overflow
        return action, -np.logaddexp(0, np.where(action == 1, -margin, margin))

    def evaluate(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities of `actions` (B,), entropies (B,) and values (B,) at `observations` (B, 4), differentiable."""
        logp_all = torch.log_softmax(self.policy(observations), dim=1)  # (B, 2)
        logp = logp_all.gather(1, actions[:, None])[:, 0]
        return logp, -(logp_all.exp() * logp_all).sum(dim=1), self.critic(observations)[:, 0]

    def policy_weights(self) -> list[NDArray[np.float32]]:
        """Copies of the policy's weights and biases, in the order that `policy_logits` takes."""
        return [w.copy() for w in self._policy_weights]

    def descend(self, loss: Tensor, *, learning_rate: float, max_grad_norm: float = 0.5) -> None:
        """One Adam step of size `learning_rate` down `loss`, the gradient's norm cut to `max_grad_norm`."""
        # Written out: the first use of torch.optim imports its compiler, which takes seconds.
        gradients = torch.autograd.grad(loss, self.parameters)
        norm = torch.sqrt(torch.stack([g.square().sum() for g in gradients]).sum())
        scale = (max_grad_norm / (norm + 1e-6)).clamp(max=1.0)
        self._updates += 1
        with torch.no_grad():
            for p, g, (first, second) in zip(self.parameters, gradients, self._averages, strict=True):
                first.lerp_(scale * g, 0.1)
                second.lerp_((scale * g).square(), 0.001)
                corrected = (second / (1 - 0.999**self._updates)).sqrt() + 1e-5
                p.sub_(learning_rate * first / (1 - 0.9**self._updates) / corrected)

    def improve(
        self,
        batch: dict[str, NDArray[Any]],
        *,
        learning_rate: float,
        clip: float,
        value_weight: float,
        entropy_weight: float,
    ) -> float:
        """One PPO step on a minibatch; the approximate KL(old‖new) of the minibatch, measured before the step.

        The gradient is written out in NumPy, which is several times as fast as autograd for a network of this size.
        A run uses either `improve` or `descend`, as each keeps its own Adam averages.
        `batch` maps observations (B, 4), actions, logp, advantages and returns (each (B,)) to NumPy arrays.
        """
        x, action = np.asarray(batch["observations"], dtype=np.float32), np.asarray(batch["actions"], dtype=np.int64)
        old_logp, a, target = (np.asarray(batch[k], dtype=np.float32) for k in ("logp", "advantages", "returns"))
        size, rows = len(action), np.arange(len(action))
        logits, policy_layers = _forward_layers(self._policy_weights, x)
        values, critic_layers = _forward_layers(self._critic_weights, x)
        logp_all = logits - np.logaddexp(logits[:, :1], logits[:, 1:])  # (B, 2)
        pi, log_ratio = np.exp(logp_all), logp_all[rows, action] - old_logp
        ratio = np.exp(log_ratio)
        silent = np.where(a > 0, ratio > 1 + clip, ratio < 1 - clip)  # the two cases without a gradient
        slope = np.where(silent, 0, -ratio * a) / size  # d loss / d logp of the action taken
        entropy = -(pi * logp_all).sum(axis=1, keepdims=True)
        d_logits = -slope[:, None] * pi + entropy_weight / size * pi * (logp_all + entropy)
        d_logits[rows, action] += slope
        d_values = value_weight / size * (values - target[:, None])
        gradients = _backward(self._policy_weights, policy_layers, d_logits)
        gradients += _backward(self._critic_weights, critic_layers, d_values)
        self._adam(gradients, learning_rate)
        return float(np.mean(ratio - 1 - log_ratio))

    def _adam(self, gradients: list[NDArray[np.float32]], learning_rate: float, max_grad_norm: float = 0.5) -> None:
        """Adam, with the same constants and the same cut of the gradient's norm as `descend`."""
        flat = np.concatenate([g.ravel() for g in gradients])
        flat *= min(1.0, max_grad_norm / (float(np.sqrt(flat @ flat)) + 1e-6))
        self._updates += 1
        self._first += 0.1 * (flat - self._first)
        self._second += 0.001 * (flat * flat - self._second)
        first, second = self._first / (1 - 0.9**self._updates), self._second / (1 - 0.999**self._updates)
        change, at = learning_rate * first / (np.sqrt(second) + 1e-5), 0
        for w in [*self._policy_weights, *self._critic_weights]:
            w -= change[at : at + w.size].reshape(w.shape)
            at += w.size


def policy_logits(weights: list[NDArray[np.float32]], observation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (…, 2) of the policy whose weights are `weights`, at observations (…, 4)."""
    return _forward(weights, observation)


def advantages_and_returns(
    rewards: NDArray[np.float64],
    values: NDArray[np.float64],
    next_values: NDArray[np.float64],
    terminated: NDArray[np.bool_],
    truncated: NDArray[np.bool_],
    gamma: float,
    lam: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """GAE and value targets, (T, N) with time first: handed to the training task, so that it stands on its own."""
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    keep = np.where(terminated | truncated, 0.0, gamma * lam)
    advantages = np.zeros((len(delta) + 1, *delta.shape[1:]))
    for t in reversed(range(len(delta))):
        advantages[t] = delta[t] + keep[t] * advantages[t + 1]
    return advantages[:-1], advantages[:-1] + values


def evaluate_policy(policy: Any, env: VectorCartPole) -> NDArray[np.float64]:
    """Returns (N,) of the first episode of each environment, under `policy(observation (N, 4)) -> actions (N,)`."""
    observation, total, alive = env.reset(), np.zeros(env.num_envs), np.ones(env.num_envs, dtype=bool)
    while alive.any():
        transition = env.step(policy(observation))
        total += transition.reward * alive
        alive &= ~(transition.terminated | transition.truncated)
        observation = transition.observation
    return total


def _network(hidden: int, outputs: int, last_gain: float, generator: torch.Generator) -> nn.Sequential:
    sizes, gains = [4, hidden, hidden, outputs], [2**0.5, 2**0.5, last_gain]
    layers: list[nn.Module] = []
    for i, gain in enumerate(gains):
        linear = nn.Linear(sizes[i], sizes[i + 1])
        nn.init.orthogonal_(linear.weight, gain, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _forward(weights: list[NDArray[np.float32]], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network in NumPy: weight (out, in) and bias (out,) alternate, with tanh between the layers."""
    return _forward_layers(weights, x)[0]


def _forward_layers(
    weights: list[NDArray[np.float32]], x: NDArray[np.float32]
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """The network's output, and the input of each of its layers."""
    inputs = []
    for i in range(0, len(weights), 2):
        inputs.append(x)
        x = x @ weights[i].T + weights[i + 1]
        if i + 2 < len(weights):
            x = np.tanh(x)
    return x, inputs


def _backward(
    weights: list[NDArray[np.float32]], inputs: list[NDArray[np.float32]], d: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Gradients of all weights and biases, in their order, from the gradient `d` (B, out) of the output."""
    gradients: list[NDArray[np.float32]] = []
    for layer in reversed(range(len(inputs))):
        gradients = [d.T @ inputs[layer], d.sum(axis=0), *gradients]
        if layer:
            d = (d @ weights[2 * layer]) * (1 - inputs[layer] ** 2)  # tanh' = 1 - tanh²
    return gradients
