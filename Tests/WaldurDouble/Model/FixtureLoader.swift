/// Enters the objects of a fixture into a model, computing all that Waldur would have computed.
struct FixtureLoader {
    var model: WaldurModel
    let now: Moment
    var opened: Bool

    /// The model with the fixture's objects added. Throws on a reference to nothing, a bad value,
    /// or a uuid that is none; the given model is not changed then.
    static func load(
        _ fixture: Fixture,
        into model: WaldurModel,
        at now: Moment
    ) throws -> WaldurModel {
        var loader = FixtureLoader(model: model, now: now, opened: !(fixture.monthOpened ?? true))
        loader.model.currency = fixture.currency ?? model.currency
        if let name = fixture.timeZone {
            guard let zone = Zone(name) else {
                throw FixtureError(description: "time_zone '\(name)' is no IANA zone")
            }
            loader.model.zone = zone
        }
        for entry in fixture.customers { try loader.add(entry) }
        for entry in fixture.projects ?? [] { try loader.add(entry) }
        for entry in fixture.offerings ?? [] { try loader.add(entry) }
        for entry in fixture.users ?? [] { try loader.add(entry) }
        let resources = try (fixture.resources ?? []).map { entry in
            (entry, try loader.moment(entry.created, "created of resource \(entry.name)"))
        }
        for (entry, created) in resources.sorted(by: { $0.1 < $1.1 }) {
            try loader.add(entry, created: created)
        }
        loader.openMonth(before: now)
        loader.model.begin(at: now)
        return loader.model
    }

    func id(_ text: String?, _ what: String) throws -> ID {
        guard let text else { return ID() }
        guard let id = ID(text) else {
            throw FixtureError(description: "\(what): '\(text)' is not a uuid")
        }
        return id
    }

    func moment(_ text: String?, _ what: String) throws -> Moment {
        guard let text else { return now }
        guard let moment = Moment(text) else {
            throw FixtureError(description: "\(what): '\(text)' is not an ISO 8601 time in UTC")
        }
        return moment
    }

    func day(_ text: String?, _ what: String) throws -> String? {
        guard let text else { return nil }
        guard text.utf8.count == 10, Moment(text) != nil else {
            throw FixtureError(description: "\(what): '\(text)' is not a day such as 2026-12-20")
        }
        return text
    }

    private func decimal(_ text: String, _ what: String) throws -> Decimal10 {
        guard let value = Decimal10(text), value.units.magnitude < UInt128(Decimal10.one) << 40
        else {
            throw FixtureError(description: "\(what): '\(text)' is not a decimal of 10 places")
        }
        return value
    }

    func find<Row: Identified>(
        _ name: String,
        in table: Table<Row>,
        by path: (Row) -> String,
        _ what: String
    ) throws -> Row {
        if let row = ID(name).flatMap({ table[$0] })
            ?? table.rows.first(where: { path($0) == name })
        {
            return row
        }
        throw FixtureError(description: "\(what) '\(name)' is not in the fixture")
    }

    private func customer(_ name: String) throws -> Customer {
        try find(name, in: model.customers, by: \.name, "customer")
    }

    private mutating func add(_ entry: Fixture.CustomerEntry) throws {
        let slug = model.slug(for: entry.name) { slug in
            model.customers.rows.contains { $0.slug == slug }
        }
        model.customers.insert(
            Customer(
                id: try id(entry.uuid, "customer \(entry.name)"),
                name: entry.name,
                slug: entry.slug ?? slug,
                abbreviation: entry.abbreviation ?? "",
                created: try moment(entry.created, "created of customer \(entry.name)"),
                taxPercent: try decimal(entry.taxPercent ?? "0", "tax_percent of \(entry.name)"),
                serviceProvider: try entry.serviceProviderUUID.map {
                    try id($0, "service_provider_uuid of \(entry.name)")
                },
                apiSecret: entry.apiSecret ?? WaldurModel.newSecret()
            )
        )
    }

    private mutating func add(_ entry: Fixture.ProjectEntry) throws {
        let slug = model.slug(for: entry.name) { slug in
            model.projects.rows.contains { $0.slug == slug }
        }
        model.projects.insert(
            Project(
                id: try id(entry.uuid, "project \(entry.name)"),
                name: entry.name,
                slug: entry.slug ?? slug,
                description: entry.description ?? "",
                customer: try customer(entry.customer).id,
                created: try moment(entry.created, "created of project \(entry.name)"),
                endDate: try day(entry.endDate, "end_date of project \(entry.name)")
            )
        )
    }

