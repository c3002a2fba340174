import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing
import YearTruth

@testable import MeterServer

/// What agents, the reporter and finance do with Meter.
enum YearMeterActs {
    /// - Returns: Whether it is theirs.
    static func perform(_ row: YearRow, _ world: YearWorld) async throws -> Bool {
        switch row.act {
        case .uses(let tenant, let component, let amount, let agent, let access, let outcome, _):
            world.engine.record(
                Name(component),
                UInt64(amount),
                agent: Name(agent),
                tenant: YearWorld.tenant(tenant),
                at: Minute(rawValue: UInt32(row.minute)),
                access: access.map { world.access($0) },
                outcome: try #require(Outcome(text: outcome))
            )
            world.engine.sync()
        case .reports: try await world.report(row.site)
        case .reportsInVain:
            try world.simulation(row.site).transport.change { $0.reads = [.refused] }
            try await world.report(row.site)
        case .timesOut(let resource):
            try await timeOut(resource, world.simulation(row.site))
        case .resumes(let month):
            try world.engine.book([
                .reportingResumed(
                    ReportingResumption(
                        waldur: WaldurID(row.site.rawValue),
                        month: #require(BillingMonth(YearMonth(month).description))
                    )
                )
            ])
        case .accepts(let resource, let component): try accept(resource, component, world)
        case .voids(let tenant, let agent, let from, let to):
            try await void(tenant, agent, from: from, to: to, row.site, world)
        case .settles(let resource, let component, let how):
            try settle(resource, component, how, row.site, world)
        default: return false
        }
        return true
    }

    /// Of what a cycle sends, Waldur applies the first total a minute after midnight, when nobody waits for
    /// it any more.
    private static func timeOut(_ resource: String, _ simulation: Simulation) async throws {
        let begun = simulation.now
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 240_000)] }
        await simulation.dueCycle()
        let open = simulation.book.openIntents.values.map(\.intent.resource)
        #expect(try open == [YearWorld.resource(resource)])
        let spent = simulation.now.milliseconds - begun.milliseconds
        await simulation.advance(milliseconds: 300_000 - spent)
        let isApplied = simulation.transport.state.withLock { $0.delayed.isEmpty }
        #expect(isApplied)
    }

    private static func accept(_ name: String, _ component: String, _ world: YearWorld) throws {
        let resource = try YearWorld.resource(name)
        let standing = world.book.billing.foreign.values.first {
            $0.found.key.resource == resource && $0.found.key.component == Name(component)
        }
        let decisions = try ForeignAcceptance.decisions(
            #require(standing),
            number: world.book.billing.lastAdjustmentNumber + 1,
            book: world.book,
            byDefault: false,
            reason: "goodwill"
        )
        try world.engine.book(#require(decisions))
    }

    /// What an agent had sent of a time is taken back, as a person asks for it.
    private static func void(
        _ tenant: String,
        _ agent: String,
        from: String,
        to: String,
        _ site: Site,
        _ world: YearWorld
    ) async throws {
        func text(_ time: String) -> String {
            RFC3339.text(Minute(rawValue: UInt32(site.minute(time))))
        }
        let simulation = try world.simulation(site)
        let billing = YearBilling(engine: world.engine, time: simulation.now)
        let ledger = TenantLedger(
            source: billing,
            waldur: simulation.settings.waldur,
            zone: simulation.settings.zone
        )
        let planning = AdjustmentPlanning(
            ledger: ledger,
            calendar: BillingCalendar(ledger, among: TenantLedgers(billing, [])),
            events: YearJournal(world.engine),
            identifiers: try #require(IdentifierHash(key: Array(repeating: 1, count: 16)))
        )
        let body =
            #"{"tenant":"\#(YearWorld.tenant(tenant))","agent":"\#(agent)","#
            + #""from":"\#(text(from))","to":"\#(text(to))"}"#
        let fields = try RequestFields(
            Array(body.utf8),
            allowed: ["tenant", "agent", "from", "to"]
        )
        let draft = try await planning.void(fields)
        try world.engine.book(
            draft.decisions(
                reason: "a loop in the agent",
                position: planning.events.durable,
                calendar: planning.calendar,
                book: world.book
            )
        )
    }

    private static func settle(
        _ name: String,
        _ component: String,
        _ how: YearSettlement,
        _ site: Site,
        _ world: YearWorld
    ) throws {
        let key = ResourceKey(
            waldur: WaldurID(site.rawValue),
            resource: try YearWorld.resource(name)
        )
        let waiting = world.book.billing.waiting(of: key).map(\.carry)
            .filter { $0.from.component == Name(component) }
        #expect(!waiting.isEmpty, "nothing of \(name) waits")
        let month = try #require(
            BillingMonth(of: world.simulation(site).now, in: world.simulation(site).settings.zone)
        )
        for carry in waiting {
            let target = CarryLanding(carry, book: world.book, into: month).target
            let settlement: CarrySettled.Settlement =
                switch how {
                case .creditRequest: .creditRequest
                case .writtenOff: .writtenOff
                case .landed: .landed
                }
            try world.engine.book([
                .carrySettled(
                    CarrySettled(
                        number: carry.number,
                        settlement: settlement,
                        to: how == .landed ? target : nil,
                        reason: "as agreed"
                    )
                )
            ])
        }
    }
}

/// Billing months of the script's Waldurs.
enum YearPeriods {
    static func period(_ site: Site, containing minute: Minute) -> BillingPeriod? {
        period(site, site.month(of: Int(minute.rawValue)))
    }

    static func period(_ site: Site, _ month: YearMonth) -> BillingPeriod? {
        guard let name = BillingMonth(month.description) else { return nil }
        return BillingPeriod(
            waldur: WaldurID(site.rawValue),
            month: name,
            start: Minute(rawValue: UInt32(site.start(of: month))),
            end: Minute(rawValue: UInt32(site.start(of: month.next)))
        )
    }
}
