import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// An emitter's state machine, a link that loses, repeats and reorders, and a model server.
private struct Simulation: ~Copyable {
    var seed: Seed
    let key: WireKey?
    var server: ModelServer
    var recorder: Recorder
    var state: EmitterState
    let parameters: EmitterParameters
    var now: Int64 = 0
    var toServer: [(at: Int64, bytes: [UInt8])] = []
    var toEmitter: [(at: Int64, bytes: [UInt8])] = []
    var recorded: [String: UInt128] = [:]
    var recordedCount: UInt64 = 0
    var lossOneIn = 5
    var isCut = false
    var sentBytes: Set<[UInt8]> = []

    init(_ number: UInt64, memoryByteCountMax: Int = 1 << 20) {
        seed = Seed(number)
        let key = WireKey.derived(fromMaster: [9], id: KeyID(rawValue: 3))
        let protection: WireProtection =
            seed.oneIn(3) ? .none : seed.oneIn(2) ? .signed(key) : .encrypted(key)
        self.key = protection.key
        server = ModelServer(key: protection.key)
        parameters = EmitterParameters(
            transport: .datagrams,
            protection: protection,
            frameByteCount: 500,
            windowByteCount: 8_000,
            claimEveryMilliseconds: 1_000,
            resendAfterMilliseconds: 100
        )
        recorder = Recorder(
            payloadByteCount: parameters.payloadByteCount,
            byteCountMax: memoryByteCountMax
        )
        state = EmitterState(
            parameters: parameters,
            generator: Seed(number &* 77),
            now: 0
        )
    }

    mutating func record() {
        let components = ["input_tokens", "output_tokens", "agent_calls"]
        let count = 1 + seed.below(3)
        let event = UsageEvent(
            time: Timestamp(milliseconds: 1_000_000 + now),
            tenant: "t\(seed.below(3))",
            agent: "agent-\(seed.below(10))",
            amounts: (0..<count).map {
                ComponentAmount(components[$0], UInt64(seed.below(100_000)))
            }
        )
        for amount in event.amounts {
            recorded[amount.component, default: 0] += UInt128(amount.amount)
        }
        recordedCount += 1
        _ = recorder.record(event)
    }

    mutating func tick(partial: Bool) {
        now += 10
        if let dropped = recorder.takeDropped() { state.add(dropped) }
        let payloads = recorder.take(
            partial: partial,
            outstandingByteCount: state.outstandingByteCount
        )
        state.seal(payloads, now: now)
        recorder.giveBack(payloads)
        for frame in state.poll(now: now, wall: 1_000_000 + now).frames {
            sentBytes.insert(frame)
            carry(frame, toServer: true)
        }
        deliver()
        if seed.oneIn(3) { server.sync() }
    }

    private mutating func carry(_ bytes: [UInt8], toServer: Bool) {
        if isCut || (lossOneIn > 0 && seed.oneIn(lossOneIn)) { return }
        let copies = seed.oneIn(6) ? 2 : 1
        for _ in 0..<copies {
            let at = now + Int64(seed.below(60))
            if toServer { self.toServer.append((at, bytes)) } else { toEmitter.append((at, bytes)) }
        }
    }

    private mutating func deliver() {
        let arriving = toServer.filter { $0.at <= now }
        toServer.removeAll { $0.at <= now }
        var touched: Set<SourceID> = []
        for (_, bytes) in arriving {
            let defers = lossOneIn > 0 && seed.oneIn(8)
            if let id = server.receive(bytes, defers: defers) { touched.insert(id) }
        }
        for id in touched.sorted() {
            carry(server.acknowledgement(id, byteCountMax: 400), toServer: false)
        }
        let answers = toEmitter.filter { $0.at <= now }
        toEmitter.removeAll { $0.at <= now }
        for (_, bytes) in answers { state.receive(bytes, now: now) }
    }

    /// What the server holds, and what the claims say that it never will.
    func accounted() -> [String: UInt128] {
        var totals = server.totals()
        for source in server.sources.values {
            for line in source.claim?.lines ?? [] where line.kind != .pending {
                totals[line.component.description, default: 0] += line.amount
            }
        }
        return totals
    }

    func claimedTotals() -> [String: UInt128] {
        var totals: [String: UInt128] = [:]
        for source in server.sources.values {
            for total in source.claim?.totals ?? [] {
                totals[total.component.description, default: 0] += total.amount
            }
        }
        return totals
    }
}

