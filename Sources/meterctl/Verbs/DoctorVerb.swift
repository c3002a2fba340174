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
        let answers = offline ? Answers() : try await askServer()
        var found = answers.found
        found += lookAtFiles(answers)
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
            guard verdict > .note, count > 0 else { return nil }
            return verdict.isCountable
                ? Readable.plural(count, verdict.rawValue) : "\(count) \(verdict.rawValue)"
        }
        throw CommandFailure(worst.status, "found: " + counts.joined(separator: ", "))
    }

    // MARK: - The server

    /// What came of asking the server.
    private struct Answers {
        var found: [Diagnosis] = []
        var settings = JSONValue.null
        /// nil where it was not asked.
        var isThere: Bool?
    }

    private func askServer() async throws(CommandFailure) -> Answers {
        // A wrong command line is no finding.
        _ = try server.address()
        let asked = Clocks.wall()
        var status: JSONValue?
        var refusal: CommandFailure?
        do throws(CommandFailure) {
            status = try await server.call(.get, "/admin/v1/status").json
        } catch {
            guard error.status != .unavailable else {
                let lost = Diagnosis(
                    "server",
                    .unreachable,
                    error.sentence,
                    advice: error.next ?? ""
                )
                return Answers(found: [lost], isThere: false)
            }
            refusal = error
        }
        var checks = ServerChecks(asked: asked, now: Clocks.wall())
        let settings = await ask("settings", "/admin/v1/config", &checks)
        if let status { checks.status(status, settings: settings ?? .null) }
        if let refusal { checks.unanswered("server", refusal) }
        if let settings { checks.masterKey(settings) }
        if let keys = await list("keys", "/admin/v1/keys", "keys", &checks) { checks.keys(keys) }
        if let sources = await list("sources", "/admin/v1/sources", "sources", &checks) {
            checks.sources(sources)
        }
        if let gaps = await list("gaps", "/admin/v1/sources/gaps", "gaps", &checks) {
            checks.gaps(gaps)
        }
        let reporting = await list("reporting", "/admin/v1/report/status", "reporting", &checks)
        if let reporting { checks.reporting(reporting) }
        if reporting?.isEmpty == false {
            do throws(CommandFailure) {
                checks.map(try await list("/admin/v1/map/check", "findings"))
            } catch { checks.map(error) }
            do throws(CommandFailure) {
                let (rows, lookedAt) = try await unassigned()
                checks.unassigned(rows, lookedAt: lookedAt)
            } catch { checks.unanswered("unassigned", error) }
        }
        return Answers(found: checks.found, settings: settings ?? .null, isThere: true)
    }

    /// An answer, or the finding that there is none: the rest is looked at all the same.
    private func ask(
        _ check: String,
        _ path: String,
        _ checks: inout ServerChecks
    ) async -> JSONValue? {
        do throws(CommandFailure) {
            return try await server.call(.get, path).json
        } catch {
            checks.unanswered(check, error)
            return nil
        }
    }

    private func list(
        _ check: String,
        _ path: String,
        _ name: String,
        _ checks: inout ServerChecks
    ) async -> [JSONValue]? {
        await ask(check, path, &checks)?.list(name)
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
    private func lookAtFiles(_ answers: Answers) -> [Diagnosis] {
        let settings = answers.settings
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
        checks.directory(isServed: answers.isThere)
        let files = [
            ("master key", "master-key-file", "METER_MASTER_KEY_FILE"),
            ("TLS key", "tls.key-file", "METER_TLS_KEY_FILE"),
            ("Waldur's token", "waldur.token-file", "WALDUR_API_TOKEN_FILE"),
        ]
        for (what, setting, variable) in files {
            let file = ServerChecks.setting(setting, in: settings)
            let known = file.isEmpty ? environment[variable] ?? "" : file
            if !known.isEmpty { checks.secret("\(what) file", known) }
        }
        return checks.found
    }
}
