import TouchstoneGraph
import TouchstoneVerdict

/// What somebody who reads a verdict does next, in a few sentences.
struct NextSteps {
  let sentences: [String]

  init(_ verdict: Verdict, _ context: PageContext) {
    guard let first = verdict.decisive else {
      sentences = Self.withoutDifference(verdict)
      return
    }
    var sentences: [String] = []
    if let cause = verdict.cause {
      if cause.kind == "recording" {
        sentences.append(
          "The engine may be right: change what is written into the capture, as the cause says, before the engine itself."
        )
      } else {
        sentences.append("Look in the engine at what makes \(first.activation.path): \(cause.name).")
        if let practice = context.practice[cause.id] {
          sentences.append("Where this comes from: \(practice).")
        }
      }
    } else if first.zone == .suspect {
      sentences.append(
        "Find out in which order the engine sums here. Judge another golden as well: what is rounding seldom shows twice "
          + "at one place, a small fault does.")
    } else {
      sentences.append(
        "Open \(first.activation.path) below: which tokens, heads and columns are wrong says what to look for. Its "
          + "inputs stand in the capture, so that the worst element can be recomputed by hand.")
    }
    if !first.hidden.isEmpty {
      sentences.append(
        "Record \(Self.list(first.hidden.map(\.path))) as well: the verdict then says which of them it is.")
    }
    if verdict.flagged.count > 1 {
      sentences.append(
        "What is flagged besides is wrong by itself, not by inheritance: each operation is judged from its own inputs."
      )
    }
    self.sentences =
      sentences + [context.command == nil ? nil : "Run it again, by the command below."].compactMap(\.self)
  }

  private static func withoutDifference(_ verdict: Verdict) -> [String] {
    if verdict.outcome == .consistent {
      return ["Nothing is to be mended. In CI, touchstone verify keeps it so (Docs/In-your-CI.md)."]
    }
    let mistaken = verdict.unknownNames.filter(\.isMistaken)
    if !mistaken.isEmpty {
      return ["Rename what is meant for the format: \(list(mistaken.map(\.path)))."]
    }
    if !verdict.incomparable.isEmpty {
      return ["Judge other inputs: where the definition gives no finite number, nothing can be compared."]
    }
    if !verdict.uncovered.isEmpty {
      return [
        "Record \(list(verdict.uncovered.map(\.path))), or accept what is missing by --partial."
      ]
    }
    return ["Record at least the logits of every position, under the names of Docs/Format.md."]
  }

  private static func list(_ paths: [String]) -> String {
    paths.prefix(4).joined(separator: ", ") + (paths.count > 4 ? " and \(grouped(paths.count - 4)) more" : "")
  }
}
