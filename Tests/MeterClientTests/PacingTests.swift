import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// How much is sent, and when.
@Suite struct PacingTests {
    /// No chance of the network's own.
    private func simulation(_ number: UInt64) -> Simulation {
        var simulation = Simulation(number)
        simulation.network.lossOneIn = 0
        simulation.defersOneIn = 0
        return simulation
    }

    @Test(arguments: UInt64(0)..<5)
    func `a server that is away is sent a trickle`(number: UInt64) {
        var simulation = simulation(number)
        simulation.network.isCut = true
        simulation.record(3_000)
        for _ in 0..<6_000 { simulation.tick(partial: true) }
        #expect(simulation.state.outstandingByteCount > 30_000)
        // Two frames after 0.1, 0.2, 0.4 … s, then every 8 s or nearly so.
        let bytes = simulation.eventBytesSent(10_000..<60_000)
        #expect(bytes > 0)
        #expect(bytes <= 2 * 500 * 12)
    }

    @Test(arguments: UInt64(0)..<5)
    func `a server that comes back is not flooded, and then served quickly`(number: UInt64) {
        var simulation = simulation(number)
        simulation.record(300)
        for _ in 0..<30 { simulation.tick(partial: true) }
        simulation.network.isCut = true
        simulation.record(4_000)
        for _ in 0..<2_000 { simulation.tick(partial: true) }
        simulation.network.isCut = false
        let back = simulation.now
        var answeredAt: Int64?
        for _ in 0..<2_000 where simulation.state.outstandingByteCount > 0 {
            let before = simulation.state.statistics.durable
            simulation.tick(partial: true)
            if answeredAt == nil, simulation.state.statistics.durable > before {
                answeredAt = simulation.now
            }
        }
        let outstanding = simulation.state.outstandingByteCount
        #expect(outstanding == 0)
        guard let answeredAt else {
            Issue.record("the server answered nothing")
            return
        }
        #expect(simulation.eventBytesSent(back..<answeredAt) <= 4 * 500)
        #expect(simulation.eventBytesSent(answeredAt..<answeredAt + 50) <= 8 * 500)
        #expect(simulation.now - answeredAt < 8_000)
    }

    @Test(arguments: UInt64(0)..<5)
    func `a server that defers is asked less and less often, and then gets everything`(
        number: UInt64
    ) {
        var simulation = simulation(number)
        simulation.defersOneIn = 1
        simulation.record(2_000)
        for _ in 0..<3_000 { simulation.tick(partial: true) }
        let first = simulation.eventBytesSent(0..<3_000)
        let later = simulation.eventBytesSent(15_000..<30_000)
        #expect(later <= 2 * 500 * 6)
        #expect(later > 0)
        #expect(first > later)
        simulation.defersOneIn = 0
        let isFinished = simulation.finish()
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
    }

    @Test(arguments: UInt64(0)..<5)
    func `loss makes the window smaller and its absence makes it larger`(number: UInt64) {
        func bytesPerSecond(lossOneIn: Int) -> Int {
            var simulation = simulation(number)
            simulation.network.lossOneIn = lossOneIn
            for _ in 0..<1_000 {
                simulation.record(40)
                simulation.tick(partial: false)
            }
            return simulation.eventBytesSent(5_000..<10_000) / 5
        }
        let clean = bytesPerSecond(lossOneIn: 0)
        let lossy = bytesPerSecond(lossOneIn: 4)
        #expect(lossy < clean)
        #expect(lossy > clean / 20)
    }

    @Test func `emitters whose server is away do not send at the same moments`() {
        var moments: [Set<Int64>] = []
        for number in UInt64(0)..<4 {
            var simulation = simulation(number)
            simulation.network.isCut = true
            simulation.record(100)
            for _ in 0..<6_000 { simulation.tick(partial: true) }
            let late = simulation.departures.filter { $0.isEvents && $0.at > 10_000 }
            moments.append(Set(late.map(\.at)))
        }
        for (index, one) in moments.enumerated() {
            #expect(one.count >= 3)
            for other in moments[(index + 1)...] { #expect(one.intersection(other).count <= 1) }
        }
    }

    @Test func `a window stays between two frames and its bound`() {
        var seed = Seed(7)
        let parameters = simulation(1).parameters
        var window = SendWindow(parameters, way: .datagrams, isCautious: false)
        for step in 0..<10_000 {
            let now = Int64(step * 10)
            switch seed.below(5) {
            case 0: window.lost(now: now)
            case 1: window.timedOut()
            case 2: window.deferred(now: now, using: &seed)
            default:
                window.acknowledged(
                    seed.below(3_000),
                    inFlight: window.byteCount,
                    roundTrip: Int64(seed.below(100))
                )
            }
            #expect(window.byteCount >= 1_000 && window.byteCount <= 8_000)
            let answerTime = window.answerTime(using: &seed)
            #expect(answerTime >= 100 && answerTime <= 10_000)
            #expect(window.pausedUntil <= now + 10_000)
        }
    }
}
