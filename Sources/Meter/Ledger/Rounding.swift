/// The one place where an amount is rounded: down, on the running total, to hundredths of the reported unit.
///
/// Rounding the total and not its parts means that nothing is lost over time: what is cut off now is in
/// the total again when it is next told.
package enum Rounding {
    /// What Waldur is told for a total, and what is left over.
    ///
    /// - Returns: `amount` is ⌊total × 100 ÷ unitsPerReported⌋; `residue`, in hundredths of the smallest
    ///   unit, is what that leaves of total × 100: at least 0 and less than `unitsPerReported`.
    /// - Throws: `LedgerError.overflow` beyond 2^127 hundredths.
    package static func down(
        _ total: UInt128,
        unitsPerReported: UInt64
    ) throws(LedgerError) -> (amount: Hundredths, residue: LedgerAmount) {
        let units = UInt128(max(unitsPerReported, 1))
        let (scaled, overflow) = total.multipliedReportingOverflow(by: 100)
        let (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: units)
        guard !overflow, let amount = Int128(exactly: quotient) else { throw .overflow }
        return (Hundredths(amount), LedgerAmount(Int128(remainder)))
    }

    /// The same for what came in besides: opening balance, adjustments, carries.
    ///
    /// - Returns: `amount` is ⌊balance ÷ unitsPerReported⌋; `residue` is at least 0 and less than
    ///   `unitsPerReported`, also where the balance is below zero.
    package static func down(
        _ balance: LedgerAmount,
        unitsPerReported: UInt64
    ) throws(LedgerError) -> (amount: Hundredths, residue: LedgerAmount) {
        let units = Int128(max(unitsPerReported, 1))
        var (quotient, remainder) = balance.rawValue.quotientAndRemainder(dividingBy: units)
        if remainder < 0 {
            // The quotient of a balance below zero is one above what rounding down gives.
            quotient -= 1
            remainder += units
        }
        return (Hundredths(quotient), LedgerAmount(remainder))
    }
}
