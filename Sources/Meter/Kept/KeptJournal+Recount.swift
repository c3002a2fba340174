package import MeterWire

/// What the kept journal alone adds up to.
package struct RecountedUsage: Sendable {
    /// As a query's answer has them.
    package var totals: [UsageGroup: UsageTotal]
    /// By name of a segment whose whole span was read: what its footer should state.
    package var segments: [String: [Name: UsageTotal]]
    package var reading: KeptReading
}

extension KeptJournal {
    /// Counts the kept records again, as recovery would, and adds up what a query asks for.
    ///
    /// The same counting as when they came, from the same bytes: what differs from stored usage is an error of
    /// what was stored, or was changed since.
    ///
    /// - Parameters:
    ///   - position: Of the answer that this is compared with; records behind it are left out.
    ///   - segments: Compared with, too, where all of their span is read.
    ///   - progress: Told the bytes of journal that were read, and will be read.
    /// - Throws: ``KeptJournalError``: `.notKept` where part of the query's time is kept no longer; `.body` with
    ///   what `progress` threw.
    /// - Complexity: O(bytes of the files from the first to the last that has something of that time); memory
    ///   for the totals and some 100,000 counters.
    package func recount<Failure: Error>(
        _ query: UsageQuery, before position: UInt64, segments: [Segment] = [],
        progress: (_ done: UInt64, _ total: UInt64) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> RecountedUsage {
        let first = query.windows.first?.start ?? Timestamp(milliseconds: 0)
        let last = query.windows.last?.start ?? first
        let since: Timestamp?
        do throws(JournalError) { since = try keptSince() } catch { throw .journal(error) }
        if let since, first < since { throw .notKept(JournalNotKept(since: since)) }
        var selection = KeptSelection()
        selection.times = first..<max(first, last)
        let touched = span(touching: selection, before: position)
        selection.times = nil
        selection.span = touched
        selection.allowsPartial = true
        // Of the others not all of the span is read, or rows were left out of them since.
        let comparable = segments.filter {
            touched.from <= $0.span.from && $0.span.to <= touched.to
                && $0.retainedFrom.rawValue == 0
        }
        var recounting = Recounting(query, comparable)
        let total = touched.to - touched.from
        var reading = try records(selection) {
            (record: KeptRecord, batch: borrowing EventBatch) throws(Failure) in
            recounting.add(record, batch)
            try progress(record.end - touched.from, total)
        }
        reading.keptSince = since
        let (totals, sums) = recounting.finish()
        return RecountedUsage(totals: totals, segments: sums, reading: reading)
    }

    /// From the first to the last file that may have something of what is asked for.
    private func span(touching selection: KeptSelection, before position: UInt64) -> JournalSpan {
        var span: JournalSpan?
        for place in files.files.indices where !canSkip(place, selection) {
            let start = files.files[place].header.start
            let end = min(files.end(place, newestEnd: end), position)
            guard start < end else { continue }
            span = JournalSpan(from: span?.from ?? start, to: end)
        }
        return span ?? JournalSpan(from: position, to: position)
    }
}

/// Counts records in their order, a bounded number of counters at a time.
private struct Recounting: ~Copyable {
    private static let keyCountMax = 200_000

    private var live = Self.empty
    private var counter = BatchCounter()
    private var found = BatchNames()
    private var wanted: UsageAccumulator
    private let segments: [Segment]
    /// The segment in whose span the next record lies, or which comes next.
    private var place = 0
    private var ofSegment = Self.sums
    private var sums: [String: [Name: UsageTotal]] = [:]

    init(_ query: UsageQuery, _ segments: [Segment]) {
        wanted = UsageAccumulator(query)
        self.segments = segments.sorted { $0.span.from < $1.span.from }
    }

    private static var empty: LiveCounters {
        LiveCounters(seed: 0x9E37_79B9, limits: DetailLimits())
    }

    private static var sums: UsageAccumulator {
        UsageAccumulator(
            UsageQuery(
                windows: [Minute(rawValue: 0), Minute(rawValue: .max)], grouping: [.component],
                classes: .all, withVariants: true))
    }

    mutating func add(_ record: KeptRecord, _ batch: borrowing EventBatch) {
        while place < segments.count, segments[place].span.to <= record.position { endSegment() }
        if place < segments.count, record.position < segments[place].span.from {
            // What is between two segments belongs to neither.
            flush(intoSegment: false)
            count(record, batch)
            flush(intoSegment: false)
            return
        }
        count(record, batch)
        if live.held.keyCount > Self.keyCountMax { flush(intoSegment: true) }
    }

    private mutating func count(_ record: KeptRecord, _ batch: borrowing EventBatch) {
        if batch.eventCount == 0 { return }
        found.find(batch, in: live.names)
        _ = counter.count(
            batch, &found, by: record.transport.way, verdict: record.verdict, behindBefore: .min,
            into: &live)
    }

    private mutating func flush(intoSegment: Bool) {
        if live.held.keyCount == 0 { return }
        live.add(to: &wanted)
        if intoSegment, place < segments.count { live.add(to: &ofSegment) }
        live = Self.empty
    }

    private mutating func endSegment() {
        flush(intoSegment: true)
        var found: [Name: UsageTotal] = [:]
        for (group, total) in ofSegment.finish() {
            if let component = group.component { found[component] = total }
        }
        sums[segments[place].name] = found
        ofSegment = Self.sums
        place += 1
    }

    consuming func finish() -> (
        totals: [UsageGroup: UsageTotal], sums: [String: [Name: UsageTotal]]
    ) {
        while place < segments.count { endSegment() }
        flush(intoSegment: false)
        return (wanted.finish(), sums)
    }
}
