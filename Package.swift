// swift-tools-version: 6.2
import PackageDescription

// Numeric targets are optimised in every configuration, so that `swift test` in debug stays quick.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"])]

// Compiled as a whole in every configuration, where what is passed from file to file must be inlined: without batches,
// which a debug build asks for and which exclude it, and by threads, so that each file has its object as the package
// manager expects.
let whole = ["-whole-module-optimization", "-disable-batch-mode", "-num-threads", "2"]
let optimisedWhole: [SwiftSetting] = [.unsafeFlags(["-O"] + whole)]

// One source, compiled for each instruction set; which of them runs is decided by what the processor has.
let vectorised = ["-Ounchecked"] + whole
var kernels: [Target] = [
  .target(
    name: "TouchstoneKernelsBaseline", dependencies: ["TouchstoneCPU"],
    swiftSettings: [.unsafeFlags(vectorised)])
]
#if arch(x86_64)
  kernels += [
    .target(
      name: "TouchstoneKernelsAVX2", dependencies: ["TouchstoneCPU"],
      swiftSettings: [
        .define("KERNEL_AVX2"), .unsafeFlags(vectorised + ["-Xcc", "-mavx2", "-Xcc", "-mfma"]),
      ]),
    .target(
      name: "TouchstoneKernelsAVX512", dependencies: ["TouchstoneCPU"],
      swiftSettings: [.define("KERNEL_AVX512"), .unsafeFlags(vectorised + ["-Xcc", "-march=x86-64-v4"])]),
  ]
#endif

// What reads and writes files of activations, the program above all: enabled unless a package that depends on this one
// says otherwise. Without it no other package is fetched, and the HDF5 library need not be there.
let files: TargetDependencyCondition? = .when(traits: ["HDF5"])

// What stands in a room of its own, `Sources/Transformer/Operations/NAME`: an operation, with a file for each concern.
let rooms = [
  "ActivationFunction",
  "ActivationGradient",
  "Alibi",
  "AttentionContext",
  "AttentionGradient",
  "AttentionProbabilities",
  "AttentionScores",
  "ChosenRows",
  "ClassRow",
  "ClipGradient",
  "Convolution",
  "ConvolutionGradient",
  "CrossEntropy",
  "CrossEntropyGradient",
  "Embedding",
  "GainGradient",
  "Given",
  "Identity",
  "JoinedColumns",
  "LayerNorm",
  "Linear",
  "LinearGradient",
  "LogMel",
  "LossMean",
  "Mixture",
  "MixtureGradient",
  "Modulation",
  "NormGradient",
  "ParameterGradient",
  "Patches",
  "PickedRow",
  "Product",
  "RMSNorm",
  "RelativeBias",
  "ReturnedRows",
  "RotaryFrequencies",
  "Rotate",
  "RouteGradient",
  "RouteIDs",
  "RouteWeights",
  "Scale",
  "SinkGradient",
  "Sinusoid",
  "SoftCap",
  "SoftCapGradient",
  "Softmax",
  "SoftmaxGradient",
  "Sum",
  "TakenColumns",
  "Transpose",
]
// A concern is a target: a folder of its own beside the rooms, and from each room the files `NAME` + suffix.
let concerns: KeyValuePairs = [
  "Graph": [""], "Reference": ["Reference"], "Verdict": ["Bound"],
  "Faults": ["Faults", "Honest"],
]

// What nearly every target builds on.
let model: [Target.Dependency] = ["TouchstoneFamilies", "TouchstoneGraph", "TouchstoneModel"]

extension Target {
  /// A target that computes.
  static func numeric(_ name: String, dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: optimised)
  }
}

func concern(
  _ folder: String, target: String, dependencies: [Target.Dependency],
  settings: [SwiftSetting] = optimised
) -> Target {
  func sources(_ concern: (key: String, value: [String])) -> [String] {
    [concern.key]
      + concern.value.flatMap { suffix in rooms.map { "Operations/\($0)/\($0)\(suffix).swift" } }
  }
  return .target(
    name: target, dependencies: dependencies, path: "Sources/Transformer",
    exclude: concerns.filter { $0.key != folder }.flatMap(sources),
    sources: concerns.filter { $0.key == folder }.flatMap(sources), swiftSettings: settings)
}

