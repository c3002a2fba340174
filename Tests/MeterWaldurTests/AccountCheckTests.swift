import Logging
import Meter
import MeterWire
import Testing

@testable import MeterWaldur

/// What `map check` says about accounts, units, amounts and currency.
@Suite struct AccountCheckTests {
    private let engine: FakeEngine

    init() throws {
        engine = try FakeEngine(at: Simulation.midMonth)
        try engine.book([
            .componentDeclared(Component(name: "agent_calls", unit: "call")),
            .componentDeclared(
                Component(
                    name: "tool_seconds",
                    unit: "ms",
                    reportedUnit: "s",
                    unitsPerReported: 1000
                )
            ),
        ])
        let access = Access(
            id: AccessID(high: 1, low: 1),
            tenant: Simulation.tenant,
            agent: "researcher"
        )
        let minute = try #require(Minute(Simulation.midMonth))
        try engine.book([
            .accessMade(access),
            .bindingSet(
                Binding(
                    access: access.id,
                    tenant: access.tenant,
                    agent: access.agent,
                    waldur: Simulation.waldur,
                    resource: try #require(ResourceID(DoubleWorld.resources[0])),
                    from: minute,
                    class: .live
                )
            ),
        ])
    }

    private func service(
        _ tokens: [String],
        currency: String? = nil
    ) throws -> ReporterService {
        let world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        var settings = ReporterSettings(
            waldur: Simulation.waldur,
            accounts: tokens.indices.map { ReportingAccount("account\($0)") }
        )
        settings.currency = currency
        return ReporterService(
            settings: settings,
            accounts: WaldurAccounts(
                tokens.map { token in
                    WaldurClient(transport: WorldTransport(world: world, token: token)) {
                        Simulation.midMonth
                    }
                }
            ),
            engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            seed: 1,
            now: { Simulation.midMonth }
        )
    }

    @Test func `a unit that is told in steps, and another currency, are named`() async throws {
        let service = try service([DoubleWorld.otherToken], currency: "USD")
        let findings = try await service.checkMap()
        let steps = findings.filter { $0.detail.contains("in steps of 10 smallest units") }
        #expect(steps.map(\.isError) == [false] && steps[0].subject.contains("tool_seconds"))
        #expect(findings.contains { $0.subject == "currency" && $0.isError })
        let same = try await self.service([DoubleWorld.otherToken], currency: "EUR").checkMap()
        #expect(!same.contains { $0.subject == "currency" })
        #expect(
            !findings.contains { $0.detail.contains("agent_calls") && $0.detail.contains("steps") })
    }

    @Test func `an account that sees nothing of what is bound is named`() async throws {
        let service = try service([DoubleWorld.otherToken, DoubleWorld.buyerToken])
        let findings = try await service.checkMap().filter { $0.subject == "account account1" }
        #expect(
            findings.map(\.detail) == [
                "it sees no resource that is bound, so that it tells nothing"
            ])
    }

    @Test func `refused rights are errors, and amounts near Waldur's limit warnings`() throws {
        let offering = try #require(OfferingID(DoubleWorld.offering))
        let refused = MapCheck.findings(
            [AccountStanding(name: "a", trouble: nil, refused: [offering])],
            seen: [:],
            bound: []
        )
        #expect(refused.map(\.isError) == [true] && refused[0].detail.contains("403"))
        let resource = try #require(ResourceID(DoubleWorld.resources[0]))
        let month = try #require(BillingMonth("2026-11"))
        for (number, (component, amount)) in [
            ("agent_calls" as Name, Int128(10_000_000_000_000)),
            ("tool_seconds", 9_999_999_999_999),
        ].enumerated() {
            let number = UInt64(number) + 1
            try engine.book([
                .submissionIntended(
                    SubmissionIntent(
                        number: number,
                        waldur: Simulation.waldur,
                        resource: resource,
                        planPeriod: try #require(PlanPeriodID(DoubleWorld.resources[1])),
                        month: month,
                        position: 0,
                        items: [
                            .init(
                                component: component,
                                total: Quantity(1),
                                amount: Hundredths(amount)
                            )
                        ]
                    )
                ),
                .submissionConfirmed(SubmissionOutcome(number: number)),
            ])
        }
        let near = MapCheck.amountFindings(
            of: resource,
            in: month,
            waldur: Simulation.waldur,
            book: engine.bookState
        )
        #expect(near.count == 1 && near[0].subject.contains("agent_calls"))
    }
}
