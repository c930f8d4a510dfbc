"""Whether what a cause lists of keys and queries, or says of what stands in a place, is true of a capture."""

import re

import numpy as np

from spoilt import Spoilt
from words import LIST, indices

CLAUSE = re.compile(
    rf"(?:in heads? (?P<heads>{LIST}): )?quer(?:y|ies) (?:from (?P<on>\d+) on|(?P<rows>{LIST}))"
    rf" (?P<verb>do(?:es)? not see|also sees?|sees?) (?:the keys before, |keys? )?(?P<keys>{LIST})(?!\d| to [a-z])"
    rf"(?: instead of (?:keys? )?(?P<right>{LIST}))?"
)


class Seen:
    """Masks before and after a mistake in one block, [H, T, T]; the changes are run when a text first asks."""

    def __init__(self, m, path, changes):
        self.m, self.path, self.changes, self.known = m, path, changes, None

    def masks(self):
        if self.known is None:
            with np.errstate(all="ignore"):
                made = Spoilt(self.m.case, self.changes).run()
            self.known = [~(x[self.path + "attn_probs"] == 0) for x in (self.m.base, made)]
        return self.known

    def line(self, text):
        """What one line lists: None if nothing, else whether all is true and whether it is all that changed."""
        old, new = self.masks()
        told, true, heads = np.zeros_like(old), True, range(len(old))
        clauses = list(CLAUSE.finditer(text))
        if not clauses:
            return None
        for one in clauses:
            heads = [h for h in indices(one["heads"]) if h < len(old)] if one["heads"] else heads
            rows = range(int(one["on"]), old.shape[1]) if one["on"] else indices(one["rows"])
            keys = indices(one["keys"])
            if max([*rows, *keys]) >= old.shape[1] or not len(heads):
                return False, False
            box = np.ix_(heads, rows, keys)
            told[box] = True
            if "not" in one["verb"]:
                true &= not new[box].any() and old[box].any()
            elif "also" in one["verb"]:
                true &= bool(new[box].all()) and not old[box].all()
            else:
                told[np.ix_(heads, rows)] = True
                true &= all(set(np.flatnonzero(new[h, i])) == set(keys) for h in heads for i in rows)
                if one["right"]:
                    due = set(indices(one["right"]))
                    true &= all(set(np.flatnonzero(old[h, i])) == due for h in heads for i in rows)
        return true, true and not (old ^ new)[~told].any()

    def lines(self, text):
        return [x for x in map(self.line, text.split(" / ")) if x]

    def all_of_it(self, text):
        """A line lists all that changed, and nothing else."""
        return any(complete for _, complete in self.lines(text))

    def a_part(self, text):
        """A line lists what is true."""
        return any(true for true, _ in self.lines(text))

    def false(self, text):
        """What is listed is not so."""
        lines = self.lines(text)
        return bool(lines) and not any(true for true, _ in lines)


def left_there(m, changes, name):
    """The text says which earlier activation stands where `name` is wrong, and it is so."""

    def says(text):
        told = re.search(r"holds what ([\w/]+) left there", text)
        if not told:
            return False
        with np.errstate(all="ignore"):
            made = Spoilt(m.case, changes).run()
        other, got = made.get(told[1]), made[name]
        wrong = got != m.base[name]
        return other is not None and other.shape == got.shape and np.array_equal(other[wrong], got[wrong])

    return says
