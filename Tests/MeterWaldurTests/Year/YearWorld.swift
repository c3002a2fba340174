import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

/// Lives through the script: two Waldurs with a reporter each, one book, one clock.
final class YearWorld {
    let engine: FakeEngine
    /// Where its periods are closed.
    let desk: YearDesk
    private(set) var sites: [Site: Simulation] = [:]
    /// The copy of a host that is switched off.
    private var copy: Simulation?
    private var accessNumber: UInt64 = 0
    private var accesses: [String: AccessID] = [:]
    /// What each month's closing left.
    private(set) var statements: [YearStatement] = []
    /// What the reconciliation of each month said when it was closed.
    private(set) var reconciliations: [(closing: YearClosing, found: Reconciliation)] = []
    private(set) var violations: Set<String> = []

    init() throws {
        let start = Timestamp(milliseconds: Int64(Year.start) * 60_000)
        engine = try FakeEngine(at: start)
        desk = try YearDesk(engine)
        for site in Site.allCases {
            let zone = try #require(WaldurZone(site.zoneName))
            sites[site] = Simulation(
                ReporterSettings(waldur: WaldurID(site.rawValue), zone: zone),
                world: try DoubleWorld(site, at: Year.start),
                engine: engine,
                at: start
            )
        }
        try engine.book(YearMap.components + YearMap.units)
    }

    var book: BookState { engine.bookState }

    func simulation(_ site: Site) throws -> Simulation { try #require(sites[site]) }

    /// Lives through everything.
    func live() async throws {
        var closed: Set<String> = []
        for row in Year.rows {
            let due = YearClosing.due(before: row.arrival).filter {
                closed.insert($0.name).inserted
            }
            for closing in due { try await close(closing) }
            await advance(to: row.arrival)
            try await perform(row)
        }
        for closing in YearClosing.all where closed.insert(closing.name).inserted {
            try await close(closing)
        }
    }

    private func close(_ closing: YearClosing) async throws {
        await advance(to: closing.minute)
        statements += try await closing.close(self)
        let found = try await simulation(closing.site).reconcile(closing.month.description)
        reconciliations.append((closing, found))
    }

    private func advance(to minute: Int) async {
        let target = Int64(minute) * 60_000
        for simulation in sites.values where simulation.now.milliseconds < target {
            await simulation.advance(milliseconds: target - simulation.now.milliseconds)
        }
        for simulation in sites.values {
            simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        }
    }

    private func perform(_ row: YearRow) async throws {
        if try await YearMeterActs.perform(row, self) { return }
        if try await YearWaldurActs.perform(row, simulation(row.site)) { return }
        switch row.act {
        case .binds, .unbinds, .adopts: try await YearMap.perform(row, self)
        case .isCopied: copy = try Simulation(copying: simulation(row.site))
        case .copyReports(let tenant, let component, let amount):
            let copy = try #require(copy)
            copy.engine.copyUsage(of: engine, before: Minute(rawValue: UInt32(row.minute - 1440)))
            copy.use(
                Name(component),
                UInt64(amount),
                by: "helper",
                tenant: Self.tenant(tenant)
            )
            await copy.cycle()
        default: Issue.record("nobody knows how to do \(row.act)")
        }
    }

    /// A cycle, and what the running check found in it.
    func report(_ site: Site) async throws {
        let simulation = try simulation(site)
        await simulation.dueCycle()
        violations.formUnion(simulation.violations.map(\.description))
        let now = simulation.now.milliseconds
        for other in sites.values where other.now.milliseconds < now {
            await other.advance(milliseconds: now - other.now.milliseconds)
        }
    }

    // MARK: Names

    static func tenant(_ name: String) -> Name {
        let tenant = YearTenant.named(name)
        return Name(DoubleWorld.yearID("c", tenant.site, tenant.number))
    }

    static func resource(_ name: String) throws -> ResourceID {
        let resource = YearResource.named(name)
        return try #require(
            ResourceID(DoubleWorld.yearID("e", resource.tenant.site, resource.number))
        )
    }

    /// The id of an access that the script names; made when it is first named.
    func access(_ name: String) -> AccessID {
        if let known = accesses[name] { return known }
        accessNumber += 1
        let made = AccessID(high: 7, low: accessNumber)
        accesses[name] = made
        return made
    }
}
