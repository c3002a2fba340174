/// Turns objects into Waldur's answers. Members stand in its order; what the double has no use for
/// has the value that a fresh Waldur shows.
struct Serializer {
    let model: WaldurModel
    let base: String
    let now: Moment

    init(_ model: WaldurModel, _ call: Call) {
        self.model = model
        base = "http://\(call.request.host)/api"
        now = call.now
    }

    func url(_ collection: String, _ id: ID) -> JSON { .string("\(base)/\(collection)/\(id.hex)/") }

    /// With the offset of Waldur's zone, which is `Z` for UTC.
    func time(_ moment: Moment?) -> JSON { .text(moment?.text(in: model.zone)) }

    func uuid(_ id: ID?) -> JSON { .text(id?.hex) }

    func limits(_ limits: [Limit]) -> JSON {
        .object(limits.map { .init(key: $0.type, value: .int($0.amount)) })
    }

    /// Of the configuration, only what bears on billing.
    static func configuration(_ model: WaldurModel) -> JSON {
        [
            "WALDUR_CORE": ["SITE_NAME": "Waldur", "CURRENCY_NAME": .string(model.currency)]
        ]
    }

    func user(_ user: User) -> JSON {
        [
            "url": url("users", user.id), "uuid": uuid(user.id),
            "username": .string(user.username), "full_name": .string(user.fullName),
            "is_staff": .bool(user.isStaff), "is_active": .bool(user.isActive),
            "is_support": false,
        ]
    }

    func usage(_ row: UsageRow) -> JSON {
        guard let resource = model.resources[row.key.resource],
            let offering = model.offerings[resource.offering],
            let component = offering.component(row.type)
        else { return .null }
        let project = model.projects[resource.project]
        let customer = model.customers[project?.customer]
        return [
            "uuid": uuid(row.id), "created": time(row.created),
            "description": .string(row.description), "type": .string(row.type),
            "name": .string(component.name), "measured_unit": .string(component.measuredUnit),
            "usage": .string(row.usage.text(places: 2)), "date": time(row.date),
            "recurring": .bool(row.recurring), "resource_name": .string(resource.name),
            "resource_uuid": uuid(resource.id), "offering_name": .string(offering.name),
            "offering_uuid": uuid(offering.id), "project_name": .text(project?.name),
            "project_uuid": uuid(project?.id), "customer_name": .text(customer?.name),
            "customer_uuid": uuid(customer?.id),
            "billing_period": .string(row.key.month.name),
            "modified_by": row.modifiedBy.map { JSON.int($0) } ?? .null,
        ]
    }

    func userUsage(_ usage: UserUsage) -> JSON {
        guard let row = model.usages[usage.row], let resource = model.resources[row.key.resource],
            let offering = model.offerings[resource.offering]
        else { return .null }
        let project = model.projects[resource.project]
        let customer = model.customers[project?.customer]
        return [
            "uuid": uuid(usage.id), "user": nil, "username": .string(usage.username),
            "component_usage": url("marketplace-component-usages", row.id),
            "usage": .string(usage.usage.text(places: 2)),
            "measured_unit": .text(offering.component(row.type)?.measuredUnit),
            "description": "", "created": time(usage.created), "modified": time(usage.modified),
            "backend_id": "", "resource_name": .string(resource.name),
            "resource_uuid": uuid(resource.id), "offering_name": .string(offering.name),
            "offering_uuid": uuid(offering.id), "project_name": .text(project?.name),
            "project_uuid": uuid(project?.id), "customer_name": .text(customer?.name),
            "customer_uuid": uuid(customer?.id), "component_type": .string(row.type),
            "date": time(row.date),
        ]
    }

    /// A period with its rows of this month, the only place where rows name their period.
    func planPeriod(_ period: PlanPeriod) -> JSON {
        let plan = model.plans[period.plan]
        let components =
            model.resources[period.resource]
            .flatMap { model.offerings[$0.offering] }?.components ?? []
        let rows = components.compactMap { component in
            model.usageByKey[
                UsageKey(
                    resource: period.resource,
                    component: component.id,
                    planPeriod: period.id,
                    month: model.month(of: now)
                )
            ].flatMap { model.usages[$0] }.map { (component, $0) }
        }
        return [
            "uuid": uuid(period.id), "plan_name": .text(plan?.name), "plan_uuid": uuid(plan?.id),
            "start": time(period.start), "end": time(period.end),
            "components": .array(
                rows.map { component, row in
                    [
                        "uuid": uuid(row.id), "created": time(row.created),
                        "description": .string(row.description), "type": .string(row.type),
                        "name": .string(component.name),
                        "measured_unit": .string(component.measuredUnit),
                        "usage": .string(row.usage.text(places: 2)), "date": time(row.date),
                        "recurring": .bool(row.recurring),
                    ]
                }
            ),
        ]
    }
}
