package import Meter
package import MeterWire

extension ReporterService {
    /// Reads a month from Waldur and from the ledger, and compares them; changes nothing in Waldur.
    ///
    /// - Parameters:
    ///   - month: nil for Waldur's present one.
    ///   - tenant: Only resources that one of this tenant's bindings names; nil for all.
    package nonisolated func reconcile(
        month: BillingMonth? = nil,
        tenant: Name? = nil
    ) async throws(ReporterTrouble) -> Reconciliation {
        let clock = try await measuredClock()
        guard let present = BillingMonth(of: clock.earliest(at: now()), in: settings.zone) else {
            throw ReporterTrouble("Waldur's clock stands in no month")
        }
        let wanted = month ?? present
        guard wanted <= present else { throw ReporterTrouble("\(wanted) has not begun") }
        let before = ReconciliationInput.Before(engine.bookState)
        let resources = try await resources(
            in: wanted,
            isPresent: wanted == present,
            of: tenant
        )
        let (ledger, book) = try await self.ledger(of: wanted)
        let window = ReportingWindow.at(
            now(),
            clock: client.clock,
            settings: settings,
            book: book
        )
        let items = try await items(
            of: resources,
            in: ledger.period,
            book: book,
            tenant: tenant
        )
        do throws(LedgerError) {
            return try Reconciliation(
                ReconciliationInput(
                    ledger: ledger,
                    book: book,
                    present: present,
                    isSilent: window.month == nil,
                    resources: resources,
                    items: items,
                    before: before
                )
            )
        } catch {
            throw ReporterTrouble("the ledger of \(wanted): \(error)")
        }
    }

    /// What the bound resources of a month show.
    private nonisolated func resources(
        in month: BillingMonth,
        isPresent: Bool,
        of tenant: Name?
    ) async throws(ReporterTrouble) -> [ReconciliationInput.Resource] {
        var reader = makeReader()
        var resources: [ReconciliationInput.Resource] = []
        let bound = BoundResource.all(
            in: month,
            of: settings,
            book: engine.bookState,
            tenant: tenant
        )
        for bound in bound {
            resources.append(
                isPresent
                    ? try await presentResource(bound, in: month, &reader)
                    : try await pastResource(bound, in: month, &reader)
            )
        }
        return resources
    }

    /// The present month: plan periods say which row is whose.
    private nonisolated func presentResource(
        _ bound: BoundResource,
        in month: BillingMonth,
        _ reader: inout ResourceReader
    ) async throws(ReporterTrouble) -> ReconciliationInput.Resource {
        let reading = try await reader.read(
            bound.resource,
            isLive: bound.isLive,
            tenants: bound.tenants
        )
        guard let reading else { return ReconciliationInput.Resource(bound: bound, listing: nil) }
        var held: [ResourceFigures.Key: ReportFinding.Kind] = [:]
        if bound.isLive {
            for line in SubmissionPlan(reading.planInput(waldur: settings.waldur)).lines {
                guard case .held(let kind) = line.verdict else { continue }
                held[.init(planPeriod: line.planPeriod, component: line.component)] = kind
            }
        }
        return ReconciliationInput.Resource(
            bound: bound,
            listing: reading.listing,
            hasAccount: hasAccount(for: reading.listing),
            rows: ReconciliationInput.rows(of: reading.observation),
            held: held
        )
    }

    /// A month that is over: only the usage list still has its rows.
    private nonisolated func pastResource(
        _ bound: BoundResource,
        in month: BillingMonth,
        _ reader: inout ResourceReader
    ) async throws(ReporterTrouble) -> ReconciliationInput.Resource {
        do throws(WaldurError) {
            guard let listing = try await reader.listing(bound.resource) else {
                return ReconciliationInput.Resource(bound: bound, listing: nil)
            }
            return ReconciliationInput.Resource(
                bound: bound,
                listing: listing,
                hasAccount: hasAccount(for: listing),
                rows: ReconciliationInput.place(
                    try await client.usageRows(of: bound.resource, in: month),
                    of: ResourceKey(waldur: settings.waldur, resource: bound.resource),
                    in: month,
                    book: engine.bookState
                )
            )
        } catch {
            throw ReporterTrouble("resource \(bound.resource): \(error)")
        }
    }

    private nonisolated func hasAccount(for listing: WaldurResource) -> Bool {
        settings.accounts.contains { $0.mayWrite(listing.offering) }
    }

    /// The ledger, and the state of the book that it was made with.
    private nonisolated func ledger(
        of month: BillingMonth
    ) async throws(ReporterTrouble) -> (LedgerMonth, BookState) {
        var reader = LedgerReader(waldur: settings.waldur, zone: settings.zone)
        for _ in 0..<5 {
            let ledger = try await reader.month(month, engine: engine)
            let book = engine.bookState
            if book.head == ledger.book { return (ledger, book) }
        }
        throw ReporterTrouble("the book changes faster than the ledger can be asked")
    }

    /// What is on the invoices of everybody who may have been billed for these resources; nil where the
    /// account sees no item, though something was told.
    private nonisolated func items(
        of resources: [ReconciliationInput.Resource],
        in period: BillingPeriod,
        book: BookState,
        tenant: Name?
    ) async throws(ReporterTrouble) -> [CustomerID: [WaldurInvoiceItem]]? {
        var customers: Set<CustomerID> = []
        var isTold = false
        for resource in resources {
            let key = ResourceKey(waldur: settings.waldur, resource: resource.bound.resource)
            let owners = (book.resources[key]?.customers ?? []).map(\.customer.description)
            customers.formUnion(owners.compactMap { CustomerID($0) })
            customers.formUnion(resource.bound.tenants.compactMap { CustomerID($0.description) })
            if let customer = resource.listing?.customer { customers.insert(customer) }
            isTold =
                isTold
                || resource.rows.contains { row in
                    row.usage != .zero && row.planPeriod != nil
                        && book.submissions(of: key, in: period.month).keys.contains { told in
                            told.component == row.component && !book.isUnpriced(told)
                        }
                }
        }
        var items: [CustomerID: [WaldurInvoiceItem]] = [:]
        do throws(WaldurError) {
            for customer in customers.sorted() {
                let found = try await client.invoiceItems(billedTo: customer, in: period.month)
                guard let found else { return nil }
                items[customer] = found
            }
        } catch {
            throw ReporterTrouble("invoice items: \(error)")
        }
        return isTold && items.values.allSatisfy(\.isEmpty) ? nil : items
    }
}
