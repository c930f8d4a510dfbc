import Foundation

/// The reason of the last failed system call.
package enum SystemError {
  /// In the system's words.
  package static var current: String { String(cString: strerror(errno)) }
}
