"""Observes a PyTorch model: hooks hand every named activation of a forward pass on, the model runs unmodified.

For a model of your own:

    taps = {"layers/{i}/ln_1": Tap("blocks.{i}.norm"), "layers/{i}/resid_in": Tap("blocks.{i}.norm", "input"), ...}
    observed = Observed(model, Family(taps), golden.sizes, golden.layers)
    touchstone_capture.write(golden, observed(token_ids), "capture.h5")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import torch

from .attention_watch import AttentionWatch
from .errors import CaptureError
from .families import Family, Tap
from .fused import apart, whole
from .layouts import Arrangement, parse
from .names import FUSED, axes

__all__ = ["Family", "Observed", "Tap", "settle_kernels"]


class Observed(torch.nn.Module):
    """A model that returns, in place of its logits, everything that the hooks in it saw, as the format lays it out.

    Called with the arguments of the model. Traced (`torch.compile`, `torch.export`), the hooks become part of the graph
    and what they see becomes its outputs: operations are still fused, but each recorded value is stored as well.
    """

    def __init__(
        self, model: torch.nn.Module, family: Union[Family, Mapping[str, Tap]], sizes: Mapping[str, int], layers: int
    ):
        super().__init__()
        family = family if isinstance(family, Family) else Family(family)
        self.model = model
        self.sizes = {letter: size for letter, size in sizes.items() if letter not in "TSV"}
        self.seen: dict[str, torch.Tensor] = {}
        self.layer = 0  # whose attention runs
        self.past = 0  # how many tokens are in the cache, where the model is called with one
        self.cache: Any = None  # the keys and values that the model returned, where it was asked for them
        self.watch = AttentionWatch(self.sizes, self._keep_inside)
        self.watch.reads = family.reads
        for name, tap in family.taps.items():
            for i in range(layers) if "{i}" in name else (0,):
                self._hook(self._module(tap.module.format(i=i)), tap, name.format(i=f"{i:03}"))
        for i in range(layers) if family.attention else ():
            attention = self._module(family.attention.format(i=i))
            attention.register_forward_pre_hook(self._enters(i))
            attention.register_forward_hook(self._leaves)
        if family.bias:
            block = self._module(family.blocks.format(i=0))
            block.register_forward_pre_hook(self._takes(family.bias), with_kwargs=True)

    def forward(self, *arguments: Any, **named: Any) -> dict[str, torch.Tensor]:
        self.seen.clear()
        is_cached = bool(named.get("use_cache"))
        self.watch.past = self.past if is_cached else None
        with self.watch:
            result = self.model(*arguments, **named)
        if is_cached:
            self.cache = result.cache if hasattr(result, "cache") else result.past_key_values  # before 5.2x
        found = dict(self.seen)
        self.seen.clear()
        return found

    def _keeper(self, name: str, layout: str) -> Any:
        """What keeps a copy in the format's layout: what a later operation does in place does not reach it."""
        is_fused = name.rpartition("/")[2] in FUSED
        form, axes_ = (whole(layout) if is_fused else axes(name)), len(parse(layout))
        arrangement = Arrangement(layout, form)

        def keep(tensor: torch.Tensor) -> None:
            if tensor.dim() + 1 == axes_:
                tensor = tensor[None]  # the batch and the tokens in one axis
            found = arrangement(tensor.detach(), self.sizes)
            parts = apart(name, found, form, self.sizes) if is_fused else {name: found}
            for path, part in parts.items():
                self.seen[path] = part.clone()

        return keep

    def _keep_inside(self, part: str, tensor: torch.Tensor) -> None:
        """What attention computes, in the format's layout already."""
        name = "embed/attn_bias" if part == "attn_bias" else f"layers/{self.layer:03}/{part}"
        if name not in self.seen:
            self.seen[name] = tensor.detach().clone()

    def _hook(self, module: torch.nn.Module, tap: Tap, name: str) -> None:
        keep = self._keeper(name, tap.laid_out(name))

        def reads(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
            if not args and "hidden_states" not in kwargs:
                raise CaptureError(
                    tap.module, "is called with named arguments alone", "tap the output of the module before it"
                )
            keep(args[0] if args else kwargs["hidden_states"])

        def gives(module: torch.nn.Module, args: tuple, result: Any) -> None:
            if tap.at == "rows":
                result = torch.nn.functional.embedding(args[0], module.weight)
            result = result.logits if hasattr(result, "logits") else result
            keep(result[0] if isinstance(result, tuple) else result)

        if tap.at == "input":
            module.register_forward_pre_hook(reads, with_kwargs=True)
        else:
            module.register_forward_hook(gives)

    def _enters(self, layer: int) -> Any:
        def hook(module: torch.nn.Module, args: Any) -> None:
            self.layer = layer
            self.watch.enter(True)

        return hook

    def _leaves(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        self.watch.enter(False)

    def _takes(self, argument: str) -> Any:
        def hook(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
            self.watch.bias = kwargs[argument]

        return hook

    def _module(self, path: str) -> torch.nn.Module:
        try:
            return self.model.get_submodule(path)
        except AttributeError as error:
            raise CaptureError(path, "is no module of the model", "correct the taps") from error


def settle_kernels() -> None:
    """Calls the vectorised functions of MKL once, on one element.

    MKL 2024.2, which torch's CPU builds contain, looks up the kernel of a function when it is first called. Where that
    call comes from several threads at once, one of them may use a kernel of low accuracy (pytorch issue 188792).
    """
    one = torch.ones(1)
    for function in (torch.tanh, torch.erf, torch.exp, torch.sqrt, torch.rsqrt, torch.log, torch.sin, torch.cos):
        function(one)
