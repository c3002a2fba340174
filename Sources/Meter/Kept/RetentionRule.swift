package import MeterWire

/// What is needed no more: made from the book and the settings, replaced as a whole.
package struct RetentionRule: Equatable, Sendable {
    /// What happened before this is in closed periods, and closed for long enough that nobody looks into the
    /// journal for it any more.
    package var journalReleasedBefore: Timestamp
    /// Bytes of journal that are kept at least, and at most one file more: beyond that the oldest go,
    /// whatever they concern.
    package var journalByteCountMax: Int
    /// Rows of segments before this may go: their retention has passed, and they are in closed periods.
    package var segmentsReleasedBefore: Minute

    /// Nothing is released, but for what goes beyond a limit.
    package init(
        journalReleasedBefore: Timestamp = Timestamp(milliseconds: .min),
        journalByteCountMax: Int,
        segmentsReleasedBefore: Minute = Minute(rawValue: 0)
    ) {
        self.journalReleasedBefore = journalReleasedBefore
        self.journalByteCountMax = journalByteCountMax
        self.segmentsReleasedBefore = segmentsReleasedBefore
    }

    init(_ options: EngineOptions) {
        self.init(journalByteCountMax: options.keptJournalBytes)
    }

    /// Whether a journal file concerns only what is released. Where nothing tells what it concerns it stays.
    func releases(_ span: JournalSpan, by indexes: KeptIndexes) -> Bool {
        if span.from == span.to { return true }
        guard let index = indexes.files[span.from], index.span == span, !index.contents.isDamaged,
            let through = index.contents.concernsThrough
        else { return false }
        return through < journalReleasedBefore
    }
}
