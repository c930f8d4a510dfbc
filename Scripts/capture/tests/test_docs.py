"""What README.md, Docs/Adding-an-engine.md and Docs/In-your-CI.md print is run as it stands there, engines permitting.

A block marked `console` holds commands behind `$ ` and what they print: lines in their order, of which only what is
before an `…` counts. A block marked `python` whose first line is `# NAME.py` is a file that the next commands find.
`pip install` and `make` are not run; what is to be installed must be there.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from .samples import CHECKOUT, TOUCHSTONE

PAGES = [CHECKOUT / name for name in ["Docs/Adding-an-engine.md", "Docs/In-your-CI.md", "README.md"]]

#: The modules that an extra of the package brings.
EXTRAS = {
    "": [], "torch": ["torch", "transformers"], "onnx": ["torch", "transformers", "onnx", "onnxscript"],
    "onnxruntime": ["onnxruntime"], "openvino": ["openvino"], "llama-cpp": ["llama_cpp", "gguf"],
}  # fmt: skip


def blocks(pages=PAGES):
    """(commands, printed lines) of every console block of the pages."""
    texts = [page.read_text(encoding="utf-8") for page in pages]
    file = []
    fenced = r"^```(console|python)\n(.*?)^```"
    for kind, text in [block for page in texts for block in re.findall(fenced, page, re.M | re.S)]:
        if kind == "python":
            name = re.match(r"# (\w+\.py)\n", text)
            file = [f"cat > {name[1]} <<'END'", *text.splitlines(), "END"] if name else []
            continue
        script, printed, goes_on, is_here = file, [], False, False
        file = []
        for line in text.splitlines():
            if line.startswith("$ ") or goes_on:
                script.append(line[2:] if line.startswith("$ ") else line)
                is_here = "<<" in line or (is_here and line != "END")
                goes_on = line.endswith("\\") or is_here
            elif line:
                printed.append(line)
        yield script, printed


class Docs(unittest.TestCase):
    def check(self, script, printed):
        wanted = re.findall(r"capture(?:\[([\w,-]+)\])?'?", script[0])
        modules = [module for extras in wanted for extra in extras.split(",") for module in EXTRAS[extra]]
        modules += [line.split()[1].split(".")[0] for line in script if re.match("(import|from) ", line)]
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            self.skipTest(f"{', '.join(missing)} not installed")
        if TOUCHSTONE is None:
            self.skipTest("touchstone is not built; TOUCHSTONE names it")
        with tempfile.TemporaryDirectory() as folder:
            for name in ["golden", "Examples", "Scripts"]:
                Path(folder, name).symlink_to(CHECKOUT / name)
            # The shell that --exec starts has no functions.
            Path(folder, "bin").mkdir()
            python = Path(folder, "bin", "python3")
            python.write_text(f"#!/bin/sh\nexec '{sys.executable}' \"$@\"\n")
            python.chmod(0o755)
            commands = [
                f"touchstone() {{ '{TOUCHSTONE}' \"$@\"; }}",
                f"python() {{ '{sys.executable}' \"$@\"; }}",
                'python3() { python "$@"; }',
            ]
            commands += [line for line in script if not line.startswith(("pip install", "make "))]
            packages = str(CHECKOUT / "Scripts" / "capture")
            path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
            environment = {**os.environ, "PYTHONPATH": packages, "PYTHONWARNINGS": "ignore", "PATH": path}
            done = subprocess.run(
                ["bash", "-c", "\n".join(commands)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        found = iter(done.stdout.splitlines())
        for line in printed:
            start = line.split("…")[0]
            self.assertTrue(
                any(other == line or ("…" in line and other.startswith(start)) for other in found),
                f"{line!r} is not printed, in order, by {script}:\n{done.stdout}{done.stderr}",
            )


def _add(number, script, printed):
    setattr(Docs, f"test_block_{number}", lambda self: self.check(script, printed))


for _number, (_script, _printed) in enumerate(blocks(), 1):
    _add(_number, _script, _printed)


class Page(unittest.TestCase):
    def test_each_way_to_a_verdict_is_at_most_ten_lines(self):
        found = list(blocks(PAGES[:1]))
        self.assertGreaterEqual(len(found), 4)
        for script, _ in found:
            self.assertLessEqual(len(script), 10, script)
            self.assertTrue(script[0].startswith("pip install"), script)


if __name__ == "__main__":
    unittest.main()
