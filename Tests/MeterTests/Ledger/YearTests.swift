import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct YearTests {
    /// What carries of a place stand for, by how they stand.
    private func carried(
        _ world: YearWorld,
        _ place: YearWorld.Place,
        _ belongs: (CarryStanding) -> Bool
    ) -> Int128 {
        world.book.state.billing.carries.values.filter { standing in
            standing.carry.from.resource == Fixture.resource(place.resource)
                && standing.carry.from.component == place.component && belongs(standing)
        }.map(\.carry.amount.rawValue).reduce(0, +)
    }

    private func told(_ world: YearWorld, _ place: YearWorld.Place) -> Int128 {
        world.told.filter { key, _ in
            key.resource == Fixture.resource(place.resource) && key.component == place.component
        }.map { key, amount in
            amount.rawValue
                * Int128(world.book.state.unitsPerReported(place.component, of: key.resourceKey))
        }.reduce(0, +)
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `over years everything used is told, waits, or was given up by name`(
        number: UInt64
    ) throws {
        var seed = Seed(number)
        var world = try YearWorld(&seed)
        for _ in 0..<26 {
            try world.live(&seed)
            for index in max(0, world.index - 3)...world.index {
                let ledger = try world.ledger(index)
                let found = Conservation.check(
                    ledger,
                    book: world.book.state,
                    totals: world.totals(index)
                )
                #expect(found == [])
            }
        }
        for _ in 0..<3 { try world.quiet(&seed) }
        var carriedOut = Int128(0)
        var carriedIn = Int128(0)
        var unassigned: [Name: Int128] = [:]
        var unassignedVoided: [Name: Int128] = [:]
        var unbillable: [YearWorld.Place: Int128] = [:]
        for index in 0...world.index {
            let ledger = try world.ledger(index)
            #expect(Conservation.check(ledger, book: world.book.state) == [])
            for line in ledger.lines {
                if line.term == .carriedOut { carriedOut += line.amount.rawValue }
                if line.term == .carriedIn { carriedIn += line.amount.rawValue }
                if line.term == .notBillable(.noPlan) {
                    let place = YearWorld.Place(
                        resource: line.account.resource.resource.low,
                        component: line.account.component
                    )
                    unbillable[place, default: 0] += line.amount.rawValue
                }
            }
            for line in ledger.tenants {
                unassigned[line.key.tenant, default: 0] += Int128(line.unassigned.rawValue)
                unassignedVoided[line.key.tenant, default: 0] -=
                    line.adjustedUnassigned.rawValue
            }
        }
        var waiting = Int128(0)
        let (used, adjusted) = (world.used, world.adjusted)
        for place in Set(used.keys).union(adjusted.keys) {
            let due =
                (used[place] ?? 0) * 100 + (adjusted[place] ?? 0)
                - carried(world, place) {
                    $0.settled.map { $0.settlement != .landed } ?? false
                }
            let told = told(world, place)
            let stuck = carried(world, place, \.waits)
            waiting += stuck
            let units = world.book.state.unitsPerReported(
                place.component,
                of: ResourceKey(
                    waldur: Fixture.waldur,
                    resource: Fixture.resource(place.resource)
                )
            )
            // After months in which everything was told, only less than a hundredth is left over.
            let left = due - told - stuck
            #expect(left.magnitude < units, "\(place): \(due) due, \(told) told")
        }
        #expect(carriedOut == carriedIn + waiting)
        // What nobody has bound is shown, tenant by tenant, and in no figure.
        let (strayed, voided) = (world.unassigned, world.unassignedVoided)
        for tenant in YearWorld.tenants {
            #expect(unassigned[tenant] ?? 0 == strayed[tenant] ?? 0, "\(tenant)")
            #expect(unassignedVoided[tenant] ?? 0 == (voided[tenant] ?? 0) * 100, "\(tenant)")
        }
        #expect(
            unbillable.filter { $0.value != 0 }
                == world.unbillable.mapValues { $0 * 100 }.filter { $0.value != 0 }
        )
        let corrected = world.book.state.billing.corrected
            .cells(from: Minute(rawValue: 0), to: Minute(rawValue: .max))
        #expect(
            Dictionary(uniqueKeysWithValues: corrected.map { ($0.cell, $0.amount.rawValue) })
                == world.corrections
        )
        let missing = Set(YearWorld.Happening.allCases).subtracting(world.happened)
        #expect(missing.isEmpty, "the years had no \(missing)")
        let causes = Set(world.book.state.billing.carries.values.map(\.carry.cause))
        #expect(causes.isSuperset(of: [.tail, .late, .residue, .correction]), "\(causes)")
        // Waldur never showed a total below zero.
        #expect(world.told.values.allSatisfy { $0 >= .zero })
    }

    @Test func `each stored term of a year that is off by one is named`() throws {
        var terms: Set<LedgerTerm> = []
        for number in 0..<4 as Range<UInt64> {
            var seed = Seed(100 + number)
            var world = try YearWorld(&seed)
            for _ in 0..<8 { try world.live(&seed) }
            let book = world.book.state
            for index in 0...world.index {
                let ledger = try world.ledger(index)
                for (position, line) in ledger.lines.enumerated() {
                    var changed = ledger
                    changed.lines[position].amount = LedgerAmount(line.amount.rawValue - 1)
                    let violations = Conservation.check(changed, book: book)
                    #expect(
                        violations.contains { violation in
                            if case .term(line.account, line.term, let stored, let source) =
                                violation
                            {
                                return stored.rawValue - source.rawValue == -1
                            }
                            return false
                        },
                        "\(line)"
                    )
                    terms.insert(line.term)
                }
            }
        }
        for term: LedgerTerm in [
            .metered, .adjusted, .carriedIn, .confirmed, .waiting, .residue, .carriedOut,
            .creditRequested, .writtenOff,
        ] {
            #expect(terms.contains(term), "\(term)")
        }
    }
}
