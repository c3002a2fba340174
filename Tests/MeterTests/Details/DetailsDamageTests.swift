import Meter
import MeterTesting
import MeterWire
import Testing

/// Damaged and lost files of details are named, and usage goes on.
@Suite struct DetailsDamageTests {
    /// An engine with some details in one file.
    private func harness(_ seed: UInt64, count: Int = 8) throws -> (EngineHarness, String) {
        var workload = EventWorkload(seed: seed)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame(workload.events(count)))
        try harness.checkpoint()
        let name = try #require(harness.engine.detailsFiles.first?.name)
        return (harness, name)
    }

    /// Nil if the file was refused, or anything of it is missing.
    private func answer(_ name: String, on disk: MemoryDisk) -> String? {
        do throws(SealedFileError) {
            let file = try DetailsFile.open(name, on: disk)
            try file.verify()
            return "\(file.calls) \(file.totals)"
        } catch {
            #expect(!error.description.isEmpty)
            return nil
        }
    }

    private func bytes(_ harness: EngineHarness, _ name: String) throws -> [UInt8] {
        let disk = try #require(harness.disk as? SimulatedDisk)
        return try #require(disk.image.files[name])
    }

    @Test func `every flipped bit of a details file is detected`() throws {
        let (harness, name) = try harness(1)
        let disk = MemoryDisk()
        disk[name] = try bytes(harness, name)
        #expect(answer(name, on: disk) != nil)
        for bit in 0..<8 * disk[name].count {
            disk.flip(bit: bit, of: name)
            #expect(answer(name, on: disk) == nil, "bit \(bit)")
            disk.flip(bit: bit, of: name)
        }
    }

    @Test func `every cut and every addition is detected`() throws {
        let (harness, name) = try harness(2)
        let disk = MemoryDisk()
        let bytes = try bytes(harness, name)
        for count in 0..<bytes.count {
            disk[name] = Array(bytes[..<count])
            #expect(answer(name, on: disk) == nil, "cut to \(count) bytes")
        }
        disk[name] = bytes + [0]
        #expect(answer(name, on: disk) == nil)
    }

    @Test func `a lost file of details is named, and usage is served as before`() throws {
        let (harness, name) = try harness(3, count: 40)
        let usage = try harness.totals()
        try harness.disk.remove(name)
        let reopened = try harness.reopened()
        #expect(reopened.recovery.damage.isEmpty, "nothing that is billed is damaged")
        #expect(reopened.recovery.missingDetails.count == 1)
        #expect(try reopened.totals() == usage)
        let pending = try reopened.engine.details(.everything, at: reopened.now)
        let answer = try #require(reopened.engine.answer(pending))
        #expect(answer.totals.isEmpty && answer.missing.count == 1)
        var later = DetailsQuery.everything
        later.windows[0] = QuarterHour(rawValue: later.windows[1].rawValue - 1)
        #expect(try reopened.details(later).isEmpty, "nothing is missing of another time")
        // Checkpoints and merges go on around the hole.
        var maker = FrameMaker(source: 2)
        for number in 0..<10 {
            reopened.receive(maker.frame([.call(agent: "later-\(number)")]))
            try reopened.checkpoint()
            while try reopened.engine.mergeNext(at: reopened.now) != nil {}
        }
        #expect(reopened.engine.missingDetails.count == 1)
        #expect(try reopened.totals().sum == usage.sum + 10)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `a damaged file of details keeps no figure of usage from being served`(
        seed: UInt64
    ) throws {
        var random = Seed(seed)
        let (harness, name) = try harness(seed, count: 60)
        let usage = try harness.totals()
        let whole = try harness.details()
        let disk = try #require(harness.disk as? SimulatedDisk)
        let count = try bytes(harness, name).count
        disk.edit(name) { $0[random.below(count)] ^= UInt8(1 + random.below(255)) }
        let reopened = try harness.reopened()
        #expect(try reopened.totals() == usage)
        let pending = try reopened.engine.details(.everything, at: reopened.now)
        let answer = try #require(reopened.engine.answer(pending))
        #expect(!answer.missing.isEmpty)
        for (group, total) in answer.totals { #expect(whole[group] == total) }
        var maker = FrameMaker(source: 9)
        reopened.receive(maker.frame([.call(agent: "later")]))
        #expect(try reopened.checkpoint() != nil)
        #expect(try reopened.totals().sum == usage.sum + 1)
    }
}
