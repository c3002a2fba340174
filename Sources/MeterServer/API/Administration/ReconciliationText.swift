internal import Meter
internal import MeterWaldur
internal import MeterWire

/// A reconciliation as JSON. Every line names its kind and has the same members for the same columns, so that
/// lines of all kinds, of claims too, make one table.
struct ReconciliationText {
    private let found: Reconciliation
    private let book: BookState

    init(_ found: Reconciliation, _ book: BookState) {
        self.found = found
        self.book = book
    }

    private var waldur: JSONOutput { .string(found.waldur.name) }

    var json: JSONOutput {
        .object([
            JSONMember("month", .string(found.month.description)),
            JSONMember("waldur", waldur),
            JSONMember("counts", Self.counts(found.states)),
            JSONMember("rows", .array(found.rows.map(json))),
            JSONMember("items", .array(found.others.map(json))),
            JSONMember("invoices", .array(found.invoices.map(json))),
            JSONMember("seesItems", .boolean(found.seesItems)),
            JSONMember("unseen", .array(found.unseen.map { .string($0.description) })),
        ])
    }

    private func json(_ line: Reconciliation.RowLine) -> JSONOutput {
        .object([
            JSONMember("kind", "row"), JSONMember("waldur", waldur),
            JSONMember("tenants", Self.names(line.tenants)),
            JSONMember("resource", .string(line.resource.description)),
            JSONMember("planPeriod", .optional(line.planPeriod)),
            JSONMember("month", .string(line.month.description)),
            JSONMember("component", .string(line.component.description)),
            JSONMember("unit", .string(unit(line))),
            JSONMember("ledger", .string(line.ledger.description)),
            JSONMember("usage", .optional(line.usage)),
            JSONMember("billed", .optional(line.billed)),
            JSONMember("difference", .string(line.difference.description)),
            JSONMember("toTell", .string(line.toTell.description)),
            JSONMember("shown", .optional(line.shown)),
            JSONMember("price", .optional(line.price)),
            JSONMember("expected", .money(line.expected)),
            JSONMember("cost", .money(line.cost)),
            JSONMember("costDifference", .money(line.costDifference)),
            JSONMember("customer", .optional(line.customer)),
            JSONMember("items", .array(line.items.map { .string($0.description) })),
            JSONMember("state", .string(line.state.rawValue)),
            JSONMember("causes", Self.causes(line.shares)),
        ])
    }

    private func json(_ line: Reconciliation.OtherItem) -> JSONOutput {
        [
            "kind": "item", "waldur": waldur,
            "tenants": [.string(line.customer.description)],
            "resource": .optional(line.item.resource), "component": .optional(line.item.component),
            "item": .string(line.item.id.description), "name": .string(line.item.name),
            "class": .string(line.kind.rawValue),
            "quantity": .string(line.item.quantity.description),
            "unitPrice": .string(line.item.unitPrice.description),
            "cost": .money(line.item.price), "state": "not-usage",
            "causes": Self.causes(line.share.map { [$0] } ?? []),
        ]
    }

    private func json(_ line: Reconciliation.InvoiceLine) -> JSONOutput {
        [
            "waldur": waldur, "customer": .string(line.customer.description),
            "tenants": Self.names(line.tenants), "items": .count(line.itemCount),
            "expected": .money(line.expected), "usage": .money(line.usage),
            "notUsage": .money(line.notUsage), "total": .money(line.total),
            "unexplained": .money(line.unexplained),
        ]
    }

    private func unit(_ line: Reconciliation.RowLine) -> String {
        book.baseUnit(
            line.component,
            of: ResourceKey(waldur: found.waldur, resource: line.resource)
        )
    }

    // MARK: - What lines of all kinds have

    fileprivate static func counts(_ states: [Reconciliation.State]) -> JSONOutput {
        .object(
            Reconciliation.State.allCases.map { state in
                JSONMember(state.rawValue, .count(states.count { $0 == state }))
            }
        )
    }

    private static func names(_ names: Set<Name>) -> JSONOutput {
        .array(names.sorted().map { .string($0.description) })
    }

    fileprivate static func causes(_ shares: [Reconciliation.Share]) -> JSONOutput {
        .array(
            shares.map { share in
                [
                    "between": .string(share.gap.rawValue), "cause": .string(share.cause.rawValue),
                    "standing": .string("\(share.standing)"),
                    "quantity": .optional(share.quantity), "money": .money(share.money),
                    "note": .optional(share.note),
                ]
            }
        )
    }
}

/// Claims beside what was metered, as JSON.
struct ClaimText {
    private let found: ClaimReconciliation
    private let isOfAll: Bool
    private let book: BookState

    /// - Parameter isOfAll: Every Waldur that was asked has this month.
    init(_ found: ClaimReconciliation, isOfAll: Bool, _ book: BookState) {
        self.found = found
        self.isOfAll = isOfAll
        self.book = book
    }

    var json: JSONOutput {
        [
            "month": .string(found.period.month.description),
            "from": .string(RFC3339.text(found.period.start)),
            "to": .string(RFC3339.text(found.period.end)),
            "waldurs": .array(found.waldurs.map { .string($0.name) }),
            "counts": ReconciliationText.counts(found.states),
            "lines": .array(found.lines.map(json)),
        ]
    }

    private func json(_ line: ClaimReconciliation.Line) -> JSONOutput {
        let names = found.waldurs.map(\.name).joined(separator: ", ")
        return [
            "kind": "claims", "waldur": .optional(isOfAll ? nil : names),
            "tenants": [.string(line.tenant.description)],
            "component": .string(line.component.description),
            "unit": .optional(book.components[line.component]?.unit),
            "claimed": .optional(line.claimed), "ledger": .string(line.ledger.description),
            "difference": .optional(line.difference),
            "state": .string(line.state.rawValue),
            "causes": ReconciliationText.causes(line.shares),
        ]
    }
}

extension JSONOutput {
    /// Money of an invoice: exact, with two decimals at least.
    fileprivate static func money(_ amount: ExactDecimal?) -> JSONOutput {
        .optional(amount?.text(placesMin: 2))
    }
}
