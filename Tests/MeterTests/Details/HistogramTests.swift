import Meter
import MeterTesting
import Testing

@Suite struct HistogramTests {
    /// The nearest rank, of sorted values.
    private func exact(_ values: [UInt64], perMille: Int) -> UInt64 {
        let rank = (values.count * perMille + 999) / 1_000
        return values[max(rank, 1) - 1]
    }

    private func isWithinError(_ found: UInt64, of exact: UInt64) -> Bool {
        let difference = found > exact ? found - exact : exact - found
        return Double(difference) <= Double(exact) * Histogram.relativeErrorMax
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `every quantile is within a 64th of the exact one`(seed: UInt64) {
        var random = Seed(seed)
        var histogram = Histogram()
        // Magnitudes as much as values: small ones, huge ones, a narrow band, one value many times.
        let bits = UInt64(1 + random.below(36))
        let base = random.oneIn(2) ? 0 : random.next() >> 30
        let values = (0..<1 + random.below(3_000)).map { _ -> UInt64 in
            random.oneIn(9) ? base : base % 1_000 + random.next() >> (64 - bits)
        }.map { min($0, Histogram.valueMax) }.sorted()
        for value in values.shuffled(using: &random) { histogram.add(value) }
        #expect(histogram.count == UInt64(values.count))
        for perMille in 1...1_000 {
            let found = histogram.quantile(perMille: perMille) ?? .max
            let exact = exact(values, perMille: perMille)
            #expect(isWithinError(found, of: exact), "\(perMille): \(found) for \(exact)")
        }
    }

    @Test
    func `values below 64 are exact, and each bucket's middle is within the error of its ends`() {
        for value in 0..<64 as Range<UInt64> {
            var histogram = Histogram()
            histogram.add(value)
            #expect(histogram.quantile(perMille: 500) == value)
        }
        var next: UInt64 = 0
        for bucket in 0..<1_024 {
            let range = Histogram.range(of: bucket)
            #expect(range.lowerBound == next, "buckets leave no gap")
            next = range.upperBound + 1
            var histogram = Histogram()
            histogram.add(range.upperBound)
            histogram.add(range.lowerBound)
            let middle = histogram.quantile(perMille: 1_000) ?? 0
            #expect(histogram.quantile(perMille: 1) == middle, "one bucket has both ends")
            #expect(isWithinError(middle, of: range.lowerBound))
            #expect(isWithinError(middle, of: range.upperBound))
        }
        #expect(next == Histogram.valueMax + 1)
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `histograms of parts add up to the histogram of all, in any order`(seed: UInt64) {
        var random = Seed(seed)
        var whole = Histogram()
        var parts = (0..<5).map { _ in Histogram() }
        for _ in 0..<random.below(2_000) {
            let value = random.next() >> UInt64(random.below(64))
            whole.add(value)
            parts[random.below(5)].add(value)
        }
        var sum = Histogram()
        for part in parts.shuffled(using: &random) { sum += part }
        #expect(sum == whole)
        if whole.count > 0 {
            var more = sum
            more.add(1)
            #expect(more != whole)
        }
    }

    @Test func `without values there is no quantile, and beyond the largest all are one`() {
        var histogram = Histogram()
        #expect(histogram.quantile(perMille: 500) == nil)
        histogram.add(.max)
        histogram.add(Histogram.valueMax)
        #expect(histogram.quantile(perMille: 1) == histogram.quantile(perMille: 1_000))
    }
}
