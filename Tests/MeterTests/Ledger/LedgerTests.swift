import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct LedgerTests {
    @Test(arguments: 0..<80) func `windows give every event the place that the rules give it`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        let world = try LedgerWorld(&seed)
        let month = try world.month()
        #expect(fates(month) == world.naive().fates(world.events))
    }

    @Test(arguments: 0..<80)
    func `voids, files and their reverts leave each event where it was, or out, whatever its way`(
        _ number: UInt64
    ) throws {
        var seed = Seed(number)
        var world = try LedgerWorld(&seed)
        for _ in 0..<4 {
            try world.backfill(&seed)
            if seed.oneIn(2) { try world.revertVoid(&seed) }
            try world.void(&seed)
            if seed.oneIn(2) { try world.revertBackfill(&seed) }
            let month = try world.month()
            #expect(fates(month) == world.naive().fates(world.counted))
            #expect(Conservation.check(month, book: world.book.state).isEmpty)
            #expect(
                Conservation.check(month, book: world.book.state, totals: world.totals())
                    .isEmpty)
        }
        #expect(world.counted.count < world.events.count)
    }

    /// What there is of each fate, corrections added.
    private func fates(_ month: LedgerMonth) -> [NaiveAttribution.Fate: Int128] {
        var found: [NaiveAttribution.Fate: Int128] = [:]
        func fate(_ key: AttributedUsage.Key) -> NaiveAttribution.Fate {
            if let reason = key.notBillable {
                .notBilled(key.resource, key.component, reason)
            } else if let planPeriod = key.planPeriod {
                .told(key.resource, key.component, planPeriod)
            } else {
                .waits(key.resource, key.component)
            }
        }
        func fate(_ key: UnassignedUsage.Key) -> NaiveAttribution.Fate {
            .unassigned(key.tenant, key.agent, key.access, key.component, key.reason)
        }
        for usage in month.attributed {
            found[fate(usage.key), default: 0] += Int128(usage.total.rawValue) * 100
        }
        for usage in month.unassigned {
            found[fate(usage.key), default: 0] += Int128(usage.total.rawValue) * 100
        }
        for line in month.corrected { found[fate(line.key), default: 0] += line.amount.rawValue }
        for line in month.unassignedCorrections {
            found[fate(line.key), default: 0] += line.amount.rawValue
        }
        for line in month.tenants {
            found[.elsewhere(line.key.tenant, line.key.component), default: 0] +=
                Int128(line.attributedElsewhere.rawValue) * 100 + line.adjustedElsewhere.rawValue
        }
        return found.filter { $0.value != 0 }
    }

    @Test(arguments: 0..<80) func `one resource's ledger is its part of the whole one`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        var world = try LedgerWorld(&seed)
        if seed.oneIn(2) { try world.correct(&seed) }
        try world.report(&seed)
        let book = world.book.state
        let month = try world.month()
        let bound = Set(book.allBindings.map(\.resourceKey))
            .filter { $0.waldur == world.period.waldur }
        for resource in bound {
            let own = try world.month(of: resource)
            #expect(own.figures == month.figures.filter { $0.key.resourceKey == resource })
            #expect(own.lines == month.lines.filter { $0.account.resource == resource })
            #expect(own.attributed == month.attributed.filter { $0.key.resource == resource })
            #expect(own.corrected == month.corrected.filter { $0.key.resource == resource })
        }
    }

    @Test func `the random worlds reach every fate`() throws {
        var classes: Set<NotBillableClass> = []
        var reasons: Set<UnassignedReason> = []
        var (told, waits, elsewhere) = (0, 0, 0)
        for number in 0..<80 as Range<UInt64> {
            var seed = Seed(number)
            let month = try LedgerWorld(&seed).month()
            for usage in month.attributed {
                if let reason = usage.key.notBillable {
                    classes.insert(reason)
                } else if usage.key.planPeriod != nil {
                    told += 1
                } else {
                    waits += 1
                }
            }
            reasons.formUnion(month.unassigned.map(\.key.reason))
            elsewhere += month.tenants.count { $0.attributedElsewhere > Quantity(0) }
        }
        #expect(classes == Set(NotBillableClass.allCases))
        #expect(reasons == Set(UnassignedReason.allCases))
        #expect(told > 100)
        #expect(waits > 10)
        #expect(elsewhere > 10)
    }

    @Test(arguments: 0..<40) func `nothing is lost while usage grows and figures are told`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        var world = try LedgerWorld(&seed)
        for _ in 0..<4 {
            let month = try world.month()
            let violations = Conservation.check(
                month,
                book: world.book.state,
                totals: world.totals()
            )
            #expect(violations.isEmpty, "\(violations.map(\.description))")
            for figure in month.figures {
                let standing = world.book.state.submission(figure.key)
                #expect(figure.confirmed == standing?.confirmed?.amount)
                #expect(figure.inFlight == standing?.open.last?.amount)
            }
            try world.report(&seed)
            for _ in 0..<20 { world.addEvent(&seed) }
        }
    }

    @Test func `equal inputs give equal ledgers`() throws {
        for number in 0..<10 as Range<UInt64> {
            var (one, other) = (Seed(number), Seed(number))
            #expect(try LedgerWorld(&one).month() == LedgerWorld(&other).month())
        }
    }

    @Test func `a stale query is refused and named`() throws {
        var seed = Seed(2)
        let world = try LedgerWorld(&seed)
        let query = Ledger.query(world.book.state, world.period)
        let answer = world.answer(query)
        let cut = try #require(
            (1001..<1060).map { Minute(rawValue: $0) }.first { !query.windows.contains($0) }
        )
        try world.book.append(
            [
                Fixture.made(99, tenant: "acme", agent: "new"),
                .bindingSet(
                    Fixture.binding(
                        99,
                        tenant: "acme",
                        agent: "new",
                        resource: 1,
                        from: cut.rawValue
                    )
                ),
            ],
            author: "test",
            at: Fixture.time
        )
        #expect(throws: LedgerError.windowsStale(missing: cut)) {
            try Ledger.attribute(
                answer,
                to: query,
                book: world.book.state,
                period: world.period
            )
        }
        var loose = query
        loose.grouping.remove(.agent)
        #expect(throws: LedgerError.notGrouped) {
            let again = Ledger.query(world.book.state, world.period)
            return try Ledger.attribute(
                world.answer(loose),
                to: again,
                book: world.book.state,
                period: world.period
            )
        }
    }

    @Test func `an amount is rounded down on the running total and the rest stays in it`() throws {
        var told = Hundredths.zero
        var seed = Seed(1)
        var total: UInt128 = 0
        for _ in 0..<2000 {
            total += UInt128(seed.below(50))
            let (amount, residue) = try Rounding.down(total, unitsPerReported: 7000)
            #expect(amount >= told && residue.rawValue >= 0 && residue.rawValue < 7000)
            #expect(amount.rawValue * 7000 + residue.rawValue == Int128(total) * 100)
            told = amount
        }
        let (amount, residue) = try Rounding.down(1_234_567, unitsPerReported: 1000)
        #expect(amount.description == "1234.56" && residue.rawValue == 700)
        #expect(throws: LedgerError.overflow) { try Rounding.down(.max, unitsPerReported: 1) }
    }

    @Test func `amounts are text with two decimals in both directions`() {
        for (text, value) in [
            ("0.00", 0), ("0.05", 5), ("-0.05", -5), ("12.30", 1230), ("-100.00", -10000),
        ] as [(String, Int128)] {
            #expect(Hundredths(value).description == text && Hundredths(text)?.rawValue == value)
        }
        #expect(Hundredths("7") == Hundredths(700) && Hundredths("7.5") == Hundredths(750))
        for bad in ["", "-", "1.234", "1.", ".5", "1e3", "--1", "+1", " 1", "١"] {
            #expect(Hundredths(bad) == nil, "\(bad)")
        }
    }
}
