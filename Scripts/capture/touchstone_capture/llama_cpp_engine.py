"""llama.cpp, unmodified, through its evaluation callback: every tensor of the graph as it is computed.

A node that is observed is computed by itself, so that fusions over it do not happen. With flash attention there are no
scores and probabilities. What attention really read of the cache is written as `k_cache` and `v_cache`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import llama_cpp
import numpy as np

from .engine import Options, Run, chunks
from .errors import CaptureError, NotSupported
from .ggml import TYPES, Tensor
from .golden import Golden
from .model import Model
from .values import Values

#: Names of nodes, in llama.cpp's graph of GPT-2, and where they go; `{i}` is the layer behind the dash.
_NAMED = {
    "embd": "embed/token", "inp_embd": "embed/token", "pos_embd": "embed/position", "inpL": "embed/sum",
    "attn_norm": "layers/{i}/ln_1", "kqv_out": "layers/{i}/attn_context", "ffn_inp": "layers/{i}/resid_mid",
    "ffn_norm": "layers/{i}/ln_2", "ffn_gelu": "layers/{i}/mlp_act", "l_out": "layers/{i}/resid_out",
    "result_norm": "final/ln_f", "result_output": "final/logits",
}  # fmt: skip

#: Sums with no name of their own, by the bias that they add.
_BIASES = {
    "attn_qkv": "layers/{i}/qkv", "attn_output": "layers/{i}/attn_out", "ffn_up": "layers/{i}/mlp_pre",
    "ffn_down": "layers/{i}/mlp_out",
}  # fmt: skip

_NODE = re.compile(r"(\w+?)(?:-(\d+))?")
_BIAS = re.compile(r"blk\.(\d+)\.(\w+)\.bias")


class _Observer:
    """What one `llama_decode` computed, by the names of the format."""

    def __init__(self, past: int, tokens: int):
        self.keys = past + tokens
        self.found: dict[str, Values] = {}
        self.error: Exception | None = None
        self._products: dict[str, np.ndarray] = {}

    def callback(self, address: int, ask: bool, _: Any) -> bool:
        """llama.cpp asks for each node whether it is wanted, and hands it out when it is computed."""
        try:
            node = Tensor.from_address(address)
            if ask:
                return self._path(node) is not None
            self._take(node, self._path(node))
        except Exception as error:  # nothing may be thrown through C
            self.error = error
            return False
        return True

    def _path(self, node: Tensor) -> str | None:
        named = _NODE.fullmatch(node.label)
        base, layer = named.groups() if named else ("", "")
        if base in ("kq", "kq_soft_max", "kqv"):
            return base
        if base in _NAMED:
            return _NAMED[base].format(i=layer)
        added = node.source(1)
        match = _BIAS.fullmatch(added.label) if added is not None else None
        return _BIASES.get(match[2], "").format(i=match[1]) or None if match else None

    def _take(self, node: Tensor, path: str | None) -> None:
        layer = f"layers/{node.label.rpartition('-')[2]}"
        if path == "kq":  # [1, H, t, keys of the cache]
            self._products[layer] = node.read().array[0, :, :, : self.keys]
            self._keep(f"{layer}/k_cache", node.source(0))
        elif path == "kq_soft_max":  # scales and masks its input itself
            self.found[f"{layer}/attn_scores"] = Values(self._products.pop(layer) * node.float_parameter(0), "float32")
            self.found[f"{layer}/attn_probs"] = Values(node.read().array[0, :, :, : self.keys], "float32")
        elif path == "kqv":  # reads the values [1, H, d, keys of the cache]
            self._keep(f"{layer}/v_cache", node.source(0), turned=True)
        elif path is not None:
            read = node.read()
            self.found[path] = Values(read.array.reshape(read.array.shape[2:]), read.type)
            fused = node.source(0)
            if path.endswith("attn_context") and fused is not None and fused.source(3) is not None:
                self._keep(f"{layer}/k_cache", fused.source(1))
                self._keep(f"{layer}/v_cache", fused.source(2))
            if path == "embed/sum":
                self.found["layers/0/resid_in"] = self.found[path]
            if path.endswith("/resid_out"):
                self.found[f"layers/{int(path.split('/')[1]) + 1}/resid_in"] = self.found[path]

    def _keep(self, name: str, cache: Tensor | None, turned: bool = False) -> None:
        """The cache of a layer as attention read it, [H, keys, d], all that is in it so far."""
        if cache is None:
            return
        read = cache.read()
        array = read.array[0].swapaxes(-1, -2) if turned else read.array[0]
        self.found[name] = Values(array[:, : self.keys], read.type)


def run(golden: Golden, options: Options) -> Run:
    """Runs the golden's inputs through llama.cpp."""
    if golden.family != "gpt2":
        raise NotSupported(
            golden.place, f"no table of llama.cpp's names for the family {golden.family}", "take a GPT-2"
        )
    if golden.attention_mask is not None and not (golden.attention_mask != 0).all():
        raise NotSupported(golden.place, "llama.cpp takes no attention mask", "take a golden without one")
    if options.compile or options.export:
        raise NotSupported("--engine llama.cpp", "neither compiles nor exports", "leave out --compile and --export")
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    with _file(golden, options) as path, _model(path) as model:
        steps = [dict(found) for found in _steps(model, golden, options)]
    last = steps[-1]
    tensors = {name: [last[name]] if name.endswith("_cache") else [step[name] for step in steps] for name in last}
    layouts = {
        "q": "HTd",
        "k_cache": "HTd",
        "v_cache": "HTd",
        "attn_scores": "HTS",
        "attn_probs": "HTS",
        "qkv": "T(3Hd)",
    }
    flash = "on" if options.flash_attention else "off"
    cached = f", {len(steps)} steps" if len(steps) > 1 else ""
    weights = os.path.basename(options.model) if os.path.isfile(options.model) else options.weights
    return Run(tensors, "float32", {
        "producer": "llama.cpp", "producer_version": f"llama-cpp-python {llama_cpp.__version__}",
        "implementation": f"weights {weights}, cache {options.cache_type}, flash attention {flash}{cached}",
    }, layouts)  # fmt: skip


