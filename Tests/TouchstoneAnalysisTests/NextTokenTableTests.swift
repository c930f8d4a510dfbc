import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneModel
import TouchstoneReference

@Suite struct NextTokenTableTests {
  static let logits = [2.0, 1, 3, 3, -1, 0.5]

  private func table(_ options: SamplingOptions, count: Int = 4) throws -> NextTokenTable {
    try NextTokenTable(logits: Self.logits, options: options, count: count)
  }

  @Test func rowsAreTheMostProbableTokensAndEqualOnesInTheOrderOfTheirIDs() throws {
    #expect(try table(SamplingOptions()).tokens == [2, 3, 0, 1])
  }

  @Test(arguments: [0, 1, 4, 6, 99])
  func everyColumnSumsToOne(count: Int) throws {
    for column in try table(SamplingOptions(temperature: 0.4, topK: 2, topP: 0.9), count: count).columns {
      #expect(abs(column.probabilities.reduce(column.others, +) - 1) < 1e-14, "\(column)")
    }
  }

  @Test func theChosenTemperatureStandsAmongTheFixedOnes() throws {
    #expect(
      try table(SamplingOptions(temperature: 0.9)).columns.map(\.temperature) == [0.2, 0.7, 0.9, 1, 1.5])
    #expect(try table(SamplingOptions(temperature: 1)).columns.map(\.temperature) == [0.2, 0.7, 1, 1.5])
    #expect(try table(SamplingOptions(temperature: 0)).columns.map(\.temperature) == [0, 0.2, 0.7, 1, 1.5])
  }

  @Test func topKAndTopPHaveAColumnBesideTheWholeDistribution() throws {
    let columns = try table(SamplingOptions(temperature: 0.7, topK: 3, topP: 0.95)).columns
    #expect(columns.map(\.temperature) == [0.2, 0.7, 1, 1.5, 0.7])
    #expect(columns.map(\.topK) == [nil, nil, nil, nil, 3])
    #expect(columns.map(\.possible) == [6, 6, 6, 6, 3])
    #expect(columns.last?.probabilities[3] == 0)
  }

  @Test func probabilitiesAreThoseThatAreDrawnFrom() throws {
    let options = try SamplingOptions(temperature: 1.5, topK: 4)
    let table = try table(options)
    let distribution = nextTokenDistribution(Self.logits, options: options)
    #expect(table.columns.last?.probabilities == table.tokens.map { distribution[$0] })
  }

  @Test func entropyRisesWithTheTemperatureFromZero() throws {
    let entropies = try table(SamplingOptions(temperature: 0)).columns.map(\.entropy)
    #expect(entropies[0] == 0)
    #expect(entropies == entropies.sorted() && Set(entropies).count == entropies.count)
    #expect(entropies.allSatisfy { $0 <= log(6.0) })
  }

  @Test(arguments: [[Double.nan, 1], [.infinity, 1], [-.infinity, -.infinity], []])
  func logitsThatAreNotNumbersHaveNoDistribution(logits: [Double]) throws {
    let options = try SamplingOptions()
    #expect(throws: BadInput.self) { try NextTokenTable(logits: logits, options: options, count: 3) }
  }

  @Test func aVocabularyOfOneIsCertain() throws {
    let table = try NextTokenTable(logits: [-7], options: SamplingOptions(topK: 5, topP: 0.1), count: 3)
    #expect(table.tokens == [0])
    #expect(table.columns.allSatisfy { $0.probabilities == [1] && $0.others == 0 && $0.entropy == 0 })
  }
}
