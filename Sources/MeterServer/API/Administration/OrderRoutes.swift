internal import Meter
internal import MeterWire

/// `/admin/v1/orders`: switches and terminations that wait, and whether their resources were told for them.
struct OrderRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/orders", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let orders = context.book.state.billing.orders.values
                    .sorted { ($0.firstSeen, $0.order.order) < ($1.firstSeen, $1.order.order) }
                return .json(["orders": .array(orders.map(Self.json))])
            },
            APIRoute(.post, "/admin/v1/orders/{order}/approve", scopes: .admin) {
                call async throws(Problem) in try await approve(call)
            },
        ]
    }

    private func approve(_ call: APICall) async throws(Problem) -> APIAnswer {
        guard let order = OrderID(call.parts["order"] ?? "") else {
            throw .badQuery("An order is a uuid of Waldur's; `meterctl orders list` shows them.")
        }
        let control = try ReportRoutes.control(reporting)
        try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.approve(order)
        }
        return .json(["order": .string(order.description), "state": .string("approved")])
    }

    private static func json(_ standing: OrderStanding) -> JSONOutput {
        [
            "order": .string(standing.order.order.description),
            "waldur": .string(standing.order.waldur.name),
            "resource": .string(standing.order.resource.description),
            "type": .string(standing.order.type),
            "state": .string(standing.order.state),
            "firstSeen": .string(RFC3339.text(standing.firstSeen)),
            "flushedAt": .optional(standing.flushed.map { RFC3339.text($0.at) }),
        ]
    }
}
