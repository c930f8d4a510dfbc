import TouchstoneVerdict

/// One quantity of one parameter, or one norm, that was compared.
public struct StepFinding: Sendable, Equatable {
  /// Where it stands in the file, such as `step/m/wte.weight`.
  public let path: String
  /// The step's place, `step` or `steps/003`.
  public let step: String
  /// What was judged.
  public let stage: StepStage
  /// The parameter; nil for what all of them have together.
  public let parameter: String?
  /// The worst zone of an element.
  public package(set) var zone = Zone.consistent
  /// The worst error over its bound.
  public package(set) var ratio = 0.0
  /// The coordinates of that element.
  public package(set) var index: [Int] = []
  /// What stands there.
  public package(set) var got = 0.0
  /// What the definition gives.
  public package(set) var want = 0.0
  /// How many elements there are.
  public package(set) var count = 0
  /// How many of them are beyond `stat`.
  public package(set) var flagged = 0
  /// Whether the numbers of the step as float32 holds them explain it better than the decimals.
  public package(set) var isFloat32 = false
  /// The greatest difference from a golden over the golden's greatest element; nil where there is none.
  public package(set) var inherited: Double?
  /// What is wrong with the tensor as a whole; nil where elements were compared.
  public package(set) var problem: String?

  init(path: String, step: String, stage: StepStage, parameter: String? = nil) {
    (self.path, self.step, self.stage, self.parameter) = (path, step, stage, parameter)
  }

  /// Takes in an element.
  mutating func add(_ index: Int, got: Double, want: Double, bound: Bound) {
    count += 1
    // Beyond the range of the type both have infinity, or both no number.
    if !want.isFinite, got == want || (got.isNaN && want.isNaN) { return }
    let error = abs(got - want)
    let zone = bound.zone(of: error)
    if zone != .consistent { flagged += 1 }
    let ratio = error == 0 ? 0 : error.isNaN ? .infinity : error / bound.stat
    if zone > self.zone || (zone == self.zone && ratio > self.ratio) || count == 1 {
      (self.zone, self.ratio, self.got, self.want) = (zone, ratio, got, want)
      self.index = [index]
    }
  }
}

/// What was not compared, and why.
public struct StepOmission: Sendable, Equatable {
  /// Where it stands, or would stand.
  public let path: String
  /// The reason.
  public let why: String
}
