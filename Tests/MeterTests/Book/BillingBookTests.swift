import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct BillingBookTests {
    private let row = Fixture.row()
    private let next = Fixture.row(in: Fixture.december)

    private func book(_ decisions: Decision...) throws -> Book {
        let book = try Book.open(BookDisk()).book
        try book.append(
            [Fixture.component("tokens"), Fixture.component("seconds", units: 1000)] + decisions,
            author: "anna",
            at: Fixture.time
        )
        return book
    }

    private func refusal(_ book: Book, _ decision: Decision) -> DecisionRefusal? {
        do {
            try book.append(decision, author: "anna", at: Fixture.time)
            return nil
        } catch .refused(let refusal) {
            return refusal
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    private func intent(_ number: UInt64, _ amount: Int128, in month: BillingMonth) -> Decision {
        .submissionIntended(
            SubmissionIntent(
                number: number,
                waldur: Fixture.waldur,
                resource: row.resource,
                planPeriod: row.planPeriod,
                month: month,
                position: 1,
                items: [
                    .init(
                        component: "tokens",
                        total: Quantity(UInt128(amount)),
                        amount: Hundredths(amount * 100)
                    )
                ]
            )
        )
    }

    private func cut(_ month: BillingMonth) -> Decision {
        .periodCut(PeriodCut(waldur: Fixture.waldur, month: month, position: 9))
    }

    private func carry(
        _ number: UInt64,
        _ amount: Int128 = 100,
        to: SubmissionKey? = nil
    ) -> Decision {
        .carryMade(
            CarryMade(
                number: number,
                from: row,
                cause: .tail,
                amount: LedgerAmount(amount),
                to: to,
                position: 9
            )
        )
    }

    @Test func `a cut month takes no intent, and is not cut while one of its intents is open`()
        throws
    {
        let book = try book(intent(1, 5, in: Fixture.november))
        #expect(
            refusal(book, cut(Fixture.november))
                == .periodHasOpenIntent(Fixture.november, number: 1)
        )
        try book.append(
            .submissionConfirmed(SubmissionOutcome(number: 1)),
            author: "reporter",
            at: Fixture.time
        )
        #expect(refusal(book, cut(Fixture.november)) == nil)
        #expect(refusal(book, cut(Fixture.november)) == .periodIsCut(Fixture.november))
        #expect(refusal(book, intent(2, 6, in: Fixture.november)) == .periodIsCut(Fixture.november))
        #expect(refusal(book, intent(2, 6, in: Fixture.december)) == nil)
    }

    @Test func `a month turns once, and never back`() throws {
        func turn(_ month: BillingMonth) -> Decision {
            .monthTurned(
                MonthTurned(
                    waldur: Fixture.waldur,
                    month: month,
                    evidence: .delay,
                    at: Fixture.time
                )
            )
        }
        let book = try book(turn(Fixture.december))
        #expect(refusal(book, turn(Fixture.december)) == .monthAlreadyTurned(Fixture.december))
        #expect(refusal(book, turn(Fixture.november)) == .monthAlreadyTurned(Fixture.december))
    }

    @Test func `a carry waits until it is settled, once, with a reason or a row to land in`() throws
    {
        let book = try book(cut(Fixture.november), carry(3))
        #expect(refusal(book, carry(3)) == .carryNumber(last: 3))
        #expect(refusal(book, carry(4, 0)) == .amountZero)
        func settle(
            _ how: CarrySettled.Settlement,
            to: SubmissionKey? = nil,
            _ reason: String? = nil
        ) -> Decision {
            .carrySettled(CarrySettled(number: 3, settlement: how, to: to, reason: reason))
        }
        #expect(book.state.billing.waiting(of: row.resourceKey).map(\.carry.number) == [3])
        #expect(refusal(book, settle(.landed)) == .carryTarget(3))
        #expect(refusal(book, settle(.writtenOff)) == .reasonMissing)
        #expect(refusal(book, settle(.writtenOff, to: next, "x")) == .carryTarget(3))
        #expect(
            refusal(book, settle(.landed, to: Fixture.row(2, in: Fixture.december)))
                == .carryElsewhere(from: row, to: Fixture.row(2, in: Fixture.december))
        )
        #expect(
            refusal(book, settle(.landed, to: Fixture.row(period: 2)))
                == .periodIsCut(Fixture.november)
        )
        #expect(refusal(book, settle(.landed, to: next)) == nil)
        #expect(refusal(book, settle(.creditRequest, "x")) == .carrySettled(3))
        let billing = book.state.billing
        #expect(billing.waiting(of: row.resourceKey).isEmpty)
        #expect(billing.carries(from: row).map(\.target) == [next])
        #expect(billing.carries(to: next).map(\.carry.amount) == [LedgerAmount(100)])
        #expect(refusal(book, carry(4, to: row)) == .carryElsewhere(from: row, to: row))
        #expect(
            refusal(
                book,
                .carrySettled(CarrySettled(number: 9, settlement: .writtenOff, reason: "x"))
            ) == .unknownCarry(9)
        )
    }

    @Test func `an accepted foreign figure is the confirmed one from then on`() throws {
        let book = try book(
            intent(1, 5, in: Fixture.november),
            .submissionConfirmed(SubmissionOutcome(number: 1))
        )
        func decide(_ verdict: ForeignDecided.Verdict, _ amount: Int128? = nil) -> Decision {
            .foreignDecided(
                ForeignDecided(
                    key: row,
                    verdict: verdict,
                    amount: amount.map { Hundredths($0) },
                    reason: "ticket"
                )
            )
        }
        #expect(refusal(book, decide(.accept, 300)) == .nothingForeign(row))
        let found = Decision.foreignFound(
            ForeignFound(key: row, usage: "3.00", confirmed: Hundredths(500))
        )
        #expect(refusal(book, found) == nil)
        #expect(refusal(book, decide(.accept)) == .acceptedAmount(row))
        #expect(refusal(book, decide(.accept, -1)) == .acceptedAmount(row))
        #expect(refusal(book, decide(.reassert, 1)) == .acceptedAmount(row))
        #expect(refusal(book, decide(.reassert)) == nil)
        #expect(book.state.billing.foreign[row]?.isToReassert == true)
        #expect(refusal(book, decide(.reassert)) == .nothingForeign(row))
        #expect(refusal(book, found) == nil)
        #expect(book.state.billing.foreign[row]?.isToReassert == false)
        #expect(refusal(book, decide(.accept, 300)) == nil)
        #expect(book.state.billing.foreign[row] == nil)
        #expect(book.state.submission(row)?.confirmed?.amount == Hundredths(300))
    }

    @Test func `a revert takes back exactly one adjustment, once`() throws {
        func adjust(
            _ number: UInt64,
            _ amount: Int128,
            _ kind: AdjustmentMade.Kind = .amend,
            reverts: UInt64? = nil
        ) -> Decision {
            .adjustmentMade(
                AdjustmentMade(
                    number: number,
                    kind: kind,
                    key: row,
                    amount: LedgerAmount(amount),
                    reason: "ticket",
                    reverts: reverts
                )
            )
        }
        let book = try book(adjust(1, -70))
        #expect(refusal(book, adjust(1, 5)) == .adjustmentNumber(last: 1))
        #expect(refusal(book, adjust(2, 0)) == .amountZero)
        #expect(refusal(book, adjust(2, 69, .revert, reverts: 1)) == .notARevert(2))
        #expect(refusal(book, adjust(2, 70, .revert)) == .notARevert(2))
        #expect(refusal(book, adjust(2, 70, .amend, reverts: 1)) == .notARevert(2))
        #expect(refusal(book, adjust(2, 70, .revert, reverts: 1)) == nil)
        #expect(refusal(book, adjust(3, 70, .revert, reverts: 1)) == .notARevert(3))
        #expect(book.state.billing.adjustments(of: row).map(\.isReverted) == [true, false])
    }

    @Test func `a period is closed after its cut, and again only after it was reopened`() throws {
        let hash = String(repeating: "ab", count: 32)
        func close(_ revision: UInt32, previous: String? = nil) -> Decision {
            .periodClosed(
                PeriodClosed(
                    waldur: Fixture.waldur,
                    month: Fixture.november,
                    tenant: "acme",
                    revision: revision,
                    statement: hash,
                    previous: previous
                )
            )
        }
        let period = TenantPeriod(
            waldur: Fixture.waldur,
            month: Fixture.november,
            tenant: "acme"
        )
        let reopen = Decision.periodReopened(
            PeriodReopened(
                waldur: Fixture.waldur,
                month: Fixture.november,
                tenant: "acme",
                revision: 1,
                reason: "late"
            )
        )
        let book = try book()
        #expect(refusal(book, close(1)) == .periodNotCut(Fixture.november))
        try book.append(cut(Fixture.november), author: "reporter", at: Fixture.time)
        #expect(refusal(book, reopen) == .periodNotClosed(period))
        #expect(refusal(book, close(2)) == .periodRevision(period, next: 1))
        #expect(refusal(book, close(1)) == nil)
        #expect(refusal(book, close(2, previous: hash)) == .periodClosed(period))
        #expect(refusal(book, reopen) == nil)
        #expect(refusal(book, reopen) == .periodNotClosed(period))
        #expect(refusal(book, close(2)) == .periodRevision(period, next: 2))
        #expect(refusal(book, close(2, previous: hash)) == nil)
    }

    @Test func `an offering's own unit never changes once it was told`() throws {
        let offering = OfferingID(high: 1, low: 2)
        func unit(_ units: UInt64) -> Decision {
            .offeringUnitSet(
                OfferingUnitSet(
                    waldur: Fixture.waldur,
                    offering: offering,
                    component: "tokens",
                    reportedUnit: "ktoken",
                    unitsPerReported: units
                )
            )
        }
        let book = try book(
            .planPeriodsSeen(
                PlanPeriodsSeen(
                    waldur: Fixture.waldur,
                    resource: row.resource,
                    offering: offering,
                    periods: [],
                    components: ["tokens"]
                )
            )
        )
        #expect(refusal(book, unit(0)) == .unitsPerReportedZero)
        #expect(refusal(book, unit(1000)) == nil)
        #expect(refusal(book, unit(2000)) == nil)
        #expect(book.state.unitsPerReported("tokens", of: row.resourceKey) == 2000)
        #expect(book.state.unitsPerReported("seconds", of: row.resourceKey) == 1000)
        try book.append(intent(1, 5, in: Fixture.november), author: "r", at: Fixture.time)
        #expect(refusal(book, unit(2000)) == nil)
        #expect(
            refusal(book, unit(1000))
                == .offeringUnitFixed(
                    OfferingComponent(
                        waldur: Fixture.waldur,
                        offering: offering,
                        component: "tokens"
                    )
                )
        )
    }

    @Test func `prices keep their history, by Waldur's clock`() throws {
        let plan = PlanID(high: 3, low: 4)
        func seen(_ price: String, _ milliseconds: Int64) -> Decision {
            .priceSeen(
                PriceSeen(
                    waldur: Fixture.waldur,
                    plan: plan,
                    component: "tokens",
                    price: price,
                    read: Timestamp(milliseconds: milliseconds)
                )
            )
        }
        let billing = try book(seen("0.02", 1000), seen("0.05", 2000)).state.billing
        let key = PriceKey(waldur: Fixture.waldur, plan: plan, component: "tokens")
        #expect(billing.price(key)?.price == "0.05")
        #expect(billing.price(key, before: Timestamp(milliseconds: 2000))?.price == "0.02")
        #expect(billing.price(key, before: Timestamp(milliseconds: 1000)) == nil)
    }
}
