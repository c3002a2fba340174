import Meter
import MeterTesting
import MeterWire
import Testing

/// A period derived again from the kept journal, beside what was stored.
@Suite struct RecountTests {
    private static let start = EventWorkload.start.advanced(byMilliseconds: -86_400_000)
    private static let end = EventWorkload.start.advanced(byMilliseconds: 3 * 86_400_000)

    private func recount(
        _ engine: Engine, from start: Timestamp = RecountTests.start, tenants: Set<Name>? = nil
    ) throws -> RecountResult {
        let month = try #require(BillingMonth("2026-11"))
        let first = try #require(Minute(start))
        let last = try #require(Minute(Self.end))
        let period = try #require(
            BillingPeriod(waldur: "w", month: month, start: first, end: last))
        return try RecountRun(
            engine, period, of: tenants, book: BookState(), at: Self.end, wait: { false },
            progress: { (_, _) throws(RecountRun.Stopped) in }
        ).run()
    }

    /// Random frames and batches, with checkpoints, merges and restarts between.
    private func history(_ seed: UInt64, on disk: any Disk) throws -> KeptHistory {
        let history = try KeptHistory(seed: seed, on: disk)
        for round in 0..<8 {
            try history.run(20)
            if round == 3 { _ = try history.backfill(30) }
            if round % 2 == 0 { try history.harness.checkpoint() }
            if round % 3 == 2 {
                while try history.harness.engine.mergeNext(at: history.harness.now) != nil {}
            }
        }
        return history
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `the journal adds up to what was stored, whatever was merged and started again`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk()
        let history = try history(seed, on: disk)
        for indexed in [false, true] {
            if indexed { while try history.harness.engine.indexNext() != nil {} }
            let result = try recount(history.harness.engine)
            #expect(result.differences.isEmpty, "\(result.differences)")
            #expect(result.damage.isEmpty)
            #expect(result.comparedCount > 20)
            #expect(!result.comparedSegments.isEmpty)
        }
        let tenant = try recount(history.harness.engine, tenants: ["tenant-0"])
        #expect(tenant.differences.isEmpty && tenant.comparedCount > 5)
        // As it would be done with a copy.
        let copy = try history.harness.reopened(options: KeptHistory.options)
        #expect(try recount(copy.engine).differences.isEmpty)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `a segment with one sum off by one is found, and the row is named`(seed: UInt64) throws {
        let disk = SimulatedDisk()
        let history = try history(seed, on: disk)
        try history.harness.checkpoint()
        let planted = try #require(try PlantedDifference(in: disk))
        // Nothing that the file says of itself is wrong.
        #expect(try DataFileVerification.report(on: planted.file, disk).isSound)
        let harness = try history.harness.reopened(options: KeptHistory.options)
        let result = try recount(harness.engine)
        let usage = result.differences.filter { $0.place == .usage }
        #expect(usage.count == 1, "\(result.differences)")
        let found = try #require(usage.first)
        #expect(found.series == planted.series && found.component == planted.component)
        #expect(found.minutes?.lowerBound == planted.minute)
        #expect(found.stored.sum == found.journal.sum + 1 && found.difference == "1")
        #expect(found.stored.count == found.journal.count)
        let footers = result.differences.filter { $0.place == .footer(planted.file) }
        #expect(footers.map(\.component) == [planted.component])
        #expect(footers.first?.difference == "1")
        let other: Set<Name> = [planted.series.tenant == "tenant-0" ? "tenant-2" : "tenant-0"]
        let others = try recount(harness.engine, tenants: other)
        #expect(others.differences.allSatisfy { $0.place != .usage })
    }

    @Test func `what is not in the journal any more cannot be recounted, and the date is named`()
        throws
    {
        var options = KeptHistory.options
        options.keptJournalBytes = 8 << 10
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        for hour in 0..<60 as Range<Int64> {
            harness.now = EventWorkload.start.advanced(byMilliseconds: hour * 3_600_000)
            harness.receive(maker.frame((0..<30).map { .call(UInt64($0), minutes: hour * 60) }))
            try harness.checkpoint()
        }
        let since = try #require(try harness.engine.keptJournal.keptSince())
        let refusal = #expect(throws: RecountFailure.self) { try recount(harness.engine) }
        guard case .notKept(let error) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(error.since == since)
        let result = try recount(
            harness.engine, from: since.advanced(byMilliseconds: 3_600_000))
        #expect(result.differences.isEmpty && result.comparedCount > 0)
    }

    @Test func `damage of the journal is named beside the differences that it makes`() throws {
        let disk = SimulatedDisk()
        let history = try history(3, on: disk)
        try history.harness.checkpoint()
        let name = try #require(try disk.list().first { $0.hasPrefix("journal-") })
        disk.edit(name) { $0[1_024 + 200] ^= 1 }
        let result = try recount(history.harness.engine)
        #expect(!result.damage.isEmpty)
        #expect(result.damage.allSatisfy { $0.contains(name) })
    }

    @Test func `parts have every tenant once and fit into memory`() throws {
        let first = try #require(Minute(Self.start))
        let last = try #require(Minute(Self.end))
        let recount = Recount(start: first, end: last)
        #expect(recount.windows.count == 5)
        var overview: [UsageGroup: UsageTotal] = [:]
        for tenant in 0..<500 {
            for agent in 0..<1_200 {
                overview[
                    UsageGroup(tenant: Name("t\(tenant)"), agent: Name("a\(agent)"), component: "c")
                ] = UsageTotal(sum: 1, count: 1)
            }
        }
        let parts = recount.parts(overview).map { $0 ?? [] }
        #expect(parts.count > 1)
        #expect(parts.reduce(0) { $0 + $1.count } == 500)
        #expect(Set(parts.joined()).count == 500)
        #expect(parts.allSatisfy { $0.count * 1_200 * 4 <= 1_000_000 })
        #expect(recount.parts([:]) == [nil])
    }
}
