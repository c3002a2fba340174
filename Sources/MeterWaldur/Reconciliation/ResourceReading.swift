package import Meter
package import MeterWire

/// One resource as Waldur and the ledger show it at one time.
package struct ResourceReading: Sendable {
    package let listing: WaldurResource
    package let offering: WaldurOffering
    package let observation: Observation
    package let figures: ResourceFigures
    package let book: BookState
    /// Whose live bindings name it.
    package let tenants: Set<Name>
    /// False where it is only metered and compared.
    package let isLive: Bool

    /// What the reporter would weigh.
    package func planInput(waldur: WaldurID) -> SubmissionPlan.Input {
        SubmissionPlan.Input(
            resource: listing.id,
            waldur: waldur,
            observation: observation,
            offering: offering,
            figures: figures,
            book: book
        )
    }
}

/// Reads resources beside the reporter, for people who ask. Books what it sees of plan periods, which is
/// a fact like any other, and sends nothing.
struct ResourceReader {
    let settings: ReporterSettings
    let client: WaldurAccounts
    let engine: any ReportingEngine
    let now: @Sendable () -> Timestamp
    private var ledger: LedgerReader
    private var listings: [ResourceID: WaldurResource]?
    private var offerings: [OfferingID: WaldurOffering] = [:]

    init(
        settings: ReporterSettings,
        client: WaldurAccounts,
        engine: any ReportingEngine,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.settings = settings
        self.client = client
        self.engine = engine
        self.now = now
        ledger = LedgerReader(waldur: settings.waldur, zone: settings.zone)
    }

    /// What the account sees of a resource; nil if it does not.
    mutating func listing(
        _ resource: ResourceID
    ) async throws(WaldurError) -> WaldurResource? {
        if let listings { return listings[resource] }
        let read = Dictionary(
            try await client.resources().map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        listings = read
        return read[resource]
    }

    mutating func offering(_ id: OfferingID) async throws(WaldurError) -> WaldurOffering {
        if let known = offerings[id] { return known }
        let read = try await client.offering(id)
        offerings[id] = read
        return read
    }

    /// Waldur's plan periods, joined with the usage list of its current month.
    func observe(_ resource: ResourceID) async throws(WaldurError) -> Observation {
        let begun = now()
        let periods = try await client.planPeriods(of: resource)
        guard let clock = client.clock,
            let month = BillingMonth(of: clock.earliest(at: begun), in: settings.zone)
        else { throw .malformed("no usable Date header") }
        var observation = Observation(
            begun: begun,
            waldurTime: clock.earliest(at: begun),
            month: month,
            periods: periods
        )
        observation.rows[month] = try await client.usageRows(of: resource, in: month)
        return observation
    }

    /// Everything about one bound resource; nil if the account does not see it.
    mutating func read(
        _ resource: ResourceID,
        isLive: Bool,
        tenants: Set<Name>
    ) async throws(ReporterTrouble) -> ResourceReading? {
        let listing: WaldurResource
        let offering: WaldurOffering
        let observation: Observation
        do throws(WaldurError) {
            guard let seen = try await self.listing(resource) else { return nil }
            listing = seen
            offering = try await self.offering(seen.offering)
            observation = try await observe(resource)
        } catch {
            throw ReporterTrouble("resource \(resource): \(error)")
        }
        let news = ResourceNews.decisions(
            listing,
            offering,
            observation,
            waldur: settings.waldur,
            book: engine.bookState
        )
        if !news.isEmpty { try await engine.decide(news, author: "reporter") }
        guard let through = Minute(observation.waldurTime) else {
            throw ReporterTrouble("Waldur's clock stands before 1970")
        }
        let figures = try await ledger.figures(
            of: resource,
            in: observation.month,
            through: through,
            engine: engine
        )
        return ResourceReading(
            listing: listing,
            offering: offering,
            observation: observation,
            figures: figures,
            book: engine.bookState,
            tenants: tenants,
            isLive: isLive
        )
    }
}
