import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

@Suite struct EmitterStateTests {
    @Test(arguments: 0..<20)
    func `everything recorded arrives once over a bad link`(number: Int) {
        var simulation = Simulation(UInt64(number))
        for step in 0..<200 {
            simulation.record(simulation.seed.below(12))
            if simulation.seed.oneIn(40) { simulation.crashServer() }
            if simulation.seed.oneIn(60) { simulation.network.isCut.toggle() }
            simulation.tick(partial: step % 20 == 0)
        }
        simulation.network.isCut = false
        let isFinished = simulation.finish()
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        #expect(simulation.claimedTotals() == simulation.recorded)
        let statistics = simulation.state.statistics
        #expect(statistics.durable == simulation.recordedCount)
        #expect(statistics.framesResent > 0)
        #expect(statistics.outstanding == 0)
        for source in simulation.server.sources.values {
            #expect(source.claim?.isLast == true)
            #expect(source.claim?.lines.isEmpty == true)
            #expect(source.claimSealedThrough == UInt64(source.events.count))
            #expect(source.claim?.recordedCount == simulation.recordedCount)
        }
    }

    @Test(arguments: 0..<10)
    func `what is dropped and what is given up is in the last claim`(number: Int) {
        var simulation = Simulation(UInt64(100 + number), memoryByteCountMax: 6_000)
        for step in 0..<200 {
            simulation.record(simulation.seed.below(30))
            if step == 60 { simulation.network.isCut = true }
            if step == 120 { simulation.network.isCut = false }
            simulation.tick(partial: step % 20 == 0)
        }
        simulation.network.isCut = true
        simulation.record(50)
        simulation.tick(partial: true)
        simulation.state.finish()
        simulation.state.leaveOrGiveUp(now: simulation.now, wall: 1)
        simulation.network.isCut = false
        // What was on its way may still come: then it is counted, and given up in vain.
        simulation.loseWhatIsOnTheWay()
        let isFinished = simulation.finish()
        #expect(isFinished)
        #expect(simulation.recorder.droppedCount > 0)
        #expect(simulation.claimedTotals() == simulation.recorded)
        var events: UInt64 = 0
        for source in simulation.server.sources.values {
            let claim = source.claim
            #expect(claim?.isLast == true && claim?.linesAreComplete == true)
            #expect(claim?.droppedCount == simulation.recorder.droppedCount)
            events += UInt64(source.events.count) + (claim?.droppedCount ?? 0)
            for range in claim?.givenUp ?? [] {
                for sequence in range where source.events[sequence] == nil { events += 1 }
            }
        }
        #expect(events == simulation.recordedCount)
        // An acknowledgement may have been lost, so that what is given up is there nevertheless.
        let accounted = simulation.accounted()
        for (component, amount) in simulation.recorded {
            #expect(accounted[component, default: 0] >= amount)
        }
    }

    @Test func `a frame is sent again as the same bytes`() {
        var simulation = Simulation(500)
        simulation.network.isCut = true
        simulation.record(20)
        simulation.tick(partial: true)
        let first = Set(simulation.departures.filter(\.isEvents).map(\.bytes))
        for _ in 0..<3_000 { simulation.tick(partial: false) }
        let later = Set(simulation.departures.filter(\.isEvents).map(\.bytes))
        #expect(!first.isEmpty)
        #expect(later == first)
        #expect(simulation.state.statistics.framesResent > 3)
    }

    @Test func `no more is on the way than the window lets`() {
        var simulation = Simulation(501)
        simulation.network.isCut = true
        simulation.record(2_000)
        simulation.tick(partial: true)
        #expect(simulation.eventBytesSent(0..<100) <= 8_000)
        #expect(simulation.state.outstandingByteCount > 8_000)
    }

    @Test func `a quarantined source is sent to its end while a new one takes what follows`() {
        var simulation = Simulation(502)
        simulation.record(50)
        for _ in 0..<20 { simulation.tick(partial: true) }
        let old = simulation.state.source
        simulation.server.sources[old]?.isQuarantined = true
        for _ in 0..<400 {
            simulation.record()
            simulation.tick(partial: true)
        }
        #expect(simulation.state.source != old)
        let isFinished = simulation.finish(ticks: 5_000)
        #expect(isFinished)
        #expect(simulation.server.sources.count == 2)
        #expect(simulation.server.totals() == simulation.recorded)
        #expect(simulation.server.sources.values.allSatisfy { $0.claim?.isLast == true })
        #expect(simulation.state.statistics.sourceCount == 2)
    }

    @Test func `a forged or foreign acknowledgement changes nothing`() {
        var simulation = Simulation(503)
        simulation.network.isCut = true
        simulation.record(20)
        simulation.tick(partial: true)
        let before = simulation.state.statistics
        let forged = Acknowledgement(source: simulation.state.source, durableThrough: 20)
        let other = WireKey.derived(fromMaster: [1], id: KeyID(rawValue: 3))
        simulation.state.receive(forged.encode(byteCountMax: 400, key: other), now: 1)
        let foreign = Acknowledgement(source: SourceID(high: 1, low: 1), durableThrough: 20)
        simulation.state.receive(
            foreign.encode(byteCountMax: 400, key: simulation.key),
            now: 1
        )
        let after = simulation.state.statistics
        #expect(after.durable == before.durable && after.outstanding == 20)
        #expect(after.invalidAcknowledgements == 1)
    }

    @Test func `a stream that is opened again carries everything that is not durable, in order`()
        throws
    {
        let parameters = EmitterParameters(
            way: .stream,
            protection: .none,
            frameByteCount: 500,
            datagramWindowByteCount: 8_000,
            streamWindowByteCount: 100_000,
            claimEveryMilliseconds: 60_000,
            resendAfterMilliseconds: 5_000
        )
        var state = EmitterState(parameters: parameters, generator: Seed(1), now: 0)
        var recorder = Recorder(
            payloadByteCount: parameters.payloadByteCount,
            byteCountMax: 1 << 20
        )
        for number in 0..<200 {
            _ = recorder.record(
                UsageEvent(
                    time: Timestamp(milliseconds: Int64(number)),
                    tenant: "t",
                    agent: "a\(number)",
                    amounts: [ComponentAmount("agent_calls", 1)]
                )
            )
        }
        state.seal(recorder.take(partial: true, outstandingByteCount: 0), now: 0, wall: 0)
        let first = state.poll(now: 1, wall: 1).frames
        #expect(first.count > 3)
        #expect(state.poll(now: 2, wall: 2).frames.isEmpty)
        state.streamOpened(now: 2)
        var again: [[UInt8]] = []
        for now in Int64(3)..<100 {
            again += state.poll(now: now, wall: now).frames
            guard let newest = again.last else { break }
            let header = try unsafe newest.withUnsafeBytes { try unsafe FrameHeader.parse($0) }
            let answer = Acknowledgement(
                source: state.source,
                durableThrough: header.sequences.upperBound
            )
            state.receive(answer.encode(byteCountMax: 400, key: nil), over: .stream, now: now)
        }
        #expect(again == first)
        #expect(state.statistics.framesResent == UInt64(first.count))
        #expect(state.statistics.durable == 200)
    }
}
