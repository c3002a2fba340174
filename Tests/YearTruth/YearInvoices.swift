package struct YearInvoiceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let site: Site
    package let customer: String
    package let month: YearMonth

    package init(site: Site, customer: String, month: YearMonth) {
        (self.site, self.customer, self.month) = (site, customer, month)
    }

    package var description: String { "\(customer) \(month)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.customer, left.month) < (right.customer, right.month)
    }
}

/// Whose money is asked for what, in hundredths; items of nothing are left out.
package struct YearInvoice: Equatable, Sendable {
    package struct Item: Hashable, Comparable, Sendable, CustomStringConvertible {
        package let resource: String
        package let component: String
        package let quantity: Int128
        /// A count of 1e-10.
        package let unitPrice: Int128
        package let price: Int128

        package init(
            resource: String,
            component: String,
            quantity: Int128,
            unitPrice: Int128,
            price: Int128
        ) {
            self.resource = resource
            self.component = component
            self.quantity = quantity
            self.unitPrice = unitPrice
            self.price = price
        }

        package var description: String {
            "\(resource) \(component) \(YearMoney.text(quantity)) at \(unitPrice)e-10 is "
                + YearMoney.text(price)
        }

        package static func < (left: Self, right: Self) -> Bool {
            left.description < right.description
        }
    }

    package var items: [Item] = []
    /// What of it is paid from a credit.
    package var credit: Int128 = 0

    package init() {}

    package var total: Int128 { items.map(\.price).reduce(0, +) - credit }
}

