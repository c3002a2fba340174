import Meter
import MeterTesting
import Testing

/// Whole files and headers that are lost, cut, replaced or of another format.
@Suite struct JournalFileDamageTests {
    @Test func `a lost file is a named range, and the files around it are read`() throws {
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: true)
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
        let twin = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: true)
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
        let fixture = try JournalFixture(isFinished: true)
        let disk = SimulatedDisk(fixture.image)
        disk.edit("journal-0000000003") { bytes in
            for start in [0, 512] {
                bytes[start + 2] = 2
                let sum = JournalFixture.crc32c(Array(bytes[start..<(start + 508)]))
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
}
