internal import Meter
internal import MeterWaldur
internal import MeterWire

/// A month as files for other programs: what was metered, told and carried, line by line.
///
/// Amounts are those of the ledger at one position. Prices are not in it: Waldur has them.
struct UsageExport {
    /// A line of a tenant's, with what the book says of its resource.
    struct Line {
        let tenant: Name
        let agents: [Name]
        let billing: BillingLine
        /// Carries that are told in this row, and adjustments that were made after its month was cut.
        let corrections: [Correction]
        let from: Timestamp
        let to: Timestamp
        let customer: Name?
        let project: ResourceProject?
        let offering: OfferingID?
        let unitsPerReported: UInt64
        let reportedUnit: String?
    }

    /// Something in a row's figure that belongs to another month.
    struct Correction {
        let cause: String
        let amount: LedgerAmount
        /// The month that it belongs to.
        let month: BillingMonth
        let note: String
    }

    let period: BillingPeriod
    private(set) var lines: [Line] = []
    let unassigned: [UnassignedUsage]
    private let reading: TenantLedger.Reading

    /// - Parameter tenants: Whose lines.
    init(
        _ reading: TenantLedger.Reading,
        tenants: [Name]
    ) throws(Problem) {
        self.reading = reading
        period = reading.month.period
        let wanted = Set(tenants)
        unassigned = reading.month.unassigned.filter { wanted.contains($0.key.tenant) }
        for tenant in tenants {
            let statement = try BillingStatement(reading, tenant: tenant, agent: nil)
            for billing in statement.lines { lines.append(line(billing, of: tenant)) }
        }
    }

    private func line(_ billing: BillingLine, of tenant: Name) -> Line {
        let book = reading.book
        let account = billing.key.account
        let standing = book.resources[account.resource]
        let agents = reading.month.attributed.filter {
            $0.key.tenant == tenant && BillingLine.Key($0.key) == billing.key
        }
        let span = standing.flatMap { standing in
            PlanPeriodSplit(standing.periods, in: period).spans.first {
                $0.period.id == billing.key.planPeriod
            }
        }
        return Line(
            tenant: tenant,
            agents: Set(agents.map(\.key.agent)).sorted(),
            billing: billing,
            corrections: billing.told.map { corrections(of: $0.figure.key, book) } ?? [],
            from: (span?.from ?? period.start).start,
            to: (span?.to ?? period.end).start,
            customer: standing?.customer(at: period.end.start),
            project: standing?.project,
            offering: standing?.offering,
            unitsPerReported: book.unitsPerReported(account.component, of: account.resource),
            reportedUnit: book.reportedUnit(account.component, of: account.resource)
        )
    }

    private func corrections(of row: SubmissionKey, _ book: BookState) -> [Correction] {
        let carries = book.billing.carries(to: row).map { standing in
            Correction(
                cause: standing.carry.cause.rawValue,
                amount: standing.carry.amount,
                month: standing.carry.from.month,
                note: "carry \(standing.carry.number) from \(standing.carry.from.month)"
            )
        }
        let end = period.end.start
        let late = book.billing.adjustments(of: row).filter { $0.made >= end }.map { standing in
            Correction(
                cause: standing.adjustment.kind.rawValue,
                amount: standing.adjustment.amount,
                month: row.month,
                note: "adjustment \(standing.adjustment.number): \(standing.adjustment.reason)"
            )
        }
        return carries + late
    }

    // MARK: - JSON and CSV

    var json: JSONOutput {
        [
            "version": .integer(1), "waldur": .string(period.waldur.name),
            "period": .string(period.month.description),
            "from": .string(RFC3339.text(period.start)), "to": .string(RFC3339.text(period.end)),
            "exactAt": [
                "position": .decimal(reading.answer.position),
                "time": .string(RFC3339.text(reading.answer.asOf)),
                "bookEntry": .decimal(reading.book.head.number),
                "bookHash": .string(reading.book.head.hash.description),
            ],
            "lines": .array(lines.map(json)),
            "unassigned": .array(
                unassigned.map { usage in
                    guard case .object(let members) = BillingStatement.json(usage) else {
                        return .null
                    }
                    return .object(
                        [JSONMember("tenant", .string(usage.key.tenant.description))] + members
                    )
                }
            ),
        ]
    }

    private func json(_ line: Line) -> JSONOutput {
        guard case .object(let members) = line.billing.json else { return .null }
        return .object(
            [
                JSONMember("tenant", .string(line.tenant.description)),
                JSONMember("agents", .array(line.agents.map { .string($0.description) })),
                JSONMember("customer", .optional(line.customer)),
                JSONMember("project", .optional(line.project?.id)),
                JSONMember("projectName", .optional(line.project?.name)),
                JSONMember("offering", .optional(line.offering)),
            ] + members + [
                JSONMember(
                    "corrections",
                    .array(
                        line.corrections.map { correction in
                            [
                                "cause": .string(correction.cause),
                                "amount": .string(correction.amount.description),
                                "month": .string(correction.month.description),
                                "note": .string(correction.note),
                            ]
                        }
                    )
                )
            ]
        )
    }

    static let columns =
        ["record", "period", "tenant", "agents", "customer", "project", "offering"]
        + BillingStatement.columns

    var csv: CSVText {
        var table = CSVText(Self.columns)
        func head(_ record: String, _ tenant: Name) -> [CSVText.Cell] {
            [.plain(record), .plain(period.month.description), .text(tenant.description)]
        }
        for line in lines {
            let agents = line.agents.map(\.description).joined(separator: " ")
            table.add(
                head("line", line.tenant) + [
                    .text(agents), .optional(line.customer), .optional(line.project?.name),
                    .optional(line.offering),
                ] + line.billing.cells
            )
        }
        for usage in unassigned {
            var cells = [CSVText.Cell](repeating: .none, count: BillingStatement.columns.count)
            cells[1] = .text(usage.key.component.description)
            cells[5] = .plain(usage.total.description)
            cells[cells.count - 1] = .plain(usage.key.reason.rawValue)
            table.add(
                head("unassigned", usage.key.tenant)
                    + [.text(usage.key.agent.description), .none, .none, .none] + cells
            )
        }
        return table
    }
}
