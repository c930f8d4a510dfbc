"""Sees inside attention, which is no module: what its products read, its scores, its probabilities.

By PyTorch's function mode, so that the model's own code runs, whichever of its forms it has: the product of queries
and keys, then perhaps a cap, then the softmax, then the product with the values; or all of it in one fused call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_PRODUCTS = {
    torch.matmul: 0, torch.Tensor.matmul: 0, torch.Tensor.__matmul__: 0, torch.bmm: 0, torch.Tensor.bmm: 0,
    torch.baddbmm: 1, torch.Tensor.baddbmm: 1,
}  # fmt: skip
_QUOTIENTS = (torch.div, torch.Tensor.div, torch.Tensor.__truediv__, torch.Tensor.true_divide)
_CAPS = (torch.tanh, torch.Tensor.tanh)
_SOFTMAX = (torch.nn.functional.softmax, torch.softmax, torch.Tensor.softmax)
_FUSED = torch.nn.functional.scaled_dot_product_attention


class AttentionWatch(TorchFunctionMode):
    """Hands on what one block's attention computes while it runs, as [H, T, S] and [H or K, T, d].

    sizes: H, K and d.
    keep: is given a name without the block and the tensor.
    """

    def __init__(self, sizes: Mapping[str, int], keep: Callable[[str, torch.Tensor], None]):
        super().__init__()
        self.sizes, self.keep = sizes, keep
        self.bias: torch.Tensor | None = None  # what is added to the scores, in whichever shape the model has it
        self.reads: tuple[str, ...] = ()  # the names of queries and keys (and values)
        self.past: int | None = None  # how many tokens came before, in a run with the cache
        self.enter(False)

    def enter(self, is_inside: bool) -> None:
        """A block's attention begins, or ends."""
        self.is_inside, self.stage = is_inside, "begun"
        self.tokens: Any = None
        self.dividend: torch.Tensor | None = None
        self.before_cap: torch.Tensor | None = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if not self.is_inside:
            return result
        if function in _PRODUCTS:
            first = _PRODUCTS[function]
            left = args[first] if len(args) > first else kwargs["batch1"]
            right = args[first + 1] if len(args) > first + 1 else kwargs["batch2"]
            if left.dim() >= 3 and right.dim() >= 3:
                self._product(left, right)
        elif function in _QUOTIENTS:
            self.dividend = args[0]
        elif function in _CAPS and self.stage == "scored":
            self.before_cap = self.dividend
        elif function in _SOFTMAX and self.stage == "scored":
            self._softmax(args[0])
        elif function is _FUSED:
            self._read(*args[:3]) if len(args) > 2 else self._read(
                *[kwargs[name] for name in ("query", "key", "value")]
            )
        return result

    def _product(self, left: torch.Tensor, right: torch.Tensor) -> None:
        heads, width = self.sizes["H"], self.sizes["d"]
        if self.stage == "begun" and left.shape[-1] == width and (left.dim() == 3 or left.shape[1] == heads):
            self.stage, self.tokens = "scored", left.shape[-2]
            self._read(left, right.transpose(-1, -2), None)
        elif self.stage == "weighed":
            self.stage = "done"
            self.keep("attn_probs", self._of_all_keys(left.reshape(heads, *left.shape[-2:]), 0.0))
            if len(self.reads) > 2:
                self.keep(self.reads[2], self._keys(right))

    def _read(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor | None) -> None:
        self.tokens = query.shape[-2]
        if self.reads:
            self.keep(self.reads[0], query.reshape(self.sizes["H"], *query.shape[-2:]))
            self.keep(self.reads[1], self._keys(key))
        if value is not None and len(self.reads) > 2:
            self.keep(self.reads[2], self._keys(value))

    def _keys(self, found: torch.Tensor) -> torch.Tensor:
        """Keys or values of this step's tokens, each head once, where attention reads those of all tokens, repeated."""
        found = found.reshape(-1, *found.shape[-2:])
        found = found[:: found.shape[0] // self.sizes["K"]]
        return found[:, -self.tokens :] if self.past is not None else found

    def _softmax(self, scores: torch.Tensor) -> None:
        self.stage = "weighed"
        scores = scores.reshape(self.sizes["H"], *scores.shape[-2:])
        # The model adds the least float to masked scores, the format says -infinity.
        masked = scores <= torch.finfo(scores.dtype).min / 2
        shown = scores.masked_fill(masked, -torch.inf)
        if self.before_cap is not None:
            self.keep("attn_capped", self._of_all_keys(shown, -torch.inf))
            shown = self.before_cap.reshape(scores.shape).masked_fill(masked, -torch.inf)
        self.keep("attn_scores", self._of_all_keys(shown, -torch.inf))
        if self.bias is not None:
            # One row for all queries; of a table that is longer than the sequence, its end is used.
            keys = scores.shape[-1]
            queries = keys if self.past is not None else scores.shape[-2]
            self.keep("attn_bias", self.bias.reshape(self.sizes["H"], 1, -1)[:, :, -keys:].expand(-1, queries, -1))

    def _of_all_keys(self, found: torch.Tensor, filler: float) -> torch.Tensor:
        """Scores or probabilities with the columns of keys that a cache with a window has dropped, which are masked."""
        if self.past is None:
            return found
        dropped = self.past + found.shape[-2] - found.shape[-1]
        return torch.nn.functional.pad(found, (dropped, 0), value=filler)
