import Foundation

/// Models that are given arrays in place of ids: pictures of one patch and of more than a tile of tokens, and blocks modulated by a
/// condition.
let pictures: [Case] = {
  let all: [() throws -> Case] = [
    {
      try .encoder(
        "vit", "labels, pixels left over", 91, tokens: 50,
        ["image_size": [15, 22], "patch_size": [2, 3], "num_labels": 5])
    },
    {
      try .encoder(
        "vit", "pooled, one patch", 92, tokens: 2,
        [
          "image_size": 3, "patch_size": 3, "num_channels": 1, "architectures": ["ViTModel"],
          "qkv_bias": false,
        ])
    },
    {
      try .encoder(
        "clip_vision_model", "shared", 93, tokens: 37,
        ["image_size": 12, "patch_size": 2, "projection_dim": 33])
    },
    {
      try .encoder(
        "clip_vision_model", "the row alone", 94, tokens: 5,
        ["image_size": 8, "patch_size": 4, "architectures": ["CLIPVisionModel"]])
    },
    {
      try .encoder(
        "dit_block", "one token", 95, tokens: 1, ["intermediate_size": NSNull(), "head_dim": 3, "ff_mult": 2])
    },
    {
      try .encoder(
        "dit_block", "heads wider than the stream", 96, tokens: 70,
        ["intermediate_size": NSNull(), "head_dim": 17, "ff_mult": 3])
    },
  ]
  return all.compactMap { try? $0() }
}()
