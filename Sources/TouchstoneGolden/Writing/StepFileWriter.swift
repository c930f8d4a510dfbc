import Foundation
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneOptimiser

/// Writes the steps of an optimiser, the reference's or another's, one quantity of a parameter at a time.
///
/// The file appears under its name only in ``finish()``, as ``ActivationFileWriter`` has it.
public final class StepFileWriter {
  private let destination: FileDestination
  private var datasets: DatasetWriter
  private var isOpen = true

  /// Starts a file that will be called `path`.
  ///
  /// - Throws: `BadInput` when the file exists and may not be replaced, or cannot be written.
  public init(
    path: String, kind: ActivationFile.Kind = .golden, provenance: [String: String], overwrite: Bool = false
  ) throws(BadInput) {
    destination = try FileDestination(path: path, overwrite: overwrite, writesDigest: kind == .golden)
    datasets = DatasetWriter(try destination.create())
    try naming { () throws(BadInput) in
      try file.setAttribute("format", of: "/", to: GoldenFormat.format)
      try file.setAttribute("format_version", of: "/", to: GoldenFormat.stepVersion)
      try file.setAttribute("kind", of: "/", to: kind.rawValue)
      try datasets.group(GoldenFormat.provenance)
      for (name, value) in provenance.sorted(by: { $0.key < $1.key }) {
        try file.setAttribute(name, of: GoldenFormat.provenance, to: value)
      }
    }
  }

  deinit { abandon() }

  private var file: HDF5Writer { datasets.file }

  private func abandon() {
    guard isOpen else { return }
    isOpen = false
    file.abandon()
    destination.discard()
  }

  /// Runs `body`; whatever it throws ends the writer, and names the file as the user knows it.
  private func naming(_ body: () throws(BadInput) -> Void) throws(BadInput) {
    do throws(BadInput) {
      try destination.naming(body)
    } catch {
      abandon()
      throw error
    }
  }

  /// Writes what is said of a step, before its tensors.
  public func write(_ step: StepDescription) throws(BadInput) {
    try naming { () throws(BadInput) in
      if step.place.contains("/") { try datasets.group(GoldenFormat.steps) }
      try datasets.group(step.place)
      let first = step.groups[0].settings
      try file.setAttribute("kind", of: step.place, to: first.kind.rawValue)
      for (name, value) in first.members { try set(name, step.place, value) }
      for (name, value) in [("loss_scale", step.lossScale), ("clip_epsilon", step.clipEpsilon)] {
        try file.setAttribute(name, of: step.place, to: value)
      }
      if let limit = step.clipNorm { try file.setAttribute("clip_norm", of: step.place, to: limit) }
      if step.isPartial { try file.setFlag("partial", of: step.place) }
      if let norm = step.norm {
        let stored = StoredTensor(Tensor([norm], shape: []))
        try datasets.write(step.place + "/grad_norm", .float(.float64), shape: [], bytes: stored.bytes)
      }
      let groups = Self.json(step.groups)
      try datasets.write(
        step.place + "/groups", .integer(byteCount: 1, isSigned: false), shape: [groups.count], bytes: groups)
    }
  }

  private func set(_ name: String, _ place: String, _ value: JSONValue) throws(BadInput) {
    switch value {
    case .string(let text): try file.setAttribute(name, of: place, to: text)
    case .bool(let flag): if flag { try file.setFlag(name, of: place) }
    default: try file.setAttribute(name, of: place, to: value.double ?? .nan)
    }
  }

  /// The groups as JSON, in ASCII, the settings of each whole.
  private static func json(_ groups: [StepDescription.Group]) -> Data {
    let texts = groups.map { group in
      let names = group.names.map(JSONValue.quoted).joined(separator: ", ")
      let members = group.settings.members.map { name, value in
        ", \(JSONValue.quoted(name)): \(text(value))"
      }
      return "{\"names\": [\(names)]\(members.joined())}"
    }
    return Data(("[" + texts.joined(separator: ",\n ") + "]").asciiEscaped.utf8)
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): JSONValue.quoted(text)
    case .bool(let flag): String(flag)
    case .integer(let number): String(number)
    default: "\(value.double ?? .nan)"
    }
  }

  /// Writes a quantity of a parameter, in float64.
  public func write(
    _ quantity: StepQuantity, of parameter: String, in step: StepDescription, _ tensor: Tensor<Double>
  ) throws(BadInput) {
    try naming { () throws(BadInput) in
      let stored = StoredTensor(tensor)
      try datasets.write(
        step.path(quantity, of: parameter), .float(.float64), shape: stored.shape, bytes: stored.bytes)
    }
  }

  /// Completes the file and gives it its name.
  ///
  /// - Throws: `BadInput` when the disk is full; nothing is left behind then.
  public func finish() throws(BadInput) {
    try naming { () throws(BadInput) in
      try datasets.finish()
      try destination.publish()
    }
    isOpen = false
  }
}
