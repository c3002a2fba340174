import Meter
import MeterTesting
import MeterWire
import Testing

/// What happens to a book that somebody, or the disk, has changed.
@Suite struct BookTamperTests {
    /// Where each entry and each seal of a sound single file begins and ends.
    private struct Layout {
        var entries: [Range<Int>] = []
        var seals: [Range<Int>] = []

        init(_ bytes: [UInt8]) {
            var offset = 68
            while offset < bytes.count {
                if bytes[offset..<offset + 4].elementsEqual("mbs1".utf8) {
                    seals.append(offset..<offset + 16)
                } else {
                    let length = bytes[offset + 4..<offset + 8].reversed().reduce(0) {
                        $0 << 8 | Int($1)
                    }
                    entries.append(offset..<offset + 64 + length)
                }
                offset =
                    (bytes[offset + 2] == UInt8(ascii: "s") ? seals : entries).last?
                    .upperBound ?? bytes.count
            }
        }
    }

    private let bytes: [UInt8]
    private let layout: Layout
    private let head: BookHead

    init() throws {
        let disk = BookDisk()
        let book = try Book.open(disk).book
        for number in 0..<4 {
            try book.append(
                Fixture.component(Name("c\(number)")),
                author: "anna",
                at: Fixture.time
            )
        }
        bytes = disk.files["book.mb"] ?? []
        layout = Layout(bytes)
        head = book.state.head
    }

    private func open(
        _ bytes: [UInt8],
        known: BookHead? = nil
    ) throws -> (book: Book, entries: [BookEntry], recovery: BookRecovery) {
        var entries: [BookEntry] = []
        let (book, _, recovery) = try Book.open(BookDisk(["book.mb": bytes]), known: known) {
            entries.append($0)
        }
        return (book, entries, recovery)
    }

    /// The same entry with other JSON of the same length and a checksum that fits.
    private func edited(_ range: Range<Int>) -> [UInt8] {
        var entry = Array(bytes[range])
        guard let index = entry.indices.first(where: { entry[$0...].starts(with: "anna".utf8) })
        else { return entry }
        entry.replaceSubrange(index..<index + 4, with: "emma".utf8)
        let checksum = Checksum.crc32c(Array(entry.dropLast(4)))
        for position in 0..<4 {
            entry[entry.count - 4 + position] = UInt8(
                truncatingIfNeeded: checksum >> (8 * position)
            )
        }
        return entry
    }

