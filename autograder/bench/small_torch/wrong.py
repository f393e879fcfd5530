"""Wrong solutions of the benchmark's small assignment: what its submissions are made of."""

import torch

from autograder.catalogue import wrong


@wrong("softmax", caught_by="test_softmax", section="", misconception="No shift: the exponential overflows.")
def no_shift(x, dim):
    return torch.exp(x) / torch.exp(x).sum(dim, keepdim=True)


@wrong("softmax", caught_by="test_softmax", section="", misconception="The dimension is ignored.")
def last_dimension(x, dim):
    return torch.softmax(x, -1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="", misconception="The sum stands for the mean.")
def summed(logits, target):
    return -torch.log_softmax(logits, 1)[torch.arange(len(target)), target].sum()


@wrong("Linear", caught_by="test_Linear", section="", misconception="The bias is forgotten.")
class NoBias(torch.nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = torch.nn.Parameter(weight.clone())

    def forward(self, x):
        return x @ self.weight.T


@wrong("sgd_step", caught_by="test_sgd_step", section="", misconception="The decay is not scaled by the rate.")
def unscaled_decay(params, grads, lr, decay=0.0):
    for param, grad in zip(params, grads, strict=True):
        param -= lr * grad + decay * param
