import Meter
import MeterTesting
import MeterWire

/// The ends of plan periods and of months: what is carried, cut, decided by hand, and closed.
extension YearWorld {
    func land(_ carries: [CarryMade]) throws {
        for carry in carries {
            let settlement = CarryLanding.settlement(
                of: carry,
                book: book.state,
                into: month(index)
            )
            if let settlement { try decide(.carrySettled(settlement)) }
        }
    }

    /// What ended plan periods have beyond what was billed.
    func carryEnded() throws {
        let ledger = try ledger(index)
        for figure in ledger.figures
        where figure.isPlanPeriodOver && figure.confirmed != nil && figure.inFlight == nil {
            let carries = try CarryMaking.carries(
                of: figure.key,
                balance: figure.balance,
                adjusted: figure.adjusted,
                confirmed: figure.confirmed,
                book: book.state,
                cause: .planEnded,
                first: book.state.billing.lastCarryNumber + 1,
                position: ledger.position,
                before: Minute(rawValue: minute).start
            )
            try decide(carries.map { .carryMade($0) })
            try land(carries)
        }
    }

    func carryLate() throws {
        for past in max(0, index - 3)..<index {
            let carries = try CarryMaking.carries(
                of: ledger(past),
                book: book.state,
                cause: .late,
                first: book.state.billing.lastCarryNumber + 1
            )
            try decide(carries.map { .carryMade($0) })
            try land(carries)
        }
    }

    mutating func endMonth(_ seed: inout Seed, byHand: Bool = true) throws {
        minute = UInt32(index) * 60 + 59
        try settle(&seed)
        let month = month(index)
        let ledger = try ledger(index)
        let carries = try CarryMaking.carries(
            of: ledger,
            book: book.state,
            cause: isAway ? .outage : .tail,
            first: book.state.billing.lastCarryNumber + 1
        )
        try decide(
            carries.map { .carryMade($0) } + [
                .periodCut(
                    PeriodCut(waldur: Fixture.waldur, month: month, position: ledger.position)
                )
            ]
        )
        index += 1
        minute = UInt32(index) * 60
        try readPrices(&seed)
        try decide(
            .monthTurned(
                MonthTurned(
                    waldur: Fixture.waldur,
                    month: self.month(index),
                    evidence: .prices,
                    at: Minute(rawValue: minute).start
                )
            )
        )
        let waiting = book.state.billing.carries.values.filter(\.waits).map(\.carry)
            .sorted { $0.number < $1.number }
        try land(waiting)
        if byHand { try decideByHand(&seed) }
        try close(month, &seed)
    }

    /// A person goes through what waits.
    func decideByHand(_ seed: inout Seed) throws {
        let waiting = book.state.billing.carries.values.filter(\.waits).map(\.carry)
            .sorted { $0.number < $1.number }
        for carry in waiting where seed.oneIn(3) {
            let landing = CarryLanding(carry, book: book.state, into: month(index))
            let settlement = seed.pick(CarrySettled.Settlement.allCases)
            guard settlement != .landed || landing.target != nil else { continue }
            try decide(
                .carrySettled(
                    CarrySettled(
                        number: carry.number,
                        settlement: settlement,
                        to: settlement == .landed ? landing.target : nil,
                        reason: "test"
                    )
                )
            )
        }
    }

    mutating func close(_ month: BillingMonth, _ seed: inout Seed) throws {
        for tenant in Self.tenants where seed.oneIn(2) { try close(month, of: tenant, &seed) }
    }

    mutating func close(_ month: BillingMonth, of tenant: Name, _ seed: inout Seed) throws {
        let hash = BookHash.zero.description
        happened.insert(.closed)
        for revision in 1...UInt32(1 + seed.below(3)) {
            if revision > 1 {
                happened.insert(.reopened)
                try decide(
                    .periodReopened(
                        PeriodReopened(
                            waldur: Fixture.waldur,
                            month: month,
                            tenant: tenant,
                            revision: revision - 1,
                            reason: "test"
                        )
                    )
                )
            }
            try decide(
                .periodClosed(
                    PeriodClosed(
                        waldur: Fixture.waldur,
                        month: month,
                        tenant: tenant,
                        revision: revision,
                        statement: hash,
                        previous: revision == 1 ? nil : hash
                    )
                )
            )
        }
    }
}
