import TouchstoneGraph
import TouchstoneModel

extension ParameterGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] {
    let isOfFrames = uses.first?.isOfFrames == true
    let clause =
      switch uses.first {
      case .matrix: "BWD-4"
      case .vector, .shift: "BWD-5"
      case .filters, .channels: "BWD-24"
      case .buckets: "BWD-22"
      case .rows, nil: uses.contains(.matrix) ? "BWD-4" : "BWD-6"
      }
    return [clause, isOfFrames ? "BND-60" : "BND-52"]
  }

  var isProduct: Bool { true }

  /// One sum over tokens and readers: of products, of plain numbers, or of both.
  ///
  /// Clauses: BND-52, BND-60.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let shape = site.parameters[0].view.parameter.shape
    var rest = site.activations[...]
    var rows: [LookedUp] = []
    var parts: [(ParameterView, Estimate)] = []
    var pending: [(ParameterView, x: Operand, dy: Operand)] = []
    for (use, parameter) in zip(uses, site.parameters) {
      let read = Array(rest.prefix(use.activationCount))
      rest = rest.dropFirst(use.activationCount)
      switch use {
      case .matrix:
        // An expert that no token chose adds nothing.
        guard read[0].values.rowCount > 0 else { continue }
        pending.append((parameter.view, x: read[0], dy: read[1].rowsOfTokens.transposed))
      case .vector: parts.append((parameter.view, rounding.ofColumnSums(read[0].rowsOfTokens)))
      case .shift: parts.append((parameter.view, rounding.ofColumnSums(read[0])))
      case .filters(let convolution):
        let x = read.count > 1 ? read[0] : Operand(values: site.inputs.features)
        let met = convolution.met(x, width: parameter.view.parameter.shape[2])
        pending.append((parameter.view, x: met, dy: read[read.count - 1]))
      case .channels: parts.append((parameter.view, rounding.ofColumnSums(read[0].transposed)))
      case .rows(let table, let unlearned):
        rows.append(LookedUp(gradient: read[0], table: table, unlearned: unlearned))
      case .buckets(let bias): parts.append((parameter.view, rounding.ofBuckets(read[0], bias)))
      }
    }
    let scattered = rows.isEmpty ? nil : rounding.scattered(rows, shape: shape, inputs: site.inputs)
    for (view, x, dy) in pending {
      // What is looked up in the table that is multiplied with is added to the same sums.
      let isShared =
        scattered != nil && parts.isEmpty && pending.count == 1 && view == ParameterView(view.parameter)
      let product = rounding.ofProduct(
        dy, MatrixView(StoredTensor(x.values)), weightRoundoff: x.roundoff, bias: nil,
        onto: isShared ? scattered?.operand : nil)
      parts.append((view, rounding.passing(x, through: dy, product)))
      if isShared { return parts[0].1.widened(by: scattered?.ofOrder) }
    }
    if let scattered {
      let whole = ParameterView(site.parameters[0].view.parameter)
      parts.append((whole, Estimate(values: scattered.operand.values, bounds: scattered.bounds)))
    }
    return rounding.assembled(parts, shape: shape)
  }
}

extension Estimate {
  fileprivate func widened(by bounds: [Bound]?) -> Estimate {
    guard let bounds else { return self }
    return Estimate(values: values, bounds: zip(self.bounds, bounds).map(+))
  }
}

/// What one reader looked up in a table.
private struct LookedUp {
  let gradient: Operand
  let table: Embedding
  /// The id that learns nothing; nil where all do.
  let unlearned: Int?
}

/// The rows of tokens, added into the rows of a table.
private struct ScatteredRows {
  /// The sums, with how far they may be off where several rows make one.
  let operand: Operand
  /// The bounds of the sums by themselves.
  let bounds: [Bound]
  /// What adding rows one by one onto something else errs by besides; nil where no row is looked up twice.
  let ofOrder: [Bound]?
}

extension Rounding {
  /// Σ of each column, over all rows, in any order.
  fileprivate func ofColumnSums(_ x: Operand) -> Estimate {
    let (rows, width) = (x.values.rowCount, x.values.rowWidth)
    var sums = [Double](repeating: 0, count: width)
    let bounds = (0..<width).map { column -> Bound in
      let values = (0..<rows).map { x.values[$0, column] }
      for value in values { sums[column] += value }
      return (0..<rows).reduce(ofSum(terms(values)) + Double(rows) * underflow) {
        $0 + x.distance(at: $1 * width + column)
      }
    }
    return Estimate(values: Tensor(sums, shape: [width]), bounds: bounds)
  }

