package import MeterWire

/// What a recount has found.
package struct RecountResult: Sendable {
    /// At which position of the journal; of several parts the last.
    package var position: UInt64 = 0
    /// From when on the journal is kept; nil where all of it is.
    package var keptSince: Timestamp?
    package var recordCount: UInt64 = 0
    /// Sums that were compared.
    package var comparedCount = 0
    /// Segments whose footers were compared, and those of which not all of the span was read.
    package var comparedSegments: [String] = []
    package var otherSegmentCount = 0
    /// Accounts whose figures were compared.
    package var accountCount = 0
    /// What the journal says that those segments hold.
    package var segments: [String: [Name: UsageTotal]] = [:]
    /// What could not be read of the journal, in words.
    package var damage: [String] = []
    package var differences: [RecountDifference] = []
    /// There are more; so many are listed.
    package var isCut = false

    /// What is listed of differences at most.
    package static let differenceCountMax = 1_000
    /// Days of an agent that are looked at minute by minute, at most.
    static let closerLookMax = 20
}

/// Why a recount came to no end.
package enum RecountFailure: Error, Sendable {
    /// Part of the period is kept no longer.
    case notKept(JournalNotKept)
    case engine(EngineError)
    case journal(JournalError)
    /// Stored usage is damaged; it cannot be compared.
    case damaged([String])
    /// What is stored did not become durable in time.
    case notDurable
    case ledger(LedgerError)
    /// Whoever looks on had enough.
    case stopped
}

