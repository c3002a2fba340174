package import MeterWire

/// What has to leave its row because nothing more can be told there: a pure function of a ledger.
package enum CarryMaking {
    /// Carries for a month that is over: everything of it that Waldur does not have, row by row.
    ///
    /// A row with an intent that is open is left alone, since nobody knows what Waldur has of it. What is
    /// less than a hundredth of the reported unit is a residue, and what is below zero a correction,
    /// whatever the cause.
    ///
    /// - Parameters:
    ///   - month: The ledger of a month that is over.
    ///   - book: The state that it was made with.
    ///   - cause: Why usage of this month is left over.
    ///   - first: The number of the first carry.
    /// - Returns: All waiting, in the order of their rows.
    package static func carries(
        of month: LedgerMonth,
        book: BookState,
        cause: CarryCause,
        first: UInt64
    ) throws(LedgerError) -> [CarryMade] {
        var carries: [CarryMade] = []
        for figure in month.figures where figure.inFlight == nil {
            let carry = try carry(
                of: figure.key,
                balance: figure.balance,
                confirmed: figure.confirmed,
                book: book,
                cause: cause,
                number: first &+ UInt64(carries.count),
                position: month.position,
                before: month.period.end.start
            )
            if let carry { carries.append(carry) }
        }
        return carries
    }

    /// What one row has beyond what is confirmed; nil for nothing.
    ///
    /// - Parameters:
    ///   - balance: What came in less what left it, as the ledger says.
    ///   - end: When the row's plan or billing period ended: price and customer are those of before.
    package static func carry(
        of key: SubmissionKey,
        balance: LedgerAmount,
        confirmed: Hundredths?,
        book: BookState,
        cause: CarryCause,
        number: UInt64,
        position: UInt64,
        before end: Timestamp
    ) throws(LedgerError) -> CarryMade? {
        let units = book.unitsPerReported(key.component, of: key.resourceKey)
        let told = try LedgerAmount(confirmed ?? .zero, unitsPerReported: units)
        let left = try balance.subtracting(told)
        guard left != .zero else { return nil }
        let price = book.plan(of: key).flatMap { plan in
            book.billing.price(
                PriceKey(waldur: key.waldur, plan: plan, component: key.component),
                before: end
            )?.price
        }
        return CarryMade(
            number: number,
            from: key,
            cause: left < .zero
                ? .correction : left.rawValue < Int128(units) ? .residue : cause,
            amount: left,
            position: position,
            price: price,
            customer: book.resources[key.resourceKey]?.customer(at: end)
        )
    }
}
