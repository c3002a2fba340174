package import Meter
internal import MeterWire

extension WaldurClient {
    /// Waldur's version; nil where the account may not see it, as in 7.3 for everybody but staff.
    package func version() async throws(WaldurError) -> WaldurVersion? {
        do {
            let answer = try await json("/api/version/")
            return try answer.required("version") { value in
                value.string.flatMap { WaldurVersion($0) }
            }
        } catch .status(403, _, _) {
            return nil
        }
    }

    /// The currency of this Waldur, such as `EUR`; nil where it names none.
    package func currency() async throws(WaldurError) -> String? {
        let configuration = try await json("/api/configuration/")
        return configuration["WALDUR_CORE"]?["CURRENCY_NAME"]?.string
    }

    /// Whose token this is.
    package func user() async throws(WaldurError) -> WaldurUser {
        try WaldurUser(try await json("/api/users/me/"))
    }

    /// One resource of the provider's; 404 where the account does not see it.
    package func resource(_ id: ResourceID) async throws(WaldurError) -> WaldurResource {
        try WaldurResource(try await json("/api/marketplace-provider-resources/\(id)/"))
    }

    /// Every resource that the account sees as a provider, terminated ones too, in order of making.
    package func resources(
        of offering: OfferingID? = nil
    ) async throws(WaldurError) -> [WaldurResource] {
        var path = "/api/marketplace-provider-resources/?o=created"
        if let offering { path += "&offering_uuid=\(offering)" }
        for field in WaldurResource.fields { path += "&field=\(field)" }
        let resources = try await list(
            path,
            { json throws(WaldurError) in try WaldurResource(json) },
            by: \.id
        )
        guard resources.allSatisfy({ (offering ?? $0.offering) == $0.offering }) else {
            throw .malformed("resources of another offering than was asked for")
        }
        return resources
    }

    /// The plan periods of a resource that reach into the current month, with this month's rows.
    package func planPeriods(
        of resource: ResourceID
    ) async throws(WaldurError) -> [WaldurPlanPeriod] {
        let answer = try await json(
            "/api/marketplace-provider-resources/\(resource)/plan_periods/"
        )
        guard let elements = answer.array else { throw .malformed("plan periods are no array") }
        var periods: [WaldurPlanPeriod] = []
        for element in elements { periods.append(try WaldurPlanPeriod(element)) }
        guard Set(periods.map(\.period.id)).count == periods.count else {
            throw .malformed("a plan period is listed twice")
        }
        return periods
    }

    /// The usage rows of one resource in one month.
    package func usageRows(
        of resource: ResourceID,
        in month: BillingMonth
    ) async throws(WaldurError) -> [WaldurUsageRow] {
        let path =
            "/api/marketplace-component-usages/?resource_uuid=\(resource)"
            + "&billing_period=\(month.firstDay)"
        let rows = try await list(
            path,
            { json throws(WaldurError) in try WaldurUsageRow(json) },
            by: \.id
        )
        // An unknown filter is ignored in silence, so that the rows themselves are asked.
        guard rows.allSatisfy({ $0.resource == resource && $0.month == month }) else {
            throw .malformed("usage rows of another resource or month than was asked for")
        }
        return rows
    }

    /// An offering with its components, plans and prices.
    package func offering(_ id: OfferingID) async throws(WaldurError) -> WaldurOffering {
        try WaldurOffering(try await json("/api/marketplace-provider-offerings/\(id)/"))
    }

    /// Every offering of the account's providers, with components, plans and prices.
    package func offerings() async throws(WaldurError) -> [WaldurOffering] {
        try await list(
            "/api/marketplace-provider-offerings/?o=created&field=uuid&field=name&field=state"
                + "&field=type&field=components&field=plans",
            { json throws(WaldurError) in try WaldurOffering(json) },
            by: \.id
        )
    }

    /// Sets totals. An answer of 201 says neither that they are stored nor that they will be billed;
    /// after an error each item may have been written (see `WaldurError.surelyNotRun`).
    package func setUsage(_ call: SetUsageCall) async throws(WaldurError) {
        _ = try await self.call(
            .post,
            "/api/marketplace-component-usages/set_usage/",
            body: call.body,
            success: [201],
            timeoutMilliseconds: call.timeoutMilliseconds
        )
    }

    /// The items that one offering put on the invoices of one month, of all customers or of one.
    ///
    /// Waldur ignores a filter by resource here; the customer is the one that was billed, also after
    /// its resource has moved. Empty where the account is neither owner nor manager of the provider.
    package func invoiceItems(
        of offering: OfferingID,
        in month: BillingMonth,
        customer: CustomerID? = nil
    ) async throws(WaldurError) -> [WaldurInvoiceItem] {
        try await list(
            "/api/provider-invoice-items/?offering_uuid=\(offering)"
                + "&invoice_year=\(month.year)&invoice_month=\(month.month)"
                + (customer.map { "&customer_uuid=\($0)" } ?? ""),
            { json throws(WaldurError) in try WaldurInvoiceItem(json) },
            by: \.id
        )
    }

    /// Everything that the account's providers put on one customer's invoice of one month.
    package func invoiceItems(
        billedTo customer: CustomerID,
        in month: BillingMonth
    ) async throws(WaldurError) -> [WaldurInvoiceItem] {
        try await list(
            "/api/provider-invoice-items/?customer_uuid=\(customer)"
                + "&invoice_year=\(month.year)&invoice_month=\(month.month)",
            { json throws(WaldurError) in try WaldurInvoiceItem(json) },
            by: \.id
        )
    }

    /// The invoices that the account sees, of all months or of one: those of its own organization,
    /// whose opening shows that the monthly task has run.
    package func invoices(
        in month: BillingMonth? = nil
    ) async throws(WaldurError) -> [WaldurInvoice] {
        var path = "/api/invoices/?"
        for field in ["uuid", "number", "customer", "year", "month", "state"] {
            path += "field=\(field)&"
        }
        if let month { path += "year=\(month.year)&month=\(month.month)&" }
        let invoices = try await list(
            String(path.dropLast()),
            { json throws(WaldurError) in try WaldurInvoice(json) },
            by: \.id
        )
        guard invoices.allSatisfy({ (month ?? $0.month) == $0.month }) else {
            throw .malformed("invoices of another month than was asked for")
        }
        return invoices
    }
}
