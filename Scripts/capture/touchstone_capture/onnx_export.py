"""One ONNX file of a Hugging Face model with every activation as an output, under the format's names.

    python -m touchstone_capture.onnx_export MODEL_DIR OUT.onnx [--dtype float16] [--attention sdpa]

Any runtime of ONNX runs it. Its inputs are the model's arguments, those of `INPUTS` that it takes: ids, positions and
masks int64 [1, T] for any T (of a source, [1, S] for any S), pictures and features of a sound as the model has them.
An output is called `layers/000/ln_1` and has the shape of Docs/Format.md, so that it is handed to `write` as it is.
Experts run on as many rows as tokens chose them, which is no fixed graph: families that have them are refused.
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
from .errors import CaptureError, NotSupported
from .families.experts import EXPERTS
from .huggingface import load, observed_model
from .inputs import arguments, example
from .torch_hooks import Observed

#: The inputs of the exported graph, in order: those of them that the model takes.
INPUTS = (
    "input_ids", "position_ids", "attention_mask", "token_type_ids", "input_features", "pixel_values",
    "decoder_input_ids", "decoder_position_ids", "decoder_attention_mask",
)  # fmt: skip


@torch.no_grad()
def export(options: Options, out: str) -> list[str]:
    """Exports the model of `options.model`; returns the names of the outputs."""
    golden = example(options.model)
    if golden.family in EXPERTS:
        raise NotSupported(options.model, f"experts of {golden.family} are no fixed graph", "run it by --engine torch")
    model = load(options, golden)
    takes = inspect.signature(model.forward).parameters
    given = {name: torch.tensor(array) for name, array in arguments(golden).items()}
    for ids, mask in (("input_ids", "attention_mask"), ("decoder_input_ids", "decoder_attention_mask")):
        if ids in given:
            given[mask] = torch.ones_like(given[ids])
    given = {name: given[name] for name in INPUTS if name in given and name in takes}
    dtype = next(model.parameters()).dtype
    values = tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in given.values())
    observed = _Positional(observed_model(model, golden), list(given))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of packages that it does without
    names = list(observed(*values))
    is_pair = "decoder_input_ids" in given
    tokens = torch.export.Dim("tokens", min=1, max=golden.context)
    source = torch.export.Dim("source", min=1, max=golden.context)
    shapes = []
    for name, tensor in given.items():
        is_source = is_pair and not name.startswith("decoder_")
        shapes.append(None if tensor.is_floating_point() else {1: source if is_source else tokens})
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # the exporter's progress
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            observed,
            values,
            dynamo=True,
            dynamic_shapes=(tuple(shapes),),
            input_names=list(given),
            output_names=names,
            verbose=False,
        )
    program.save(out, external_data=False)
    return names


class _Positional(torch.nn.Module):
    """The observed model with its inputs in an order."""

    def __init__(self, observed: Observed, inputs: list[str]):
        super().__init__()
        self.observed, self.inputs = observed, inputs
        has_cache = "use_cache" in inspect.signature(observed.model.forward).parameters
        self.without_cache = {"use_cache": False} if has_cache else {}

    def forward(self, *given: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self.observed(**dict(zip(self.inputs, given)), **self.without_cache)
        if "final/logits" in found:
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
