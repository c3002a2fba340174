import Meter
import MeterTesting
import MeterWire
import Testing

/// Bytes that somebody made to break the server: refused by name, and nothing else suffers.
@Suite struct EngineHostileTests {
    private static let other = WireKey.derived(
        fromMaster: Array(repeating: 66, count: 32),
        id: KeyID(rawValue: 0xBAD)
    )

    /// A frame with any payload under a right tag.
    private static func sealed(
        _ payload: [UInt8],
        source: UInt64 = 1,
        eventCount: Int = 1,
        firstSequence: UInt64 = 0,
        baseTime: Int64 = EventWorkload.start.milliseconds,
        kind: FrameKind = .events
    ) -> [UInt8] {
        var random = Seed(source)
        return FrameSealer(
            source: SourceID(high: 0x5EED, low: source),
            protection: .signed(EngineHarness.key)
        ).seal(
            kind: kind,
            payload: payload,
            eventCount: eventCount,
            firstSequence: firstSequence,
            baseTime: baseTime,
            durableThrough: 0,
            using: &random
        )
    }

    private func ignored(_ outcome: FrameOutcome) -> Bool {
        guard case .ignored = outcome.disposition else { return false }
        return outcome.source == nil && outcome.position == 0
    }

    @Test func `what is not authentic changes nothing and is not answered`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var workload = EventWorkload(seed: 21)
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame(workload.events(5)))
        let before = try harness.engine.canonicalDump()
        let appended = harness.engine.appended
        for protection in [
            WireProtection.signed(EngineHarness.key), .encrypted(EngineHarness.key),
        ] {
            var victim = FrameMaker(source: 9, protection: protection)
            let frame = victim.frame(workload.events(3))
            for count in 0..<frame.count {
                #expect(ignored(harness.receive(Array(frame[..<count]))), "\(count) bytes")
            }
            #expect(ignored(harness.receive(frame + [0])))
            for bit in 0..<(frame.count * 8) {
                var flipped = frame
                flipped[bit / 8] ^= 1 << (bit % 8)
                #expect(ignored(harness.receive(flipped)), "bit \(bit)")
            }
            for version in 0...255 where version != 1 {
                var other = frame
                other[2] = UInt8(version)
                #expect(
                    harness.receive(other).disposition
                        == .ignored(.unknownVersion(UInt8(version)))
                )
            }
        }
        var wrong = FrameMaker(source: 1, protection: .signed(EngineHostileTests.other))
        #expect(
            harness.receive(wrong.frame(workload.events(1))).disposition
                == .ignored(.otherKey(EngineHostileTests.other.id))
        )
        var open = FrameMaker(source: 1, protection: .none)
        #expect(
            harness.receive(open.frame(workload.events(1))).disposition
                == .ignored(.suiteNotAllowed(.crc32c))
        )
        var maximal = FrameMaker(source: 1)
        var huge = maximal.frame([.call()])
        huge.replaceSubrange(44..<48, with: [0x40, 0, 0, 0])
        guard case .ignored(.frameTooLarge) = harness.receive(Array(huge.prefix(100))).disposition
        else {
            Issue.record("1 GiB in 100 bytes")
            return
        }
        #expect(harness.engine.appended == appended)
        #expect(try harness.engine.canonicalDump() == before)
        #expect(harness.counts.events == 5)
    }

    @Test func `an authentic frame that nobody can read is refused as malformed, for good`() throws
    {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var billion: [UInt8] = []
        billion.appendVarint(1_000_000_000)
        var badName = PayloadEncoder(byteCountMax: 1_000)
        _ = badName.append(.call(of: "ABCD"))
        let text = badName.payload()
        let place = try #require(text.firstIndex(of: UInt8(ascii: "A")))
        var notUTF8 = text
        notUTF8[place] = 0xFF
        var control = text
        control[place] = 0x07
        let payloads: [[UInt8]] = [
            [], [0], billion, billion + Array(repeating: 1, count: 90), notUTF8, control,
            Array(text.dropLast()), text + [0], Array(repeating: 0xFF, count: 100),
        ]
        var good = FrameMaker(source: 100)
        for (index, payload) in payloads.enumerated() {
            let frame = EngineHostileTests.sealed(payload, source: UInt64(index), eventCount: 3)
            let outcome = harness.receive(frame)
            #expect(outcome.disposition == .new, "payload \(index)")
            #expect(harness.receive(frame).disposition == .duplicate)
            #expect(harness.receive(good.frame([.call()])).disposition == .new)
            _ = try harness.engine.commit()
            let told = try #require(harness.acknowledgement(for: outcome))
            #expect(told.durableThrough == 3)
            #expect(told.counters?.accepted == 0)
            #expect(
                told.counters?.refused == [
                    .init(reason: RefusalReason.malformed.rawValue, count: 3)
                ]
            )
            // The source goes on after it.
            let next = EngineHostileTests.sealed(
                text,
                source: UInt64(index),
                firstSequence: 3
            )
            #expect(harness.receive(next).disposition == .new)
        }
        #expect(
            try harness.totals()
                == NaiveMeter(payloads.flatMap { _ in [UsageEvent.call(), .call(of: "ABCD")] })
        )
        #expect(harness.counts.refused == UInt64(payloads.count * 3))
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
        let dump = try harness.engine.canonicalDump()
        let after = try harness.reopened()
        #expect(after.recovery.damage.isEmpty)
        #expect(try after.engine.canonicalDump() == dump)
    }

    @Test func `claims that nobody can read are ignored by name`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        let claim = Claim(
            number: 1,
            recordedCount: 5,
            lines: [
                Claim.Line(
                    kind: .pending,
                    tenant: "acme",
                    component: "agent_calls",
                    amount: 1,
                    earliest: 5,
                    latest: 9
                )
            ],
            givenUp: [2..<4]
        )
        let payload = claim.payload(baseTime: 0)
        for count in 0..<payload.count {
            let frame = EngineHostileTests.sealed(
                Array(payload[..<count]),
                eventCount: 0,
                firstSequence: 5,
                kind: .claim
            )
            #expect(ignored(harness.receive(frame)))
        }
        // Gives up what was never sealed.
        let beyond = EngineHostileTests.sealed(
            payload,
            eventCount: 0,
            firstSequence: 3,
            baseTime: 0,
            kind: .claim
        )
        #expect(harness.receive(beyond).disposition == .ignored(.rangeInvalid))
        #expect(harness.engine.sources().isEmpty)
        #expect(harness.engine.appended == harness.engine.durable)
    }

    @Test func `times beyond the horizons are refused, also the furthest ones`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        let now = harness.now.milliseconds
        let day: Int64 = 86_400_000
        let cases: [(Int64, RefusalReason?)] = [
            (now, nil), (now + 300_000, nil), (now + 300_001, .inFuture),
            (now - 62 * day, nil), (now - 62 * day - 1, .tooOld), (0, .tooOld), (-1, .tooOld),
            (-(1 << 61), .tooOld), (1 << 61, .inFuture),
        ]
        var accepted: UInt64 = 0
        for (index, (time, reason)) in cases.enumerated() {
            var maker = FrameMaker(source: UInt64(index))
            var event = UsageEvent.call()
            event.time = Timestamp(milliseconds: time)
            #expect(harness.receive(maker.frame([event])).disposition == .new)
            if reason == nil { accepted += 1 }
            let refused = harness.source(of: maker)?.counts.refused ?? [:]
            #expect(refused == (reason.map { [$0: 1] } ?? [:]), "\(time)")
        }
        #expect(try harness.totals().sum == UInt128(accepted))
        try harness.checkpoint()
        #expect(try harness.reopened().totals().sum == UInt128(accepted))
    }

    @Test func `sums beyond 64 bits are exact, in memory, in segments and after merges`() throws {
        var options = EngineHarness.options
        options.mergeCountMin = 2
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var makers = [FrameMaker(source: 1), FrameMaker(source: 2)]
        var events: [UsageEvent] = []
        for round in 0..<6 {
            let new = (0..<5).map { UsageEvent.call(UInt64(Int64.max) - UInt64($0)) }
            events += new
            harness.receive(makers[round % 2].frame(new))
            #expect(try harness.totals() == NaiveMeter(events))
            if round % 2 == 1 {
                try harness.checkpoint()
                #expect(try harness.totals() == NaiveMeter(events))
            }
        }
        #expect(try harness.totals().sum > UInt128(UInt64.max))
        #expect(try harness.engine.mergeNext(at: harness.now) != nil)
        while try harness.engine.mergeNext(at: harness.now) != nil {}
        #expect(try harness.totals() == NaiveMeter(events))
        #expect(try harness.reopened(options: options).totals() == NaiveMeter(events))
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `random payloads under a right tag harm nobody`(seed: UInt64) throws {
        var random = Seed(seed)
        var workload = EventWorkload(seed: seed)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var good = FrameMaker(source: 1)
        var naive = NaiveMeter()
        for round in 0..<400 {
            var encoder = PayloadEncoder(byteCountMax: 10_000)
            for event in workload.events(3) { _ = encoder.append(event) }
            var payload = encoder.payload()
            for _ in 0..<(1 + random.below(3)) {
                payload[random.below(payload.count)] = UInt8(random.below(256))
            }
            // Of a principal of its own would do; a tenant of its own keeps the totals apart.
            harness.receive(
                EngineHostileTests.sealed(payload, source: UInt64(2 + round), eventCount: 3)
            )
            if round % 20 == 0 {
                let events = [UsageEvent.call(of: "good", UInt64(round))]
                naive.count(events)
                #expect(harness.receive(good.frame(events)).disposition == .new)
            }
        }
        var totals = try harness.totals()
        totals.totals = totals.totals.filter { $0.key.tenant == "good" }
        #expect(totals == naive)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
        let dump = try harness.engine.canonicalDump()
        #expect(try harness.reopened().engine.canonicalDump() == dump)
    }
}
