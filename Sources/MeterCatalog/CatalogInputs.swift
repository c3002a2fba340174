package import Meter
package import MeterWire

/// A file of the data directory that counts, as the catalog lists it.
package struct CatalogFile: Equatable, Sendable {
    /// What a file's rows of one component add up to.
    package struct Sum: Equatable, Sendable {
        package let component: Name
        package let sum: UInt128
        package let count: UInt64

        package init(component: Name, sum: UInt128, count: UInt64) {
            self.component = component
            self.sum = sum
            self.count = count
        }
    }

    package let name: String
    /// `segment`, `dedup`, `ids`, `details`, `journal`.
    package let kind: String
    /// The journal positions that it covers, `[from, to)`; `to` is nil for the journal file in use.
    package let from: UInt64
    package let to: UInt64?
    package let byteCount: UInt64
    package let rowCount: UInt64?
    /// The first and last minute with a row.
    package let minutes: ClosedRange<Minute>?
    package let sums: [Sum]

    package init(
        name: String,
        kind: String,
        from: UInt64,
        to: UInt64?,
        byteCount: UInt64,
        rowCount: UInt64? = nil,
        minutes: ClosedRange<Minute>? = nil,
        sums: [Sum] = []
    ) {
        self.name = name
        self.kind = kind
        self.from = from
        self.to = to
        self.byteCount = byteCount
        self.rowCount = rowCount
        self.minutes = minutes
        self.sums = sums
    }
}

/// A source, as the catalog lists it.
package struct CatalogSource: Equatable, Sendable {
    package let key: SourceKey
    package let firstSeen: Timestamp
    package let lastSeen: Timestamp
    /// All events below this number have come.
    package let watermark: UInt64
    /// What has not come above it and was not given up.
    package let holes: [Range<UInt64>]
    /// What the emitter gave up.
    package let givenUp: [Range<UInt64>]
    /// `open`, `ended`, `unclean`, `quarantined`.
    package let state: String

    package init(
        key: SourceKey,
        firstSeen: Timestamp,
        lastSeen: Timestamp,
        watermark: UInt64,
        holes: [Range<UInt64>],
        givenUp: [Range<UInt64>] = [],
        state: String
    ) {
        self.key = key
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.watermark = watermark
        self.holes = holes
        self.givenUp = givenUp
        self.state = state
    }
}
