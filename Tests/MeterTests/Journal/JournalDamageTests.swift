import Meter
import MeterTesting
import Testing

/// Damage behind the journal's back: found, named with its exact range, and never in the way of good
/// records.
@Suite struct JournalDamageTests {
    @Test
    func `every flipped bit of a finished journal is named, and costs at most its own record`()
        throws
    {
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: false)
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
        let fixture = try JournalFixture(isFinished: false)
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
        let fixture = try JournalFixture(isFinished: false)
        let opened = try fixture.open { disk in
            disk.edit("journal-0000000003") { $0 += [UInt8](repeating: 0, count: 5_000) }
        }
        #expect(opened.records == fixture.records)
        #expect(opened.recovery.tornTail == nil)
        #expect(opened.recovery.damaged == [])
        #expect(opened.recovery.zeroByteCount == 5_000)
    }

    @Test func `unreadable bytes are named, the rest is served, and when they can be read all is`()
        throws
    {
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: false)
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
        let fixture = try JournalFixture(isFinished: true)
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

    @Test func `a record that is well by itself but not the one that was committed is named`()
        throws
    {
        let fixture = try JournalFixture(isFinished: true)
        let (file, range) = fixture.places[5]
        let forged = TestRecord(kind: 6, "record number x")
        let opened = try fixture.open { disk in
            disk.edit(file) { bytes in
                let payload = range.lowerBound + 20
                bytes.replaceSubrange(payload..<range.upperBound, with: forged.payload)
                // As Documentation/Journal.md says: payload, file id, header without the checksum.
                let sum = JournalFixture.crc32c(
                    forged.payload + bytes[16..<24] + bytes[range.lowerBound..<(payload - 4)]
                )
                for index in 0..<4 { bytes[payload - 4 + index] = UInt8(sum >> (8 * index) & 0xFF) }
            }
        }
        #expect(opened.records.firstIndex(of: forged) == 5)
        #expect(
            opened.recovery.damaged == [
                JournalDamage(
                    file: file,
                    from: fixture.positions[4].lowerBound,
                    to: fixture.positions[5].upperBound,
                    cause: .sequence
                )
            ]
        )
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random bytes never trap, and nothing false is served`(seed: UInt64) throws {
        var seed = Seed(seed)
        let fixture = try JournalFixture(isFinished: seed.oneIn(2))
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
}