@contextlib.contextmanager
def _file(golden: Golden, options: Options) -> Iterator[str]:
    """The GGUF that was named, or one made of the folder for this run."""
    if os.path.isfile(options.model):
        yield options.model
        return
    from .gguf_writing import write_gguf

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.gguf")
        write_gguf(Model(options.model), golden, path, options.weights)
        yield path


@contextlib.contextmanager
def _model(path: str) -> Iterator[Any]:
    settings = llama_cpp.llama_model_default_params()
    settings.n_gpu_layers = 0  # tensors are read where they lie, in the memory of the CPU
    model = llama_cpp.llama_model_load_from_file(path.encode(), settings)
    if not model:
        raise CaptureError(path, "llama.cpp does not load it", "name a .gguf file or a Hugging Face folder")
    try:
        yield model
    finally:
        llama_cpp.llama_model_free(model)


def _steps(model: Any, golden: Golden, options: Options) -> Iterator[dict[str, Values]]:
    """What each call of `llama_decode` computed, with one cache through all of them."""
    count = len(golden.token_ids)
    current = _Observer(0, 0)
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = count
    settings.flash_attn_type = int(options.flash_attention)
    settings.type_k = settings.type_v = TYPES[options.cache_type]
    if options.threads:
        settings.n_threads = settings.n_threads_batch = options.threads
    settings.cb_eval = llama_cpp.ggml_backend_sched_eval_callback(lambda *given: current.callback(*given))
    context = llama_cpp.llama_init_from_model(model, settings)
    if not context:
        raise NotSupported(
            "llama.cpp",
            f"makes no context with a cache of {options.cache_type} for this model",
            "take another --cache-type, or --flash-attention for a quantised one",
        )
    try:
        for step in chunks(golden, options.prefill):
            current = _Observer(step.start, step.stop - step.start)
            _decode(context, golden, step)
            if current.error is not None:
                raise current.error
            current.found.pop(f"layers/{golden.layers}/resid_in", None)
            yield current.found
    finally:
        llama_cpp.llama_free(context)


def _decode(context: Any, golden: Golden, step: slice) -> None:
    """Runs some tokens, with the logits of each."""
    batch = llama_cpp.llama_batch_init(step.stop - step.start, 0, 1)
    try:
        batch.n_tokens = step.stop - step.start
        for i, (token, position) in enumerate(zip(golden.token_ids[step], golden.position_ids[step])):
            batch.token[i], batch.pos[i], batch.logits[i] = int(token), int(position), 1
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        code = llama_cpp.llama_decode(context, batch)
    finally:
        llama_cpp.llama_batch_free(batch)
    if code != 0:
        raise CaptureError(
            "llama.cpp", f"llama_decode returned {code}", "check that tokens and positions are the model's"
        )


@llama_cpp.llama_log_callback
def _quiet(level: int, text: bytes, _: Any) -> None:
    if level == 4:  # errors
        os.write(2, text)
