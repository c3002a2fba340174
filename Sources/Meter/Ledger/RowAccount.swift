/// What the book says of one row of Waldur's usage besides what was metered in it.
struct RowAccount {
    private(set) var opening = LedgerAmount.zero
    private(set) var adjusted = LedgerAmount.zero
    private(set) var carriedIn = LedgerAmount.zero
    /// Carries that land elsewhere, or wait for somebody to say where.
    private(set) var carriedOut = LedgerAmount.zero
    private(set) var creditRequested = LedgerAmount.zero
    /// Carries that were given up by name: by a person, or residues with the end of their resource.
    private(set) var writtenOff = LedgerAmount.zero

    init(_ key: SubmissionKey, units: UInt64, book: BookState) throws(LedgerError) {
        if let balance = book.openings[key] {
            opening = try LedgerAmount(balance.amount, unitsPerReported: units)
        }
        let billing = book.billing
        for standing in billing.adjustments(of: key) {
            adjusted = try adjusted.adding(standing.adjustment.amount)
        }
        for standing in billing.carries(to: key) {
            carriedIn = try carriedIn.adding(standing.carry.amount)
        }
        for standing in billing.carries(from: key) {
            let amount = standing.carry.amount
            switch standing.settled?.settlement {
            case nil, .landed: carriedOut = try carriedOut.adding(amount)
            case .creditRequest: creditRequested = try creditRequested.adding(amount)
            case .writtenOff: writtenOff = try writtenOff.adding(amount)
            }
        }
    }

    /// What the row's figure is made from.
    func balance(metered: UInt128) throws(LedgerError) -> LedgerAmount {
        try LedgerAmount(total: metered).adding(opening).adding(adjusted).adding(carriedIn)
            .subtracting(carriedOut).subtracting(creditRequested).subtracting(writtenOff)
    }
}
