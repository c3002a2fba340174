extension Serializer {
    func component(_ component: Component) -> JSON {
        [
            "uuid": uuid(component.id), "billing_type": .string(component.billingType.rawValue),
            "type": .string(component.type), "name": .string(component.name), "description": "",
            "measured_unit": .string(component.measuredUnit),
            "limit_period": .text(component.limitPeriod?.rawValue),
            "limit_amount": component.limitAmount.map { JSON.int($0) } ?? .null,
            "article_code": .string(component.articleCode),
            "max_value": component.isBoolean ? 1 : nil, "min_value": component.isBoolean ? 0 : nil,
            "max_available_limit": nil, "is_boolean": .bool(component.isBoolean),
            "default_limit": nil, "factor": nil, "is_builtin": false,
        ]
    }

    /// A sum as a float, and a bare 0 when it comes to nothing.
    func sum(_ plan: Plan, _ type: BillingType) -> JSON {
        let sum = model.sum(plan, type)
        return sum == .zero ? 0 : PythonFloat.json(sum)
    }

    /// `alone` is the form of `/api/marketplace-plans/`, which names the offering.
    ///
    /// What is counted in the database is missing from a plan or offering that was just made.
    func plan(_ plan: Plan, alone: Bool, isNew: Bool = false) -> JSON {
        let components = (model.offerings[plan.offering]?.components ?? [])
            .compactMap { component in plan.prices[component.type].map { (component, $0) } }
        var members: [JSON.Member] = [
            .init(key: "url", value: url("marketplace-plans", plan.id)),
            .init(key: "uuid", value: uuid(plan.id)),
            .init(key: "name", value: .string(plan.name)),
            .init(key: "description", value: .string(plan.description)),
            .init(key: "article_code", value: ""), .init(key: "max_amount", value: nil),
            .init(key: "archived", value: false), .init(key: "is_active", value: true),
            .init(key: "unit_price", value: .string(Decimal10.zero.text(places: 10))),
            .init(key: "unit", value: .string(plan.unit.rawValue)),
            .init(key: "init_price", value: sum(plan, .one)),
            .init(key: "switch_price", value: sum(plan, .few)),
            .init(key: "backend_id", value: ""), .init(key: "organization_groups", value: []),
        ]
        if alone {
            members.append(
                .init(key: "offering", value: url("marketplace-provider-offerings", plan.offering))
            )
        }
        func each(_ value: (PlanPrice) -> JSON) -> JSON {
            .object(components.map { .init(key: $0.0.type, value: value($0.1)) })
        }
        let users = model.resources.rows.count { $0.plan == plan.id }
        let kinds = Set(components.filter { $0.1.price != .zero }.map(\.0.billingType))
        let known: [JSON.Member] = [
            .init(key: "plan_type", value: .text(planType(kinds))),
            .init(key: "minimal_price", value: minimalPrice(components)),
        ]
        return .object(
            members + [
                .init(key: "prices", value: each { PythonFloat.json($0.price) }),
                .init(
                    key: "future_prices",
                    value: each { $0.futurePrice.map(PythonFloat.json) ?? .null }
                ),
                .init(key: "quotas", value: each { .int($0.quota) }),
                .init(key: "resources_count", value: .int(users)),
            ] + (isNew ? [] : known)
        )
    }

    private func planType(_ kinds: Set<BillingType>) -> String? {
        guard kinds.count < 2 else { return "mixed" }
        return switch kinds.first {
        case .usage: "usage-based"
        case .fixed: "fixed"
        case .one: "one-time"
        case .few: "on-plan-switch"
        case .limit: "limit"
        case nil: nil
        }
    }

    private func minimalPrice(_ components: [(Component, PlanPrice)]) -> JSON {
        let parts = components.compactMap { component, price -> Decimal10? in
            guard price.price != .zero else { return nil }
            return switch component.billingType {
            case .limit, .one: price.price
            case .fixed: price.price * (price.quota == 0 ? 1 : price.quota)
            case .usage, .few: nil
            }
        }
        return parts.isEmpty ? 0 : PythonFloat.json(parts.reduce(.zero, +))
    }

    func offering(_ offering: Offering, isNew: Bool = false) -> JSON {
        let resources = model.resources.rows.filter { $0.offering == offering.id }
        let live = resources.filter { [.ok, .updating, .terminating].contains($0.state) }
        let buyers = Set(live.compactMap { model.customer(of: $0) })
        let ids = Set(resources.map(\.id))
        let orders = model.orders.rows.count { ids.contains($0.resource) }
        let customer = model.customers[offering.customer]
        let body: JSON = [
            "url": url("marketplace-provider-offerings", offering.id), "uuid": uuid(offering.id),
            "created": time(offering.created), "name": .string(offering.name),
            "slug": .string(offering.slug), "description": .string(offering.description),
            "full_description": "", "terms_of_service": "", "terms_of_service_link": "",
            "privacy_policy_link": "", "endpoints": [], "roles": [],
            "customer": url("customers", offering.customer), "customer_uuid": uuid(customer?.id),
            "customer_name": .text(customer?.name), "project": nil,
            "category": url("marketplace-categories", offering.category),
            "category_uuid": uuid(offering.category),
            "category_title": .string(offering.categoryTitle), "rating": nil, "attributes": [:],
            "options": offering.options, "resource_options": ["order": [], "options": [:]],
            "components": .array(offering.components.map(component)), "plugin_options": [:],
            "secret_options": [:], "service_attributes": [:], "state": .string(offering.state),
            "native_name": "", "native_description": "", "vendor_details": "",
            "getting_started": "", "integration_guide": "", "thumbnail": nil,
            "order_count": .int(orders),
            "plans": .array(
                model.plans(of: offering.id).map { plan($0, alone: false, isNew: isNew) }
            ),
            "screenshots": [], "type": .string(offering.type), "shared": true, "billable": true,
            "scope": nil, "files": [], "paused_reason": "", "datacite_doi": "",
            "citation_count": -1, "latitude": nil, "longitude": nil, "country": "",
            "backend_id": .string(offering.backendID), "organization_groups": [], "image": nil,
            "backend_metadata": [:],
        ]
        let month = model.month(of: now)
        let known: JSON = [
            "total_customers": .int(buyers.count),
            "total_cost": .int(cost(resources, in: month.previous)),
            "total_cost_estimated": .int(cost(resources, in: month)), "integration_status": [],
            "google_calendar_is_public": nil, "google_calendar_link": nil,
        ]
        return .object((body.members ?? []) + (isNew ? [] : known.members ?? []))
    }

    /// The unrounded cost of a month, cut to whole units.
    private func cost(_ resources: [Resource], in month: Month) -> Int128 {
        resources.flatMap { model.items(of: $0.id) }
            .filter { model.invoices[$0.invoice]?.month == month }
            .map { $0.unitPrice.timesCut($0.quantity) }
            .reduce(.zero, +).units / Decimal10.one
    }
}
