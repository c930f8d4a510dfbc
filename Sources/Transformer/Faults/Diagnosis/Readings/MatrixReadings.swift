import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Weights of a matrix that are others than those due.
  static let matrices: [Reading] = [
    Reading("matrix.one-weight", .weights, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got), product.wrongOutputs.count == 1,
        let output = product.wrongOutputs.first
      else { return [] }
      return product.inputs(ofErrorAt: output).flatMap { input, change in
        let due = product.weight[output, input]
        return product.values(near: due + change, due: due).map { found in
          Guess(inWords(found, instead: due, input, output), numbers: 1) { site in
            site.evaluated(changingParameter: 0) {
              $0.values[product.weight.offset(output: output, input: input)] = found
            }
          }
        }
      }
    },
    Reading("matrix.inputs-of-others", .weights, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got), let (ofTokens, _) = product.onlyPattern else {
        return []
      }
      return product.pairs(like: ofTokens).map { first, second in
        Guess("the weights of inputs \(first) and \(second) are exchanged") { site in
          site.evaluated(changingParameter: 0) { matrix in
            for output in 0..<product.outputs {
              matrix.values.swapAt(
                product.weight.offset(output: output, input: first),
                product.weight.offset(output: output, input: second))
            }
          }
        }
      }
    },
    Reading("matrix.one-input", .weights, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got), let (ofTokens, _) = product.onlyPattern,
        let input = product.inputs(like: ofTokens, beyond: 1 - 1e-6).first
      else { return [] }
      let x = (0..<product.tokens).map { product.x[$0, input] }
      let changes = (0..<product.outputs).map { output in
        quotient(of: (0..<product.tokens).map { product.error($0, output) }, on: x) ?? 0
      }
      let found = changes.indices.map { product.weight[$0, input] + changes[$0] }
      return [
        Guess("the weights of input \(input) are \(product.inWords(found))", numbers: found.count) { site in
          site.evaluated(changingParameter: 0) { matrix in
            for output in found.indices {
              matrix.values[product.weight.offset(output: output, input: input)] = found[output]
            }
          }
        }
      ]
    },
    Reading("matrix.of-other", .weights, of: Linear.self) { _, site, _ in
      let own = site.operation
      return site.graph.operations.filter { other in
        other.output != own.output && other.kind.payload is Linear
          && other.parameters.first?.parameter != own.parameters.first?.parameter
          && other.parameters.first?.parameter.shape == own.parameters.first?.parameter.shape
          && (other.output.name == own.output.name || other.output.block == own.output.block)
      }.map { other in
        Guess("the matrix is that of \(other.output)\(own.parameters.count > 1 ? ", the bias its own" : "")")
        { site in
          guard let matrix = site.parameter(other.parameters[0].parameter) else { return nil }
          return site.evaluated(changingParameter: 0) { $0 = matrix }
        }
      }
    },
  ]

  /// A weight that is another, and how its bits differ.
  private static func inWords(_ found: Double, instead due: Double, _ input: Int, _ output: Int) -> String {
    let bits = Float(found).bitPattern ^ Float(due).bitPattern
    let flipped = (0..<32).filter { bits >> UInt32($0) & 1 == 1 }
    let how = flipped.count == 1 ? ": bit \(flipped[0]) is flipped" : ""
    return
      "the weight from input \(input) to output \(output) is \(Float(found)) instead of \(Float(due))\(how)"
  }
}

extension ReadProduct {
  /// The inputs that the error of one output is most nearly proportional to, and by how much.
  fileprivate func inputs(ofErrorAt output: Int) -> [(input: Int, change: Double)] {
    let errors = (0..<tokens).map { error($0, output) }
    return inputs(like: errors, beyond: 0.9).prefix(3).compactMap { input in
      quotient(of: errors, on: (0..<tokens).map { x[$0, input] }).map { (input, $0) }
    }
  }

