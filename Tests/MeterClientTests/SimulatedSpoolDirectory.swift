import MeterDisk
import MeterTesting
import Synchronization

@testable import MeterClient
@testable import MeterWire

/// A spool directory on a simulated disk, with the locks of processes that live in one test.
final class SimulatedSpoolDirectory: SpoolDirectory {
    private struct State {
        var held: Set<SourceID> = []
        var boot: UInt8 = 1
        var deathCall: Int?
    }

    let simulated = SimulatedDisk()
    private let state = Mutex(State())

    var disk: any Disk { simulated }

    /// Of the present run of the system.
    var bootID: [UInt8] { [UInt8](repeating: state.withLock { $0.boot }, count: 16) }

    func lock(_ source: SourceID) throws(DiskError) -> any SpoolLock {
        guard state.withLock({ $0.held.insert(source).inserted }) else {
            throw DiskError(.lock, file: "\(source)", .locked(byProcess: nil))
        }
        return Held(self, source)
    }

    private final class Held: SpoolLock {
        private let directory: SimulatedSpoolDirectory
        private let source: SourceID

        init(_ directory: SimulatedSpoolDirectory, _ source: SourceID) {
            self.directory = directory
            self.source = source
        }

        deinit { directory.state.withLock { _ = $0.held.remove(source) } }
    }

    /// Cuts the power: the next process is in another run of the system.
    func cutPower(_ policy: CrashPolicy, using seed: inout Seed) {
        simulated.crash(policy, using: &seed)
        state.withLock { $0.boot &+= 1 }
    }

    /// The process dies in the disk call after so many: that one does half of its work, later ones nothing.
    func die(after count: Int) {
        simulated.fail(DiskFault(after: count, isSticky: true))
        state.withLock { $0.deathCall = simulated.callCount + count }
    }

    var isDead: Bool {
        let call = state.withLock { $0.deathCall }
        return call.map { simulated.callCount > $0 } ?? false
    }

    /// Another process begins.
    func revive() {
        simulated.heal()
        state.withLock { $0.deathCall = nil }
    }

    /// Names of spool files.
    var files: [String] { simulated.image.files.keys.filter { !$0.hasSuffix(".lock") }.sorted() }
}
