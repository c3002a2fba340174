extension Serializer {
    /// What resources and orders show alike: the offering, its provider and the plan.
    private func head(_ resource: Resource, plan: Plan?) -> [JSON.Member] {
        guard let offering = model.offerings[resource.offering] else { return [] }
        let provider = model.customers[offering.customer]
        let catalogue = "marketplace-public-offerings"
        let head: JSON = [
            "offering": url(catalogue, offering.id), "offering_name": .string(offering.name),
            "offering_uuid": uuid(offering.id),
            "offering_description": .string(offering.description), "offering_image": nil,
            "offering_thumbnail": nil, "offering_type": .string(offering.type),
            "offering_terms_of_service": "", "offering_shared": true, "offering_billable": true,
            "offering_plugin_options": [:], "provider_name": .text(provider?.name),
            "provider_uuid": uuid(provider?.id),
            "category_title": .string(offering.categoryTitle),
            "category_uuid": uuid(offering.category), "category_icon": nil,
            "plan": plan.map {
                .string("\(base)/\(catalogue)/\(offering.id.hex)/plans/\($0.id.hex)/")
            } ?? .null,
        ]
        var members = head.members ?? []
        if let plan {
            members += [
                .init(key: "plan_unit", value: .string(plan.unit.rawValue)),
                .init(key: "plan_name", value: .string(plan.name)),
                .init(key: "plan_uuid", value: uuid(plan.id)),
                .init(key: "plan_description", value: .string(plan.description)),
            ]
        }
        return members
    }

    /// Rows of lists lack the two members that show orders.
    func resource(_ resource: Resource, inList: Bool) -> JSON {
        let project = model.projects[resource.project]
        let customer = model.customers[project?.customer]
        let offering = model.offerings[resource.offering]
        let kinds = Set(offering?.components.map(\.billingType) ?? [])
        let body: JSON = [
            "attributes": resource.attributes, "limits": limits(resource.limits),
            "uuid": uuid(resource.id), "created": .time(resource.created),
            "modified": .time(resource.modified), "url": url("marketplace-resources", resource.id),
            "scope": nil, "description": "", "state": .string(resource.state.rawValue),
            "resource_uuid": nil, "backend_id": .string(resource.backendID), "effective_id": "",
            "resource_type": nil, "project": url("projects", resource.project),
            "project_uuid": uuid(project?.id), "project_name": .text(project?.name),
            "project_description": .text(project?.description), "project_end_date": nil,
            "project_end_date_requested_by": nil, "customer_uuid": uuid(customer?.id),
            "customer_name": .text(customer?.name), "backend_metadata": [:],
            "is_usage_based": .bool(kinds.contains(.usage)),
            "is_limit_based": .bool(kinds.contains(.limit)), "name": .string(resource.name),
            "slug": .string(resource.slug), "current_usages": .object(resource.currentUsages),
            "can_terminate": .bool(resource.state == .ok || resource.state == .erred),
            "report": nil, "end_date": .text(resource.endDate), "end_date_requested_by": nil,
            "username": nil, "limit_usage": limitUsage(resource), "downscaled": false,
            "restrict_member_access": false, "paused": false, "endpoints": [],
            "error_message": "", "error_traceback": "",
            "offering_customer_uuid": uuid(offering?.customer), "options": [:],
            "available_actions": [],
        ]
        var members = head(resource, plan: model.plans[resource.plan])
        members += body.members ?? []
        if !inList {
            let orders = model.orders.rows.filter { $0.resource == resource.id }
            let open = orders.last { $0.state.isOpen }
            let first = orders.first { $0.kind == .create }
            members.append(.init(key: "order_in_progress", value: open.map(order) ?? .null))
            members.append(.init(key: "creation_order", value: first.map(order) ?? .null))
        }
        return .object(members)
    }

    /// Reported usage of the limit components; of a monthly one only what the last call named.
    private func limitUsage(_ resource: Resource) -> JSON {
        guard let offering = model.offerings[resource.offering], resource.plan != nil,
            offering.components.contains(where: { $0.billingType == .limit })
        else { return .null }
        return .object(
            offering.components.filter { $0.billingType == .limit }.map { component in
                let value: JSON
                if component.limitPeriod == nil || component.limitPeriod == .month {
                    value = resource.currentUsages.last { $0.key == component.type }?.value ?? .null
                } else {
                    let rows = model.usages.rows.filter { row in
                        row.key.resource == resource.id && row.key.component == component.id
                            && row.key.planPeriod != nil
                            && (component.limitPeriod == .total
                                || row.date.civil.year >= now.civil.year)
                    }
                    value =
                        rows.isEmpty
                        ? .null : PythonFloat.json(rows.map(\.usage).reduce(.zero, +))
                }
                return .init(key: component.type, value: value)
            }
        )
    }

    func order(_ order: Order) -> JSON {
        guard let resource = model.resources[order.resource] else { return .null }
        let plan = model.plans[order.plan]
        var members = head(resource, plan: plan)
        let middle: JSON = [
            "attributes": order.attributes, "limits": limits(order.limits),
            "uuid": uuid(order.id), "created": .time(order.created),
            "modified": .time(order.modified), "type": .string(order.kind.rawValue),
            "resource_uuid": nil, "resource_type": nil, "resource_name": .string(resource.name),
            "cost": .text(order.cost?.text(places: 10)), "state": .string(order.state.rawValue),
            "output": "", "marketplace_resource_uuid": uuid(resource.id), "error_message": "",
            "callback_url": nil,
        ]
        members += middle.members ?? []
        members += review("consumer", order.consumerReview)
        members += review("provider", order.providerReview)
        members += parties(order, resource).members ?? []
        if let old = model.plans[order.oldPlan] {
            members.append(.init(key: "old_plan_name", value: .string(old.name)))
        }
        if let plan { members.append(.init(key: "new_plan_name", value: .string(plan.name))) }
        if let old = order.oldPlan { members.append(.init(key: "old_plan_uuid", value: uuid(old))) }
        if let plan { members.append(.init(key: "new_plan_uuid", value: uuid(plan.id))) }
        let tail: JSON = [
            "old_cost_estimate": PythonFloat.json(order.oldCost),
            "new_cost_estimate": order.cost.map(PythonFloat.json) ?? .null,
            "can_terminate": .bool(order.state.isOpen),
            "fixed_price": price(plan, order.kind == .create ? .fixed : nil),
            "activation_price": price(
                plan,
                order.kind == .create ? .one : order.kind == .update ? .few : nil
            ),
            "termination_comment": nil, "backend_id": "", "issue": nil,
        ]
        return .object(members + (tail.members ?? []))
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
            .init(key: "\(side)_reviewed_at", value: .time(review.time)),
        ]
    }

    private func parties(_ order: Order, _ resource: Resource) -> JSON {
        let project = model.projects[resource.project]
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
