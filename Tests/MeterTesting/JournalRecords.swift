package import Meter

/// A record as tests compare it.
package struct TestRecord: Hashable, Sendable, CustomStringConvertible {
    package let kind: UInt8
    package let payload: [UInt8]

    package init(kind: UInt8 = 1, _ payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    package init(kind: UInt8 = 1, _ text: String) { self.init(kind: kind, Array(text.utf8)) }

    package init(_ record: JournalRecord) {
        self.init(kind: record.kind, unsafe Array(record.payload))
    }

    package var description: String {
        let shown = payload.prefix(12).map { String($0, radix: 16) }.joined(separator: " ")
        return "record(kind \(kind), \(payload.count) bytes: \(shown))"
    }
}

extension Journal {
    /// Appends a record, its payload cut in two at an arbitrary place.
    package func append(_ record: TestRecord) -> UInt64? {
        let cut = record.payload.count / 3
        return unsafe record.payload.withUnsafeBytes { bytes in
            unsafe append(
                kind: record.kind,
                UnsafeRawBufferPointer(rebasing: bytes[..<cut]),
                UnsafeRawBufferPointer(rebasing: bytes[cut...])
            )
        }
    }

    /// Opens a journal and collects what it replays.
    package static func open(
        _ disk: any Disk,
        from checkpoint: UInt64 = 0,
        options: Options = .small,
        seed: UInt64 = 1
    ) throws -> OpenedJournal {
        var random = Seed(seed)
        var records: [TestRecord] = []
        var positions: [UInt64] = []
        let (journal, recovery) = try open(
            disk: disk,
            from: checkpoint,
            options: options,
            random: &random
        ) { record in
            records.append(TestRecord(record))
            positions.append(record.position)
        }
        return OpenedJournal(
            journal: journal,
            recovery: recovery,
            records: records,
            positions: positions
        )
    }

    package func records(
        from position: UInt64 = 0
    ) throws -> (
        records: [TestRecord], reading: JournalReading
    ) {
        var records: [TestRecord] = []
        let reading = try replay(from: position) { record in records.append(TestRecord(record)) }
        return (records, reading)
    }
}

extension Journal.Options {
    /// For tests: little memory.
    package static let small = Journal.Options(fileBytesMax: 1 << 20, bufferBytesMax: 1 << 16)
}

package struct OpenedJournal {
    package let journal: Journal
    package let recovery: JournalRecovery
    package let records: [TestRecord]
    package let positions: [UInt64]
}
