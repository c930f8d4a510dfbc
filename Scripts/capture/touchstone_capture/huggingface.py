"""PyTorch: Hugging Face's models, eager, fused (SDPA), compiled or exported, in any type, with or without the cache.

Works with transformers 4.30 to 5. `capture` takes a model that is loaded already.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

from . import names
from .capture import write
from .engine import Options, Run, chunks
from .errors import CaptureError, NotSupported
from .families import FAMILIES, LEFT_OUT, Family
from .golden import Golden
from .inputs import arguments
from .torch_hooks import Observed, settle_kernels


def capture(model: torch.nn.Module, golden: Any, out: str, replace: bool = False, **options: Any) -> list[str]:
    """Runs a loaded model of a family that is known here on a golden's inputs and writes the capture.

    options: `compile=True`, `export=True`, `prefill=N` as on the command line.
    """
    golden = Golden.read(golden)
    done = run_model(model, golden, Options("", **options))
    return write(
        golden,
        done.tensors,
        out,
        precision=done.precision,
        layouts=done.layouts,
        provenance=done.provenance,
        replace=replace,
    )


def run(golden: Golden, options: Options) -> Run:
    """Loads the model of a folder and runs it."""
    return run_model(load(options, golden), golden, options)


def load(options: Options, golden: Golden) -> torch.nn.Module:
    """The model of a folder, in the type and with the attention that were asked for."""
    make_table = table(golden)
    configuration = _configuration(options.model)
    family = make_table(configuration)
    loader = getattr(transformers, family.loader).from_pretrained
    named: dict[str, Any] = {"dtype" if version() >= (4, 56) else "torch_dtype": getattr(torch, options.dtype)}
    if version() >= (4, 36):
        named["attn_implementation"] = options.attention
    elif options.attention != "eager":
        raise NotSupported(
            "--attention", f"transformers {transformers.__version__} has eager attention only", "leave it out"
        )
    if family.experts and version() >= (5, 0):
        named["experts_implementation"] = "eager"  # one after another, so that each is seen
    transformers.logging.set_verbosity_error()
    getattr(transformers.logging, "disable_progress_bar", lambda: None)()
    try:
        return loader(options.model, config=configuration, **named)
    except (ValueError, RuntimeError) as error:  # also where a version lacks sdpa in this family
        raise _refusal(options.model, error) from error


def version() -> tuple[int, ...]:
    """Which transformers this is, (5, 2) for example."""
    return tuple(int(part) for part in transformers.__version__.split(".")[:2])


def _configuration(folder: str) -> Any:
    """The configuration in a folder, where transformers takes it."""
    try:
        found = transformers.AutoConfig.from_pretrained(folder)
    except Exception as error:  # kinds of its own, which differ from version to version
        raise _refusal(folder, error) from error
    if (getattr(found, "pad_token_id", None) or 0) >= getattr(found, "vocab_size", math.inf):
        found.pad_token_id = None  # a default of the family, which a small vocabulary does not have
    return found


def _refusal(folder: str, error: Exception) -> NotSupported:
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    said = next((line for line in lines if "mismatch" in line), lines[-1] if lines else type(error).__name__)
    return NotSupported(
        folder, f"transformers {transformers.__version__} does not load it ({said[:200]})", "take another version"
    )


def table(golden: Golden) -> Callable[[Any], Family]:
    """What makes the table of the golden's family."""
    family = golden.family
    if family not in FAMILIES:
        why = f": {LEFT_OUT[family]}" if family in LEFT_OUT else f"; known are {', '.join(FAMILIES)}"
        raise NotSupported(
            golden.place, f"no table for the family {family}{why}", "write by yourself what your engine computes"
        )
    return FAMILIES[family]


def attention_of(model: torch.nn.Module) -> str:
    """eager, sdpa, …: what the model runs."""
    return getattr(model.config, "_attn_implementation", None) or "eager"


def observed_model(model: torch.nn.Module, golden: Golden) -> Observed:
    """The model with its family's hooks."""
    family = table(golden)(model.config)
    if family.experts and version() < (5, 0):
        raise NotSupported(
            golden.place,
            f"experts of {golden.family} are seen in transformers from version 5 on, not in {transformers.__version__}",
            "take a later version",
        )
    return Observed(model.eval(), family, golden)


