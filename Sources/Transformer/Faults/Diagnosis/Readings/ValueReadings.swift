import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// What may be said of the values of any operation: they are others', multiplied, shifted, or were never written.
  static let values: [Reading] = [
    Reading("values.other-rows", .staleness, at: .computed) { site, got in
      let want = site.evaluated()
      guard let tokens = want.tokens, let read = rows(of: got, among: want, tokens, wrong: site.wrongPlaces),
        read.contains(where: { $0 != nil })
      else { return [] }
      return [
        Guess(inWords(read)) { site in
          site.edited { $0.takeTokens(read) }
        }
      ]
    },
    Reading("values.of-other-activation", .wiring, at: .computed) { site, got in
      let own = site.operation.output
      let copies = site.graph.copies(of: own)
      return site.graph.operations.map(\.output).filter { !copies.contains($0) }.compactMap { other in
        guard let value = site.activation(other), value.shape == got.shape,
          !site.graph.handsOn(own, as: other)
        else { return nil }
        if value.values == got.values {
          return Guess("it holds the values of \(other)\(note(on: other, for: own, in: site))") { _ in value }
        }
        return stale(got, value, due: site.evaluated(), other)
      }
    },
    Reading("values.cut", .precision, at: .computed) { _, got in
      [NumberFormat.bfloat16, .float16].filter { format in
        got.values.allSatisfy { format.round($0) == $0 || !$0.isFinite }
      }.map { format in
        Guess(
          "values are cut to \(format.name) where they are stored", granting: Fault.Grants(rounding: format)
        ) {
          $0.edited { $0.values = $0.values.map { format.round($0, .towardZero) } }
        }
      }
    },
    Reading("logits.penalty-of-repetition", .readout, at: .logits) { site, got in
      let (want, width) = (site.evaluated(), got.rowWidth)
      return [true, false].flatMap { isSoFar -> [Guess] in
        let tokens = site.inputs.tokenIDs
        let seen = tokens.indices.map { Set(isSoFar ? tokens[...$0] : tokens[...]) }
        let places = site.wrongPlaces.filter { seen[$0 / width].contains($0 % width) && want.values[$0] > 0 }
        guard let read = quotient(of: places.map { want.values[$0] }, on: places.map { got.values[$0] })
        else {
          return []
        }
        let which = isSoFar ? "seen so far" : "in the prompt"
        return plainNumbers(near: read).map { factor in
          Guess(
            "logits of ids \(which) are divided by \(words(factor)), negative ones multiplied", numbers: 1
          ) {
            $0.edited { y in
              for offset in y.values.indices where seen[offset / width].contains(offset % width) {
                y.values[offset] *= y.values[offset] > 0 ? 1 / factor : factor
              }
            }
          }
        }
      }
    },
    Reading("values.constant", .tail, at: .computed) { _, got in
      let counts = Dictionary(got.values.map { ($0, 1) }, uniquingKeysWith: +)
      guard let (constant, count) = counts.max(by: { $0.value < $1.value }), count > 3 else { return [] }
      let name = constant == 0 ? "nothing was written: values are 0" : "every value is \(words(constant))"
      return [
        Guess(name) { site in site.edited { $0 = Tensor(repeating: constant, shape: $0.shape) } }
      ]
    },
    Reading("values.of-length-1", .wiring, at: .computed) { site, _ in
      [
        Guess("each row is divided by its length") { site in
          site.edited { y in
            for row in 0..<y.rowCount {
              let length = y.row(row).reduce(0) { $0 + $1 * $1 }.squareRoot()
              if length > 0 { y.setRow(row) { [y] in y[row, $0] / length } }
            }
          }
        }
      ]
    },
    Reading("values.scaled", .wiring, at: .computed) { site, got in
      let (want, wrong) = (site.evaluated(), site.wrongPlaces)
      guard let read = quotient(of: wrong.map { got.values[$0] }, on: wrong.map { want.values[$0] }) else {
        return []
      }
      return factors(near: read).map { name, factor in
        Guess("every value is multiplied by \(name)", numbers: 1) { site in
          site.edited { $0.values = $0.values.map { $0 * factor } }
        }
      }
    },
    Reading("values.shifted", .wiring, at: .computed) { site, got in
      let (want, wrong) = (site.evaluated(), site.wrongPlaces)
      let total = wrong.reduce(0) { $0 + got.values[$1] - want.values[$1] }
      return plainNumbers(near: total / Double(max(wrong.count, 1))).filter { $0 != 0 }.map { shift in
        Guess("\(words(shift)) is added to every value", numbers: 1) { site in
          site.edited { $0.values = $0.values.map { $0 + shift } }
        }
      }
    },
  ]

  /// What has as many numbers as rows or columns: asked last.
  static let lines: [Reading] = [
    Reading("values.vector-added", .bias, at: .computed) { site, got in
      let want = site.evaluated()
      guard got.rowCount > 1, got.values.allSatisfy(\.isFinite) else { return [] }
      let mean = (0..<got.rowWidth).map { column in
        (0..<got.rowCount).reduce(0) { $0 + got[$1, column] - want[$1, column] } / Double(got.rowCount)
      }
      return [
        Guess("every row is off by the same vector", numbers: got.rowWidth) { site in
          site.edited { y in
            for offset in y.values.indices { y.values[offset] += mean[offset % mean.count] }
          }
        }
      ]
    },
    Reading("values.scaled-by-row", .wiring, at: .computed) { site, got in
      let want = site.evaluated()
      let factors = (0..<got.rowCount).map { quotient(of: got.row($0), on: want.row($0)) ?? 1 }
      guard got.rowWidth > 1, let least = factors.min(), let greatest = factors.max() else { return [] }
      let range = "(\(significant(least, 3)) to \(significant(greatest, 3)))"
      return [
        Guess("each row is multiplied by a factor of its own \(range)", numbers: factors.count) { site in
          site.edited { y in
            for offset in y.values.indices { y.values[offset] *= factors[offset / y.rowWidth] }
          }
        }
      ]
    },
    Reading("values.scaled-by-column", .wiring, at: .computed) { site, got in
      let want = site.evaluated()
      guard got.rowCount > 1, got.values.allSatisfy(\.isFinite) else { return [] }
      func column(_ x: Tensor<Double>, _ column: Int) -> [Double] { (0..<x.rowCount).map { x[$0, column] } }
      let factors = (0..<got.rowWidth).map { quotient(of: column(got, $0), on: column(want, $0)) ?? 1 }
      guard let least = factors.min(), let greatest = factors.max() else { return [] }
      let range = "(\(significant(least, 3)) to \(significant(greatest, 3)))"
      let hasNone = site.norm != nil && site.parameters.isEmpty
      return [
        Guess(
          "each column is multiplied by a factor of its own \(range)"
            + (hasNone ? ": a gain, where the norm has none" : ""), numbers: factors.count
        ) { site in
          site.edited { y in
            for offset in y.values.indices { y.values[offset] *= factors[offset % y.rowWidth] }
          }
        }
      ]
    },
  ]

  /// What is known of a recording that holds another activation under a name.
  private static func note(on other: Activation, for own: Activation, in site: FaultSite) -> String {
    guard let reader = site.graph.operation(making: other), reader.inputs.contains(own),
      reader.kind.payload is any Normalising
    else { return "" }
    return ", which is the norm of it: a recording that was taken behind the norm, not before it"
  }

  /// A part that another activation left there.
  private static func stale(
    _ got: Tensor<Double>, _ other: Tensor<Double>, due want: Tensor<Double>, _ name: Activation
  ) -> Guess? {
    let equal = got.values.indices.filter { got.values[$0] == other.values[$0] && got.values[$0] != 0 }
    guard equal.count > 3, Set(equal.map { got.values[$0] }).count > 3,
      equal.count(where: { want.values[$0] == got.values[$0] }) < equal.count / 2
    else { return nil }
    return Guess("it holds what \(name) left there") { _ in other }
  }

  /// Which token's row each row holds where it is wrong: another's, or none (nil) where it is 0; nil where a row is none
  /// of these.
  private static func rows(
    of got: Tensor<Double>, among want: Tensor<Double>, _ tokens: Int, wrong: [Int]
  ) -> [Int?]? {
    let square = want.values.reduce(0) { $1.isFinite ? $0 + $1 * $1 : $0 }
    let scale = 1e-4 * (square / Double(max(want.count, 1))).squareRoot()
    let places = Dictionary(grouping: wrong) { $0 / got.rowWidth % tokens }
    func isRow(_ token: Int, _ other: Int?) -> Bool {
      (places[token] ?? []).allSatisfy { place in
        guard let other else { return got.values[place] == 0 }
        let value = want.values[place + (other - token) * got.rowWidth]
        return got.values[place] == value || abs(got.values[place] - value) <= scale
      }
    }
    var (read, last) = ([Int?](), 0)
    for token in 0..<tokens {
      if places[token] == nil {
        read.append(token)
      } else if isRow(token, nil) {
        read.append(nil)
      } else {
        // The same distance as the row before first.
        let order = [token + last].filter { (0..<tokens).contains($0) } + Array(0..<tokens)
        guard let other = order.first(where: { $0 != token && isRow(token, $0) }) else { return nil }
        last = other - token
        read.append(other)
      }
    }
    return read
  }

  /// Which rows hold which, in words.
  private static func inWords(_ read: [Int?]) -> String {
    let wrong = read.indices.filter { read[$0] != $0 }
    let empty = wrong.filter { read[$0] == nil }
    let others = wrong.filter { read[$0] != nil }
    var texts: [String] = []
    if !empty.isEmpty {
      texts.append("\(rowsInWords(empty)) \(empty.count == 1 ? "was" : "were") never written: 0")
    }
    let sources = others.compactMap { read[$0] }
    if others.count == 2, sources == others.reversed() {
      texts.append("rows \(others[0]) and \(others[1]) are exchanged")
    } else if let first = sources.first {
      let isOne = Set(sources).count == 1
      texts.append(
        "\(rowsInWords(others)) \(others.count == 1 ? "holds" : "hold") "
          + (isOne ? "row \(first)" : "rows \(isRun(sources) ? runs(sources) : words(sources))"))
    }
    return texts.joined(separator: ", and ")
  }

  private static func rowsInWords(_ rows: [Int]) -> String {
    (rows.count == 1 ? "row " : "rows ") + runs(rows)
  }

  private static func isRun(_ values: [Int]) -> Bool {
    values.indices.allSatisfy { values[$0] == values[0] + $0 }
  }
}