    @Test func `every flipped bit is found, and no entry comes back changed`() throws {
        let sound = try open(bytes).entries
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                let (book, entries, recovery) = try open(flipped)
                let isLastSeal = index >= layout.seals[3].lowerBound
                if isLastSeal {
                    #expect(recovery.damage.isEmpty)
                    #expect(recovery.aside.map(\.byteCount) == [16], "\(index).\(bit)")
                    #expect(entries.count == 4)
                } else {
                    #expect(!recovery.damage.isEmpty, "\(index).\(bit)")
                    #expect(
                        recovery.damage.contains { $0.from <= index && index < $0.to },
                        "\(index).\(bit): \(recovery.damage)"
                    )
                    #expect(throws: BookError.self) {
                        try book.append(
                            Fixture.component("x"),
                            author: "anna",
                            at: Fixture.time
                        )
                    }
                }
                for entry in entries {
                    #expect(entry.hash == sound[Int(entry.number) - 1].hash)
                }
                // One bad place costs at most the entry that it is in.
                #expect(entries.count >= 3)
            }
        }
    }

    @Test func `an edited entry breaks the chain after it`() throws {
        for (number, range) in layout.entries.enumerated().dropLast() {
            var changed = bytes
            changed.replaceSubrange(range, with: edited(range))
            let (_, entries, recovery) = try open(changed)
            #expect(entries[number].author == "emma")
            #expect(recovery.damage.map(\.kind) == [.chainBroken(at: UInt64(number) + 2)])
        }
    }

    @Test func `an edit of the last entry shows by the head that was known`() throws {
        var changed = bytes
        changed.replaceSubrange(layout.entries[3], with: edited(layout.entries[3]))
        #expect(try open(changed).recovery.damage.isEmpty)
        #expect(
            try open(changed, known: head).recovery.damage.map(\.kind) == [.rewritten(number: 4)]
        )
        #expect(try open(bytes, known: head).recovery.damage.isEmpty)
    }

    @Test func `an entry without a seal is checked before it is written anew`() throws {
        let start = layout.entries[2].lowerBound
        let foreign = Array(bytes[..<start]) + bytes[layout.entries[3]]
        let (_, entries, recovery) = try open(foreign)
        #expect(recovery.secured == 0 && entries.map(\.number) == [1, 2, 4])
        #expect(recovery.damage.map(\.kind) == [.wrongNumber(expected: 3, found: 4)])
    }

    @Test func `a deleted entry is named`() throws {
        for (number, range) in layout.entries.enumerated().dropLast() {
            for range in [range, range.lowerBound..<layout.seals[number].upperBound] {
                var changed = bytes
                changed.removeSubrange(range)
                let kinds = try open(changed).recovery.damage.map(\.kind)
                #expect(
                    kinds.contains(
                        .wrongNumber(expected: UInt64(number) + 1, found: UInt64(number) + 2)
                    )
                        || kinds.contains(
                            .wrongNumber(expected: UInt64(number) + 1, found: UInt64(number))
                        )
                )
            }
        }
    }

    @Test func `swapped entries are named`() throws {
        for first in 0..<3 {
            let one = layout.entries[first].lowerBound..<layout.seals[first].upperBound
            let other = layout.entries[first + 1].lowerBound..<layout.seals[first + 1].upperBound
            let changed =
                Array(bytes[..<one.lowerBound]) + bytes[other] + bytes[one]
                + bytes[other.upperBound...]
            #expect(!(try open(changed).recovery.damage.isEmpty))
        }
    }

    @Test func `a repeated entry is named`() throws {
        let range = layout.entries[1].lowerBound..<layout.seals[1].upperBound
        let changed = Array(bytes[..<range.upperBound]) + bytes[range] + bytes[range.upperBound...]
        #expect(
            try open(changed).recovery.damage.map(\.kind).first
                == .wrongNumber(expected: 3, found: 2)
        )
    }

    @Test func `a cut tail shows by the head that was known`() throws {
        for count in 68..<bytes.count {
            let (_, entries, recovery) = try open(Array(bytes.prefix(count)), known: head)
            if entries.count < 4 {
                #expect(
                    recovery.damage.map(\.kind)
                        == [.cut(expected: 4, found: UInt64(entries.count))]
                )
            } else {
                #expect(recovery.damage.isEmpty)
            }
        }
    }

    @Test func `a missing or foreign file of the chain is named`() throws {
        let disk = BookDisk(["book.mb": bytes + [0]])
        var other = BookDisk()
        for target in [disk, other] {
            let book = try Book.open(target).book
            try book.append(Fixture.component("x"), author: "anna", at: Fixture.time)
        }
        let files = disk.files
        #expect(files.keys.sorted() == ["book-1.mb", "book.mb"])
        var (_, _, recovery) = try Book.open(BookDisk(["book-1.mb": files["book-1.mb"] ?? []]))
        #expect(recovery.damage.map(\.kind) == [.fileMissing, .headerMismatch])
        let swapped = BookDisk([
            "book-1.mb": files["book-1.mb"] ?? [], "book.mb": other.files["book.mb"] ?? [],
        ])
        (_, _, recovery) = try Book.open(swapped)
        #expect(recovery.damage.contains { $0.kind == .headerMismatch })
        other = BookDisk(["book.mb": bytes, "book-7.mb": bytes])
        (_, _, recovery) = try Book.open(other)
        #expect(!recovery.damage.isEmpty)
    }

    @Test func `bytes from anywhere never stop the reader`() throws {
        var seed = Seed(9)
        for _ in 0..<300 {
            var garbage = bytes
            for _ in 0..<1 + seed.below(20) {
                let index = seed.below(garbage.count)
                switch seed.below(3) {
                case 0: garbage[index] = UInt8(truncatingIfNeeded: seed.next())
                case 1: garbage.remove(at: index)
                default: garbage.insert(UInt8(truncatingIfNeeded: seed.next()), at: index)
                }
            }
            let result = try open(garbage)
            #expect(result.entries.count <= 4)
        }
        for _ in 0..<50 {
            let noise = (0..<seed.below(3000)).map { _ in UInt8(truncatingIfNeeded: seed.next()) }
            #expect(try open(noise).entries.isEmpty)
        }
    }
}
