internal import Logging
internal import Meter
internal import MeterDisk
internal import MeterWaldur
internal import MeterWire
internal import Synchronization

/// How retention stands: what the last pass saw.
struct RetentionStanding: Sendable {
    let rule: RetentionRule
    let journal: KeptJournalFacts
    /// Statements of months that ended before this may go.
    let statementsReleasedBefore: Timestamp

    /// Days until the journal reaches its limit at its present growth; nil where that is not known.
    var daysUntilLimit: Int? {
        guard let growth = journal.bytesPerDay, growth > 0 else { return nil }
        return max(0, rule.journalByteCountMax - journal.byteCount) / growth
    }

    /// The journal reaches back less far than what is not released.
    var isShort: Bool {
        guard let since = journal.keptSince, since < Timestamp(milliseconds: .max) else {
            return false
        }
        return since > rule.journalReleasedBefore
    }
}

/// What looks after the files of the data directory, for the routes that show it.
struct DataKeepers: Sendable {
    let catalog: CatalogKeeper
    let retention: RetentionKeeper
}

/// Keeps what has to be kept, lets go of what nobody needs any more, and says when the limit was stronger.
///
/// Billing rests on none of it: sums, carries and statements' hashes of closed periods are in the book, which
/// never expires.
final class RetentionKeeper: Sendable {
    private let context: ServerContext
    private let disk: any Disk
    /// The checkpointer's thread and an administrator may ask for a pass.
    private let passing = Mutex<Void>(())

    init(context: ServerContext, disk: any Disk) {
        self.context = context
        self.disk = disk
    }

    /// Writes one missing index of a journal file.
    ///
    /// - Returns: Whether there may be another.
    func indexNext() -> Bool {
        do throws(EngineError) { return try context.engine.indexNext() != nil } catch {
            context.metrics.retentionFailures.add()
            context.logger.error(
                "a journal file could not be indexed", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Lets go of what is released, or beyond the limit.
    func pass() { passing.withLock { _ in passAlone() } }

    private func passAlone() {
        let standing = renew()
        do throws(EngineError) {
            let summary = try context.engine.applyRetention()
            let statements = try removeStatements(before: standing.statementsReleasedBefore)
            if !summary.removedFiles.isEmpty || !summary.rewrittenSegments.isEmpty
                || !statements.isEmpty
            {
                context.logger.notice(
                    "retention applied",
                    metadata: [
                        "removed": "\((summary.removedFiles + statements).joined(separator: " "))",
                        "rewritten": "\(summary.rewrittenSegments.joined(separator: " "))",
                    ])
            }
        } catch {
            context.metrics.retentionFailures.add()
            context.logger.error("retention failed", metadata: ["error": "\(error)"])
        }
        report(renew())
    }

    /// What holds now, by book, settings and the room on the disk.
    @discardableResult
    func renew() -> RetentionStanding {
        let now = context.clock.now()
        let settings = context.configuration.retention
        let zones = context.configuration.zones
        let time = ReleasedTime(
            book: context.book.state, zones: zones, now: now, ageDays: settings.journalAgeDays)
        var rule = RetentionRule(journalByteCountMax: settings.journalByteCount)
        rule.journalReleasedBefore = time.released(closedForDays: settings.journalDays)
        rule.segmentsReleasedBefore = segmentsReleased(time, zones, now)
        let facts = (try? context.engine.keptJournalFacts(at: now)) ?? KeptJournalFacts()
        rule.journalByteCountMax = min(rule.journalByteCountMax, room(besides: facts.byteCount))
        let standing = RetentionStanding(
            rule: rule, journal: facts,
            statementsReleasedBefore: Self.start(
                monthsBefore: now, settings.statementsMonths, in: Array(zones.values)))
        context.engine.retention = rule
        context.retention.withLock { $0 = standing }
        return standing
    }

    private func segmentsReleased(
        _ time: ReleasedTime, _ zones: [WaldurID: WaldurZone], _ now: Timestamp
    ) -> Minute {
        let aged = Self.start(
            monthsBefore: now, context.configuration.retention.segmentsMonths,
            in: Array(zones.values))
        // With nothing bound age decides alone.
        let isBound = context.book.state.bindings.values.contains { !$0.isEmpty }
        let released = isBound ? min(aged, time.released(closedForDays: 0)) : aged
        return Minute(released) ?? Minute(rawValue: 0)
    }

    /// The start of the month so many months before the present one, where that is earliest.
    private static func start(
        monthsBefore now: Timestamp, _ count: Int, in zones: [WaldurZone]
    ) -> Timestamp {
        (zones.isEmpty ? [.utc] : zones).map { zone in
            guard var month = BillingMonth(of: now, in: zone) else {
                return Timestamp(milliseconds: 0)
            }
            for _ in 0..<count { month = month.previous }
            return month.start(in: zone)
        }.min() ?? Timestamp(milliseconds: 0)
    }

    /// Bytes that the journal may have, so that a tenth of the disk, at most 10 GiB, stays free.
    private func room(besides keptByteCount: Int) -> Int {
        guard let facts = DiskFacts(of: context.configuration.dataDirectory) else { return .max }
        let reserve = min(facts.byteCount / 10, 10 << 30)
        let free = facts.freeByteCount > reserve ? facts.freeByteCount - reserve : 0
        let (room, overflow) = keptByteCount.addingReportingOverflow(Int(clamping: free))
        if overflow { return .max }
        return facts.freeByteCount > reserve
            ? room : max(0, room - Int(clamping: reserve - facts.freeByteCount))
    }

    /// Removes files of statements of months that ended before a moment; their hashes stay in the book.
    private func removeStatements(before moment: Timestamp) throws(EngineError) -> [String] {
        let names = expiredStatements(before: moment)
        do throws(DiskError) {
            for name in names { try disk.remove(name) }
            if !names.isEmpty { try disk.syncDirectory() }
        } catch { throw .disk(error) }
        return names
    }

    /// Files of statements in the data directory.
    var statementCount: Int {
        ((try? disk.list()) ?? []).count { $0.hasPrefix("statement-") && !$0.hasSuffix(".tmp") }
    }

    /// Files of statements that the next pass removes, sorted.
    func expiredStatements(before moment: Timestamp) -> [String] {
        var hashes: Set<String> = []
        let zones = context.configuration.zones
        for (key, standing) in context.book.state.billing.periods
        where key.month.end(in: zones[key.waldur] ?? .utc) <= moment {
            hashes.formUnion((standing.earlier + [standing.closed]).map(\.statement))
        }
        if hashes.isEmpty { return [] }
        let names = Set((try? disk.list()) ?? [])
        return hashes.flatMap { hash in
            SignedDocument.Form.allCases.map { StatementFiles.name(hash, $0) }
        }.filter(names.contains).sorted()
    }

    /// Says whether the journal reaches back as far as it should.
    private func report(_ standing: RetentionStanding) {
        guard standing.isShort, let since = standing.journal.keptSince else {
            context.readiness.clear(.journalShort)
            return
        }
        let reach = TimeText.text(since).map { "from \($0) on" } ?? "not at all"
        let detail =
            "the journal is kept \(reach), though it is wanted from "
            + "\(TimeText.text(standing.rule.journalReleasedBefore) ?? "the beginning") on; recount "
            + "refuses what is older. Give it more room: retention.journal-size, a larger disk"
        if !context.readiness.entries.contains(where: { $0.reason == .journalShort }) {
            context.logger.warning(
                "the journal is kept too short", metadata: ["detail": "\(detail)"])
        }
        context.readiness.set(.journalShort, detail)
    }
}
