"""Optimiser steps by NumPy, honest in several ways or with one fault, and by PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

#: Parameters as a small decoder has them.
SHAPES = {
    "wte": (53, 24),
    "wpe": (19, 24),
    "attn": (24, 72),
    "attn.bias": (72,),
    "ln": (24,),
    "mlp": (48, 24),
    "ln_f": (24,),
}

#: A form of float32 arithmetic that is right: how m is updated, how corrections are made, in which order decay goes,
#: how the norm is summed, how β are held.
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lerp": {"lerp": True},
    "β as float32, float32 powers": {"narrow": True},
    "β as float32, running products": {"narrow": True, "products": True},
    "everything in float64, rounded once": {"wide": True},
    "decay with the update": {"together": True},
    "one sum of squares": {"one_sum": True},
    "accumulated in reverse": {"reverse": True},
}


def _drawn(random: np.random.Generator, size: float, shape: tuple[int, ...]) -> np.ndarray:
    return (random.standard_normal(shape) * size * np.exp(random.standard_normal(shape))).astype(np.float32)


def cases(seed: int) -> Iterator[dict[str, Any]]:
    """Steps to take: of both kinds, at several t, clipped or not, scaled or not, with groups of their own."""
    for number, (kind, t, clip, scale, options) in enumerate(
        [
            ("adamw", 1, 1.0, 1.0, {}),
            ("adamw", 2, None, 1.0, {"beta2": 0.95}),
            ("adamw", 7, 1.0, 1024.0, {"epsilon": 1e-6}),
            ("adamw", 30, 0.25, 1.0, {"epsilon": 1e-4, "lr": 1e-2}),
            ("adamw", 400, 50.0, 1.0, {"beta2": 0.95}),
            ("adamw", 12, None, 65536.0, {"epsilon": 1e-3, "epsilon_placement": "before"}),
            ("adamw", 5, 1.0, 3.0, {"epsilon": 1e-8, "epsilon_placement": "inside"}),
            ("sgd", 1, 1.0, 1.0, {"momentum": 0.9, "dampening": 0.1}),
            ("sgd", 5, None, 1.0, {"momentum": 0.9, "dampening": 0.2}),
            ("sgd", 5, 1.0, 128.0, {"momentum": 0.95, "nesterov": True}),
            ("sgd", 3, None, 1.0, {"momentum": 0.0}),
        ]
    ):
        random = np.random.default_rng([seed, number])
        case = {
            "title": f"{kind} at t = {t}, case {number}", "kind": kind, "t": t, "clip": clip, "scale": scale,
            "lr": 3e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "epsilon_placement": "after", "momentum": 0.9,
            "dampening": 0.0, "nesterov": False, **options,
            "decay": {name: 0.1 if len(shape) > 1 else 0.0 for name, shape in SHAPES.items()},
            "rate": {name: 1.0 if name != "wte" else 0.5 for name in SHAPES},
        }  # fmt: skip
        tensors: dict[str, dict[str, np.ndarray]] = {}
        for name, shape in SHAPES.items():
            size = 10.0 ** random.uniform(-3, -1)
            draw = functools.partial(_drawn, random, size, shape)
            theta = random.standard_normal(shape) * 0.05 + (1.0 if name.startswith("ln") else 0.0)
            kept = {"theta": theta.astype("f4"), "before": draw()}
            kept["micro"] = np.stack([draw() * share for share in (0.5, 0.2, 0.3)])
            if t > 1:
                kept |= {"m": (draw() * np.float32(0.3)), "v": np.square(draw()) * np.float32(0.5), "b": draw()}
            tensors[name] = kept
        case["tensors"] = tensors
        yield case


def groups(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameter groups of a case."""
    found: dict[tuple[float, float], list[str]] = {}
    for name in SHAPES:
        found.setdefault((case["lr"] * case["rate"][name], case["decay"][name]), []).append(name)
    return [{"names": names, "lr": lr, "weight_decay": decay} for (lr, decay), names in found.items()]


def described(case: dict[str, Any]) -> dict[str, Any]:
    """What the file says of a step."""
    names = {"adamw": ["beta1", "beta2", "epsilon", "epsilon_placement"], "sgd": ["momentum", "dampening", "nesterov"]}
    said = {name: case[name] for name in ["kind", "t", "lr", *names[case["kind"]]]}
    said |= {"loss_scale": case["scale"], "groups": groups(case)}
    return said | ({"clip_norm": case["clip"]} if case["clip"] else {})


def take(case: dict[str, Any], real: type = np.float32, fault: str = "", form: dict[str, Any] | None = None) -> dict:
    """One step of all parameters in an arithmetic, all it reads and makes."""
    from faults import Step

    return Step(case, real, fault, form or {}).found()


def honest(case: dict[str, Any]) -> Iterator[tuple[str, list[dict]]]:
    """Every form of NumPy's and PyTorch's that takes such a step."""
    for name, form in FORMS.items():
        yield name, [take(case, form=form)]
    try:
        import torch
    except ImportError:
        return
    if case["epsilon_placement"] == "after":
        for name in ("loop", "foreach", "fused"):
            yield f"PyTorch, {name}", by_torch(torch, case, name)


def by_torch(torch: Any, case: dict[str, Any], way: str) -> list[dict]:
    """Three steps in a row of PyTorch's optimiser, from a case's parameters and gradients."""
    from touchstone_capture import step

    parameters = {name: torch.nn.Parameter(torch.tensor(kept["theta"])) for name, kept in case["tensors"].items()}
    sets = [
        {
            "params": [parameters[name] for name in group["names"]],
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
        }
        for group in groups(case)
    ]
    options = {"foreach": way == "foreach", "fused": way == "fused"}
    if case["kind"] == "adamw":
        optimizer = torch.optim.AdamW(sets, betas=(case["beta1"], case["beta2"]), eps=case["epsilon"], **options)
    else:
        optimizer = torch.optim.SGD(
            sets,
            lr=case["lr"],
            momentum=case["momentum"],
            dampening=case["dampening"],
            nesterov=case["nesterov"],
            **options,
        )
    found = []
    for number in range(3):
        for name, kept in case["tensors"].items():
            parameters[name].grad = torch.tensor(kept["micro"][number])
        with step(optimizer, parameters.items(), clip_norm=case["clip"]) as recording:
            if case["clip"]:
                recording.norm = torch.nn.utils.clip_grad_norm_(parameters.values(), case["clip"])
            optimizer.step()
        found.append(recording)
    return found
