internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire

/// A data directory with a master key and wire keys, as an operator would have made them.
final class TestSite {
    let directory: TemporaryDirectory
    let master: MasterKey
    let masterKeyFile: String
    private var random: Seed

    init(seed: UInt64) throws {
        directory = try TemporaryDirectory()
        random = Seed(seed)
        let made = MasterKey.make(using: &random)
        master = made.key
        masterKeyFile = directory.path + "/master"
        try Data(made.fileContents.utf8).write(to: URL(filePath: masterKeyFile))
    }

    var data: String { directory.path + "/data" }

    /// A new principal with a wire key; only while no server runs.
    func addKey(_ kind: Principal.Kind = .platformForAll) throws -> (PrincipalID, WireKey) {
        let (book, state, _) = try Book.open(try POSIXDisk(path: data))
        let id = state.nextPrincipal
        let (text, key) = Key.makeWire(for: id, label: "test", master: master, using: &random)
        try book.append(
            [.principalSet(Principal(id: id, kind: kind, label: "test")), .keyCreated(key)],
            author: "test",
            at: Timestamp(milliseconds: 1_700_000_000_000)
        )
        guard let wire = WireKey(id: key.id, secret: text.secret.bytes) else {
            throw MissingKey()
        }
        return (id, wire)
    }

    struct MissingKey: Error {}

    func start(_ arguments: [String] = []) throws -> ServerProcess {
        try ServerProcess(data: data, ["--master-key-file", masterKeyFile] + arguments)
    }

    /// Starts the server again where emitters still look for it.
    func restart(onAddresses arguments: [String]) throws -> ServerProcess {
        try ServerProcess(
            data: data,
            arguments + ["--master-key-file", masterKeyFile],
            hasFreePorts: false
        )
    }

    /// Waits for the running server's first checkpoint; at most a minute, since the machine may be busy.
    func waitForSegment() throws -> POSIXDisk {
        let disk = try POSIXDisk(path: data)
        for _ in 0..<1_200 where LiveFiles.find(try disk.list()).segments.isEmpty { usleep(50_000) }
        return disk
    }

    /// What the data directory holds, read while no server runs.
    func stored() throws -> Stored { try Stored(data: data) }
}

/// The engine's state, opened offline from a data directory.
struct Stored {
    let totals: NaiveMeter
    let sources: [SourceID: SourceSummary]
    let recovery: RecoverySummary

    init(data: String) throws {
        var random = Seed(99)
        let lock = try DirectoryLock(path: data)
        defer { withExtendedLifetime(lock) {} }
        let (engine, recovery) = try Engine.open(
            disk: try POSIXDisk(path: data),
            policy: AdmissionPolicy(),
            random: &random
        )
        let pending = try engine.query(
            UsageQuery(
                windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
                grouping: [.tenant, .agent, .access, .component],
                withVariants: true
            ),
            at: Timestamp(milliseconds: 0)
        )
        _ = try engine.commit()
        var meter = NaiveMeter()
        meter.totals = engine.answer(pending)?.totals ?? [:]
        totals = meter
        sources = Dictionary(
            engine.sources().map { ($0.key.source, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.recovery = recovery
        try engine.finish()
    }
}

/// When a test's events are made: neither behind nor ahead.
var tenMinutesAgo: Timestamp {
    Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000) - 10 * 60_000)
}
