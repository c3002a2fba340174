import MeterTesting
import Testing

@testable import MeterWire

@Suite struct ClaimTests {
    static func claim(_ seed: inout Seed, lineCount: Int) -> Claim {
        var claim = Claim(
            number: seed.next() >> 1,
            isLast: seed.oneIn(2),
            recordedCount: 5_000,
            droppedCount: UInt64(seed.below(1_000))
        )
        for component in ["input_tokens", "output_tokens", "agent_calls"] {
            let amount = UInt128(seed.next()) << UInt128(seed.below(65))
            claim.totals.append(Claim.Total(component: Name(component), amount: amount))
        }
        for _ in 0..<lineCount {
            let earliest = Int64(seed.below(1_000_000)) - 500_000
            claim.lines.append(
                Claim.Line(
                    kind: seed.pick(Claim.LineKind.allCases),
                    tenant: Name(seed.pick(WireSamples.names)),
                    component: Name(seed.pick(["input_tokens", "é"])),
                    amount: UInt128(seed.next()),
                    earliest: earliest,
                    latest: earliest + Int64(seed.below(1_000))
                )
            )
        }
        var end: UInt64 = 0
        for _ in 0..<seed.below(10) {
            let first = end + UInt64(1 + seed.below(100))
            end = first + UInt64(1 + seed.below(100))
            claim.givenUp.append(first..<end)
        }
        return claim
    }

    static func decode(_ payload: [UInt8], sealedThrough: UInt64 = 5_000) throws -> Claim {
        try unsafe payload.withUnsafeBytes { bytes in
            try unsafe Claim.decode(payload: bytes, baseTime: 77, sealedThrough: sealedThrough)
        }
    }

    @Test(arguments: 0..<30)
    func `a claim reads back`(number: Int) throws {
        var seed = Seed(UInt64(number))
        let claim = Self.claim(&seed, lineCount: seed.below(50))
        #expect(try Self.decode(claim.payload(baseTime: 77)) == claim)
    }

    @Test func `a claim frame travels like any other`() throws {
        var seed = Seed(1)
        for suite in TagSuite.allCases {
            let protection = WireSamples.protection(suite, &seed)
            let sealer = FrameSealer(source: WireSamples.source(&seed), protection: protection)
            let claim = Self.claim(&seed, lineCount: 4)
            let frame = sealer.seal(
                kind: .claim,
                payload: claim.payload(baseTime: 77),
                eventCount: 0,
                firstSequence: 5_000,
                baseTime: 77,
                durableThrough: 40,
                using: &seed
            )
            var opener = FrameOpener()
            let decoded = try unsafe frame.withUnsafeBytes { bytes in
                let header = try unsafe FrameHeader.parse(bytes)
                let opened =
                    if let key = protection.key {
                        try unsafe opener.open(bytes, header: header, key: key)
                    } else {
                        try unsafe opener.openUnauthenticated(bytes, header: header)
                    }
                return try unsafe Claim.decode(
                    payload: opened.payload,
                    baseTime: header.baseTime,
                    sealedThrough: header.firstSequence
                )
            }
            #expect(decoded == claim)
        }
    }

    @Test func `a claim that does not fit leaves out lines and says so`() throws {
        var seed = Seed(2)
        let claim = Self.claim(&seed, lineCount: 500)
        let payload = claim.payload(baseTime: 77, byteCountMax: 1_300)
        #expect(payload.count <= 1_300 && payload.count > 1_200)
        let decoded = try Self.decode(payload)
        #expect(!decoded.linesAreComplete)
        #expect(decoded.totals == claim.totals && decoded.givenUp == claim.givenUp)
        #expect(decoded.lines == Array(claim.lines.prefix(decoded.lines.count)))
    }

    @Test func `a claim of a gigabyte in a hundred bytes is refused`() {
        let head: [UInt8] = [1, 0, 0, 0]
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x03]
        let rest = Array(repeating: UInt8(0), count: 90)
        for before in [[], [0], [0, 0], [0, 0, 0], [0, 0, 0, 0]] as [[UInt8]] {
            #expect(throws: FrameError.self) { try Self.decode(head + before + huge + rest) }
        }
    }

    @Test func `ranges given up beyond what was sealed are refused`() throws {
        var seed = Seed(3)
        var claim = Self.claim(&seed, lineCount: 0)
        claim.givenUp = [10..<5_001]
        let payload = claim.payload(baseTime: 77)
        #expect(throws: FrameError.rangeInvalid) { try Self.decode(payload) }
        #expect(try Self.decode(payload, sealedThrough: 5_001) == claim)
    }

    @Test(arguments: 0..<10)
    func `random changes of a good claim never trap`(number: Int) {
        var seed = Seed(UInt64(number))
        let payload = Self.claim(&seed, lineCount: 12).payload(baseTime: 77)
        for _ in 0..<2_000 {
            var changed = payload
            for _ in 0...seed.below(3) {
                changed[seed.below(changed.count)] = UInt8(truncatingIfNeeded: seed.next())
            }
            if seed.oneIn(4) { changed.removeLast(seed.below(changed.count)) }
            _ = try? Self.decode(changed)
        }
    }
}
