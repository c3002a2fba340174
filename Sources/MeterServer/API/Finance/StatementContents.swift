internal import Meter
internal import MeterWaldur
internal import MeterWire

/// What a statement says: the contents that are signed, as JSON and as CSV.
///
/// The first revision has the lines of the month; a later one has the carries and adjustments that were
/// made since the one before, and its hash.
struct StatementContents {
    let closing: PeriodClosed
    private let reading: TenantLedger.Reading
    private let billing: BillingStatement
    /// None in a later revision than the first.
    private let lines: [QuotedLine]
    /// What all lines with a known price come to; nil where there is none.
    private let total: ExactDecimal?
    private let carries: [CarryStanding]
    private let adjustments: [AdjustmentStanding]
    private let corrections: [Correction]
    private let accepted: [(gap: SourceGap, reason: String)]
    private let incidents: [IncidentLine]

    /// - Parameter gaps: Those that touch the tenant in the period.
    init(
        _ reading: TenantLedger.Reading,
        of tenant: Name,
        gaps: [SourceGap]
    ) throws(Problem) {
        self.reading = reading
        let period = reading.month.period
        let book = reading.book
        billing = try BillingStatement(reading, tenant: tenant, agent: nil)
        let key = TenantPeriod(waldur: period.waldur, month: period.month, tenant: tenant)
        let before = book.billing.periods[key]
        closing = PeriodClosed(
            waldur: period.waldur,
            month: period.month,
            tenant: tenant,
            revision: (before?.closed.revision ?? 0) + 1,
            statement: "",
            previous: before?.closed.statement,
            lastCarry: book.billing.lastCarryNumber,
            lastAdjustment: book.billing.lastAdjustmentNumber
        )
        let own = Set(billing.lines.filter { $0.told != nil }.map(\.key.account.resource))
        let isOwn = { (row: SubmissionKey) in
            row.waldur == period.waldur && row.month == period.month
                && own.contains(row.resourceKey)
        }
        do throws(LedgerError) {
            var quoted: [QuotedLine] = []
            for line in closing.revision == 1 ? billing.lines : [] {
                quoted.append(try QuotedLine(line, in: period, book))
            }
            let amounts = quoted.compactMap(\.amount)
            lines = quoted
            total = amounts.isEmpty ? nil : try ExactDecimal.sum(amounts)
            corrections = try Self.corrections(
                of: tenant,
                in: period,
                after: before?.closed.lastAdjustment ?? 0,
                book
            )
        } catch {
            throw .unavailable(
                "The amounts of \(tenant) in \(period.month) cannot be added up: \(error)."
            )
        }
        carries = book.billing.carries.values
            .filter { isOwn($0.carry.from) || $0.target.map(isOwn) ?? false }
            .filter { standing in
                guard let before else { return true }
                return standing.carry.number > before.closed.lastCarry
                    || standing.settledAt.map { $0 > before.closedAt } ?? false
            }
            .sorted { $0.carry.number < $1.carry.number }
        adjustments = book.billing.adjustments.values
            .filter { isOwn($0.adjustment.key) }
            .filter { $0.adjustment.number > before?.closed.lastAdjustment ?? 0 }
            .sorted { $0.adjustment.number < $1.adjustment.number }
        accepted = gaps.compactMap { gap in
            book.acceptanceReason(of: gap).map { (gap: gap, reason: $0) }
        }
        incidents = book.billing.incidents
            .filter {
                isOwn($0.incident.key) && $0.found > before?.closedAt ?? Timestamp(milliseconds: 0)
            }
            .map { IncidentLine(incident: $0.incident, found: $0.found) }
    }

    /// What a correction adds to an agent's usage of a component in the period.
    private struct Correction {
        let standing: CorrectionStanding
        let agent: Name
        let component: Name
        let amount: LedgerAmount
    }

