import MeterTesting
import Testing

@testable import MeterServer

/// What a source is still to be told.
struct OwedTests {
    @Test func `deferred ranges are told ascending and apart, however they came`() {
        var owed = Owed()
        for range in [8..<10, 0..<2, 8..<10, 4..<6, 2..<4, 20..<30] as [Range<UInt64>] {
            owed.defer(range)
        }
        #expect(owed.deferred == [0..<6, 8..<10, 20..<30])
        owed.defer(5..<21)
        #expect(owed.deferred == [0..<30])
        owed.defer(7..<7)
        #expect(owed.deferred == [0..<30])
        owed.acknowledged(durable: 0)
        #expect(owed.isEmpty)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `deferred ranges are those of a naive set of numbers`(seed: UInt64) {
        var random = Seed(seed)
        var owed = Owed()
        var naive: Set<UInt64> = []
        for _ in 0..<40 {
            let first = UInt64(random.below(300))
            let range = first..<(first + UInt64(1 + random.below(6)))
            owed.defer(range)
            naive.formUnion(range)
        }
        #expect(owed.deferred.reduce(into: Set()) { $0.formUnion($1) } == naive)
        for (left, right) in zip(owed.deferred, owed.deferred.dropFirst()) {
            #expect(left.upperBound < right.lowerBound)
        }
    }

    @Test func `no more ranges are kept than fit into an answer`() {
        var owed = Owed()
        for number in 0..<1_000 as Range<UInt64> { owed.defer((number * 3)..<(number * 3 + 1)) }
        #expect(owed.deferred.count == Owed.deferredMax)
    }
}
