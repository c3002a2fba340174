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

    var name: String { "\(site) \(month)" }
    var minute: Int { site.minute("\(month.next)-10 08:00") }

    /// Closes it for every tenant, as a person asks for it.
    func close(_ world: YearWorld) async throws -> [YearStatement] {
        let simulation = try world.simulation(site)
        let period = try #require(YearPeriods.period(site, month))
        let closing = PeriodClosing(
            environment: world.desk,
            ledger: TenantLedger(
                source: YearBilling(engine: world.engine, time: simulation.now),
                waldur: period.waldur,
                zone: simulation.settings.zone
            )
        )
        var statements: [YearStatement] = []
        for tenant in closing.tenants(in: period, world.book) {
            let standing = try await closing.close(
                tenant,
                in: period,
                for: .localAdministrator
            )
            #expect(standing.state == .closed, "\(name) \(tenant): \(standing.obstacles)")
            let hash = try #require(standing.closed).closed.statement
            statements.append(
                YearStatement(
                    site: site,
                    tenant: tenant,
                    month: period.month,
                    file: try #require(world.desk.statement(hash))
                )
            )
        }
        return statements
    }
}
