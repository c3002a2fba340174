extension Serializer {
    /// An order as lists and single answers show it, and as its resource does, where `isNested`: there
    /// it stays in the project in which it was placed.
    func order(_ order: Order, isNested: Bool = false) -> JSON {
        guard let resource = model.resources[order.resource] else { return .null }
        let plan = model.plans[order.plan]
        var members = core(order, of: resource, plan)
        members += review("consumer", order.consumerReview)
        members += review("provider", order.providerReview)
        members += parties(order, isNested ? order.project : resource.project).members ?? []
        if let old = model.plans[order.oldPlan] {
            members.append(.init(key: "old_plan_name", value: .string(old.name)))
        }
        if let plan { members.append(.init(key: "new_plan_name", value: .string(plan.name))) }
        if let old = order.oldPlan { members.append(.init(key: "old_plan_uuid", value: uuid(old))) }
        if let plan { members.append(.init(key: "new_plan_uuid", value: uuid(plan.id))) }
        let tail: JSON = [
            "old_cost_estimate": PythonFloat.json(order.oldCost),
            "new_cost_estimate": order.cost.map(PythonFloat.json) ?? .null,
            "can_terminate": .bool(order.state.isOpen && model.isBasic(order)),
            "fixed_price": price(plan, order.kind == .create ? .fixed : nil),
            "activation_price": price(
                plan,
                order.kind == .create ? .one : order.kind == .update ? .few : nil
            ),
            "termination_comment": nil, "backend_id": "", "issue": nil,
        ]
        return .object(members + (tail.members ?? []))
    }

    private func core(_ order: Order, of resource: Resource, _ plan: Plan?) -> [JSON.Member] {
        let middle: JSON = [
            "attributes": order.attributes, "limits": limits(order.limits),
            "uuid": uuid(order.id), "created": time(order.created),
            "modified": time(order.modified), "type": .string(order.kind.rawValue),
            "resource_uuid": uuid(resource.scope),
            "resource_type": .text(scopeType(resource)),
            "resource_name": .string(resource.name),
            "cost": .text(order.cost?.text(places: 10)), "state": .string(order.state.rawValue),
            "output": "", "marketplace_resource_uuid": uuid(resource.id), "error_message": "",
            "callback_url": nil,
        ]
        return head(resource, plan: plan) + (middle.members ?? [])
    }

    /// The answer to placing an order, which names people by URL.
    func placedOrder(_ order: Order, by user: User) -> JSON {
        guard let resource = model.resources[order.resource] else { return .null }
        let project = model.projects[resource.project]
        let customer = model.customers[project?.customer]
        let members = core(order, of: resource, model.plans[order.plan])
        let placed: JSON = [
            "url": url("marketplace-orders", order.id), "created_by": url("users", user.id),
            "created_by_username": .string(user.username),
            "created_by_full_name": .string(user.fullName),
            "project": url("projects", resource.project), "project_uuid": uuid(project?.id),
            "project_name": .text(project?.name),
            "project_description": .text(project?.description),
            "customer_name": .text(customer?.name), "customer_uuid": uuid(customer?.id),
        ]
        var review: JSON = ["consumer_reviewed_at": nil]
        if let consumer = order.consumerReview {
            review = [
                "consumer_reviewed_by": url("users", user.id),
                "consumer_reviewed_at": time(consumer.time),
                "consumer_reviewed_by_username": .string(consumer.username),
                "consumer_reviewed_by_full_name": .string(consumer.fullName),
            ]
        }
        return .object(members + (placed.members ?? []) + (review.members ?? []))
    }

    private func price(_ plan: Plan?, _ type: BillingType?) -> JSON {
        guard let plan, let type else { return 0 }
        return sum(plan, type)
    }

    /// Who decided for a side; without a decision only the empty time is there.
    private func review(_ side: String, _ review: Order.Review?) -> [JSON.Member] {
        guard let review else { return [.init(key: "\(side)_reviewed_at", value: nil)] }
        return [
            .init(key: "\(side)_reviewed_by", value: .string(review.username)),
            .init(key: "\(side)_reviewed_by_full_name", value: .string(review.fullName)),
            .init(key: "\(side)_reviewed_at", value: time(review.time)),
        ]
    }

    private func parties(_ order: Order, _ project: ID) -> JSON {
        let project = model.projects[project]
        let customer = model.customers[project?.customer]
        let creator = model.users.rows.first { $0.username == order.createdBy }
        return [
            "created_by_full_name": .string(
                creator?.fullName ?? order.consumerReview?.fullName ?? ""
            ),
            "created_by_civil_number": nil, "customer_name": .text(customer?.name),
            "customer_uuid": uuid(customer?.id), "customer_slug": .text(customer?.slug),
            "project_name": .text(project?.name), "project_uuid": uuid(project?.id),
            "project_description": .text(project?.description),
            "project_slug": .text(project?.slug),
        ]
    }
}
