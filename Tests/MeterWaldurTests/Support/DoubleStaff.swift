import Foundation

@testable import WaldurDouble

/// What staff and strangers do in Waldur beside Meter.
extension DoubleWorld {
    static let secondCustomer = "c0000000000000000000000000000002"

    private func change<Value: Sendable>(
        _ body: (inout WaldurModel) throws(Refusal) -> Value
    ) throws(Refusal) -> Value {
        try state.with { content throws(Refusal) in
            content.model.begin(at: content.clock.now())
            return try body(&content.model)
        }
    }

    /// Moves a resource to the project of another customer, which is made for that.
    func moveToSecondCustomer(_ resource: String) throws {
        var fixture = Fixture()
        fixture.customers = [.init(name: "Second", uuid: Self.secondCustomer)]
        fixture.projects = [.init(name: "Two", customer: "Second")]
        try state.load(fixture)
        try change { model throws(Refusal) in
            guard let id = ID(resource), let resource = model.resources[id],
                let project = model.projects.rows.first(where: { $0.name == "Two" })
            else { throw Refusal.notFound("Resource") }
            try model.move(resource, to: project)
        }
    }

    /// Gives the buyer a credit in whole units of the currency.
    func grantCredit(_ value: Int) throws {
        try change { model throws(Refusal) in
            guard let customer = ID(Self.customer) else { throw Refusal.notFound("Customer") }
            model.credits.insert(
                Credit(id: ID(), customer: customer, offerings: [], value: Decimal10(value))
            )
        }
    }

    /// Takes back the first item of a component.
    func compensate(_ resource: String, _ component: String) throws {
        try change { model throws(Refusal) in
            guard
                let item = model.items.rows.first(where: {
                    $0.resource.hex == resource && $0.type == component
                })
            else { throw Refusal.notFound("InvoiceItem") }
            _ = try model.compensate(item, name: "compensation")
        }
    }

    /// Edits the quantity of a component's first item, as staff may.
    func editItem(_ resource: String, _ component: String, thousandths: Int) throws {
        try change { model throws(Refusal) in
            guard
                let item = model.items.rows.first(where: {
                    $0.resource.hex == resource && $0.type == component
                })
            else { throw Refusal.notFound("InvoiceItem") }
            try model.setQuantity(Decimal10(units: Int128(thousandths) * 10_000_000), of: item)
        }
    }

    /// A total for one plan period, the first being 0.
    func report(
        _ resource: String,
        planPeriod index: Int,
        _ component: String,
        _ amount: String
    ) async -> Int {
        let periods = state.with { content in
            content.model.planPeriods.rows.filter { $0.resource.hex == resource }
                .sorted { $0.start < $1.start }.map(\.id.hex)
        }
        guard periods.indices.contains(index) else { return 0 }
        return await answer(
            "POST",
            "/api/marketplace-component-usages/set_usage/",
            body: "{\"plan_period\":\"\(periods[index])\",\"usages\":[{\"type\":\"\(component)\","
                + "\"amount\":\"\(amount)\"}]}",
            token: Self.otherToken
        ).status
    }

    /// What all items of a month cost, in ten-thousand-millionths of the currency.
    func cost(in month: String) -> Int128 {
        state.with { content in
            content.model.items.rows.filter {
                (content.model.invoices[$0.invoice]?.month.start.date.prefix(7)).map(String.init)
                    == month
            }.reduce(0) { $0 + $1.price.units }
        }
    }
}
