"""Runs an engine on the inputs of a golden and writes what it computed as a capture.

    python -m touchstone_capture --engine torch --model DIR --golden GOLDEN.h5 --out CAPTURE.h5
    touchstone diff GOLDEN.h5 CAPTURE.h5

The exit code is 0 where the capture was written, 2 for bad input, 77 where the engine does not offer what is asked.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import tempfile

from .capture import write
from .embedded import write_folder
from .engine import Options
from .errors import NOT_SUPPORTED, CaptureError, NotSupported
from .golden import Golden
from .inputs import example
from .model import Model

#: The module of each engine, and what it needs besides NumPy and h5py.
ENGINES = {
    "torch": ("huggingface", "torch"),
    "onnxruntime": ("onnx_engines", "onnx,onnxruntime"),
    "openvino": ("onnx_engines", "onnx,openvino"),
    "onnx-reference": ("onnx_engines", "onnx"),
    "llama.cpp": ("llama_cpp_engine", "llama-cpp"),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m touchstone_capture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--engine", required=True, choices=list(ENGINES))
    made.add_argument(
        "--model",
        help="a Hugging Face folder; an .onnx or .gguf file for engines that read them; else the weights in the golden",
    )
    inputs = made.add_mutually_exclusive_group(required=True)
    inputs.add_argument("--golden", metavar="FILE", help="whose inputs are run")
    inputs.add_argument("--tokens", metavar="18,4,511", help="token ids in place of a golden's")
    made.add_argument("--out", required=True, metavar="FILE")
    made.add_argument("--replace", action="store_true", help="replaces a file that exists")
    made.add_argument("--threads", type=int, metavar="N")
    torch = made.add_argument_group("torch, and what is exported from it")
    torch.add_argument(
        "--dtype",
        choices=["float32", "bfloat16", "float16"],
        default="float32",
        help="in which the whole model computes; activations are stored in it",
    )
    torch.add_argument(
        "--attention",
        choices=["eager", "sdpa"],
        default="eager",
        help="which attention runs; fused (sdpa) has no scores and probabilities to record",
    )
    torch.add_argument("--compile", action="store_true", help="through torch.compile, as one graph")
    torch.add_argument("--export", action="store_true", help="through torch.export")
    torch.add_argument(
        "--prefill",
        type=int,
        metavar="N",
        help="N tokens at once and the rest one by one with the cache (torch, llama.cpp)",
    )
    onnx = made.add_argument_group("onnxruntime")
    onnx.add_argument("--optimization", choices=["disable", "basic", "extended", "layout", "all"], default="all")
    llama = made.add_argument_group("llama.cpp")
    llama.add_argument(
        "--weights", default="f32", metavar="TYPE", help="f32, f16, bf16, q8_0, q4_0, …: of a GGUF made of a folder"
    )
    llama.add_argument("--flash-attention", action="store_true")
    llama.add_argument("--cache-type", default="f32", choices=["f32", "f16", "bf16", "q8_0", "q4_0"])
    return made


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    given = vars(parser().parse_args(arguments))
    engine, golden, tokens, out, replace = (given.pop(key) for key in ("engine", "golden", "tokens", "out", "replace"))
    try:
        if tokens is not None and given["model"] is None:
            raise CaptureError("--tokens", "was given without --model", "name the model")
        source = Golden.read(golden) if golden else Golden.of_tokens(given["model"], _tokens(tokens))
        if tokens is not None and (example(given["model"]).stacks != ("",) or "image_size" in source.config):
            raise CaptureError("--tokens", f"{source.family} reads more than tokens", "name a golden with all inputs")
        with contextlib.ExitStack() as stack:
            if given["model"] is None:
                given["model"] = stack.enter_context(tempfile.TemporaryDirectory())
                write_folder(source, given["model"])
            names = _run(engine, source, Options(**given), out, replace)
    except NotSupported as error:
        print(f"touchstone_capture: not supported: {error}", file=sys.stderr)
        return NOT_SUPPORTED
    except CaptureError as error:
        print(f"touchstone_capture: {error}", file=sys.stderr)
        return 2
    of = f" of {len(source.token_ids)} tokens" if len(source.token_ids) else ""
    print(f"{out}: {len(names)} activations{of}")
    return 0


def _run(engine: str, source: Golden, options: Options, out: str, replace: bool) -> list[str]:
    """Runs the engine and writes the capture; returns its names."""
    digest = _digest(options.model)
    if digest and source.weights_sha256 and digest != source.weights_sha256:
        print(
            f"touchstone_capture: {options.model} holds other weights than {source.place} was made with",
            file=sys.stderr,
        )
    done = _module(engine).run(source, options, *([engine] if engine in _ONNX else []))
    return write(
        source,
        done.tensors,
        out,
        precision=done.precision,
        layouts=done.layouts,
        padded_vocabulary=done.padded_vocabulary,
        derived=done.derived,
        provenance=done.provenance,
        weights_sha256=digest,
        replace=replace,
    )


_ONNX = ("onnxruntime", "openvino", "onnx-reference")


def _module(engine: str):
    module, extras = ENGINES[engine]
    try:
        return importlib.import_module(f".{module}", __package__)
    except ImportError as error:
        raise CaptureError(
            f"--engine {engine}",
            f"needs a package that is not installed ({error})",
            f"pip install 'touchstone-capture[{extras}]'",
        ) from error


def _tokens(text: str) -> list[int]:
    try:
        return [int(token) for token in text.split(",")]
    except ValueError:
        raise CaptureError("--tokens", f"{text!r} is no list of integers", "write for example 18,4,511") from None


def _digest(model: str) -> str | None:
    """The digest of the weights where they lie in a Hugging Face folder."""
    try:
        return Model(model).weights_sha256
    except CaptureError:
        return None


if __name__ == "__main__":
    sys.exit(main())
