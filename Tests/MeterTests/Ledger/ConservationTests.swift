import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct ConservationTests {
    /// A ledger with figures confirmed, refused, unknown and in flight, with everything that waits and is
    /// not billed, that was voided, and that came in files.
    private func world(_ number: UInt64) throws -> LedgerWorld {
        var seed = Seed(number)
        var world = try LedgerWorld(&seed)
        for _ in 0..<3 {
            try world.report(&seed)
            for _ in 0..<40 { world.addEvent(&seed) }
            try world.correct(&seed)
            try world.backfill(&seed)
            if seed.oneIn(2) { try world.revertVoid(&seed) }
            try world.void(&seed)
            if seed.oneIn(2) { try world.revertBackfill(&seed) }
        }
        return world
    }

    @Test(arguments: [1, -1]) func `each stored term that is off by one is named`(
        by step: Int128
    ) throws {
        var terms: Set<LedgerTerm> = []
        for number in 0..<12 as Range<UInt64> {
            let world = try world(number)
            let book = world.book.state
            let month = try world.month()
            #expect(Conservation.check(month, book: book).isEmpty)
            for (index, line) in month.lines.enumerated() {
                var changed = month
                changed.lines[index].amount = LedgerAmount(line.amount.rawValue + step)
                let violations = Conservation.check(changed, book: book)
                #expect(
                    violations.contains { violation in
                        if case .term(line.account, line.term, let stored, let source) = violation {
                            return stored.rawValue - source.rawValue == step
                        }
                        return false
                    },
                    "\(line)"
                )
                #expect(
                    violations.contains { violation in
                        if case .account(line.account, _, _) = violation { return true }
                        return false
                    }
                )
                terms.insert(line.term)
                changed.lines.remove(at: index)
                #expect(!Conservation.check(changed, book: book).isEmpty)
            }
        }
        for term: LedgerTerm in [.metered, .adjusted, .confirmed, .inFlight, .waiting, .residue] {
            #expect(terms.contains(term), "\(term)")
        }
        for reason in NotBillableClass.allCases {
            #expect(terms.contains(.notBillable(reason)), "\(reason)")
        }
    }

    @Test func `each figure and each usage line that is off by one is named`() throws {
        let world = try world(3)
        let book = world.book.state
        let month = try world.month()
        for index in month.figures.indices {
            var changed = month
            changed.figures[index].amount = Hundredths(month.figures[index].amount.rawValue + 1)
            let key = month.figures[index].key
            #expect(
                Conservation.check(changed, book: book).contains { violation in
                    if case .figure(key, _, _) = violation { return true }
                    return false
                }
            )
            changed = month
            changed.figures[index].total = Quantity(month.figures[index].total.rawValue + 1)
            #expect(!Conservation.check(changed, book: book).isEmpty)
            changed.figures.remove(at: index)
            let figure = month.figures[index]
            let hasHistory =
                book.submission(key) != nil || figure.total > Quantity(0)
                || figure.adjusted != .zero
            #expect(Conservation.check(changed, book: book).isEmpty == !hasHistory)
        }
        for index in month.attributed.indices {
            var changed = month
            changed.attributed[index].total = Quantity(
                month.attributed[index].total.rawValue + 1
            )
            #expect(!Conservation.check(changed, book: book).isEmpty)
        }
    }

    /// One whose month has corrections of usage with a resource and of usage without one.
    private func correctedWorld() throws -> LedgerWorld {
        for number in 5..<80 as Range<UInt64> {
            let world = try world(number)
            let month = try world.month()
            if !month.corrected.isEmpty, !month.unassignedCorrections.isEmpty { return world }
        }
        return try #require(nil as LedgerWorld?)
    }

    @Test func `each term of a tenant that is off by one is named`() throws {
        let world = try correctedWorld()
        let book = world.book.state
        let month = try world.month()
        func check(_ key: TenantLine.Key, _ change: (inout LedgerMonth) -> Void) {
            var changed = month
            change(&changed)
            #expect(
                Conservation.check(changed, book: book).contains { violation in
                    switch violation {
                    case .tenant(let line): line.key == key
                    case .tenantTerm(key, _, _, _): true
                    default: false
                    }
                }
            )
        }
        func more(_ quantity: inout Quantity) { quantity = Quantity(quantity.rawValue + 1) }
        func more(_ amount: inout LedgerAmount) { amount = LedgerAmount(amount.rawValue + 1) }
        for (index, line) in month.tenants.enumerated() {
            check(line.key) { more(&$0.tenants[index].metered) }
            check(line.key) { more(&$0.tenants[index].attributed) }
            check(line.key) { more(&$0.tenants[index].attributedElsewhere) }
            check(line.key) { more(&$0.tenants[index].unassigned) }
            check(line.key) { more(&$0.tenants[index].adjusted) }
            check(line.key) { more(&$0.tenants[index].adjustedAttributed) }
            check(line.key) { more(&$0.tenants[index].adjustedElsewhere) }
            check(line.key) { more(&$0.tenants[index].adjustedUnassigned) }
        }
        for (index, usage) in month.unassigned.enumerated() {
            let key = TenantLine.Key(tenant: usage.key.tenant, component: usage.key.component)
            check(key) { more(&$0.unassigned[index].total) }
            check(key) { $0.unassigned.remove(at: index) }
        }
        for (index, correction) in month.unassignedCorrections.enumerated() {
            let key = TenantLine.Key(
                tenant: correction.key.tenant,
                component: correction.key.component
            )
            check(key) { more(&$0.unassignedCorrections[index].amount) }
        }
        for index in month.corrected.indices {
            var changed = month
            more(&changed.corrected[index].amount)
            #expect(!Conservation.check(changed, book: book).isEmpty)
        }
        #expect(!month.tenants.isEmpty && !month.unassigned.isEmpty)
        #expect(!month.corrected.isEmpty && !month.unassignedCorrections.isEmpty)
    }

    @Test func `usage that one query has and another has not is named`() throws {
        var world = try world(6)
        let month = try world.month()
        #expect(
            Conservation.check(month, book: world.book.state, totals: world.totals()).isEmpty
        )
        world.events.append(
            LedgerWorld.Event(
                tenant: "acme",
                agent: "bot",
                access: nil,
                component: "tokens",
                minute: Minute(rawValue: 1030),
                amount: 1
            )
        )
        let violations = Conservation.check(
            month,
            book: world.book.state,
            totals: world.totals()
        )
        #expect(violations.count == 1)
        guard case .tenantTerm(let key, "metered", let stored, let source)? = violations.first
        else {
            Issue.record("\(violations)")
            return
        }
        #expect(key == TenantLine.Key(tenant: "acme", component: "tokens"))
        #expect(UInt128(source) == UInt128(stored).map { $0 + 1 })
    }

    @Test func `each count of admission that is off by one is named`() {
        let principal = PrincipalID(rawValue: 4)
        var counts = AdmissionCounts()
        counts.events = 111_111
        counts.accepted = 100_000
        counts.refused = 10_000
        counts.inConflict = 1000
        counts.duplicate = 100
        counts.deferred = 11
        #expect(Conservation.check(counts, of: principal).isEmpty)
        let terms: [WritableKeyPath<AdmissionCounts, UInt64>] = [
            \.events, \.accepted, \.refused, \.inConflict, \.duplicate, \.deferred,
        ]
        for term in terms {
            for step in [1, UInt64.max] {
                var changed = counts
                changed[keyPath: term] &+= step
                #expect(
                    Conservation.check(changed, of: principal)
                        == [.admission(principal: principal, changed)]
                )
            }
        }
    }
}
