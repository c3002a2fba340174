internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Everything that can still be put right before a month is cut or closed, with the time until which that
/// helps, and what its final flush will be like.
struct PeriodPreview {
    private struct Item {
        let kind: String
        let subject: String
        let detail: String
        /// Until when it is to be settled for it to be billed in the month itself; nil where only the closing
        /// waits for it.
        var until: Timestamp?

        var json: JSONOutput {
            [
                "kind": .string(kind), "subject": .string(subject), "detail": .string(detail),
                "until": .optional(until.map { RFC3339.text($0.atFullSecond) }),
            ]
        }
    }

    private let closing: PeriodClosing
    private let period: BillingPeriod
    private let reading: TenantLedger.Reading
    private let status: ReportingStatus?
    private let isCut: Bool
    /// Of the present month only.
    private let flush: FlushForecast?
    private let tail: TailForecast?

    /// Reads the month, and what was used lately.
    ///
    /// - Parameter status: How reporting to the month's Waldur stands; nil where nothing is reported.
    init(
        _ period: BillingPeriod,
        _ closing: PeriodClosing,
        _ status: ReportingStatus?
    ) async throws(Problem) {
        self.period = period
        self.closing = closing
        reading = try await closing.ledger.read(nil, in: period)
        self.status = status
        let isCut = reading.book.billing.isCut(period.month, of: period.waldur)
        self.isCut = isCut
        flush = status?.flush.flatMap { $0.month == period.month && !isCut ? $0 : nil }
        guard let flush else {
            tail = nil
            return
        }
        var readings: [TenantLedger.Reading] = []
        for minutes in [60, 24 * 60] as [UInt32] {
            guard let stretch = Self.last(minutes, of: period, at: closing.ledger.source.now())
            else {
                continue
            }
            readings.append(try await closing.ledger.read(nil, in: stretch))
        }
        tail = TailForecast(readings, milliseconds: flush.tailMilliseconds)
    }

    /// The last minutes of the month so far.
    private static func last(
        _ minutes: UInt32,
        of period: BillingPeriod,
        at now: Timestamp
    ) -> BillingPeriod? {
        guard let present = Minute(now) else { return nil }
        let end = min(Minute(rawValue: present.rawValue + 1), period.end)
        let start = end.rawValue > minutes ? Minute(rawValue: end.rawValue - minutes) : period.start
        return BillingPeriod(
            waldur: period.waldur,
            month: period.month,
            start: max(start, period.start),
            end: end
        )
    }

    var json: JSONOutput {
        [
            "month": .string(period.month.description),
            "state": .string(isCut ? "cut" : "open"),
            "fixableUntil": isCut
                ? .null
                : .string(RFC3339.text((flush?.guardStart ?? period.end.start).atFullSecond)),
            "flush": flush.map { $0.json(status?.flushWarning) } ?? .null,
            "tail": .array(tail?.lines.map(\.json) ?? []),
            "items": .array(items.map(\.json)),
        ]
    }

    /// Until when usage and bindings count in the last totals; nil once they are told.
    private var toldUntil: Timestamp? { isCut ? nil : flush?.start ?? period.end.start }

    private var items: [Item] {
        [
            reporterItems, gapItems, unassignedItems, advisoryItems, foreignItems, carryItems,
            priceItems,
            orderItems,
            incidentItems,
        ].flatMap(\.self)
    }

    private var reporterItems: [Item] {
        guard let status, let flush else { return [] }
        var items: [Item] = []
        if let warning = status.flushWarning {
            items.append(
                Item(
                    kind: "final-flush", subject: status.waldur.name, detail: warning,
                    until: flush.start)
            )
        }
        if status.state == "failing" {
            items.append(
                Item(
                    kind: "reporting",
                    subject: status.waldur.name,
                    detail: status.detail,
                    until: flush.start
                )
            )
        }
        return items
    }

    private var gapItems: [Item] {
        closing.standings(in: period).flatMap { standing in
            standing.obstacles.filter { !["not-cut", "foreign"].contains($0.cause) }.map {
                obstacle in
                // What may still come counts in the month when it comes in time; the rest is decided about.
                let mayCome =
                    obstacle.cause == GapCause.open.rawValue
                    || obstacle.cause == GapCause.unclean.rawValue
                return Item(
                    kind: obstacle.cause,
                    subject: standing.tenant.description,
                    detail: obstacle.detail,
                    until: mayCome ? toldUntil : nil
                )
            }
        }
    }

    private var unassignedItems: [Item] {
        reading.month.unassigned.filter { $0.key.reason != .advisory }.map { usage in
            Item(
                kind: "unassigned",
                subject: "\(usage.key.tenant)/\(usage.key.agent)",
                detail: "\(usage.total) of \(usage.key.component) belong to no resource "
                    + "(\(usage.key.reason.rawValue)); meterctl map set",
                until: toldUntil
            )
        }
    }

