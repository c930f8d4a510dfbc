import Testing
import TouchstoneAnalysis
import TouchstoneModel

@Suite struct EmbeddingSpaceTests {
  /// Words along the axes: 0 man, 1 woman, 2 king, 3 queen, 4 all zero, 5 far away, 6 not a number.
  static let space = EmbeddingSpace(
    table: Tensor(
      [
        1, 0, 0,
        1, 1, 0,
        1, 0, 2,
        1, 1, 2,
        0, 0, 0,
        -9, 0, 30,
        .nan, 0, 0,
      ], shape: [7, 3]))

  @Test func theNearestByCosineIsTheVectorItself() throws {
    for id in [0, 1, 2, 3, 5] {
      let nearest = try Self.space.nearest(to: Self.space.vector(id), by: .cosine, count: 1)
      #expect(nearest.map(\.id) == [id])
      #expect(abs(nearest[0].similarity - 1) < 1e-15)
    }
  }

  @Test func cosineSeesTheAngleAndTheDotProductTheLengthsToo() throws {
    let king = Self.space.vector(2)
    let byCosine = try Self.space.nearest(to: king, by: .cosine, count: 9, excluding: [2])
    let byProduct = try Self.space.nearest(to: king, by: .dotProduct, count: 9, excluding: [2])
    #expect(byCosine.map(\.id) == [3, 5, 0, 1])
    #expect(byProduct.map(\.id) == [5, 3, 0, 1, 4])
    #expect(byProduct.map(\.similarity) == [51, 5, 1, 1, 0])
  }

  @Test func anAnalogyAddsTheDifference() throws {
    let vector = Self.space.analogy(2, minus: 0, plus: 1)
    #expect(vector == Self.space.vector(3))
    #expect(try Self.space.nearest(to: vector, by: .cosine, count: 1, excluding: [2, 0, 1]).map(\.id) == [3])
  }

  @Test func aDirectionIsMeasuredByTheDotProduct() {
    let royal = Self.space.direction(from: 0, to: 2)
    #expect(royal == [0, 0, 2])
    #expect(Self.space.projection(of: 1, on: royal) == 0)
    #expect(Self.space.projection(of: 3, on: royal) == 4)
  }

  @Test(arguments: [4, 6])
  func aVectorWithoutDirectionHasNoNeighbours(id: Int) {
    #expect(throws: BadInput.self) {
      try Self.space.nearest(to: Self.space.vector(id), by: .cosine, count: 1)
    }
  }

  @Test(arguments: [(-1, 0), (0, 0), (3, 3), (100, 6)])
  func atMostAsManyAsThereAreAreGiven(count: Int, given: Int) throws {
    let nearest = try Self.space.nearest(to: Self.space.vector(0), by: .dotProduct, count: count)
    #expect(nearest.count == given)
  }
}
