internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/reconcile`: a month as emitters claim it, as the ledger has it, as Waldur shows it and as Waldur
/// bills it; one reconciliation for each Waldur.
struct ReconcileRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/reconcile", scopes: .admin) { call async throws(Problem) in
                try await reconcile(call)
            }
        ]
    }

    private func reconcile(_ call: APICall) async throws(Problem) -> APIAnswer {
        let control = try ReportRoutes.control(reporting, call)
        try call.query.allow(["tenant", "period", "waldur"])
        var request = ReconciliationRequest(
            sources: context.engine.sources(),
            horizon: context.engine.options.frameHorizonMilliseconds
        )
        if let text = try call.query.one("tenant") {
            request.tenant = try RequestFields.name(text, "tenant")
        }
        if let text = try call.query.one("period") {
            guard let month = BillingMonth(text) else {
                throw .badQuery("`period` is a month since 1970, such as 2026-11.")
            }
            request.month = month
        }
        let asked = request
        let found = try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.reconcile(asked)
        }
        let book = context.book.state
        return .json([
            "reconciliations": .array(found.map { ReconciliationText($0, book).json })
        ])
    }
}

/// A reconciliation as JSON. Every line names its kind and Waldur and has the same members for the same columns,
/// so that lines of all kinds make one table.
struct ReconciliationText {
    private let found: Reconciliation
    private let book: BookState

    init(_ found: Reconciliation, _ book: BookState) {
        self.found = found
        self.book = book
    }

    private var waldur: JSONOutput { .string(found.waldur.name) }

    var json: JSONOutput {
        let states = Reconciliation.State.allCases.map { state in
            JSONMember(state.rawValue, .count(found.states.count { $0 == state }))
        }
        return .object([
            JSONMember("month", .string(found.month.description)),
            JSONMember("waldur", waldur),
            JSONMember("counts", .object(states)),
            JSONMember("claims", .array(found.claims.map(json))),
            JSONMember("rows", .array(found.rows.map(json))),
            JSONMember("items", .array(found.others.map(json))),
            JSONMember("invoices", .array(found.invoices.map(json))),
            JSONMember("seesItems", .boolean(found.seesItems)),
            JSONMember("unseen", .array(found.unseen.map { .string($0.description) })),
        ])
    }

    private func json(_ line: Reconciliation.ClaimLine) -> JSONOutput {
        [
            "kind": "claims", "waldur": waldur,
            "tenants": [.string(line.tenant.description)],
            "component": .string(line.component.description),
            "unit": .optional(book.components[line.component]?.unit),
            "claimed": .optional(line.claimed), "ledger": .string(line.ledger.description),
            "difference": .optional(line.difference),
            "state": .string(line.state.rawValue), "causes": causes(line.shares),
        ]
    }

    private func json(_ line: Reconciliation.RowLine) -> JSONOutput {
        .object([
            JSONMember("kind", "row"), JSONMember("waldur", waldur),
            JSONMember("tenants", .array(line.tenants.sorted().map { .string($0.description) })),
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
            JSONMember("expected", .optional(line.expected)),
            JSONMember("cost", .optional(line.cost)),
            JSONMember("costDifference", .optional(line.costDifference)),
            JSONMember("customer", .optional(line.customer)),
            JSONMember("items", .array(line.items.map { .string($0.description) })),
            JSONMember("state", .string(line.state.rawValue)),
            JSONMember("causes", causes(line.shares)),
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
            "cost": .string(line.item.price.description), "state": "not-usage",
            "causes": causes(line.share.map { [$0] } ?? []),
        ]
    }

    private func json(_ line: Reconciliation.InvoiceLine) -> JSONOutput {
        [
            "waldur": waldur, "customer": .string(line.customer.description),
            "items": .count(line.itemCount),
            "expected": .string(line.expected.description),
            "usage": .string(line.usage.description),
            "notUsage": .string(line.notUsage.description),
            "total": .string(line.total.description),
            "unexplained": .string(line.unexplained.description),
        ]
    }

    private func causes(_ shares: [Reconciliation.Share]) -> JSONOutput {
        .array(
            shares.map { share in
                [
                    "between": .string(share.gap.rawValue), "cause": .string(share.cause.rawValue),
                    "standing": .string("\(share.standing)"),
                    "quantity": .optional(share.quantity), "money": .optional(share.money),
                    "note": .optional(share.note),
                ]
            }
        )
    }

    /// What the quantities of a row are counted in.
    private func unit(_ line: Reconciliation.RowLine) -> String {
        let key = ResourceKey(waldur: found.waldur, resource: line.resource)
        return book.baseUnit(line.component, of: key)
    }
}

extension BookState {
    /// What an account's amounts are counted in: the component's smallest unit, or a part of the unit that the
    /// offering measures where several components make one up.
    func baseUnit(_ component: Name, of resource: ResourceKey) -> String {
        let set = resources[resource]?.offering.flatMap { offering in
            unit(
                of: OfferingComponent(
                    waldur: resource.waldur,
                    offering: offering,
                    component: component
                )
            )
        }
        if let set, set.fedBy != nil { return "1/\(set.unitsPerReported) \(set.reportedUnit)" }
        return components[component]?.unit ?? "unit"
    }
}
