"""Sees inside the module that holds all experts of a block: what each is given and makes.

Experts run one after another, by their numbers: a product that makes gate and what it lets through, the nonlinearity,
and a second product. Those of a block that no token chose do not run. Rows are put into the order of the tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .fused import apart
from .layouts import Arrangement

_PRODUCTS = (torch.nn.functional.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)
_SUMS = (torch.add, torch.Tensor.add, torch.Tensor.__add__)
_MULTIPLICATIONS = (torch.mul, torch.Tensor.mul, torch.Tensor.__mul__)
_SIGMOIDS = (torch.sigmoid, torch.Tensor.sigmoid)
_HALVES = "2nF"


class ExpertsWatch:
    """Hands on the activations of one block's experts while these run.

    layout: how the halves lie in what the first product makes.
    keep: is given a name of the format and the tensor.
    """

    def __init__(self, layout: str, keep: Callable[[str, torch.Tensor], None]):
        self._halves, self._keep = Arrangement(layout, _HALVES), keep
        self._pending: tuple[str, Any] | None = None
        self.leave()

    def enter(self, block: str, expert_ids: torch.Tensor) -> None:
        """A block's experts begin; block: what its names begin with."""
        self._block, self._chosen = block, sorted(set(expert_ids.flatten().tolist()))
        self._is_inside = True

    def leave(self) -> None:
        """They end."""
        self._settle()
        self._is_inside, self._product, self._sigmoid = False, 0, None

    def called(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A function of PyTorch was called."""
        if not self._is_inside:
            return
        if function is torch.where and len(args) == 1:  # the tokens of the next one, by the place in their choice
            self._settle()
            self._order = result[-1].argsort()
        elif function in _PRODUCTS:
            self._settle()
            is_first = self._product % 2 == 0
            self._put("input" if is_first else "mlp_gated", args[0], self._product // 2)
            self._pending = ("gate_up" if is_first else "mlp_out", result)
            self._product += 1
        elif function in _SUMS and self._pending is not None and args[0] is self._pending[1]:
            self._pending = (self._pending[0], result)  # the bias
        elif function in _SIGMOIDS:
            self._sigmoid = result
        elif function in _MULTIPLICATIONS and self._sigmoid is not None and args[1] is self._sigmoid:
            self.acted(result)

    def acted(self, result: torch.Tensor) -> None:
        """The nonlinearity made something."""
        self._put("mlp_act", result, self._running)

    @property
    def _running(self) -> int:
        """Which of the chosen experts runs."""
        return (self._product - 1) // 2

    def _settle(self) -> None:
        """What a product made, and perhaps a bias was added to, is whole."""
        if self._pending is None:
            return
        (part, made), self._pending = self._pending, None
        parts = {part: made}
        if part == "gate_up":
            parts = apart(part, self._halves(made, {"2": 2}), _HALVES, {})
        for name, one in parts.items():
            self._put(name.lstrip("/"), one, self._running)

    def _put(self, part: str, tensor: torch.Tensor, which: int) -> None:
        self._keep(f"{self._block}/experts/{self._chosen[which]:03}/{part}", tensor[self._order])
