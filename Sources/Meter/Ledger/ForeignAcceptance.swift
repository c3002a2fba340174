/// What is booked when a figure that somebody else wrote is to stand.
package enum ForeignAcceptance {
    /// The adjustment that takes the ledger to Waldur's figure, and the verdict: one append.
    ///
    /// - Parameter number: The adjustment's, larger than that of every one before.
    /// - Returns: nil where Waldur's figure is none that can stand: below zero, or with more than two
    ///   decimals.
    /// - Throws: `LedgerError.overflow`.
    package static func decisions(
        _ standing: ForeignStanding,
        number: UInt64,
        book: BookState,
        byDefault: Bool,
        reason: String
    ) throws(LedgerError) -> [Decision]? {
        let key = standing.found.key
        guard let amount = Hundredths(standing.found.usage ?? "0"), amount >= .zero else {
            return nil
        }
        let known = book.found(key) ?? .zero
        let units = book.unitsPerReported(key.component, of: key.resourceKey)
        let difference = try LedgerAmount(amount, unitsPerReported: units)
            .subtracting(LedgerAmount(known, unitsPerReported: units))
        var decisions: [Decision] = []
        if difference != .zero {
            decisions.append(
                .adjustmentMade(
                    AdjustmentMade(
                        number: number,
                        kind: .changedInWaldur,
                        key: key,
                        amount: difference,
                        reason: reason
                    )
                )
            )
        }
        decisions.append(
            .foreignDecided(
                ForeignDecided(
                    key: key,
                    verdict: .accept,
                    amount: amount,
                    byDefault: byDefault,
                    reason: reason
                )
            )
        )
        return decisions
    }
}
