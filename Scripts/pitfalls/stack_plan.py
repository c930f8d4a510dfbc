"""What a `config.json` of an encoder, or of an encoder and a decoder, says, as one flat table: the plan of a forward pass.

A mistake of a conversion is a plan with one entry changed. The facts are those of Hugging Face's configuration classes.
"""

BERT = dict(
    block="encoder.layer.{}.", q="attention.self.query", k="attention.self.key", v="attention.self.value",
    out="attention.output.dense", ln_1="attention.output.LayerNorm", up="intermediate.dense", down="output.dense",
    ln_2="output.LayerNorm", table="embeddings.word_embeddings", places="embeddings.position_embeddings",
    types="embeddings.token_type_embeddings", table_norm="embeddings.LayerNorm",
)
BART = dict(
    block="layers.{}.", q="self_attn.q_proj", k="self_attn.k_proj", v="self_attn.v_proj", out="self_attn.out_proj",
    ln_1="self_attn_layer_norm", up="fc1", down="fc2", ln_2="final_layer_norm", cross_q="encoder_attn.q_proj",
    cross_k="encoder_attn.k_proj", cross_v="encoder_attn.v_proj", cross_out="encoder_attn.out_proj",
    ln_cross="encoder_attn_layer_norm", table="embed_tokens", places="embed_positions", table_norm="layernorm_embedding",
    ln_f="layer_norm",
)
T5 = dict(
    block="block.{}.", q="layer.0.SelfAttention.q", k="layer.0.SelfAttention.k", v="layer.0.SelfAttention.v",
    out="layer.0.SelfAttention.o", ln_1="layer.0.layer_norm", cross_q="layer.1.EncDecAttention.q",
    cross_k="layer.1.EncDecAttention.k", cross_v="layer.1.EncDecAttention.v", cross_out="layer.1.EncDecAttention.o",
    ln_cross="layer.1.layer_norm", ln_f="final_layer_norm",
    distances="block.0.layer.0.SelfAttention.relative_attention_bias",
)
FEED = dict(up="DenseReluDense.wi_1", gate="DenseReluDense.wi_0", down="DenseReluDense.wo", ln_2="layer_norm")
CLIP = dict(
    block="encoder.layers.{}.", q="self_attn.q_proj", k="self_attn.k_proj", v="self_attn.v_proj", out="self_attn.out_proj",
    ln_1="layer_norm1", ln_2="layer_norm2", up="mlp.fc1", down="mlp.fc2", table="embeddings.token_embedding",
    places="embeddings.position_embedding", ln_f="final_layer_norm",
)
MODERN = dict(
    block="layers.{}.", qkv="attn.Wqkv", out="attn.Wo", ln_1="attn_norm", ln_2="mlp_norm", gate_up="mlp.Wi", down="mlp.Wo",
    table="embeddings.tok_embeddings", table_norm="embeddings.norm", ln_f="final_norm",
)
DISTIL = BERT | dict(
    block="transformer.layer.{}.", q="attention.q_lin", k="attention.k_lin", v="attention.v_lin", out="attention.out_lin",
    ln_1="sa_layer_norm", up="ffn.lin1", down="ffn.lin2", ln_2="output_layer_norm",
)
HEADS = {  # dense, norm and bias of what logits of masked tokens are read from
    "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
    "roberta": ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    "distilbert": ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    "modernbert": ("head.dense", "head.norm", "decoder.bias"),
}
ACTS = {"gelu": "erf", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "swish": "silu"}
FAMILIES = {"bert", "roberta", "distilbert", "modernbert", "clip_text_model", "t5", "bart", "marian", "whisper"}


def act(name):
    return ACTS.get(name, name)


def stack(path, root, names, layers, heads, **more):
    """One stack of blocks: where its activations and its tensors are, and what it sees."""
    return dict(path=path, root=root, names=names, layers=layers, heads=heads, causal=False, windows=[None] * layers) | more


