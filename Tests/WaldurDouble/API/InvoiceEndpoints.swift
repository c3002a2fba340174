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
        .get("/api/invoice-items/", listItems),
        Endpoint(
            path: "/api/invoice-items/{uuid}/",
            handlers: ["GET": showItem, "PATCH": changeItem]
        ),
        .post("/api/invoice-items/{uuid}/create_compensation/") { (model, call) throws(Refusal) in
            let item = try visibleItem(model, call)
            guard try call.caller().isStaff else { throw .forbidden }
            var fields = try BodyFields(call)
            let name = fields.text("offering_component_name")
            try fields.check()
            let made = try model.compensate(item, name: name)
            return .created(["invoice_item_uuid": .string(made.hex)])
        },
        Endpoint(
            path: "/api/customer-credits/",
            handlers: ["GET": listCredits, "POST": makeCredit]
        ),
        .get("/api/provider-invoice-items/", listProviderItems),
        .get("/api/provider-invoice-items/{uuid}/") { (_, call) throws(Refusal) in
            _ = try call.caller()
            throw .missing("Not found.")
        },
    ]

    /// The customer's own items; a provider sees those of its customers elsewhere.
    private static let listItems: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var filters = Filters(call)
        let resource = filters.uuid("resource_uuid")
        let year = filters.number("year")
        let month = filters.number("month")
        try filters.check()
        let found = model.items.rows.filter { row in
            guard let invoice = model.invoices[row.invoice], model.sees(user, invoice) else {
                return false
            }
            return (resource ?? row.resource) == row.resource
                && (year ?? invoice.month.year) == invoice.month.year
                && (month ?? invoice.month.number) == invoice.month.number
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call, serializer.customerItem)
    }

    private static func visibleItem(
        _ model: WaldurModel,
        _ call: Call
    ) throws(Refusal) -> InvoiceItem {
        let user = try call.caller()
        guard let item = model.items[ID(call.key)], let invoice = model.invoices[item.invoice],
            model.sees(user, invoice)
        else { throw .notFound("InvoiceItem") }
        return item
    }

    private static let showItem: Handler = { (model, call) throws(Refusal) in
        .ok(Serializer(model, call).customerItem(try visibleItem(model, call)))
    }

    /// Permission comes before the look-up: who may not edit learns nothing of the item.
    private static let changeItem: Handler = { (model, call) throws(Refusal) in
        guard try call.caller().isStaff else { throw .forbidden }
        let item = try visibleItem(model, call)
        var fields = try BodyFields(call)
        let quantity = fields.decimal("quantity", places: 10, required: false)
        try fields.check()
        if let quantity { try model.setQuantity(quantity, of: item) }
        let changed = model.items[item.id] ?? item
        return .ok([
            "article_code": .string(changed.articleCode),
            "quantity": .string(changed.quantity.text(places: 10)),
        ])
    }

    private static let listCredits: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var filters = Filters(call)
        let customer = filters.uuid("customer_uuid")
        try filters.check()
        let found = model.credits.rows.filter { credit in
            guard let owner = model.customers[credit.customer], model.sees(user, owner) else {
                return false
            }
            return (customer ?? credit.customer) == credit.customer
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call) { serializer.credit($0, expanded: true) }
    }

    private static let makeCredit: Handler = { (model, call) throws(Refusal) in
        guard try call.caller().isStaff else { throw .forbidden }
        var fields = try BodyFields(call)
        let customer = fields.link("customer") { model.customers[$0] }
        let value = fields.decimal("value", places: 5)
        try fields.check()
        guard let customer, let value else { throw .forbidden }
        let offerings = (fields.json("offerings").array ?? []).compactMap { url in
            url.string.flatMap(BodyFields.id(in:))
        }
        let credit = Credit(id: ID(), customer: customer.id, offerings: offerings, value: value)
        model.credits.insert(credit)
        return .created(Serializer(model, call).credit(credit, expanded: false))
    }

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
        let found = model.items.rows.filter { row in
            guard let invoice = model.invoices[row.invoice], model.providesItem(user, row),
                let resource = model.resources[row.resource]
            else { return false }
            return (customer ?? invoice.customer) == invoice.customer
                && (project ?? row.project) == row.project
                && (offering ?? resource.offering) == resource.offering
                && (year ?? invoice.month.year) == invoice.month.year
                && (month ?? invoice.month.number) == invoice.month.number
        }
        let field = order.map { $0.hasPrefix("-") ? String($0.dropFirst()) : $0 }
        let groups = Dictionary(grouping: found) { key($0, field, model) }
        // Nothing tells items of one key apart.
        let keys = groups.keys.sorted { order?.hasPrefix("-") == true ? $1 < $0 : $0 < $1 }
        let serializer = Serializer(model, call)
        return try Pagination.answer(
            unordered: keys.compactMap { groups[$0] },
            call,
            serializer.item
        )
    }

    /// What items are listed by: the newest invoice first, or one of the fields that are offered.
    private static func key(
        _ item: InvoiceItem,
        _ field: String?,
        _ model: WaldurModel
    ) -> OrderingKey {
        let resource = model.resources[item.resource]
        let invoice = model.invoices[item.invoice]
        switch field {
        case "unit_price": return OrderingKey(number: item.unitPrice.units)
        case "resource_offering_name":
            return OrderingKey(text: model.offerings[resource?.offering]?.name ?? "")
        case "invoice_customer_name":
            return OrderingKey(text: model.customers[invoice?.customer]?.name ?? "")
        case "project_name": return OrderingKey(text: model.projects[item.project]?.name ?? "")
        default: return OrderingKey(number: -Int128(invoice?.number ?? 0))
        }
    }

    private struct OrderingKey: Hashable, Comparable {
        var text = ""
        var number: Int128 = 0

        static func < (a: OrderingKey, b: OrderingKey) -> Bool {
            (a.text, a.number) < (b.text, b.number)
        }
    }
}
