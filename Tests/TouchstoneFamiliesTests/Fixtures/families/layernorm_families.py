"""The families of `make_layernorm_family.py`: what their modules are called, the fixtures, and models that nobody chose."""

import random

# Module names: of the stack, of its blocks, and inside a block.
NEOX = dict(
    stack="gpt_neox", blocks="layers", token="embed_in", last="final_layer_norm", ln_1="input_layernorm",
    ln_2="post_attention_layernorm", attention="attention", fused="attention.query_key_value", out="attention.dense",
    up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h")
BLOOM = dict(
    stack="transformer", blocks="h", token="word_embeddings", last="ln_f", ln_1="input_layernorm",
    ln_2="post_attention_layernorm", attention="self_attention", fused="self_attention.query_key_value",
    out="self_attention.dense", up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h")
IMAGE = dict(
    stack="transformer", blocks="h", token="wte", position="wpe", last="ln_f", ln_1="ln_1", ln_2="ln_2", attention="attn",
    fused="attn.c_attn", out="attn.c_proj", up="mlp.c_fc", down="mlp.c_proj")
LLAMA = dict(
    stack="model", blocks="layers", token="embed_tokens", last="norm", ln_1="input_layernorm",
    ln_2="post_attention_layernorm", attention="self_attn", separate="self_attn.{}_proj", out="self_attn.o_proj",
    up="mlp.c_fc", down="mlp.c_proj")
MODULES = {
    "gpt_neox": NEOX,
    "bloom": BLOOM,
    "falcon": BLOOM,
    "imagegpt": IMAGE,
    "mpt": IMAGE | dict(
        blocks="blocks", last="norm_f", ln_1="norm_1", ln_2="norm_2", fused="attn.Wqkv", out="attn.out_proj",
        up="ffn.up_proj", down="ffn.down_proj"),
    "gptj": IMAGE | dict(
        fused=None, separate="attn.{}_proj", out="attn.out_proj", up="mlp.fc_in", down="mlp.fc_out", ln_2=None),
    "opt": dict(
        stack="model.decoder", blocks="layers", token="embed_tokens", position="embed_positions", last="final_layer_norm",
        ln_1="self_attn_layer_norm", ln_2="final_layer_norm", attention="self_attn", separate="self_attn.{}_proj",
        out="self_attn.out_proj", up="fc1", down="fc2"),
    "starcoder2": LLAMA,
    "phi": LLAMA | dict(last="final_layernorm", ln_2=None, out="self_attn.dense", up="mlp.fc1", down="mlp.fc2"),
}
CLASSES = {
    "gpt_neox": "GPTNeoX", "bloom": "Bloom", "falcon": "Falcon", "imagegpt": "ImageGPT", "mpt": "Mpt", "gptj": "GPTJ",
    "opt": "OPT", "starcoder2": "Starcoder2", "phi": "Phi"}
ROPE = dict(rope_type="default", rope_theta=100.0)
BASE = {
    "gpt_neox": dict(
        vocab_size=23, hidden_size=24, intermediate_size=13, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=64, rope_parameters=ROPE | dict(partial_rotary_factor=0.5)),
    "bloom": dict(vocab_size=23, hidden_size=18, n_layer=2, n_head=6),
    "falcon": dict(
        vocab_size=23, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, ffn_hidden_size=13,
        max_position_embeddings=64, rope_parameters=ROPE),
    "imagegpt": dict(vocab_size=23, n_embd=18, n_layer=2, n_head=3, n_inner=13, n_positions=16),
    "mpt": dict(vocab_size=23, d_model=18, n_layers=2, n_heads=6, max_seq_len=32),
    "gptj": dict(vocab_size=23, n_embd=24, n_layer=2, n_head=3, n_inner=13, n_positions=64, rotary_dim=4),
    "opt": dict(
        vocab_size=23, hidden_size=18, num_hidden_layers=2, num_attention_heads=3, ffn_dim=13, max_position_embeddings=16),
    "starcoder2": dict(
        vocab_size=23, hidden_size=24, intermediate_size=13, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=64, rope_parameters=ROPE),
    "phi": dict(
        vocab_size=23, hidden_size=24, intermediate_size=13, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=64, rope_parameters=ROPE | dict(partial_rotary_factor=0.5)),
}
FIXTURES = {
    # Norms behind the sums, a narrow table, two tokens of padding in front and one behind.
    "opt-post": ("opt", dict(do_layer_norm_before=False, word_embed_proj_dim=10, _masked=[0, 1, 8])),
    "opt-bare": (
        "opt", dict(enable_bias=False, _remove_final_layer_norm=True, tie_word_embeddings=False, activation_function="gelu")),
    "imagegpt-layers": ("imagegpt", dict(scale_attn_by_inverse_layer_idx=True, layer_norm_epsilon=1e-2, n_inner=None)),
    "gptj-tied": ("gptj", dict(tie_word_embeddings=True, _masked=[0, 1], _shift=3)),
    # 40B's form, 11B's, and the old one in sequence.
    "falcon-groups": ("falcon", dict(new_decoder_architecture=True, num_kv_heads=2, _masked=[0])),
    "falcon-one-norm": ("falcon", dict(
        new_decoder_architecture=True, num_kv_heads=3, num_ln_in_parallel_attn=1, tie_word_embeddings=False)),
    "falcon-sequence": ("falcon", dict(multi_query=False, parallel_attn=False, bias=True, activation="gelu_new")),
    "starcoder2-window": ("starcoder2", dict(sliding_window=3, _masked=[0, 1], _shift=4)),
    "starcoder2-bare": ("starcoder2", dict(
        use_bias=False, tie_word_embeddings=False, num_key_value_heads=3, norm_epsilon=1e-3,
        rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.5))),
    # Six heads are no power of two, and what is masked is not counted.
    "bloom-norms-added": ("bloom", dict(apply_residual_connection_post_layernorm=True, _masked=[0, 1, 5])),
    "bloom-untied": ("bloom", dict(n_head=9, tie_word_embeddings=False, layer_norm_epsilon=1e-3)),
    "mpt-clipped": ("mpt", dict(attn_config=dict(clip_qkv=1.25, softmax_scale=0.4), _masked=[4])),
    "gpt_neox-parallel": ("gpt_neox", dict(_masked=[0, 1], _shift=3)),
    "gpt_neox-sequence": ("gpt_neox", dict(
        use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_fast",
        rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.5, partial_rotary_factor=0.25))),
    "phi-norms": ("phi", dict(qk_layernorm=True, num_key_value_heads=1, _masked=[0])),
}


