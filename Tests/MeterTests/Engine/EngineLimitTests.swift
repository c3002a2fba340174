import Meter
import MeterTesting
import MeterWire
import Testing

/// Every limit holds something back or refuses it by name; nothing is lost and nothing known is refused.
@Suite struct EngineLimitTests {
    @Test func `beyond 1,024 open ranges frames are deferred, and none is lost`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        #expect(harness.engine.options.openRangeMax == 1_024)
        var maker = FrameMaker(source: 1)
        var holes: [[UInt8]] = []
        var beyond: [[UInt8]] = []
        for number in 0..<1_030 {
            holes.append(maker.frame([.call()]))
            let frame = maker.frame([.call(2)])
            if number < 1_024 {
                #expect(harness.receive(frame, by: .udp).disposition == .new)
            } else {
                #expect(harness.receive(frame, by: .udp).disposition == .deferred(.openRanges))
                beyond.append(frame)
            }
        }
        let summary = try #require(harness.source(of: maker))
        #expect(summary.received.count == 1_024)
        #expect(harness.counts.deferred == 6)
        // The next number after a range opens none.
        _ = try harness.engine.commit()
        for frame in beyond {
            #expect(harness.receive(frame).disposition == .deferred(.openRanges))
        }
        #expect(harness.receive(holes[500]).disposition == .new)
        #expect(harness.receive(beyond[0]).disposition == .new)
        #expect(harness.receive(beyond[1]).disposition == .deferred(.openRanges))
        for frame in holes + beyond { harness.receive(frame) }
        #expect(try harness.totals().sum == 1_030 * 3)
        #expect(harness.source(of: maker)?.watermark == 2_060)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `what is deferred is told as deferred and not as missing`() throws {
        var options = EngineHarness.options
        options.openRangeMax = 1
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        maker.skip(2)
        harness.receive(maker.frame([.call()]))
        maker.skip(2)
        let outcome = harness.receive(maker.frame([.call()]))
        #expect(outcome.disposition == .deferred(.openRanges))
        #expect(outcome.sequences == 5..<6)
        let source = try #require(outcome.source)
        _ = try harness.engine.commit()
        let bytes = try #require(
            harness.engine.acknowledgement(
                for: source,
                byteCountMax: 1_400,
                deferred: [outcome.sequences]
            )
        )
        let told = try unsafe bytes.withUnsafeBytes {
            try unsafe Acknowledgement.open($0, key: EngineHarness.key)
        }
        #expect(told.deferred == [5..<6])
        #expect(told.missing == [0..<2])
        #expect(told.durable == [2..<3])
        #expect(told.durableThrough == 0)
    }

    @Test func `at the limit of live keys everything is deferred until a checkpoint`() throws {
        var options = EngineHarness.options
        options.liveKeyMax = 50
        options.checkpointKeyCount = 30
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
        var naive = NaiveMeter()
        var deferredCount = 0
        for round in 0..<60 {
            let events = (0..<4).map { UsageEvent.call(agent: "agent-\(round)-\($0)") }
            let frame = makers[round % 3].frame(events)
            var disposition = harness.receive(frame).disposition
            if disposition == .deferred(.liveKeys) {
                deferredCount += 1
                #expect(harness.engine.checkpointNeeded)
                let batch = IngestBatch([(UInt64(round), .call(of: "http"))])
                #expect(harness.receive(batch).deferral == .liveKeys)
                // The counters that are being written still take room.
                let begun = try #require(harness.engine.beginCheckpoint())
                #expect(harness.receive(frame).disposition == .deferred(.liveKeys))
                _ = try harness.engine.commit()
                let summary = try harness.engine.finishCheckpoint(begun)
                #expect(summary.segment.rowCount <= 54)
                #expect(!harness.engine.checkpointNeeded)
                #expect(harness.receive(batch).items == [.accepted])
                naive.count([.call(of: "http")])
                disposition = harness.receive(frame).disposition
            }
            #expect(disposition == .new)
            naive.count(events)
        }
        #expect(deferredCount >= 3)
        #expect(try harness.totals() == naive)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `rows that left 64 bits count as keys, so that nobody fills the memory with them`()
        throws
    {
        var options = EngineHarness.options
        options.liveKeyMax = 50
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var taken = 0
        while taken < 200 {
            let frame = maker.frame((0..<8).map { _ in .call(UInt64(Int64.max)) })
            if harness.receive(frame).disposition == .deferred(.liveKeys) { break }
            taken += 1
        }
        #expect(taken < 20)
        #expect(try harness.totals().sum == UInt128(Int64.max) * 8 * UInt128(taken))
    }

    @Test func `a full journal buffer defers until the commit`() throws {
        var options = EngineHarness.options
        options.journal.bufferBytesMax = 1 << 10
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var naive = NaiveMeter()
        var deferredCount = 0
        for round in 0..<30 {
            let events = [UsageEvent.call(UInt64(round))]
            let frame = maker.frame(events)
            if harness.receive(frame).disposition == .deferred(.journal) {
                deferredCount += 1
                _ = try harness.engine.commit()
                #expect(harness.receive(frame).disposition == .new)
            }
            naive.count(events)
        }
        #expect(deferredCount > 2)
        #expect(try harness.totals() == naive)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `beyond a principal's sources new ones are deferred and known ones go on`() throws {
        var options = EngineHarness.options
        options.shardCount = 1
        options.limits.principal[.sources] = 3
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var makers = (0..<10).map { FrameMaker(source: UInt64($0)) }
        var taken: [Int] = []
        for index in makers.indices {
            if harness.receive(makers[index].frame([.call()])).disposition == .new {
                taken.append(index)
            }
        }
        #expect((3...4).contains(taken.count))
        let outsider = harness.receive(
            makers[9].claim(Claim(number: 1, recordedCount: 1), at: harness.now)
        )
        #expect(outsider.disposition == .deferred(.sources))
        // It is told that nothing of it is here, and no state is kept for it.
        #expect(harness.acknowledgement(for: outsider)?.durableThrough == 0)
        #expect(harness.engine.sources().count == taken.count)
        for index in taken {
            #expect(harness.receive(makers[index].frame([.call()])).disposition == .new)
        }
    }

    @Test func `a checkpoint splits what it keeps of sources by bytes, not by sources`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        // A piece of a file has a limit, and claims of a frame's size would reach it with 64 sources.
        let names = (0..<3_900).map { number in
            Name(
                bytes: Array("\(1_000 + number)".utf8)
                    + Array(repeating: UInt8(ascii: "x"), count: 251)
            )
        }
        let claim = Claim(
            number: 1,
            recordedCount: 0,
            totals: names.map { Claim.Total(component: $0, amount: 1) }
        )
        let payload = claim.payload(baseTime: 0)
        #expect(payload.count < WireLimits.frameByteCountMax - 100)
        var random = Seed(1)
        let count = 4
        for number in 0..<count {
            let frame = FrameSealer(
                source: SourceID(high: 1, low: UInt64(number)),
                protection: .signed(EngineHarness.key)
            ).seal(
                kind: .claim,
                payload: payload,
                eventCount: 0,
                firstSequence: 0,
                baseTime: 0,
                durableThrough: 0,
                using: &random
            )
            if harness.receive(frame).disposition == .deferred(.journal) {
                _ = try harness.engine.commit()
                #expect(harness.receive(frame).disposition == .new)
            }
        }
        let position = try #require(try harness.checkpoint()).position
        let name = DataFileName.sealed(.dedup, JournalSpan(from: 0, to: position)).text
        let file = try SealedFile.open(name, on: harness.disk)
        for index in 0..<file.pieceCount { #expect(try file.piece(index).count <= 2 << 20) }
        let after = try harness.reopened()
        #expect(after.recovery.sourceCount == count)
        #expect(after.recovery.recordCount == 0)
    }
}
