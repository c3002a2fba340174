internal import Crypto
package import MeterWire

/// A correction before it is booked: what it would change, and a digest of that.
///
/// Whoever applies it names the digest of what was looked at. Where lines or effects are others by then
/// (more usage to void, a month that was cut meanwhile) so is the digest.
package struct CorrectionPlan: Sendable {
    package let kind: CorrectionMade.Kind
    package let lines: [CorrectionLine]
    package let reverts: UInt64?
    package let voids: VoidSelection?
    package let effects: [CorrectionEffect]
    /// The newest adjustment when it was made: what was booked is not booked again by the same digest.
    private let after: UInt64

    /// - Parameters:
    ///   - lines: In the order in which they are booked; several of one cell are added up.
    ///   - period: See ``CorrectionEffect/effects(of:book:period:)``.
    /// - Throws: `LedgerError.overflow`.
    package init(
        _ kind: CorrectionMade.Kind,
        _ lines: [CorrectionLine],
        reverts: UInt64? = nil,
        voids: VoidSelection? = nil,
        book: BookState,
        period: (WaldurID?, Minute) -> BillingPeriod?
    ) throws(LedgerError) {
        self.kind = kind
        self.lines = lines
        self.reverts = reverts
        self.voids = voids
        after = book.billing.lastAdjustmentNumber
        effects = try CorrectionEffect.effects(of: lines, book: book, period: period)
    }

    /// One line for each cell, sorted.
    package static func lines(
        _ amounts: [CorrectionCell: LedgerAmount]
    ) -> [CorrectionLine] {
        amounts.filter { $0.value != .zero }.sorted { $0.key < $1.key }
            .map { CorrectionLine($0.key, $0.value) }
    }

    /// SHA-256 over lines and effects, 64 hexadecimal digits.
    package var digest: String {
        var hash = SHA256()
        func add(_ fields: [String]) {
            hash.update(data: Array((fields.joined(separator: "\t") + "\n").utf8))
        }
        add(["correction", kind.rawValue, reverts.map { "\($0)" } ?? "", "\(after)"])
        for line in lines {
            add([
                line.tenant.description, line.agent.description,
                line.access?.description ?? "", line.component.description,
                "\(line.minute.rawValue)", line.outcome?.text ?? "", line.way?.rawValue ?? "",
                line.amount.description,
            ])
        }
        for effect in effects {
            add([
                "effect", effect.tenant.description, effect.component.description,
                effect.period.month.description, effect.fate.description,
                effect.fate.row?.description ?? "", effect.amount.description,
            ])
        }
        return Hexadecimal.text(hash.finalize())
    }

    /// The same of an adjustment of one row.
    package static func digest(of adjustment: AdjustmentMade, _ fate: CorrectionFate) -> String {
        let fields = [
            "adjustment", adjustment.kind.rawValue, adjustment.reverts.map { "\($0)" } ?? "",
            adjustment.key.description, adjustment.amount.description, fate.description,
        ]
        return Hexadecimal.text(
            SHA256.hash(data: Array((fields.joined(separator: "\t") + "\n").utf8))
        )
    }

    /// What is booked, in one append: the correction, and carries for what months that are cut have no
    /// room for.
    package func decisions(
        reason: String,
        book: BookState,
        position: UInt64
    ) throws(LedgerError) -> [Decision] {
        let carries = try CorrectionEffect.carries(
            of: effects,
            book: book,
            first: book.billing.lastCarryNumber &+ 1,
            position: position
        )
        return CorrectionMade.entries(
            number: book.billing.lastAdjustmentNumber &+ 1,
            kind: kind,
            lines: lines,
            reason: reason,
            reverts: reverts,
            voids: voids
        ) + carries.map { .carryMade($0) }
    }
}
