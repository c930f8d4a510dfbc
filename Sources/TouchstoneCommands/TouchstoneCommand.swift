import ArgumentParser
import Foundation
import TouchstoneFamilies
import TouchstoneFiles
import TouchstoneGolden
import TouchstoneModel

/// The command `touchstone` and its verbs.
public struct TouchstoneCommand: ParsableCommand {
  /// Name, purpose and verbs.
  public static let configuration = CommandConfiguration(
    commandName: "touchstone",
    abstract: "Tells whether a transformer implementation is right, and where it is not.",
    discussion: """
      Touchstone holds a readable float64 reference and golden activations of every layer. It recomputes each \
      operation of an implementation from that implementation's own inputs, and says whether the difference is \
      rounding or a bug, in which operation of which layer it begins, and what it is.

      It reads Hugging Face folders whose model_type is \
      \(Family.all.flatMap(\.modelTypes).joined(separator: ", ")), and GGUF files of most of them.

      Exit codes: 0 consistent, 1 mismatch, 2 bad input, 3 inconclusive, 64 wrong command line; of several files the \
      first of 1, 2, 3, 0 that occurred. Output that cannot be written is 2 as well, also where its reader has closed \
      it. Interrupted, the program removes what it had not finished and ends by the signal.

      Example:
        touchstone verify golden
      """,
    version: version,
    subcommands: [
      Generate.self, Record.self, Capture.self, Diff.self, Merge.self, MakeSketch.self, Certify.self,
      Verify.self, Step.self,
      Inspect.self,
      Synthesize.self, Extract.self,
      Power.self, ShowSpecification.self, Manifest.self, Bench.self,
      Anatomy.self, Embeddings.self, Attention.self, Score.self,
    ])

  /// The version of the program, which captures and reports name.
  package static let version = "1.1.0"

  /// Needed by the protocol.
  public init() {}

  /// Runs the verb that the arguments name and ends the process with the verdict's exit code.
  public static func runProcess() -> Never {
    FileReaderProcess.runIfChild()
    FreedMemory.keep()
    Interruption.install()
    do {
      try checkArguments()
      var command = try parseAsRoot()
      try command.run()
      exit(withError: nil)
    } catch let error as BadInput {
      fail(error.description)
    } catch  where exitCode(for: error) == .failure && !(error is ExitCode) {
      fail(String(describing: error))
    } catch  where exitCode(for: error) == .success && !(error is ExitCode) {
      // What was asked for, help or a version, is a result like others: not written is not well.
      Console.line(fullMessage(for: error))
      exit(withError: nil)
    } catch {
      exit(withError: error)
    }
  }

  /// - Throws: ``BadInput`` for an argument that is no text: of its bytes others would be made, silently.
  private static func checkArguments() throws(BadInput) {
    for index in 1..<max(Int(CommandLine.argc), 1) {
      guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else {
        continue
      }
      throw BadInput(
        place: "argument \(index)", problem: "is not UTF-8: \(String(cString: argument))",
        remedy: "write it in UTF-8; bytes that are no text can be given by --tokens")
    }
  }

  private static func fail(_ sentence: String) -> Never {
    Console.error("touchstone: " + sentence)
    exit(withError: ExitCode(2))
  }
}
