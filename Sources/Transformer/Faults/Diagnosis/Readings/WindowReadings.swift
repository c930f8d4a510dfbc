import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Patches and convolutions read as what they are: products of windows with a matrix.
  static let windows: [Reading] = [
    ofWindows("windows.product", .weights, as: products + matrices + [biasMoved].compactMap(\.self))
  ]
  /// The same of what is kept in fewer bits.
  static let windowsInFewerBits: [Reading] = [
    ofWindows("windows.in-fewer-bits", .precision, as: storage + accumulators)
  ]

  private static let biasMoved = normStatistics.first { $0.id == prefix + "linear.bias-moved" }

  private static func ofWindows(_ id: String, _ family: Fault.Family, as readings: [Reading]) -> Reading {
    Reading(id, family, at: .of(Patches.self).union(.of(Convolution.self))) { site, got in
      guard let windows = WindowProduct(site), let product = windows.site(of: site, wrong: got.rowWidth)
      else {
        return []
      }
      let ofProducts = readings.filter { $0.isOfProducts && $0.place.contains(product.operation, site.graph) }
      return ofProducts.flatMap { $0.guesses(product, windows.turned(got)) }.map { guess in
        Guess(guess.name, numbers: guess.readCount, storedAs: guess.storage, granting: guess.grants) { site in
          windows.site(of: site).flatMap(guess.value).map(windows.turned)
        }
      }
    }
  }

  /// Whether it reads nothing but a product with a matrix, of which windows know all.
  private var isOfProducts: Bool {
    id.hasPrefix(Self.prefix + "linear.")
      || id.hasPrefix(Self.prefix + "matrix.") && id != Self.prefix + "matrix.of-other"
  }
}

/// The windows of a picture or of frames, one below the other, and the filters as a matrix [out, in] of as many inputs.
struct WindowProduct: Sendable {
  private let operation: TouchstoneGraph.Operation
  /// Where each number of each window stands in what is read; nil for what lies outside: [windows, inputs].
  private let places: [[Int?]]
  private let outputs: Int
  /// Whether outputs stand before windows, as those of frames do.
  private let isOutputFirst: Bool

  /// nil for what has no windows.
  init?(_ site: FaultSite) {
    operation = site.operation
    let filters = site.parameters[0].shape
    outputs = filters[0]
    switch site.operation.kind.payload {
    case let own as Patches:
      places = own.places(in: site.activations[0].shape, filters: filters).map { $0.map(Optional.some) }
      isOutputFirst = false
    case let own as Convolution:
      let frames = (site.activations.first ?? site.inputs.features).rowWidth
      places = (0..<own.positions(in: frames, width: filters[2])).map { position in
        (0..<filters[1] * filters[2]).map { input in
          own.frame(at: position, input % filters[2], of: frames).map { input / filters[2] * frames + $0 }
        }
      }
      isOutputFirst = true
    default: return nil
    }
  }

  /// The same as a product, of as many tokens as there are windows.
  ///
  /// - Parameter width: of the rows of what was captured, where places that are wrong are asked for.
  func site(of site: FaultSite, wrong width: Int? = nil) -> FaultSite? {
    let x = (site.activations.first ?? site.inputs.features).values
    let rows = Tensor(
      places.flatMap { row in row.map { $0.map { x[$0] } ?? 0 } },
      shape: [places.count, places.first?.count ?? 0])
    let matrix = Tensor(site.parameters[0].values, shape: [outputs, rows.rowWidth])
    let view = ParameterView(Parameter(operation.parameters[0].parameter.name, matrix.shape))
    let product = Operation(
      Linear().kind, operation.output, from: operation.inputs, with: [view] + operation.parameters.dropFirst()
    )
    let parameters = [ParameterValues(matrix, view)] + site.site.operands.parameters.dropFirst()
    var unfolded = FaultSite(
      site: Site(operation: product, operands: Operands([rows], parameters: parameters), inputs: site.inputs),
      graph: site.graph, activation: site.activation, parameter: site.parameter,
      parameterFormat: site.parameterFormat)
    guard let width else { return unfolded }
    unfolded.wrongPlaces = site.wrongPlaces.map { place in
      isOutputFirst ? place % width * outputs + place / width : place
    }.sorted()
    return unfolded
  }

  /// An output as [windows, outputs], or such rows as the output.
  func turned(_ y: Tensor<Double>) -> Tensor<Double> { isOutputFirst ? y.transposed : y }
}
