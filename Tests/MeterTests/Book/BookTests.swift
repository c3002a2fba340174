import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct BookTests {
    private func open(
        _ disk: BookDisk,
        known: BookHead? = nil
    ) throws -> (book: Book, entries: [BookEntry], recovery: BookRecovery) {
        var entries: [BookEntry] = []
        let (book, _, recovery) = try Book.open(disk, known: known) { entries.append($0) }
        return (book, entries, recovery)
    }

    private func filled(_ disk: BookDisk = BookDisk()) throws -> (BookDisk, [Decision]) {
        var seed = Seed(1)
        let decisions = Fixture.everyKind(using: &seed)
        let book = try open(disk).book
        for decision in decisions {
            try book.append(decision, author: "anna", at: Fixture.time)
        }
        return (disk, decisions)
    }

    @Test func `an empty directory is an empty book that makes no file`() throws {
        let disk = BookDisk()
        let (book, entries, recovery) = try open(disk)
        #expect(entries.isEmpty && recovery == BookRecovery() && disk.files.isEmpty)
        #expect(book.state.head == .empty)
    }

    @Test func `every kind of decision comes back equal`() throws {
        let (disk, decisions) = try filled()
        let (book, entries, recovery) = try open(disk)
        #expect(entries.map(\.decision) == decisions)
        #expect(Set(decisions.map(\.kind)) == Set(Decision.Kind.allCases))
        #expect(entries.allSatisfy { $0.author == "anna" && $0.time == Fixture.time })
        #expect(entries.map(\.number) == Array(1...UInt64(decisions.count)))
        #expect(recovery.damage.isEmpty && recovery.aside.isEmpty && recovery.secured == 0)
        #expect(recovery.files == ["book.mb"] && book.state.head == entries.last?.head)
    }

    @Test func `entries are JSON that people read`() throws {
        let disk = BookDisk()
        let entries = try open(disk).book.append(
            Fixture.component("tool_seconds", units: 1000),
            author: "anna",
            at: Fixture.time
        )
        #expect(
            entries.map(\.json) == [
                #"{"author":"anna","decision":"component-declared","name":"tool_seconds","#
                    + #""reportedUnit":"s","unit":"ms","unitsPerReported":1000}"#
            ]
        )
    }

    @Test func `the bytes are those that the document shows`() throws {
        let disk = BookDisk()
        let book = try open(disk).book
        try book.append(
            Fixture.component("tool_seconds", units: 1000),
            author: "anna",
            at: Fixture.time
        )
        let zeros = String(repeating: "0", count: 64)
        let json =
            #"{"author":"anna","decision":"component-declared","name":"tool_seconds","#
            + #""reportedUnit":"s","unit":"ms","unitsPerReported":1000}"#
        let expected =
            "6d7472626f6f6b3100000000ffffffff00000000000000000100000000000000" + zeros + "e3f133b0"
            + "6d6265317e00000000000000010000000000000003d2c802a2010000" + zeros
            + Hexadecimal.text(json.utf8) + "e1a2a13a" + "6d6273310100000000000000150af530"
        #expect(disk.files["book.mb"].map { Hexadecimal.text($0) } == expected)
        #expect(
            book.state.head.description
                == "1 d858eea066e8b2625cb7c3865c857bdef840158196a99e6e065c837843a44a25"
        )
    }

    @Test func `a refused decision writes nothing`() throws {
        let (disk, _) = try filled()
        let before = disk.files
        let book = try open(disk).book
        let refused = Fixture.component("tokens", units: 60)
        #expect(throws: BookError.refused(.componentFixed("tokens"))) {
            try book.append(
                [Fixture.component("new"), refused],
                author: "anna",
                at: Fixture.time
            )
        }
        #expect(disk.files == before && book.state.components["new"] == nil)
    }

    @Test func `the book is appended to over many openings`() throws {
        let disk = BookDisk()
        for number in 0..<20 {
            let book = try open(disk).book
            try book.append(
                Fixture.component(Name("c\(number)")),
                author: "anna",
                at: Fixture.time
            )
        }
        let (_, entries, recovery) = try open(disk)
        #expect(entries.count == 20 && recovery.files == ["book.mb"])
    }

    @Test(arguments: [BookDisk.Failure.sync, .append(after: 0), .append(after: 40)])
    func `a failed append counts for nothing and the next goes to a new file`(
        failure: BookDisk.Failure
    ) throws {
        let (disk, decisions) = try filled()
        let book = try open(disk).book
        let before = book.state.head
        disk.fail(failure)
        #expect(throws: BookError.self) {
            try book.append(Fixture.component("lost"), author: "anna", at: Fixture.time)
        }
        #expect(book.state.head == before && book.state.components["lost"] == nil)
        try book.append(Fixture.component("kept"), author: "anna", at: Fixture.time)
        try book.append(Fixture.component("kept2"), author: "anna", at: Fixture.time)
        for files in [disk.files, disk.syncedFiles] {
            let (_, entries, recovery) = try open(BookDisk(files))
            #expect(entries.count == decisions.count + 2)
            #expect(entries.last?.decision == Fixture.component("kept2"))
            #expect(recovery.damage.isEmpty)
            #expect(recovery.files == ["book.mb", "book-1.mb"])
        }
    }

    @Test func `a crash after a failed sync leaves the entry to be written anew before it counts`()
        throws
    {
        let (disk, decisions) = try filled()
        let book = try open(disk).book
        disk.fail(.sync)
        #expect(throws: BookError.self) {
            try book.append(Fixture.component("doubtful"), author: "anna", at: Fixture.time)
        }
        // The process ends here; the kernel still shows the bytes but may never write them.
        let (again, entries, recovery) = try open(disk)
        #expect(recovery.secured == 1 && entries.count == decisions.count + 1)
        try again.append(Fixture.component("next"), author: "anna", at: Fixture.time)
        let (_, after, found) = try open(BookDisk(disk.syncedFiles))
        #expect(found.damage.isEmpty && after.count == decisions.count + 2)
        #expect(after.map(\.hash).prefix(entries.count) == entries.map(\.hash)[...])
    }

    @Test func `a new file that cannot be begun is tried again under another name`() throws {
        let (disk, decisions) = try filled()
        let book = try open(disk).book
        for failures: [BookDisk.Failure] in [[.sync], [.create], [.append(after: 10)], [.sync]] {
            for failure in failures { disk.fail(failure) }
            #expect(throws: BookError.self) {
                try book.append(Fixture.component("lost"), author: "anna", at: Fixture.time)
            }
        }
        try book.append(Fixture.component("kept"), author: "anna", at: Fixture.time)
        let (_, entries, recovery) = try open(disk)
        #expect(entries.count == decisions.count + 1 && recovery.damage.isEmpty)
        #expect(recovery.files.count == 2)
    }

    @Test func `a power cut at any byte of an append of several keeps all or none of it`() throws {
        let (disk, decisions) = try filled()
        let whole = try #require(disk.files["book.mb"])
        let book = try open(disk).book
        try book.append(
            [Fixture.component("a"), Fixture.component("b"), Fixture.component("c")],
            author: "anna",
            at: Fixture.time
        )
        let longer = try #require(disk.files["book.mb"])
        for count in whole.count...longer.count {
            let (book, entries, recovery) = try open(
                BookDisk(["book.mb": Array(longer.prefix(count))])
            )
            let all = longer.count - count <= 16
            #expect(entries.count == decisions.count + (all ? 3 : 0))
            #expect(recovery.damage.isEmpty, "\(count)")
            #expect(recovery.secured == (longer.count - count == 16 ? 3 : 0))
            let torn = count > whole.count && count != longer.count && longer.count - count != 16
            #expect(recovery.aside.count == (torn ? 1 : 0), "\(count)")
            try book.append(Fixture.component("d"), author: "anna", at: Fixture.time)
        }
    }

    @Test func `a hole in the middle of an unacknowledged append is a torn end, not damage`() throws
    {
        let (disk, decisions) = try filled()
        let whole = try #require(disk.files["book.mb"])
        try open(disk).book.append(
            [Fixture.component("a"), Fixture.component("b"), Fixture.component("c")],
            author: "anna",
            at: Fixture.time
        )
        let longer = try #require(disk.files["book.mb"]).dropLast(16)
        for from in stride(from: whole.count, to: longer.count, by: 7) {
            var bytes = Array(longer)
            for index in from..<min(from + 40, bytes.count) { bytes[index] = 0 }
            let (_, entries, recovery) = try open(BookDisk(["book.mb": bytes]))
            #expect(recovery.damage.isEmpty && entries.count == decisions.count)
            #expect(
                recovery.aside == [
                    BookAside(
                        file: "book.mb",
                        from: whole.count,
                        byteCount: bytes.count - whole.count
                    )
                ]
            )
        }
    }

    @Test func `a torn end stays where it is and the chain goes on in a new file`() throws {
        let (disk, decisions) = try filled()
        var files = disk.files
        files["book.mb"]? += [1, 2, 3]
        let torn = BookDisk(files)
        let (book, _, recovery) = try open(torn)
        #expect(recovery.aside.map(\.byteCount) == [3])
        try book.append(Fixture.component("next"), author: "anna", at: Fixture.time)
        #expect(torn.files["book.mb"] == files["book.mb"])
        let (_, entries, again) = try open(torn)
        #expect(entries.count == decisions.count + 1 && again.damage.isEmpty)
        #expect(again.aside.map(\.byteCount) == [3])
    }

    @Test func `times and minutes are exact in both directions`() {
        var seed = Seed(3)
        for _ in 0..<10_000 {
            let time = Timestamp(milliseconds: Int64(seed.below(253_402_300_799_999)))
            #expect(TimeText.text(time).flatMap { TimeText.timestamp($0) } == time)
        }
        #expect(
            TimeText.text(Timestamp(milliseconds: 951_782_400_000)) == "2000-02-29T00:00:00.000Z"
        )
        #expect(TimeText.minute("2026-11-22T10:24Z") == Minute(rawValue: 29_922_384))
        for bad in [
            "2026-02-29T00:00Z", "2026-13-01T00:00Z", "2026-11-22T24:00Z", "x", "2026-11-22",
        ] {
            #expect(TimeText.timestamp(bad) == nil)
        }
    }
}
