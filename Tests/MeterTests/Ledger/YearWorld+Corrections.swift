import Meter
import MeterTesting
import MeterWire

/// Corrections of rows and of usage.
extension YearWorld {
    mutating func adjust(_ seed: inout Seed) throws {
        guard let figure = try ledger(index).figures.randomElement(using: &seed) else { return }
        let adjustment = AdjustmentMade(
            number: book.state.billing.lastAdjustmentNumber + 1,
            kind: .amend,
            key: figure.key,
            amount: LedgerAmount(Int128(seed.below(2_000_000)) - 700_001),
            reason: "test"
        )
        try decide(.adjustmentMade(adjustment))
        note(adjustment)
        happened.insert(.adjusted)
    }

    /// Usage of some minutes was more or less than was metered.
    mutating func amend(_ seed: inout Seed) throws {
        var amounts: [CorrectionCell: LedgerAmount] = [:]
        for _ in 0...seed.below(3) {
            let back = UInt32(seed.below(150))
            let time = minute >= back ? minute - back : 0
            let resource = UInt64(seed.below(3))
            // What is used after the termination is not billed, and corrects nothing.
            if let end = gone[resource], time > end { continue }
            let cell = CorrectionCell(
                tenant: holder(of: resource, at: time),
                agent: Name("agent\(resource)"),
                component: seed.pick(Self.components),
                minute: Minute(rawValue: time)
            )
            amounts[cell] = LedgerAmount((Int128(seed.below(90_000)) - 60_000) * 100)
        }
        let lines = CorrectionPlan.lines(amounts)
        guard !lines.isEmpty else { return }
        try apply(CorrectionPlan(.amend, lines, book: book.state, period: calendar))
        for line in lines { amended[line.cell, default: 0] += line.amount.rawValue }
        happened.insert(.corrected)
    }

    /// An earlier amendment was wrong.
    mutating func revertAmendment(_ seed: inout Seed) throws {
        let standing = book.state.billing.corrections.values
            .filter { !$0.isReverted && $0.kind == .amend }
            .sorted { $0.number < $1.number }
            .randomElement(using: &seed)
        guard let standing else { return }
        try revert(standing)
        for line in standing.lines { amended[line.cell, default: 0] -= line.amount.rawValue }
    }

    mutating func revert(_ standing: CorrectionStanding) throws {
        try apply(
            CorrectionPlan(
                .revert,
                standing.lines.map(\.opposite),
                reverts: standing.number,
                book: book.state,
                period: calendar
            )
        )
    }

    /// Books it, and lands what it carries.
    mutating func apply(_ plan: CorrectionPlan) throws {
        let decisions = try plan.decisions(
            reason: "test",
            book: book.state,
            position: UInt64(sent.count)
        )
        try decide(decisions)
        try land(
            decisions.compactMap { decision in
                if case .carryMade(let carry) = decision { return carry }
                return nil
            }
        )
    }

    func calendar(_: WaldurID?, _ minute: Minute) -> BillingPeriod? {
        period(Int(minute.rawValue) / 60)
    }

    mutating func note(_ made: AdjustmentMade) {
        let resource = made.key.resource.low
        adjustedRows[Place(resource: resource, component: made.key.component), default: 0] +=
            made.amount.rawValue
    }

    /// What adjustments of rows and amendments of usage come to.
    var adjusted: [Place: Int128] {
        var sums = adjustedRows
        for (cell, amount) in amended {
            let resource = UInt64(cell.agent.description.suffix(1)) ?? 0
            sums[Place(resource: resource, component: cell.component), default: 0] += amount
        }
        return sums
    }
}