extension YearTruth {
    /// From rows to items: rounded down on the running total, what is left over goes to the next row.
    mutating func bill(_ script: [YearRow], _ facts: YearFacts) {
        let places = Dictionary(grouping: rows.keys) { [$0.resource, $0.component] }
        for (place, keys) in places.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let (resource, component) = (place[0], place[1])
            var left = Int128(0)
            let size = Int128(
                YearResource.named(resource).offer.component(component)?.size ?? 1)
            for key in keys.sorted() {
                let sum = (rows[key] ?? 0) + left
                let told = sum * 100 / size
                left = sum - told * size / 100
                self.told["\(resource) \(component) \(key.month)", default: 0] += told
                figures[key] = (told, left)
                add(quantity: told, key, facts)
            }
            if left > 0 { leave(left, resource, component) }
        }
        for row in script { change(row, script, facts) }
    }

    private mutating func leave(_ left: Int128, _ resource: String, _ component: String) {
        let size = YearResource.named(resource).offer.component(component)?.size ?? 1
        let priced = Priced(component: component, size: size, price: 0)
        classes[.residue, default: [:]][priced, default: 0] += left
    }

    func invoice(_ row: YearRowKey, _ facts: YearFacts) -> YearInvoiceKey {
        let site = YearResource.named(row.resource).tenant.site
        let end = site.start(of: row.month.next) - 1
        return YearInvoiceKey(
            site: site,
            customer: facts.customer(row.resource, at: end),
            month: row.month
        )
    }

    /// By the first total of the month.
    func frozenPrice(_ row: YearRowKey, _ facts: YearFacts) -> Int128 {
        let site = YearResource.named(row.resource).tenant.site
        let period = facts.periods(row.resource)[row.period]
        let first = facts.firstReport(
            row.resource,
            row.component,
            after: max(period.start, site.start(of: row.month))
        )
        return facts.price(
            row.resource,
            row.component,
            period: row.period,
            at: first ?? period.start
        )
    }

    private mutating func add(quantity: Int128, _ row: YearRowKey, _ facts: YearFacts) {
        guard quantity != 0 else { return }
        let price = frozenPrice(row, facts)
        invoices[invoice(row, facts), default: YearInvoice()].items.append(
            YearInvoice.Item(
                resource: row.resource,
                component: row.component,
                quantity: quantity,
                unitPrice: price,
                price: YearMoney.itemPrice(price, quantity: quantity)
            )
        )
    }

    // MARK: What Waldur's people change

    private mutating func change(_ row: YearRow, _ script: [YearRow], _ facts: YearFacts) {
        switch row.act {
        case .overwrites(let resource, let component, let quantity):
            report(resource, component, quantity, at: row, script, facts)
        case .edits(let resource, let component, let month, let quantity):
            replace(resource, component, YearMonth(month), facts) { item in
                YearMoney.hundredths(quantity)
            }
        case .compensates(let resource, let component, let month):
            compensate(resource, component, YearMonth(month), at: row, facts)
        case .runsMonthlyTask: useCredits(at: row, script)
        default: break
        }
    }

    private mutating func replace(
        _ resource: String,
        _ component: String,
        _ month: YearMonth,
        _ facts: YearFacts,
        quantity: (Int128) -> Int128
    ) {
        let key = invoice(
            YearRowKey(resource: resource, component: component, month: month, period: 0),
            facts
        )
        guard
            let index = invoices[key]?.items.firstIndex(where: {
                $0.resource == resource && $0.component == component
            }), let item = invoices[key]?.items[index]
        else { return }
        let changed = quantity(item.quantity)
        invoices[key]?.items[index] = YearInvoice.Item(
            resource: resource,
            component: component,
            quantity: changed,
            unitPrice: item.unitPrice,
            price: YearMoney.itemPrice(item.unitPrice, quantity: changed)
        )
    }

    /// Before Meter adopted the resource, somebody else's last figure of a month was billed; in the month of
    /// the adoption Meter goes on from it.
    private mutating func report(
        _ resource: String,
        _ component: String,
        _ quantity: String,
        at row: YearRow,
        _ script: [YearRow],
        _ facts: YearFacts
    ) {
        let isAdopted = script.contains { other in
            guard case .adopts(resource, _) = other.act else { return false }
            return other.minute > row.minute
        }
        guard isAdopted else { return }
        let month = row.site.month(of: row.minute)
        let key = YearRowKey(resource: resource, component: component, month: month, period: 0)
        let isLast = !script.contains { other in
            guard case .overwrites(resource, component, _) = other.act else { return false }
            return other.minute > row.minute && other.site.month(of: other.minute) == month
        }
        guard isLast else { return }
        let told = YearMoney.hundredths(quantity)
        if rows[key] == nil {
            add(quantity: told, key, facts)
        } else {
            replace(resource, component, month, facts) { $0 + told }
            self.told["\(resource) \(component) \(month)", default: 0] += told
        }
    }

    private mutating func compensate(
        _ resource: String,
        _ component: String,
        _ month: YearMonth,
        at row: YearRow,
        _ facts: YearFacts
    ) {
        let old = YearRowKey(resource: resource, component: component, month: month, period: 0)
        guard
            let item = invoices[invoice(old, facts)]?.items.first(where: {
                $0.resource == resource && $0.component == component
            })
        else { return }
        let new = YearRowKey(
            resource: resource,
            component: component,
            month: row.site.month(of: row.minute),
            period: 0
        )
        invoices[invoice(new, facts), default: YearInvoice()].items.append(
            YearInvoice.Item(
                resource: resource,
                component: component,
                quantity: item.quantity,
                unitPrice: -item.unitPrice,
                price: -item.price
            )
        )
    }

    /// A credit pays invoices as they are closed, until it is used up.
    private mutating func useCredits(at task: YearRow, _ script: [YearRow]) {
        for row in script where row.minute < task.minute && row.site == task.site {
            guard case .grantsCredit(let customer, let value) = row.act else { continue }
            let used = invoices.filter { $0.key.customer == customer }.map(\.value.credit)
                .reduce(0, +)
            let key = YearInvoiceKey(
                site: task.site,
                customer: customer,
                month: task.site.month(of: task.minute - 1440 * task.daysIntoMonth)
            )
            let left = YearMoney.hundredths(value) - used
            guard left > 0, let invoice = invoices[key], invoice.credit == 0 else { continue }
            invoices[key]?.credit = min(left, invoice.items.map(\.price).reduce(0, +))
        }
    }
}

extension YearRow {
    /// From the month's first minute on, rounded up.
    fileprivate var daysIntoMonth: Int {
        (minute - site.start(of: site.month(of: minute))) / 1440 + 1
    }
}
