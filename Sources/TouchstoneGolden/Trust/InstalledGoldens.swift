import Foundation

/// The goldens that were installed with the program.
package enum InstalledGoldens {
  /// `share/touchstone/golden` beside the folder that the program is in; nil where there is no such folder.
  package static let folder: String? = {
    guard let program = Bundle.main.executablePath else { return nil }
    let programs = URL(filePath: program).resolvingSymlinksInPath().deletingLastPathComponent()
    let folder = programs.deletingLastPathComponent().appending(path: "share/touchstone/golden").path
    return FileManager.default.fileExists(atPath: folder) ? folder : nil
  }()
}