let package = Package(
  name: "touchstone",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "touchstone", targets: ["touchstone"]),
    .library(name: "TouchstoneConformance", targets: ["TouchstoneConformance"]),
  ],
  traits: [
    .trait(name: "HDF5", description: "Goldens and captures as HDF5 files, and the program"),
    .default(enabledTraits: ["HDF5"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
  ],
  targets: [
    // MARK: What a transformer is, and what it computes
    .numeric("TouchstoneModel"),

    // MARK: Files and processes
    .target(name: "CSystem"),
    .numeric("TouchstoneFiles", dependencies: ["CSystem", "TouchstoneModel"]),

    // MARK: A model as a graph of operations
    concern("Graph", target: "TouchstoneGraph", dependencies: ["TouchstoneModel"]),
    concern(
      "Reference", target: "TouchstoneReference", dependencies: ["TouchstoneGraph", "TouchstoneModel"],
      settings: optimisedWhole),
    .numeric("TouchstoneFamilies", dependencies: ["TouchstoneGraph", "TouchstoneModel"]),

    // MARK: Reading models
    .numeric("TouchstoneGGUF", dependencies: ["TouchstoneFiles", "TouchstoneModel"]),
    .numeric(
      "TouchstoneTokenizer",
      dependencies: [
        "TouchstoneFiles", "TouchstoneGGUF", "TouchstoneModel",
        .product(name: "HeapModule", package: "swift-collections", condition: files),
      ]),
    .numeric(
      "TouchstoneCheckpoints",
      dependencies: model + ["TouchstoneFiles", "TouchstoneGGUF"]),

    // MARK: The fast implementation
    .target(name: "TouchstoneCPU"),
    .numeric(
      "TouchstoneSIMD",
      dependencies: ["TouchstoneGraph", "TouchstoneModel", "TouchstoneCPU"]
        + kernels.map { .init(stringLiteral: $0.name) }),

    .numeric("TouchstoneBenchmark", dependencies: ["TouchstoneGraph", "TouchstoneModel", "TouchstoneSIMD"]),

    // MARK: Judging
    .target(name: "CMoments", cSettings: [.unsafeFlags(["-O2"])]),
    concern(
      "Verdict", target: "TouchstoneVerdict",
      dependencies: ["CMoments", "TouchstoneGraph", "TouchstoneModel", "TouchstoneReference"],
      settings: optimisedWhole),
    concern(
      "Faults", target: "TouchstoneFaults",
      dependencies: model + ["TouchstoneReference", "TouchstoneVerdict"]),

    .numeric("TouchstoneOptimiser", dependencies: ["TouchstoneModel", "TouchstoneVerdict"]),

    .target(
      name: "TouchstoneReports",
      dependencies: model + [
        "TouchstoneOptimiser", "TouchstoneVerdict",
        .product(name: "Mustache", package: "swift-mustache", condition: files),
      ]),

    // MARK: The specification
    .target(name: "CSpecification"),
    .target(name: "TouchstoneSpecification", dependencies: ["CSpecification", "TouchstoneModel"]),
    .numeric(
      "TouchstoneProperties",
      dependencies: model + ["TouchstoneFaults", "TouchstoneReference", "TouchstoneVerdict"]),

    // MARK: For other packages
    .numeric(
      "TouchstoneConformance",
      dependencies: model + [
        "TouchstoneCheckpoints", "TouchstoneFaults", "TouchstoneProperties", "TouchstoneReference",
        "TouchstoneVerdict", .target(name: "TouchstoneGolden", condition: files),
      ]),

    // MARK: Golden activations on disk
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5",
      providers: [.apt(["libhdf5-dev", "pkg-config"]), .brew(["hdf5", "pkgconf"])]),
    .numeric("TouchstoneHDF5", dependencies: ["CHDF5", "TouchstoneFiles", "TouchstoneModel"]),
    .numeric(
      "TouchstoneGolden",
      dependencies: model + [
        "TouchstoneFiles", "TouchstoneHDF5", "TouchstoneOptimiser",
        .product(name: "Crypto", package: "swift-crypto", condition: files),
      ]),

    // MARK: Looking into a model
    .numeric(
      "TouchstoneAnalysis",
      dependencies: model + [
        "TouchstoneReference", "TouchstoneReports", "TouchstoneTokenizer", "TouchstoneVerdict",
      ]),

    // MARK: The command
    .target(
      name: "TouchstoneCommands",
      dependencies: model + [
        "TouchstoneAnalysis", "TouchstoneBenchmark", "TouchstoneCheckpoints", "TouchstoneConformance",
        "TouchstoneFaults", "TouchstoneFiles", "TouchstoneGGUF", "TouchstoneGolden", "TouchstoneOptimiser",
        "TouchstoneReference", "TouchstoneReports", "TouchstoneSIMD", "TouchstoneSpecification",
        "TouchstoneTokenizer",
        "TouchstoneVerdict",
        .product(name: "ArgumentParser", package: "swift-argument-parser", condition: files),
      ]),
    .executableTarget(name: "touchstone", dependencies: ["TouchstoneCommands"]),

    // MARK: Tests
    .testTarget(name: "ArchitectureTests"),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "TouchstoneFamilies", "PlantedEngine", "TouchstoneCheckpoints", "TouchstoneConformance",
        "TouchstoneFaults", "TouchstoneGolden", "TouchstoneModel", "TouchstoneOptimiser",
        "TouchstoneProperties",
        "TouchstoneSIMD", "TouchstoneTestSupport", "touchstone",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TouchstoneAnalysisTests",
      dependencies: model + [
        "TouchstoneAnalysis", "TouchstoneCheckpoints", "TouchstoneHDF5", "TouchstoneReference",
        "TouchstoneReports", "TouchstoneTestSupport", "TouchstoneTokenizer",
      ]),
    .target(
      name: "TouchstoneTestSupport",
      dependencies: [
        "TouchstoneConformance", "TouchstoneGraph", "TouchstoneModel", "TouchstoneProperties",
        "TouchstoneReference", "TouchstoneSIMD", "TouchstoneVerdict",
      ],
      path: "Tests/Support", swiftSettings: optimised),
    .executableTarget(
      name: "PlantedEngine",
      dependencies: model + ["TouchstoneGolden", "TouchstoneTestSupport"],
      path: "Tests/PlantedEngine"),
    .testTarget(
      name: "SpecificationTests",
      dependencies: model + [
        "TouchstoneConformance", "TouchstoneFaults", "TouchstoneGolden", "TouchstoneProperties",
        "TouchstoneReference", "TouchstoneSIMD", "TouchstoneSpecification", "TouchstoneTestSupport",
        "TouchstoneVerdict",
      ]),
    .testTarget(
      name: "TouchstoneConformanceTests",
      dependencies: model + [
        "TouchstoneCheckpoints", "TouchstoneConformance", "TouchstoneFaults", "TouchstoneGolden",
        "TouchstoneProperties", "TouchstoneReference", "TouchstoneSIMD", "TouchstoneTestSupport",
        "TouchstoneVerdict",
      ]),
    .testTarget(
      name: "TouchstoneModelTests", dependencies: ["TouchstoneModel", "TouchstoneTestSupport"]),
    .testTarget(
      name: "TouchstoneGraphTests",
      dependencies: model + ["TouchstoneTestSupport"]),
    .testTarget(
      name: "TouchstoneReferenceTests",
      dependencies: ["TouchstoneGraph", "TouchstoneReference", "TouchstoneTestSupport"]),
    .testTarget(
      name: "TouchstoneFamiliesTests",
      dependencies: model + [
        "TouchstoneCheckpoints", "TouchstoneConformance", "TouchstoneGolden", "TouchstoneHDF5",
        "TouchstoneReference", "TouchstoneSIMD", "TouchstoneTestSupport", "TouchstoneVerdict",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TouchstoneTokenizerTests",
      dependencies: [
        "TouchstoneGGUF", "TouchstoneGraph", "TouchstoneModel", "TouchstoneReference",
        "TouchstoneTestSupport",
        "TouchstoneTokenizer", .product(name: "Crypto", package: "swift-crypto", condition: files),
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TouchstoneReportsTests",
      dependencies: model + [
        "TouchstoneFaults", "TouchstoneGolden", "TouchstoneReference", "TouchstoneReports",
        "TouchstoneTestSupport",
        "TouchstoneVerdict",
      ]),
    .testTarget(name: "TouchstoneHDF5Tests", dependencies: ["TouchstoneHDF5"]),
    .executableTarget(
      name: "GoldenTestProgram", dependencies: ["TouchstoneGolden"], path: "Tests/GoldenTestProgram"),
    .executableTarget(
      name: "FuzzProgram",
      dependencies: [
        "TouchstoneGraph", "TouchstoneCheckpoints", "TouchstoneGolden", "TouchstoneModel",
        "TouchstoneTokenizer",
      ],
      path: "Tests/FuzzProgram"),
    .testTarget(
      name: "TouchstoneGoldenTests",
      dependencies: model + [
        "GoldenTestProgram", "TouchstoneCheckpoints", "TouchstoneFiles", "TouchstoneGolden", "TouchstoneHDF5",
        "TouchstoneTestSupport",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TouchstoneOptimiserTests",
      dependencies: [
        "TouchstoneFiles", "TouchstoneGolden", "TouchstoneHDF5", "TouchstoneModel", "TouchstoneOptimiser",
        "TouchstoneReports", "TouchstoneTestSupport", "TouchstoneVerdict",
      ]),
    .testTarget(
      name: "TouchstoneVerdictTests",
      dependencies: model + [
        "TouchstoneCheckpoints", "TouchstoneFaults", "TouchstoneReference", "TouchstoneTestSupport",
        "TouchstoneVerdict",
      ]),
    .testTarget(
      name: "TouchstoneCheckpointsTests",
      dependencies: model + [
        "TouchstoneCheckpoints", "TouchstoneGGUF", "TouchstoneReference", "TouchstoneTestSupport",
        "TouchstoneTokenizer",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "IndependentTests",
      dependencies: model + [
        "TouchstoneReference", "TouchstoneCheckpoints", "TouchstoneHDF5", "TouchstoneGolden",
        "TouchstoneVerdict", "TouchstoneFaults", "TouchstoneTestSupport",
        .product(name: "Crypto", package: "swift-crypto", condition: files),
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TouchstoneSIMDTests",
      dependencies: model + [
        "TouchstoneBenchmark", "TouchstoneCheckpoints", "TouchstoneReference", "TouchstoneSIMD",
        "TouchstoneSpecification", "TouchstoneTestSupport", "TouchstoneVerdict",
      ],
      swiftSettings: optimised),
  ]
)

package.targets += kernels
