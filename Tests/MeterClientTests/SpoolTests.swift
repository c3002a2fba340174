import MeterDisk
import MeterTesting
import Testing

@testable import MeterClient
@testable import MeterWire

/// Processes that end at any moment, disks that fail, and the spool that the next one finds.
@Suite struct SpoolTests {
    private typealias Setting = Simulation.SpoolSetting

    private func run(_ simulation: inout Simulation, ticks: Int, perTick: Int = 3) {
        for _ in 0..<ticks {
            simulation.record(simulation.seed.below(perTick + 1))
            simulation.tick(partial: true)
        }
    }

    private func isFinished(_ simulation: inout Simulation, ticks: Int = 6_000) -> Bool {
        // What the dead have left is looked for every ten seconds.
        for _ in 0..<1_300 { simulation.tick(partial: true) }
        for _ in 0..<ticks where simulation.state.statistics.adoptedOutstanding > 0 {
            simulation.tick(partial: true)
        }
        for _ in 0..<200 { simulation.tick(partial: true) }
        let isFinished = simulation.finish(ticks: ticks)
        simulation.state.close()
        return isFinished
    }

    /// A claim never says more than is true: what a source that has ended has recorded is on the server, or
    /// named.
    private func expectTrueClaims(_ server: ModelServer) {
        for (id, source) in server.sources {
            guard let claim = source.claim, claim.isLast else { continue }
            var totals: [String: UInt128] = [:]
            for event in source.events.values {
                for amount in event.amounts {
                    totals[amount.component, default: 0] += UInt128(amount.amount)
                }
            }
            var claimed: [String: UInt128] = [:]
            for total in claim.totals { claimed[total.component.description] = total.amount }
            let isAll = claim.givenUp.isEmpty && claim.droppedCount == 0
            if isAll {
                #expect(claimed == totals, "\(id)")
                #expect(source.claimSealedThrough == UInt64(source.events.count), "\(id)")
            } else {
                for (component, amount) in totals {
                    #expect(claimed[component, default: 0] >= amount, "\(id)")
                }
            }
        }
    }

    /// However often a frame was sent, and by whichever process.
    private func expectSameBytes(_ departures: [Simulation.Departure]) throws {
        var sealed: [SourceID: [UInt64: [UInt8]]] = [:]
        for departure in departures where departure.isEvents {
            let header = try unsafe departure.bytes.withUnsafeBytes {
                try unsafe FrameHeader.parse($0)
            }
            let first = sealed[header.source]?[header.firstSequence]
            #expect(first == nil || first == departure.bytes)
            sealed[header.source, default: [:]][header.firstSequence] = departure.bytes
        }
    }

    private func expectAllEnded(_ server: ModelServer) {
        #expect(server.sources.values.allSatisfy { $0.claim?.isLast == true })
    }

    @Test(arguments: UInt64(0)..<10)
    func `a killed process loses nothing that was sealed, and the next one ends its source`(
        number: UInt64
    ) throws {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(number, spool: Setting(directory: directory))
        for _ in 0..<5 {
            if simulation.seed.oneIn(2) { simulation.network.isCut.toggle() }
            run(&simulation, ticks: simulation.seed.below(120))
            simulation.killEmitter()
        }
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        #expect(simulation.claimedTotals() == simulation.recorded)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
        #expect(simulation.state.statistics.adoptedSources > 0)
        try expectSameBytes(simulation.departures)
    }

