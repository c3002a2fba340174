internal import ArgumentParser
internal import FoundationEssentials
internal import Meter
internal import MeterDisk

struct VerifyVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks Meter's files, without a server and changing nothing.",
        discussion: """
            A directory is checked as a whole: every file, whether they fit together, and the sums that \
            they state. A single file is known by its first bytes, whatever its name is. Exits 3 where \
            damage is found.

            On a server that runs, a file may grow or go while it is read; stop it, or verify a copy.

            With --public-key the paths are statements, whose signatures are checked against the keys of \
            a file; damage is what was changed or signed by another. With --head the paths are data \
            directories, whose books are compared with a signed head of before.

              meterctl verify /var/lib/meter
              meterctl verify --head head-2026-11.json --public-key meter.pub \\
                  /var/lib/meter
              meterctl verify --public-key meter.pub acme-2026-11.json
              meterctl verify segment-0000000000000000-0000000000a1b2c3.ms -o json
            """
    )

    @Argument(
        help: "Data directories and files; METER_DATA or ./data otherwise.",
        completion: .file()
    )
    var paths: [String] = []
    @Option(
        help: "Check statements: a file with the public keys that are trusted.",
        completion: .file()
    )
    var publicKey: String?
    @Option(
        help: "Check that books still have what this head (`book head`) names.",
        completion: .file()
    )
    var head: String?
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let keys = try publicKey.map { path throws(CommandFailure) in
            try StatementCheck.publicKeys(path)
        }
        let head = try self.head.map { path throws(CommandFailure) in try LocalFile.bytes(path) }
        if keys != nil && head == nil && paths.isEmpty {
            throw CommandFailure(.usage, "--public-key needs the statements to check")
        }
        let named =
            paths.isEmpty ? [ProcessInfo.processInfo.environment["METER_DATA"] ?? "data"] : paths
        let path = Column.text("path")
        var table = Table(
            "findings",
            [
                .state("state"), .text("kind"), named.count > 1 ? path : path.forProgramsOnly,
                .text("file"), .prose("detail"),
            ]
        )
        var damaged = 0
        for path in named {
            let findings =
                if let head {
                    [try Self.finding(head: head, of: path, publicKeys: keys)]
                } else if let keys {
                    [
                        StatementCheck.finding(
                            try LocalFile.bytes(path),
                            file: path,
                            publicKeys: keys
                        )
                    ]
                } else {
                    try Self.findings(path, watched: true)
                }
            for finding in findings {
                table.add(finding.state.rawValue, finding.kind, path, finding.file, finding.detail)
            }
            damaged += findings.count { $0.state == .damaged }
        }
        output.show(table)
        guard damaged == 0 else {
            throw CommandFailure(
                .damage,
                damaged == 1 ? "damage was found" : "damage was found in \(damaged) places",
                next: head != nil
                    ? "try another head of that time; where it says the same, keep the directory as it is, and "
                        + "restore the book from a copy"
                    : keys == nil
                        ? "keep the directory as it is, and restore the named files from a copy"
                        : "ask for the statement again: meterctl statement render"
            )
        }
    }

    private static func finding(
        head: [UInt8],
        of path: String,
        publicKeys: Set<String>?
    ) throws(CommandFailure) -> Finding {
        let disk = try MeterPath(path).disk
        do throws(DiskError) {
            return try StatementCheck.finding(head: head, of: disk, publicKeys: publicKeys)
        } catch {
            throw CommandFailure(.failed, "the book in \(path) cannot be read: \(error)")
        }
    }

    /// - Parameter watched: Shows on a terminal how far it is.
    static func findings(
        _ path: String,
        watched: Bool = false
    ) throws(CommandFailure) -> [Finding] {
        let target = try MeterPath(path)
        do throws(DiskError) {
            var disk: any Disk = target.disk
            var progress: Progress?
            defer { progress?.finish() }
            if watched {
                let bar = try Progress(reading: target.file.map { [$0] }, of: disk, "verifying")
                disk = WatchedDisk(disk, bar)
                progress = bar
            }
            var verification = Verification(disk)
            if let file = target.file {
                try verification.file(file)
            } else {
                try verification.directory()
            }
            return verification.findings
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be read: \(error)")
        }
    }
}
