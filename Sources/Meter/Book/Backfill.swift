package import MeterWire

/// A file of events that came by no emitter is taken in. From here on it is, whatever happens: what a crash
/// interrupts is finished at the next start.
package struct BackfillBegun: Equatable, Codable, Sendable {
    /// What one tenant used of one component, by the file.
    package struct Total: Equatable, Codable, Sendable {
        package let tenant: Name
        package let component: Name
        package let amount: Quantity

        package init(tenant: Name, component: Name, amount: Quantity) {
            self.tenant = tenant
            self.component = component
            self.amount = amount
        }
    }

    /// Larger than that of every adjustment, correction and backfill before: they share their numbers.
    package let number: UInt64
    /// SHA-256 of the file, 64 hexadecimal digits: no other backfill has it.
    package let file: String
    /// What a person calls it.
    package let name: String?
    package let eventCount: UInt64
    /// The minutes of its first and its last event.
    package let earliest: Minute
    package let latest: Minute
    package let totals: [Total]
    package let reason: String

    package init(
        number: UInt64,
        file: String,
        name: String? = nil,
        eventCount: UInt64,
        earliest: Minute,
        latest: Minute,
        totals: [Total],
        reason: String
    ) {
        self.number = number
        self.file = file
        self.name = name
        self.eventCount = eventCount
        self.earliest = earliest
        self.latest = latest
        self.totals = totals
        self.reason = reason
    }
}

/// All of a backfill is in the journal.
package struct BackfillDone: Equatable, Codable, Sendable {
    package let number: UInt64
    /// The journal position below which it is.
    package let position: UInt64

    package init(number: UInt64, position: UInt64) {
        self.number = number
        self.position = position
    }
}

/// A backfill, and how far it is.
package struct BackfillStanding: Equatable, Sendable {
    package let begun: BackfillBegun
    package let author: String
    package let made: Timestamp
    package internal(set) var done: BackfillDone?
    /// Its source was voided.
    package internal(set) var isReverted = false

    init(begun: BackfillBegun, author: String, made: Timestamp) {
        self.begun = begun
        self.author = author
        self.made = made
    }

    /// One word.
    package var state: String {
        isReverted ? "reverted" : done == nil ? "unfinished" : "in-force"
    }

    /// The source that its events have in the journal: nothing but the file decides it, so that the same
    /// file counts once for ever.
    package var source: SourceKey? {
        SourceID(backfill: begun.file).map { SourceKey(principal: .backfill, source: $0) }
    }

    /// Whether something in it may be this tenant's usage of a period.
    package func touches(_ tenant: Name, in period: BillingPeriod) -> Bool {
        begun.earliest < period.end && period.start <= begun.latest
            && begun.totals.contains { $0.tenant == tenant }
    }
}

extension SourceID {
    /// The first 128 bits of a file's SHA-256; nil for anything but 64 hexadecimal digits.
    package init?(backfill hash: String) {
        guard BookHash(hash) != nil, let high = UInt64(hash.prefix(16), radix: 16),
            let low = UInt64(hash.dropFirst(16).prefix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
