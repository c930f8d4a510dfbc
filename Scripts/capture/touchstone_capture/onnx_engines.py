"""ONNX Runtime, OpenVINO and onnx.reference, on a file that `onnx_export` made or on one of your own.

Outputs under names of the format are taken as they are, and `logits` as `final/logits`. What another export calls its
values is said by a JSON file beside it, `MODEL.onnx.names.json`: these values become outputs.

    {"layers/{i}/ln_1": "/transformer/h.{i}/ln_1/Add_1_output_0",
     "layers/{i}/qkv": {"value": "/transformer/h.{i}/attn/c_attn/Reshape_1_output_0", "layout": "BT(3Hd)"}}
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from .engine import Options, Run
from .errors import CaptureError, NotSupported
from .golden import Golden
from .inputs import arguments
from .layouts import parse
from .names import axes, canonical

_LEVELS = {
    "disable": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT", "all": "ORT_ENABLE_ALL",
}  # fmt: skip


def run(golden: Golden, options: Options, engine: str) -> Run:
    """Runs the golden's inputs through one of the engines."""
    if options.compile or options.export or options.prefill is not None:
        raise NotSupported(
            f"--engine {engine}", "runs the whole sequence at once", "leave out --compile, --export, --prefill"
        )
    with _file(options) as path:
        model = _model(path)
        said, layouts = _said(path, golden)
        _add_outputs(model, said)
        if "audio" in golden.other_inputs:
            raise NotSupported(golden.place, "has samples of a sound", "run it by --engine torch, which hears them")
        values = {name: name for name in (output.name for output in model.graph.output) if _is_name(name, golden)}
        if any(output.name == "logits" for output in model.graph.output):
            values["final/logits"] = "logits"
        values |= said
        if not values:
            raise CaptureError(
                path,
                "has no output under a name of the format",
                f"export it by touchstone_capture.onnx_export, or write {path}.names.json",
            )
        feed = _feed(golden, {given.name: given.type.tensor_type.elem_type for given in model.graph.input}, path)
        outputs, version, way = _ENGINES[engine](model, feed, options)
    tensors = {name: outputs[value] for name, value in values.items()}
    layouts = {name: _layout(name, np.ndim(tensor)) for name, tensor in tensors.items()} | layouts
    names = (np.asarray(tensor).dtype.name for tensor in tensors.values())
    narrowest = min(name for name in names if name.startswith("float"))  # float16 < float32 < float64
    provenance = {"producer": engine, "producer_version": version, "implementation": way}
    return Run(tensors, narrowest, provenance, layouts)


def _layout(name: str, rank: int) -> str:
    """The format's own axes, behind a batch axis where there is one more: what `onnx_export` and others write."""
    own = axes(name)
    return own if rank == len(parse(own)) else f"B{own}"


@contextlib.contextmanager
def _file(options: Options) -> Iterator[str]:
    """The ONNX file that was named, or one exported for this run."""
    if not os.path.isdir(options.model):
        yield options.model
        return
    from .onnx_export import export

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        export(options, path)
        yield path


def _model(path: str) -> Any:
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's own kinds
        raise CaptureError(
            path, f"cannot be read as ONNX ({error})", "name an .onnx file or a Hugging Face folder"
        ) from error


def _is_name(name: str, golden: Golden) -> bool:
    try:
        return canonical(name, golden) == name
    except CaptureError:
        return False


def _said(path: str, golden: Golden) -> tuple[dict[str, str], dict[str, str]]:
    """Names of the format → values of the graph, and the layouts that were said of them."""
    beside = f"{path}.names.json"
    if not os.path.exists(beside):
        return {}, {}
    try:
        with open(beside, encoding="utf-8") as file:
            said = json.load(file)
    except ValueError as error:
        raise CaptureError(beside, f"is not JSON ({error})", "write {name: value}") from error
    values, layouts = {}, {}
    for name, entry in said.items():
        entry = {"value": entry} if isinstance(entry, str) else entry
        for i in range(golden.layers) if "{i}" in name else (0,):
            full = canonical(name.replace("{i}", str(i)), golden)
            values[full] = entry["value"].replace("{i}", str(i))
            if "layout" in entry:
                layouts[full] = entry["layout"]
    return values, layouts


def _add_outputs(model: Any, values: Mapping[str, str]) -> None:
    produced = {output for node in model.graph.node for output in node.output}
    there = {output.name for output in model.graph.output}
    for name, value in values.items():
        if value not in produced:
            raise CaptureError(name, f"the graph has no value {value}", "correct the names.json beside the model")
        if value not in there:
            model.graph.output.append(onnx.ValueInfoProto(name=value))
            there.add(value)


def _feed(golden: Golden, wanted: Mapping[str, int], path: str) -> dict[str, np.ndarray]:
    """The inputs that the graph asks for, in the types that it has for them; masks hide nothing where there is none."""
    known = arguments(golden)
    for ids, mask in (("input_ids", "attention_mask"), ("decoder_input_ids", "decoder_attention_mask")):
        if ids in known:
            known.setdefault(mask, np.ones_like(known[ids]))
    for name in wanted:
        if name not in known:
            raise NotSupported(path, f"asks for the input {name}", f"export it with {', '.join(known)} alone")
    for name, values in known.items():
        if name in wanted:
            continue
        neutral = np.arange(values.shape[1]) if name.endswith("position_ids") else int(name.endswith("mask"))
        if (values != neutral).any() or values.ndim > 2:
            raise NotSupported(path, f"takes no {name}, and the golden has its own", "export it with them")
    return {name: known[name].astype(onnx.helper.tensor_dtype_to_np_dtype(kind)) for name, kind in wanted.items()}


def _onnxruntime(model: Any, feed: Mapping[str, np.ndarray], options: Options) -> tuple[dict[str, Any], str, str]:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[options.optimization], None)
    if level is None:
        raise NotSupported(
            "--optimization",
            f"onnxruntime {onnxruntime.__version__} has no level {options.optimization}",
            "take another",
        )
    settings.graph_optimization_level = level
    settings.intra_op_num_threads = options.threads or 0
    settings.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error) and "NotImplemented" not in type(error).__name__:
            raise
        raise NotSupported("onnxruntime", str(error).split("\n")[0], "take another --dtype") from error
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, dict(feed))))
    return found, onnxruntime.__version__, f"CPU, optimisation level {options.optimization}"


def _openvino(model: Any, feed: Mapping[str, np.ndarray], options: Options) -> tuple[dict[str, Any], str, str]:
    import openvino

    core = openvino.Core()
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if options.threads:
        settings["INFERENCE_NUM_THREADS"] = options.threads
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    results = compiled(dict(feed))
    found = {name: results[output] for output in compiled.outputs for name in output.names}
    return found, openvino.__version__.split("-")[0], "CPU, inference precision f32"


def _reference(model: Any, feed: Mapping[str, np.ndarray], options: Options) -> tuple[dict[str, Any], str, str]:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    return (dict(zip(evaluator.output_names, evaluator.run(None, dict(feed)))), onnx.__version__, "onnx.reference")


_ENGINES = {"onnxruntime": _onnxruntime, "openvino": _openvino, "onnx-reference": _reference}
