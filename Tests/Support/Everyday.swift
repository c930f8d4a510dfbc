import Foundation

/// What is tried every day of what there is: every `step`-th, beginning at `first`; all of it with `TOUCHSTONE_EXHAUSTIVE=1`.
public func everyday<Items: Collection>(
  _ items: Items, each step: Int, from first: Int = 0
) -> [Items.Element] {
  isExhaustive
    ? Array(items) : items.enumerated().filter { $0.offset % step == first % step }.map(\.element)
}

/// Whether everything is asked for, however long it takes.
public let isExhaustive = ProcessInfo.processInfo.environment["TOUCHSTONE_EXHAUSTIVE"] != nil
