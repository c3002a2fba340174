import MeterTesting
import Testing

@testable import MeterWire

@Suite struct AcknowledgementTests {
    static func sample(_ seed: inout Seed, rangeCount: Int) -> Acknowledgement {
        func ranges() -> [Range<UInt64>] {
            var end: UInt64 = 10_000
            return (0..<rangeCount).map { _ in
                let first = end + UInt64(1 + seed.below(1_000))
                end = first + UInt64(1 + seed.below(1_000))
                return first..<end
            }
        }
        return Acknowledgement(
            source: WireSamples.source(&seed),
            durableThrough: seed.next() >> 1,
            archivedThrough: seed.oneIn(2) ? seed.next() >> 1 : nil,
            claimNumber: seed.next() >> 1,
            isQuarantined: seed.oneIn(2),
            counters: seed.oneIn(3)
                ? nil
                : Acknowledgement.Counters(
                    accepted: seed.next() >> 1,
                    behind: 3,
                    duplicate: 1 << 40,
                    unverifiedDuplicate: 0,
                    inConflict: 9,
                    refused: [
                        Acknowledgement.Refused(reason: RefusalReason.tooOld.rawValue, count: 12),
                        Acknowledgement.Refused(reason: 250, count: 1),
                    ]
                ),
            durable: ranges(),
            missing: ranges(),
            deferred: ranges()
        )
    }

    static func open(_ bytes: [UInt8], key: WireKey?) throws -> Acknowledgement {
        try unsafe bytes.withUnsafeBytes { bytes in
            try unsafe Acknowledgement.open(bytes, key: key)
        }
    }

    @Test(arguments: 0..<30)
    func `an acknowledgement reads back`(number: Int) throws {
        var seed = Seed(UInt64(number))
        let key = seed.oneIn(3) ? nil : WireSamples.key(&seed)
        let sample = Self.sample(&seed, rangeCount: seed.below(20))
        #expect(try Self.open(sample.encode(byteCountMax: 1_400, key: key), key: key) == sample)
    }

    @Test(arguments: 0..<30)
    func `an acknowledgement fits and its lists shrink fairly`(number: Int) throws {
        var seed = Seed(UInt64(number))
        let key = WireSamples.key(&seed)
        let sample = Self.sample(&seed, rangeCount: 200)
        for size in [Acknowledgement.byteCountMin, 101, 150, 300, 1_400] {
            let bytes = sample.encode(byteCountMax: size, key: key)
            #expect(bytes.count <= size)
            let opened = try Self.open(bytes, key: key)
            #expect(opened.durableThrough == sample.durableThrough)
            #expect(opened.claimNumber == sample.claimNumber)
            #expect(opened.isQuarantined == sample.isQuarantined)
            #expect(opened.archivedThrough == sample.archivedThrough)
            #expect(opened.rangesAreTruncated)
            #expect(opened.durable == Array(sample.durable.prefix(opened.durable.count)))
            #expect(opened.missing == Array(sample.missing.prefix(opened.missing.count)))
            #expect(opened.deferred == Array(sample.deferred.prefix(opened.deferred.count)))
            let counts = [opened.durable.count, opened.missing.count, opened.deferred.count]
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
            if size == 1_400 { #expect((counts.min() ?? 0) > 50) }
        }
    }

    @Test func `the smallest answer is no larger than the smallest authenticated frame`() {
        let smallestClaim = Claim(number: 1, recordedCount: 0).payload(baseTime: 0)
        #expect(64 + smallestClaim.count + 16 >= 88)
        var all = Acknowledgement(
            source: SourceID(high: 1, low: 2),
            durableThrough: UInt64(Int64.max),
            archivedThrough: UInt64(Int64.max),
            claimNumber: UInt64(Int64.max),
            counters: Acknowledgement.Counters(accepted: 1 << 62)
        )
        let key = WireKey.derived(fromMaster: [1], id: KeyID(rawValue: 1))
        #expect(
            all.encode(byteCountMax: Acknowledgement.byteCountMin, key: key).count
                <= 64 + smallestClaim.count + 16
        )
        all.archivedThrough = nil
        #expect(all.encode(byteCountMax: 76, key: nil).count <= 76)
    }

    @Test func `every changed byte is refused`() {
        var seed = Seed(5)
        for key in [nil, WireSamples.key(&seed)] {
            let bytes = Self.sample(&seed, rangeCount: 3).encode(byteCountMax: 500, key: key)
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 0x10
                #expect(throws: FrameError.self) { try Self.open(changed, key: key) }
                #expect(throws: FrameError.self) {
                    try Self.open(Array(bytes.prefix(index)), key: key)
                }
            }
        }
    }

    @Test func `a frame is never an acknowledgement under the same key`() {
        var seed = Seed(6)
        let key = WireSamples.key(&seed)
        let frame = WireSamples.frame(.signed(key), &seed).bytes
        #expect(throws: FrameError.notAFrame) { try Self.open(frame, key: key) }
    }
}