extension Tensor<Double> {
  /// T of a value [T, N] or [H, T, N].
  fileprivate var tokens: Int? { shape.count == 2 || shape.count == 3 ? shape[shape.count - 2] : nil }

  /// Takes each token's rows from another token, or makes them 0.
  fileprivate mutating func takeTokens(_ sources: [Int?]) {
    let original = self
    for row in 0..<rowCount {
      let (group, token) = row.quotientAndRemainder(dividingBy: sources.count)
      for column in 0..<rowWidth {
        self[row, column] = sources[token].map { original[group * sources.count + $0, column] } ?? 0
      }
    }
  }
}

extension Graph {
  /// Whether another activation is made of this one at once, by what is no norm: where that did nothing, both hold the same.
  fileprivate func handsOn(_ activation: Activation, as other: Activation) -> Bool {
    operation(making: other).map { $0.inputs.contains(activation) && !($0.kind.payload is any Normalising) }
      ?? false
  }

  /// An activation, all that hand it on as it is, and all that are made of the same in the same way.
  fileprivate func copies(of activation: Activation) -> Set<Activation> {
    let own = operation(making: activation)
    return operations.reduce(into: [activation]) { copies, operation in
      let isHandedOn = operation.kind.payload is Identity && operation.inputs.contains(where: copies.contains)
      let isAlike =
        operation.kind == own?.kind && operation.inputs == own?.inputs
        && operation.parameters == own?.parameters
      if isHandedOn || isAlike { copies.insert(operation.output) }
    }
  }
}
