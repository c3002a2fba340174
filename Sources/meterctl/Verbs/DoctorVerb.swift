internal import ArgumentParser
internal import FoundationEssentials
internal import MeterWaldur
internal import MeterWire

struct DoctorVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks a server and its data directory, and says what to do.",
        discussion: """
            With --offline no server is asked; where none answers, the directory is checked all the \
            same. Nothing is changed, and files are not read through: that is verify.

            Exits by the worst finding: 0 nothing to do; 4 warnings; 1 something does not work; 5 no \
            server answers; 3 damage.

              meterctl doctor
              meterctl doctor --data /var/lib/meter --offline
              meterctl doctor -o json
            """
    )

    @Flag(help: "Ask no server: look at the data directory alone.")
    var offline = false
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    static let columns: [Column] = [
        .text("check"), .state("state"), .prose("found"), .prose("what to do"),
    ]

    func perform() async throws(CommandFailure) {
        var found: [Diagnosis] = []
        var settings: JSONValue?
        if !offline { (found, settings) = try await askServer() }
        found += lookAtFiles(settings ?? .null)
        found.append(
            Diagnosis(
                "backups",
                .note,
                "Meter does not know of any",
                advice: "copy the data directory, and apart from it the master key; "
                    + "Documentation/Operations.md says how"
            )
        )
        var table = Table("checks", Self.columns)
        for one in found { table.add(one.check, one.verdict.rawValue, one.detail, one.advice) }
        output.show(table)
        try Self.conclude(found)
    }

    private static func conclude(_ found: [Diagnosis]) throws(CommandFailure) {
        let worst = found.map(\.verdict).max() ?? .good
        guard worst.status != .done else { return Terminal.talk("nothing has to be done") }
        let counts = Diagnosis.Verdict.allCases.reversed().compactMap { verdict -> String? in
            let count = found.count { $0.verdict == verdict }
            return verdict > .note && count > 0 ? "\(count) \(verdict.rawValue)" : nil
        }
        throw CommandFailure(worst.status, "found: " + counts.joined(separator: ", "))
    }

    // MARK: - The server

    private func askServer() async throws(CommandFailure) -> ([Diagnosis], settings: JSONValue?) {
        // A wrong command line is no finding.
        _ = try server.address()
        let asked = Clocks.wall()
        let answered: Timestamp
        let status: JSONValue
        let settings: JSONValue
        do throws(CommandFailure) {
            status = try await server.call(.get, "/admin/v1/status").json
            answered = Clocks.wall()
            settings = try await server.call(.get, "/admin/v1/config").json
        } catch {
            let verdict: Diagnosis.Verdict = error.status == .unavailable ? .unreachable : .error
            let detail = ([error.message] + (error.detail.map { [$0] } ?? []))
                .joined(separator: ": ")
            return ([Diagnosis("server", verdict, detail, advice: error.next ?? "")], nil)
        }
        var checks = ServerChecks(asked: asked, now: answered)
        checks.status(status, settings: settings)
        checks.masterKey(settings)
        checks.keys(try await list("/admin/v1/keys", "keys"))
        checks.sources(try await list("/admin/v1/sources", "sources"))
        checks.gaps(try await list("/admin/v1/sources/gaps", "gaps"))
        let reporting = try await list("/admin/v1/report/status", "reporting")
        checks.reporting(reporting)
        if !reporting.isEmpty {
            do throws(CommandFailure) {
                checks.map(try await list("/admin/v1/map/check", "findings"))
            } catch { checks.map(error) }
            let (rows, lookedAt) = try await unassigned()
            checks.unassigned(rows, lookedAt: lookedAt)
        }
        return (checks.found, settings)
    }

    private func list(_ path: String, _ name: String) async throws(CommandFailure) -> [JSONValue] {
        try await server.call(.get, path).json.list(name)
    }

    /// Tenants are asked one by one; of very many only the first.
    private static let tenantCountMax = 20

    private func unassigned() async throws(CommandFailure) -> (
        rows: [(tenant: String, usage: JSONValue)], lookedAt: String
    ) {
        let tenants = try await server.call(
            .get,
            "/admin/v1/names",
            query: [("kind", "tenants")]
        ).json.list("names").map(\.cell)
        let asked = tenants.prefix(Self.tenantCountMax)
        var rows: [(tenant: String, usage: JSONValue)] = []
        for tenant in asked {
            let path = "/api/v1/tenants/\(ServerClient.encode(tenant))/billing"
            for usage in try await list(path, "unassigned") { rows.append((tenant, usage)) }
        }
        let isAll = asked.count == tenants.count
        return (rows, isAll ? "\(tenants.count) tenants" : "the first \(asked.count) tenants")
    }

    // MARK: - Files

    /// Only what lies on this machine, as far as it is known where.
    private func lookAtFiles(_ settings: JSONValue) -> [Diagnosis] {
        var isRemote = false
        if case .network? = try? server.address() { isRemote = true }
        guard offline || !isRemote else {
            return [
                Diagnosis("data directory", .note, "not looked at: the server is asked over HTTP")
            ]
        }
        let environment = ProcessInfo.processInfo.environment
        let told = ServerChecks.setting("data", in: settings)
        let path =
            server.data ?? (told.hasPrefix("/") ? told : environment["METER_DATA"] ?? "data")
        var checks = DirectoryChecks(path: path, now: Clocks.wall().milliseconds / 1_000)
        checks.directory()
        let files = [
            ("master key", "master-key-file", "METER_MASTER_KEY_FILE"),
            ("Waldur's token", "waldur.token-file", "WALDUR_API_TOKEN_FILE"),
        ]
        for (what, setting, variable) in files {
            let file = ServerChecks.setting(setting, in: settings)
            // A path that is not whole begins where the server was started.
            let known = file.isEmpty ? environment[variable] ?? "" : file
            if known.hasPrefix("/") { checks.secret("\(what) file", known) }
        }
        return checks.found
    }
}
