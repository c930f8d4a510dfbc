"""Mistakes with masks."""

import re

import numpy as np
from functions import F, softmax

from draw import NoPlace, Plant, kind
from seen import Seen
from words import LIST, SHIFT, indices, number, ordinal, sequence, whole

SCORES = ["attn_scores", "attn_probs"]
FUTURE = "future|later|after (them|it)|behind|causal|bidirect|ahead|both direction|not masked|unmasked|also see|one another|next key"
KEYS = "keys?\\b|columns?\\b|(not|no|never|only).*(see|seen)|masked"
CHUNKS = "chunk|stretch|block|group|tile|piece|itself|themselves|modulo|mod\\b|//"


def masked(m, change, told, says, part=(), never=()):
    """Another mask in one block."""
    n, path = m.block()
    changes = {path + "seen": change}
    seen = Seen(m, path, changes)
    return Plant(
        changes,
        [path + name for name in SCORES],
        f"{told} (block {n})",
        [*says, [seen.all_of_it]],
        [*part, [seen.a_part]],
        [*never, seen.false],
    )


def either(seen, also):
    """Seen besides; a mask of another sequence is kept."""
    return seen | np.broadcast_to(also, seen.shape)


def at(m):
    return np.arange(m.T)[:, None], np.arange(m.T)[None, :]


def probable(m, change, told, says, part=(), never=()):
    n, path = m.block()
    return Plant(
        {path + "attn_probs": change}, [path + "attn_probs"], f"{told} (block {n})", says, list(part), list(never)
    )


@kind("masks")
def key_lost_by_a_head(m):
    j, h = m.whole(0, m.T - 2), m.whole(0, m.H - 1)

    def change(seen):
        seen[h, j + 1 :, j] = False
        return seen

    return masked(m, change, f"head {h} does not see key {j}", [[whole(j, h)]], [[whole(j)], [whole(h)]])


@kind("masks")
def chunk_counts_from_zero(m):
    chunk = m.whole(3, m.T // 2)
    i, j = at(m)
    return masked(
        m,
        lambda seen: seen & (j <= i % chunk),
        f"chunks of {chunk} queries see keys up to their place in the chunk",
        [[whole(chunk), CHUNKS], [whole(chunk - 1), CHUNKS]],
        [["chunk|prefill|block|first"]],
    )


@kind("masks")
def chunk_sees_itself_alone(m):
    chunk = m.whole(3, m.T // 2)
    i, j = at(m)
    starts = {*range(0, m.T, chunk), int(np.argmax(m.case.mask))}  # and the first key that is not masked

    def begins_elsewhere(text):
        told = re.search(f"begin at ({LIST})", text)
        return bool(told) and not set(indices(told[1])) <= starts

    return masked(
        m,
        lambda seen: seen & (i // chunk == j // chunk),
        f"chunks of {chunk} see themselves alone",
        [[whole(chunk), CHUNKS], [whole(chunk - 1), CHUNKS], [whole(*range(chunk, m.T, chunk)[:3]), "stretch|chunk"]],
        [["chunk|block|stretch"]],
        [begins_elsewhere],
    )


@kind("masks")
def prefix_in_both_directions(m):
    n = m.whole(2, m.T - 1)
    i, j = at(m)
    return masked(
        m,
        lambda seen: either(seen, (i < n) & (j < n)),
        f"the first {n} tokens see one another",
        [[whole(n), FUTURE + "|prefix|first"], [whole(n - 1), FUTURE + "|prefix|first"]],
        [["prefix|bidirect|future|causal"]],
    )


@kind("masks")
def stripes(m):
    w, every = m.whole(2, 4), m.whole(3, 6)
    i, j = at(m)
    return masked(
        m,
        lambda seen: seen & ((i - j < w) | (j % every == 0)),
        f"sees the last {w} keys and every {every}th",
        [[whole(w, every), "every|strip|strid|multiple|block|sparse"]],
        [[whole(w)], [whole(every)]],
    )


@kind("masks")
def dilated(m):
    every = m.whole(2, 4)
    i, j = at(m)
    return masked(
        m,
        lambda seen: seen & ((i - j) % every == 0),
        f"sees every {every}th key back",
        [
            [whole(every), "every|strid|dilat|mod|multiple|step|apart"],
            [f"every ({ordinal(every)}) key.*(back|own)"],
            ["every (other|second)|alternat" if every == 2 else "dilat"],
        ],
    )


@kind("masks")
def not_itself(m):
    i, j = at(m)
    return masked(
        m,
        lambda seen: seen & ((i != j) | (i == 0)),
        "no query but the first sees its own key",
        [["itself|own|diagonal|strict|j < i|same (token|position)|current"], [r"to r ?[−-] ?1\b"]],
        [[SHIFT]],
    )


@kind("masks")
def one_key_ahead(m):
    by = m.whole(1, 3)
    i, j = at(m)
    return masked(
        m,
        lambda seen: either(seen, j <= i + by),
        f"every query sees {by} keys ahead",
        [[whole(by), FUTURE], [SHIFT, FUTURE] if by == 1 else [whole(by), FUTURE]],
        [["future|causal|ahead"]],
    )


@kind("masks")
def packed_sequences(m):
    t = m.whole(2, m.T - 2)
    i, j = at(m)
    return masked(
        m,
        lambda seen: seen & ~((i >= t) & (j < t)),
        f"tokens from {t} on do not see those before",
        [
            [whole(t), "before|sequence|earlier|separate|segment|themselves"],
            [whole(t - 1), "before|sequence|earlier|separate|segment|themselves"],
        ],
    )


@kind("masks")
def padding_seen(m):
    if m.case.mask.all():
        raise NoPlace
    i, j = at(m)
    lost = [int(x) for x in np.flatnonzero(np.asarray(m.case.mask) == 0)]
    return masked(
        m,
        lambda seen: either(seen, (j <= i)),
        f"masked keys {lost} are seen",
        [["padd|attention mask|masked"], [whole(*lost)]],
    )


@kind("masks")
def finite_mask(m):
    by = float(np.round(m.rng.uniform(2, 9), 1))

    def change(e, x):
        q, k, v, seen = e.read
        scores = (q @ k.swapaxes(1, 2)) * e.scale(int(e.path.split("/")[1])) + (e.bias if e.bias is not None else 0)
        if m.p["cap"]:
            scores = F(m.p["cap"]) * np.tanh(scores / F(m.p["cap"]))
        return softmax(np.where(seen, scores, scores - F(by)))

    return probable(m, change, f"masked scores are lowered by {by} alone", [[number(by, 0.02)]], [["mask"]])


@kind("masks")
def mask_of_another_head(m):
    if not m.p["alibi"]:
        raise NoPlace
    by = m.whole(1, m.H - 1)
    slopes = np.abs(np.diff(m.base["embed/attn_bias"][:, -1, -2:])[:, 0])

    def change(e, x):
        return np.roll(x, by, axis=0)

    return Plant(
        {"embed/attn_bias": change},
        ["embed/attn_bias"],
        f"each head has the bias of {by} heads before",
        [
            ["head", "another|other|shift|rotat|those of|order|exchang|permut|before|next|slope"],
            ["slopes", sequence(np.roll(slopes, by), "are", "instead")],
        ],
    )