    private static func corrections(
        of tenant: Name,
        in period: BillingPeriod,
        after number: UInt64,
        _ book: BookState
    ) throws(LedgerError) -> [Correction] {
        var corrections: [Correction] = []
        for standing in book.billing.corrections.values.filter({ $0.number > number })
            .sorted(by: { $0.number < $1.number })
        {
            var sums: [CorrectionCell: LedgerAmount] = [:]
            for line in standing.lines
            where line.tenant == tenant && period.contains(line.minute) {
                let cell = CorrectionCell(
                    tenant: tenant,
                    agent: line.agent,
                    component: line.component,
                    minute: period.start
                )
                sums[cell] = try (sums[cell] ?? .zero).adding(line.amount)
            }
            corrections += sums.keys.sorted().map { cell in
                Correction(
                    standing: standing,
                    agent: cell.agent,
                    component: cell.component,
                    amount: sums[cell] ?? .zero
                )
            }
        }
        return corrections
    }

    // MARK: - JSON

    var json: [UInt8] {
        let period = reading.month.period
        return JSONOutput.object([
            JSONMember("version", .integer(1)),
            JSONMember("waldur", .string(period.waldur.name)),
            JSONMember("tenant", .string(closing.tenant.description)),
            JSONMember("period", .string(period.month.description)),
            JSONMember("from", .string(RFC3339.text(period.start))),
            JSONMember("to", .string(RFC3339.text(period.end))),
            JSONMember("revision", .integer(Int64(closing.revision))),
            JSONMember("previous", .optional(closing.previous)),
            JSONMember(
                "exactAt",
                [
                    "position": .decimal(reading.answer.position),
                    "time": .string(RFC3339.text(reading.answer.asOf)),
                    "bookEntry": .decimal(reading.book.head.number),
                    "bookHash": .string(reading.book.head.hash.description),
                ]
            ),
            JSONMember(
                "rows",
                [
                    "count": .count(reading.answer.totals.count),
                    "sha256": .string(reading.answer.rowHash(reading.query).description),
                ]
            ),
            JSONMember(
                "rounding",
                "down to 0.01 of the reported unit, on the running total; the rest is the residue"
            ),
            JSONMember("lines", .array(lines.map(json))),
            JSONMember("amount", .optional(total)),
            JSONMember("carries", .array(carries.map(json))),
            JSONMember("adjustments", .array(adjustments.map(json) + corrections.map(json))),
            JSONMember("unassigned", .array(billing.unassigned.map(BillingStatement.json))),
            JSONMember("acceptedGaps", .array(accepted.map(json))),
            JSONMember("incidents", .array(incidents.map(\.json))),
        ]).encoded
    }

    private func json(_ accepted: (gap: SourceGap, reason: String)) -> JSONOutput {
        guard case .object(let members) = accepted.gap.json else { return accepted.gap.json }
        return .object(members + [JSONMember("reason", .string(accepted.reason))])
    }

    /// A line with the newest price that Waldur showed before the period's end, and what it comes to.
    private func json(_ quoted: QuotedLine) -> JSONOutput {
        let line = quoted.line
        guard case .object(let members) = line.json else { return line.json }
        return .object(
            members + [
                JSONMember("agents", agents(of: line.key.account.resource)),
                JSONMember("price", .optional(quoted.price)),
                JSONMember("amount", .optional(quoted.amount)),
            ]
        )
    }

    /// The tenant's agents that were bound to a resource in the period.
    private func agents(of resource: ResourceKey) -> JSONOutput {
        let period = reading.month.period
        let names = reading.book.bindings.values.joined().filter { binding in
            binding.resourceKey == resource && binding.tenant == closing.tenant
                && binding.from < period.end && binding.to.map { $0 > period.start } ?? true
        }.map(\.agent)
        return .array(Set(names).sorted().map { .string($0.description) })
    }

    private func isComingIn(_ standing: CarryStanding) -> Bool {
        standing.carry.from.month != reading.month.period.month
    }

    private func json(_ standing: CarryStanding) -> JSONOutput {
        let carry = standing.carry
        return [
            "number": .decimal(carry.number),
            "direction": .string(isComingIn(standing) ? "in" : "out"),
            "cause": .string(carry.cause.rawValue),
            "state": .string(standing.state),
            "resource": .string(carry.from.resource.description),
            "agents": agents(of: carry.from.resourceKey),
            "component": .string(carry.from.component.description),
            "month": .string(carry.from.month.description),
            "planPeriod": .string(carry.from.planPeriod.description),
            "landsIn": .optional(standing.target?.month),
            "amount": .string(carry.amount.description),
            "price": .optional(carry.price),
            "reason": .optional(standing.settled?.reason),
        ]
    }

