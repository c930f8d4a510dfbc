"""Observes a PyTorch model: hooks hand every named activation of a forward pass on, the model runs unmodified.

For a model of your own:

    taps = {"layers/{i}/ln_1": Tap("blocks.{i}.norm"), "layers/{i}/resid_in": Tap("blocks.{i}.norm", "input"), ...}
    observed = Observed(model, taps, golden)
    touchstone_capture.write(golden, observed(token_ids), "capture.h5")
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Union

import torch
from torch.overrides import TorchFunctionMode

from . import names
from .attention_watch import AttentionWatch
from .errors import CaptureError
from .experts_watch import ExpertsWatch
from .families import Attention, Experts, Family, Tap
from .fused import apart, whole
from .golden import Golden
from .layouts import Arrangement, parse

__all__ = ["Attention", "Family", "Observed", "Tap", "settle_kernels"]

#: The letters of axes that modules hand out in one: all others follow from the extents.
_JOINED = "HKNG32"


class Observed(torch.nn.Module):
    """A model that returns, in place of its logits, everything that the hooks in it saw, as the format lays it out.

    Called with the arguments of the model. Traced (`torch.compile`, `torch.export`), the hooks become part of the graph
    and what they see becomes its outputs: operations are still fused, but each recorded value is stored as well.
    """

    def __init__(self, model: torch.nn.Module, family: Union[Family, Mapping[str, Tap]], golden: Golden):
        super().__init__()
        family = family if isinstance(family, Family) else Family(family)
        self.model, self.golden = model, golden
        self.seen: dict[str, torch.Tensor] = {}
        self.past = 0  # how many tokens are in the cache, where the model is called with one
        self.cache: Any = None  # the keys and values that the model returned, where it was asked for them
        self.encoded: Any = None  # what an encoder made of the source
        self.watch = AttentionWatch(self._keep_inside)
        self.following: dict[str, list[Any]] = {}  # what takes the next call of a function, by its name
        self.functions = _Functions(self)
        self.is_keeping = False  # what a hook calls is none of the model's functions
        self.experts: ExpertsWatch | None = None
        self.choice_bias: dict[str, torch.Tensor] = {}  # what a router adds to the scores by which it chooses, by block
        for name, tap in family.taps.items():
            for i in self._blocks(name) if tap.only is None else tap.only:
                self._hook(tap, tap.module.format(i=i), name.format(i=f"{i:03}"))
        for attention in family.attentions:
            for i in self._blocks(attention.name):
                module = self._module(attention.module.format(i=i))
                module.register_forward_pre_hook(self._enters(attention, i))
                module.register_forward_hook(self._leaves)
        if family.experts and getattr(model.config, "_experts_implementation", None) in (None, "eager"):
            self._watch_experts(family.experts)
        if family.bias:
            block = self._module(family.blocks.format(i=0))
            block.register_forward_pre_hook(self._takes(family.bias), with_kwargs=True)

    def forward(self, *arguments: Any, **named: Any) -> dict[str, torch.Tensor]:
        self.seen.clear()
        is_cached = bool(named.get("use_cache"))
        self.watch.past = self.past if is_cached else None
        with self.functions:
            result = self.model(*arguments, **named)
        if is_cached:
            self.cache = result.cache if hasattr(result, "cache") else result.past_key_values  # before 5.2x
            self.encoded = getattr(result, "encoder_last_hidden_state", None)
        found = dict(self.seen)
        self.seen.clear()
        for name in [name for name in found if name.endswith("/expert_ids")]:
            self._put_best_first(name.rpartition("/")[0], found)
        return found

    def _put_best_first(self, block: str, found: dict[str, torch.Tensor]) -> None:
        """Routers may hand out the experts of a token in any order: the format has the best first."""
        ids, weights, bias = found[f"{block}/expert_ids"], found[f"{block}/router_weights"], self.choice_bias.get(block)
        rank = weights
        if bias is not None:  # which is no part of the weights
            rank = (found[f"{block}/router_logits"].float().sigmoid() + bias).gather(1, ids)
        order = rank.argsort(dim=1, descending=True, stable=True)
        found[f"{block}/expert_ids"], found[f"{block}/router_weights"] = ids.gather(1, order), weights.gather(1, order)

    def _blocks(self, name: str) -> range:
        return range(self.golden.layers_of(names.stack(name))) if "{i}" in name else range(1)

    def _keeper(self, name: str, tap: Tap) -> Any:
        """What keeps a copy in the format's layout: what a later operation does in place does not reach it."""
        layout = tap.laid_out(name)
        is_fused = name.rpartition("/")[2] in names.FUSED
        form, axes = (whole(layout) if is_fused else names.axes(name)), len(parse(layout))
        arrangement = Arrangement(layout, form)
        sizes = {letter: size for letter, size in self.golden.sizes_of(name).items() if letter in _JOINED}

        def keep(tensor: torch.Tensor) -> None:
            if name in self.seen and names.stack(name) == "encoder/":
                return  # a module that both stacks share: the encoder runs first
            self.is_keeping = True
            if tensor.dim() + 1 == axes:
                tensor = tensor[None]  # the batch and the tokens in one axis
            elif tensor.dim() == axes + 1:
                tensor = tensor.squeeze(1)  # what all heads share, as a head by itself
            found = arrangement(tensor.detach(), sizes)
            if tap.columns is not None:
                found = found[..., slice(*tap.columns)]
            if self.watch.past and form[:3] in ("KTd", "HTd"):  # a cache may hold what keys are made of
                found = found[:, -self.tokens :]
            parts = apart(name, found, form, sizes) if is_fused else {name: found}
            for path, part in parts.items():
                self.seen[path] = part.clone()
            self.is_keeping = False

        return keep

    @property
    def tokens(self) -> int:
        """How many tokens this step has."""
        return next(iter(self.seen.values())).shape[-2]

    def _keep_inside(self, name: str, tensor: torch.Tensor) -> None:
        """What is in the format's layout already."""
        if name not in self.seen:
            self.seen[name] = tensor.detach().clone()

    def _hook(self, tap: Tap, path: str, name: str) -> None:
        keep = self._keeper(name, tap)

        def reads(module: torch.nn.Module, args: tuple, kwargs: dict) -> None:
            if not args and "hidden_states" not in kwargs:
                raise CaptureError(
                    path, "is called with named arguments alone", "tap the output of the module before it"
                )
            keep(args[0] if args else kwargs["hidden_states"])

        def gives(module: torch.nn.Module, args: tuple, result: Any) -> None:
            if tap.at == "rows":
                self.is_keeping = True
                result = torch.nn.functional.embedding(args[0], module.weight)
            result = result.logits if hasattr(result, "logits") else result
            keep(result[tap.index] if isinstance(result, tuple) else result)
            if name.endswith("/expert_ids") and hasattr(module, "e_score_correction_bias"):
                self.choice_bias[name.rpartition("/")[0]] = module.e_score_correction_bias

        def follows(module: torch.nn.Module, args: tuple) -> None:
            self.following.setdefault(tap.at, []).append(keep)

        def holds(module: torch.nn.Module, args: tuple) -> None:
            keep(self._parameter(path))

        if tap.at == "input":
            self._module(path).register_forward_pre_hook(reads, with_kwargs=True)
        elif tap.at == "parameter":
            self._parameter(path)
            self.model.register_forward_pre_hook(holds)
        elif tap.at in ("output", "rows"):
            self._module(path).register_forward_hook(gives)
        else:
            self._module(path).register_forward_pre_hook(follows)

    def _enters(self, attention: Attention, layer: int) -> Any:
        sizes = self.golden.sizes_of(attention.name.format(i=f"{layer:03}") + "_scores")

        def hook(module: torch.nn.Module, args: Any) -> None:
            self.watch.enter(attention, layer, sizes)

        return hook

    def _leaves(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        self.watch.leave()

    def _takes(self, argument: str) -> Any:
        def hook(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
            self.watch.bias = kwargs[argument]

        return hook

    def _watch_experts(self, experts: Experts) -> None:
        watch = self.experts = ExpertsWatch(experts.layout, self._keep_inside)

        def enters(block: str) -> Any:
            return lambda module, args: watch.enter(block, self.seen[f"{block}/expert_ids"])

        for i in experts.only:
            module = self._module(experts.module.format(i=i))
            module.register_forward_pre_hook(enters(f"layers/{i:03}"))
            module.register_forward_hook(lambda module, args, result: watch.leave())
            if hasattr(module, "act_fn"):
                module.act_fn.register_forward_hook(lambda module, args, result: watch.acted(result))

    def _module(self, path: str) -> torch.nn.Module:
        for spelled in _spellings(path):
            try:
                return self.model.get_submodule(spelled)
            except AttributeError:
                continue
        raise CaptureError(path, "is no module of the model", "correct the taps")

    def _parameter(self, path: str) -> torch.Tensor:
        for spelled in _spellings(path):
            try:
                return self.model.get_parameter(spelled)
            except AttributeError:
                continue
        raise CaptureError(path, "is no parameter of the model", "correct the taps")


class _Functions(TorchFunctionMode):
    """Sees every function of PyTorch that the model calls, so that its own code runs, whichever of its forms it has."""

    def __init__(self, observed: Observed):
        super().__init__()
        self.observed = observed

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        observed = self.observed
        if observed.is_keeping:
            return result
        observed.watch.called(function, args, kwargs, result)
        if observed.experts is not None:
            observed.experts.called(function, args, kwargs, result)
        if observed.following:
            for keep in observed.following.pop(getattr(function, "__name__", ""), ()):
                keep(result)
        return result


def _spellings(path: str) -> Iterator[str]:
    """The paths that a path with alternatives, `(a|b).c`, stands for."""
    pieces = [piece.split("|") for piece in re.split(r"[()]", path)]
    return ("".join(chosen) for chosen in itertools.product(*pieces))


def settle_kernels() -> None:
    """Calls the vectorised functions of MKL once, on one element.

    MKL 2024.2, which torch's CPU builds contain, looks up the kernel of a function when it is first called. Where that
    call comes from several threads at once, one of them may use a kernel of low accuracy (pytorch issue 188792).
    """
    one = torch.ones(1)
    for function in (torch.tanh, torch.erf, torch.exp, torch.sqrt, torch.rsqrt, torch.log, torch.sin, torch.cos):
        function(one)
