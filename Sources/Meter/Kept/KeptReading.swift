package import MeterWire

/// What a look into the kept journal read, and what it could not.
package struct KeptReading: Sendable {
    /// Something that should be readable and is not; what is around it was read.
    package struct Damage: Equatable, Sendable, CustomStringConvertible {
        package let from: UInt64
        package let to: UInt64
        package let description: String
    }

    /// Files that were read, and those that an index had told to have nothing of what is asked for.
    package internal(set) var fileCount = 0
    package internal(set) var skippedFileCount = 0
    package internal(set) var recordCount: UInt64 = 0
    /// Events handed out.
    package internal(set) var eventCount: UInt64 = 0
    package internal(set) var damage: [Damage] = []
    /// Numbers that were asked for and that no kept file has, ascending.
    package internal(set) var missingSequences: [Range<UInt64>] = []
    /// Ids that were asked for and that no kept file has.
    package internal(set) var missingIdentifiers: Set<IdentifierHash> = []
    /// From when on every event is in files that are kept; nil where all that ever came is, the end of time
    /// where no record is.
    package internal(set) var keptSince: Timestamp?

    /// What to throw where something is gone.
    var notKept: JournalNotKept {
        JournalNotKept(since: keptSince ?? Timestamp(milliseconds: .max))
    }
}

/// What was asked for is older than the journal that is kept.
package struct JournalNotKept: Error, Equatable, Sendable, CustomStringConvertible {
    /// From when on every event is in files that are kept; the end of time where no record is.
    package let since: Timestamp

    package var description: String {
        guard let text = TimeText.text(since) else { return "no journal is kept any more" }
        return "the journal is kept from \(text) on; what happened before is gone"
    }
}

/// Why the kept journal could not be read to the end of what was asked for.
package enum KeptJournalError<Failure: Error>: Error {
    case journal(JournalError)
    /// Also thrown after events were handed out, where it shows only then.
    case notKept(JournalNotKept)
    /// What the function threw that was handed the events.
    case body(Failure)
}

extension KeptJournalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .journal(let error): error.description
        case .notKept(let error): error.description
        case .body(let failure): "\(failure)"
        }
    }
}
