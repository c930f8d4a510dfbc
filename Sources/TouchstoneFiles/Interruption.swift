import Foundation

/// What a program does when it is told to end.
package enum Interruption {
  /// From here on an interruption (SIGINT, SIGTERM, SIGHUP) removes what is unfinished and then ends the process by
  /// that signal; a closed pipe and a file that may not grow are errors of the call that writes.
  ///
  /// To be called before any thread is started. A signal that the caller ignores stays ignored.
  package static func install() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { sigaddset(&signals, number) }
    // Threads inherit the mask, so that the signal waits for the one thread that asks for it. Nothing it does then
    // is subject to the rules of signal handlers.
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let waited = signals
    Thread.detachNewThread {
      var waited = waited
      var number: Int32 = 0
      while sigwait(&waited, &number) != 0 {}
      Unfinished.endAll()
      die(number)
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    #if canImport(Darwin)
      let handler = action.__sigaction_u.__sa_handler
    #else
      let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func die(_ number: Int32) -> Never {
    signal(number, SIG_DFL)
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    kill(getpid(), number)
    // The signal has ended the process by now.
    while true { pause() }
  }
}
