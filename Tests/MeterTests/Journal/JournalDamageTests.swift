import Meter
import MeterTesting
import Testing

/// Damage behind the journal's back: found, named with its exact range, and never in the way of good
/// records.
@Suite struct JournalDamageTests {
    /// Three files: the first ends in a commit that was given up, the second is full, the third is
    /// `finished` or not. Two records a group.
    struct Fixture {
        let image: DiskImage
        var records: [TestRecord] = []
        /// Where each record lies: file, and its range of bytes in it.
        var places: [(file: String, bytes: Range<Int>)] = []
        var positions: [Range<UInt64>] = []

        init(isFinished: Bool) throws {
            let disk = SimulatedDisk()
            let options = Journal.Options(fileBytesMax: 1_300, bufferBytesMax: 4_096)
            let journal = try Journal.open(disk, options: options).journal
            for number in 0..<12 {
                let record = TestRecord(kind: UInt8(number + 1), "record number \(number)")
                records.append(record)
                let end = try #require(journal.append(record))
                positions.append((end - UInt64(20 + record.payload.count))..<end)
                if number % 2 == 1 { try journal.commit() }
                if number == 3 {
                    _ = journal.append(TestRecord("given up"))
                    disk.fail(DiskFault(.sync, takesEffect: true))
                    #expect(throws: DiskError.self) { try journal.commit() }
                    try journal.restart()
                }
            }
            if isFinished { try journal.finish() }
            image = disk.image
            #expect(try journal.records().records == records)
            let starts: [(name: String, start: UInt64)] = try disk.list().map { name in
                (
                    name,
                    try disk.open(name).bytes(at: 32, count: 8).reversed().reduce(0) {
                        $0 << 8 | UInt64($1)
                    }
                )
            }
            #expect(starts.count == 3)
            for range in positions {
                let file = try #require(starts.last { $0.start <= range.lowerBound })
                let offset = 1_024 + Int(range.lowerBound - file.start)
                places.append((file.name, offset..<(offset + range.count)))
            }
        }

        func open(_ change: (SimulatedDisk) -> Void) throws -> OpenedJournal {
            let disk = SimulatedDisk(image)
            change(disk)
            return try Journal.open(disk, seed: 7)
        }
    }

    @Test
    func `every flipped bit of a finished journal is named, and costs at most its own record`()
        throws
    {
        let fixture = try Fixture(isFinished: true)
        for (name, bytes) in fixture.image.files {
            // What the second file's header caps is nobody's any more.
            let givenUp = name == "journal-0000000001" ? bytes.count - (20 + 8 + 44) : bytes.count
            for bit in 0..<(bytes.count * 8) {
                let opened = try fixture.open { $0.flip(bit: bit, of: name) }
                let hit = fixture.places.firstIndex { file, range in
                    file == name && range.contains(bit / 8)
                }
                var want = fixture.records
                if let hit { want.remove(at: hit) }
                let recovery = opened.recovery
                guard opened.records == want else {
                    Issue.record("bit \(bit) of \(name): found \(opened.records), \(recovery)")
                    return
                }
                if let hit {
                    let range = fixture.positions[hit]
                    let damage = JournalDamage(
                        file: name,
                        from: range.lowerBound,
                        to: range.upperBound,
                        cause: .checksum
                    )
                    guard recovery.damaged == [damage], recovery.tornTail == nil else {
                        Issue.record("bit \(bit) of \(name): \(recovery), not \(damage)")
                        return
                    }
                } else if bit / 8 >= givenUp {
                    guard recovery.damaged == [], recovery.tornTail == nil else {
                        Issue.record("bit \(bit) of \(name): \(recovery)")
                        return
                    }
                } else if recovery.tornTail != nil {
                    // The finish mark itself: nothing is lost, and its remains are kept.
                    #expect(name == "journal-0000000003" && bit / 8 >= bytes.count - 44)
                    #expect(recovery.wasUnclean && recovery.damaged == [])
                } else {
                    // A header or a mark.
                    guard recovery.damaged.count == 1, recovery.damaged[0].file == name,
                        recovery.damaged[0].cause == (bit / 8 < 1_024 ? .header : .checksum)
                    else {
                        Issue.record("bit \(bit) of \(name): \(recovery)")
                        return
                    }
                }
            }
        }
    }

