package import Meter
package import MeterWire

/// An order as the provider sees it: a new resource, another plan or other limits, an end.
package struct WaldurOrder: Equatable, Sendable {
    package let id: OrderID
    /// Waldur's word: `Create`, `Update`, `Terminate`.
    package let type: String
    /// Waldur's word, such as `pending-provider`, `executing`, `done`.
    package let state: String
    package let resource: ResourceID
    package let resourceName: String
    package let offering: OfferingID
    package let customer: CustomerID
    package let customerName: String
    package let project: ProjectID
    /// The plan that an Update leaves; nil in other orders.
    package let oldPlan: PlanID?
    /// The plan that it asks for; in an Update of limits the same as the old one.
    package let newPlan: PlanID?
    package let created: Timestamp
    package let modified: Timestamp
    /// Who ordered, or who set the end date because of which Waldur did; empty where it does not say.
    package let createdBy: String

    /// It may still come into effect.
    package var isOpen: Bool { !Self.ends.contains(state) }

    /// It waits for the provider: usage is accepted, and approving it is for the provider to do.
    package var waitsForProvider: Bool { state == "pending-provider" }

    /// Coming into effect it ends the plan period that runs now, after which that period's usage
    /// cannot be told any more without being billed twice.
    package var endsPlanPeriod: Bool {
        type == "Terminate" || (type == "Update" && oldPlan != newPlan)
    }

    private static let ends: Set<String> = ["done", "erred", "canceled", "rejected"]
}

extension WaldurOrder {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        type = try json.text("type")
        state = try json.text("state")
        resource = try json.uuid("marketplace_resource_uuid")
        resourceName = json["resource_name"]?.string ?? ""
        offering = try json.uuid("offering_uuid")
        customer = try json.uuid("customer_uuid")
        customerName = json["customer_name"]?.string ?? ""
        project = try json.uuid("project_uuid")
        oldPlan = json.optionalUUID("old_plan_uuid")
        newPlan = json.optionalUUID("new_plan_uuid") ?? json.optionalUUID("plan_uuid")
        created = try json.required("created") { value in
            value.string.flatMap { WaldurTime.parse($0) }
        }
        modified = try json.required("modified") { value in
            value.string.flatMap { WaldurTime.parse($0) }
        }
        createdBy = json["created_by_full_name"]?.string ?? ""
    }

    /// The members that reading one takes.
    static let fields = [
        "uuid", "type", "state", "marketplace_resource_uuid", "resource_name", "offering_uuid",
        "customer_uuid", "customer_name", "project_uuid", "old_plan_uuid", "new_plan_uuid",
        "plan_uuid", "created", "modified", "created_by_full_name",
    ]
}

extension WaldurClient {
    /// The orders in some states, of one offering or of all that the account sees, oldest first.
    ///
    /// An order of a resource that moved since names its present customer.
    package func orders(
        of offering: OfferingID? = nil,
        resource: ResourceID? = nil,
        in states: [String] = ["pending-provider", "executing"]
    ) async throws(WaldurError) -> [WaldurOrder] {
        var query = ["o=created"]
        if let offering { query.append("offering_uuid=\(offering)") }
        if let resource { query.append("resource_uuid=\(resource)") }
        query += states.map { "state=\($0)" } + WaldurOrder.fields.map { "field=\($0)" }
        let orders = try await list(
            "/api/marketplace-orders/?" + query.joined(separator: "&"),
            { json throws(WaldurError) in try WaldurOrder(json) },
            by: \.id
        )
        // An unknown filter is ignored in silence, so that the orders themselves are asked.
        guard
            orders.allSatisfy({ order in
                (offering ?? order.offering) == order.offering
                    && (resource ?? order.resource) == order.resource
                    && (states.isEmpty || states.contains(order.state))
            })
        else { throw .malformed("orders other than those that were asked for") }
        return orders
    }

    /// One order; 404 where the account does not see it.
    package func order(_ id: OrderID) async throws(WaldurError) -> WaldurOrder {
        try WaldurOrder(try await json("/api/marketplace-orders/\(id)/"))
    }

    /// Approves for the provider. The answer comes before the order is carried out: read it again
    /// until it is `done`, which on offerings of type Basic is moments later.
    ///
    /// Status 409 where it does not wait for the provider (any more). After an error other than a
    /// refusal it may have been approved: read it.
    package func approve(_ id: OrderID) async throws(WaldurError) {
        _ = try await call(
            .post,
            "/api/marketplace-orders/\(id)/approve_by_provider/",
            body: "{}",
            success: [200]
        )
    }
}
