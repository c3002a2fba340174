import Meter
import MeterTesting
import MeterWire
import Testing

/// Rows of the same shape as the canonical data set: an agent is active in 125 of a month's 864 stretches of 50
/// minutes; in each active minute and component 1 + Poisson(8) amounts, the first component
/// counting them, the others with a sum of that many times a number in 50..<1500.
@Suite struct RollupSizeTests {
    @Test func `a rolled-up row takes at most two bytes`() throws {
        var random = Seed(1)
        var rows: [UsageRow] = []
        let agentCount = 3
        for agent in 0..<UInt32(agentCount) {
            let stretches = Array((0..<864 as Range<UInt32>).shuffled(using: &random)[..<125])
                .sorted()
            for component in 0..<4 as Range<UInt32> {
                for stretch in stretches {
                    for minute in 0..<50 as Range<UInt32> {
                        let calls = 1 + poisson8(&random)
                        let each = component == 0 ? 1 : UInt64(50 + random.below(1450))
                        rows.append(
                            UsageRow(
                                series: agent,
                                component: component,
                                minute: Minute(rawValue: 28_399_680 + stretch * 50 + minute),
                                count: calls,
                                sum: calls * each
                            )
                        )
                    }
                }
            }
        }
        let table = UsageTable(
            series: (0..<agentCount).map { SeriesName(tenant: "t", agent: Name("agent\($0)")) },
            components: ["calls", "input", "output", "reasoning"],
            rows: rows
        )
        for effort in [LZ4.Effort.fast, .high] {
            let summary = try SegmentWriter.write(
                table: table,
                span: JournalSpan(from: 0, to: 1),
                to: MemoryDisk(),
                effort: effort
            )
            let perRow = Double(summary.byteCount) / Double(rows.count)
            print("segments: \(perRow) bytes a rolled-up row, LZ4 \(effort)")
            #expect(perRow <= 2.0)
        }
    }

    private func poisson8(_ random: inout Seed) -> UInt64 {
        let limit = 3.354_626_279_025_118_4e-4  // exp(-8)
        var count: UInt64 = 0
        var product = Double.random(in: 0..<1, using: &random)
        while product > limit {
            product *= Double.random(in: 0..<1, using: &random)
            count += 1
        }
        return count
    }
}
