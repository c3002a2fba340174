import Meter
import MeterTesting
import Testing

@Suite struct SimulatedDiskTests {
    let disk = SimulatedDisk()

    @Test func `what was not synced is gone after a power cut, names and bytes by themselves`()
        throws
    {
        let file = try disk.create("a")
        try file.append([1, 2])
        try file.sync()
        try disk.syncDirectory()
        try file.append([3])
        try disk.create("b").append([4])
        try disk.open("b").sync()
        disk.crash()
        #expect(disk.image == DiskImage(files: ["a": [1, 2]]))
        #expect(throws: DiskError(.append, file: "a", .system(errno: 9))) { try file.append([5]) }
    }

    @Test func `a rename needs a directory sync, and may come before the data`() throws {
        let file = try disk.create("a.new")
        try file.append([1])
        try disk.rename("a.new", to: "a")
        var images: Set<DiskImage> = []
        var choices = ExhaustiveChoices()
        while choices.next() {
            let copy = SimulatedDisk()
            let file = try copy.create("a.new")
            try file.append([1])
            try copy.rename("a.new", to: "a")
            copy.crash(.anything, using: &choices)
            images.insert(copy.image)
        }
        #expect(
            images
                == Set(
                    [
                        [:], ["a": []], ["a": [0]], ["a": [1]], ["a": [0xA5]], ["a.new": []],
                        ["a.new": [0]], ["a.new": [1]], ["a.new": [0xA5]],
                    ].map(DiskImage.init)
                )
        )
    }

    @Test func `any sectors may survive, with holes, and the size without the bytes`() throws {
        var images: Set<DiskImage> = []
        var choices = ExhaustiveChoices()
        while choices.next() {
            let disk = SimulatedDisk(DiskImage(files: ["a": [7]]))
            try disk.open("a").append([UInt8](repeating: 1, count: 1_023))
            disk.crash(.anything, using: &choices)
            images.insert(disk.image)
        }
        func image(_ first: UInt8?, _ second: UInt8?) -> DiskImage {
            let bytes = [7] + [UInt8](repeating: first ?? 0, count: first == nil ? 0 : 511)
            let rest = [UInt8](repeating: second ?? 0, count: second == nil ? 0 : 512)
            return DiskImage(files: ["a": bytes + rest])
        }
        for kept in [image(nil, nil), image(1, 1), image(0, 1), image(1, 0), image(0, 0)] {
            #expect(images.contains(kept))
        }
        #expect(images.contains(image(1, nil)))
        #expect(images.contains { $0.files["a"]?.count == 512 + 256 })
        #expect(images.contains { $0.files["a"]?.count == 1 + 255 })
    }

    @Test func `a failed sync loses pages that reads still show, and the next sync does not help`()
        throws
    {
        let file = try disk.create("a")
        try disk.syncDirectory()
        try file.append([1])
        disk.fail(DiskFault(.sync))
        #expect(throws: DiskError(.sync, file: "a", .system(errno: 5))) { try file.sync() }
        #expect(try file.bytes() == [1])
        try file.sync()
        #expect(try file.bytes() == [1])
        try file.append([2])
        try file.sync()
        #expect(try file.bytes() == [1, 2])
        disk.dropCaches()
        #expect(try file.bytes() == [0, 2])
        disk.crash()
        #expect(disk.image == DiskImage(files: ["a": [0, 2]]))
    }

    @Test func `a failed sync may have written everything`() throws {
        let file = try disk.create("a")
        try disk.syncDirectory()
        try file.append([1])
        disk.fail(DiskFault(.sync, takesEffect: true))
        #expect(throws: DiskError.self) { try file.sync() }
        disk.crash()
        #expect(disk.image == DiskImage(files: ["a": [1]]))
    }

    @Test func `a full disk takes what has room`() throws {
        disk.capacity = 5
        let file = try disk.create("a")
        try file.append([1, 2, 3])
        #expect(throws: DiskError(.append, file: "a", .noSpace)) { try file.append([4, 5, 6]) }
        #expect(try file.bytes() == [1, 2, 3, 4, 5])
        disk.capacity = nil
        try file.append([6])
    }

    @Test func `faults fail the chosen call, once or from then on`() throws {
        disk.fail(DiskFault(.create, after: 1))
        _ = try disk.create("a")
        #expect(throws: DiskError.self) { try disk.create("b") }
        _ = try disk.create("b")
        disk.fail(DiskFault(isSticky: true))
        #expect(throws: DiskError.self) { try disk.list() }
        #expect(throws: DiskError.self) { try disk.syncDirectory() }
        disk.heal()
        #expect(try disk.list() == ["a", "b"])
    }

    @Test func `the same seed leads to the same crash`() throws {
        func image(_ seed: UInt64) throws -> DiskImage {
            let disk = SimulatedDisk()
            for name in ["a", "b", "c"] {
                try disk.create(name).append([UInt8](repeating: 1, count: 3_000))
            }
            var seed = Seed(seed)
            disk.crash(.anything, using: &seed)
            return disk.image
        }
        #expect(try image(5) == image(5))
        #expect(try Set((0..<20).map(image)).count > 5)
    }
}

@Suite struct ExhaustiveChoicesTests {
    @Test func `every combination comes exactly once, also where questions depend on answers`() {
        var choices = ExhaustiveChoices()
        var seen: [[Int]] = []
        while choices.next() {
            let count = choices.below(3)
            seen.append((0..<count).map { _ in choices.below(2) })
        }
        #expect(seen == [[], [0], [1], [0, 0], [0, 1], [1, 0], [1, 1]])
        #expect(choices.runCount == 7)
    }

    @Test func `a test without questions runs once`() {
        var choices = ExhaustiveChoices()
        let runs = [choices.next(), choices.next()]
        #expect(runs == [true, false])
    }
}
