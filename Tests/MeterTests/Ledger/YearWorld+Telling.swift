import Meter
import MeterTesting
import MeterWire

/// What Waldur is told, and what it shows.
extension YearWorld {
    mutating func report(_ seed: inout Seed, always: Bool = false) throws {
        for figure in try ledger(index).figures where always || !seed.oneIn(3) {
            let isFinal = figure.isPlanPeriodOver && figure.confirmed != nil
            guard figure.inFlight == nil, !isFinal, gone[figure.key.resource.low] == nil else {
                continue
            }
            let number = book.state.nextIntentNumber
            try decide(
                .submissionIntended(
                    SubmissionIntent(
                        number: number,
                        waldur: figure.key.waldur,
                        resource: figure.key.resource,
                        planPeriod: figure.key.planPeriod,
                        month: figure.key.month,
                        position: UInt64(sent.count),
                        items: [
                            .init(
                                component: figure.key.component,
                                total: figure.total,
                                amount: figure.told
                            )
                        ],
                        lowersBecause: figure.lowers ? "test" : nil
                    )
                )
            )
            if always || !seed.oneIn(4) { try settle(number, confirmed: always || !seed.oneIn(5)) }
        }
    }

    mutating func settle(_ number: UInt64, confirmed: Bool) throws {
        guard let intent = book.state.openIntents[number]?.intent else { return }
        let outcome = SubmissionOutcome(number: number)
        try decide(confirmed ? .submissionConfirmed(outcome) : .submissionRefused(outcome))
        guard confirmed else { return }
        for item in intent.items { told[intent.key(item.component)] = item.amount }
    }

    mutating func settle(_ seed: inout Seed) throws {
        for number in book.state.openIntents.keys.sorted() {
            try settle(number, confirmed: seed.oneIn(2))
        }
    }

    /// Somebody else writes a figure, which is accepted.
    mutating func writeForeign(_ seed: inout Seed) throws {
        let rows = told.keys.filter { $0.month == month(index) }.sorted()
        guard let key = rows.randomElement(using: &seed), let old = told[key],
            book.state.submission(key)?.open.isEmpty ?? true
        else { return }
        let new = Hundredths(old.rawValue / 2 + Int128(seed.below(5_000)))
        guard new != old else { return }
        happened.insert(.foreign)
        told[key] = new
        let units = book.state.unitsPerReported(key.component, of: key.resourceKey)
        let adjustment = AdjustmentMade(
            number: book.state.billing.lastAdjustmentNumber + 1,
            kind: .changedInWaldur,
            key: key,
            amount: try LedgerAmount(
                Hundredths(new.rawValue - old.rawValue),
                unitsPerReported: units
            ),
            reason: "test"
        )
        try decide(
            .foreignFound(
                ForeignFound(key: key, usage: new.description, confirmed: old)
            ),
            .adjustmentMade(adjustment),
            .foreignDecided(
                ForeignDecided(key: key, verdict: .accept, amount: new, reason: "test")
            )
        )
        note(adjustment)
    }
}
