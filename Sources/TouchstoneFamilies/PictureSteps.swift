import TouchstoneGraph
import TouchstoneModel

/// How a picture is cut into patches.
struct PictureSizes {
  let channels: Int
  let image: (height: Int, width: Int)
  let patch: (height: Int, width: Int)

  /// How many patches there are; what is left over at the right and below is not looked at.
  var patches: Int { (image.height / patch.height) * (image.width / patch.width) }
}

/// What the modules of a block are called whose norms stand before each half.
struct NormedBlock {
  let attentionNorm: String
  /// Those of queries, keys and values.
  let heads: [String]
  let attention: String
  let norm: String
  let up: String
  let down: String
}

extension ConfigFields {
  /// The sizes of a picture and of its patches.
  ///
  /// - Throws: ``BadInput`` naming a field that cannot be, or a patch that is greater than the picture.
  mutating func pictureSizes(patch fallback: Int) throws(BadInput) -> PictureSizes {
    let sizes = PictureSizes(
      channels: try size("num_channels", else: 3), image: try sides("image_size", else: 224),
      patch: try sides("patch_size", else: fallback))
    guard sizes.patch.height <= sizes.image.height, sizes.patch.width <= sizes.image.width else {
      throw BadInput(
        place: "patch_size", problem: "is greater than image_size", remedy: "correct one of the two")
    }
    return sizes
  }
}

extension GraphBuilder {
  /// A picture as tokens: `embed/patches`, then `embed/token` with a learned row in front, `position` and `sum`, [T, D].
  ///
  /// - Parameters:
  ///   - sizes: of the picture.
  ///   - width: D.
  ///   - patches: in front of the names of filters and bias.
  ///   - hasBias: whether the filters have one.
  ///   - row: the learned row.
  ///   - positions: a row for each token.
  mutating func picture(
    _ sizes: PictureSizes, width: Int, patches: String, hasBias: Bool, row: Parameter, positions: Parameter
  ) -> Activation {
    let pixels = given(Given(.pixelValues, sizes.channels, sizes.image.height, sizes.image.width))
    let filters = parameter(
      patches + ".weight", width, sizes.channels, sizes.patch.height, sizes.patch.width)
    let cut = self.patches(
      "embed/patches", pixels, filters, bias: hasBias ? parameter(patches + ".bias", width) : nil)
    let token = classRow("embed/token", cut, row)
    return sum("embed/sum", token, embedding("embed/position", .positionIDs, in: positions))
  }

  /// A block whose norms stand before each half, and in which every token sees all.
  ///
  /// - Returns: `resid_out`, [T, D].
  mutating func normedBefore(
    _ x: Activation, _ modules: NormedBlock, _ heads: HeadCounts, _ function: ActivationFunction,
    _ norm: LayerNorm, inner: Int, hasInputBias: Bool = true
  ) -> Activation {
    let width = heads.query * heads.width
    let stream = identity("resid_in", x)
    let projected = self.heads(
      layerNorm("ln_1", stream, norm, modules.attentionNorm), heads, modules.heads, hasBias: hasInputBias)
    let attended = attended(
      projected, width: heads.width, visibility: Visibility(isCausal: false), modules.attention,
      outputs: width, hasBias: true)
    let middle = sum("resid_mid", stream, attended)
    let thought = feedForward(
      layerNorm("ln_2", middle, norm, modules.norm), function, up: modules.up, down: modules.down,
      inner: inner, outputs: width, hasBias: true)
    return sum("resid_out", middle, thought)
  }
}
