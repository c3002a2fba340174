/// Money that a customer has in advance for some offerings.
struct Credit: Identified {
    var id: ID
    var customer: ID
    /// Empty: for all.
    var offerings: [ID]
    /// In Waldur's currency.
    var value: Decimal10
    var usedLastMonth: Decimal10?
}

extension WaldurModel {
    /// Uses a customer's credit for an invoice that is being closed: an item of the opposite sign for
    /// each item, the cheapest first, until the credit is used up. A negative item is compensated by a
    /// positive one, so that what it took back ends up in the credit.
    ///
    /// The items name no component and lie in the month after the one they are for.
    mutating func useCredit(for invoice: Invoice, at now: Moment) {
        guard let credit = credits.rows.last(where: { $0.customer == invoice.customer }) else {
            return
        }
        var left = credit.value
        let covered = items(of: invoice).filter { item in
            let offering = resources[item.resource]?.offering
            return credit.offerings.isEmpty || offering.map(credit.offerings.contains) ?? false
        }
        // Stable in Swift: of equal prices the older item comes first.
        for item in covered.sorted(by: { $0.price < $1.price })
        where item.price != .zero && left > .zero {
            let used = min(item.price, left)
            left = left - used
            insert(
                InvoiceItem(
                    id: ID(),
                    invoice: invoice.id,
                    resource: item.resource,
                    project: item.project,
                    name: "Credit compensation. \(item.name)",
                    unit: .quantity,
                    measuredUnit: "",
                    articleCode: "",
                    start: month(of: now).start,
                    end: month(of: now).end,
                    unitPrice: Decimal10(units: -used.units),
                    quantity: Decimal10(1),
                    details: nil
                )
            )
        }
        let used = credit.value - left
        credits.update(credit.id) {
            $0.value = left
            $0.usedLastMonth = used
        }
    }
}
