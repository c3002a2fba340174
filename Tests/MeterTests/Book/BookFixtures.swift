import Meter
import MeterTesting
import MeterWire

/// Decisions for tests: short to write, valid in any order that the book allows.
enum Fixture {
    static let time = Timestamp(milliseconds: 1_795_343_045_123)
    static let waldur: WaldurID = "main"

    static func component(_ name: Name, units: UInt64 = 1) -> Decision {
        .componentDeclared(
            Component(
                name: name,
                unit: units == 1 ? "token" : "ms",
                reportedUnit: units == 1 ? "token" : "s",
                unitsPerReported: units
            )
        )
    }

    static func access(_ low: UInt64) -> AccessID { AccessID(high: 0xACCE55, low: low) }
    static func resource(_ low: UInt64) -> ResourceID { ResourceID(high: 0x5E50, low: low) }
    static func period(_ low: UInt64) -> PlanPeriodID { PlanPeriodID(high: 0x91A0, low: low) }

    static func made(_ access: UInt64, tenant: Name, agent: Name) -> Decision {
        .accessMade(Access(id: self.access(access), tenant: tenant, agent: agent))
    }

    static func binding(
        _ access: UInt64,
        tenant: Name,
        agent: Name,
        resource: UInt64,
        from: UInt32,
        to: UInt32? = nil,
        class: BindingClass = .live,
        waldur: WaldurID = Fixture.waldur
    ) -> Binding {
        Binding(
            access: self.access(access),
            tenant: tenant,
            agent: agent,
            waldur: waldur,
            resource: self.resource(resource),
            from: Minute(rawValue: from),
            to: to.map { Minute(rawValue: $0) },
            class: `class`
        )
    }

    private static var voidSelection: VoidSelection {
        var selection = VoidSelection(position: 4_711)
        selection.source = SourceKey(
            principal: PrincipalID(rawValue: 3),
            source: SourceID(high: 1, low: 2)
        )
        selection.from = 17
        selection.to = 99
        selection.identifier = IdentifierHash(rawValue: UInt128(1) << 120 | 7)
        selection.tenant = "acme"
        selection.agent = "bot"
        selection.start = Minute(rawValue: 29_000_000)
        selection.end = Minute(rawValue: 29_000_060)
        return selection
    }

    /// One decision of every kind, such that each is accepted after those before it.
    static func everyKind(using seed: inout Seed) -> [Decision] {
        let tenant: Name = "acme"
        let agent: Name = "support-böt"
        let (_, http) = Key.makeHTTP(
            for: PrincipalID(rawValue: 1),
            scopes: [.usage, .ingest],
            label: "portal",
            expires: Timestamp(milliseconds: 1_900_000_000_000),
            using: &seed
        )
        let (_, successor) = Key.makeHTTP(
            for: PrincipalID(rawValue: 1),
            scopes: [.usage, .usageUsers, .finance],
            label: "portal",
            using: &seed
        )
        let (_, replaced) = Key.makeHTTP(
            for: PrincipalID(rawValue: 1),
            scopes: .usage,
            label: "portal",
            using: &seed
        )
        let key = SubmissionKey(
            waldur: waldur,
            resource: resource(1),
            component: "tokens",
            planPeriod: period(1),
            month: november
        )
        let source = SourceKey(
            principal: PrincipalID(rawValue: 1),
            source: SourceID(high: 7, low: 9)
        )
        func intent(_ number: UInt64, _ total: UInt128) -> SubmissionIntent {
            SubmissionIntent(
                number: number,
                waldur: waldur,
                resource: resource(1),
                planPeriod: period(1),
                month: november,
                position: 4096,
                items: [
                    .init(
                        component: "tokens",
                        total: Quantity(total),
                        amount: Hundredths(Int128(total) * 100)
                    )
                ]
            )
        }
        return [
            .principalSet(
                Principal(
                    id: PrincipalID(rawValue: 1),
                    kind: .platform(tenants: [tenant, "b/c"]),
                    label: "runtime \"x\""
                )
            ),
            .principalSet(
                Principal(id: PrincipalID(rawValue: 2), kind: .tenant(tenant), label: "acme")
            ),
            .principalSet(
                Principal(id: PrincipalID(rawValue: 3), kind: .platformForAll, label: "all")
            ),
            .keyCreated(http),
            .keyRevoked(KeyRevocation(id: http.id, reason: "leaked")),
            .keyCreated(replaced), .keyCreated(successor),
            .keyReplaced(KeyReplacement(id: replaced.id, by: successor.id, ends: time)),
            component("tokens"), component("seconds", units: 1000),
            .componentWithdrawn(ComponentWithdrawal(name: "seconds")),
            made(1, tenant: tenant, agent: agent),
            .bindingSet(binding(1, tenant: tenant, agent: agent, resource: 1, from: 29_000_000)),
            .bindingEnded(
                BindingEnd(
                    access: access(1),
                    from: Minute(rawValue: 29_000_000),
                    to: Minute(rawValue: 29_900_000),
                    reason: "moved"
                )
            ),
            .planPeriodsSeen(
                PlanPeriodsSeen(
                    waldur: waldur,
                    resource: resource(1),
                    offering: OfferingID(high: 1, low: 2),
                    customer: tenant,
                    periods: [
                        PlanPeriod(
                            id: period(1),
                            plan: PlanID(high: 3, low: 4),
                            planName: "Standard",
                            start: Timestamp(milliseconds: 1_795_000_000_001),
                            end: nil
                        )
                    ],
                    components: ["tokens"],
                    resourceState: "OK"
                )
            ),
            .priceSeen(
                PriceSeen(
                    waldur: waldur,
                    plan: PlanID(high: 3, low: 4),
                    component: "tokens",
                    price: "0.0000031250",
                    futurePrice: nil
                )
            ),
            .submissionIntended(intent(1, 12_345_678_901_234_567_890)),
            .submissionUnknown(SubmissionOutcome(number: 1, note: "timed out")),
            .submissionConfirmed(SubmissionOutcome(number: 1, status: 201)),
            .submissionIntended(intent(2, 12_345_678_901_234_567_891)),
            .submissionRefused(
                SubmissionOutcome(number: 2, components: ["tokens"], status: 400, note: "no")
            ),
            .openingBalance(
                OpeningBalance(key: key, amount: Hundredths(-5), from: Minute(rawValue: 1))
            ),
            .reportingResumed(ReportingResumption(waldur: waldur, month: november)),
            .sourceRetired(SourceRetirement(source: source, reason: "host gone")),
            .gapAccepted(GapAcceptance(source: source, from: 5, to: 9, reason: "INC-311")),
            .conflictDecided(
                ConflictDecision(source: source, position: 99, counts: false, reason: "clone")
            ),
            .detailsErased(
                DetailsErasure(tenant: "acme", user: "u-17", position: 4_096, reason: "asked to")
            ),
            .limitsSet(
                LimitsDecision(
                    subject: .tenant(tenant),
                    limits: [.eventsPerSecond: 5_000, .agents: 0],
                    reason: "contract"
                )
            ),
            .limitsSet(
                LimitsDecision(
                    subject: .principal(PrincipalID(rawValue: 1)),
                    limits: [.identifiers: 10]
                )
            ),
        ] + billing(key)
    }