    private mutating func add(_ entry: Fixture.UserEntry) throws {
        var roles: [Role] = []
        for role in entry.roles ?? [] {
            guard let kind = Role.Kind(rawValue: role.role) else {
                throw FixtureError(description: "role '\(role.role)' of \(entry.username)")
            }
            if let name = role.customer {
                roles.append(Role(kind: kind, scope: .customer(try customer(name).id)))
            }
            if let name = role.project {
                let project = try find(name, in: model.projects, by: \.name, "project")
                roles.append(Role(kind: kind, scope: .project(project.id)))
            }
            if let name = role.offering {
                let offering = try find(name, in: model.offerings, by: \.name, "offering")
                roles.append(Role(kind: kind, scope: .offering(offering.id)))
            }
        }
        let next = (model.users.rows.map(\.number).max() ?? 0) + 1
        model.users.insert(
            User(
                id: try id(entry.uuid, "user \(entry.username)"),
                number: entry.number ?? next,
                username: entry.username,
                fullName: entry.fullName ?? "",
                token: entry.token,
                tokenLifetime: entry.tokenLifetime,
                tokenUsed: now,
                isStaff: entry.staff ?? false,
                isActive: entry.active ?? true,
                roles: roles
            )
        )
    }

    private mutating func add(_ entry: Fixture.OfferingEntry) throws {
        let owner = try customer(entry.customer)
        if owner.serviceProvider == nil {
            model.customers.update(owner.id) { $0.serviceProvider = ID() }
        }
        let slug = model.slug(for: entry.name) { slug in
            model.offerings.rows.contains { $0.slug == slug }
        }
        let offering = Offering(
            id: try id(entry.uuid, "offering \(entry.name)"),
            customer: owner.id,
            name: entry.name,
            slug: entry.slug ?? slug,
            description: entry.description ?? "",
            type: entry.type ?? "Marketplace.Basic",
            category: try id(entry.categoryUUID, "category of \(entry.name)"),
            categoryTitle: entry.categoryTitle ?? "AI agents",
            backendID: entry.backendID ?? "",
            state: entry.state ?? "Active",
            created: try moment(entry.created, "created of offering \(entry.name)"),
            options: [:],
            components: try entry.components.map(component).sorted { $0.type < $1.type }
        )
        model.offerings.insert(offering)
        for plan in entry.plans { try add(plan, to: offering) }
    }

    private func component(_ entry: Fixture.ComponentEntry) throws -> Component {
        guard let billing = BillingType(rawValue: entry.billingType ?? "usage") else {
            throw FixtureError(description: "billing_type of \(entry.type)")
        }
        let boolean = entry.isBoolean ?? false
        return Component(
            id: try id(entry.uuid, "component \(entry.type)"),
            type: entry.type,
            name: entry.name ?? entry.type,
            measuredUnit: entry.measuredUnit ?? "",
            billingType: billing,
            limitPeriod: boolean ? .month : entry.limitPeriod.flatMap(Component.LimitPeriod.init),
            limitAmount: boolean ? nil : entry.limitAmount,
            isBoolean: boolean,
            articleCode: ""
        )
    }

    private mutating func add(_ entry: Fixture.PlanEntry, to offering: Offering) throws {
        guard let unit = Plan.Unit(rawValue: entry.unit ?? "month") else {
            throw FixtureError(description: "unit of plan \(entry.name)")
        }
        let types = Set(offering.components.map(\.type))
        for type in Array(entry.prices.keys) + Array(entry.futurePrices?.keys ?? [:].keys)
        where !types.contains(type) {
            throw FixtureError(description: "plan \(entry.name) prices '\(type)', no component")
        }
        var prices: [String: PlanPrice] = [:]
        for type in entry.prices.keys.sorted() {
            model.lastPlanPrice += 1
            prices[type] = PlanPrice(
                number: model.lastPlanPrice,
                price: try decimal(entry.prices[type] ?? "", "price of \(type)"),
                futurePrice: try entry.futurePrices?[type].map {
                    try decimal($0, "future price of \(type)")
                },
                quota: entry.quotas?[type] ?? 0
            )
        }
        model.plans.insert(
            Plan(
                id: try id(entry.uuid, "plan \(entry.name)"),
                offering: offering.id,
                name: entry.name,
                description: entry.description ?? entry.name,
                unit: unit,
                prices: prices
            )
        )
    }
}
