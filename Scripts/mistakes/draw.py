"""What a kind of mistake draws its numbers from, and what it makes of them."""

from dataclasses import dataclass, field

import numpy as np
from functions import F

from spoilt import Spoilt

KINDS = {}
PLAIN = {"out": "attn_out", "down": "mlp_out", "up": "mlp_up", "gate": "mlp_gate"}


class NoPlace(Exception):
    """A model that has no place for a mistake."""


@dataclass
class Plant:
    """A mistake with its numbers.

    `begins`: paths, or names in any block, where it may be seen first; `says`: alternatives of patterns that a right cause has
    (`words.holds`); `part`: those of a true part, as which rows; `never`: patterns that a right cause has not; `drops`: names
    that such a kernel cannot record.
    """

    changes: dict
    begins: list
    told: str
    says: list
    part: list = field(default_factory=list)
    never: list = field(default_factory=list)
    drops: tuple = ()


def kind(area):
    """Enters a function of a Draw, by its name, among the kinds; it returns a Plant or raises NoPlace."""

    def enter(function):
        KINDS[function.__name__] = (area, function)
        return function

    return enter


class Draw:
    """A model, a run without a mistake, and a generator of the numbers of one mistake."""

    def __init__(self, case, base, rng):
        self.case, self.base, self.rng, self.p, self.w, self.names = (
            case,
            base,
            rng,
            case.plan,
            case.weights,
            case.names,
        )
        p, self.T = case.plan, len(case.tokens)
        self.L, self.H, self.K, self.d, self.D = p["layers"], p["heads"], p["kv"], p["d"], p["width"]
        self.table = case.weights[f"{case.names['root']}{case.names['table']}.weight"]
        self.V, self.fused = len(self.table), p["layout"] != "apart"

    def pick(self, values):
        if not len(values):
            raise NoPlace
        return values[int(self.rng.integers(len(values)))]

    def whole(self, low, high):
        """An integer from low up to high, both counted."""
        if low > high:
            raise NoPlace
        return int(self.rng.integers(low, high + 1))

    def two(self, n, low=0):
        """Two different integers from low below n, in order."""
        return sorted(int(x) for x in self.rng.choice(np.arange(low, n), 2, replace=False))

    def span(self, n, most=None):
        """A part of range(n) that is not all of it: first, end."""
        length = self.whole(1, min(most or n - 1, n - 1))
        first = self.whole(0, n - length)
        return first, first + length

    def block(self, first=0):
        """A block: its number and the path of it."""
        number = self.whole(first, self.L - 1)
        return number, f"layers/{number:03}/"

    def roles(self, number, among):
        """Those of some roles whose matrices a block has."""
        return [role for role in among if role in self.names and self.weight(role, number) is not None]

    def made_by(self, role):
        """The names of what a product makes."""
        several = {"qkv": ["q", "k", "v"], "gate_up": ["mlp_gate", "mlp_up"]}
        return several.get(role, ["mlp_pre" if role == "up" and not self.p["gated"] else PLAIN.get(role, role)])

    def product(self, roles=("out", "down", "up", "gate")):
        """A product of one matrix: the block, its path, the role, the name of its output, W [out, in], b."""
        number, path = self.block()
        role = self.pick(self.roles(number, roles))
        return number, path, role, self.made_by(role)[0], self.weight(role, number), self.weight(role, number, "bias")

    def any_product(self):
        """A product of any matrix of a block: the block, its path, the role, the paths of its outputs, W [out, in]."""
        number, path = self.block()
        role = self.pick(self.roles(number, ("q", "k", "v", "qkv", "out", "gate", "up", "gate_up", "down")))
        return number, path, role, [path + name for name in self.made_by(role)], self.weight(role, number)

    def weight(self, role, number, kind="weight"):
        value = self.w.get(f"{self.names['root']}{self.names['block'].format(number)}{self.names[role]}.{kind}")
        return value.T if value is not None and value.ndim == 2 and self.p["transposed"] else value

    def norm(self):
        """A norm of a stream: the role, its path, the path of its output, its gain and its bias."""
        if self.whole(0, 4) == 0:
            name = f"{self.names['root']}{self.names['ln_f']}"
            if f"{name}.weight" in self.w:
                return "ln_f", "", "final/ln_f", self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), None
        number, path = self.block()
        name = self.pick([n for n in ("ln_1", "ln_2") if path + n in self.base])
        return name, path, path + name, self.weight(name, number), self.weight(name, number, "bias"), number

    def activation(self):
        """A nonlinearity's path and what it reads."""
        number, path = self.block()
        return path, "mlp_gate" if self.p["gated"] else "mlp_pre"

    def has(self, name):
        return any(path.split("/")[-1] == name for path in self.base)

    def earlier(self):
        """The activations of a call before this one, of other tokens."""
        tokens = (self.case.tokens + self.rng.integers(1, self.V, self.T)) % self.V
        return Spoilt(self.case, tokens=tokens).run()


def put(value, at, new):
    """A copy with other elements at an index."""
    value = np.array(value, F)
    value[at] = new
    return value
