internal import ArgumentParser
internal import FoundationEssentials
internal import Meter
internal import MeterDisk
internal import MeterWaldur
internal import MeterWire

struct RecountVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "recount",
        abstract: "Derives a month again from kept journal records, and compares.",
        discussion: """
            Every event is counted again from the journal alone and compared with what is stored: usage by \
            tenant, agent, access, component and day (minutes where something differs), what segments \
            state of themselves, the catalog, and the figures of the ledger. Exits 2 where something \
            differs, 3 where the journal is damaged, 4 with the date where it is kept no longer.

            With --offline a copy of a data directory is recounted without a server; nothing in it is \
            changed, and there is no catalog.

              meterctl recount --period 2026-11
              meterctl recount --period 2026-11 --tenant acme -o json
              meterctl recount --period 2026-11 --offline /mnt/backup/meter
            """
    )

    @Option(help: "The month, such as 2026-11.")
    var period: String
    @Option(help: "Only this tenant.", completion: KnownNames.completion(.tenants))
    var tenant: String?
    @Option(help: "A copy of a data directory.", completion: .directory)
    var offline: String?
    @Option(help: "With --offline: the time zone of months, such as +02:00 or Europe/Tallinn.")
    var timeZone = "UTC"
    @OptionGroup var waldur: WaldurOption
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    static let columns: [Column] = [
        .state("of"), .text("subject"), .text("tenant"), .text("agent"), .text("access"),
        .text("component"), .text("from"), .text("to").forProgramsOnly, .number("journal"),
        .number("stored"), .number("diff", "difference"),
        .number("journal count", "journalCount").forProgramsOnly,
        .number("stored count", "storedCount").forProgramsOnly,
    ]

    func perform() async throws(CommandFailure) {
        if let offline { return try recount(offline) }
        var answer = try await server.call(
            .post,
            "/admin/v1/recounts",
            query: waldur.query,
            body: RequestBody.object([
                ("month", RequestBody.string(period)),
                ("tenant", RequestBody.string(tenant)),
            ])
        )
        let path = "/admin/v1/recounts/\(answer.json.cell("number"))"
        var progress: Progress?
        while answer.json.cell("state") == "running" {
            if let total = UInt64(answer.json.cell("bytes")), total > 0 {
                if progress == nil { progress = Progress("recounting", total: total, .bytes) }
                progress?.advance(to: UInt64(answer.json.cell("readBytes")) ?? 0)
            }
            do { try await Task.sleep(for: .milliseconds(100)) } catch {
                throw CommandFailure(.interrupted, "interrupted; the server recounts to the end")
            }
            answer = try await server.call(.get, path)
        }
        progress?.finish()
        output.show(answer, "differences", Self.columns, nothing: "no differences")
        try conclude(
            differences: answer.json.list("differences").count,
            damage: answer.json.list("damage").map(\.cell),
            facts: Self.facts(answer.json)
        )
    }

    private static func facts(_ json: JSONValue) -> String {
        "\(json.cell("records")) records, \(json.cell("compared")) sums, "
            + "\(json.cell("segments")) segments"
            + (json.isTrue("catalog") ? ", the catalog" : "")
            + " and \(json.cell("accounts")) accounts were compared"
    }

    private func conclude(
        differences: Int, damage: [String], facts: String
    ) throws(CommandFailure) {
        Terminal.talk(facts)
        for damage in damage { Terminal.talk("damage: \(damage)") }
        guard damage.isEmpty else {
            throw CommandFailure(
                .damage, "the journal is damaged, and so may be what was counted again",
                next: "restore the named files from a copy, or recount that: --offline")
        }
        guard differences == 0 else {
            throw CommandFailure(
                .differences,
                differences == 1 ? "1 sum differs" : "\(differences) sums differ",
                next: "check the files: meterctl verify")
        }
    }

    // MARK: - Offline

    private func recount(_ path: String) throws(CommandFailure) {
        guard let month = BillingMonth(period) else {
            throw CommandFailure(.usage, "--period is a month since 1970, such as 2026-11")
        }
        guard let zone = WaldurZone(timeZone) else {
            throw CommandFailure(
                .usage,
                "--time-zone is UTC, an offset such as +02:00 or a name such as Europe/Tallinn")
        }
        let target = try MeterPath(path)
        guard target.file == nil else {
            throw CommandFailure(.usage, "--offline is a data directory, not a file")
        }
        let disk = OverlayDisk(target.disk)
        var state = BookState()
        let engine: Engine
        do {
            _ = try Book.read(disk) { state.apply($0) }
            var random = SystemRandomNumberGenerator()
            (engine, _) = try Engine.open(disk: disk, policy: AdmissionPolicy(), random: &random)
        } catch {
            throw CommandFailure(
                .damage, "\(path) cannot be opened: \(error)",
                next: "see what is wrong: meterctl verify \(path)")
        }
        let waldurs = Set(state.bindings.values.joined().map(\.waldur)).sorted()
        var table = Table("differences", Self.columns)
        var count = 0
        var damage: [String] = []
        for (number, waldur) in (waldurs.isEmpty ? [WaldurID("waldur")] : waldurs).enumerated() {
            guard let start = Minute(month.start(in: zone)), let end = Minute(month.end(in: zone)),
                let period = BillingPeriod(waldur: waldur, month: month, start: start, end: end)
            else { throw CommandFailure(.usage, "--period is a month since 1970, such as 2026-11") }
            let result = try recount(engine, period, state)
            // Usage is one Waldur's like another's: what differs in it is said once.
            let differences = result.differences.filter { number == 0 || $0.place.isOfWaldur }
            for difference in differences { table.add(difference) }
            count += differences.count
            damage += result.damage.filter { !damage.contains($0) }
            Terminal.talk(
                "\(waldur.name): \(result.recordCount) records, \(result.comparedCount) sums, "
                    + "\(result.comparedSegments.count) segments and \(result.accountCount) "
                    + "accounts")
        }
        output.show(table, nothing: "no differences")
        try conclude(differences: count, damage: damage, facts: "recounted \(path)")
    }

    private func recount(
        _ engine: Engine, _ period: BillingPeriod, _ book: BookState
    ) throws(CommandFailure) -> RecountResult {
        var progress: Progress?
        defer { progress?.finish() }
        let run = RecountRun(
            engine, period, of: tenant.map { [Name($0)] }, book: book,
            at: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)),
            wait: { false },
            progress: { (done, total) throws(RecountRun.Stopped) in
                if progress == nil { progress = Progress("recounting", total: total, .bytes) }
                progress?.advance(to: done)
            })
        do throws(RecountFailure) { return try run.run() } catch {
            switch error {
            case .notKept(let refusal):
                throw CommandFailure(
                    .precondition, refusal.description,
                    next: "recount an older copy, which has those files")
            default: throw CommandFailure(.failed, "the recount came to no end: \(error)")
            }
        }
    }
}

extension Table {
    fileprivate mutating func add(_ difference: RecountDifference) {
        let series = difference.series
        add(
            difference.place.word, difference.place.subject ?? "",
            series?.tenant.description ?? "", series?.agent.description ?? "",
            series?.access?.description ?? "", difference.componentText,
            difference.minutes.flatMap { TimeText.text($0.lowerBound) } ?? "",
            difference.minutes.flatMap { TimeText.text($0.upperBound) } ?? "",
            String(difference.journal.sum), String(difference.stored.sum), difference.difference,
            String(difference.journal.count), String(difference.stored.count))
    }
}
