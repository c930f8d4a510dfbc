import Synchronization

/// What a replay has computed, kept for all outputs that are held against it: it depends on what an operation reads
/// and on nothing that it makes.
final class KeptEstimates: Sendable {
  /// Which of the estimates of a replay.
  struct Kind: Hashable {
    /// That of the last rows alone.
    let isOfFewRows: Bool
    /// That of ``Replay/sharpened``.
    let isSharp: Bool
    /// How parameters are read; nil for as the alternative says.
    let parameters: Alternative.Parameters?
    /// That of the output as it is stored.
    let isStored: Bool
  }

  private let knownNoise = Mutex<NoiseDistribution?>(nil)

  /// What right runs stray by, computed at the first time.
  func noise(_ compute: () -> NoiseDistribution) -> NoiseDistribution {
    if let known = knownNoise.withLock({ $0 }) { return known }
    let noise = compute()
    knownNoise.withLock { $0 = noise }
    return noise
  }

  private let known = Mutex<[Kind: Estimate]>([:])

  /// One of them, computed at the first time.
  func estimate(_ kind: Kind, _ compute: () -> Estimate) -> Estimate {
    if let known = known.withLock({ $0[kind] }) { return known }
    let estimate = compute()
    known.withLock { $0[kind] = estimate }
    return estimate
  }
}