    @Test(arguments: UInt64(0)..<40)
    func `a process may be killed in any call of the disk`(number: UInt64) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            number, spool: Setting(directory: directory, byteCountMax: 80_000))
        if number.isMultiple(of: 2) { simulation.network.isCut = true }
        run(&simulation, ticks: 20)
        let before = simulation.recorded
        directory.die(after: Int(number))
        for _ in 0..<400 where !directory.isDead { run(&simulation, ticks: 1) }
        #expect(directory.isDead)
        simulation.killEmitter()
        directory.revive()
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        let totals = simulation.server.totals()
        for (component, amount) in before { #expect(totals[component, default: 0] >= amount) }
        for (component, amount) in totals { #expect(amount <= simulation.recorded[component] ?? 0) }
        expectTrueClaims(simulation.server)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
    }

    @Test(arguments: UInt64(0)..<40)
    func `a power cut loses nothing that was synced, and no claim is false`(number: UInt64) {
        let directory = SimulatedSpoolDirectory()
        let isSynced = number.isMultiple(of: 2)
        var simulation = Simulation(
            number,
            spool: Setting(directory: directory, byteCountMax: 100_000, isSynced: isSynced)
        )
        for _ in 0..<3 {
            simulation.network.isCut = simulation.seed.oneIn(2)
            run(&simulation, ticks: simulation.seed.below(80))
            simulation.killEmitter()
            directory.cutPower(.anything, using: &simulation.seed)
            simulation.killEmitter()
        }
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        if isSynced { #expect(simulation.server.totals() == simulation.recorded) }
        expectTrueClaims(simulation.server)
        // What a cut has left of the end of a file may look like damage.
        #expect(directory.files.allSatisfy { $0.hasSuffix(".damaged") })
    }

    @Test(arguments: 0..<60)
    func `any call of the disk may fail, once or for a while`(call: Int) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            UInt64(call),
            spool: Setting(directory: directory, byteCountMax: 80_000)
        )
        directory.simulated.fail(
            DiskFault(after: call, reason: .noSpace, isSticky: call.isMultiple(of: 3))
        )
        simulation.network.isCut = call.isMultiple(of: 2)
        run(&simulation, ticks: 100)
        directory.simulated.heal()
        simulation.network.isCut = false
        run(&simulation, ticks: 300)
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        expectTrueClaims(simulation.server)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
    }

    /// What it sent and did not write died with it: nobody can say how much that was.
    @Test(arguments: 0..<20)
    func `a source whose disk refused what was sent is not ended by others`(number: Int) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            UInt64(number),
            spool: Setting(
                directory: directory, byteCountMax: 80_000, isSynced: number.isMultiple(of: 2))
        )
        run(&simulation, ticks: 30)
        let source = simulation.state.source
        directory.simulated.fail(
            DiskFault(.append, after: number, reason: .noSpace, isSticky: true))
        simulation.network.isCut = true
        for _ in 0..<30 {
            simulation.record(1)
            run(&simulation, ticks: 1)
        }
        simulation.killEmitter()
        if number.isMultiple(of: 4) {
            directory.cutPower(.anything, using: &simulation.seed)
            simulation.killEmitter()
        }
        directory.revive()
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.sources[source]?.claim?.isLast == false)
        #expect(simulation.server.totals() != simulation.recorded)
        #expect(directory.files.allSatisfy { $0.hasSuffix(".damaged") })
    }

    @Test func `claims alone never fill the disk, however long the server is away`() {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            21,
            spool: Setting(directory: directory, byteCountMax: 40_000)
        ) { $0.claimEveryMilliseconds = 20 }
        run(&simulation, ticks: 20)
        simulation.network.isCut = true
        run(&simulation, ticks: 20)
        var most: UInt64 = 0
        for _ in 0..<3_000 {
            simulation.tick(partial: true)
            most = max(most, simulation.state.statistics.spoolBytes)
        }
        #expect(most <= 20_000)
        // The next process keeps to it, too.
        simulation.killEmitter()
        for _ in 0..<3_000 {
            simulation.tick(partial: true)
            most = max(most, simulation.state.statistics.spoolBytes)
        }
        #expect(most <= 20_000)
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
    }

    @Test(arguments: UInt64(0)..<5)
    func `the spool is bounded, and what has no room is named`(number: UInt64) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            number,
            spool: Setting(directory: directory, byteCountMax: 40_000)
        )
        simulation.network.isCut = true
        run(&simulation, ticks: 600, perTick: 30)
        #expect(simulation.recorder.droppedCount > 0)
        #expect(simulation.state.statistics.spoolBytes <= 48_000)
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.claimedTotals() == simulation.recorded)
        #expect(simulation.accounted() == simulation.recorded)
    }

    @Test func `a spool takes more than memory does`() {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            3,
            memoryByteCountMax: 3 << 19,
            spool: Setting(directory: directory, byteCountMax: 16 << 20)
        ) { $0.frameByteCount = 30_000 }
        simulation.network.isCut = true
        for _ in 0..<70 {
            simulation.record(3_000)
            simulation.tick(partial: false)
        }
        #expect(simulation.state.outstandingByteCount > 3 << 19)
        #expect(simulation.state.occupied(of: 3 << 19) < 3 << 19)
        #expect(simulation.recorder.droppedCount == 0)
        simulation.network = Simulation.Network(lossOneIn: 0)
        let isFinished = isFinished(&simulation, ticks: 40_000)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
    }

    @Test(arguments: UInt64(0)..<5)
    func `written only while the server is away, the spool is empty while it is not`(
        number: UInt64
    ) {
        let directory = SimulatedSpoolDirectory()
        var setting = Setting(directory: directory)
        setting.writing = .whenAway(afterMilliseconds: 500)
        var simulation = Simulation(number, spool: setting)
        simulation.network.lossOneIn = 0
        simulation.defersOneIn = 0
        for _ in 0..<100 {
            run(&simulation, ticks: 1)
            #expect(directory.files.isEmpty)
        }
        simulation.network.isCut = true
        run(&simulation, ticks: 100)
        #expect(!directory.files.isEmpty)
        simulation.killEmitter()
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
    }

    @Test func `what a close cannot send stays for the next process`() {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(11, spool: Setting(directory: directory))
        simulation.network.isCut = true
        run(&simulation, ticks: 50)
        simulation.state.finish()
        simulation.state.leaveOrGiveUp(now: simulation.now, wall: 1_000_000 + simulation.now)
        let isLeft = simulation.state.isFinished
        #expect(isLeft)
        simulation.state.close()
        #expect(!directory.files.isEmpty)
        simulation.killEmitter()
        simulation.network.isCut = false
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        #expect(simulation.server.totals() == simulation.recorded)
        expectAllEnded(simulation.server)
        #expect(directory.files.isEmpty)
    }

    @Test func `what is sealed with a key that is not there is left alone`() {
        let directory = SimulatedSpoolDirectory()
        let other = WireKey.derived(fromMaster: [8], id: KeyID(rawValue: 4))
        var old = Simulation(12, spool: Setting(directory: directory)) {
            $0.protection = .encrypted(other)
        }
        old.network.isCut = true
        run(&old, ticks: 30)
        old.killEmitter()
        let left = directory.files
        #expect(!left.isEmpty)
        var without = Simulation(13, spool: Setting(directory: directory)) {
            $0.protection = .signed(WireKey.derived(fromMaster: [9], id: KeyID(rawValue: 3)))
        }
        for _ in 0..<70 { without.tick(partial: true) }
        #expect(without.state.statistics.foreignSources == 1)
        #expect(directory.files == left)
        without.killEmitter()
        old.killEmitter()
        old.network.isCut = false
        let isFinished = isFinished(&old)
        #expect(isFinished)
        #expect(old.server.totals() == old.recorded)
        #expect(directory.files.isEmpty)
    }

    /// Its key was revoked, for instance: no process may wait for it at its end.
    @Test func `what the server does not answer holds up nobody's end`() {
        let directory = SimulatedSpoolDirectory()
        let other = WireKey.derived(fromMaster: [8], id: KeyID(rawValue: 4))
        var old = Simulation(14, spool: Setting(directory: directory)) {
            $0.protection = .signed(other)
        }
        old.network.isCut = true
        run(&old, ticks: 30)
        old.killEmitter()
        let left = directory.files
        var setting = Setting(directory: directory)
        setting.otherKeys = [other]
        var next = Simulation(15, spool: setting) {
            $0.protection = .signed(WireKey.derived(fromMaster: [9], id: KeyID(rawValue: 3)))
        }
        run(&next, ticks: 30)
        #expect(next.state.statistics.adoptedSources == 1)
        let isFinished = next.finish()
        #expect(isFinished)
        next.state.close()
        #expect(next.server.totals() == next.recorded)
        #expect(Set(left).isSubset(of: directory.files))
    }

    @Test func `however much the server does not answer, the rest of the spool is sent`() {
        let directory = SimulatedSpoolDirectory()
        let other = WireKey.derived(fromMaster: [8], id: KeyID(rawValue: 4))
        var old = Simulation(14, spool: Setting(directory: directory)) {
            $0.protection = .signed(other)
        }
        old.network.isCut = true
        for _ in 0..<40 {
            run(&old, ticks: 2)
            old.killEmitter()
        }
        let refused = directory.files
        #expect(refused.count > 30)
        var setting = Setting(directory: directory)
        setting.otherKeys = [other]
        var next = Simulation(16, spool: setting) {
            $0.protection = .signed(WireKey.derived(fromMaster: [9], id: KeyID(rawValue: 3)))
        }
        next.network.isCut = true
        for _ in 0..<20 {
            run(&next, ticks: 2)
            next.killEmitter()
        }
        next.network.isCut = false
        // Sixty sources, eight at a time: each has its turn within ten minutes.
        for _ in 0..<60 {
            next.record(1)
            for _ in 0..<1_000 { next.tick(partial: true) }
        }
        #expect(next.server.totals() == next.recorded)
        let isFinished = next.finish()
        #expect(isFinished)
        next.state.close()
        // What is not answered is left as it was.
        #expect(Set(refused) == Set(directory.files))
    }

    @Test(arguments: UInt64(0)..<60)
    func `a spool with any bit changed is no danger, and no claim is false`(number: UInt64) {
        let directory = SimulatedSpoolDirectory()
        var simulation = Simulation(
            number,
            spool: Setting(directory: directory, byteCountMax: 80_000)
        )
        simulation.network.isCut = simulation.seed.oneIn(2)
        run(&simulation, ticks: 60)
        simulation.killEmitter()
        let name = simulation.seed.pick(directory.files)
        let bitCount = (directory.simulated.image.files[name]?.count ?? 0) * 8
        directory.simulated.flip(bit: simulation.seed.below(bitCount), of: name)
        simulation.network.isCut = false
        simulation.killEmitter()
        let isFinished = isFinished(&simulation)
        #expect(isFinished)
        expectTrueClaims(simulation.server)
        for (component, amount) in simulation.server.totals() {
            #expect(amount <= simulation.recorded[component] ?? 0)
        }
        // What the bit has cost is not removed as if it had been sent.
        let isKept = directory.files == [String(name.prefix { $0 != "." }) + ".damaged"]
        #expect(isKept)
        #expect(simulation.state.statistics.damagedSpoolFiles == 1)
    }

    @Test(arguments: 0..<44)
    func `a length that is not what was written is damage, not a torn end`(bit: Int) {
        let frame = [UInt8](repeating: 7, count: 200)
        let header = SpoolFormat.header(
            SpoolFormat.Header(isSynced: false, bootID: [UInt8](repeating: 1, count: 16)))
        var bytes = header + SpoolFormat.record(frame) + SpoolFormat.record(frame)
        #expect(SpoolFormat.scan(bytes)?.frames.count == 2)
        let torn = SpoolFormat.scan(bytes.dropLast(1 + bit))
        #expect(torn?.frames.count == 1 && torn?.isDamaged == false)
        bytes[header.count + bit / 8] ^= 1 << (bit % 8)
        let damaged = SpoolFormat.scan(bytes)
        #expect(damaged?.frames.isEmpty == true && damaged?.isDamaged == true)
    }

    @Test func `names are read and written`() {
        let source = SourceID(high: 1, low: 2)
        var name = SpoolName(source: source, number: 7)
        #expect(SpoolName(name.text) == name)
        name.isPartial = true
        #expect(SpoolName(name.text) == name)
        for wrong in ["", "a.spool", "\(source).lock", "\(source)-1.tmp", "\(source)-x.spool"] {
            #expect(SpoolName(wrong) == nil)
        }
    }
}