/// Derives a billing period again from kept journal records alone and compares it with everything that was
/// stored of it: usage, segments' footers, the ledger.
///
/// Beside a running server, or on an engine that nobody feeds; it changes nothing.
package struct RecountRun {
    package struct Stopped: Error {
        package init() {}
    }

    private let engine: Engine
    private let period: BillingPeriod
    private let tenants: Set<Name>?
    private let book: BookState
    private let now: Timestamp
    /// Waits a little for the disk; false when there was enough waiting.
    private let wait: () -> Bool
    /// Told the bytes of journal that were read in the present pass, and will be.
    private let progress: (_ done: UInt64, _ total: UInt64) throws(Stopped) -> Void

    package init(
        _ engine: Engine, _ period: BillingPeriod, of tenants: Set<Name>?, book: BookState,
        at now: Timestamp, wait: @escaping () -> Bool,
        progress: @escaping (_ done: UInt64, _ total: UInt64) throws(Stopped) -> Void
    ) {
        self.engine = engine
        self.period = period
        self.tenants = tenants
        self.book = book
        self.now = now
        self.wait = wait
        self.progress = progress
    }

    /// - Complexity: one pass over the journal of the period for each million sums, and one over a day of it for
    ///   each of the first differences.
    package func run() throws(RecountFailure) -> RecountResult {
        let ledgerQuery = Ledger.query(book, period)
        let recount = Recount(
            start: period.start, end: period.end, boundaries: ledgerQuery.windows, tenants: tenants)
        var result = RecountResult()
        var found: [RecountDifference] = []
        var journalMonth: [UsageGroup: UsageTotal] = [:]
        var storedMonth: [UsageGroup: UsageTotal] = [:]
        let overview = try ask(recount.overview)
        let parts = recount.parts(overview.totals)
        for (number, part) in parts.enumerated() {
            let query = recount.query(of: part)
            let stored = try ask(query)
            let segments =
                number == 0 ? engine.segments.filter { $0.span.to <= stored.position } : []
            let journal = try read(query, stored.position, segments)
            found += Recount.differences(journal.totals, stored.totals, windows: query.windows)
            found += Recount.differences(journal.segments, segments)
            result.note(journal, stored, segments)
            let boundaries = ledgerQuery.windows
            for (group, total) in recount.regrouped(journal.totals, into: boundaries) {
                journalMonth[group, default: UsageTotal()].add(total)
            }
            for (group, total) in recount.regrouped(stored.totals, into: boundaries) {
                storedMonth[group, default: UsageTotal()].add(total)
            }
        }
        if parts.count > 1 {
            // A tenant that only the journal knows is in no part.
            var everybody = recount.overview
            everybody.grouping = [.tenant, .component, .window]
            let stored = try ask(everybody)
            let journal = try read(everybody, stored.position, [])
            let known = Set(overview.totals.keys.compactMap(\.tenant))
            found += Recount.differences(
                journal.totals, stored.totals, windows: everybody.windows
            ).filter { !known.contains($0.series?.tenant ?? "") }
        }
        found += try ledgerDifferences(journalMonth, storedMonth, ledgerQuery, &result)
        result.differences = try lookCloser(found)
        result.isCut = result.differences.count > RecountResult.differenceCountMax
        if result.isCut {
            result.differences = Array(
                result.differences.prefix(RecountResult.differenceCountMax))
        }
        return result
    }

    // MARK: -

    /// Asks for what is stored until it is durable.
    private func ask(_ query: UsageQuery) throws(RecountFailure) -> UsageAnswer {
        while true {
            let pending: PendingAnswer
            do throws(EngineError) { pending = try engine.query(query, at: now) } catch {
                throw .engine(error)
            }
            guard pending.damage.isEmpty else { throw .damaged(pending.damage) }
            while !engine.isOutlived(pending) {
                if let answer = engine.answer(pending) { return answer }
                guard wait() else { throw .notDurable }
            }
        }
    }

    private func read(
        _ query: UsageQuery, _ position: UInt64, _ segments: [Segment]
    ) throws(RecountFailure) -> RecountedUsage {
        do throws(KeptJournalError<Stopped>) {
            return try engine.keptJournal.recount(
                query, before: position, segments: segments, progress: progress)
        } catch {
            switch error {
            case .journal(let error): throw .journal(error)
            case .notKept(let error): throw .notKept(error)
            case .body: throw .stopped
            }
        }
    }

    /// What the ledger makes of either side: the figures that Waldur is told.
    private func ledgerDifferences(
        _ journal: [UsageGroup: UsageTotal], _ stored: [UsageGroup: UsageTotal],
        _ query: UsageQuery, _ result: inout RecountResult
    ) throws(RecountFailure) -> [RecountDifference] {
        func figures(
            _ totals: [UsageGroup: UsageTotal]
        ) throws(RecountFailure) -> [SubmissionKey: LedgerFigure] {
            let answer = UsageAnswer(
                totals: totals, position: result.position, asOf: now, completeThrough: nil)
            do throws(LedgerError) {
                let month = try Ledger.attribute(answer, to: query, book: book, period: period)
                return Dictionary(
                    month.figures.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            } catch { throw .ledger(error) }
        }
        let own = try figures(journal)
        let other = try figures(stored)
        let keys = Set(own.keys).union(other.keys).sorted()
        result.accountCount = keys.count
        return keys.compactMap { key in
            let derived = own[key]?.total.rawValue ?? 0
            let kept = other[key]?.total.rawValue ?? 0
            if derived == kept { return nil }
            return RecountDifference(
                place: .ledger(key.description), series: nil, component: key.component,
                minutes: period.start..<period.end, journal: UsageTotal(sum: derived),
                stored: UsageTotal(sum: kept))
        }
    }

    /// Looks at the first days that differ minute by minute.
    private func lookCloser(
        _ found: [RecountDifference]
    ) throws(RecountFailure) -> [RecountDifference] {
        var closer: [RecountDifference] = []
        var seen: Set<Day> = []
        for difference in found {
            guard case .usage = difference.place, let series = difference.series,
                !series.agent.bytes.isEmpty, let minutes = difference.minutes
            else {
                closer.append(difference)
                continue
            }
            let day = Day(tenant: series.tenant, agent: series.agent, minutes: minutes)
            if seen.contains(day) { continue }
            guard seen.count < RecountResult.closerLookMax else {
                closer.append(difference)
                continue
            }
            seen.insert(day)
            let query = UsageQuery(
                tenants: [day.tenant], agents: [day.agent],
                windows: (minutes.lowerBound.rawValue...minutes.upperBound.rawValue).map {
                    Minute(rawValue: $0)
                },
                grouping: [.tenant, .agent, .access, .component, .window, .way], classes: .all,
                withVariants: true)
            let stored = try ask(query)
            let journal = try read(query, stored.position, [])
            closer += Recount.differences(journal.totals, stored.totals, windows: query.windows)
        }
        return closer
    }

    private struct Day: Hashable {
        let tenant: Name
        let agent: Name
        let minutes: Range<Minute>
    }
}

extension RecountResult {
    fileprivate mutating func note(
        _ journal: RecountedUsage, _ stored: UsageAnswer, _ segments: [Segment]
    ) {
        position = stored.position
        keptSince = journal.reading.keptSince
        recordCount += journal.reading.recordCount
        comparedCount += Set(journal.totals.keys).union(stored.totals.keys).count
        if !segments.isEmpty {
            self.segments = journal.segments
            comparedSegments = journal.segments.keys.sorted()
            otherSegmentCount = segments.count - comparedSegments.count
        }
        for damage in journal.reading.damage where !self.damage.contains(damage.description) {
            self.damage.append(damage.description)
        }
    }
}
