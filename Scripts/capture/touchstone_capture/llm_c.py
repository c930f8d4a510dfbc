"""States of llm.c, `gpt2_124M_debug_state.bin` and its like: one training step's inputs, logits, loss and gradients.

    python -m touchstone_capture.llm_c STATE.bin --model DIR --out capture.h5
    touchstone record --model DIR --inputs capture.h5 --out training.h5
    touchstone diff training.h5 capture.h5

DIR is the Hugging Face folder of the same weights. The file holds, little-endian: 256 int32 (20240327, the version, B,
T); the inputs and the targets, int32 [B, T]; the logits, float32 [B, T, V]; the loss, one float32; and the gradient of
every parameter, float32, those of one kind in all layers together. Matrices stand as [out, in]; version 2 pads the
vocabulary of the embedding to a multiple of 128.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np

from .errors import CaptureError
from .golden import Golden
from .values import Values
from .writing import head, put, text, write_whole

MAGIC = 20240327
#: The parameters of a layer in their order, by their shapes in units of the width; a matrix is [out, in].
_OF_LAYER = {
    "ln_1.weight": (1,), "ln_1.bias": (1,), "attn.c_attn.weight": (3, 1), "attn.c_attn.bias": (3,),
    "attn.c_proj.weight": (1, 1), "attn.c_proj.bias": (1,), "ln_2.weight": (1,), "ln_2.bias": (1,),
    "mlp.c_fc.weight": (4, 1), "mlp.c_fc.bias": (4,), "mlp.c_proj.weight": (1, 4), "mlp.c_proj.bias": (1,),
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """One step: inputs and targets [B, T], logits [B, T, V], the mean loss, gradients as the checkpoint has them."""

    token_ids: np.ndarray
    targets: np.ndarray
    logits: np.ndarray
    loss: np.ndarray
    gradients: dict[str, np.ndarray]

    @staticmethod
    def read(path: str | os.PathLike, config: Golden) -> State:
        """The state of a model with that configuration."""
        place = os.fspath(path)
        try:
            with open(place, "rb") as file:
                header = np.frombuffer(file.read(1024), "<i4")
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise CaptureError(place, f"cannot be read ({error.strerror})", "name a state of llm.c") from error
        if len(header) < 256 or header[0] != MAGIC or header[1] not in (1, 2):
            raise CaptureError(
                place, "does not begin as a state of llm.c of version 1 or 2", "write it by its train_gpt2.py"
            )
        version, batch, tokens = (int(number) for number in header[1:4])
        shapes = list(_shapes(config, version))
        vocabulary = int(config.setting("vocab_size"))
        counts = [batch * tokens, batch * tokens, batch * tokens * vocabulary, 1]
        counts.append(sum(layers * int(np.prod(shape)) for _, layers, shape in shapes))
        wanted = 1024 + 4 * sum(counts)
        if batch < 1 or tokens < 1 or size != wanted:
            raise CaptureError(
                place,
                f"has {size} bytes where {batch} sequences of {tokens} tokens of this model have {wanted}",
                "name the folder of the model that it is of",
            )
        whole = np.fromfile(place, "<f4", offset=1024)
        x, y, logits, loss, memory = np.split(whole, np.cumsum(counts)[:-1])
        return State(
            x.view("<i4").reshape(batch, tokens),
            y.view("<i4").reshape(batch, tokens),
            logits.reshape(batch, tokens, vocabulary),
            loss.reshape(()),
            dict(_named(memory, shapes, vocabulary)),
        )

    def write(self, out: str | os.PathLike, config: Golden, *, replace: bool = False) -> None:
        """Writes it as a capture."""
        one = len(self.token_ids) == 1

        def fill(file: h5py.File) -> None:
            head(file, "1.2", {"producer": "llm.c", "precision": "float32"})
            about = file.create_group("model")
            about.attrs["family"] = text(config.family)
            about.attrs["config_json"] = text(config.config_json)
            for name, ids in (("token_ids", self.token_ids), ("targets", self.targets)):
                file[f"inputs/{name}"] = (ids[0] if one else ids).astype(np.int32)
            file["inputs"].attrs["reduction"] = text("mean")
            put(file, "final/logits", Values(self.logits[0] if one else self.logits, "float32"))
            put(file, "loss/mean", Values(self.loss, "float32"))
            for name, gradient in self.gradients.items():
                put(file, f"grad/weights/{name}", Values(gradient, "float32"))

        write_whole(out, replace, fill)


def _shapes(config: Golden, version: int) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Each kind of parameter in its order, in how many layers it stands, and its shape there."""
    width, layers = int(config.setting("n_embd")), int(config.setting("n_layer"))
    vocabulary = int(config.setting("vocab_size"))
    inner = int(config.setting("n_inner") or 4 * width)
    if config.family != "gpt2" or inner != 4 * width or not config.setting("tie_word_embeddings"):
        raise CaptureError(config.place, "is no model of llm.c's form", "name the folder of a GPT-2")
    padded = -(-vocabulary // 128) * 128 if version == 2 else vocabulary
    yield "transformer.wte.weight", 1, (padded, width)
    yield "transformer.wpe.weight", 1, (int(config.setting("n_positions")), width)
    for name, shape in _OF_LAYER.items():
        yield "transformer.h.{}." + name, layers, tuple(width * extent for extent in shape)
    for name in ("weight", "bias"):
        yield f"transformer.ln_f.{name}", 1, (width,)


def _named(
    memory: np.ndarray, shapes: list[tuple[str, int, tuple[int, ...]]], vocabulary: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Gradients by the checkpoint's names, in its layout: matrices of layers as [in, out]."""
    place = 0
    for name, layers, shape in shapes:
        size = int(np.prod(shape))
        for layer in range(layers):
            found = memory[place : place + size].reshape(shape)
            place += size
            if name == "transformer.wte.weight":
                found = found[:vocabulary]
            elif "{}" in name and found.ndim == 2:
                found = found.T
            yield name.format(layer), found


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m touchstone_capture.llm_c",
        description="Writes as a capture what llm.c's train_gpt2.py, or another in its format, has stored of a step.",
    )
    parser.add_argument("state", help="the file, such as gpt2_124M_debug_state.bin")
    parser.add_argument("--model", required=True, help="the Hugging Face folder of the same weights")
    parser.add_argument("--out", required=True, help="the capture")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there")
    options = parser.parse_args(arguments)
    try:
        config = Golden.of_tokens(options.model, [])
        State.read(options.state, config).write(options.out, config, replace=options.replace)
    except CaptureError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
