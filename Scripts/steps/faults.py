"""The mistakes of accumulation, clipping and optimisers, each planted into a step of NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from engine import described, take

#: By fault, the causes that are right to name.
NAMES = {
    "accumulation.overwritten": {"accumulation-overwritten"}, "accumulation.first-lost": {"accumulation-lost"},
    "accumulation.last-twice": {"accumulation-twice"}, "accumulation.not-zeroed": {"accumulation-not-zeroed"},
    "accumulation.divided-by-steps-again": {"accumulation-divided"},
    "accumulation.mean-of-means": {"accumulation-shares"}, "accumulation.in-bfloat16": {"accumulation-in-bfloat16"},
    "accumulation.one-tensor-overwritten": {"accumulation-overwritten"}, "scale.not-removed": {"scale-not-removed"},
    "clip.by-value": {"clip-by-value"}, "clip.per-tensor": {"clip-per-tensor"},
    "clip.before-unscale": {"clip-before-unscale"}, "clip.not-clamped": {"clip-not-clamped"},
    "clip.coefficient-inverse": {"clip-coefficient-inverse"}, "clip.left-out": {"clip-left-out"},
    "clip.norm-not-rooted": {"clip-norm-not-rooted"}, "clip.norm-is-mean": {"clip-norm-is-mean"},
    "clip.norm-is-maximum": {"clip-norm-is-maximum"}, "clip.norm-of-one-tensor-lost": {"clip-norm-of-one-tensor-lost"},
    "no-correction": {"no-correction"}, "first-correction-missing": {"first-correction-missing"},
    "second-correction-missing": {"second-correction-missing"}, "correction-not-rooted": {"correction-not-rooted"},
    "corrections-exchanged": {"corrections-exchanged"}, "step-off-by-one": {"step", "step-off-by-one"},
    "step-never-counted": {"step", "step-never-counted"}, "betas-exchanged": {"betas-exchanged"},
    "beta2-of-another": {"beta2"}, "epsilon-inside-root": {"epsilon-inside"},
    "epsilon-before-correction": {"epsilon-before"}, "epsilon-missing": {"epsilon", "epsilon-missing"},
    "epsilon-1e-6": {"epsilon"}, "root-missing": {"root-missing"}, "decay-coupled": {"decay-coupled"},
    "decay-missing": {"decay-missing", "decay-of-another-group"}, "decay-without-lr": {"decay-without-lr"},
    "decay-of-moment": {"decay-of-moment"}, "decay-sign": {"decay-sign"}, "decay-after-update": {"decay-after-update"},
    "decay-on-every-parameter": {"decay-of-another-group", "weight-decay"},
    "decay-exempts-embeddings-too": {"decay-missing", "decay-of-another-group"},
    "stale-first-moment": {"stale-first-moment"}, "stale-second-moment": {"stale-second-moment"},
    "moment-reset": {"first-moment-reset"}, "moments-not-kept": {"moments-not-kept"},
    "moments-in-bfloat16": {"stored-bfloat16"}, "second-moment-not-squared": {"second-moment-not-squared"},
    "second-moment-of-updated-m": {"second-moment-of-updated-m"},
    "second-moment-of-maximum": {"second-moment-of-maximum"},
    "first-moment-undamped": {"first-moment-undamped", "gradient-for-moment"},
    "gradient-for-moment": {"gradient-for-moment"}, "nesterov": {"nesterov"}, "sign": {"sign"},
    "lr-twice": {"lr-twice"}, "lr-of-previous-step": {"lr", "lr-of-previous-step"},
    "last-block-not-updated": {"not-updated"}, "parameters-in-bfloat16": {"stored-bfloat16"},
    "sgd.dampening-missing": {"dampening-missing"}, "sgd.nesterov": {"nesterov"},
    "sgd.decay-decoupled": {"decay-decoupled"}, "sgd.momentum-of-another": {"momentum"},
    "sgd.lr-in-momentum": {"lr-in-momentum"}, "sgd.momentum-reset": {"momentum-reset"},
    "sgd.decay-missing": {"decay-missing", "decay-of-another-group"}, "sgd.sign": {"sign"},
}  # fmt: skip

#: What a fault is too where the numbers do not tell: gradients below the limit in every element are not clipped by value.
SAME = {"clip.by-value": "each element is clipped"}

#: The optimiser that can have a fault.
KIND = {
    name: "any"
    if name.split(".")[0] in ("accumulation", "scale", "clip")
    else "sgd"
    if name.startswith("sgd.")
    else "adamw"
    for name in NAMES
}


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Rounded to the nearest bfloat16, ties to even; float32 or wider."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    return rounded.astype(values.dtype)


class Step:
    """One step of all parameters in one arithmetic, with one fault or none."""

    def __init__(self, case: dict[str, Any], real: type, fault: str, form: dict[str, Any]):
        self.case, self.fault, self.form = case, fault, form
        self.real = np.float64 if form.get("wide") else real

    def held(self, value: float) -> Any:
        """A setting as the arithmetic has it."""
        return self.real(np.float32(value)) if self.form.get("narrow") else self.real(value)

    def found(self) -> dict:
        """What the file is to hold."""
        case, real = self.case, self.real
        found: dict[str, Any] = {**described(case), "micro": [{} for _ in range(3)]}
        put = lambda quantity, name, value: found.setdefault(quantity, {}).__setitem__(name, value)
        scale = real(case["scale"])
        for index, (name, kept) in enumerate(case["tensors"].items()):
            parts = [(part.astype(real) * scale) for part in kept["micro"]]
            for part, values in zip(found["micro"], parts):
                part[name] = values
            total = self.accumulated(parts, kept["before"].astype(real) * scale, last=index == len(case["tensors"]) - 1)
            put("accumulated", name, total)
            put("grad", name, total if self.fault == "scale.not-removed" else total / scale)
        self.clip(found)
        for index, (name, kept) in enumerate(case["tensors"].items()):
            gradient = found.get("clipped", found["grad"])[name]
            take = self.adamw if case["kind"] == "adamw" else self.sgd
            for quantity, values in take(name, kept, gradient, index).items():
                put(quantity, name, values)
        narrow = lambda values: {name: np.asarray(value, np.float32) for name, value in values.items()}
        if self.form.get("wide"):
            # Each stage reads what the one before stored.
            found = {key: narrow(value) if key in QUANTITIES else value for key, value in found.items()}
            found["micro"] = [narrow(part) for part in found["micro"]]
        return found

    def accumulated(self, parts: list[np.ndarray], before: np.ndarray, last: bool) -> np.ndarray:
        """The sum of the micro-batches' gradients."""
        kind = self.fault.removeprefix("accumulation.")
        if kind == "overwritten" or (kind == "one-tensor-overwritten" and last):
            return parts[-1]
        order = parts[::-1] if self.form.get("reverse") else parts
        if kind == "first-lost":
            order = parts[1:]
        if kind == "last-twice":
            order = [*parts, parts[-1]]
        if kind == "mean-of-means":
            order = [part * self.real(share) for part, share in zip(parts, (0.7, 1.6, 1.1))]
        total = before + order[0] if kind == "not-zeroed" else order[0]
        for part in order[1:]:
            total = total + part
            if kind == "in-bfloat16":
                total = bfloat16(total)
        total = total / self.real(3) if kind == "divided-by-steps-again" else total
        return np.asarray(total, np.float32).astype(self.real) if self.form.get("wide") else total

    def clip(self, found: dict[str, Any]) -> None:
        """Clips by the norm of all gradients."""
        case, real, kind = self.case, self.real, self.fault.removeprefix("clip.")
        if not case["clip"]:
            return
        gradients = {name: values.astype(real) for name, values in found["grad"].items()}
        if kind == "before-unscale":
            gradients = {name: values * real(case["scale"]) for name, values in gradients.items()}
        lost = "wte" if kind == "norm-of-one-tensor-lost" else None
        parts = [np.sum(np.square(values)) for name, values in gradients.items() if name != lost]
        everything = np.concatenate([values.ravel() for values in gradients.values()])
        total = np.sum(np.square(everything)) if self.form.get("one_sum") else np.sum(np.array(parts, real))
        norm = {
            "norm-not-rooted": total, "norm-is-mean": np.sqrt(total / real(everything.size)),
            "norm-is-maximum": np.max(np.abs(everything)),
        }.get(kind, np.sqrt(total))  # fmt: skip
        norm = np.asarray(norm, np.float32 if self.form.get("wide") else real)
        found["grad_norm"] = norm
        limit, added = real(case["clip"]), real(1e-6)
        coefficient = limit / (real(norm) + added)
        if kind == "coefficient-inverse":
            coefficient = (real(norm) + added) / limit
        elif kind == "left-out":
            coefficient = real(1)
        elif kind != "not-clamped":
            coefficient = min(real(1), coefficient)
        found["clipped"] = {name: values.astype(real) * coefficient for name, values in found["grad"].items()}
        if kind == "by-value":
            found["clipped"] = {name: np.clip(values, -limit, limit) for name, values in found["grad"].items()}
        if kind == "per-tensor":
            own = {name: real(np.sqrt(np.sum(np.square(values)))) for name, values in found["grad"].items()}
            found["clipped"] = {
                name: values * min(real(1), limit / (own[name] + added)) for name, values in found["grad"].items()
            }
        if self.form.get("wide"):
            found["clipped"] = {name: np.asarray(values, np.float32) for name, values in found["clipped"].items()}

    def adamw(self, name: str, kept: dict[str, np.ndarray], gradient: np.ndarray, index: int) -> dict[str, np.ndarray]:
        """AdamW, by the fault's name otherwise than it should be."""
        case, real, fault, held = self.case, self.real, self.fault, self.held
        gradient = gradient.astype(real)
        theta0 = kept["theta"].astype(real)
        m0, v0 = (kept.get(key, np.zeros_like(kept["theta"])).astype(real) for key in "mv")
        lr, decay = held(case["lr"] * case["rate"][name]), held(case["decay"][name])
        beta1, beta2, epsilon, one = held(case["beta1"]), held(case["beta2"]), held(case["epsilon"]), real(1)
        t, placement = case["t"], case["epsilon_placement"]
        if fault == "betas-exchanged":
            beta1, beta2 = beta2, beta1
        if fault == "beta2-of-another":
            beta2 = held(0.99)
        if fault == "lr-of-previous-step":
            lr = lr * real(0.9)
        if fault == "decay-on-every-parameter":
            decay = held(0.1)
        if fault == "decay-missing" or (fault == "decay-exempts-embeddings-too" and name in ("wte", "wpe")):
            decay = real(0)
        if fault == "epsilon-missing":
            epsilon = real(0)
        if fault == "epsilon-1e-6":
            epsilon = held(1e-6 if case["epsilon"] != 1e-6 else 1e-7)
        if fault == "epsilon-inside-root":
            placement = "inside" if placement != "inside" else "after"
        if fault == "epsilon-before-correction":
            placement = "before" if placement != "before" else "after"
        read = gradient + decay * theta0 if fault == "decay-coupled" else gradient
        if fault in ("moment-reset", "moments-not-kept"):
            m0 = np.zeros_like(m0)
        if fault == "moments-not-kept":
            v0 = np.zeros_like(v0)
        if self.form.get("lerp"):
            m = m0 + (one - beta1) * (read - m0)
        else:
            m = beta1 * m0 + (one if fault == "first-moment-undamped" else one - beta1) * read
        square = {"second-moment-not-squared": np.abs(read), "second-moment-of-updated-m": m * m}.get(
            fault, read * read
        )
        v = beta2 * v0 + (one - beta2) * square
        if fault == "second-moment-of-maximum":
            v = np.maximum(v, v0)
        if fault == "moments-in-bfloat16":
            m, v = bfloat16(m), bfloat16(v)
        if self.form.get("wide"):
            m, v = (np.asarray(x, np.float32).astype(real) for x in (m, v))
        counted = {"step-off-by-one": t + 1, "step-never-counted": 1}.get(fault, t)
        if self.form.get("products"):
            powers = [one, one]
            for _ in range(counted):
                powers = [powers[0] * beta1, powers[1] * beta2]
        else:
            powers = [beta1 ** real(counted), beta2 ** real(counted)]
        c1, c2 = one - powers[0], one - powers[1]
        if fault in ("no-correction", "first-correction-missing"):
            c1 = one
        if fault in ("no-correction", "second-correction-missing"):
            c2 = one
        if fault == "correction-not-rooted":
            c2 = c2 * c2
        if fault == "corrections-exchanged":
            c1, c2 = c2, c1
        top, bottom = m, v
        if fault == "stale-first-moment":
            top = m0
        if fault == "stale-second-moment":
            bottom = v0
        if fault == "gradient-for-moment":
            top = gradient
        if fault == "nesterov":
            top = beta1 * m + (one - beta1) * gradient
        with np.errstate(all="ignore"):
            if fault == "root-missing":
                update = top / c1 / (bottom / c2 + epsilon)
            elif placement == "after":
                update = top / c1 / (np.sqrt(bottom) / np.sqrt(c2) + epsilon)
            elif placement == "before":
                update = top * (np.sqrt(c2) / c1) / (np.sqrt(bottom) + epsilon)
            else:
                update = top / c1 / np.sqrt(bottom / c2 + epsilon)
        rate = lr * lr if fault == "lr-twice" else -lr if fault == "sign" else lr
        shrink = {"decay-without-lr": one - decay, "decay-sign": one + lr * decay, "decay-coupled": one}.get(
            fault, one - lr * decay
        )
        if fault == "decay-of-moment":
            theta = theta0 - lr * decay * m - rate * update
        elif fault == "decay-after-update":
            theta = (theta0 - rate * update) * shrink
        elif self.form.get("together"):
            theta = theta0 - rate * update - lr * decay * theta0
        else:
            theta = theta0 * shrink - rate * update
        if fault == "last-block-not-updated" and index == len(case["tensors"]) - 2:
            theta = np.concatenate([theta.ravel()[: theta.size // 2], theta0.ravel()[theta.size // 2 :]]).reshape(
                theta.shape
            )
        if fault == "parameters-in-bfloat16":
            theta = bfloat16(theta)
        made = {"theta_before": kept["theta"].astype(real), "m": m, "v": v, "theta": theta}
        if "m" in kept:
            made |= {"m_before": kept["m"].astype(real), "v_before": kept["v"].astype(real)}
        return made

    def sgd(self, name: str, kept: dict[str, np.ndarray], gradient: np.ndarray, index: int) -> dict[str, np.ndarray]:
        """Gradient descent, by the fault's name otherwise than it should be."""
        case, real, fault, held = self.case, self.real, self.fault, self.held
        gradient, theta0 = gradient.astype(real), kept["theta"].astype(real)
        lr, decay = held(case["lr"] * case["rate"][name]), held(case["decay"][name])
        momentum, dampening, one = held(case["momentum"]), held(case["dampening"]), real(1)
        if fault == "sgd.momentum-of-another":
            momentum = held(0.85)
        if fault == "sgd.dampening-missing":
            dampening = real(0)
        if fault == "sgd.decay-missing":
            decay = real(0)
        read = gradient if fault == "sgd.decay-decoupled" else gradient + decay * theta0
        made = {"theta_before": theta0}
        descent = read
        if case["momentum"]:
            before = kept.get("b")
            new = read * lr if fault == "sgd.lr-in-momentum" else read
            if before is None:
                b = new
            elif fault == "sgd.momentum-reset":
                b = (one - dampening) * new
            else:
                b = momentum * before.astype(real) + (one - dampening) * new
            if self.form.get("wide"):
                b = np.asarray(b, np.float32).astype(real)
            made |= {"b": b} | ({} if before is None else {"b_before": before.astype(real)})
            descent = read + momentum * b if case["nesterov"] != (fault == "sgd.nesterov") else b
        rate = one if fault == "sgd.lr-in-momentum" and case["momentum"] else -lr if fault == "sgd.sign" else lr
        kept_of = one - lr * decay if fault == "sgd.decay-decoupled" else one
        return made | {"theta": theta0 * kept_of - rate * descent}


QUANTITIES = (
    "accumulated",
    "grad",
    "clipped",
    "m_before",
    "v_before",
    "b_before",
    "theta_before",
    "m",
    "v",
    "b",
    "theta",
)


def visible(case: dict[str, Any], fault: str) -> bool:
    """Whether exact arithmetic with the fault and without it differs by more than a rounding."""
    right, wrong = take(case, np.float64), take(case, np.float64, fault)
    for quantity in ("accumulated", "grad", "clipped", "m", "v", "b", "theta"):
        for name, want in right.get(quantity, {}).items():
            # What is added to something is rounded as that is.
            size = np.abs(want) + np.abs(right.get(quantity + "_before", {}).get(name, 0.0))
            if np.any(~(np.abs(wrong[quantity][name] - want) <= 2.0**-23 * size + 2.0**-120)):
                return True
    return not np.allclose(right.get("grad_norm", 0), wrong.get("grad_norm", 0), rtol=2.0**-23, atol=0)


def steps(case: dict[str, Any], fault: str) -> list[dict]:
    """The step with a fault; with the one before it where only that tells what is wrong."""
    found = take(case, fault=fault)
    if fault != "accumulation.not-zeroed":
        return [found]
    # The step before has left what this one begins with, and its sum is still there.
    earlier = {name: {**kept, "micro": np.stack([kept["before"], 0 * kept["before"], 0 * kept["before"]])}
               for name, kept in case["tensors"].items()}  # fmt: skip
    before = take({**case, "t": max(1, case["t"] - 1), "tensors": earlier})
    for quantity in ("theta", "m", "v", "b"):
        found.pop(quantity + "_before", None)
    case = {**case, "t": case["t"] + 1, "tensors": {
        name: {**kept, **{key: before[key][name] for key in ("theta", "m", "v", "b") if key in before}}
        for name, kept in case["tensors"].items()}}  # fmt: skip
    return [before, take(case, fault=fault)]
