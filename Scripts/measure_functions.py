"""Measures exp, tanh, erf and GELU of PyTorch and NumPy at every float32 number that matters, against float64.

    venv/bin/pip install numpy scipy torch
    venv/bin/python Scripts/measure_functions.py

Prints how much of the contract (clauses NUM-6 and BND-11) each of them uses: exp in units in the last place (3 are
granted), tanh and erf in u * min(|f| + 1/2, 1) with u = 2**-24 (10 and 20 are granted), GELU as a share of its bound.
"""

import numpy
import scipy.special
import torch

U = 2.0**-24
CHUNK = 1 << 22


def numbers(least, greatest):
    """Every float32 number of either sign whose magnitude lies between two powers of two, in chunks."""
    first, last = (int(numpy.float32(2.0**power).view(numpy.uint32)) for power in (least, greatest))
    for start in range(first, last, CHUNK):
        positive = numpy.arange(start, min(start + CHUNK, last), dtype=numpy.uint32).view(numpy.float32)
        yield positive
        yield -positive


def ulps(x, got, want):
    """In units in the last place of the result, where it is a normal number."""
    spacing = numpy.spacing(numpy.abs(want.astype(numpy.float32))).astype(numpy.float64)
    normal = (numpy.abs(want) >= 2.0**-126) & (numpy.abs(want) < 3.4e38)
    return numpy.where(normal, numpy.abs(got - want) / spacing, 0)


def absolute(x, got, want):
    return numpy.abs(got - want) / (U * numpy.minimum(numpy.abs(want) + 0.5, 1))


def share_of_tanh_bound(x, got, want):
    z = numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3)
    t = numpy.tanh(z)
    inner = (1 - t * t) * 8 * U * numpy.abs(z) + 10 * U * numpy.minimum(numpy.abs(t) + 0.5, 1) + U * numpy.abs(1 + t)
    return numpy.abs(got - want) / (0.5 * numpy.abs(x) * inner + 3 * U * numpy.abs(want) + 2.0**-126)


def share_of_erf_bound(x, got, want):
    z = x / numpy.sqrt(2)
    e = scipy.special.erf(z)
    slope = 2 / numpy.sqrt(numpy.pi) * numpy.exp(-z * z)
    inner = slope * 3 * U * numpy.abs(z) + 20 * U * numpy.minimum(numpy.abs(e) + 0.5, 1) + U * numpy.abs(1 + e)
    return numpy.abs(got - want) / (0.5 * numpy.abs(x) * inner + 3 * U * numpy.abs(want) + 2.0**-126)


def gelu_tanh(x):
    return 0.5 * x * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3)))


def gelu_erf(x):
    # erfc keeps its digits where 1 + erf would cancel.
    return 0.5 * x * scipy.special.erfc(-x / numpy.sqrt(2))


def through_torch(function):
    return lambda x: function(torch.from_numpy(x)).numpy()


FUNCTIONS = [
    ("exp, ulp", "3", (-30, 7), numpy.exp, ulps, {"PyTorch": through_torch(torch.exp), "NumPy": numpy.exp}),
    ("tanh, u", "10", (-30, 4), numpy.tanh, absolute, {"PyTorch": through_torch(torch.tanh), "NumPy": numpy.tanh}),
    (
        "erf, u",
        "20",
        (-30, 3),
        scipy.special.erf,
        absolute,
        {"PyTorch": through_torch(torch.erf), "SciPy": scipy.special.erf},
    ),
    (
        "GELU by tanh",
        "1",
        (-30, 4),
        gelu_tanh,
        share_of_tanh_bound,
        {"PyTorch": through_torch(lambda x: torch.nn.functional.gelu(x, approximate="tanh"))},
    ),
    (
        "GELU by erf",
        "1",
        (-30, 4),
        gelu_erf,
        share_of_erf_bound,
        {"PyTorch": through_torch(torch.nn.functional.gelu)},
    ),
]


def main():
    print(f"PyTorch {torch.__version__}, NumPy {numpy.__version__}, {torch.get_num_threads()} threads\n")
    print(f"{'function':14}{'granted':>9}  {'of':9}{'worst':>10}   at")
    for name, granted, powers, definition, error, engines in FUNCTIONS:
        for engine, function in engines.items():
            # Looked up by one thread first, lest several race for it.
            function(numpy.ones(1, numpy.float32))
            worst, where = 0.0, 0.0
            with numpy.errstate(all="ignore"):
                for x in numbers(*powers):
                    wide = x.astype(numpy.float64)
                    errors = error(wide, function(x).astype(numpy.float64), definition(wide))
                    index = int(numpy.nanargmax(errors))
                    if numpy.isnan(errors).any():
                        raise SystemExit(f"{engine}'s {name} gives NaN near {x[int(numpy.isnan(errors).argmax())]}")
                    if errors[index] > worst:
                        worst, where = float(errors[index]), float(x[index])
            print(f"{name:14}{granted:>9}  {engine:9}{worst:>10.4g}   {where!r}", flush=True)


if __name__ == "__main__":
    main()
