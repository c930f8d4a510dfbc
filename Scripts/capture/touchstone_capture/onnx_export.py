"""One ONNX file of a Hugging Face model with every activation as an output, under the format's names.

    python -m touchstone_capture.onnx_export MODEL_DIR OUT.onnx [--dtype float16] [--attention sdpa]

Any runtime of ONNX runs it. Its inputs are those of `input_ids`, `position_ids` and `attention_mask` that the model
takes, each int64 [1, T] for any T. An output is called `layers/000/ln_1` and has the shape of Docs/Format.md, so that
it is handed to `write` as it is.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import logging
import os
import sys
import warnings

import torch

from .engine import Options
from .errors import CaptureError
from .golden import Golden
from .huggingface import load, observed_model

#: The inputs of the exported graph, in order: those of them that the model takes.
INPUTS = ("input_ids", "position_ids", "attention_mask")


@torch.no_grad()
def export(options: Options, out: str) -> list[str]:
    """Exports the model of `options.model`; returns the names of the outputs."""
    golden = Golden.of_tokens(options.model, [0, 0, 0])
    model = load(options, golden)
    inputs = [name for name in INPUTS if name in inspect.signature(model.forward).parameters]
    known = {"position_ids": torch.arange(3)[None], "attention_mask": torch.ones(1, 3, dtype=torch.int64)}
    example = tuple(known.get(name, torch.zeros(1, 3, dtype=torch.int64)) for name in inputs)
    observed = _Positional(observed_model(model, golden), inputs)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of packages that it does without
    names = list(observed(*example))
    tokens = {1: torch.export.Dim("tokens", min=1, max=golden.context)}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # the exporter's progress
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            observed,
            example,
            dynamo=True,
            dynamic_shapes=((tokens,) * len(inputs),),
            input_names=inputs,
            output_names=names,
            verbose=False,
        )
    program.save(out, external_data=False)
    return names


class _Positional(torch.nn.Module):
    """The observed model with its inputs in an order."""

    def __init__(self, observed: torch.nn.Module, inputs: list[str]):
        super().__init__()
        self.observed, self.inputs = observed, inputs

    def forward(self, *given: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self.observed(**dict(zip(self.inputs, given)), use_cache=False)
        found["final/probs"] = torch.softmax(found["final/logits"], dim=-1)
        return found


def main() -> int:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("model")
    made.add_argument("out")
    made.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    made.add_argument("--attention", choices=["eager", "sdpa"], default="eager")
    given = made.parse_args()
    try:
        if os.path.exists(given.out):
            raise CaptureError(given.out, "exists already", "name another file")
        names = export(Options(given.model, dtype=given.dtype, attention=given.attention), given.out)
    except CaptureError as error:
        print(f"touchstone_capture: {error}", file=sys.stderr)
        return 2
    print(f"{given.out}: {len(names)} activations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
