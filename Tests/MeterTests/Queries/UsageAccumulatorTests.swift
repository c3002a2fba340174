import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct UsageAccumulatorTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `rows in any order from several dictionaries are grouped as the naive model does`(
        seed: UInt64
    ) {
        var random = Seed(seed)
        var tables = (0..<1 + random.below(4)).map { _ in Workload.table(&random) }
        let query = NaiveAccumulator.query(&random, about: random.pick(tables))
        var accumulator = UsageAccumulator(query)
        var naive = NaiveAccumulator(query)
        for index in tables.indices {
            naive.add(tables[index])
            let areSorted = random.oneIn(2)
            let groups = accumulator.register(
                series: tables[index].series,
                components: tables[index].components,
                areSorted: areSorted
            )
            tables[index].rows.shuffle(using: &random)
            unsafe tables[index].rows.withUnsafeBufferPointer {
                unsafe accumulator.add($0, of: groups)
            }
        }
        #expect(accumulator.finish() == naive.totals)
    }

    @Test func `a sum beyond 64 bits is exact`() {
        let rows = (0..<5).map { index in
            UsageRow(
                series: 0,
                component: 0,
                minute: Minute(rawValue: index),
                count: 1,
                sum: .max
            )
        }
        var accumulator = UsageAccumulator(
            UsageQuery(windows: [Minute(rawValue: 0), Minute(rawValue: 10)], grouping: [])
        )
        let groups = accumulator.register(
            series: [SeriesName(tenant: "t", agent: "a")],
            components: ["x"]
        )
        unsafe rows.withUnsafeBufferPointer { unsafe accumulator.add($0, of: groups) }
        #expect(
            accumulator.finish()
                == [UsageGroup(): UsageTotal(sum: 5 * UInt128(UInt64.max), count: 5)]
        )
    }

    @Test func `a query without a window matches nothing`() {
        var accumulator = UsageAccumulator(
            UsageQuery(windows: [Minute(rawValue: 0)], grouping: [])
        )
        let groups = accumulator.register(
            series: [SeriesName(tenant: "t", agent: "a")],
            components: ["x"]
        )
        let row = UsageRow(series: 0, component: 0, minute: Minute(rawValue: 0), count: 1, sum: 1)
        unsafe [row].withUnsafeBufferPointer { unsafe accumulator.add($0, of: groups) }
        #expect(accumulator.finish().isEmpty)
    }
}