    private var advisoryItems: [Item] {
        Self.advisoryOnly(reading.month).map { agent in
            Item(
                kind: "advisory-only",
                subject: "\(agent.tenant)/\(agent.agent)",
                detail:
                    "all usage of it came in the way that does not count, so nothing is billed; "
                    + "meterctl counting list"
            )
        }
    }

    /// Agents with a resource that used something, and of which nothing counts: they were declared, and do not
    /// export spans; or they do, and were not.
    private static func advisoryOnly(_ month: LedgerMonth) -> [AgentKey] {
        var advisory: Set<AgentKey> = []
        var others: Set<AgentKey> = []
        for usage in month.attributed {
            let agent = AgentKey(tenant: usage.key.tenant, agent: usage.key.agent)
            if usage.key.notBillable == .advisory {
                advisory.insert(agent)
            } else {
                others.insert(agent)
            }
        }
        return advisory.subtracting(others).sorted()
    }

    private var foreignItems: [Item] {
        reading.book.billing.foreign.keys.sorted()
            .filter { $0.month == period.month && $0.waldur == period.waldur }
            .map { key in
                Item(
                    kind: "foreign",
                    subject: key.description,
                    detail: "somebody else wrote this figure; meterctl report foreign list",
                    // The default decides with the final flush at the latest.
                    until: flush.map { min($0.foreignDecided, $0.start) }
                )
            }
    }

    private var carryItems: [Item] {
        reading.book.billing.carries.values
            .filter { standing in
                standing.waits && standing.carry.from.month == period.month
                    && standing.carry.from.waldur == period.waldur
            }
            .sorted { $0.carry.number < $1.carry.number }
            .map { standing in
                Item(
                    kind: "carry",
                    subject: standing.carry.from.description,
                    detail: "carry \(standing.carry.number) waits; meterctl carry show "
                        + "\(standing.carry.number)"
                )
            }
    }

    /// Components without a price, and prices that become others with the month's end.
    private var priceItems: [Item] {
        let book = reading.book
        var items: [Item] = []
        var changing: Set<PriceKey> = []
        for figure in reading.month.figures where figure.balance != .zero {
            let standing = book.resources[figure.key.resourceKey]
            let planPeriod = standing?.periods.first { $0.id == figure.key.planPeriod }
            let key = planPeriod?.plan.map {
                PriceKey(waldur: period.waldur, plan: $0, component: figure.key.component)
            }
            guard let key, let price = book.billing.price(key) else {
                items.append(
                    Item(
                        kind: "unpriced",
                        subject: figure.key.description,
                        detail: "nobody has seen a price for it; what is told may not be billed: "
                            + "meterctl map check",
                        until: toldUntil
                    )
                )
                continue
            }
            guard !isCut, planPeriod?.end == nil, let due = price.futurePrice, due != price.price,
                changing.insert(key).inserted
            else { continue }
            items.append(
                Item(
                    kind: "reprice",
                    subject:
                        "\(figure.key.component) in plan \(planPeriod?.planName ?? "\(key.plan)")",
                    detail:
                        "\(price.price) becomes \(due) with the next month; what is not told before "
                        + "waits as a carry for a person: meterctl carry list",
                    until: toldUntil
                )
            )
        }
        return items
    }

    private var orderItems: [Item] {
        guard flush != nil else { return [] }
        return reading.book.billing.orders.values
            .filter {
                $0.order.waldur == period.waldur && $0.order.state == "pending-provider"
                    && ["Update", "Terminate"].contains($0.order.type)
            }
            .sorted { $0.order.order < $1.order.order }
            .map { standing in
                let told =
                    standing.flushed.map { "told up to \(RFC3339.text($0.at))" } ?? "not told yet"
                return Item(
                    kind: "order",
                    subject: standing.order.order.description,
                    detail:
                        "\(standing.order.type) of resource \(standing.order.resource) waits for the "
                        + "provider, \(told); meterctl orders approve \(standing.order.order)"
                )
            }
    }

    private var incidentItems: [Item] {
        reading.book.openIncidents(of: period.waldur, in: closing.ledger.zone)
            .filter { $0.incident.key.month == period.month }
            .map { found in
                Item(
                    kind: found.incident.kind.rawValue,
                    subject: found.incident.key.description,
                    detail: IncidentLine(incident: found.incident, found: found.found).sentence
                )
            }
    }
}

extension FlushForecast {
    func json(_ warning: String?) -> JSONOutput {
        [
            "month": .string(month.description), "start": .string(RFC3339.text(start.atFullSecond)),
            "guard": .string(RFC3339.text(guardStart)),
            "seconds": .integer((milliseconds + 999) / 1_000),
            "resources": .count(resources),
            "turnMilliseconds": turnMilliseconds.map { .integer($0) } ?? .null,
            "medianTailSeconds": .integer((tailMilliseconds + 999) / 1_000),
            "hasBegun": .boolean(hasBegun), "fits": .boolean(fits),
            "warning": .optional(warning),
        ]
    }
}

extension Timestamp {
    /// A forecast is no better than that.
    fileprivate var atFullSecond: Timestamp {
        Timestamp(milliseconds: milliseconds - milliseconds % 1_000)
    }
}
