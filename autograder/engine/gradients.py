"""Gradients through a call: forward at one end, the vector-Jacobian product by a second call when `backward` gets there."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd.function import once_differentiable

Vjp = Callable[[int, list[Any]], list[Any]]


class _RemoteFunction(torch.autograd.Function):
    """A node of the caller's graph that stands for a graph kept at the other end."""

    @staticmethod
    def forward(ctx: Any, graph: RemoteGraph, anchor: torch.Tensor, *inputs: torch.Tensor) -> Any:
        ctx.graph, ctx.count = graph, len(inputs)
        ctx.set_materialize_grads(False)
        return tuple(graph.outputs)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Any) -> Any:
        found = ctx.graph.vjp(list(gradients))
        return (None, None, *found)


class RemoteGraph:
    """The caller's hold on a graph at the other end; dropping it releases that graph."""

    def __init__(self, number: int, outputs: list[torch.Tensor], call: Vjp, release: Callable[[int], None]) -> None:
        self.number, self.outputs, self._call = number, outputs, call
        weakref.finalize(self, release, number)

    def vjp(self, gradients: list[Any]) -> list[Any]:
        return self._call(self.number, gradients)

    def attach(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The outputs as part of the caller's graph."""
        anchor = torch.zeros((), requires_grad=True)  # keeps the node alive where no argument requires a gradient
        outputs = _RemoteFunction.apply(self, anchor, *inputs)
        self.outputs = []
        return list(outputs)


def differentiable(table: list[Any]) -> list[torch.Tensor]:
    """The tensors among a call's arguments that take part in a gradient, in the order both ends know."""
    return [item for item in table if isinstance(item, torch.Tensor) and item.requires_grad]


def _seed(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """The scalar whose gradient in each output is the gradient given with it.

    `backward` would take the gradients themselves, but then it imports SymPy, for a quarter of a second, to compare their shapes.
    """
    for output, gradient in pairs:
        if output.shape != gradient.shape:
            raise ValueError(f"a gradient of shape {tuple(gradient.shape)} for an output of shape {tuple(output.shape)}")
    with torch.enable_grad():
        return torch.as_tensor(sum((output * gradient.conj()).sum().real for output, gradient in pairs))


def local_vjp(outputs: list[torch.Tensor], inputs: list[torch.Tensor], gradients: list[Any]) -> list[Any]:
    """Run `backward` where the graph is. The inputs' own `.grad` is left as it was; parameters of modules accumulate."""
    pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if g is not None]
    if not pairs:
        return [None] * len(inputs)
    kept = [item.grad for item in inputs]
    for item in inputs:
        item.grad = None
    try:
        _seed(pairs).backward(retain_graph=True)
        return [None if item.grad is None else item.grad.detach().clone() for item in inputs]
    finally:
        for item, grad in zip(inputs, kept, strict=True):
            item.grad = grad
