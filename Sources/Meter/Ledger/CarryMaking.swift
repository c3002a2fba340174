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
            carries += try Self.carries(
                of: figure.key,
                balance: figure.balance,
                adjusted: figure.adjusted,
                confirmed: figure.confirmed,
                book: book,
                cause: cause,
                first: first &+ UInt64(carries.count),
                position: month.position,
                before: month.period.end.start
            )
        }
        return carries
    }

    /// What one row has beyond what is confirmed: none for nothing, and several where what corrections
    /// have left below zero is of different age.
    ///
    /// - Parameters:
    ///   - balance: What came in less what left it, as the ledger says.
    ///   - adjusted: What of it adjustments and corrections of this row come to.
    ///   - end: When the row's plan or billing period ended: price and customer are those of before.
    package static func carries(
        of key: SubmissionKey,
        balance: LedgerAmount,
        adjusted: LedgerAmount,
        confirmed: Hundredths?,
        book: BookState,
        cause: CarryCause,
        first: UInt64,
        position: UInt64,
        before end: Timestamp
    ) throws(LedgerError) -> [CarryMade] {
        let units = book.unitsPerReported(key.component, of: key.resourceKey)
        let told = try LedgerAmount(confirmed ?? .zero, unitsPerReported: units)
        let left = try balance.subtracting(told)
        guard left != .zero else { return [] }
        let isResidue = left.rawValue.magnitude < units
        let isCorrection = left < .zero && !isResidue
        let parts =
            isCorrection
            ? ages(of: left, in: key, adjusted: adjusted, book: book) : [(left, UInt32(0))]
        return parts.enumerated().map { index, part in
            carry(
                of: key,
                part.amount,
                book: book,
                cause: isResidue ? .residue : isCorrection ? .correction : cause,
                cuts: part.cuts,
                number: first &+ UInt64(index),
                position: position,
                before: end
            )
        }
    }

    /// A carry that waits, with the price and the customer of its own row.
    package static func carry(
        of key: SubmissionKey,
        _ amount: LedgerAmount,
        book: BookState,
        cause: CarryCause,
        cuts: UInt32 = 0,
        number: UInt64,
        position: UInt64,
        before end: Timestamp
    ) -> CarryMade {
        let price = book.plan(of: key).flatMap { plan in
            book.billing.price(
                PriceKey(waldur: key.waldur, plan: plan, component: key.component),
                before: end
            )?.price
        }
        return CarryMade(
            number: number,
            from: key,
            cause: cause,
            amount: amount,
            position: position,
            price: price,
            customer: book.resources[key.resourceKey]?.customer(at: end),
            cuts: cuts == 0 ? nil : cuts
        )
    }

    /// Which corrections a row has nothing left for: the oldest are taken from it first, so that the
    /// newest are what is left.
    ///
    /// - Returns: Amounts below zero that add up to `left`, each with the cuts that its correction has
    ///   lived through; the oldest first.
    private static func ages(
        of left: LedgerAmount,
        in key: SubmissionKey,
        adjusted: LedgerAmount,
        book: BookState
    ) -> [(amount: LedgerAmount, cuts: UInt32)] {
        var missing = left.rawValue.magnitude
        var parts: [UInt32: UInt128] = [:]
        func take(_ amount: UInt128, cuts: UInt32) {
            let taken = min(missing, amount)
            missing -= taken
            if taken > 0 { parts[cuts, default: 0] += taken }
        }
        if adjusted < .zero { take(adjusted.rawValue.magnitude, cuts: 0) }
        let carried = book.billing.carries(to: key).map(\.carry)
            .filter { $0.amount < .zero }
            .map { (amount: $0.amount, cuts: UInt32(book.billing.cutsPassed(by: $0))) }
            .sorted { $0.cuts < $1.cuts }
        for carry in carried { take(carry.amount.rawValue.magnitude, cuts: carry.cuts) }
        take(missing, cuts: 0)
        return parts.sorted { $0.key > $1.key }
            .map { (LedgerAmount(-Int128($0.value)), $0.key) }
    }
}
