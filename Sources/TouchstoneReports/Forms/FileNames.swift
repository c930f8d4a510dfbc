import Foundation

/// Short names for files of which there is one for each golden.
public enum FileNames {
  /// For each path its last components, as many as tell all of them apart, without what shells and servers treat
  /// specially: `golden/cases/tiny.h5` is `tiny`, or `cases-tiny` beside `golden/probes/tiny.h5`.
  ///
  /// - Parameter reserved: names that none of them may get.
  public static func unique(_ paths: [String], reserved: Set<String> = []) -> [String] {
    let components = paths.map { path in
      (path.hasSuffix(".h5") ? String(path.dropLast(3)) : path).split(separator: "/").filter { $0 != "." }
    }
    let depth = components.map(\.count).max() ?? 0
    for count in 1...max(depth, 1) {
      let names = components.map { plain($0.suffix(count).joined(separator: "-")) }
      if Set(names).count == names.count, reserved.isDisjoint(with: names) { return names }
    }
    // One file named twice, or names that differ in nothing that is kept.
    var used = reserved
    return components.map { parts in
      let name = plain(parts.suffix(1).joined())
      let free =
        ([name] + (2...(paths.count + 2)).map { "\(name)-\($0)" }).first { !used.contains($0) } ?? name
      used.insert(free)
      return free
    }
  }

  private static func plain(_ text: String) -> String {
    let kept = text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
    let name = String(String(kept).drop { $0 == "." || $0 == "-" }.prefix(120))
    return name.isEmpty ? "golden" : name
  }
}
