import CSystem

/// What becomes of memory that is freed.
package enum FreedMemory {
  /// Keeps it for what is allocated next: judging makes and drops tensors of some megabytes all the time.
  package static func keep() { csystem_keep_freed_memory() }
}
