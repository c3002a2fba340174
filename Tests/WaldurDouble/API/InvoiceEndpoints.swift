extension Endpoint {
    /// Invoices and their items, for the customer and for the provider.
    static let invoiceEndpoints: [Endpoint] = [
        .get("/api/invoices/") { (model, call) throws(Refusal) in
            let user = try call.caller()
            var filters = Filters(call)
            let customer = filters.uuid("customer_uuid")
            let year = filters.number("year")
            let month = filters.number("month")
            let states = filters.choices("state", Invoice.State.allCases.map(\.rawValue))
            let order = filters.order(["created", "year", "month"])
            try filters.check()
            let found = model.invoices.rows.filter { row in
                model.sees(user, row) && (customer ?? row.customer) == row.customer
                    && (year ?? row.month.year) == row.month.year
                    && (month ?? row.month.number) == row.month.number
                    && (states.isEmpty || states.contains(row.state.rawValue))
            }
            let serializer = Serializer(model, call)
            return try Pagination.answer(found.ordered(order ?? "-", by: \.month), call) {
                call.select(serializer.invoice($0))
            }
        },
        .get("/api/invoices/{uuid}/") { (model, call) throws(Refusal) in
            let user = try call.caller()
            guard let invoice = model.invoices[ID(call.key)], model.sees(user, invoice) else {
                throw .notFound("Invoice")
            }
            return .ok(call.select(Serializer(model, call).invoice(invoice)))
        },
        .get("/api/provider-invoice-items/", listProviderItems),
        .get("/api/provider-invoice-items/{uuid}/") { (_, call) throws(Refusal) in
            _ = try call.caller()
            throw .missing("Not found.")
        },
    ]

    /// `resource_uuid`, `field` and `billing_type` are not filters here and are ignored.
    private static let listProviderItems: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var filters = Filters(call)
        let customer = filters.uuid("customer_uuid")
        let project = filters.uuid("project_uuid")
        let offering = filters.uuid("offering_uuid")
        let year = filters.number("invoice_year")
        let month = filters.number("invoice_month")
        let order = filters.order([
            "unit_price", "resource_offering_name", "invoice_customer_name", "project_name",
        ])
        try filters.check()
        var found = model.items.rows.filter { row in
            guard let invoice = model.invoices[row.invoice], model.providesItem(user, row),
                let resource = model.resources[row.resource]
            else { return false }
            return (customer ?? invoice.customer) == invoice.customer
                && (project ?? row.project) == row.project
                && (offering ?? resource.offering) == resource.offering
                && (year ?? invoice.month.year) == invoice.month.year
                && (month ?? invoice.month.number) == invoice.month.number
        }
        if let order, order.hasSuffix("unit_price") {
            found = found.ordered(order, by: \.unitPrice)
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call, serializer.item)
    }
}