def read(c, weights):
    """The plan of a configuration."""
    family = c["model_type"]
    width = c.get("d_model", c.get("hidden_size", c.get("dim")))
    p = dict(
        family=family, width=width, d=None, epsilon=1e-5, norm="ln", form="pre", gated=False, scale=None, factor=None, pooling=None,
        buckets=None, positions="learned", offset=0, pad=None, dropped=(), reread=(), as_norm={}, readout_factor=None,
        key_bias=True, rope=None, norms_first=True, cross_bias=False, features=None, ends=None, head=None)
    p["act"] = act(c.get("activation_function", c.get("hidden_act", c.get("hidden_activation", c.get("activation", "gelu")))))
    if family in ("t5", "bart", "marian", "whisper"):
        return two_stacks(c, p, weights)
    layers, heads = c.get("num_hidden_layers", c.get("n_layers")), c.get("num_attention_heads", c.get("n_heads"))
    root = {"clip_text_model": "text_model.", "modernbert": "model."}.get(family, family + ".")
    root = root if any(name.startswith(root) for name in weights) else ""
    names = {"clip_text_model": CLIP, "modernbert": MODERN, "distilbert": DISTIL}.get(family, BERT)
    p["stacks"] = [stack("", root, names, layers, heads)]
    p["epsilon"] = c.get("layer_norm_eps", c.get("norm_eps", 1e-5 if family in ("modernbert", "clip_text_model") else 1e-12))
    if family == "clip_text_model":
        p["stacks"][0]["causal"] = True
        end = c.get("eos_token_id", 49407)
        p |= dict(act=act(c.get("hidden_act", "quick_gelu")), ends="greatest" if end == 2 else end)
        return p
    if family == "modernbert":
        step, window = c.get("global_attn_every_n_layers", 3), c.get("local_attention", 128) // 2
        kinds = c.get("layer_types")
        slides = [kind == "sliding_attention" for kind in kinds] if kinds else [i % step != 0 for i in range(layers)]
        p["stacks"][0]["windows"] = [window if slide else None for slide in slides]
        rope = c.get("rope_parameters") or {}
        theta = lambda kind, name, default: rope.get(kind, {}).get("rope_theta", c.get(name, default))
        thetas = [theta("sliding_attention", "local_rope_theta", 1e4) if slide else
                  theta("full_attention", "global_rope_theta", 16e4) for slide in slides]  # fmt: skip
        turn = dict(width=width // heads, over=width // heads, first=0, style="half", kind="default", m=1.0)
        p |= dict(gated=True, positions=None, norms_first=False, rope=[turn | dict(theta=float(t)) for t in thetas])
    else:
        p["form"] = "post"
    if family == "roberta":
        p["pad"] = c.get("pad_token_id", 1)
    dense, norm, bias = HEADS[family]
    if f"{dense}.weight" in weights:
        function = "erf" if family == "roberta" else act(c.get("classifier_activation", "gelu")) if family == "modernbert" else p["act"]
        p["head"] = dict(dense=dense, norm=norm, bias=bias, act=function)
    if f"{root}pooler.dense.weight" in weights and (c.get("architectures") or [""])[0] in (
        "BertModel", "BertForPreTraining", "RobertaModel", "BertForNextSentencePrediction"):
        p["pooling"] = "first"
    return p


def two_stacks(c, p, weights):
    family, width = p["family"], p["width"]
    if family == "t5":
        layers, heads = c["num_layers"], c["num_heads"]
        text = c.get("feed_forward_proj", "relu")
        p |= dict(d=c["d_kv"], scale=1.0, norm="rms", epsilon=c.get("layer_norm_epsilon", 1e-6), positions=None,
                  gated=text.startswith("gated-"), buckets=c.get("relative_attention_num_buckets", 32),
                  distance=c.get("relative_attention_max_distance", 128))  # fmt: skip
        p["act"] = "tanh" if text == "gated-gelu" else act(text.removeprefix("gated-"))
        feed = FEED if p["gated"] else FEED | dict(up="DenseReluDense.wi")
        shift = lambda n: T5 | {role: f"layer.{n}.{name}" for role, name in feed.items()}
        p["stacks"] = [stack("encoder/", "encoder.", shift(1), layers, heads), stack(
            "decoder/", "decoder.", shift(2), c.get("num_decoder_layers") or layers, heads, causal=True)]
        tied = c.get("tie_word_embeddings", True)
        if c.get("scale_decoder_outputs", tied):
            p["readout_factor"] = width**-0.5
        return p
    p["stacks"] = [
        stack(f"{s}/", f"model.{s}.", BART, c[f"{s}_layers"], c[f"{s}_attention_heads"], causal=s == "decoder")
        for s in ("encoder", "decoder")]
    if family == "whisper":
        p |= dict(key_bias=False, features="log10")
        return p
    p |= dict(form="post", factor=width**0.5 if c.get("scale_embedding") else None)
    p |= dict(offset=2) if family == "bart" else dict(positions="waves")
    return p