@torch.no_grad()
def run_model(model: torch.nn.Module, golden: Golden, options: Options) -> Run:
    """Runs a loaded model."""
    settle_kernels()
    if options.compile and options.export:
        raise CaptureError("--compile", "and --export were both given", "give one of them")
    observed = observed_model(model, golden)
    steps = chunks(golden, options.prefill)
    takes = inspect.signature(model.forward).parameters
    dtype = next(model.parameters()).dtype
    features = hear(golden, dtype)
    inputs = []
    for step in steps:
        given = {name: torch.tensor(array) for name, array in arguments(golden, step).items()}
        given |= {} if features is None else {"input_features": features}
        given = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in given.items()}
        once = {"input_ids", "input_features"} if step.start and golden.stacks != ("",) else set()  # the encoder's
        inputs.append({name: tensor for name, tensor in given.items() if name in takes and name not in once})
    # What the cache is called as an argument: its name changed in 5.
    cache_name = "cache" if "cache" in takes else "past_key_values"
    if len(steps) > 1 and options.export:
        raise NotSupported("--prefill", "an exported model runs without its cache", "leave out one of them")
    if options.prefill is not None and cache_name not in takes:
        raise NotSupported("--prefill", f"{golden.family} reads all tokens at once and has no cache", "leave it out")
    if "use_cache" in takes:
        inputs = [given | {"use_cache": len(steps) > 1} for given in inputs]
    run_step: Any = torch.compile(observed, fullgraph=True) if options.compile else observed
    if options.export:
        run_step = torch.export.export(observed, (), inputs[0]).module()
    tensors = []
    past: dict[str, Any] = {}
    for step, given in zip(steps, inputs):
        observed.past = step.start
        try:
            tensors.append(dict(run_step(**given, **past)))
        except (RuntimeError, AttributeError, TypeError, ValueError, IndexError) as error:
            said = f"transformers {transformers.__version__} fails on it ({str(error).strip().splitlines()[0][:200]})"
            raise CaptureError(golden.place, said, "take another version, or another way to run it") from error
        if len(steps) > 1:
            past = {cache_name: observed.cache}
            if observed.encoded is not None:
                past["encoder_outputs"] = (observed.encoded,)
    if "features/log_mel" in golden.shapes:
        tensors[0]["features/log_mel"] = features[0]
    _settle_bias(tensors, table(golden)(model.config))
    for step in tensors:
        if "final/logits" in step:
            step["final/probs"] = torch.softmax(step["final/logits"], dim=-1)
    mode = "compiled, " if options.compile else "exported, " if options.export else ""
    cached = f"{len(steps)} steps with the cache, " if len(steps) > 1 else ""
    found = {name: [step[name] for step in tensors if name in step] for step in tensors for name in step}
    layouts = {name: names.axes(name) for name in found}
    return Run(found, str(dtype).replace("torch.", ""), {
        "producer": "transformers", "producer_version": transformers.__version__,
        "implementation": f"{attention_of(model)} attention, {mode}{cached}torch {torch.__version__}",
    }, layouts)  # fmt: skip


def _settle_bias(steps: list[dict[str, Any]], family: Family) -> None:
    """What each step adds to its scores is known of all keys in the last one alone.

    Where it counts from the last key, every row of scores has another constant in it, which softmax does not see: such
    biases and scores are left out, and probabilities are judged in their place. A decoder's biases of keys that come
    later, which nobody asks for, are known in no step, and left out as well.
    """
    if len(steps) == 1:
        return
    for step in steps:
        step.pop("decoder/embed/attn_bias", None)
    for step in steps[1:]:  # an encoder ran in the first one alone
        for name in [name for name in step if name.startswith("encoder/")]:
            del step[name]
    biases = [step.pop("embed/attn_bias", None) for step in steps]
    if family.bias and not family.counts_back:
        steps[-1]["embed/attn_bias"] = biases[-1]
    elif family.bias:
        for step in steps:
            for name in [name for name in step if name.endswith("/attn_scores")]:
                del step[name]


def hear(golden: Golden, dtype: torch.dtype) -> torch.Tensor | None:
    """The features of a sound, [1, mels, frames]: as the golden gives them, or made of its samples by transformers."""
    others = golden.other_inputs
    if "audio" not in others:
        given = others.get("input_features")
        return None if given is None else torch.tensor(given)[None].to(dtype)
    front = transformers.WhisperFeatureExtractor(
        feature_size=others["mel_filters"].shape[1], hop_length=int(others["hop_length"]), n_fft=int(others["n_fft"])
    )
    front.mel_filters = np.asarray(others["mel_filters"])
    samples = np.zeros(2 * int(golden.config["max_source_positions"]) * front.hop_length, np.float32)
    heard = others["audio"][: len(samples)]
    samples[: len(heard)] = heard
    return torch.tensor(np.asarray(front._torch_extract_fbank_features(samples[None]))).to(dtype)