@Suite struct EmitterStateTests {
    @Test(arguments: 0..<20)
    func `everything recorded arrives once over a bad link`(number: Int) {
        var simulation = Simulation(UInt64(number))
        for step in 0..<200 {
            for _ in 0..<simulation.seed.below(12) { simulation.record() }
            if simulation.seed.oneIn(40) { simulation.server.crash() }
            if simulation.seed.oneIn(60) { simulation.isCut.toggle() }
            simulation.tick(partial: step % 20 == 0)
        }
        simulation.isCut = false
        simulation.state.finish()
        var steps = 0
        while !simulation.state.isFinished, steps < 4_000 {
            simulation.tick(partial: true)
            steps += 1
        }
        let isFinished = simulation.state.isFinished
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
            for _ in 0..<simulation.seed.below(30) { simulation.record() }
            if step == 60 { simulation.isCut = true }
            if step == 120 { simulation.isCut = false }
            simulation.tick(partial: step % 20 == 0)
        }
        simulation.isCut = true
        for _ in 0..<50 { simulation.record() }
        simulation.tick(partial: true)
        simulation.state.finish()
        simulation.state.giveUp()
        simulation.isCut = false
        // What was on its way may still come: then it is counted, and given up in vain.
        simulation.toServer.removeAll()
        var steps = 0
        while !simulation.state.isFinished, steps < 4_000 {
            simulation.tick(partial: true)
            steps += 1
        }
        let isFinished = simulation.state.isFinished
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
        simulation.isCut = true
        for _ in 0..<20 { simulation.record() }
        simulation.tick(partial: true)
        let first = simulation.sentBytes.filter { $0[4] == FrameKind.events.rawValue }
        for _ in 0..<300 { simulation.tick(partial: false) }
        let later = simulation.sentBytes.filter { $0[4] == FrameKind.events.rawValue }
        #expect(!first.isEmpty)
        #expect(later == first)
        #expect(simulation.state.statistics.framesResent > 3)
    }

    @Test func `no more is on the way than the window lets`() {
        var simulation = Simulation(501)
        simulation.isCut = true
        for _ in 0..<2_000 { simulation.record() }
        simulation.tick(partial: true)
        let sent = simulation.sentBytes.filter { $0[4] == FrameKind.events.rawValue }
        #expect(sent.map(\.count).reduce(0, +) <= 8_000)
        #expect(simulation.state.outstandingByteCount > 8_000)
    }

    @Test func `a quarantined source is sent to its end while a new one takes what follows`() {
        var simulation = Simulation(502)
        for _ in 0..<50 { simulation.record() }
        for _ in 0..<20 { simulation.tick(partial: true) }
        let old = simulation.state.source
        simulation.server.sources[old]?.isQuarantined = true
        for _ in 0..<400 {
            simulation.record()
            simulation.tick(partial: true)
        }
        #expect(simulation.state.source != old)
        simulation.state.finish()
        for _ in 0..<5_000 where !simulation.state.isFinished { simulation.tick(partial: true) }
        let isFinished = simulation.state.isFinished
        #expect(isFinished)
        #expect(simulation.server.sources.count == 2)
        #expect(simulation.server.totals() == simulation.recorded)
        #expect(simulation.server.sources.values.allSatisfy { $0.claim?.isLast == true })
        #expect(simulation.state.statistics.sourceCount == 2)
    }

    @Test func `a forged or foreign acknowledgement changes nothing`() {
        var simulation = Simulation(503)
        simulation.isCut = true
        for _ in 0..<20 { simulation.record() }
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

    @Test func `a stream that is opened again carries everything that is not durable, in order`() {
        let parameters = EmitterParameters(
            transport: .stream,
            protection: .none,
            frameByteCount: 500,
            windowByteCount: 100_000,
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
        state.seal(recorder.take(partial: true, outstandingByteCount: 0), now: 0)
        let first = state.poll(now: 1, wall: 1).frames
        #expect(first.count > 3)
        #expect(state.poll(now: 2, wall: 2).frames.isEmpty)
        state.connectionOpened()
        #expect(state.poll(now: 3, wall: 3).frames == first)
        #expect(state.statistics.framesResent == UInt64(first.count))
    }
}