def randomised(family, seed, count):
    """Options of a random model, and which of its tokens are masked."""
    r = random.Random(seed)
    heads, width = r.randint(1, 9), 2 * r.randint(2, 5)
    layers, inner, vocabulary = r.randint(1, 3), r.randint(1, 40), r.randint(2, 40)
    activation = r.choice(["relu", "gelu", "gelu_new", "quick_gelu", "silu", "gelu_fast"])
    tied, bias = r.random() < 0.5, r.random() < 0.5
    rope = dict(rope_type="default", rope_theta=r.choice([50.0, 1e4]))
    part = dict(partial_rotary_factor=r.choice([1.0, 0.5 if width % 4 == 0 else 1.0]))
    own = {
        "opt": dict(
            ffn_dim=inner, word_embed_proj_dim=r.choice([heads * width, r.randint(1, 12)]), enable_bias=bias,
            do_layer_norm_before=r.random() < 0.5, _remove_final_layer_norm=r.random() < 0.3, activation_function=activation),
        "imagegpt": dict(
            n_inner=r.choice([None, inner]), activation_function=activation, scale_attn_weights=r.random() < 0.7,
            scale_attn_by_inverse_layer_idx=bias, tie_word_embeddings=False),
        "gptj": dict(n_inner=r.choice([None, inner]), activation_function=activation, rotary_dim=2 * r.randint(1, width // 2)),
        "falcon": dict(ffn_hidden_size=inner, activation=activation, bias=bias, rope_parameters=rope) | r.choice([
            dict(multi_query=True), dict(multi_query=False), dict(multi_query=False, parallel_attn=False),
            dict(parallel_attn=False), dict(new_decoder_architecture=True, num_kv_heads=heads),
            dict(new_decoder_architecture=True, num_kv_heads=1),
            dict(new_decoder_architecture=True, num_kv_heads=1, num_ln_in_parallel_attn=1)]),
        "starcoder2": dict(
            intermediate_size=inner, hidden_act=activation, use_bias=bias, num_key_value_heads=r.choice([1, heads]),
            sliding_window=r.choice([None, 1, 2, 5, 40]), rope_parameters=rope),
        "bloom": dict(apply_residual_connection_post_layernorm=bias, layer_norm_epsilon=r.choice([1e-5, 1e-2])),
        "mpt": dict(attn_config=dict(clip_qkv=r.choice([None, 0.5, 2.0]), softmax_scale=r.choice([None, 0.3]))),
        "gpt_neox": dict(
            intermediate_size=inner, hidden_act=activation, attention_bias=bias, use_parallel_residual=r.random() < 0.5,
            rope_parameters=rope | part),
        "phi": dict(
            intermediate_size=inner, hidden_act=activation, qk_layernorm=bias, num_key_value_heads=r.choice([1, heads]),
            rope_parameters=rope | part),
    }[family]
    sizes = dict(
        zip(SIZES[family], [vocabulary, heads * width, layers, heads, 64]), tie_word_embeddings=tied,
        _masked=r.choice([[], [], [0], [count // 2]]) if count > 2 else [])
    return sizes | own


SIZES = {
    family: ["vocab_size", *names]
    for names, families in [
        (["hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings"],
         ["gpt_neox", "phi", "falcon", "starcoder2", "opt"]),
        (["n_embd", "n_layer", "n_head", "n_positions"], ["gptj", "imagegpt"]),
        (["hidden_size", "n_layer", "n_head"], ["bloom"]),
        (["d_model", "n_layers", "n_heads", "max_seq_len"], ["mpt"]),
    ]
    for family in families
}
