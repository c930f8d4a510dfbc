import Foundation
import TouchstoneModel

/// The kernels as the forward pass calls them, for a benchmark to time one by one.
package final class KernelProbe: Sendable {
  private let kernels: Kernels
  private let pool: ThreadPool

  package init(_ resources: Resources) {
    kernels = resources.kernels
    pool = resources.pool
  }

  /// Seconds of one product of `rows` rows by a packed matrix [depth, columns], the median of many, all threads.
  ///
  /// Each call takes the next of as many matrices as fill `bytes`, as the layers of a model follow each other.
  package func productSeconds(rows: Int, depth: Int, columns: Int, bytes: Int, budget: Double) -> Double {
    let size = PackedMatrix.floatCount(depth: depth, columns: columns)
    let copies = max(1, bytes / (4 * size))
    let memory = AlignedBuffer(count: copies * size)
    for index in 0..<memory.count { memory.base[index] = Float(index % 97) * 0.01 - 0.4 }
    let matrices = (0..<copies).map { copy in
      PackedMatrix(
        panels: copy * size, bias: (copy + 1) * size - PackedMatrix.panelCount(columns) * Kernels.panelWidth,
        depth: depth, columns: columns)
    }
    let x = RowBuffer(rows: rows, width: depth)
    let y = RowBuffer(rows: rows, width: columns)
    for row in 0..<rows { for k in 0..<depth { x.row(row)[k] = Float((row + k) % 31) * 0.05 - 0.7 } }
    var next = 0
    return Self.medianSeconds(budget: budget) {
      matrices[next % copies].multiply(
        x, to: y, rows: rows, weights: memory.base, kernels: kernels, pool: pool, finish: nil)
      next += 1
    }
  }

  /// Seconds of the causal attention of the last `rows` of `keys` tokens, the median of many, all threads.
  ///
  /// The rows' own keys and values are put into the cache as part of it, as in the forward pass.
  package func attentionSeconds(rows: Int, keys: Int, heads: Int, headWidth: Int, budget: Double) -> Double {
    let shape = HeadShape(count: heads, width: headWidth)
    let width = heads * headWidth
    func part(_ index: Int) -> Place {
      Place(buffer: .projections, column: index * width, width: width, heads: heads)
    }
    var needs = Needs()
    needs.caches = [Needs.Cache(shape: shape, isOfSource: false)]
    needs.reserve(.projections, width: 3 * width)
    needs.reserve(.context, width: width)
    let workspace = Workspace(needs, rows: keys, keys: keys, threadCount: pool.threadCount)
    let machine = Machine(
      // No weight is read.
      kernels: kernels, pool: pool, weights: UnsafePointer(workspace.zeros.base),
      cache: KeyValueCache([shape], capacity: keys), workspace: workspace, turns: [])
    for row in 0..<keys {
      let values = machine.workspace[.projections].row(row)
      for index in 0..<3 * width { values[index] = Float((row &* 31 &+ index) % 61) * 0.05 - 1.5 }
    }
    let attention = Attention(
      layer: 0, headCount: heads, shape: shape, query: part(0),
      own: Attention.OwnKeys(key: part(1), value: part(2)),
      context: Place(buffer: .context, width: width), scale: 0.125)
    func run(_ positions: Range<Int>) {
      let ids = Array(positions)
      attention.run(
        Rows(first: positions.lowerBound, tokenIDs: ids, positionIDs: ids), on: machine, observed: nil)
    }
    run(0..<keys)
    return Self.medianSeconds(budget: budget) { run(keys - rows..<keys) }
  }

  /// Seconds of one call on `count` numbers in the first-level cache, one thread; nil for a name not known.
  package func functionSeconds(_ name: String, count: Int, budget: Double) -> Double? {
    let (x, y, one, zero) = (
      AlignedBuffer(count: count), AlignedBuffer(count: count), AlignedBuffer(count: count),
      AlignedBuffer(count: count)
    )
    for index in 0..<count {
      x.base[index] = Float(index % 193) * 0.05 - 6
      one.base[index] = 1
    }
    let kernels = kernels
    let work: (() -> Void)? =
      switch name {
      case "exp": { kernels.exponential(x.base, count, y.base) }
      case "gelu tanh": { kernels.geluTanh(x.base, count, y.base) }
      case "gelu erf": { kernels.geluErf(x.base, count, y.base) }
      case "softmax":
        {
          y.base.update(from: x.base, count: count)
          kernels.softmax(y.base, count, 0.125, nil)
        }
      case "layer norm": { kernels.layerNorm(x.base, count, one.base, zero.base, 1e-5, y.base) }
      default: nil
      }
    return work.map { work in
      let batch = 64
      return Self.medianSeconds(budget: budget) { for _ in 0..<batch { work() } } / Double(batch)
    }
  }

  private static func medianSeconds(budget: Double, _ work: () -> Void) -> Double {
    let clock = ContinuousClock()
    work()
    var times: [Double] = []
    let end = clock.now + .seconds(budget)
    repeat { times.append(clock.measure(work) / .seconds(1)) } while clock.now < end || times.count < 5
    return times.sorted()[times.count / 2]
  }
}
