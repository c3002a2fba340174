package import MeterWire

/// A span of the journal, `[from, to)`, in positions.
package struct JournalSpan: Hashable, Sendable {
    package let from: UInt64
    package let to: UInt64

    package init(from: UInt64, to: UInt64) {
        self.from = from
        self.to = to
    }
}

/// One counter rolled up: what one series used of one component in one minute.
///
/// Several rows may have the same key (a sum that would leave 64 bits is continued in the next row, and
/// rows of different segments overlap): a reader adds them, in `UInt128`.
package struct UsageRow: Equatable, Sendable {
    /// Index into the series dictionary that comes with the rows.
    package var series: UInt32
    /// Index into the component dictionary that comes with the rows.
    package var component: UInt32
    package var minute: Minute
    /// How many amounts were added.
    package var count: UInt64
    package var sum: UInt64

    package init(series: UInt32, component: UInt32, minute: Minute, count: UInt64, sum: UInt64) {
        self.series = series
        self.component = component
        self.minute = minute
        self.count = count
        self.sum = sum
    }
}

/// Rows with the names they refer to.
///
/// In canonical order `series` and `components` are sorted and without repetition, and `rows` are sorted
/// by (series, component, minute).
package struct UsageTable: Sendable {
    package var series: [SeriesName]
    package var components: [Name]
    package var rows: [UsageRow]

    package init(series: [SeriesName], components: [Name], rows: [UsageRow]) {
        self.series = series
        self.components = components
        self.rows = rows
    }
}
