import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct CorrectionTests {
    private static let start: UInt32 = 1000

    private func period(_ month: BillingMonth, _ start: UInt32) -> BillingPeriod {
        guard
            let period = BillingPeriod(
                waldur: Fixture.waldur,
                month: month,
                start: Minute(rawValue: start),
                end: Minute(rawValue: start + 100)
            )
        else { preconditionFailure() }
        return period
    }

    private func period(at minute: Minute) -> BillingPeriod? {
        switch minute.rawValue {
        case 900..<1000: period(Fixture.october, 900)
        case 1000..<1100: period(Fixture.november, 1000)
        case 1100..<1200: period(Fixture.december, 1100)
        default: nil
        }
    }

    /// One agent that is bound to resource 1, with an open plan period, from minute 900.
    private func book(_ decisions: Decision...) throws -> Book {
        let book = try Book.open(BookDisk()).book
        try book.append(
            [
                Fixture.component("tokens"),
                Fixture.made(1, tenant: "acme", agent: "bot"),
                .bindingSet(
                    Fixture.binding(1, tenant: "acme", agent: "bot", resource: 1, from: 900)
                ),
                seen([PlanPeriod(id: Fixture.period(1), start: Minute(rawValue: 900).start)]),
            ] + decisions,
            author: "anna",
            at: Fixture.time
        )
        return book
    }

    private func seen(_ periods: [PlanPeriod]) -> Decision {
        .planPeriodsSeen(
            PlanPeriodsSeen(
                waldur: Fixture.waldur,
                resource: Fixture.resource(1),
                offering: OfferingID(high: 1, low: 1),
                customer: "acme",
                periods: periods,
                components: ["tokens"],
                resourceState: "OK"
            )
        )
    }

    private func line(
        _ amount: Int128,
        agent: Name = "bot",
        at minute: UInt32 = 1010
    ) -> CorrectionLine {
        CorrectionLine(
            CorrectionCell(
                tenant: "acme",
                agent: agent,
                component: "tokens",
                minute: Minute(rawValue: minute)
            ),
            LedgerAmount(amount * 100)
        )
    }

    private func plan(
        _ book: Book,
        _ lines: [CorrectionLine]
    ) throws -> CorrectionPlan {
        try CorrectionPlan(.amend, lines, book: book.state) { _, minute in period(at: minute) }
    }

    private func apply(_ plan: CorrectionPlan, _ book: Book) throws {
        try book.append(
            plan.decisions(reason: "ticket", book: book.state, position: 7),
            author: "anna",
            at: Fixture.time
        )
    }

    private func ledger(_ book: Book, _ month: BillingPeriod) throws -> LedgerMonth {
        let query = Ledger.query(book.state, month)
        let answer = UsageAnswer(
            totals: [:],
            position: 7,
            asOf: Fixture.time,
            completeThrough: nil
        )
        let ledger = try Ledger.attribute(answer, to: query, book: book.state, period: month)
        #expect(Conservation.check(ledger, book: book.state) == [])
        return ledger
    }

    private func refusal(_ book: Book, _ decisions: [Decision]) -> DecisionRefusal? {
        do {
            try book.append(decisions, author: "anna", at: Fixture.time)
            return nil
        } catch .refused(let refusal) {
            return refusal
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test func `a correction of an open month is in the figure of its row`() throws {
        let book = try book()
        let plan = try plan(book, [line(30), line(-5, at: 1020)])
        #expect(plan.effects.map(\.fate) == [.lands(Fixture.row())])
        #expect(plan.effects.map(\.amount) == [LedgerAmount(2500)])
        try apply(plan, book)
        let figure = try #require(try ledger(book, period(Fixture.november, 1000)).figures.first)
        #expect(figure.amount == Hundredths(2500) && figure.adjusted == LedgerAmount(2500))
        #expect(figure.total == Quantity(0))
    }

    @Test func `a figure is never told below zero, and says what is left`() throws {
        let book = try book()
        try apply(try plan(book, [line(-5)]), book)
        let figure = try #require(try ledger(book, period(Fixture.november, 1000)).figures.first)
        #expect(figure.amount == Hundredths(-500) && figure.told == .zero)
    }

    @Test func `a correction of a month that is cut leaves it as a carry at once`() throws {
        let book = try book(
            .periodCut(PeriodCut(waldur: Fixture.waldur, month: Fixture.november, position: 5))
        )
        let plan = try plan(book, [line(-5), line(3, at: 1110)])
        #expect(
            plan.effects.map(\.fate) == [
                .carry(Fixture.row()), .lands(Fixture.row(in: Fixture.december)),
            ]
        )
        try apply(plan, book)
        let carries = book.state.billing.carries.values.map(\.carry)
        #expect(carries.map(\.amount) == [LedgerAmount(-500)])
        #expect(carries.map(\.cause) == [.correction] && carries.map(\.customer) == ["acme"])
        let november = try ledger(book, period(Fixture.november, 1000))
        #expect(november.figures.first?.balance == .zero)
        #expect(
            try CarryMaking.carries(of: november, book: book.state, cause: .late, first: 9)
                .isEmpty
        )
    }

    @Test func `a correction goes with the usage of its time, also when a binding comes later`()
        throws
    {
        let book = try book()
        let plan = try plan(book, [line(7, agent: "late")])
        #expect(plan.effects.map(\.fate) == [.unassigned(.noAccess)])
        try apply(plan, book)
        let month = period(Fixture.november, 1000)
        let before = try ledger(book, month)
        #expect(before.unassignedCorrections.map(\.amount) == [LedgerAmount(700)])
        #expect(before.tenants.map(\.adjustedUnassigned) == [LedgerAmount(700)])
        try book.append(
            [
                Fixture.made(2, tenant: "acme", agent: "late"),
                .bindingSet(
                    Fixture.binding(
                        2,
                        tenant: "acme",
                        agent: "late",
                        resource: 1,
                        from: 900,
                        class: .free
                    )
                ),
            ],
            author: "anna",
            at: Fixture.time
        )
        let after = try ledger(book, month)
        #expect(after.unassignedCorrections.isEmpty)
        let account = LedgerAccount(
            resource: Fixture.row().resourceKey,
            component: "tokens"
        )
        #expect(try after.amount(.notBillable(.free), of: account) == LedgerAmount(700))
        #expect(try after.amount(.adjusted, of: account) == LedgerAmount(700))
    }

    @Test func `the digest is another once lines or effects are`() throws {
        let book = try book()
        let lines = [line(-5)]
        let first = try plan(book, lines).digest
        #expect(try plan(book, lines).digest == first)
        #expect(try plan(book, [line(-6)]).digest != first)
        try book.append(
            .periodCut(PeriodCut(waldur: Fixture.waldur, month: Fixture.november, position: 5)),
            author: "reporter",
            at: Fixture.time
        )
        #expect(try plan(book, lines).digest != first)
    }

    @Test func `a revert takes back all lines of one correction, once`() throws {
        let book = try book()
        try apply(try plan(book, [line(5), line(6, at: 1020)]), book)
        func revert(_ lines: [CorrectionLine], of number: UInt64 = 1) -> [Decision] {
            CorrectionMade.entries(
                number: book.state.billing.lastAdjustmentNumber + 1,
                kind: .revert,
                lines: lines,
                reason: "wrong",
                reverts: number
            )
        }
        #expect(refusal(book, revert([line(-5)])) == .notARevert(2))
        #expect(refusal(book, revert([line(-5), line(-7, at: 1020)])) == .notARevert(2))
        #expect(refusal(book, revert([line(-5), line(-6, at: 1020)], of: 7)) == .notARevert(2))
        #expect(refusal(book, revert([line(-5), line(-6, at: 1020)])) == nil)
        #expect(book.state.billing.corrections[1]?.isReverted == true)
        #expect(book.state.billing.corrected == CorrectedUsage())
        #expect(refusal(book, revert([line(-5), line(-6, at: 1020)])) == .notARevert(3))
        // A revert is not reverted; whoever was right is amended again.
        #expect(refusal(book, revert([line(5), line(6, at: 1020)], of: 2)) == .notARevert(3))
    }

    @Test
    func `a correction of many lines is several entries of one append, and is reverted whole`()
        throws
    {
        let book = try book()
        let count = CorrectionMade.lineCountMax * 2 + 1
        let lines = (0..<count).map { line(1, agent: Name("bot\($0)")) }
        let entries = CorrectionMade.entries(
            number: 1,
            kind: .amend,
            lines: lines,
            reason: "many"
        )
        #expect(entries.count == 3)
        #expect(refusal(book, [entries[1]]) == .adjustmentNumber(last: 0))
        #expect(refusal(book, [entries[0], entries[2]]) == .adjustmentNumber(last: 1))
        #expect(book.state.billing.corrections.isEmpty)
        #expect(refusal(book, entries) == nil)
        #expect(book.state.billing.corrections[1]?.lines == lines)
        let reverts = CorrectionMade.entries(
            number: 2,
            kind: .revert,
            lines: lines.map(\.opposite),
            reason: "all",
            reverts: 1
        )
        #expect(refusal(book, reverts) == nil)
        #expect(book.state.billing.corrected == CorrectedUsage())
    }

    @Test func `what a month has no room for is of the newest corrections, and keeps its age`()
        throws
    {
        let book = try book()
        let november = period(Fixture.november, 1000)
        // October's correction lands in November, where 4 of its own are taken away, too.
        try book.append(
            [
                .periodCut(
                    PeriodCut(waldur: Fixture.waldur, month: Fixture.october, position: 5)
                ),
                .carryMade(
                    CarryMade(
                        number: 1,
                        from: Fixture.row(in: Fixture.october),
                        cause: .correction,
                        amount: LedgerAmount(-1000),
                        to: Fixture.row(),
                        position: 5,
                        cuts: 1
                    )
                ),
            ],
            author: "reporter",
            at: Fixture.time
        )
        try apply(try plan(book, [line(-4)]), book)
        try apply(try plan(book, [line(2, at: 1030)]), book)
        let carries = try CarryMaking.carries(
            of: ledger(book, november),
            book: book.state,
            cause: .tail,
            first: 2
        )
        // Nothing was used: the older ten and two of the newer are left.
        #expect(carries.map(\.amount) == [LedgerAmount(-1000), LedgerAmount(-200)])
        #expect(carries.map(\.cuts) == [1, nil] && carries.map(\.number) == [2, 3])
        try book.append(
            carries.map { .carryMade($0) } + [
                .periodCut(
                    PeriodCut(waldur: Fixture.waldur, month: Fixture.november, position: 6)
                )
            ],
            author: "reporter",
            at: Fixture.time
        )
        #expect(carries.map { book.state.billing.cutsPassed(by: $0) } == [2, 1])
        let settlements = carries.map {
            CarryLanding.settlement(of: $0, book: book.state, into: Fixture.december)?.settlement
        }
        // The customer is unknown to the older one's October, so only its age decides.
        #expect(settlements.first == .creditRequest && settlements.last != .creditRequest)
    }

    @Test func `a credit is granted once, and only where it was requested`() throws {
        let book = try book(
            .carryMade(
                CarryMade(
                    number: 1,
                    from: Fixture.row(),
                    cause: .correction,
                    amount: LedgerAmount(-100),
                    position: 1
                )
            )
        )
        let grant = Decision.creditGranted(
            CreditGranted(number: 1, item: InvoiceItemID(high: 1, low: 2))
        )
        #expect(refusal(book, [grant]) == .noCreditRequested(1))
        #expect(
            refusal(
                book,
                [
                    .carrySettled(
                        CarrySettled(number: 1, settlement: .creditRequest, reason: "small")
                    )
                ]
            ) == nil
        )
        #expect(refusal(book, [grant]) == nil)
        #expect(book.state.billing.carries[1]?.state == "credited")
        #expect(refusal(book, [grant]) == .noCreditRequested(1))
    }
}
