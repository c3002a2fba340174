package import Meter
package import MeterWire

/// Whether a binding may start live: nobody else may be telling Waldur about that resource.
package struct LiveStartCheck: Equatable, Sendable {
    /// What must be dealt with first; empty where the binding may start live.
    package var refusals: [String] = []

    /// Looks at a resource with the book's knowledge of what Meter itself has told.
    ///
    /// - Parameter tenant: The binding's; compared with the resource's customer if it is a uuid.
    package init(
        _ resource: ResourceID,
        tenant: Name,
        listing: WaldurResource?,
        observation: Observation?,
        waldur: WaldurID,
        book: BookState
    ) {
        guard let listing, let observation else {
            refusals.append(
                "the account does not see resource \(resource); check the uuid and that the account "
                    + "has a role with the offering or its provider"
            )
            return
        }
        if !listing.takesUsage {
            refusals.append("the resource is \(listing.state); Waldur takes no usage for it")
        }
        if let bound = CustomerID(tenant.description), let customer = listing.customer,
            bound != customer
        {
            refusals.append("the resource belongs to customer \(customer), not to \(tenant)")
        }
        if observation.periods.isEmpty {
            refusals.append(
                "the resource has no plan period; usage would be stored and never billed"
            )
        }
        for period in observation.periods {
            for row in period.rows {
                let key = SubmissionKey(
                    waldur: waldur,
                    resource: resource,
                    component: row.component,
                    planPeriod: period.period.id,
                    month: observation.month
                )
                // Another access may already report to this resource; then the row is Meter's own.
                let standing = book.submission(key)
                if let confirmed = standing?.confirmed, row.usage.isExactly(confirmed.amount) {
                    continue
                }
                if standing?.open.contains(where: { row.usage.isExactly($0.amount) }) == true {
                    continue
                }
                refusals.append(
                    "Waldur already shows \(row.usage) of \(row.component) in \(observation.month): "
                        + "somebody else reports it; start the binding in class shadow"
                )
            }
        }
    }
}

/// Something between bindings, components and Waldur's offerings that is wrong or worth a look.
package struct MapFinding: Equatable, Sendable {
    /// Usage will not be billed as it is.
    package let isError: Bool
    /// Which binding, resource, component or account.
    package let subject: String
    /// What is wrong and what to do.
    package let detail: String

    package init(isError: Bool, subject: String, detail: String) {
        self.isError = isError
        self.subject = subject
        self.detail = detail
    }
}

/// What `map check` looks at, of one resource.
package enum MapCheck {
    /// Compares an offering and a plan with what is declared.
    package static func findings(
        _ listing: WaldurResource,
        _ offering: WaldurOffering,
        waldur: WaldurID,
        book: BookState
    ) -> [MapFinding] {
        var findings: [MapFinding] = []
        func add(_ isError: Bool, _ component: Name?, _ detail: String) {
            let subject =
                "resource \(listing.id)" + (component.map { ", \($0)" } ?? "")
                + " (offering \(offering.name))"
            findings.append(MapFinding(isError: isError, subject: subject, detail: detail))
        }
        if !listing.takesUsage {
            add(true, nil, "it is \(listing.state); Waldur takes no usage for it")
        }
        let plan = offering.plans.first { $0.id == listing.plan }
        if plan == nil { add(true, nil, "it has no plan; usage is stored and never billed") }
        for component in offering.components where component.billingType == "usage" {
            let key = OfferingComponent(
                waldur: waldur,
                offering: offering.id,
                component: component.name
            )
            guard let unit = book.unit(of: key) else {
                add(
                    false,
                    component.name,
                    "nothing declared in Meter feeds it, so its usage is not told; `components set` "
                        + "declares a component, `offering sync` says what feeds it"
                )
                continue
            }
            if unit.reportedUnit != component.measuredUnit {
                add(
                    false,
                    component.name,
                    "Meter tells \(unit.reportedUnit), the offering measures "
                        + "\(component.measuredUnit); `offering sync` books how many make one"
                )
            }
            if 100 % unit.unitsPerReported != 0 {
                let step = unit.unitsPerReported / 100
                add(
                    false,
                    component.name,
                    "Waldur has two decimals, so a total in \(unit.reportedUnit) moves in steps of "
                        + (unit.unitsPerReported % 100 == 0
                            ? "\(step)" : "\(unit.unitsPerReported)/100")
                        + " smallest units; what is between two steps waits for the next total"
                )
            }
            if let bills = unit.bills {
                add(
                    false,
                    component.name,
                    "calls that end in \(bills.free.map(\.text).joined(separator: " or ")) are not "
                        + "billed; the ledger has them as \(NotBillableClass.unbilledOutcome.rawValue)"
                )
            }
            if plan != nil, plan?.prices[component.name] == nil {
                add(
                    true,
                    component.name,
                    "the plan has no price for it: accepted and never billed; set all prices of the "
                        + "plan in one call, since Waldur zeroes what is not named"
                )
            }
            if component.hasLimitAmount {
                add(
                    true,
                    component.name,
                    "it has a limit amount, which Waldur compares with old and new totals added up; "
                        + "remove it"
                )
            }
        }
        return findings
    }

    /// Usage was told, and the account sees none of the items that it is billed by.
    static func unseenItems(of offering: WaldurOffering, in month: BillingMonth) -> MapFinding {
        MapFinding(
            isError: false,
            subject: "offering \(offering.name)",
            detail:
                "the account sees no invoice items of \(month), so that nobody can compare what is "
                + "billed; make it owner or manager of the provider"
        )
    }

    /// What is worth knowing of the account.
    package static func findings(_ user: WaldurUser) -> [MapFinding] {
        var findings: [MapFinding] = []
        let subject = "account \(user.username)"
        if let seconds = user.tokenLifetimeSeconds {
            findings.append(
                MapFinding(
                    isError: false,
                    subject: subject,
                    detail:
                        "its token dies after \(seconds) idle seconds; set token_lifetime to null"
                )
            )
        }
        if user.isStaff {
            findings.append(
                MapFinding(
                    isError: false,
                    subject: subject,
                    detail:
                        "it is staff, which may do everything; a manager of the offering suffices"
                )
            )
        }
        return findings
    }
}

