"""Sees inside attention, which is no module: what its products read, its scores, its probabilities.

The product of queries and keys, then perhaps a cap or a sink, then the softmax, then the product with the values; or
all of it in one fused call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .families import Attention

_PRODUCTS = {
    torch.matmul: 0, torch.Tensor.matmul: 0, torch.Tensor.__matmul__: 0, torch.bmm: 0, torch.Tensor.bmm: 0,
    torch.baddbmm: 1, torch.Tensor.baddbmm: 1,
}  # fmt: skip
_QUOTIENTS = (torch.div, torch.Tensor.div, torch.Tensor.__truediv__, torch.Tensor.true_divide)
_CAPS = (torch.tanh, torch.Tensor.tanh)
_SOFTMAX = (torch.nn.functional.softmax, torch.softmax, torch.Tensor.softmax)
_FUSED = torch.nn.functional.scaled_dot_product_attention


class AttentionWatch:
    """Hands on what one block's attention computes while it runs, as [H, T, S] and [H or K, T, d].

    keep: is given a name of the format and the tensor.
    """

    def __init__(self, keep: Callable[[str, torch.Tensor], None]):
        self._hand_on = keep
        self.bias: torch.Tensor | None = None  # what is added to the scores, in whichever shape the model has it
        self.past: int | None = None  # how many tokens came before, in a run with the cache
        self.leave()

    def enter(self, attention: Attention, layer: int, sizes: Mapping[str, int]) -> None:
        """A block's attention begins, with H and K heads."""
        self.attention, self.sizes = attention, sizes
        self.name = attention.name.format(i=f"{layer:03}")
        self.is_inside, self.stage = True, "begun"

    def leave(self) -> None:
        """It ends."""
        self.is_inside, self.stage = False, "done"
        self.tokens: Any = None
        self.dividend: torch.Tensor | None = None
        self.before_cap: torch.Tensor | None = None
        self.before_sink: torch.Tensor | None = None

    def called(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A function of PyTorch was called."""
        if not self.is_inside:
            return
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
        elif function is torch.cat and self.stage == "scored":
            self.before_sink = args[0][0]
        elif function in _SOFTMAX and self.stage == "scored":
            self._softmax(args[0] if self.before_sink is None else self.before_sink)
        elif function is _FUSED:
            self._read(*args[:3]) if len(args) > 2 else self._read(
                *[kwargs[name] for name in ("query", "key", "value")]
            )

    def _keep(self, part: str, tensor: torch.Tensor) -> None:
        self._hand_on(f"{self.name}_{part}", tensor)

    def _product(self, left: torch.Tensor, right: torch.Tensor) -> None:
        heads = self.sizes["H"]
        if self.stage == "begun" and left.shape[-3] == heads:
            self.stage, self.tokens = "scored", left.shape[-2]
            self._read(left, right.transpose(-1, -2), None)
        elif self.stage == "weighed":
            self.stage = "done"
            self._keep("probs", self._of_all_keys(left.reshape(heads, *left.shape[-2:]), 0.0))
            if len(self.attention.reads) > 2:
                self._keep_read(2, self._keys(right))

    def _read(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor | None) -> None:
        self.tokens = query.shape[-2]
        if self.attention.reads:
            keys = self._keys(key)
            self._keep_read(0, query.reshape(self.sizes["H"], *query.shape[-2:]))
            self._keep_read(1, keys)
            if self.attention.shared:
                self._hand_on(f"{self._block}/k_shared_rope", keys[:1, :, -self.attention.shared :])
        if value is not None and len(self.attention.reads) > 2:
            self._keep_read(2, self._keys(value))

    @property
    def _block(self) -> str:
        return self.name.rpartition("/")[0]

    def _keep_read(self, which: int, tensor: torch.Tensor) -> None:
        self._hand_on(f"{self._block}/{self.attention.reads[which]}", tensor)

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
            self._keep("capped", self._of_all_keys(shown, -torch.inf))
            shown = self.before_cap.reshape(scores.shape).masked_fill(masked, -torch.inf)
        self._keep("scores", self._of_all_keys(shown, -torch.inf))
        if self.bias is not None:
            # One row for all queries; of a table that is longer than the sequence, its end is used.
            keys = scores.shape[-1]
            queries = keys if self.past is not None else scores.shape[-2]
            bias = self.bias.reshape(self.sizes["H"], 1, -1)[:, :, -keys:].expand(-1, queries, -1)
            self._hand_on("embed/attn_bias", bias)

    def _of_all_keys(self, found: torch.Tensor, filler: float) -> torch.Tensor:
        """Scores or probabilities with the columns of keys that a cache with a window has dropped, which are masked."""
        if self.past is None or self.attention.name.endswith("cross"):
            return found
        dropped = self.past + found.shape[-2] - found.shape[-1]
        return torch.nn.functional.pad(found, (dropped, 0), value=filler)
