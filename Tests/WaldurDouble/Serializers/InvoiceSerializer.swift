extension Serializer {
    /// Tax and total, unrounded; the caller decides on places.
    func tax(_ price: Decimal10, _ invoice: Invoice?) -> Decimal10 {
        let percent = invoice?.taxPercent ?? .zero
        return price.timesCut(Decimal10(units: percent.units / 100))
    }

    /// Python keeps the sign of a zero that came from a negative price.
    private func signed(_ value: Decimal10, like price: Decimal10, places: Int) -> JSON {
        let text = value.text(places: places)
        return .string(price < .zero && value == .zero ? "-" + text : text)
    }

    func item(_ item: InvoiceItem) -> JSON {
        let resource = model.resources[item.resource]
        let offering = resource.flatMap { model.offerings[$0.offering] }
        let project = model.projects[item.project]
        let price = item.price
        let tax = tax(price, model.invoices[item.invoice])
        let billing = offering?.component(item.type)?.billingType
        return [
            "uuid": uuid(item.id), "url": url("invoice-items", item.id),
            "name": .string(item.name), "price": PythonFloat.json(price),
            "tax": signed(tax, like: price, places: 2),
            "total": .string((price + tax).text(places: 2)),
            "unit_price": .string(item.unitPrice.text(places: 10)),
            "unit": .string(item.unit.rawValue), "measured_unit": .string(item.measuredUnit),
            "start": time(item.start), "end": time(item.end),
            "article_code": .string(item.articleCode), "project_name": .text(project?.name),
            "project_uuid": uuid(item.project),
            "quantity": .string(item.quantity.text(places: 10)),
            "details": details(item, resource, offering),
            "resource": url("marketplace-resources", item.resource),
            "resource_uuid": uuid(item.resource), "resource_name": .text(resource?.name),
            "billing_type": .text(billing?.rawValue), "backend_uuid": nil,
        ]
    }

    private func details(
        _ item: InvoiceItem,
        _ resource: Resource?,
        _ offering: Offering?
    ) -> JSON {
        guard let details = item.details else { return [:] }
        let provider = offering.flatMap { model.customers[$0.customer] }
        var members: [JSON.Member] = [
            .init(key: "plan_name", value: .string(details.planName)),
            .init(key: "plan_uuid", value: .string(details.plan?.hex ?? "")),
            .init(key: "offering_name", value: .text(offering?.name)),
            .init(key: "offering_type", value: .text(offering?.type)),
            .init(key: "offering_uuid", value: uuid(offering?.id)),
            .init(key: "resource_name", value: .string(details.resourceName)),
            .init(key: "resource_uuid", value: uuid(resource?.id)),
            .init(key: "plan_component_id", value: .int(details.planComponent)),
            .init(key: "service_provider_name", value: .text(provider?.name)),
            .init(key: "service_provider_uuid", value: uuid(provider?.serviceProvider)),
        ]
        if !details.limitPeriods.isEmpty {
            let periods = details.limitPeriods.map { period -> JSON in
                [
                    "end": .string(period.end.offset), "start": .string(period.start.offset),
                    "total": .string(String(period.total)), "quantity": .int(period.quantity),
                    "billing_periods": .int(period.days),
                ]
            }
            members.append(.init(key: "resource_limit_periods", value: .array(periods)))
        }
        members += [
            .init(key: "offering_component_name", value: .string(details.componentName)),
            .init(key: "offering_component_type", value: .string(details.componentType)),
        ]
        return .object(members)
    }

    /// The form of the customer's list of items, which names the invoice.
    func customerItem(_ item: InvoiceItem) -> JSON {
        let resource = model.resources[item.resource]
        let offering = resource.flatMap { model.offerings[$0.offering] }
        return [
            "invoice": url("invoices", item.invoice),
            "resource": url("marketplace-resources", item.resource), "uuid": uuid(item.id),
            "article_code": .string(item.articleCode),
            "unit_price": .string(item.unitPrice.text(places: 10)),
            "unit": .string(item.unit.rawValue),
            "quantity": .string(item.quantity.text(places: 10)),
            "measured_unit": .string(item.measuredUnit), "name": .string(item.name),
            "start": time(item.start), "end": time(item.end),
            "details": details(item, resource, offering),
        ]
    }

    /// Items that come to zero are hidden from the customer.
    func invoice(_ invoice: Invoice) -> JSON {
        let items = model.items(of: invoice)
        let price = items.map(\.price).reduce(.zero, +)
        let tax = tax(price, invoice)
        let shown = items.filter { $0.price != .zero }.sorted { $0.name < $1.name }
        return [
            "url": url("invoices", invoice.id), "uuid": uuid(invoice.id),
            "number": .int(invoice.number), "customer": url("customers", invoice.customer),
            "price": .string(price.text(places: 10)), "tax": signed(tax, like: price, places: 10),
            "total": .string((price + tax).text(places: 10)),
            "state": .string(invoice.state.rawValue), "year": .int(invoice.month.year),
            "month": .int(invoice.month.number), "issuer_details": [:],
            "invoice_date": .text(invoice.invoiceDate?.date),
            "due_date": .text(invoice.invoiceDate?.advanced(bySeconds: 30 * 86_400).date),
            "customer_details": ["name": .text(model.customers[invoice.customer]?.name)],
            "items": .array(shown.map(item)), "backend_id": "", "payment_url": "",
            "reference_number": "",
        ]
    }
}
