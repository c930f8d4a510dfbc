"""An engine in a process of its own, so that one which aborts takes nothing with it."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from typing import Any

from .errors import CaptureError, NotSupported

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def call(module: str, function: str, *arguments: Any) -> Any:
    """What a function of this package returns, or throws, in another process."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = os.path.join(folder, "given"), os.path.join(folder, "made")
        with open(given, "wb") as file:
            pickle.dump((module, function, arguments), file)
        paths = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.child", given, made],
            env={**os.environ, "PYTHONPATH": paths, "GGML_NO_BACKTRACE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if not os.path.exists(made):
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = next((line for line in lines if "ASSERT" in line), lines[-1] if lines else "nothing is said")
            raise NotSupported(
                module, f"ended with {done.returncode} ({said.rpartition('/')[2][:200]})", "take another model or mode"
            )
        with open(made, "rb") as file:
            result = pickle.load(file)
    sys.stderr.write("".join(f"{line}\n" for line in done.stderr.splitlines() if line.strip(" .")))
    if isinstance(result, Exception):
        raise result
    return result


def main() -> None:
    """The other process."""
    with open(sys.argv[1], "rb") as file:
        module, function, arguments = pickle.load(file)
    try:
        result = getattr(importlib.import_module(f".{module}", __package__), function)(*arguments)
    except CaptureError as error:
        result = error
    with open(f"{sys.argv[2]}.partial", "wb") as file:
        pickle.dump(result, file)
    os.rename(f"{sys.argv[2]}.partial", sys.argv[2])


if __name__ == "__main__":
    main()
