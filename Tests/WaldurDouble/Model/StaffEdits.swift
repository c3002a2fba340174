extension WaldurModel {
    /// Staff sets the quantity of an item, also of a closed invoice.
    ///
    /// Waldur then writes the usage row of the item's resource, component and month: of several plan
    /// periods the row that was written last, which need not be the item's, and whose own item follows.
    /// Who wrote a row and when does not change. A row has two decimals, the item keeps more.
    mutating func setQuantity(_ quantity: Decimal10, of item: InvoiceItem) throws(Refusal) {
        items.update(item.id) { $0.quantity = quantity }
        guard let resource = resources[item.resource],
            let component = offerings[resource.offering]?.component(item.type),
            component.billingType == .usage, let month = invoices[item.invoice]?.month
        else { return }
        let rows = usages.rows.filter { row in
            row.key.resource == item.resource && row.key.component == component.id
                && row.key.month == month
        }
        guard var row = rows.max(by: { $0.date < $1.date }), row.usage != quantity else { return }
        row.usage = quantity
        try bill(row)
        row.usage = quantity.rounded(places: 2)
        usages.insert(row)
    }

    /// Staff takes an item back: a copy of it with the price's sign turned, on the customer's invoice of
    /// this month.
    ///
    /// The copy keeps component, start and end. Reporting that component afterwards finds the copy: it
    /// overwrites it where it is the only one, and fails where there is another.
    mutating func compensate(_ item: InvoiceItem, name: String) throws(Refusal) -> ID {
        let customer = invoices[item.invoice]?.customer
        var copy = item
        copy.id = ID()
        if let customer { copy.invoice = try openInvoice(of: customer, at: stamp()) }
        copy.unitPrice = Decimal10(units: -item.unitPrice.units)
        copy.details?.componentName = name
        insert(copy)
        return copy.id
    }

    /// Staff moves a resource to another project, which may be another customer's.
    ///
    /// What stands on pending invoices moves to the new customer's invoices of the same months, and so
    /// do its usage rows of all months and its orders, which name the project through the resource;
    /// items of closed invoices stay. Refused as a whole where one of those invoices is closed.
    mutating func move(_ resource: Resource, to project: Project) throws(Refusal) {
        guard let customer = customer(of: resource) else { return }
        let pending = items(of: resource.id).filter { item in
            guard let invoice = invoices[item.invoice] else { return false }
            return invoice.state == .pending && invoice.customer == customer
        }
        if project.customer != customer {
            for item in pending {
                guard let month = invoices[item.invoice]?.month,
                    invoice(of: project.customer, in: month).map({ $0.state == .pending }) ?? true
                else {
                    throw .conflictMessage(
                        "Resource moving is not possible, because invoice items moving is not possible."
                    )
                }
            }
            for item in pending {
                guard let month = invoices[item.invoice]?.month else { continue }
                put(item, on: try openInvoice(of: project.customer, at: month.start))
            }
        }
        let now = stamp()
        for item in pending { items.update(item.id) { $0.project = project.id } }
        resources.update(resource.id) {
            $0.project = project.id
            $0.modified = now
        }
    }

    /// Closes an invoice before the monthly task does, as staff may by hand.
    mutating func close(_ invoice: Invoice) {
        let now = stamp()
        invoices.update(invoice.id) {
            $0.state = .created
            $0.invoiceDate = now
        }
    }
}
