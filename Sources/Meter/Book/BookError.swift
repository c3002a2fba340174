internal import MeterWire

/// What is wrong with a book, and where.
package struct BookDamage: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// The bytes are not an entry, although good ones follow.
        case unreadable
        /// An entry's number is not the one after that of the entry before: entries are missing or moved.
        case wrongNumber(expected: UInt64, found: UInt64)
        /// The entry does not name the hash of the one before: that one, or this one, was changed.
        case chainBroken(at: UInt64)
        /// Entries that were appended together are not all there.
        case appendIncomplete(at: UInt64)
        /// The JSON is none of a decision that this binary knows.
        case unknownDecision(number: UInt64, reason: String)
        /// The head of the file is not one, although entries follow.
        case badHeader
        /// The head of the file does not fit to where the file before it ends.
        case headerMismatch
        /// A later file continues this one, but it is not there.
        case fileMissing
        /// No file continues or is continued by this one, although it holds entries.
        case fileUnlinked
        /// The book is shorter than it was known to be.
        case cut(expected: UInt64, found: UInt64)
        /// The entry is not the one that was known to be there.
        case rewritten(number: UInt64)
    }

    package let file: String
    /// The bytes concerned, `[from, to)`.
    package let from: Int
    package let to: Int
    package let kind: Kind

    package var description: String {
        let what =
            switch kind {
            case .unreadable: "damaged bytes"
            case .wrongNumber(let expected, let found):
                "entry \(found) stands where entry \(expected) must be: entries are missing or moved"
            case .chainBroken(let number):
                "entry \(number) does not continue the entry before it: one of the two was changed"
            case .appendIncomplete(let number):
                "entry \(number) is the last of an append of which more is missing"
            case .unknownDecision(let number, let reason):
                "entry \(number) holds no decision that this version knows (\(reason))"
            case .badHeader: "the head of the file is damaged"
            case .headerMismatch: "the head of the file does not fit to the file that it continues"
            case .fileMissing: "the file is missing"
            case .fileUnlinked: "the file holds entries but belongs to no chain"
            case .cut(let expected, let found):
                "the book ends with entry \(found) but had \(expected): its end was cut off"
            case .rewritten(let number):
                "entry \(number) is not the one that was known: the book was written anew"
            }
        return "\(file), bytes \(from)..<\(to): \(what); restore the book from a copy"
    }
}

/// Bytes at the end of a file that were never acknowledged; they stay where they are.
package struct BookAside: Equatable, Sendable, CustomStringConvertible {
    package let file: String
    package let from: Int
    package let byteCount: Int

    package init(file: String, from: Int, byteCount: Int) {
        self.file = file
        self.from = from
        self.byteCount = byteCount
    }

    package var description: String {
        "\(file): \(byteCount) bytes from \(from) on are the end of an append that was not "
            + "acknowledged; kept aside"
    }
}

/// What opening a book found besides its decisions.
package struct BookRecovery: Equatable, Sendable {
    /// Files in the order of the chain.
    package var files: [String] = []
    package var entryCount: UInt64 = 0
    /// Ends of files that are not the book's.
    package var aside: [BookAside] = []
    /// Entries at the end whose durability nobody could vouch for, written anew into a new file.
    package var secured: Int = 0
    /// Not empty: nothing can be appended, and the state lacks whatever was in these places.
    package var damage: [BookDamage] = []

    package init() {}
}

/// Why nothing was appended.
package enum BookError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The decision contradicts the book; nothing was written.
    case refused(DecisionRefusal)
    /// The disk failed; whether the decision is on it nobody knows, and it does not count. The next
    /// append goes to a new file.
    case disk(DiskError)
    /// The book is damaged; it only gives out what is good.
    case damaged(BookDamage)
    /// The decision is larger than an entry may be.
    case tooLarge(byteCount: Int, limit: Int)

    package var description: String {
        switch self {
        case .refused(let refusal): refusal.description
        case .disk(let error):
            "the book could not be written (\(error.operation.rawValue) of \(error.file): "
                + "\(error.reason)); nothing was decided"
        case .damaged(let damage): "the book is damaged and takes no decisions: \(damage)"
        case .tooLarge(let byteCount, let limit):
            "the decision has \(byteCount) bytes; the book takes at most \(limit)"
        }
    }
}
