extension Serializer {
    /// What resources and orders show alike: the offering, its provider and the plan.
    func head(_ resource: Resource, plan: Plan?) -> [JSON.Member] {
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
            "uuid": uuid(resource.id), "created": time(resource.created),
            "modified": time(resource.modified), "url": url("marketplace-resources", resource.id),
            "scope": resource.scope.map { url("slurm-allocations", $0) } ?? .null,
            "description": "", "state": .string(resource.state.rawValue),
            "resource_uuid": uuid(resource.scope), "backend_id": .string(resource.backendID),
            "effective_id": "",
            "resource_type": .text(scopeType(resource)),
            "project": url("projects", resource.project),
            "project_uuid": uuid(project?.id), "project_name": .text(project?.name),
            "project_description": .text(project?.description),
            "project_end_date": .text(project?.endDate),
            "project_end_date_requested_by": requester(project?.endDateRequestedBy),
            "customer_uuid": uuid(customer?.id),
            "customer_name": .text(customer?.name), "backend_metadata": [:],
            "is_usage_based": .bool(kinds.contains(.usage)),
            "is_limit_based": .bool(kinds.contains(.limit)), "name": .string(resource.name),
            "slug": .string(resource.slug), "current_usages": .object(resource.currentUsages),
            "can_terminate": .bool(
                (resource.state == .ok || resource.state == .erred)
                    && model.openOrder(of: resource.id) == nil
            ),
            "report": nil, "end_date": .text(resource.endDate),
            "end_date_requested_by": requester(resource.endDateRequestedBy),
            "username": nil, "limit_usage": limitUsage(resource), "downscaled": false,
            "restrict_member_access": false, "paused": false, "endpoints": [],
            "error_message": "", "error_traceback": "",
            "offering_customer_uuid": uuid(offering?.customer),
            "options": offering?.type == "Marketplace.Basic" ? [:] : nil,
            "available_actions": [],
        ]
        var members = head(resource, plan: model.plans[resource.plan])
        members += body.members ?? []
        if !inList {
            let open = model.openOrder(of: resource.id)
            let first = model.orders.rows(of: resource.id).first { $0.kind == .create }
            members.append(
                .init(
                    key: "order_in_progress", value: open.map { order($0, isNested: true) } ?? .null
                ))
            members.append(
                .init(
                    key: "creation_order", value: first.map { order($0, isNested: true) } ?? .null))
        }
        return .object(members)
    }

    func scopeType(_ resource: Resource) -> String? {
        resource.scope == nil ? nil : "SLURM.Allocation"
    }

    private func requester(_ user: ID?) -> JSON { user.map { url("users", $0) } ?? .null }

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
                                || model.zone.local(row.date).civil.year
                                    >= model.zone.local(now).civil.year)
                    }
                    value =
                        rows.isEmpty
                        ? .null : PythonFloat.json(rows.map(\.usage).reduce(.zero, +))
                }
                return .init(key: component.type, value: value)
            }
        )
    }
}
