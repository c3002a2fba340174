import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

@testable import MeterServer

/// A statement that a closing left.
struct YearStatement {
    let site: Site
    let tenant: Name
    let month: BillingMonth
    let file: [UInt8]
}

/// The closing of a month in one Waldur, for every tenant: on the tenth of the next one.
struct YearClosing {
    let site: Site
    let month: YearMonth

    static let all = Site.allCases.flatMap { site in
        (1...12).map { YearClosing(site: site, month: YearMonth($0)) }
    }

    static func due(before minute: Int) -> [YearClosing] {
        all.filter { $0.minute <= minute }.sorted { $0.minute < $1.minute }
    }

    static let key = SigningKey(seed: Array(repeating: 7, count: 32))

    var name: String { "\(site) \(month)" }
    var minute: Int { site.minute("\(month.next)-10 08:00") }

    /// Closes it: contents as the server makes them, signed, and in the book.
    func close(_ world: YearWorld) async throws -> [YearStatement] {
        let simulation = try world.simulation(site)
        let period = try #require(YearPeriods.period(site, month))
        #expect(world.book.billing.isCut(period.month, of: period.waldur), "\(name)")
        let ledger = TenantLedger(
            source: YearBilling(engine: world.engine, time: simulation.now),
            waldur: period.waldur,
            zone: simulation.settings.zone
        )
        let tenants = Set(
            world.book.bindings.values.joined()
                .filter {
                    $0.waldur == period.waldur && $0.from < period.end
                        && $0.to.map { $0 > period.start } ?? true
                }
                .map(\.tenant)
        )
        var statements: [YearStatement] = []
        for tenant in tenants.sorted() {
            let reading = try await ledger.read(tenant, in: period)
            let contents = try StatementContents(reading, of: tenant, gaps: [])
            let key = try #require(Self.key)
            let statement = try #require(SignedDocument(contents.json, .json, key: key))
            let closing = contents.closing
            try world.engine.book([
                .periodClosed(
                    PeriodClosed(
                        waldur: closing.waldur,
                        month: closing.month,
                        tenant: closing.tenant,
                        revision: closing.revision,
                        statement: statement.hash,
                        previous: closing.previous,
                        lastCarry: closing.lastCarry,
                        lastAdjustment: closing.lastAdjustment
                    )
                )
            ])
            statements.append(
                YearStatement(
                    site: site,
                    tenant: tenant,
                    month: period.month,
                    file: statement.bytes
                )
            )
        }
        return statements
    }
}

/// The engine as the server's ledgers ask for it.
struct YearBilling: BillingSource {
    let engine: FakeEngine
    let time: Timestamp

    var book: BookState { engine.bookState }
    var durablePosition: UInt64 { UInt64(engine.durable.count) }

    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer {
        do throws(ReporterTrouble) {
            return try await engine.usage(query)
        } catch {
            throw .unavailable("\(error)")
        }
    }

    func usage(
        _ query: UsageQuery,
        with details: [DetailsQuery]
    ) async throws(Problem) -> UsageWithDetails {
        UsageWithDetails(usage: try await usage(query), details: [])
    }

    func details(_ query: DetailsQuery) async throws(Problem) -> DetailsAnswer {
        throw .unavailable("The script has no details.")
    }

    func reconciledThrough() -> Timestamp? { nil }
    func now() -> Timestamp { time }
    func agents(of tenant: Name) -> Set<Name> {
        Set(engine.durable.filter { $0.tenant == tenant }.map(\.agent))
    }
    func openHoles(of tenant: Name) -> OpenHoles { OpenHoles() }
}
