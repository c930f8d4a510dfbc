"""What goes wrong, said in one sentence: what, where, and what to do."""

from __future__ import annotations

#: The exit code of a program that was asked for something which its engine does not offer.
NOT_SUPPORTED = 77


class CaptureError(Exception):
    """Something that was given cannot be written as a capture."""

    def __init__(self, place: str, problem: str, remedy: str):
        super().__init__(f"{place}: {problem}; {remedy}")
        self.place, self._parts = place, (place, problem, remedy)

    def __reduce__(self):
        return type(self), self._parts


class NotSupported(CaptureError):
    """The engine does not offer what this golden asks for: no mistake of anybody's. Exit code 77."""
