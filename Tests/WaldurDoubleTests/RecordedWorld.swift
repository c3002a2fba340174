import Foundation

@testable import WaldurDouble

/// The objects that existed before a recorded session, as its answers show them: the offering with
/// its plans, resources, accounts. What Waldur computed from them (plan periods, items, invoices)
/// is not taken over: the double has to compute it.
struct RecordedWorld {
    var fixture = Fixture()
    var options: JSON = [:]
    private var tokens: [String: String] = [:]

    /// - Parameters:
    ///   - offering: the provider's view of the offering.
    ///   - resource: the first resource, with its creation order.
    ///   - steps: any steps; they show the accounts' tokens.
    init(offering: JSON, resource: JSON, steps: [Transcript.Step]) {
        for step in steps where step.authorization?.hasPrefix("Token ") == true {
            tokens[step.who] = step.authorization.map { String($0.dropFirst(6)) }
        }
        options = offering["options"] ?? [:]
        let provider = text(offering, "customer_name")
        fixture.monthOpened = false
        fixture.customers = [
            .init(name: provider, uuid: text(offering, "customer_uuid"), abbreviation: "AGT"),
            .init(
                name: text(resource, "customer_name"),
                uuid: text(resource, "customer_uuid"),
                abbreviation: "B1"
            ),
            .init(name: "Buyer Two", abbreviation: "B2"),
        ]
        fixture.projects = [
            .init(
                name: text(resource, "project_name"),
                customer: text(resource, "customer_name"),
                uuid: text(resource, "project_uuid")
            )
        ]
        fixture.users = accounts(provider: provider, buyer: text(resource, "customer_name"))
        fixture.offerings = [Self.offering(offering)]
        let order = resource["creation_order"]
        fixture.resources = [
            .init(
                name: text(resource, "name"),
                offering: text(offering, "uuid"),
                project: text(resource, "project_uuid"),
                plan: text(resource, "plan_uuid"),
                uuid: text(resource, "uuid"),
                limits: Self.limits(resource["limits"]),
                agent: resource["attributes"]?["agent_slug"]?.string,
                created: text(resource, "created"),
                orderUUID: order.map { text($0, "uuid") },
                orderedBy: "buyer"
            )
        ]
    }

    /// Adds a resource of the same offering that shows itself in the invoice items alone.
    mutating func addResource(named name: String, in items: [JSON]) {
        let own = items.filter { $0["resource_name"]?.string == name }
        guard let seats = own.first(where: { $0["billing_type"]?.string == "limit" }),
            let details = seats["details"]
        else { return }
        let project = text(seats, "project_uuid")
        if fixture.projects?.contains(where: { $0.uuid == project }) != true {
            fixture.projects?.append(
                .init(name: text(seats, "project_name"), customer: "Buyer Two", uuid: project)
            )
        }
        let usage = own.first { $0["billing_type"]?.string == "usage" }
        let start = Moment(text(usage ?? seats, "start"))?.micros ?? 0
        let activated = Moment(micros: usage == nil ? start - 10_000 : start)
        let quantity = details["resource_limit_periods"]?.array?.first?["quantity"]?.number ?? "0"
        fixture.resources?.append(
            .init(
                name: name,
                offering: text(details, "offering_uuid"),
                project: project,
                plan: text(details, "plan_uuid"),
                uuid: text(seats, "resource_uuid"),
                limits: ["seats": Int(quantity) ?? 0],
                agent: "researcher",
                created: Moment(micros: activated.micros - Moment.second).zulu,
                activated: activated.zulu,
                orderedBy: "buyer"
            )
        )
    }

