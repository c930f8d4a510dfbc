"""What a model of transformers is called with, by the names of its arguments, and a small example of it."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from .golden import Golden


def arguments(golden: Golden, step: slice = slice(None)) -> dict[str, np.ndarray]:
    """The golden's inputs, each behind a batch axis: of some tokens; masks of all tokens up to the last of these.

    Samples of a sound are not among these: what they are turned into is the front end's affair.
    """
    front = "" if golden.stacks == ("",) else "decoder_"
    others = golden.other_inputs
    whole = lambda array: np.asarray(array).astype(np.int64)[None]  # noqa: E731
    found = {}
    if len(golden.token_ids):
        found[f"{front}input_ids"] = whole(golden.token_ids[step])
        found[f"{front}position_ids"] = whole(golden.position_ids[step])
    if golden.attention_mask is not None:
        found[f"{front}attention_mask"] = whole((golden.attention_mask != 0)[: step.stop])
    if "token_type_ids" in others:
        found["token_type_ids"] = whole(others["token_type_ids"][step])
    if "encoder_token_ids" in others:
        found["input_ids"] = whole(others["encoder_token_ids"])
    if "encoder_attention_mask" in others:
        found["attention_mask"] = whole(others["encoder_attention_mask"] != 0)
    for name in ("pixel_values", "input_features"):
        if name in others:
            found[name] = others[name].astype(np.float32)[None]
    return found


def example(model: str | os.PathLike) -> Golden:
    """Three tokens, and whatever else the model in a Hugging Face folder reads."""
    golden = Golden.of_tokens(model, [0, 0, 0])
    config, tokens = golden.config, golden.token_ids
    if "num_mel_bins" in config:
        frames = 2 * int(config["max_source_positions"])
        others = {"input_features": np.zeros((int(config["num_mel_bins"]), frames), np.float32)}
    elif config.get("is_encoder_decoder"):
        others = {"encoder_token_ids": np.zeros(4, np.int32)}
    elif "image_size" in config:
        size, tokens = int(config["image_size"]), tokens[:0]
        others = {"pixel_values": np.zeros((int(config.get("num_channels", 3)), size, size), np.float32)}
    else:
        others = {"token_type_ids": np.zeros(3, np.int32)} if "type_vocab_size" in config else {}
    return dataclasses.replace(golden, token_ids=tokens, position_ids=np.arange(len(tokens)), other_inputs=others)
