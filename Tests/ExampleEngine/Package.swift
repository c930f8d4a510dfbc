// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "example-engine",
  platforms: [.macOS(.v15)],
  dependencies: [
    // Without traits neither the HDF5 library nor any other package is needed.
    .package(name: "touchstone", path: "../..", traits: [])
  ],
  targets: [
    .target(
      name: "PlainEngine",
      dependencies: [.product(name: "TouchstoneConformance", package: "touchstone")],
      // Plain loops over arrays are a hundred times slower without.
      swiftSettings: [.unsafeFlags(["-O"])]),
    .testTarget(name: "PlainEngineTests", dependencies: ["PlainEngine"]),
  ]
)