    @Test func `a flipped bit of the last commit is a torn tail: kept aside and reported`() throws {
        let fixture = try Fixture(isFinished: false)
        let name = "journal-0000000003"
        let bytes = try #require(fixture.image.files[name])
        let group = try #require(fixture.places.last?.bytes.upperBound) + 44
        #expect(group == bytes.count)
        for byte in fixture.places[10].bytes.lowerBound..<bytes.count {
            let disk = SimulatedDisk(fixture.image)
            disk.flip(bit: byte * 8 + byte % 8, of: name)
            let damaged = try #require(disk.image.files[name])
            let opened = try Journal.open(disk, seed: 7)
            let tail = try #require(opened.recovery.tornTail)
            let first = byte < fixture.places[11].bytes.lowerBound ? 10 : 11
            let kept = byte < fixture.places[11].bytes.upperBound ? first : 12
            #expect(opened.records == Array(fixture.records[..<kept]))
            #expect(opened.recovery.damaged == [])
            #expect(tail.file == name)
            #expect(tail.keptAs == "journal-0000000003.torn")
            #expect(opened.recovery.keptAside == [tail.keptAs])
            let offset = bytes.count - Int(tail.byteCount)
            #expect(try disk.open(tail.keptAs).bytes() == Array(damaged[offset...]))
            #expect(
                offset == (kept == 12 ? bytes.count - 44 : fixture.places[kept].bytes.lowerBound)
            )
            // Reported once; the file stays until a person removes it.
            let again = try Journal.open(disk, seed: 8)
            #expect(again.records == opened.records)
            #expect(again.recovery.tornTail == nil)
            #expect(again.recovery.keptAside == [tail.keptAs])
        }
    }

    @Test func `a checkpoint in the last commit makes damage before it rot`() throws {
        let fixture = try Fixture(isFinished: false)
        let disk = SimulatedDisk(fixture.image)
        disk.edit("journal-0000000003") { $0.removeLast(30) }
        let checkpoint = fixture.positions[11].upperBound
        let opened = try Journal.open(disk, from: checkpoint, seed: 7)
        #expect(opened.journal.durable >= checkpoint)
        #expect(opened.records == [])
        // The checkpoint lies beyond the end: what is missing is named, and no position is given twice.
        let beyond = try Journal.open(
            SimulatedDisk(fixture.image),
            from: checkpoint + 1_000,
            seed: 7
        )
        #expect(beyond.journal.durable == checkpoint + 1_000)
        let (records, reading) = try beyond.journal.records()
        #expect(records == fixture.records)
        #expect(reading.damaged.map(\.cause) == [.missing])
        #expect(reading.damaged.last?.to == checkpoint + 1_000)
    }

    @Test func `zeros behind the last mark are space that was never written`() throws {
        let fixture = try Fixture(isFinished: false)
        let opened = try fixture.open { disk in
            disk.edit("journal-0000000003") { $0 += [UInt8](repeating: 0, count: 5_000) }
        }
        #expect(opened.records == fixture.records)
        #expect(opened.recovery.tornTail == nil)
        #expect(opened.recovery.damaged == [])
        #expect(opened.recovery.zeroByteCount == 5_000)
    }

    @Test func `a lost file is a named range, and the files around it are read`() throws {
        let fixture = try Fixture(isFinished: true)
        let disk = SimulatedDisk(fixture.image)
        try disk.remove("journal-0000000002")
        let opened = try Journal.open(disk, seed: 7)
        let kept = fixture.places.indices.filter { fixture.places[$0].file != "journal-0000000002" }
        // The commit that the second file's header capped shows again: nothing says any more that it
        // was given up.
        #expect(
            opened.records.filter { $0 != TestRecord("given up") }
                == kept.map { fixture.records[$0] }
        )
        #expect(opened.recovery.damaged.map(\.cause) == [.missing])
        #expect(opened.recovery.damaged[0].to == fixture.positions[kept[4]].lowerBound)
        // All of them: the end is not forgotten either, because a checkpoint names it.
        let gone = try Journal.open(SimulatedDisk(), from: 4_711)
        #expect(gone.journal.durable == 4_711)
        #expect(gone.recovery.damaged.map(\.cause) == [.missing])
    }

    @Test func `a file that is cut, emptied, or replaced by an older or another one is named`()
        throws
    {
        let fixture = try Fixture(isFinished: true)
        let name = "journal-0000000002"
        let inIt = fixture.places.indices.filter { fixture.places[$0].file == name }
        let last = try #require(inIt.last)
        let cut = try fixture.open { disk in
            disk.edit(name) { $0 = Array($0[..<fixture.places[inIt[2]].bytes.lowerBound]) }
        }
        #expect(
            cut.records == Array(fixture.records[...inIt[1]])
                + Array(fixture.records[(last + 1)...])
        )
        #expect(
            cut.recovery.damaged == [
                JournalDamage(
                    file: name,
                    from: fixture.positions[inIt[2]].lowerBound,
                    to: fixture.positions[last].upperBound + 44,
                    cause: .missing
                )
            ]
        )
        let emptied = try fixture.open { disk in disk.edit(name) { $0 = [] } }
        #expect(emptied.recovery.damaged.map(\.cause) == [.header, .missing])
        let twin = try Fixture(isFinished: true)
        let foreign = try fixture.open { disk in
            disk.edit(name) { $0 = twin.image.files["journal-0000000003"] ?? [] }
        }
        #expect(foreign.recovery.damaged.map(\.cause) == [.foreign, .missing])
        // A copy under a number of its own is left alone, and the next file does not collide with it.
        let copied = try fixture.open { disk in
            _ = try? disk.create("journal-0000000009")
            disk.edit("journal-0000000009") { $0 = fixture.image.files[name] ?? [] }
        }
        #expect(copied.records == fixture.records)
        #expect(copied.recovery.damaged.map(\.file) == ["journal-0000000009"])
        #expect(copied.recovery.damaged.map(\.cause) == [.foreign])
    }

    @Test func `a file of the same number from another history is not served`() throws {
        let fixture = try Fixture(isFinished: true)
        let disk = SimulatedDisk(fixture.image)
        // The same journal, opened twice from one copy: two third files of one journal.
        try disk.remove("journal-0000000003")
        let other = try Journal.open(
            disk,
            options: Journal.Options(fileBytesMax: 1 << 20, bufferBytesMax: 4_096),
            seed: 99
        ).journal
        _ = other.append(TestRecord("of the other history, and a little longer than that"))
        try other.finish()
        let third = try #require(disk.image.files["journal-0000000003"])
        var opened = try Journal.open(SimulatedDisk(fixture.image), seed: 7)
        _ = opened.journal.append(TestRecord("last"))
        try opened.journal.finish()
        opened = try fixture.open { disk in
            let real = try? Journal.open(disk, seed: 7).journal
            _ = real?.append(TestRecord("last"))
            try? real?.finish()
            disk.edit("journal-0000000003") { $0 = third }
        }
        #expect(opened.records.last == TestRecord("last"))
        #expect(!opened.records.contains { $0.payload.starts(with: Array("of the other".utf8)) })
        #expect(opened.recovery.damaged.map(\.cause) == [.foreign])
    }

    @Test func `both copies of a header gone: the rest is served, and no position is given twice`()
        throws
    {
        let fixture = try Fixture(isFinished: true)
        let name = "journal-0000000003"
        let end = try Journal.open(SimulatedDisk(fixture.image)).recovery.end
        let disk = SimulatedDisk(fixture.image)
        disk.edit(name) { bytes in for index in 0..<1_024 { bytes[index] = 0 } }
        let opened = try Journal.open(disk, seed: 7)
        let kept = fixture.places.indices.filter { fixture.places[$0].file != name }
        #expect(opened.records == kept.map { fixture.records[$0] })
        #expect(opened.recovery.damaged.map(\.cause) == [.header, .missing])
        #expect(opened.recovery.end >= end)
        #expect(opened.recovery.wasUnclean)
    }

    @Test func `a newest file with no more than a torn header was never used`() throws {
        let fixture = try Fixture(isFinished: true)
        for bytes in [[], [0x4D], [UInt8](repeating: 0, count: 1_024)] {
            let disk = SimulatedDisk(fixture.image)
            _ = try disk.create("journal-0000000004")
            disk.edit("journal-0000000004") { $0 = bytes }
            let opened = try Journal.open(disk, seed: 7)
            #expect(opened.records == fixture.records)
            #expect(opened.recovery.damaged.map(\.cause) == [.header])
            #expect(try !disk.list().contains("journal-0000000004"))
            #expect(try Journal.open(disk, seed: 8).recovery.damaged == [])
        }
    }

    @Test func `a later format is refused by name, whatever else is wrong`() throws {
        let fixture = try Fixture(isFinished: true)
        let disk = SimulatedDisk(fixture.image)
        disk.edit("journal-0000000003") { bytes in
            for start in [0, 512] {
                bytes[start + 2] = 2
                let sum = Self.crc32c(Array(bytes[start..<(start + 508)]))
                for index in 0..<4 { bytes[start + 508 + index] = UInt8(sum >> (8 * index) & 0xFF) }
            }
        }
        #expect(
            throws: ReplayError<Never>.self
        ) { try Journal.open(disk, seed: 7) }
        do {
            _ = try Journal.open(disk, seed: 7)
        } catch {
            #expect(
                "\(error)"
                    == "journal-0000000003 has format version 2, this program reads version 1; "
                    + "start the version of Meter that wrote it"
            )
        }
        #expect(disk.image.files.count == 3)
    }

    @Test func `unreadable bytes are named, the rest is served, and when they can be read all is`()
        throws
    {
        let fixture = try Fixture(isFinished: true)
        let disk = SimulatedDisk(fixture.image)
        let name = "journal-0000000002"
        disk.makeUnreadable(1_100..<1_101, of: name)
        disk.makeUnreadable(10..<11, of: name)
        let opened = try Journal.open(disk, seed: 7)
        #expect(opened.recovery.damaged.map(\.cause) == [.unreadable, .unreadable])
        #expect(
            opened.records
                == fixture.places.indices.filter { fixture.places[$0].file != name }
                .map { fixture.records[$0] }
        )
        disk.heal()
        #expect(try opened.journal.records().records == fixture.records)
        #expect(try Journal.open(disk, seed: 8).records == fixture.records)
    }

    @Test func `what may be an acknowledged commit is not buried because it cannot be read now`()
        throws
    {
        let fixture = try Fixture(isFinished: false)
        let disk = SimulatedDisk(fixture.image)
        let name = "journal-0000000003"
        let bytes = try #require(disk.image.files[name])
        for range in [0..<1_024, (bytes.count - 1)..<bytes.count] {
            disk.makeUnreadable(range, of: name)
            #expect(throws: (any Error).self) { try Journal.open(disk, seed: 7) }
            disk.heal()
            #expect(disk.image == fixture.image)
        }
        #expect(try Journal.open(disk, seed: 7).records == fixture.records)
    }

    @Test func `a record at another place than it states is not served`() throws {
        let fixture = try Fixture(isFinished: true)
        let places = fixture.places
        // Whole records of one length, within a file and between files of one journal.
        for (from, to) in [(0, 1), (1, 0), (4, 0), (8, 9), (0, 8)] {
            guard places[from].bytes.count == places[to].bytes.count else { continue }
            let source = try #require(fixture.image.files[places[from].file])
            let opened = try fixture.open { disk in
                disk.edit(places[to].file) { bytes in
                    bytes.replaceSubrange(places[to].bytes, with: source[places[from].bytes])
                }
            }
            var want = fixture.records
            want.remove(at: to)
            #expect(opened.records == want)
            #expect(opened.recovery.damaged.map(\.from) == [fixture.positions[to].lowerBound])
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random bytes never trap, and nothing false is served`(seed: UInt64) throws {
        var seed = Seed(seed)
        let fixture = try Fixture(isFinished: seed.oneIn(2))
        let opened = try? fixture.open { disk in
            for _ in 0..<(1 + seed.below(4)) {
                let name = seed.pick(fixture.image.files.keys.sorted())
                let kind = seed.below(4)
                var bits = seed
                disk.edit(name) { bytes in
                    guard !bytes.isEmpty else { return }
                    let start = bits.below(bytes.count)
                    let end = min(bytes.count, start + 1 + bits.below(200))
                    switch kind {
                    case 0: for index in start..<end { bytes[index] = UInt8(bits.below(256)) }
                    case 1: bytes.removeSubrange(start..<end)
                    case 2: bytes.insert(contentsOf: bytes[start..<end], at: start)
                    default: for index in start..<end { bytes[index] = 0xFF }
                    }
                }
                seed = bits
            }
        }
        guard let opened else { return }
        let known = fixture.records + [TestRecord("given up")]
        #expect(opened.records.allSatisfy(known.contains))
        if opened.records.count < fixture.records.count {
            #expect(!opened.recovery.damaged.isEmpty || opened.recovery.tornTail != nil)
        }
    }

    private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = .max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
