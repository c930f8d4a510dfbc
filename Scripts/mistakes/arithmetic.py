"""Other arithmetic than float32, and kernels that go by tiles."""

import numpy as np
from functions import F


def half(x):
    return np.asarray(x, F).astype(np.float16).astype(F)


def cut(x, bits):
    """The upper part of a float32, cut: 16 bits for bfloat16."""
    keep = np.uint32((0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF)
    return (np.ascontiguousarray(x, F).view(np.uint32) & keep).view(F)


def tf32(x):
    bits = np.ascontiguousarray(x, F).view(np.uint32).astype(np.uint64)
    bits = (bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000
    return bits.astype(np.uint32).view(F)


def float8(x):
    """e4m3."""
    x = np.clip(np.asarray(x, F), -448, 448)
    step = np.exp2(np.maximum(np.floor(np.log2(np.maximum(np.abs(x), 1e-30))), -6) - 3)
    return (np.round(x / step) * step).astype(F)


def steps(x, axis=None, most=127):
    """In whole steps of the greatest of each row along an axis (or of all) over `most`."""
    step = np.abs(x).max(axis=axis, keepdims=axis is not None) / F(most)
    return (np.round(x / np.where(step == 0, 1, step)) * step).astype(F)


def groups(w, size, change):
    """[out, in] in four bits with a zero point for each group of inputs; change(codes, scale, zero) spoils them."""
    made = np.array(w, F)
    for first in range(0, w.shape[1], size):
        part = w[:, first : first + size]
        low, high = np.minimum(part.min(1, keepdims=True), 0), np.maximum(part.max(1, keepdims=True), 0)
        scale = np.where(high > low, high - low, 1) / F(15)
        zero = np.round(-low / scale)
        codes, scale, zero = change(np.clip(np.round(part / scale) + zero, 0, 15), scale, zero)
        made[:, first : first + size] = (codes - zero) * scale
    return made


def product(x, w, b):
    y = x @ w.T
    return y if b is None else y + b


def summed(x, w, b, round, block=1):
    """Accumulated in blocks of terms, rounded after each."""
    y = np.zeros((len(x), len(w)), F)
    for k in range(0, x.shape[1], block):
        y = round(y + x[:, k : k + block] @ w[:, k : k + block].T)
    return y if b is None else y + b


def flash(scores, v, tile, fault, at=0):
    """softmax(scores)·v by tiles of keys with a running maximum and sum, [H, T, d]; a fault goes in from tile number `at` on."""
    H, T, _ = scores.shape
    shape = (H, T, 1)
    most, total, made = np.full(shape, -np.inf, F), np.zeros(shape, F), np.zeros((H, T, v.shape[2]), F)
    for number, first in enumerate(range(0, T, tile)):
        part, value = scores[:, :, first : first + tile], v[:, first : first + tile]
        higher = np.maximum(most, part.max(axis=2, keepdims=True))
        base = np.where(np.isfinite(higher), higher, 0)
        by = np.where(np.isfinite(most), np.exp(most - base), 0)
        e = np.exp(part - (np.where(np.isfinite(most), most, base) if fault == "maximum" and number >= at else base))
        total = total * (1 if fault == "sum" and number >= at else by) + e.sum(axis=2, keepdims=True)
        made = made * (1 if fault == "values" and number >= at else by) + e @ value
        most = higher
    return (made / np.where(total == 0, 1, total)).astype(F)


def by_heads(context, H):
    """[T, H·d] as [H, T, d]."""
    return context.reshape(len(context), H, -1).transpose(1, 0, 2)
