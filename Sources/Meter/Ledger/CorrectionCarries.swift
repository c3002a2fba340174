package import MeterWire

/// How something that is added to past usage comes into the ledger.
package enum CorrectionEntry: Sendable {
    /// As lines of a correction: for months that are cut, carries are booked with it.
    case booked
    /// As usage, from a file: the reporter finds it, and it is late where its month is cut.
    case metered
}

extension CorrectionEffect {
    /// The carries that leave rows at once: those of months that are cut.
    ///
    /// - Parameters:
    ///   - first: The number of the first.
    ///   - position: The journal position at which the correction is exact.
    package static func carries(
        of effects: [CorrectionEffect],
        book: BookState,
        first: UInt64,
        position: UInt64
    ) throws(LedgerError) -> [CarryMade] {
        var amounts: [SubmissionKey: LedgerAmount] = [:]
        var ends: [SubmissionKey: Timestamp] = [:]
        for effect in effects {
            guard case .carry(let row) = effect.fate else { continue }
            amounts[row] = try (amounts[row] ?? .zero).adding(effect.weighed)
            ends[row] = effect.period.end.start
        }
        var carries: [CarryMade] = []
        for (row, end) in ends.sorted(by: { $0.key < $1.key }) {
            guard let amount = amounts[row], amount != .zero else { continue }
            carries.append(
                CarryMaking.carry(
                    of: row,
                    amount,
                    book: book,
                    cause: .correction,
                    number: first &+ UInt64(carries.count),
                    position: position,
                    before: end
                )
            )
        }
        return carries
    }

    /// The carry that something becomes by itself, as things stand; nil where it stays in its row.
    ///
    /// - Parameters:
    ///   - amount: All that is added to the row, in base units of its component.
    ///   - end: When the row's billing period ends.
    package static func foreseen(
        _ amount: LedgerAmount,
        _ fate: CorrectionFate,
        as entry: CorrectionEntry,
        book: BookState,
        before end: Timestamp
    ) throws(LedgerError) -> CarryMade? {
        let number = book.billing.lastCarryNumber &+ 1
        switch (fate, entry) {
        case (.carry(let row), .booked):
            guard amount != .zero else { return nil }
            return CarryMaking.carry(
                of: row,
                amount,
                book: book,
                cause: .correction,
                number: number,
                position: 0,
                before: end
            )
        case (.carry(let row), .metered), (.planEnded(let row), _):
            // What was in the row before is told, or was carried already.
            var cause = CarryCause.planEnded
            if case .carry = fate { cause = .late }
            return try CarryMaking.carries(
                of: row,
                balance: amount,
                adjusted: entry == .booked ? amount : .zero,
                confirmed: nil,
                book: book,
                cause: cause,
                first: number,
                position: 0,
                before: end
            ).first
        default: return nil
        }
    }
}
