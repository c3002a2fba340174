import Foundation
import YearTruth

@testable import WaldurDouble

/// The script's Waldurs: what is in them in January.
extension DoubleWorld {
    /// One of the two.
    init(_ site: Site, at minute: Int) throws {
        state = DoubleState(clock: .standing(Moment(micros: Int64(minute) * 60_000_000)))
        try state.load(Self.fixture(site))
    }

    /// A uuid of the year: a digit for what it is, and numbers that tell them apart.
    static func yearID(_ kind: Character, _ site: Site, _ number: Int) -> String {
        let digits = String((site == .north ? 1_000 : 2_000) + number)
        return String(kind) + String(repeating: "0", count: 31 - digits.count) + digits
    }

    private static func fixture(_ site: Site) -> Fixture {
        let tenants = YearTenant.all.filter { $0.site == site }
        var fixture = Fixture()
        fixture.timeZone = site == .north ? nil : site.zoneName
        fixture.customers =
            [.init(name: "Provider")]
            + tenants.map { .init(name: $0.name, uuid: yearID("c", site, $0.number)) }
        fixture.projects = tenants.map { .init(name: $0.name, customer: $0.name) }
        fixture.users = [
            .init(
                username: "meter",
                token: providerToken,
                roles: [.init(role: "owner", customer: "Provider")]
            ),
            .init(
                username: "other",
                token: otherToken,
                roles: [.init(role: "owner", customer: "Provider")]
            ),
            .init(username: "staff", token: buyerToken, staff: true),
        ]
        fixture.offerings = YearOffer.all.filter { $0.site == site }.map(entry)
        fixture.resources = YearResource.all
            .filter { $0.tenant.site == site && $0.isThereFromStart }
            .map { entry($0, created: "2026-01-02T00:00:00Z") }
        return fixture
    }

    private static func entry(_ offer: YearOffer) -> Fixture.OfferingEntry {
        .init(
            name: offer.name,
            customer: "Provider",
            components: offer.components.map { .init(type: $0.name, measuredUnit: $0.unit) },
            plans: offer.plans.map { .init(name: $0.name, prices: $0.prices) },
            uuid: yearID("f", offer.site, offer.number)
        )
    }

    private static func entry(
        _ resource: YearResource,
        created: String?
    ) -> Fixture.ResourceEntry {
        .init(
            name: resource.name,
            offering: resource.offer.name,
            project: resource.tenant.name,
            plan: resource.offer.plans[0].name,
            uuid: yearID("e", resource.tenant.site, resource.number),
            created: created
        )
    }

    /// A resource that is ordered in the course of the year; its month has been opened by the task.
    func order(_ resource: YearResource) throws {
        var fixture = Fixture()
        fixture.monthOpened = false
        fixture.resources = [Self.entry(resource, created: nil)]
        try state.load(fixture)
    }

    // MARK: What people do in Waldur

    private func change(_ body: (inout WaldurModel) throws -> Void) throws {
        try state.with { content in
            content.model.begin(at: content.clock.now())
            try body(&content.model)
        }
    }

    private static func resource(_ name: String, _ model: WaldurModel) throws -> Resource {
        guard let resource = model.resources.rows.first(where: { $0.name == name }) else {
            throw Refusal.notFound("Resource")
        }
        return resource
    }

    func announce(_ plan: String, _ component: String, _ price: String) throws {
        try change { model in
            guard let plan = model.plans.rows.first(where: { $0.name == plan }) else { return }
            model.plans.update(plan.id) {
                $0.prices[component]?.futurePrice = Decimal10(price)
            }
        }
    }

    func switchYearPlan(_ resource: String, to plan: String) throws {
        try change { model in
            guard let plan = model.plans.rows.first(where: { $0.name == plan }) else { return }
            try model.switchPlan(of: Self.resource(resource, model).id, to: plan.id)
        }
    }

    func askToEnd(_ name: String) throws {
        try change { model in
            guard let staff = model.users.rows.first(where: \.isStaff) else { return }
            _ = try model.order(Self.resource(name, model), switchTo: nil, by: staff)
        }
    }

    func approveEnd(_ name: String) throws {
        try change { model in
            let resource = try Self.resource(name, model)
            guard let order = model.openOrder(of: resource.id),
                let staff = model.users.rows.first(where: \.isStaff)
            else { return }
            try model.approve(order, by: staff)
        }
    }

    func move(_ name: String, to customer: String) throws {
        try change { model in
            guard let project = model.projects.rows.first(where: { $0.name == customer }) else {
                return
            }
            try model.move(Self.resource(name, model), to: project)
        }
    }

    func grantCredit(_ customer: String, _ value: String) throws {
        try change { model in
            guard let customer = model.customers.rows.first(where: { $0.name == customer }),
                let value = Decimal10(value)
            else { return }
            model.credits.insert(
                Credit(id: ID(), customer: customer.id, offerings: [], value: value)
            )
        }
    }

    /// A resource's item of a component on the invoice of a month.
    private static func item(
        _ name: String,
        _ component: String,
        _ month: YearMonth,
        _ model: WaldurModel
    ) throws -> InvoiceItem {
        let found = model.items(of: try resource(name, model).id).first { item in
            item.type == component
                && model.invoices[item.invoice]?.month.name.hasPrefix("\(month)") ?? false
        }
        guard let found else { throw Refusal.notFound("InvoiceItem") }
        return found
    }

    func edit(_ name: String, _ component: String, _ month: YearMonth, _ quantity: String) throws {
        try change { model in
            guard let quantity = Decimal10(quantity) else { return }
            let item = try Self.item(name, component, month, model)
            try model.setQuantity(quantity, of: item)
        }
    }

    func compensate(_ name: String, _ component: String, _ month: YearMonth) throws {
        try change { model in
            let item = try Self.item(name, component, month, model)
            _ = try model.compensate(item, name: "Compensation")
        }
    }

    // MARK: What stands in it

    /// Every invoice with something on it.
    func invoices(_ site: Site) -> [YearInvoiceKey: YearInvoice] {
        state.with { content in
            let model = content.model
            var invoices: [YearInvoiceKey: YearInvoice] = [:]
            for item in model.items.rows where item.quantity != .zero {
                guard let invoice = model.invoices[item.invoice],
                    let customer = model.customers[invoice.customer]
                else { continue }
                let key = YearInvoiceKey(
                    site: site,
                    customer: customer.name,
                    month: YearMonth(year: invoice.month.year, month: invoice.month.number)
                )
                if item.details == nil {
                    invoices[key, default: YearInvoice()].credit -=
                        YearMoney.hundredths(item.price.text(places: 2))
                    continue
                }
                invoices[key, default: YearInvoice()].items.append(
                    YearInvoice.Item(
                        resource: model.resources[item.resource]?.name ?? "",
                        component: item.type,
                        quantity: YearMoney.hundredths(item.quantity.text(places: 2)),
                        unitPrice: item.unitPrice.units,
                        price: YearMoney.hundredths(item.price.text(places: 2))
                    )
                )
            }
            return invoices
        }
    }

    /// Why calls ended in a server error.
    var serverErrors: [String] { state.with { $0.serverErrors } }
}
