/// What could not be told in its row, and where it is instead.
package struct YearCarry: Hashable, Sendable {
    package enum Reason: String, Sendable {
        /// Used after the month's last totals, or refused to its end.
        case tail = "after the last totals"
        /// Nothing was told in the month's last hour.
        case outage
        /// It came when its month was over.
        case late
        case planEnded = "plan ended"
        /// Less than a hundredth of the offering's unit.
        case residue
        case takenBack = "taken back"
    }

    package enum State: Hashable, Sendable {
        case landed(YearRowKey)
        /// For a person, because of this.
        case waits(YearClass)
        case creditRequested, writtenOff
    }

    package let from: YearRowKey
    package let reason: Reason
    /// In Meter's smallest units, below zero for what was taken back.
    package let amount: Int128
    package let state: State
}

extension YearTruth {
    /// What leaves a row at one time for one reason is one carry; what rounding has left goes with it.
    mutating func carry(
        _ settled: [(use: YearRow, fate: YearFate)],
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        var left: [YearRowKey: [YearLeaving: (amount: Int128, state: YearCarry.State)]] = [:]
        for (use, fate) in settled {
            guard case .uses(_, _, let amount, _, _, _, _) = use.act, let from = fate.origin,
                let leaving = fate.leaving
            else { continue }
            let state = YearCarry.State(fate)
            let before = left[from]?[leaving]
            precondition(before.map { $0.state == state } ?? true, "\(from) goes two ways")
            left[from, default: [:]][leaving] = ((before?.amount ?? 0) + Int128(amount), state)
        }
        takeBack(&left)
        let now = script.last?.arrival ?? 0
        for (row, figure) in figures where figure.left > 0 {
            addResidue(figure.left, from: row, now: now, to: &left, facts)
        }
        for (from, amounts) in left {
            for (leaving, carried) in amounts {
                carries.append(
                    YearCarry(
                        from: from,
                        reason: leaving.reason,
                        amount: carried.amount,
                        state: carried.state
                    )
                )
            }
        }
    }

    /// It goes on from month to month until it is told with something else.
    private mutating func addResidue(
        _ residue: Int128,
        from row: YearRowKey,
        now: Int,
        to left: inout [YearRowKey: [YearLeaving: (amount: Int128, state: YearCarry.State)]],
        _ facts: YearFacts
    ) {
        let site = YearResource.named(row.resource).tenant.site
        var from = row
        while site.start(of: from.month.next) <= now {
            let end = site.start(of: from.month.next)
            let next = YearRowKey(
                resource: row.resource,
                component: row.component,
                month: from.month.next,
                period: facts.period(row.resource, at: end)
            )
            let atEnd = left[from]?.keys.first {
                $0.minute == end && ($0.reason == .tail || $0.reason == .outage)
            }
            let leaving = atEnd ?? YearLeaving(reason: .residue, minute: end)
            let carried = left[from]?[leaving]
            left[from, default: [:]][leaving] = (
                (carried?.amount ?? 0) + residue, carried?.state ?? .landed(next)
            )
            if figures[next] != nil { return }
            from = next
        }
        openResidues[from] = residue
    }

    /// What a row is short of leaves it less what else would have left it then: a row has one figure.
    private mutating func takeBack(
        _ left: inout [YearRowKey: [YearLeaving: (amount: Int128, state: YearCarry.State)]]
    ) {
        for (row, shortfall) in shortfalls {
            let site = YearResource.named(row.resource).tenant.site
            let end = site.start(of: row.month.next)
            var amount = -shortfall.amount
            for reason in [YearCarry.Reason.tail, .outage] {
                let leaving = YearLeaving(reason: reason, minute: end)
                amount += left[row]?.removeValue(forKey: leaving)?.amount ?? 0
            }
            precondition(amount < 0, "\(row) has more at its end than was taken back")
            carries.append(
                YearCarry(from: row, reason: .takenBack, amount: amount, state: shortfall.state)
            )
        }
    }
}

extension YearCarry.State {
    fileprivate init(_ fate: YearFate) {
        self =
            switch fate.kind {
            case .creditRequested: .creditRequested
            case .writtenOff: .writtenOff
            default: fate.row.map { .landed($0) } ?? .waits(fate.kind)
            }
    }
}
