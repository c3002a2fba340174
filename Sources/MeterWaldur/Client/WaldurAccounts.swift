package import Meter

/// The accounts of one Waldur together, for what is only read or asked for once: each may see other offerings.
///
/// Lists are what all of them see, each row once. What is asked for by its uuid is given by the first account
/// that Waldur lets see it.
package final class WaldurAccounts: Sendable {
    /// One client for each account, in the order of the configuration; at least one.
    package let clients: [WaldurClient]
    private let measured: MeasuredClock

    /// - Parameter clients: They share one measured clock.
    package init(_ clients: [WaldurClient]) {
        precondition(!clients.isEmpty, "a Waldur is reported to through at least one account")
        self.clients = clients
        measured = clients[0].measured
    }

    /// Waldur's clock; nil before the first answer with a date.
    package var clock: WaldurClock? { measured.clock }

    package func currency() async throws(WaldurError) -> String? {
        try await first { client throws(WaldurError) in try await client.currency() }
    }

    /// Who the accounts are, in their order.
    package func users() async throws(WaldurError) -> [WaldurUser] {
        var users: [WaldurUser] = []
        for client in clients { users.append(try await client.user()) }
        return users
    }

    /// Every resource that an account sees as a provider.
    package func resources(
        of offering: OfferingID? = nil
    ) async throws(WaldurError) -> [WaldurResource] {
        try await all(by: \.id) { client throws(WaldurError) in
            try await client.resources(of: offering)
        }
    }

    package func offering(_ id: OfferingID) async throws(WaldurError) -> WaldurOffering {
        try await first { client throws(WaldurError) in try await client.offering(id) }
    }

    package func offerings() async throws(WaldurError) -> [WaldurOffering] {
        try await all(by: \.id) { client throws(WaldurError) in try await client.offerings() }
    }

    package func planPeriods(
        of resource: ResourceID
    ) async throws(WaldurError) -> [WaldurPlanPeriod] {
        try await first { client throws(WaldurError) in try await client.planPeriods(of: resource) }
    }

    /// The usage rows of one resource in one month; every account sees them.
    package func usageRows(
        of resource: ResourceID,
        in month: BillingMonth
    ) async throws(WaldurError) -> [WaldurUsageRow] {
        try await first { client throws(WaldurError) in
            try await client.usageRows(of: resource, in: month)
        }
    }

    package func invoiceItems(
        of offering: OfferingID,
        in month: BillingMonth,
        customer: CustomerID? = nil
    ) async throws(WaldurError) -> [WaldurInvoiceItem] {
        try await all(by: \.id) { client throws(WaldurError) in
            try await client.invoiceItems(of: offering, in: month, customer: customer)
        }
    }

    /// Everything that the accounts' providers put on one customer's invoice of one month; nil where no account
    /// may see it.
    package func invoiceItems(
        billedTo customer: CustomerID,
        in month: BillingMonth
    ) async throws(WaldurError) -> [WaldurInvoiceItem]? {
        var maySee = false
        let items = try await all(by: \.id) { client throws(WaldurError) in
            do throws(WaldurError) {
                let items = try await client.invoiceItems(billedTo: customer, in: month)
                maySee = true
                return items
            } catch {
                guard error.status == 403 else { throw error }
                return []
            }
        }
        return maySee ? items : nil
    }

    package func invoices(
        in month: BillingMonth? = nil
    ) async throws(WaldurError) -> [WaldurInvoice] {
        try await all(by: \.id) { client throws(WaldurError) in
            try await client.invoices(in: month)
        }
    }

    package func order(_ id: OrderID) async throws(WaldurError) -> WaldurOrder {
        try await first { client throws(WaldurError) in try await client.order(id) }
    }

    package func approve(_ id: OrderID) async throws(WaldurError) {
        try await first { client throws(WaldurError) in try await client.approve(id) }
    }

    // MARK: -

    private func all<Row: Sendable, Identifier: Hashable>(
        by identifier: (Row) -> Identifier,
        _ read: (WaldurClient) async throws(WaldurError) -> [Row]
    ) async throws(WaldurError) -> [Row] {
        var rows: [Row] = []
        var known: Set<Identifier> = []
        for client in clients {
            for row in try await read(client) where known.insert(identifier(row)).inserted {
                rows.append(row)
            }
        }
        return rows
    }

    /// Asks one account after the other until one may see what is asked for.
    private func first<Value: Sendable>(
        _ ask: (WaldurClient) async throws(WaldurError) -> Value
    ) async throws(WaldurError) -> Value {
        var refusal: WaldurError?
        for client in clients {
            do throws(WaldurError) {
                return try await ask(client)
            } catch {
                guard [403, 404].contains(error.status) else { throw error }
                refusal = refusal ?? error
            }
        }
        throw refusal ?? .notSent("no account")
    }
}