  /// Σ over the pairs of each bucket, in any order; where rounding may move a distance over the edge of a bucket, what stands
  /// at that distance may be in either.
  fileprivate func ofBuckets(_ x: Operand, _ bias: RelativeBias) -> Estimate {
    let (heads, count) = (x.values.shape[0], x.values.rowWidth)
    var sums = Tensor<Double>(repeating: 0, shape: [bias.buckets, heads])
    var bounds = [Bound](repeating: .zero, count: sums.count)
    for head in 0..<heads {
      var members: [Int: [Int]] = [:]
      for distance in 1 - count..<count {
        let places = (max(0, -distance)..<count - max(0, distance)).map { query in
          (head * count + query) * count + query + distance
        }
        let bucket = bias.bucket(of: distance)
        members[bucket, default: []] += places
        guard let other = bias.otherBucket(of: distance, self) else { continue }
        let moved = places.reduce(0) { $0 + abs(x.values.values[$1]) }
        for bucket in [bucket, other] { bounds[bucket * heads + head] += moved }
      }
      for (bucket, places) in members {
        let terms = terms(places.map { x.values.values[$0] })
        sums[bucket, head] = terms.sum
        bounds[bucket * heads + head] += places.reduce(ofSum(terms) + terms.count * underflow) {
          $0 + x.distance(at: $1)
        }
      }
    }
    return Estimate(values: sums, bounds: bounds)
  }

  /// Rows of tokens added into the rows of a table; rows that nobody looked up stay exactly 0.
  fileprivate func scattered(
    _ reads: [LookedUp], shape: [Int], inputs: Inputs
  ) -> ScatteredRows {
    let width = shape[1]
    var sums = Tensor<Double>(repeating: 0, shape: shape)
    var bounds = [Bound](repeating: .zero, count: sums.count)
    var errors = bounds
    var order = bounds
    var isRepeated = false
    var places: [Int: [(Operand, Int)]] = [:]
    for read in reads {
      for (token, id) in inputs.ids(read.table.ids).enumerated() where id != read.unlearned {
        places[id + read.table.offset, default: []].append((read.gradient, token))
      }
    }
    for (row, tokens) in places {
      isRepeated = isRepeated || tokens.count > 1
      for column in 0..<width {
        let values = tokens.map { $0.0.values[$0.1, column] }
        let own = tokens.reduce(Bound.zero) { $0 + $1.0.distance(at: $1.1 * width + column) }
        let place = row * width + column
        let terms = terms(values)
        for value in values { sums.values[place] += value }
        bounds[place] = ofSum(terms) + own + terms.count * underflow
        errors[place] = bounds[place]
        // One by one onto what is there: each addition but the first rounds that as well.
        let more = Double(tokens.count - 1) * unit * terms.absolute
        order[place] = Bound(more)
      }
    }
    let isExact = !isRepeated && reads.allSatisfy { $0.gradient.isExact }
    return ScatteredRows(
      operand: Operand(values: sums, error: isExact ? nil : errors), bounds: bounds,
      ofOrder: isRepeated ? order : nil)
  }

  /// A product widened by what its second factor may be off.
  fileprivate func passing(_ x: Operand, through dy: Operand, _ product: Estimate) -> Estimate {
    guard x.error != nil else { return product }
    let (depth, width) = (x.values.rowCount, x.values.rowWidth)
    var bounds = product.bounds
    for row in 0..<dy.values.rowCount {
      for token in 0..<depth {
        let factor = abs(dy.values[row, token]) + dy.error(at: row * depth + token).det
        guard factor > 0 else { continue }
        for column in 0..<width {
          bounds[row * width + column] += factor * x.error(at: token * width + column)
        }
      }
    }
    return Estimate(values: product.values, bounds: bounds)
  }

  /// Parts of a parameter put where their views have them; what several give one place is added.
  fileprivate func assembled(_ parts: [(ParameterView, Estimate)], shape: [Int]) -> Estimate {
    var values = [Double](repeating: 0, count: shape.reduce(1, *))
    var bounds = [Bound](repeating: .zero, count: values.count)
    for (view, part) in parts {
      let places = ViewPlaces(view)
      let width = view.inputCount ?? 1
      for (output, start) in places.starts.enumerated() {
        for input in 0..<width {
          let place = start + input * places.inputStride
          let offset = output * width + input
          let isFirst = bounds[place] == .zero && values[place] == 0
          values[place] += part.values.values[offset]
          bounds[place] += part.bounds[offset]
          if !isFirst { bounds[place] += unit * abs(values[place]) }
        }
      }
    }
    return Estimate(values: Tensor(values, shape: shape), bounds: bounds)
  }
}
