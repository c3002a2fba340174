import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// Datagrams that do not get through, and the stream in their place.
@Suite struct SendPathTests {
    private func simulation(_ number: UInt64) -> Simulation {
        Simulation(number) { parameters in
            parameters.fallBack = EmitterParameters.FallBack(
                afterMilliseconds: 1_000,
                probeEveryMilliseconds: 2_000
            )
        }
    }

    private func run(_ simulation: inout Simulation, ticks: Int) {
        for _ in 0..<ticks {
            if simulation.seed.oneIn(4) { simulation.record() }
            simulation.tick(partial: true)
        }
    }

    private func expectEverythingOnce(_ simulation: inout Simulation) {
        let isFinished = simulation.finish()
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        #expect(simulation.claimedTotals() == simulation.recorded)
        #expect(simulation.server.sources.values.allSatisfy { $0.claim?.isLast == true })
    }

    @Test(arguments: UInt64(0)..<5)
    func `while datagrams get through the stream is left alone`(number: UInt64) {
        var simulation = simulation(number)
        simulation.network.lossOneIn = 20
        run(&simulation, ticks: 2_000)
        expectEverythingOnce(&simulation)
        #expect(simulation.departures.allSatisfy { $0.way == .datagrams })
        #expect(simulation.state.statistics.fallBacks == 0)
    }

    @Test(arguments: UInt64(0)..<5)
    func `datagrams that are blocked are given up for the stream, with the same bytes`(
        number: UInt64
    ) {
        var simulation = simulation(number)
        simulation.network.datagramByteCountMax = 0
        run(&simulation, ticks: 1_000)
        let statistics = simulation.state.statistics
        #expect(statistics.fallBacks == 1 && statistics.isFallenBack)
        #expect(statistics.durable > 0)
        let events = simulation.departures.filter(\.isEvents)
        let firstDatagrams = Set(events.filter { $0.way == .datagrams }.map(\.bytes))
        let stream = Set(events.filter { $0.way == .stream }.map(\.bytes))
        #expect(firstDatagrams.isSubset(of: stream))
        expectEverythingOnce(&simulation)
    }

    /// Claims are small: they are answered all the time, and prove nothing.
    @Test(arguments: UInt64(0)..<5)
    func `a network that drops large datagrams only is seen through`(number: UInt64) {
        var simulation = simulation(number)
        simulation.network.lossOneIn = 0
        simulation.network.datagramByteCountMax = 300
        for _ in 0..<500 {
            simulation.record(4)
            simulation.tick(partial: false)
        }
        let statistics = simulation.state.statistics
        #expect(statistics.isFallenBack)
        #expect(statistics.acknowledgements > 0)
        expectEverythingOnce(&simulation)
    }

    @Test(arguments: UInt64(0)..<5)
    func `when datagrams get through again they are used again`(number: UInt64) {
        var simulation = simulation(number)
        simulation.network.datagramByteCountMax = 0
        run(&simulation, ticks: 500)
        #expect(simulation.state.path.way == .stream)
        simulation.network.datagramByteCountMax = .max
        run(&simulation, ticks: 4_000)
        #expect(simulation.state.path.way == .datagrams)
        #expect(!simulation.state.path.usesStream(now: simulation.now))
        expectEverythingOnce(&simulation)
    }

    @Test(arguments: UInt64(0)..<5)
    func `where neither way gets through both are tried until one does`(number: UInt64) {
        var simulation = simulation(number)
        simulation.network.isCut = true
        var ways: Set<SendPath.Way> = []
        var changes = 0
        for _ in 0..<1_500 {
            let before = simulation.state.path.way
            if simulation.seed.oneIn(4) { simulation.record() }
            simulation.tick(partial: true)
            ways.insert(simulation.state.path.way)
            if simulation.state.path.way != before { changes += 1 }
        }
        #expect(ways.count == 2 && changes >= 4)
        simulation.network.isCut = false
        expectEverythingOnce(&simulation)
    }

    @Test func `a datagram that the system refuses as too large is not tried for long`() {
        var simulation = simulation(1)
        simulation.record(10)
        simulation.tick(partial: true)
        simulation.state.datagramTooLarge(now: simulation.now)
        #expect(simulation.state.path.way == .stream)
        expectEverythingOnce(&simulation)
    }

    @Test func `without a stream to fall back to datagrams are sent for ever`() {
        var simulation = Simulation(3)
        simulation.network.isCut = true
        simulation.record(10)
        for _ in 0..<3_000 { simulation.tick(partial: true) }
        simulation.state.datagramTooLarge(now: simulation.now)
        #expect(simulation.state.path.way == .datagrams)
        #expect(!simulation.state.path.usesStream(now: simulation.now))
    }

    @Test(arguments: UInt64(0)..<20)
    func `everything arrives once however the ways open and close`(number: UInt64) {
        var simulation = simulation(1_000 + number)
        for _ in 0..<40 {
            switch simulation.seed.below(6) {
            case 0: simulation.network.isCut.toggle()
            case 1: simulation.network.isStreamBlocked.toggle()
            case 2: simulation.network.datagramByteCountMax = simulation.seed.pick([0, 300])
            case 3: simulation.network.datagramByteCountMax = .max
            case 4: simulation.crashServer()
            default: break
            }
            run(&simulation, ticks: 1 + simulation.seed.below(150))
        }
        simulation.network = Simulation.Network()
        expectEverythingOnce(&simulation)
    }
}
