import Foundation
import TouchstoneModel

/// Read-only contents of files without reading them: pages come from the file when they are touched.
///
/// Foundation's `.mappedIfSafe` reads the whole file on Linux, and neither of its options says why a file
/// cannot be opened.
package enum MappedFile {
  /// The bytes of a regular file, unmapped when the last slice of them is gone.
  ///
  /// - Throws: ``BadInput`` naming the file and the system's reason, or that it is a pointer to another.
  package static func contents(of file: URL) throws(BadInput) -> Data {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(file.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw BadInput(
        file: file.path, problem: "cannot be opened: \(SystemError.current)",
        remedy: "check the path and its permissions")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw BadInput(file: file.path, problem: "is not a regular file", remedy: "give a file")
    }
    let count = Int(status.st_size)
    guard count > 0 else { return Data() }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw BadInput(
        file: file.path, problem: "cannot be mapped into memory: \(SystemError.current)",
        remedy: "copy it to a local disk")
    }
    let contents = Data(bytesNoCopy: start, count: count, deallocator: .unmap)
    try GitLFSPointer.refuse(contents, file: file.path)
    return contents
  }
}
