"""What the words of a cause hold: numbers, spans of indices, types. Wording is left free; what is said must be there."""

import math
import re

LITERAL = re.compile(r"(?<![\w./])[-−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d+)?", re.I)
EXPONENT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
HALF = r"(?<!b)float16|fp16|\bf16|half( |-)prec|(in|as|to|of) half\b|11 bits"
BFLOAT = r"bfloat16|bf16"
QUANTISED = r"int8|8[- ]bit|quanti|256|255|127|steps? of"
ZERO = (
    r"zero|(to|is|are|as|by) 0\b|not written|never written|missing|left out|lost|absent|without|nothing|not added|"
    r"only(?!.*\b(is|are) wrong)"
)
SHIFT = r"shift|next|previous|before|after|neighbo|one (row|column|token|place|position|more|less|too)|[-+−] ?1\b"


def literals(text):
    """Every number of a text that stands by itself, with what a root or a division before it makes of it."""
    for match in LITERAL.finditer(text):
        value = float(match.group().replace(",", "").replace("−", "-"))
        yield value
        before = text[max(match.start() - 3, 0) : match.start()]
        if before.endswith("√"):
            yield math.sqrt(abs(value))
            if before.endswith("/√") and value:
                yield 1 / math.sqrt(abs(value))
        elif before.endswith("1/") and value:
            yield 1 / value
        after = re.match("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", text[match.end() :])
        if after:
            yield value ** int(after.group().translate(EXPONENT))


def number(value, within=0.01):
    """The text has this number, or it as a percentage."""
    near = lambda x, y: abs(x - y) <= within * abs(y)
    return lambda text: any(
        near(abs(x), abs(value)) or near(x, 100 * value) for x in literals(text.replace("10^", "1e"))
    )


def whole(*values):
    """Each of these integers stands in the text."""
    return lambda text: {float(abs(v)) for v in values} <= {abs(x) for x in literals(text)}


def span(first, end, length):
    """From the index `first` up to `end` of `length`, however it is said: both ends, a count from one side, or from one on."""

    def says(text):
        have = set(literals(text))
        low, high = first in have, end - 1 in have or end in have
        if low and (high or end - first == 1):
            return True
        counted = end - first in have
        if end == length and (low or counted) and re.search("on|last|from|tail|rest|behind|beyond", text):
            return True
        if first == 0 and (counted or high) and re.search("first|up to|before|below|until", text):
            return True
        return counted and low

    return says


def ordinal(n):
    """How an n-th of a row may be called."""
    return {2: "second|other", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth"}.get(n, f"{n}th")


def sequence(values, after, before):
    """These numbers in this order, as far as the text goes, between two words."""

    def says(text):
        found = re.search(rf"\b{after}\b(.*?)\b{before}\b", text)
        have = list(literals(found.group(1))) if found else []
        return len(have) > 1 and all(abs(x - y) <= 0.01 * abs(y) for x, y in zip(have, values, strict=False))

    return says


LIST = r"\d+(?: to \d+)?(?:, \d+(?: to \d+)?)*"


def indices(text):
    """The integers of a list as `2 to 8, 10`."""
    made = []
    for part in text.split(", "):
        first, *last = part.split(" to ")
        made += range(int(first), int(last[0]) + 1) if last else [int(first)]
    return made


def moved(places, without=()):
    """Every place i holds what is due at places[i]; those of `without` need not be told."""
    pattern = rf"({LIST}) (?:is|are) (?:computed as|that of|those of)(?: [a-z]+)? ({LIST})"

    def says(text):
        pairs = [(x, y) for a, b in re.findall(pattern, text) for x, y in zip(indices(a), indices(b))]
        return all(places.get(x) == y for x, y in pairs) and {x for x, _ in pairs} | set(without) >= places.keys()

    return says


def moved_by(n):
    """The text says that what it speaks of is moved by n places."""
    return rf"(moved|shifted|rotated) by {'[-−]' if n < 0 else '[+]?'}{abs(n)}\b"


def tail_if_told(n, first, end):
    """Where the text says that it is the last n mod tile of n, it is."""

    def says(text):
        tiles = [int(x) for x in re.findall(r"last \w+ mod (\d+)", text)]
        return all(end == n and first == n - n % tile for tile in tiles)

    return says


def head(index, width):
    """The text speaks of this head, or of its columns of all heads side by side."""
    columns = span(index * width, index * width + width, -1)
    return lambda text: whole(index)(text) or columns(text)


def beside(index, here):
    """The text calls the block `index` by its place beside the block `here`."""
    return {-1: "block before|previous block", 1: "block after|next block"}.get(index - here, "(?!)")


def layer(index):
    """The text speaks of this block."""
    return rf"(layers?|block|blocks)[ /]0*{index}\b"


def matches(text, pattern):
    return bool(pattern(text)) if callable(pattern) else bool(re.search(pattern, text, re.I))


def holds(text, alternatives):
    """One of the alternatives has all its patterns in the text."""
    return any(all(matches(text, pattern) for pattern in alternative) for alternative in alternatives)
