"""Steps of an optimiser, which `touchstone step` judges from what each of them read.

    with touchstone_capture.step(optimizer, model.named_parameters(), "step.h5", clip_norm=1.0) as recording:
        recording.norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

The gradients are there before, unscaled and not yet clipped. Several steps, `out` left out, are a run:
`write_steps([first, second, …], "run.h5")`. Other engines hand `write_steps` what they have as mappings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from .errors import CaptureError
from .values import Values, values
from .writing import head, put, text, write_whole

#: What a step holds of each parameter, by the names of Docs/Format.md.
QUANTITIES = (
    "accumulated", "grad", "clipped", "m_before", "v_before", "b_before", "theta_before", "m", "v", "b", "theta",
)  # fmt: skip

#: What a step says of itself.
ATTRIBUTES = (
    "kind", "t", "lr", "beta1", "beta2", "epsilon", "epsilon_placement", "weight_decay", "momentum", "dampening",
    "nesterov", "clip_norm", "clip_epsilon", "loss_scale", "partial",
)  # fmt: skip

#: AdamW's and SGD's state in PyTorch.
_STATE = {"exp_avg": "m", "exp_avg_sq": "v", "momentum_buffer": "b"}


class step(dict):  # noqa: N801  a statement, as `open` is
    """What a step of a PyTorch optimiser reads and makes: a mapping for `write_steps`, written to `out` in the end.

    parameters: names and parameters, as `model.named_parameters()` gives them.
    clip_norm: to what norm the gradients are clipped between the two ends, where they are.
    loss_scale: what the loss was multiplied by; with it, `accumulated` says of each name the gradient before unscaling.
    """

    def __init__(
        self,
        optimizer: Any,
        parameters: Iterable[tuple[str, Any]],
        out: str | os.PathLike | None = None,
        *,
        clip_norm: float | None = None,
        loss_scale: float = 1.0,
        accumulated: Mapping[str, Any] | None = None,
        replace: bool = False,
    ):
        super().__init__(loss_scale=loss_scale, **({} if accumulated is None else {"accumulated": dict(accumulated)}))
        self._optimizer, self._out, self._replace = optimizer, out, replace
        self._names = {id(parameter): name for name, parameter in parameters}
        self._groups = [(group, [p for p in group["params"] if p.grad is not None]) for group in optimizer.param_groups]
        if clip_norm is not None:
            self["clip_norm"] = clip_norm
        self.norm = None

    def _each(self) -> Iterable[tuple[str, Any]]:
        for _, found in self._groups:
            for parameter in found:
                if id(parameter) not in self._names:
                    raise CaptureError("parameters", "lacks one that the optimiser steps", "hand over all of them")
                yield self._names[id(parameter)], parameter

    def _state(self, suffix: str) -> None:
        for name, parameter in self._each():
            for key, quantity in _STATE.items():
                if (found := self._optimizer.state.get(parameter, {}).get(key)) is not None:
                    self.setdefault(quantity + suffix, {})[name] = _copy(found)
            self.setdefault("theta" + suffix, {})[name] = _copy(parameter)

    def __enter__(self) -> step:
        self["grad"] = {name: _copy(parameter.grad) for name, parameter in self._each()}
        # What the optimiser reads is there when it begins; it may write into the gradients.
        self._hook = self._optimizer.register_step_pre_hook(lambda *_: self._begin())
        return self

    def _begin(self) -> None:
        if "clip_norm" in self:
            self["clipped"] = {name: _copy(parameter.grad) for name, parameter in self._each()}
        self._state("_before")
        self._settings = [_settings(self._optimizer, group) for group, _ in self._groups]

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._hook.remove()
        if kind is not None:
            return
        if "theta_before" not in self:
            raise CaptureError("optimizer", "took no step", "call optimizer.step() between the two ends")
        self._state("")
        if self.norm is not None:
            self["grad_norm"] = np.asarray(float(self.norm))
        groups: list[dict[str, Any]] = []
        for settings, (_, found) in zip(self._settings, self._groups):
            for parameter in found:
                t = int(float(self._optimizer.state.get(parameter, {}).get("step", 0))) or self.get("t", 1)
                said = {**settings, "t": t}
                if not groups or {**groups[-1], "names": None} != {**said, "names": None}:
                    groups.append({**said, "names": []})
                groups[-1]["names"].append(self._names[id(parameter)])
        if not groups:
            raise CaptureError("optimizer", "has no parameter with a gradient", "record after loss.backward()")
        self.update({name: value for name, value in groups[0].items() if name != "names"})
        self["groups"] = groups
        if self._out is not None:
            write_steps([self], self._out, replace=self._replace)


def _copy(tensor: Any) -> np.ndarray:
    return values(tensor.detach().clone(), "parameters")


def _settings(optimizer: Any, group: Mapping[str, Any]) -> dict[str, Any]:
    """What a parameter group of PyTorch says, by the names of Docs/Format.md."""
    kind = type(optimizer).__name__
    for option in ("amsgrad", "maximize"):
        if group.get(option):
            raise CaptureError("optimizer", f"has {option}", "record one without it: no definition has it")
    if kind in ("Adam", "AdamW"):
        if kind == "Adam" and group["weight_decay"] and not group.get("decoupled_weight_decay"):
            raise CaptureError("optimizer", "is Adam with decay added to the gradient", "use AdamW")
        said = {"beta1": group["betas"][0], "beta2": group["betas"][1], "epsilon": group["eps"], "kind": "adamw"}
    elif kind == "SGD":
        said = {name: group[name] for name in ("momentum", "dampening", "nesterov")} | {"kind": "sgd"}
    else:
        raise CaptureError("optimizer", f"is {kind}", "record AdamW or SGD, or hand write_steps what it does")
    said |= {"lr": group["lr"], "weight_decay": group["weight_decay"]}
    return {name: float(value) if not isinstance(value, (str, bool)) else value for name, value in said.items()}


def write_steps(
    steps: Sequence[Mapping[str, Any]],
    out: str | os.PathLike,
    *,
    first: int = 1,
    precision: str | None = None,
    provenance: Mapping[str, str] | None = None,
    replace: bool = False,
) -> None:
    """Writes one step as `/step`, several as a run from `/steps/001`, or from the number `first`, on.

    steps: of each, by the names of Docs/Format.md, its attributes; `grad_norm`; `groups`; by parameter what it read and
        made (`QUANTITIES`); and as `micro` a list of gradients by parameter. A step of a run that begins with what the
        one before it has left need not say so again.
    precision: the arithmetic, float32 or float64; that of the parameters where nothing is said.
    """
    if not steps:
        raise CaptureError("steps", "there is none", "hand over one at least")
    types = {values(tensor, name).type for found in steps for name, tensor in found.get("theta", {}).items()}
    precision = precision or ("float64" if types == {"float64"} else "float32")
    said = {"producer": "touchstone_capture.write_steps", **(provenance or {}), "precision": precision}

    def fill(file: h5py.File) -> None:
        head(file, "1.2", said)
        for index, found in enumerate(steps):
            run = len(steps) > 1
            place = f"steps/{first + index:03d}" if run else "step"
            unknown = set(found) - {*QUANTITIES, *ATTRIBUTES, "groups", "grad_norm", "micro"}
            if unknown:
                raise CaptureError(place, f"holds {min(unknown)}", "name what Docs/Format.md names")
            _fill_step(file, file.create_group(place), found, f"{place}/" if run else "")

    write_whole(out, replace, fill)


def _fill_step(file: h5py.File, group: h5py.Group, found: Mapping[str, Any], root: str) -> None:
    for name in ATTRIBUTES:
        if found.get(name) is not None:
            group.attrs[name] = _attribute(found[name])
    if found.get("grad_norm") is not None:
        put(file, group.name + "/grad_norm", values(found["grad_norm"], group.name + "/grad_norm"))
    if found.get("groups") is not None:
        bytes_ = np.frombuffer(json.dumps(found["groups"]).encode(), np.uint8)
        put(file, group.name + "/groups", Values(bytes_, "uint8"))
    for quantity in QUANTITIES:
        scaled = "grad/weights" if not root and quantity == "accumulated" else f"{group.name}/{quantity}"
        for name, tensor in found.get(quantity, {}).items():
            put(file, f"{scaled}/{name}", values(tensor, f"{scaled}/{name}"))
    for index, part in enumerate(found.get("micro", ())):
        for name, tensor in part.items():
            path = f"{root}micro/{index:03d}/grad/weights/{name}"
            put(file, path, values(tensor, path))


def _attribute(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (bool, np.bool_)):
        return np.uint8(value)
    return np.int64(value) if isinstance(value, (int, np.integer)) else np.float64(value)
