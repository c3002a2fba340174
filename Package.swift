// swift-tools-version: 6.2
import PackageDescription

/// One list of settings for every target: Swift 6, strict memory safety, warnings as errors.
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

/// `METER_ENGINE_ONLY=1` leaves out every target that needs the server's dependencies, so that the
/// engine, the wire and the emitter build and test in release within minutes.
let engineOnly = Context.environment["METER_ENGINE_ONLY"] == "1"

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")
]

var products: [Product] = [
    .library(name: "MeterWire", targets: ["MeterWire"]),
    .library(name: "MeterClient", targets: ["MeterClient"]),
    .library(name: "Meter", targets: ["Meter"]),
]

var targets: [Target] = [
    // C that Swift's Glibc module hides: recvmmsg, sendmmsg, CRC-32C instructions, prefetch.
    .target(name: "CMeter"),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    // The language that emitters and the engine share.
    .target(name: "MeterWire", dependencies: ["CMeter", crypto], swiftSettings: strict),
    // The only door to files, of the engine's data and of emitters' spools.
    .target(name: "MeterDisk", swiftSettings: strict),
    // The emitter SDK; never links the engine.
    .target(
        name: "MeterClient", dependencies: ["MeterWire", "MeterDisk", "CMeter"],
        swiftSettings: strict),
    // The engine: admission, journal, counters, segments, book, ledger. Synchronous, no networking.
    .target(
        name: "Meter", dependencies: ["MeterWire", "MeterDisk", "CMeter", "CLZ4", crypto],
        swiftSettings: strict),
    .target(
        name: "MeterTesting", dependencies: ["MeterWire", "Meter"], path: "Tests/MeterTesting",
        swiftSettings: strict),
    .testTarget(
        name: "MeterWireTests", dependencies: ["MeterWire", "MeterTesting"], swiftSettings: strict),
    .testTarget(
        name: "MeterClientTests",
        dependencies: ["MeterClient", "MeterWire", "MeterDisk", "MeterTesting"],
        swiftSettings: strict),
    .testTarget(
        name: "MeterTests", dependencies: ["Meter", "MeterWire", "MeterTesting"],
        swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
]

if !engineOnly {
    dependencies += [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", exact: "1.4.0",
            traits: ["YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ]
    let nio: [Target.Dependency] = [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
    ]
    let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
    let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
    let lifecycle = Target.Dependency.product(
        name: "ServiceLifecycle", package: "swift-service-lifecycle")
    let arguments = Target.Dependency.product(
        name: "ArgumentParser", package: "swift-argument-parser")
    targets += [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // SQLite index over book, journal and segments; deletable, rebuilt at start.
        .target(
            name: "MeterCatalog",
            dependencies: ["Meter", "MeterWire", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        // Waldur's API and the reporter's state machine.
        .target(
            name: "MeterWaldur",
            dependencies: [
                "Meter", "MeterWire", logging,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio,
            swiftSettings: strict),
        .executableTarget(
            name: "MeterServer",
            dependencies: [
                "Meter", "MeterWire", "MeterCatalog", "MeterWaldur", "CMeter", "CZlib", crypto,
                hummingbird, logging, lifecycle, arguments,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ] + nio,
            // A link to Documentation/openapi.yaml: the server hands out the page itself.
            resources: [.embedInCode("API/openapi.yaml")], swiftSettings: strict),
        .executableTarget(
            name: "meterctl",
            dependencies: [
                "Meter", "MeterWire", "MeterClient", "MeterCatalog", "MeterWaldur", "CMeter",
                crypto, arguments,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio,
            swiftSettings: strict),
        // A Waldur that keeps the real one's rules, for tests and the demo.
        .executableTarget(
            name: "WaldurDouble",
            dependencies: [
                hummingbird, logging, lifecycle, arguments, crypto,
                .product(name: "HummingbirdCore", package: "hummingbird"),
            ] + nio,
            path: "Tests/WaldurDouble", swiftSettings: strict),
        .testTarget(
            name: "MeterCatalogTests", dependencies: ["MeterCatalog", "Meter", "MeterTesting"],
            swiftSettings: strict),
        // The scripted year, and what it must come to: by code that has nothing of Meter.
        .target(name: "YearTruth", path: "Tests/YearTruth", swiftSettings: strict),
        .testTarget(
            name: "MeterWaldurTests",
            dependencies: [
                "MeterWaldur", "Meter", "MeterServer", "MeterTesting", "WaldurDouble", "YearTruth",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WaldurDoubleTests",
            dependencies: [
                "WaldurDouble", .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "MeterctlTests",
            dependencies: [
                "meterctl", "MeterWaldur", "MeterWire", "MeterDisk", "Meter", "MeterTesting",
                arguments,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MeterServerTests",
            dependencies: [
                "MeterServer", "meterctl", "MeterClient", "MeterCatalog", "MeterWire", "Meter",
                "MeterTesting",
            ],
            swiftSettings: strict),
    ]
}

let package = Package(
    name: "meter", products: products, dependencies: dependencies, targets: targets)