extension BookState {
    /// Something of the resource that is billed was told and read back in the month.
    fileprivate func hasConfirmedUsage(
        of resource: ResourceID,
        in month: BillingMonth,
        _ waldur: WaldurID
    ) -> Bool {
        submissions(of: ResourceKey(waldur: waldur, resource: resource), in: month).values
            .contains { ($0.confirmed?.amount ?? .zero) > .zero }
    }
}

extension ReporterService {
    /// Why a binding may not start live; empty if it may.
    package nonisolated func liveStartRefusals(
        of binding: Binding
    ) async throws(ReporterTrouble) -> [String] {
        _ = try await measuredClock()
        var reader = makeReader()
        do throws(WaldurError) {
            let listing = try await reader.listing(binding.resource)
            let observation = listing == nil ? nil : try await reader.observe(binding.resource)
            return LiveStartCheck(
                binding.resource,
                tenant: binding.tenant,
                listing: listing,
                observation: observation,
                waldur: settings.waldur,
                book: engine.bookState
            ).refusals
        } catch {
            throw ReporterTrouble("resource \(binding.resource): \(error)")
        }
    }

    /// What is wrong between bindings, declared components, the offerings of bound resources and the
    /// account.
    package nonisolated func checkMap() async throws(ReporterTrouble) -> [MapFinding] {
        let clock = try await measuredClock()
        guard let month = BillingMonth(of: clock.earliest(at: moment.now), in: settings.zone) else {
            throw ReporterTrouble("Waldur's clock stands in no month")
        }
        var reader = makeReader()
        let book = engine.bookState
        var findings: [MapFinding] = []
        var offerings: Set<OfferingID> = []
        do throws(WaldurError) {
            for user in try await client.users() { findings += MapCheck.findings(user) }
            let currency = try await client.currency()
            if let finding = MapCheck.currencyFinding(
                configured: settings.currency,
                waldurs: currency
            ) {
                findings.append(finding)
            }
            let all = BoundResource.all(in: month, of: settings, book: book)
            findings += MapCheck.findings(
                status.accounts,
                seen: try await seenByAccount(),
                bound: Set(all.filter(\.isLive).map(\.resource))
            )
            for bound in all {
                findings += MapCheck.amountFindings(
                    of: bound.resource,
                    in: month,
                    waldur: settings.waldur,
                    book: book
                )
                guard let listing = try await reader.listing(bound.resource) else {
                    findings.append(
                        MapFinding(
                            isError: true,
                            subject: "resource \(bound.resource)",
                            detail: "the account does not see it; check the uuid and its role"
                        )
                    )
                    continue
                }
                let offering = try await reader.offering(listing.offering)
                findings += MapCheck.findings(
                    listing,
                    offering,
                    waldur: settings.waldur,
                    book: book
                )
                if book.hasConfirmedUsage(of: bound.resource, in: month, settings.waldur),
                    offerings.insert(offering.id).inserted,
                    try await client.invoiceItems(of: offering.id, in: month).isEmpty
                {
                    findings.append(MapCheck.unseenItems(of: offering, in: month))
                }
                for tenant in bound.tenants.sorted() {
                    guard let customer = listing.customer, let id = CustomerID(tenant.description),
                        id != customer
                    else { continue }
                    findings.append(
                        MapFinding(
                            isError: true,
                            subject: "resource \(bound.resource)",
                            detail: "it belongs to customer \(customer), a binding to \(tenant)"
                        )
                    )
                }
            }
        } catch {
            throw ReporterTrouble("Waldur cannot be read: \(error)")
        }
        return findings
    }

    /// What each account sees, where there are several; with one, what it does not see is a finding already.
    private nonisolated func seenByAccount() async throws(WaldurError) -> [String: Set<ResourceID>]
    {
        guard settings.accounts.count > 1 else { return [:] }
        var seen: [String: Set<ResourceID>] = [:]
        for (account, client) in zip(settings.accounts, client.clients) {
            seen[account.name] = Set(try await client.resources().map(\.id))
        }
        return seen
    }

    nonisolated func makeReader() -> ResourceReader {
        let clock = now
        return ResourceReader(settings: settings, client: client, engine: engine, now: clock)
    }
}
