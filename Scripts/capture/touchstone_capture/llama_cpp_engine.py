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

from .child import call
from .engine import Options, Run, chunks
from .errors import CaptureError, NotSupported
from .families.decoders import DECODERS
from .ggml import TYPES, Tensor
from .golden import Golden
from .llama_cpp_nodes import Nodes
from .model import Model
from .names import FUSED
from .product_inputs import declared
from .values import Values

#: Families of which llama.cpp turns neighbouring columns of a head, and holds queries and keys in that order.
_NEIGHBOURS = ("llama", "mistral")


class _Observer:
    """What one `llama_decode` computed, by the names of the format."""

    def __init__(self, past: int, tokens: int):
        self.past, self.tokens = past, tokens
        self.found: dict[str, Values] = {}
        self.error: Exception | None = None
        self._nodes = Nodes()

    def callback(self, address: int, ask: bool, _: Any) -> bool:
        """llama.cpp asks for each node whether it is wanted, and hands it out when it is computed."""
        try:
            node = Tensor.from_address(address)
            path = self._nodes.path(node)
            if not ask and path is not None:
                self._take(node, path)
        except Exception as error:  # nothing may be thrown through C
            self.error = error
            return False
        return path is not None

    def _take(self, node: Tensor, path: str) -> None:
        block, _, part = path.rpartition("/")
        keys = self.past + self.tokens
        if part == "kq":  # [1, H, t, keys of the cache]
            self._put(f"{block}/attn_scores", node.read(), keys)
            self._keep(f"{block}/k_cache", node.source(0))
        elif part == "kq_scaled_2":
            self._put(f"{block}/attn_capped", node.read(), keys)
        elif part == "kq_soft_max":  # scales and masks its input itself, and adds biases
            factor, greatest_bias = node.float_parameter(0), node.float_parameter(1)
            products = self.found.pop(f"{block}/attn_scores")
            if greatest_bias == 0:
                self.found[f"{block}/attn_scores"] = Values(products.array * factor, products.type)
            self._put(f"{block}/attn_probs", node.read(), keys)
        elif part == "kqv":  # reads the values [1, H, d, keys of the cache]
            self._keep(f"{block}/v_cache", node.source(0), turned=True)
        else:
            read = node.read()
            # Heads by themselves or side by side: what lies behind the axis of tokens is one.
            self.found[path] = Values(read.array.reshape(self.tokens, -1), read.type)
            fused = node.source(0)
            if part == "attn_context" and fused is not None and fused.operation == "FLASH_ATTN_EXT":
                self._keep(f"{block}/k_cache", fused.source(1))
                self._keep(f"{block}/v_cache", fused.source(2))

    def _put(self, name: str, read: Values, keys: int) -> None:
        self.found[name] = Values(read.array[0, :, :, :keys], read.type)

    def _keep(self, name: str, cache: Tensor | None, turned: bool = False) -> None:
        """The cache of a layer as attention read it, [H, keys, d], all that is in it so far."""
        if cache is None:
            return
        read = cache.read()
        array = read.array[0].swapaxes(-1, -2) if turned else read.array[0]
        self.found[name] = Values(array[:, : self.past + self.tokens], read.type)


def _named(found: dict[str, Values], golden: Golden) -> dict[str, Values]:
    """What was seen in a run, by the names that the golden has for it."""
    named = dict(found)
    for i in range(golden.layers):
        block = f"layers/{i}"
        before = named.get(f"layers/{i - 1}/resid_out")
        if i == 0:
            outside = [named.get(f"embed/{part}") for part in ("sum", "scaled", "ln", "token")]
            before = next((one for one in outside if one is not None), None)
        if before is not None:
            named[f"{block}/resid_in"] = before
        if f"{block}/ln_1 beside ln_2" in named:  # Falcon's attention has a norm of its own beside the other's
            named[f"{block}/ln_2"] = named[f"{block}/ln_1"]
            named[f"{block}/ln_1"] = named.pop(f"{block}/ln_1 beside ln_2")
        up = named.pop(f"{block}/ffn_up", None)
        if up is not None:
            is_gated = f"{block}/mlp_gated" in named
            is_fused = is_gated and f"{block}/mlp_gate" not in named
            named[f"{block}/{'gate_up' if is_fused else 'mlp_up' if is_gated else 'mlp_pre'}"] = up
    if golden.family in _NEIGHBOURS:
        for name in [name for name in named if name.rpartition("/")[2] in ("q", "k", "q_rope", "k_rope", "k_cache")]:
            named[name] = _halves(named[name], golden.sizes["d"])
    known = {re.sub(r"/0+(?=\d)", "/", name) for name in golden.shapes}
    if known:  # what a family does not have is no activation of it: a readout before a bias
        parts = (*FUSED, "k_cache", "v_cache")
        named = {name: one for name, one in named.items() if name in known or name.rpartition("/")[2] in parts}
    return named


def _halves(found: Values, width: int) -> Values:
    """Columns of heads as Hugging Face orders them, of those that llama.cpp turns in neighbours."""
    array = found.array.reshape(*found.array.shape[:-1], -1, width // 2, 2)
    return Values(array.swapaxes(-1, -2).reshape(found.array.shape), found.type)


def run(golden: Golden, options: Options) -> Run:
    """Runs the golden's inputs through llama.cpp, which ends the process where something does not fit."""
    return call("llama_cpp_engine", "run_here", golden, options)


def run_here(golden: Golden, options: Options) -> Run:
    """The same in this process."""
    if golden.family not in DECODERS:
        raise NotSupported(
            golden.place,
            f"what llama.cpp computes of {golden.family} has no names here yet, of decoders without experts alone",
            "run it by --engine torch",
        )
    if golden.attention_mask is not None and not (golden.attention_mask != 0).all():
        raise NotSupported(golden.place, "llama.cpp takes no attention mask", "take a golden without one")
    if options.compile or options.export:
        raise NotSupported("--engine llama.cpp", "neither compiles nor exports", "leave out --compile and --export")
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    with _file(golden, options) as path, _model(path) as model:
        steps = [_named(found, golden) for found in _steps(model, golden, options)]
        said = declared(path)
    last = steps[-1]
    tensors = {name: [last[name]] if name.endswith("_cache") else [step[name] for step in steps] for name in last}
    sizes = golden.sizes
    layouts = {
        "q": "T(Hd)", "k": "T(Kd)", "v": "T(Kd)", "q_norm": "T(Hd)", "k_norm": "T(Kd)", "q_rope": "T(Hd)",
        "k_rope": "T(Kd)", "k_cache": "KTd", "v_cache": "KTd", "attn_scores": "HTS", "attn_capped": "HTS",
        "attn_probs": "HTS", "qkv": "T(3Hd)" if sizes["H"] == sizes["K"] else "T(Nd)", "gate_up": "T(2F)",
    }  # fmt: skip
    flash = "on" if options.flash_attention else "off"
    cached = f", {len(steps)} steps" if len(steps) > 1 else ""
    weights = os.path.basename(options.model) if os.path.isfile(options.model) else options.weights
    return Run(tensors, "float32", {
        "producer": "llama.cpp", "producer_version": f"llama-cpp-python {llama_cpp.__version__}",
        "implementation": f"weights {weights}, cache {options.cache_type}, flash attention {flash}{cached}",
        **({"product_inputs": said} if said else {}),
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