    private func json(_ standing: AdjustmentStanding) -> JSONOutput {
        let adjustment = standing.adjustment
        return [
            "number": .decimal(adjustment.number),
            "kind": .string(adjustment.kind.rawValue),
            "resource": .string(adjustment.key.resource.description),
            "agents": agents(of: adjustment.key.resourceKey),
            "component": .string(adjustment.key.component.description),
            "planPeriod": .string(adjustment.key.planPeriod.description),
            "amount": .string(adjustment.amount.description),
            "reverts": .optional(adjustment.reverts),
            "reason": .string(adjustment.reason),
            "author": .string(standing.author),
            "made": .string(RFC3339.text(standing.made)),
        ]
    }

    private func json(_ correction: Correction) -> JSONOutput {
        let standing = correction.standing
        return [
            "number": .decimal(standing.number),
            "kind": .string(standing.kind.rawValue),
            "agent": .string(correction.agent.description),
            "component": .string(correction.component.description),
            "amount": .string(correction.amount.description),
            "reverts": .optional(standing.reverts),
            "reason": .string(standing.reason),
            "author": .string(standing.author),
            "made": .string(RFC3339.text(standing.made)),
        ]
    }

    // MARK: - CSV

    /// - Parameter hash: That of the JSON contents, which the table belongs to.
    func csv(_ hash: String) -> [UInt8] {
        var table = CSVText(
            ["record", "period", "tenant", "revision"] + BillingStatement.columns
                + ["price", "amount", "number", "reason"]
        )
        let head: [CSVText.Cell] = [
            .plain(closing.month.description), .text(closing.tenant.description),
            .number(closing.revision),
        ]
        func row(
            _ record: String,
            _ cells: [CSVText.Cell],
            _ price: String? = nil,
            _ amount: String? = nil,
            number: UInt64? = nil,
            reason: String? = nil
        ) {
            table.add(
                [.plain(record)] + head + cells + [
                    price.map { .plain($0) } ?? .none, amount.map { .plain($0) } ?? .none,
                    number.map { .number($0) } ?? .none, .optional(reason),
                ]
            )
        }
        for quoted in lines {
            row("line", quoted.line.cells, quoted.price, quoted.amount?.description)
        }
        if let total {
            row("total", cells(nil, "at the quoted prices"), nil, total.description)
        }
        for standing in carries {
            row(
                isComingIn(standing) ? "carry-in" : "carry-out",
                cells(standing.carry.from, "\(standing.carry.cause.rawValue): \(standing.state)"),
                standing.carry.price,
                standing.carry.amount.description,
                number: standing.carry.number,
                reason: standing.settled?.reason
            )
        }
        for standing in adjustments {
            row(
                "adjustment",
                cells(standing.adjustment.key, standing.adjustment.kind.rawValue),
                nil,
                standing.adjustment.amount.description,
                number: standing.adjustment.number,
                reason: standing.adjustment.reason
            )
        }
        for accepted in accepted {
            row("accepted-gap", cells(nil, accepted.gap.description), reason: accepted.reason)
        }
        for line in incidents {
            row(
                "incident",
                cells(
                    line.incident.key, "\(line.incident.kind.rawValue): \(line.incident.quantity)"),
                line.incident.frozenPrice,
                line.difference?.description,
                number: line.incident.number
            )
        }
        for correction in corrections {
            let blank = BillingStatement.columns.count - 3
            row(
                "adjustment",
                [.none, .text(correction.component.description)]
                    + [CSVText.Cell](repeating: .none, count: blank)
                    + [.plain(correction.standing.kind.rawValue)],
                nil,
                correction.amount.description,
                number: correction.standing.number,
                reason: correction.standing.reason
            )
        }
        row("statement", cells(nil, "sha256 \(hash)"))
        return table.bytes
    }

    private func cells(_ row: SubmissionKey?, _ causes: String) -> [CSVText.Cell] {
        let count = BillingStatement.columns.count
        guard let row else {
            return [CSVText.Cell](repeating: .none, count: count - 1) + [.plain(causes)]
        }
        return [
            .plain(row.resource.description), .text(row.component.description),
            .plain(row.planPeriod.description),
        ] + [CSVText.Cell](repeating: .none, count: count - 4) + [.plain(causes)]
    }
}
