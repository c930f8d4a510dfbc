import Foundation
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneOptimiser

/// Where the parts of one step stand.
struct StepPlaces: Sendable {
  /// `step`, or `steps/003`.
  let step: String
  /// What the micro-batches' groups stand in: nothing in a file of one step, `steps/003/` in a run.
  private let root: String
  /// Its number in a run.
  let number: Int?

  /// Where the sum of the micro-batches' gradients stands.
  private var accumulated: String {
    number == nil ? GoldenFormat.weightGradients : step + "/" + StepQuantity.accumulated.rawValue
  }

  /// The steps of a file, in the order of their numbers.
  ///
  /// - Throws: `BadInput` where there is none, or what stands there has no number.
  static func all(in file: HDF5Reader) throws(BadInput) -> [StepPlaces] {
    let isOne = try file.kind(of: GoldenFormat.step) == .group
    let names = try file.members(of: GoldenFormat.steps)
    guard isOne != !names.isEmpty else {
      throw BadInput(
        place: GoldenFormat.step,
        problem: isOne
          ? "stands beside steps, and a file has one or the other" : "is missing, and so is steps",
        remedy: "store one step as /step, or a run as /steps/001 and so on")
    }
    if isOne { return [StepPlaces(step: GoldenFormat.step, root: "", number: nil)] }
    var places: [StepPlaces] = []
    for name in names {
      guard !name.isEmpty, name.count <= 12, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(name)
      else {
        throw BadInput(
          place: GoldenFormat.steps + "/" + name, problem: "is no number of a step",
          remedy: "call steps 001, 002 and so on")
      }
      let step = GoldenFormat.steps + "/" + name
      places.append(StepPlaces(step: step, root: step + "/", number: number))
    }
    return places.sorted { ($0.number ?? 0) < ($1.number ?? 0) }
  }

  /// Where a quantity of a parameter stands.
  func path(_ quantity: StepQuantity, _ parameter: String) -> String {
    group(quantity) + "/" + parameter
  }

  /// Where a quantity of all parameters stands.
  func group(_ quantity: StepQuantity) -> String {
    quantity == .accumulated ? accumulated : step + "/" + quantity.rawValue
  }

  /// Where the micro-batches stand.
  var microBatches: String { root + GoldenFormat.micro }

  /// Where the gradients of a micro-batch stand.
  func micro(_ index: Int) -> String {
    let digits = String(index)
    let name = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    return microBatches + "/" + name + "/" + GoldenFormat.weightGradients
  }

  /// Whether nothing was left out between the two.
  func follows(_ other: StepPlaces?) -> Bool {
    guard let number, let before = other?.number else { return false }
    return number == before + 1
  }
}

/// Reads what a file says of one step.
struct StepHeader {
  private let file: HDF5Reader
  private let manifest: DatasetManifest?
  private let place: StepPlaces
  private let before: StepPlaces?

  init(_ file: HDF5Reader, _ manifest: DatasetManifest?, _ place: StepPlaces, before: StepPlaces?) {
    (self.file, self.manifest, self.place, self.before) = (file, manifest, place, before)
  }

  /// The step, its datasets put into `recorded`.
  func description(_ recorded: inout [String: RecordedDataset]) throws(BadInput) -> StepDescription {
    var names: Set<String> = []
    for quantity in StepQuantity.allCases {
      let group = place.group(quantity)
      for name in try file.members(of: group) {
        try add(group, name, &recorded)
        // What was accumulated may be of more parameters than take the step.
        if quantity != .accumulated { names.insert(name) }
      }
    }
    let microBatchCount = try file.members(of: place.microBatches).count
    for index in 0..<microBatchCount {
      let group = place.micro(index)
      let members = try file.members(of: group)
      guard !members.isEmpty else {
        throw BadInput(
          place: group, problem: "holds nothing, and there are \(microBatchCount) micro-batches",
          remedy: "number them from 000 on, and store the gradients of each")
      }
      for name in members { try add(group, name, &recorded) }
    }
    guard !names.isEmpty else {
      throw BadInput(
        place: place.step, problem: "holds no parameter", remedy: "store theta_before, grad and theta of each"
      )
    }
    let fields = try fields()
    let groups = try groups(try said { () throws(BadInput) in try StepSettings(fields) }, names)
    var step = try StepDescription(place: place.step, groups: groups, parameters: names.sorted())
    step.lossScale = try positive("loss_scale", fields) ?? 1
    step.clipNorm = try positive("clip_norm", fields)
    step.clipEpsilon = try number("clip_epsilon", fields) ?? 1e-6
    step.isPartial = fields["partial"] == .integer(1)
    step.norm = try norm()
    step.microBatchCount = microBatchCount
    step.follows = place.follows(before)
    return step
  }

