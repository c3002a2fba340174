/// What is on an invoice and bills nothing that Meter has told.
package struct YearOtherItems: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// A customer's credit pays a part.
        case credit
        /// Staff took an item of an earlier month back.
        case compensation
        /// Somebody else reports the resource.
        case othersUsage = "others' usage"
    }

    package let kind: Kind
    package let customer: String
    package let month: YearMonth
    /// All of them together, in hundredths.
    package let price: Int128

    package init(kind: Kind, customer: String, month: YearMonth, price: Int128) {
        (self.kind, self.customer, self.month, self.price) = (kind, customer, month, price)
    }
}

extension YearTruth {
    static func otherItems(
        _ invoices: [YearInvoiceKey: YearInvoice],
        _ facts: YearFacts
    ) -> Set<YearOtherItems> {
        var items: Set<YearOtherItems> = []
        for (key, invoice) in invoices {
            func add(_ kind: YearOtherItems.Kind, _ prices: [Int128]) {
                guard !prices.isEmpty else { return }
                items.insert(
                    YearOtherItems(
                        kind: kind,
                        customer: key.customer,
                        month: key.month,
                        price: prices.reduce(0, +)
                    )
                )
            }
            add(.credit, invoice.credit == 0 ? [] : [-invoice.credit])
            add(.compensation, invoice.items.filter { $0.unitPrice < 0 }.map(\.price))
            add(
                .othersUsage,
                invoice.items.filter {
                    $0.unitPrice >= 0 && !facts.isLive($0.resource, in: key.month)
                }.map(\.price)
            )
        }
        return items
    }
}
