"""Observes a PyTorch model: hooks hand every named activation of a forward pass on, the model runs unmodified.

For a model of your own:

    taps = {"layers/{i}/ln_1": Tap("blocks.{i}.norm"), "layers/{i}/resid_in": Tap("blocks.{i}.norm", "input"), ...}
    observed = Observed(model, taps, golden.sizes, golden.layers)
    touchstone_capture.write(golden, observed(token_ids), "capture.h5")
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from .errors import CaptureError
from .families import Tap
from .layouts import Arrangement
from .names import FUSED, axes


class Observed(torch.nn.Module):
    """A model that returns, in place of its logits, everything that the hooks in it saw, as the format lays it out.

    Called with the arguments of the model. Traced (`torch.compile`, `torch.export`), the hooks become part of the graph
    and what they see becomes its outputs: operations are still fused, but each recorded value is stored as well.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        taps: Mapping[str, Tap],
        sizes: Mapping[str, int],
        layers: int,
        attention: str | None = None,
    ):
        super().__init__()
        self.model = model
        self.sizes = {letter: size for letter, size in sizes.items() if letter not in "TSV"}
        self.seen: dict[str, torch.Tensor] = {}
        self.layer = -1  # whose attention runs
        self.cache: Any = None  # the keys and values that the model returned, where it was asked for them
        for name, tap in taps.items():
            for i in range(layers) if "{i}" in name else (0,):
                path = tap.module
                if tap.last is not None and i + 1 == layers:
                    path = tap.last
                module = self._module(path.format(i=i, next=i + 1))
                self._hook(module, tap, name.format(i=f"{i:03}"))
        for i in range(layers) if attention else ():
            self._module(attention.format(i=i)).register_forward_pre_hook(self._enters(i))

    def forward(self, *arguments: Any, **named: Any) -> dict[str, torch.Tensor]:
        self.seen.clear()
        result = self.model(*arguments, **named)
        if named.get("use_cache"):
            self.cache = result.cache if hasattr(result, "cache") else result.past_key_values  # before 5.2x
        found = dict(self.seen)
        self.seen.clear()
        return found

    def record(self, name: str, tensor: torch.Tensor, arrangement: Arrangement) -> None:
        """Keeps a copy in the format's layout: what a later operation does in place does not reach it."""
        prefix, part = name.rsplit("/", 1)
        arranged = arrangement(tensor.detach(), self.sizes)
        if part not in FUSED:
            self.seen[name] = arranged.clone()
            return
        for index, path in enumerate(FUSED[part]):
            self.seen[f"{prefix}/{path}"] = arranged[index].clone()

    def _hook(self, module: torch.nn.Module, tap: Tap, name: str) -> None:
        arrangement = Arrangement(tap.layout, axes(name))

        def reads(module: torch.nn.Module, args: tuple) -> None:
            if not args:
                raise CaptureError(
                    tap.module, "is called with named arguments alone", "tap the output of the module before it"
                )
            self.record(name, args[0], arrangement)

        def gives(module: torch.nn.Module, args: tuple, result: Any) -> None:
            self.record(name, result[0] if isinstance(result, tuple) else result, arrangement)

        if tap.at == "input":
            module.register_forward_pre_hook(reads)
        else:
            module.register_forward_hook(gives)

    def _enters(self, layer: int) -> Any:
        def hook(module: torch.nn.Module, args: Any) -> None:
            self.layer = layer

        return hook

    def _module(self, path: str) -> torch.nn.Module:
        try:
            return self.model.get_submodule(path)
        except AttributeError as error:
            raise CaptureError(path, "is no module of the model", "correct the taps") from error

    @contextlib.contextmanager
    def softmax_watched(self) -> Iterator[None]:
        """Records the scores that go into each layer's softmax, which no module hands out, and what comes out."""
        softmax, arrangement = torch.nn.functional.softmax, Arrangement("BHTS", "HTS")

        def watched(scores: torch.Tensor, *args: Any, **named: Any) -> torch.Tensor:
            probabilities = softmax(scores, *args, **named)
            path = f"layers/{self.layer:03}"
            if self.layer >= 0 and f"{path}/attn_scores" not in self.seen:
                # The model adds the least float to masked scores, the format says -infinity.
                masked = scores <= torch.finfo(scores.dtype).min / 2
                self.record(f"{path}/attn_scores", scores.masked_fill(masked, -torch.inf), arrangement)
                self.record(f"{path}/attn_probs", probabilities, arrangement)
            return probabilities

        torch.nn.functional.softmax = watched
        try:
            yield
        finally:
            torch.nn.functional.softmax = softmax


def settle_kernels() -> None:
    """Calls the vectorised functions of MKL once, on one element.

    MKL 2024.2, which torch's CPU builds contain, looks up the kernel of a function when it is first called. Where that
    call comes from several threads at once, one of them may use a kernel of low accuracy (pytorch issue 188792).
    """
    one = torch.ones(1)
    for function in (torch.tanh, torch.erf, torch.exp, torch.sqrt, torch.rsqrt, torch.log):
        function(one)