  /// Runs `body`; what it throws is said of the step.
  private func said<Value>(_ body: () throws(BadInput) -> Value) throws(BadInput) -> Value {
    do throws(BadInput) {
      return try body()
    } catch {
      throw BadInput(
        place: place.step + "@" + (error.place ?? ""), problem: error.problem, remedy: error.remedy)
    }
  }

  private func add(
    _ group: String, _ name: String, _ recorded: inout [String: RecordedDataset]
  ) throws(BadInput) {
    let path = group + "/" + name
    guard let dataset = try file.dataset(at: path) else {
      throw BadInput(
        place: path, problem: "is no dataset", remedy: "store the values of a parameter under its name")
    }
    recorded[path] = try RecordedDataset(dataset, in: file, shape: dataset.shape)
  }

  // MARK: Attributes

  private func fields() throws(BadInput) -> [String: JSONValue] {
    var fields: [String: JSONValue] = [:]
    for name in ["kind", "loss_scale", "clip_norm", "clip_epsilon", "partial"] + StepSettings.fields {
      switch try file.attribute(name, of: place.step) {
      case .text(let text): fields[name] = .string(text)
      case .integer(let value): fields[name] = .integer(value)
      case .number(let value): fields[name] = .number(value)
      case nil: continue
      }
    }
    return fields
  }

  private func number(_ name: String, _ fields: [String: JSONValue]) throws(BadInput) -> Double? {
    guard let field = fields[name] else { return nil }
    guard let value = field.double, value.isFinite, value >= 0 else {
      throw BadInput(
        place: place.step + "@" + name, problem: "is no number from 0 on",
        remedy: "store the number, or leave it out")
    }
    return value
  }

  private func positive(_ name: String, _ fields: [String: JSONValue]) throws(BadInput) -> Double? {
    let value = try number(name, fields)
    guard value != 0 else {
      throw BadInput(
        place: place.step + "@" + name, problem: "is 0", remedy: "store the number, or leave it out")
    }
    return value
  }

  /// The norm that the engine found, a single number.
  private func norm() throws(BadInput) -> Double? {
    let path = place.step + "/grad_norm"
    guard let dataset = try file.dataset(at: path) else { return nil }
    guard dataset.shape.reduce(1, *) == 1 else {
      throw BadInput(
        place: path, problem: "has the shape \(dataset.shape)",
        remedy: "store the norm of all gradients together")
    }
    let stored = try RecordedDataset(dataset, in: file, shape: dataset.shape)
    let bytes = try file.checkedBytes(of: dataset, manifest)
    return StoredTensor(type: stored.type, shape: stored.shape, bytes: bytes).float64().values[0]
  }

  // MARK: Groups

  /// Names of some hundred bytes for each parameter of the deepest model.
  private static let greatestText = 16 << 20

  private func groups(
    _ settings: StepSettings, _ names: Set<String>
  ) throws(BadInput) -> [StepDescription.Group] {
    let path = place.step + "/groups"
    guard let dataset = try file.dataset(at: path) else {
      return [StepDescription.Group(names: names.sorted(), settings: settings)]
    }
    guard dataset.type.byteCount == 1, dataset.shape.count == 1, dataset.shape[0] <= Self.greatestText else {
      throw BadInput(
        place: path, problem: "holds \(dataset.type) \(dataset.shape)",
        remedy: "store the UTF-8 bytes of a JSON list as uint8")
    }
    let text = try file.checkedBytes(of: dataset, manifest)
    do throws(BadInput) {
      guard let members = try JSONValue.parse(text).array else { throw Self.malformed }
      var groups: [StepDescription.Group] = []
      for member in members {
        guard let fields = member.object, let listed = fields["names"]?.array else { throw Self.malformed }
        let names = listed.compactMap(\.string)
        guard names.count == listed.count else { throw Self.malformed }
        groups.append(StepDescription.Group(names: names, settings: try settings.with(fields)))
      }
      return groups
    } catch {
      throw BadInput(
        place: path + (error.place.map { ", " + $0 } ?? ""), problem: error.problem, remedy: error.remedy)
    }
  }

  private static let malformed = BadInput(
    problem: "is no list of parameter groups",
    remedy: #"store [{"names": ["…"], "lr": 0.001, "weight_decay": 0.1}, …]"#)
}
