import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// Processes that end when their source has just begun: the spool has the first claim of it, which tells of
/// nothing yet, and hardly anything more.
@Suite struct SpoolBeginningTests {
    private typealias Setting = Simulation.SpoolSetting

    /// Lets a process begin that dies in its disk call number `call`; false where it lived through all it does.
    private func begin(
        _ simulation: inout Simulation,
        _ directory: SimulatedSpoolDirectory,
        diesIn call: Int
    ) -> Bool {
        simulation.killEmitter()
        directory.die(after: call)
        simulation.record(1)
        simulation.tick(partial: true)
        let isDead = directory.isDead
        simulation.killEmitter()
        directory.revive()
        return isDead
    }

    /// What the dead have left is looked for every ten seconds.
    private func waitForAdoption(_ simulation: inout Simulation) {
        for _ in 0..<3_000 { simulation.tick(partial: true) }
    }

    @Test(arguments: 0..<8)
    func `a process may be killed in any call of its first frame`(call: Int) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(UInt64(call), spool: Setting(directory: directory))
        _ = begin(&simulation, directory, diesIn: call)
        waitForAdoption(&simulation)
        #expect(directory.files.isEmpty, "\(directory.files)")
        // Whatever was told of its source, it is told to its end.
        #expect(simulation.server.sources.values.allSatisfy { $0.claim?.isLast ?? false })
    }

    @Test(arguments: [true, false])
    func `however many began and ended so, what others left is sent`(powerIsCut: Bool) throws {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(5, spool: Setting(directory: directory))
        simulation.network.isCut = true
        // Whichever call it is that leaves a claim alone, each is met three times.
        for call in 0..<24 { _ = begin(&simulation, directory, diesIn: call % 8) }
        let before = simulation.recorded
        simulation.killEmitter()
        simulation.record(20)
        simulation.tick(partial: true)
        let last = simulation.recorded
        if powerIsCut { directory.cutPower(.everythingKept, using: &simulation.seed) }
        simulation.killEmitter()
        simulation.network.isCut = false
        #expect(directory.files.count > 9)
        waitForAdoption(&simulation)
        #expect(directory.files.isEmpty, "\(directory.files)")
        for (component, amount) in last {
            let own = amount - before[component, default: 0]
            #expect(simulation.server.totals()[component, default: 0] >= own)
        }
    }
}
