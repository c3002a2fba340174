// swift-tools-version: 6.2
import PackageDescription

// The engine's sources are compiled into this package (by symbolic link), so that benchmarks reach what
// only the engine's own package may reach, and need none of the server's dependencies.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "meter-benchmarks",
    dependencies: [.package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")],
    targets: [
        .target(name: "CMeter"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "MeterWire", dependencies: ["CMeter", crypto], swiftSettings: strict),
        .target(name: "MeterDisk", swiftSettings: strict),
        .target(
            name: "Meter", dependencies: ["MeterWire", "MeterDisk", "CMeter", "CLZ4", crypto],
            swiftSettings: strict),
        .target(
            name: "MeterClient", dependencies: ["MeterWire", "MeterDisk", "CMeter"],
            swiftSettings: strict),
        // Counts calls of malloc and retains; linked into benchmarks only.
        .target(name: "CAllocationCounter"),
        .target(
            name: "CanonicalWorkload", dependencies: ["MeterWire"], swiftSettings: strict),
        .executableTarget(
            name: "MeterBenchmarks",
            dependencies: ["Meter", "MeterWire", "CanonicalWorkload", "CAllocationCounter"],
            swiftSettings: strict),
        .executableTarget(
            name: "EmitterBenchmarks",
            dependencies: ["MeterClient", "MeterWire", "CAllocationCounter"],
            swiftSettings: strict),
        .executableTarget(
            name: "MeterLoad", dependencies: ["MeterWire", "CanonicalWorkload"],
            swiftSettings: strict),
    ]
)
