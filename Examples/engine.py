"""A GPT-2 in NumPy, put through Touchstone: an example to copy, complete.

    pip install ./Scripts/capture
    touchstone verify golden --exec "python3 Examples/engine.py {model} {golden} {capture}"

Exit code 0: written. 2: bad input. 77: this engine does not offer what the model asks for.
"""

import math
import sys

import numpy as np

import touchstone_capture as tc

ERF = np.vectorize(math.erf, otypes=[np.float32])
ACTIVATIONS = {
    "gelu_new": lambda x: x / 2 * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x))),
    "gelu": lambda x: x / 2 * (1 + ERF(x * np.float32(0.7071067812))),
    "relu": lambda x: np.maximum(x, 0),
}


def layer_norm(x, gain, bias, epsilon):
    """[T, D] → [T, D]."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + epsilon) * gain + bias


def softmax(x):
    """Over the last axis; a row without any key gives 0."""
    greatest = x.max(axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(greatest), greatest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def run(model, golden):
    """Every activation of the golden's inputs, in float32."""
    if golden.family != "gpt2":
        raise tc.NotSupported("model_type", golden.family, "take a GPT-2")
    setting, sizes = golden.setting, golden.sizes
    if setting("activation_function") not in ACTIVATIONS:
        raise tc.NotSupported("activation_function", setting("activation_function"), "take another model")
    activation = ACTIVATIONS[setting("activation_function")]
    epsilon = np.float32(setting("layer_norm_epsilon"))
    tokens, width, heads = sizes["T"], sizes["D"], sizes["H"]
    found = {}

    def norm(x, name):
        return layer_norm(x, model[f"{name}.weight"], model[f"{name}.bias"], epsilon)

    def linear(x, name):
        return x @ model[f"{name}.weight"] + model[f"{name}.bias"]

    token = found["embed/token"] = model["wte.weight"][golden.token_ids]
    position = found["embed/position"] = model["wpe.weight"][golden.position_ids]
    x = found["embed/sum"] = token + position
    for i in range(golden.layers):
        here, path = f"h.{i}.", f"layers/{i:03}/"
        found[path + "resid_in"] = x
        found[path + "ln_1"] = norm(x, here + "ln_1")
        qkv = linear(found[path + "ln_1"], here + "attn.c_attn")
        q, k, v = qkv.reshape(tokens, 3, heads, width // heads).transpose(1, 2, 0, 3)
        scale = 1 / np.sqrt(np.float32(width // heads)) if setting("scale_attn_weights") else np.float32(1)
        if setting("scale_attn_by_inverse_layer_idx"):
            scale /= np.float32(i + 1)
        scores = np.where(golden.visible, (q @ k.swapaxes(1, 2)) * scale, np.float32(-np.inf))
        probabilities = softmax(scores)
        context = (probabilities @ v).transpose(1, 0, 2).reshape(tokens, width)
        found |= {path + "q": q, path + "k": k, path + "v": v, path + "attn_scores": scores}
        found |= {path + "attn_probs": probabilities, path + "attn_context": context}
        out = found[path + "attn_out"] = linear(context, here + "attn.c_proj")
        x = found[path + "resid_mid"] = x + out
        found[path + "ln_2"] = norm(x, here + "ln_2")
        inner = found[path + "mlp_pre"] = linear(found[path + "ln_2"], here + "mlp.c_fc")
        inner = found[path + "mlp_act"] = activation(inner)
        out = found[path + "mlp_out"] = linear(inner, here + "mlp.c_proj")
        x = found[path + "resid_out"] = x + out
    last = found["final/ln_f"] = norm(x, "ln_f")
    table = model["wte.weight" if setting("tie_word_embeddings") else "lm_head.weight"]
    found["final/logits"] = last @ table.T
    found["final/probs"] = softmax(found["final/logits"])
    return found


def main(folder, golden, capture):
    """Runs the engine; the exit code."""
    try:
        golden = tc.Golden.read(golden)
        layouts = {"q": "HTd", "k": "HTd", "v": "HTd", "attn_scores": "HTS", "attn_probs": "HTS"}
        tc.write(golden, run(tc.Model(folder), golden), capture, precision="float32", layouts=layouts)
    except tc.CaptureError as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        return tc.NOT_SUPPORTED if isinstance(error, tc.NotSupported) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
