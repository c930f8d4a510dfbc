import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

@Suite struct TokenCertificateTests {
  private let logits = Tensor<Double>([3, 1, 2.9, 0, 3, 1, 2, 0], shape: [2, 4])

  @Test(.clause("SAM-20")) func aClearWinnerIsCertain() {
    let certificate = TokenCertificate(logits: logits, radii: [0.01, 0.01])
    #expect(certificate.argMax(at: 0) == .certain([0]))
    #expect(certificate.topK(2, at: 0) == .certain([0, 2]))
    #expect(certificate.topK(9, at: 0) == .certain([0, 1, 2, 3]))
  }

  @Test(.clause("SAM-20")) func whatRoundingCanExchangeIsATie() {
    let certificate = TokenCertificate(logits: logits, radii: [0.1, 0.1])
    #expect(certificate.argMax(at: 0) == .tie(certain: [], contenders: [0, 2]))
    #expect(certificate.argMax(at: 1) == .certain([0]))
    #expect(certificate.topK(2, at: 0) == .certain([0, 2]))
  }

  /// However many are asked for, and however many are equal.
  @Test(.clause("SAM-20"), arguments: [1, 2, 31, 32, 33, 59])
  func theGreatestAreThoseOfTheWholeOrder(_ k: Int) {
    var random = SplitMix64(seed: UInt64(k))
    for different in [3, 60, 1 << 20] {
      let row = (0..<60).map { _ in Double(Int.random(in: 0..<different, using: &random)) }
      let certificate = TokenCertificate(logits: Tensor(row, shape: [1, 60]), radii: [0])
      let falling = row.sorted(by: >)
      let (last, next) = (falling[k - 1], falling[k])
      let above = Set(row.indices.filter { row[$0] > next })
      let equal = Set(row.indices.filter { row[$0] == next })
      #expect(
        certificate.topK(k, at: 0)
          == (last > next ? .certain(above) : .tie(certain: above, contenders: equal)))
      #expect(certificate.margin(at: 0) == falling[0] - falling[1])
    }
  }

  @Test(.clause("SAM-21")) func topPGrowsWithP() {
    let certificate = TokenCertificate(logits: logits, radii: [0, 1e-9])
    // Row 1: softmax of 3, 1, 2, 0 is 0.644, 0.087, 0.237, 0.032.
    #expect(certificate.topP(0.5, at: 1) == .certain([0]))
    #expect(certificate.topP(0.8, at: 1) == .certain([0, 2]))
    #expect(certificate.topP(0.95, at: 1) == .certain([0, 1, 2]))
    let blurred = TokenCertificate(logits: logits, radii: [0.3, 0.3])
    #expect(blurred.topP(0.65, at: 1) == .tie(certain: [], contenders: [0, 2]))
  }

  /// Whatever moves the logits within the radius, what is certain stays.
  @Test(.clause("SAM-20"), .clause("SAM-21"), arguments: 1...40)
  func whatIsCertainSurvivesEveryChangeWithinTheRadius(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    let logits = Tensor((0..<12).map { _ in 6 * uniform() }, shape: [1, 12])
    let radius = 0.6 * uniform() * uniform()
    let (k, p, temperature) = (1 + Int(random.next() % 12), uniform(), 0.3 + 2 * uniform())
    let certificate = TokenCertificate(logits: logits, radii: [radius])
    for _ in 0..<200 {
      // Corners of the box decide; points inside it must agree as well.
      let isCorner = random.next() % 2 == 0
      let moved = logits.values.map {
        $0 + radius * (isCorner ? (uniform() < 0.5 ? -1 : 1) : 2 * uniform() - 1)
      }
      let own = TokenCertificate(logits: Tensor(moved, shape: [1, 12]), radii: [0])
      for (choice, chosen) in [
        (certificate.argMax(at: 0), own.argMax(at: 0)), (certificate.topK(k, at: 0), own.topK(k, at: 0)),
        (
          certificate.topP(p, temperature: temperature, at: 0),
          own.topP(p, temperature: temperature, at: 0)
        ),
      ] {
        guard case .certain(let ids) = chosen else { continue }
        #expect(choice.admits(ids), "seed \(seed): \(choice) does not admit \(ids)")
      }
    }
  }

  /// A certified token never differs, whoever computes it.
  @Test(.clause("SAM-20"), .clause("SAM-21"), arguments: Sample.all)
  func honestImplementationsChooseWhatIsCertain(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let certificate = try #require(try TokenCertificate(golden: Golden(weights, inputs)))
    var certainCount = 0
    for arithmetic in HonestArithmetic.all {
      let run = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let logits = try #require(run.tensors[Activation(.logits)])
      let own = TokenCertificate(logits: logits, radii: [Double](repeating: 0, count: inputs.count))
      for position in 0..<inputs.count {
        for (choice, chosen) in [
          (certificate.argMax(at: position), own.argMax(at: position)),
          (certificate.topK(5, at: position), own.topK(5, at: position)),
          (certificate.topP(0.9, at: position), own.topP(0.9, at: position)),
        ] {
          certainCount += choice.isCertain ? 1 : 0
          guard case .certain(let ids) = chosen else { continue }
          #expect(choice.admits(ids), "\(arithmetic) at \(position): \(choice) does not admit \(ids)")
        }
      }
    }
    #expect(certainCount > HonestArithmetic.all.count * inputs.count * 2)
  }
}
