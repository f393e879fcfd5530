"""Right solutions of the benchmark's small assignment, written another way."""

import torch

from autograder.catalogue import variant


@variant("softmax", why="through the log-sum-exp")
def through_logarithms(x, dim):
    return torch.exp(x - torch.logsumexp(x, dim, keepdim=True))


@variant("cross_entropy", why="picks from the log-softmax")
def picked(logits, target):
    return -torch.log_softmax(logits, 1)[torch.arange(len(target)), target].mean()