  /// The inputs that vary over tokens like a pattern, the most like it first.
  fileprivate func inputs(like pattern: [Double], beyond least: Double) -> [Int] {
    guard tokens > 1 else { return [] }
    let size = pattern.reduce(0) { $0 + $1 * $1 }
    let likeness = (0..<inputs).map { input in
      var (product, square) = (0.0, 0.0)
      for token in pattern.indices {
        product += x[token, input] * pattern[token]
        square += x[token, input] * x[token, input]
      }
      return square > 0 ? product * product / (square * size) : 0
    }
    return (0..<inputs).filter { likeness[$0] > least }.sorted { likeness[$0] > likeness[$1] }
  }

  /// The pairs of inputs whose difference varies over tokens like a pattern.
  fileprivate func pairs(like pattern: [Double]) -> [(Int, Int)] {
    guard tokens > 2, inputs <= 4_096 else { return [] }
    let size = pattern.reduce(0) { $0 + $1 * $1 }
    // Of each input what is not along the pattern: a pair whose difference is along it leaves the same.
    let rests = (0..<inputs).map { input -> [Double] in
      let along = (0..<tokens).reduce(0) { $0 + x[$1, input] * pattern[$1] } / size
      return (0..<tokens).map { x[$0, input] - along * pattern[$0] }
    }
    let scale = (rests.reduce(0) { $0 + $1.reduce(0) { $0 + $1 * $1 } } / Double(inputs * tokens))
      .squareRoot()
    let order = rests.indices.sorted { rests[$0][0] < rests[$1][0] }
    var found: [(Int, Int)] = []
    for (place, first) in order.enumerated() {
      for second in order[(place + 1)...] {
        guard rests[second][0] - rests[first][0] <= 1e-4 * scale else { break }
        if zip(rests[first], rests[second]).allSatisfy({ abs($0 - $1) <= 1e-4 * scale }) {
          found.append((min(first, second), max(first, second)))
        }
      }
    }
    return Array(found.prefix(4))
  }

  /// How the error varies over tokens and outputs, where it is one product of both; nil where it is more.
  fileprivate var onlyPattern: (ofTokens: [Double], ofOutputs: [Double])? {
    guard tokens > 2, wrongOutputs.count > 1, let (token, _) = farthest(2).first else { return nil }
    let row = (0..<outputs).map { error(token, $0) }
    let size = row.reduce(0) { $0 + $1 * $1 }
    guard size > 0 else { return nil }
    let ofTokens = (0..<tokens).map { token in
      (0..<outputs).reduce(0) { $0 + error(token, $1) * row[$1] } / size
    }
    var rest = 0.0
    var whole = 0.0
    for token in 0..<tokens {
      for output in 0..<outputs {
        let difference = error(token, output) - ofTokens[token] * row[output]
        rest += difference * difference
        whole += error(token, output) * error(token, output)
      }
    }
    return rest < 1e-6 * whole ? (ofTokens, row) : nil
  }

  /// What a weight may be that was read as `value`: what is due with one bit flipped, else the nearest number.
  fileprivate func values(near value: Double, due: Double) -> [Double] {
    let flipped = (0..<32).map { Double(Float(bitPattern: Float(due).bitPattern ^ (1 << UInt32($0)))) }
    return (flipped + [0]).filter { $0.isFinite && abs($0 - value) <= 0.25 * abs(value - due) }
      .sorted { abs($0 - value) < abs($1 - value) } + [value]
  }

  /// What the weights of an input are, that are not its own.
  fileprivate func inWords(_ found: [Double]) -> String {
    let size = found.reduce(0) { max($0, abs($1)) }
    let due = (0..<outputs).reduce(0.0) { $0 + weight[$1, 0] * weight[$1, 0] }
    if size * size * Double(outputs) < 1e-6 * due { return "0" }
    let same = (0..<inputs).first { other in
      found.indices.allSatisfy { abs(weight[$0, other] - found[$0]) <= 1e-2 * size }
    }
    return same.map { "those of input \($0)" } ?? "others"
  }
}
