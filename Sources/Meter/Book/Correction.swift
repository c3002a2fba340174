package import MeterWire

/// What one agent used of a component in one minute: the grain in which usage is corrected.
package struct CorrectionCell: Hashable, Comparable, Sendable {
    package let tenant: Name
    package let agent: Name
    /// As the events named it.
    package let access: AccessID?
    package let component: Name
    package let minute: Minute
    /// How the calls ended that used it: an offering may not bill each outcome.
    package let outcome: Outcome
    /// How it came in, for one way of two may not count; nil for what counts, whichever way that is.
    package let way: UsageWay?

    package init(
        tenant: Name,
        agent: Name,
        access: AccessID? = nil,
        component: Name,
        minute: Minute,
        outcome: Outcome = .ok,
        way: UsageWay? = nil
    ) {
        self.tenant = tenant
        self.agent = agent
        self.access = access
        self.component = component
        self.minute = minute
        self.outcome = outcome
        self.way = way
    }

    package static func < (left: CorrectionCell, right: CorrectionCell) -> Bool {
        if left.tenant != right.tenant { return left.tenant < right.tenant }
        if left.agent != right.agent { return left.agent < right.agent }
        if left.access != right.access {
            guard let first = left.access else { return true }
            guard let second = right.access else { return false }
            return first < second
        }
        if left.component != right.component { return left.component < right.component }
        if left.minute != right.minute { return left.minute < right.minute }
        if left.outcome != right.outcome { return left.outcome.rawValue < right.outcome.rawValue }
        guard let first = left.way else { return right.way != nil }
        return right.way.map { first < $0 } ?? false
    }
}

/// How much more or less it was.
package struct CorrectionLine: Equatable, Codable, Sendable {
    package let tenant: Name
    package let agent: Name
    package let access: AccessID?
    package let component: Name
    package let minute: Minute
    /// nil for ok.
    package let outcome: Outcome?
    package let way: UsageWay?
    /// In smallest units; not zero.
    package let amount: LedgerAmount

    package init(_ cell: CorrectionCell, _ amount: LedgerAmount) {
        tenant = cell.tenant
        agent = cell.agent
        access = cell.access
        component = cell.component
        minute = cell.minute
        outcome = cell.outcome == .ok ? nil : cell.outcome
        way = cell.way
        self.amount = amount
    }

    package var cell: CorrectionCell {
        CorrectionCell(
            tenant: tenant,
            agent: agent,
            access: access,
            component: component,
            minute: minute,
            outcome: outcome ?? .ok,
            way: way
        )
    }

    /// The one that takes it back.
    package var opposite: CorrectionLine {
        CorrectionLine(cell, LedgerAmount(-amount.rawValue))
    }

    /// Far beyond any amount, and so that no sum of lines leaves 127 bits.
    static let amountMax = Int128(1) << 96
}

/// An append-only correction of usage, line by line, with the reason; its author stands beside it in the
/// book. Its lines are attributed like usage, also when a binding of their time is learnt later.
package struct CorrectionMade: Equatable, Codable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// A person says how much more or less it was.
        case amend
        /// Events that were counted should not have been.
        case void
        /// Takes another correction back, or a backfill.
        case revert
    }

    /// Larger than that of every adjustment and correction before: they share their numbers.
    package let number: UInt64
    package let kind: Kind
    package let lines: [CorrectionLine]
    package let reason: String
    /// What this one takes back.
    package let reverts: UInt64?
    /// The events that are taken back; in the first entry of a void, and in no other.
    package let voids: VoidSelection?
    /// Which of several entries of one append this is, from 0; nil where there is one.
    package let part: UInt32?
    /// Of how many; nil where there is one.
    package let parts: UInt32?

    package init(
        number: UInt64,
        kind: Kind,
        lines: [CorrectionLine],
        reason: String,
        reverts: UInt64? = nil,
        voids: VoidSelection? = nil,
        part: UInt32? = nil,
        parts: UInt32? = nil
    ) {
        self.number = number
        self.kind = kind
        self.lines = lines
        self.reason = reason
        self.reverts = reverts
        self.voids = voids
        self.part = part
        self.parts = parts
    }

    /// Lines of one entry: names may have 255 bytes, and an entry has room for a mebibyte.
    package static let lineCountMax = 500

    /// A correction as the entries that it takes; they belong into one append.
    package static func entries(
        number: UInt64,
        kind: Kind,
        lines: [CorrectionLine],
        reason: String,
        reverts: UInt64? = nil,
        voids: VoidSelection? = nil
    ) -> [Decision] {
        let count = max(1, (lines.count + lineCountMax - 1) / lineCountMax)
        return (0..<count).map { part in
            let from = part * lineCountMax
            return .correctionMade(
                CorrectionMade(
                    number: number,
                    kind: kind,
                    lines: Array(lines[from..<min(from + lineCountMax, lines.count)]),
                    reason: reason,
                    reverts: reverts,
                    voids: part == 0 ? voids : nil,
                    part: count == 1 ? nil : UInt32(part),
                    parts: count == 1 ? nil : UInt32(count)
                )
            )
        }
    }
}

/// A correction with all its lines, and whether it was taken back.
package struct CorrectionStanding: Equatable, Sendable {
    package let number: UInt64
    package let kind: CorrectionMade.Kind
    package internal(set) var lines: [CorrectionLine]
    package let reason: String
    package let reverts: UInt64?
    package let voids: VoidSelection?
    package let author: String
    package let made: Timestamp
    package internal(set) var isReverted = false
    /// Entries that are in it, of how many.
    var partCount: UInt32 = 1
    let parts: UInt32

    init(_ correction: CorrectionMade, author: String, made: Timestamp) {
        number = correction.number
        kind = correction.kind
        lines = correction.lines
        reason = correction.reason
        reverts = correction.reverts
        voids = correction.voids
        self.author = author
        self.made = made
        parts = correction.parts ?? 1
    }
}

/// What every correction together says of usage, by day, so that a month's is found without going through
/// all; what was taken back is not in it any more.
package struct CorrectedUsage: Equatable, Sendable {
    private var days: [UInt32: [CorrectionCell: LedgerAmount]] = [:]

    private static let minutesOfDay: UInt32 = 1_440

    package init() {}

    mutating func add(_ line: CorrectionLine) {
        let day = line.minute.rawValue / Self.minutesOfDay
        let sum = LedgerAmount(
            (days[day]?[line.cell]?.rawValue ?? 0) &+ line.amount.rawValue
        )
        days[day, default: [:]][line.cell] = sum == .zero ? nil : sum
        if days[day]?.isEmpty ?? false { days[day] = nil }
    }

    /// Every cell of the minutes `[from, to)` that is corrected, sorted.
    package func cells(
        from: Minute,
        to: Minute
    ) -> [(cell: CorrectionCell, amount: LedgerAmount)] {
        guard from < to, !days.isEmpty else { return [] }
        let first = from.rawValue / Self.minutesOfDay
        let last = (to.rawValue - 1) / Self.minutesOfDay
        return days.keys.filter { first <= $0 && $0 <= last }
            .flatMap { days[$0] ?? [:] }
            .filter { from <= $0.key.minute && $0.key.minute < to }
            .sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    /// What one cell is corrected by.
    package func amount(of cell: CorrectionCell) -> LedgerAmount {
        days[cell.minute.rawValue / Self.minutesOfDay]?[cell] ?? .zero
    }
}
