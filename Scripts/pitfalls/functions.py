"""What an engine computes with, in float32: nonlinearities, softmax, rotations, slopes of ALiBi."""

import math

import numpy as np

F = np.float32
ERF = np.vectorize(math.erf, otypes=[np.float64])


def tanh_gelu(root):
    return lambda x: F(0.5) * x * (1 + np.tanh(F(root) * (x + F(0.044715) * x * x * x)))


ACTS = {
    "tanh": tanh_gelu(math.sqrt(2 / math.pi)),
    "gelu_fast": tanh_gelu(0.7978845608),
    "bloom": tanh_gelu(0.79788456),
    "erf": lambda x: F(0.5) * x * (1 + ERF(x * F(math.sqrt(0.5))).astype(F)),
    "quick_gelu": lambda x: x / (1 + np.exp(F(-1.702) * x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
}


def softmax(x):
    """Over the last axis; a row that sees no key gives 0."""
    greatest = x.max(axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(greatest), greatest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def frequencies(r, length):
    """ω of every pair, [r/2]."""
    p = np.arange(r["width"] // 2)
    omega = r["theta"] ** (-2.0 * p / r["over"])
    if r["kind"] == "linear":
        return omega / r["factor"]
    if r["kind"] == "llama3":
        low, high, s, o = r["low_freq_factor"], r["high_freq_factor"], r["factor"], r["original"]
        g = np.clip((o * omega / (2 * math.pi) - low) / (high - low), 0, 1)
        return (1 - g) * omega / s + g * omega
    if r["kind"] == "yarn":
        def column(turns):
            return r["over"] * math.log(r["original"] / (2 * math.pi * turns)) / (2 * math.log(r["theta"]))

        whole = (math.floor, math.ceil) if r.get("truncate", True) else (float, float)
        low = max(whole[0](column(r.get("beta_fast", 32))), 0)
        high = min(whole[1](column(r.get("beta_slow", 1))), r["over"] - 1)
        ramp = np.clip((p - low) / (high - low if high > low else 0.001), 0, 1)
        return omega * (1 - ramp) + omega / r["factor"] * ramp
    if r["kind"] == "longrope":
        by = r.get("list") or ("long_factor" if length > r["original"] else "short_factor")
        return omega / np.array(r[by])
    return omega


def rotate(x, r, positions):
    """[H, T, d] turned; pairs that alternate may be put out as halves."""
    n = r["width"] // 2
    length = max(positions) + 1
    angle = np.asarray(positions, np.float64)[:, None] * frequencies(r, length)
    cosine, sine = (F(r["m"]) * np.cos(angle)).astype(F), (F(r["m"]) * np.sin(angle)).astype(F)
    i = np.arange(n)
    a, b = (i, i + n) if r["style"] == "half" else (2 * i, 2 * i + 1)
    left, right = (i, i + n) if r["style"] == "to halves" else (a, b)
    a, b, left, right = (columns + r["first"] for columns in (a, b, left, right))
    y = x.copy()
    y[:, :, left], y[:, :, right] = x[:, :, a] * cosine - x[:, :, b] * sine, x[:, :, b] * cosine + x[:, :, a] * sine
    return y


def slopes(heads, form="right"):
    """Of ALiBi, one a head; other forms are mistakes."""
    first = 2 ** math.floor(math.log2(heads))
    two = [2.0 ** (-8 * (h + 1) / first) for h in range(first)]
    more = [2.0 ** (-8 * (h + 1) / (2 * first)) for h in range(2 * first)]
    if form == "one series":
        return [2.0 ** (-8 * (h + 1) / heads) for h in range(heads)]
    if form == "goes on":
        return [2.0 ** (-8 * (h + 1) / first) for h in range(heads)]
    if form == "second series whole":
        return two + more[: heads - first]
    if form == "next power":
        return more[:heads]
    return two + more[0::2][: heads - first]


def bfloat16(x):
    """Rounded to nearest, ties to even."""
    bits = np.asarray(x, F).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(F)
