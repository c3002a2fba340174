/// All that money depends on, in one JSON object: what tests and the demo reconcile against.
enum Dump {
    static func json(_ content: inout DoubleState.Content) -> JSON {
        let model = content.model
        return [
            "now": .string(content.clock.now().zulu), "calls": .int(content.calls),
            "server_errors": .array(content.serverErrors.map(JSON.string)),
            "usages": .array(model.usages.rows.map { usage($0, model) }),
            "items": .array(model.items.rows.map { item($0, model) }),
            "invoices": .array(model.invoices.rows.map { invoice($0, model) }),
            "prices": .array(model.plans.rows.flatMap { prices($0, model) }),
        ]
    }

    private static func usage(_ row: UsageRow, _ model: WaldurModel) -> JSON {
        let resource = model.resources[row.key.resource]
        return [
            "uuid": .string(row.id.hex), "resource": .text(resource?.name),
            "resource_uuid": .string(row.key.resource.hex),
            "plan_period_uuid": .text(row.key.planPeriod?.hex), "type": .string(row.type),
            "billing_period": .string(row.key.month.name),
            "usage": .string(row.usage.text(places: 2)), "date": .string(row.date.zulu),
            "modified_by": row.modifiedBy.map { JSON.int($0) } ?? .null,
        ]
    }

    private static func item(_ item: InvoiceItem, _ model: WaldurModel) -> JSON {
        let invoice = model.invoices[item.invoice]
        return [
            "uuid": .string(item.id.hex), "resource": .text(model.resources[item.resource]?.name),
            "resource_uuid": .string(item.resource.hex),
            "invoice_uuid": .string(item.invoice.hex),
            "month": .text(invoice?.month.name), "name": .string(item.name),
            "type": .string(item.type), "start": .string(item.start.zulu),
            "end": .string(item.end.zulu), "unit_price": .string(item.unitPrice.text(places: 10)),
            "quantity": .string(item.quantity.text(places: 10)),
            "price": .string(item.price.text(places: 2)),
        ]
    }

    private static func invoice(_ invoice: Invoice, _ model: WaldurModel) -> JSON {
        let price = model.items(of: invoice).map(\.price).reduce(.zero, +)
        return [
            "uuid": .string(invoice.id.hex),
            "customer": .text(model.customers[invoice.customer]?.name),
            "month": .string(invoice.month.name), "state": .string(invoice.state.rawValue),
            "price": .string(price.text(places: 2)),
        ]
    }

    private static func prices(_ plan: Plan, _ model: WaldurModel) -> [JSON] {
        plan.prices.keys.sorted().compactMap { type in
            guard let price = plan.prices[type] else { return nil }
            return [
                "plan": .string(plan.name), "plan_uuid": .string(plan.id.hex),
                "offering": .text(model.offerings[plan.offering]?.name), "type": .string(type),
                "price": .string(price.price.text(places: 10)),
                "future_price": .text(price.futurePrice?.text(places: 10)),
            ]
        }
    }
}
