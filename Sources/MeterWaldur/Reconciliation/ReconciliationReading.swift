package import Meter
package import MeterWire

extension ReporterService {
    /// Reads a month from Waldur and from the ledger, and compares them; changes nothing in Waldur.
    ///
    /// - Parameters:
    ///   - month: nil for Waldur's present one.
    ///   - tenant: Only resources that one of this tenant's bindings names; nil for all.
    ///   - sources: What emitters claim.
    ///   - horizon: How many milliseconds an event may lie back when it arrives.
    package nonisolated func reconcile(
        month: BillingMonth? = nil,
        tenant: Name? = nil,
        sources: [SourceSummary] = [],
        horizon: Int64 = 62 * 86_400_000
    ) async throws(ReporterTrouble) -> Reconciliation {
        let clock = try await measuredClock()
        guard let present = BillingMonth(of: clock.earliest(at: now()), in: settings.zone) else {
            throw ReporterTrouble("Waldur's clock stands in no month")
        }
        let wanted = month ?? present
        guard wanted <= present else { throw ReporterTrouble("\(wanted) has not begun") }
        let before = ReconciliationInput.Before(engine.bookState)
        var reader = makeReader()
        let resources =
            wanted == present
            ? try await presentResources(&reader, wanted, tenant)
            : try await pastResources(&reader, wanted, tenant)
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
                    before: before,
                    sources: sources,
                    horizon: horizon,
                    now: now(),
                    tenant: tenant
                )
            )
        } catch {
            throw ReporterTrouble("the ledger of \(wanted): \(error)")
        }
    }

    /// The present month: plan periods say which row is whose.
    private nonisolated func presentResources(
        _ reader: inout ResourceReader,
        _ month: BillingMonth,
        _ tenant: Name?
    ) async throws(ReporterTrouble) -> [ReconciliationInput.Resource] {
        var resources: [ReconciliationInput.Resource] = []
        for bound in bound(in: month, tenant) {
            let reading = try await reader.read(
                bound.resource,
                isLive: bound.isLive,
                tenants: bound.tenants
            )
            guard let reading else {
                resources.append(ReconciliationInput.Resource(bound: bound, listing: nil))
                continue
            }
            var held: [ResourceFigures.Key: ReportFinding.Kind] = [:]
            if bound.isLive {
                for line in SubmissionPlan(reading.planInput(waldur: settings.waldur)).lines {
                    guard case .held(let kind) = line.verdict else { continue }
                    held[.init(planPeriod: line.planPeriod, component: line.component)] = kind
                }
            }
            var rows: [ReconciliationInput.Row] = []
            for period in reading.observation.periods {
                rows += period.rows.map {
                    ReconciliationInput.Row(
                        planPeriod: period.period.id,
                        component: $0.component,
                        usage: $0.usage
                    )
                }
            }
            let placed = Set(reading.observation.periods.flatMap(\.rows).map(\.id))
            for row in reading.observation.rows[month] ?? [] where !placed.contains(row.id) {
                rows.append(
                    ReconciliationInput.Row(
                        planPeriod: nil,
                        component: row.component,
                        usage: row.usage
                    )
                )
            }
            resources.append(
                ReconciliationInput.Resource(
                    bound: bound,
                    listing: reading.listing,
                    hasAccount: hasAccount(for: reading.listing),
                    rows: rows,
                    held: held
                )
            )
        }
        return resources
    }

    /// A month that is over: only the usage list still has its rows.
    private nonisolated func pastResources(
        _ reader: inout ResourceReader,
        _ month: BillingMonth,
        _ tenant: Name?
    ) async throws(ReporterTrouble) -> [ReconciliationInput.Resource] {
        var resources: [ReconciliationInput.Resource] = []
        for bound in bound(in: month, tenant) {
            do throws(WaldurError) {
                let listing = try await reader.listing(bound.resource)
                let rows =
                    listing == nil ? [] : try await client.usageRows(of: bound.resource, in: month)
                resources.append(
                    ReconciliationInput.Resource(
                        bound: bound,
                        listing: listing,
                        hasAccount: listing.map(hasAccount) ?? true,
                        rows: ReconciliationInput.place(
                            rows,
                            of: ResourceKey(waldur: settings.waldur, resource: bound.resource),
                            in: month,
                            book: engine.bookState
                        )
                    )
                )
            } catch {
                throw ReporterTrouble("resource \(bound.resource): \(error)")
            }
        }
        return resources
    }

    private nonisolated func hasAccount(for listing: WaldurResource) -> Bool {
        settings.accounts.contains { $0.mayWrite(listing.offering) }
    }

    private nonisolated func bound(in month: BillingMonth, _ tenant: Name?) -> [BoundResource] {
        BoundResource.all(in: month, of: settings, book: engine.bookState, tenant: tenant)
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
