internal import ArgumentParser
internal import FoundationEssentials
internal import Meter
internal import MeterWaldur

struct VerifyVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks Meter's files, without a server and changing nothing.",
        discussion: """
            A directory is checked as a whole: every file, whether they fit together, and the sums that \
            they state. A single file is known by its first bytes, whatever its name is. Exits 3 where \
            damage is found.

            On a server that runs, a file may grow or go while it is read; stop it, or verify a copy.

              meterctl verify /var/lib/meter
              meterctl verify /backup/segment-0000000000000000-0000000000a1b2c3.ms
            """
    )

    @Argument(help: "Data directories and files; METER_DATA or ./data otherwise.")
    var paths: [String] = []
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let named =
            paths.isEmpty ? [ProcessInfo.processInfo.environment["METER_DATA"] ?? "data"] : paths
        var table = Table("state", "kind", "file", "detail")
        var json: [String] = []
        var damaged = 0
        for path in named {
            let findings = try Self.findings(path)
            for finding in findings {
                table.add(finding.state.rawValue, finding.kind, finding.file, finding.detail)
                json.append(Self.json(finding, path: path))
            }
            damaged += findings.count { $0.state == .damaged }
        }
        switch output.output {
        case .table: Terminal.data(table.text)
        case .json: Terminal.line("{\"findings\":[" + json.joined(separator: ",") + "]}")
        }
        guard damaged == 0 else {
            throw CommandFailure(
                .damage,
                "\(damaged) times damage",
                next: "keep the directory as it is, and restore the named files from a copy"
            )
        }
    }

    static func findings(_ path: String) throws(CommandFailure) -> [Finding] {
        let target = try MeterPath(path)
        var verification = Verification(target.disk)
        do throws(DiskError) {
            if let file = target.file {
                try verification.file(file)
            } else {
                try verification.directory()
            }
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be read: \(error)")
        }
        return verification.findings
    }

    private static func json(_ finding: Finding, path: String) -> String {
        RequestBody.object([
            ("path", RequestBody.string(path)), ("file", RequestBody.string(finding.file)),
            ("kind", RequestBody.string(finding.kind)),
            ("state", RequestBody.string(finding.state.rawValue)),
            ("detail", RequestBody.string(finding.detail)),
        ])
    }
}