    /// Adds the second offering of the recorded provider, with the first one's components and prices,
    /// and a resource of it for each buyer; they show in sums alone.
    mutating func addWriter(uuid: String) {
        guard var offering = fixture.offerings?.first else { return }
        (offering.name, offering.uuid, offering.slug) = ("Writer agent", uuid, nil)
        (offering.type, offering.backendID) = ("Marketplace.Slurm", "agent:writer-agent")
        for index in offering.components.indices { offering.components[index].uuid = nil }
        for index in offering.plans.indices { offering.plans[index].uuid = nil }
        let projects = (fixture.projects ?? []).prefix(2)
        let first = fixture.resources?.first?.created.flatMap { Moment($0) }
        // They were made some seconds after the first offering's.
        let created = first?.advanced(bySeconds: 10).zulu
        for (index, project) in projects.enumerated() {
            fixture.resources?.append(
                .init(
                    name: "site_agent-r\(index + 1)",
                    offering: uuid,
                    project: project.name,
                    plan: "Standard",
                    limits: ["seats": 3],
                    created: created
                )
            )
        }
        // One more erred before it became active, so that its first month was never billed.
        fixture.resources?.append(
            .init(
                name: "hook-sa1",
                offering: uuid,
                project: projects.first?.name ?? "",
                plan: "Standard",
                limits: ["seats": 2],
                created: created,
                billed: false
            )
        )
        fixture.offerings?.append(offering)
    }

    func token(_ who: String) -> String? { tokens[who] }

    /// Enters it all, and the service provider's uuid that items show.
    func load(into state: DoubleState, serviceProvider: String?) throws {
        var fixture = fixture
        fixture.customers[0].serviceProviderUUID = serviceProvider
        try state.load(fixture)
        let options = options
        state.with { content in
            for offering in content.model.offerings.rows {
                content.model.offerings.update(offering.id) { $0.options = options }
            }
        }
    }

    private func accounts(provider: String, buyer: String) -> [Fixture.UserEntry] {
        // The numbers are those that recorded rows show as `modified_by`.
        [
            .init(username: "staff", token: tokens["staff"] ?? "staff", number: 1, staff: true),
            .init(
                username: "provider",
                token: tokens["provider"] ?? "provider",
                fullName: "Provider Test",
                number: 2,
                roles: [.init(role: "owner", customer: provider)]
            ),
            .init(
                username: "buyer",
                token: tokens["buyer"] ?? "buyer",
                fullName: "Buyer Test",
                number: 3,
                roles: [.init(role: "owner", customer: buyer)]
            ),
            .init(
                username: "buyer2",
                token: tokens["buyer2"] ?? "buyer2",
                fullName: "Buyer2 Test",
                number: 5,
                roles: [.init(role: "owner", customer: "Buyer Two")]
            ),
            .init(
                username: "member",
                token: tokens["member"] ?? "member",
                number: 4,
                roles: [.init(role: "member", project: "Project One")]
            ),
        ]
    }

    private static func limits(_ json: JSON?) -> [String: Int] {
        var limits: [String: Int] = [:]
        for member in json?.members ?? [] {
            limits[member.key] = member.value.number.flatMap { Int($0) }
        }
        return limits
    }

    private static func offering(_ json: JSON) -> Fixture.OfferingEntry {
        let components = (json["components"]?.array ?? []).map { component in
            Fixture.ComponentEntry(
                type: text(component, "type"),
                name: text(component, "name"),
                measuredUnit: text(component, "measured_unit"),
                billingType: text(component, "billing_type"),
                limitPeriod: component["limit_period"]?.string,
                limitAmount: component["limit_amount"]?.number.flatMap { Int($0) },
                isBoolean: component["is_boolean"]?.bool,
                uuid: text(component, "uuid")
            )
        }
        // Standard was made before Premium; the answer lists plans by name.
        let plans = (json["plans"]?.array ?? []).reversed().map { plan in
            var prices: [String: String] = [:]
            for member in plan["prices"]?.members ?? [] { prices[member.key] = member.value.number }
            return Fixture.PlanEntry(
                name: text(plan, "name"),
                prices: prices,
                quotas: limits(plan["quotas"]),
                uuid: text(plan, "uuid"),
                unit: text(plan, "unit"),
                description: text(plan, "description")
            )
        }
        return Fixture.OfferingEntry(
            name: text(json, "name"),
            customer: text(json, "customer_name"),
            components: components,
            plans: plans,
            uuid: text(json, "uuid"),
            slug: text(json, "slug"),
            description: text(json, "description"),
            type: text(json, "type"),
            categoryTitle: text(json, "category_title"),
            categoryUUID: text(json, "category_uuid"),
            backendID: text(json, "backend_id"),
            created: text(json, "created")
        )
    }
}

func text(_ json: JSON, _ key: String) -> String { json[key]?.string ?? "" }