    /// One decision of every kind on months, prices, carries, adjustments, foreign figures and orders.
    private static func billing(_ key: SubmissionKey) -> [Decision] {
        let offering = OfferingID(high: 1, low: 2)
        let order = OrderID(high: 8, low: 1)
        let tenant: Name = "acme"
        let statement = BookHash.zero.description
        return [
            .offeringUnitSet(
                OfferingUnitSet(
                    waldur: "other",
                    offering: offering,
                    component: "tokens",
                    reportedUnit: "Mtoken",
                    unitsPerReported: 1_000_000,
                    bills: BilledOutcomes(["ok", "cached"])
                )
            ),
            .foreignFound(
                ForeignFound(
                    key: key,
                    usage: "90.00",
                    quantity: "90.123",
                    confirmed: Hundredths(7)
                )
            ),
            .adjustmentMade(
                AdjustmentMade(
                    number: 1,
                    kind: .changedInWaldur,
                    key: key,
                    amount: LedgerAmount(-1234),
                    reason: "ticket 7"
                )
            ),
            .foreignDecided(
                ForeignDecided(
                    key: key,
                    verdict: .accept,
                    amount: Hundredths(9000),
                    byDefault: true,
                    reason: "deadline"
                )
            ),
            .adjustmentAcknowledged(AdjustmentAcknowledged(number: 1, reason: "seen")),
            .orderSeen(
                OrderSeen(
                    waldur: waldur,
                    order: order,
                    resource: resource(1),
                    type: "Terminate",
                    state: "pending-provider"
                )
            ),
            .orderFlushed(
                OrderFlushed(waldur: waldur, order: order, position: 5000, at: Fixture.time)
            ),
            .incidentFound(
                Incident(
                    kind: .beforeTurn,
                    key: key,
                    number: 1,
                    quantity: Hundredths(100),
                    frozenPrice: "0.02",
                    duePrice: "0.05"
                )
            ),
            .resourceAdopted(
                ResourceAdopted(
                    waldur: waldur,
                    resource: resource(1),
                    from: Minute(rawValue: 29_000_000)
                )
            ),
            .resourceReleased(
                ResourceReleased(
                    waldur: waldur,
                    resource: resource(1),
                    from: Minute(rawValue: 29_100_000),
                    reason: "back to the old reporter"
                )
            ),
            .periodCut(PeriodCut(waldur: waldur, month: november, position: 5000)),
            .monthTurned(
                MonthTurned(
                    waldur: waldur,
                    month: december,
                    evidence: .prices,
                    at: Fixture.time
                )
            ),
            .carryMade(
                CarryMade(
                    number: 1,
                    from: key,
                    cause: .tail,
                    amount: LedgerAmount(250),
                    position: 5000,
                    price: "0.02",
                    customer: tenant
                )
            ),
            .carrySettled(
                CarrySettled(
                    number: 1,
                    settlement: .landed,
                    to: row(of: key, in: december),
                    reason: "cheaper than a credit"
                )
            ),
            .periodClosed(
                PeriodClosed(
                    waldur: waldur,
                    month: november,
                    tenant: tenant,
                    revision: 1,
                    statement: statement
                )
            ),
            .periodReopened(
                PeriodReopened(
                    waldur: waldur,
                    month: november,
                    tenant: tenant,
                    revision: 1,
                    reason: "credit note"
                )
            ),
            .statementKeySet(StatementKeySet(publicKey: statement, label: "2026")),
            .countingDeclared(
                CountingDeclaration(
                    tenant: tenant,
                    agent: "bot",
                    way: .otlp,
                    from: Minute(rawValue: 30_000_000 / 15 * 15),
                    reason: "exports every span"
                )
            ),
            .offeringFollowed(
                OfferingFollowed(
                    waldur: Fixture.waldur,
                    offering: OfferingID(high: 3, low: 4),
                    agentFrom: "attributes.agent_slug",
                    class: .shadow
                )
            ),
            .correctionMade(
                CorrectionMade(
                    number: 2,
                    kind: .amend,
                    lines: [
                        CorrectionLine(
                            CorrectionCell(
                                tenant: tenant,
                                agent: "bot",
                                access: AccessID(high: 1, low: 2),
                                component: "tokens",
                                minute: Minute(rawValue: 29_000_000)
                            ),
                            LedgerAmount(-500)
                        )
                    ],
                    reason: "ticket 8"
                )
            ),
            .correctionMade(
                CorrectionMade(
                    number: 3,
                    kind: .revert,
                    lines: [
                        CorrectionLine(
                            CorrectionCell(
                                tenant: tenant,
                                agent: "bot",
                                access: AccessID(high: 1, low: 2),
                                component: "tokens",
                                minute: Minute(rawValue: 29_000_000)
                            ),
                            LedgerAmount(500)
                        )
                    ],
                    reason: "ticket 8 was wrong",
                    reverts: 2
                )
            ),
            .correctionMade(
                CorrectionMade(
                    number: 4,
                    kind: .void,
                    lines: [
                        CorrectionLine(
                            CorrectionCell(
                                tenant: tenant,
                                agent: "bot",
                                component: "tokens",
                                minute: Minute(rawValue: 29_000_000),
                                outcome: .refused,
                                way: .otlp
                            ),
                            LedgerAmount(-700)
                        )
                    ],
                    reason: "ticket 9",
                    voids: voidSelection
                )
            ),
            .backfillBegun(
                BackfillBegun(
                    number: 5,
                    file: String(repeating: "5a", count: 32),
                    name: "lost.csv",
                    eventCount: 40_000,
                    earliest: Minute(rawValue: 29_000_000),
                    latest: Minute(rawValue: 29_000_900),
                    totals: [.init(tenant: tenant, component: "tokens", amount: Quantity(9))],
                    reason: "host 7"
                )
            ),
            .backfillDone(BackfillDone(number: 5, position: 4_711)),
            .carryMade(
                CarryMade(
                    number: 2,
                    from: key,
                    cause: .correction,
                    amount: LedgerAmount(-500),
                    position: 6000,
                    cuts: 1
                )
            ),
            .carrySettled(
                CarrySettled(number: 2, settlement: .creditRequest, reason: "two months")
            ),
            .creditGranted(
                CreditGranted(
                    number: 2,
                    item: InvoiceItemID(high: 4, low: 5),
                    price: "-0.10",
                    reason: "ticket 9"
                )
            ),
        ]
    }

    static func row(
        _ resource: UInt64 = 1,
        _ component: Name = "tokens",
        period: UInt64 = 1,
        in month: BillingMonth = november
    ) -> SubmissionKey {
        SubmissionKey(
            waldur: waldur,
            resource: self.resource(resource),
            component: component,
            planPeriod: self.period(period),
            month: month
        )
    }

    static func row(of key: SubmissionKey, in month: BillingMonth) -> SubmissionKey {
        SubmissionKey(
            waldur: key.waldur,
            resource: key.resource,
            component: key.component,
            planPeriod: key.planPeriod,
            month: month
        )
    }

    static let november = BillingMonth("2026-11") ?? october
    static let december = BillingMonth("2026-12") ?? october
    static let october = BillingMonth(year: 2026, month: 10) ?? .distantPast
}

extension BillingMonth {
    static var distantPast: BillingMonth {
        guard let month = BillingMonth(year: 1970, month: 1) else { preconditionFailure() }
        return month
    }
}
