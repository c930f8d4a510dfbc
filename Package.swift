// swift-tools-version: 6.2
import PackageDescription

// Numeric targets are optimised in every configuration, so that `swift test` in debug stays quick.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"])]

let package = Package(
  name: "touchstone",
  platforms: [.macOS(.v15)],
  products: [],
  dependencies: [],
  targets: [
    // MARK: What a transformer is, and what it computes
    .target(name: "TouchstoneModel", swiftSettings: optimised),
    .target(name: "TouchstoneReference", dependencies: ["TouchstoneModel"], swiftSettings: optimised),

    // MARK: Judging
    .target(
      name: "TouchstoneVerdict", dependencies: ["TouchstoneModel", "TouchstoneReference"],
      swiftSettings: optimised),

    // MARK: Tests
    .testTarget(name: "TouchstoneModelTests", dependencies: ["TouchstoneModel"]),
    .testTarget(name: "TouchstoneReferenceTests", dependencies: ["TouchstoneModel", "TouchstoneReference"]),
  ]
)
