import TouchstoneCommands

@main
enum Touchstone {
  static func main() {
    TouchstoneCommand.runProcess()
  }
}
