/// Bytes of the journal that cannot be served, with the exact range of positions.
package struct JournalDamage: Equatable, Sendable {
    package enum Cause: String, Sendable {
        /// The bytes are there and are not what was written.
        case checksum
        /// Every record is well by itself, but they are not the records that the mark behind them counts.
        case sequence
        /// The disk refused to read them.
        case unreadable
        /// The file ends too early, or is not there.
        case missing
        /// A file's header is damaged. With one good copy nothing is lost and the range is empty.
        case header
        /// A file of that name is there but is not the one that the file after it was written after.
        case foreign
    }

    package let file: String
    package let from: UInt64
    package let to: UInt64
    package let cause: Cause

    package init(file: String, from: UInt64, to: UInt64, cause: Cause) {
        self.file = file
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// The end of the newest file after a crash: bytes of a commit that never finished.
///
/// Nobody was told that they are durable, unless the disk damaged the very last commit, which cannot be
/// told from one that never finished. Therefore they are kept.
package struct JournalTornTail: Equatable, Sendable {
    package let file: String
    package let position: UInt64
    package let byteCount: UInt64
    /// The file that holds a copy of the bytes.
    package let keptAs: String
}

/// What opening the journal found and did.
package struct JournalRecovery: Sendable {
    /// Where the journal ended; everything before it is durable, and the new file begins here.
    package internal(set) var end: UInt64 = 0
    /// Records replayed.
    package internal(set) var recordCount: UInt64 = 0
    /// The last run did not end with `finish()`.
    package internal(set) var wasUnclean = false
    package internal(set) var tornTail: JournalTornTail?
    /// Every range from the checkpoint on that could not be served, in order.
    package internal(set) var damaged: [JournalDamage] = []
    /// Zeros at the end of the newest file: space that was reserved and not written.
    package internal(set) var zeroByteCount: UInt64 = 0
    /// Every file with a torn tail of this or an earlier recovery, for a person to look at and remove.
    package internal(set) var keptAside: [String] = []
}

/// What a replay read.
package struct JournalReading: Equatable, Sendable {
    package internal(set) var recordCount: UInt64 = 0
    /// Every range that could not be served, in order.
    package internal(set) var damaged: [JournalDamage] = []

    package init(recordCount: UInt64 = 0, damaged: [JournalDamage] = []) {
        self.recordCount = recordCount
        self.damaged = damaged
    }
}

/// Why a journal could not be opened or read.
package enum JournalError: Error, Equatable, Sendable {
    case disk(DiskError)
    /// A later version of Meter wrote this file.
    case otherVersion(file: String, version: UInt8)
    /// The checkpoint is no position that a journal can have.
    case notAPosition(UInt64)
}

/// A replay stopped: by the journal, or by the function that it feeds.
package enum ReplayError<Failure: Error>: Error {
    case journal(JournalError)
    case body(Failure)
}

extension ReplayError: Equatable where Failure: Equatable {}

extension JournalDamage: CustomStringConvertible {
    package var description: String {
        let what =
            switch cause {
            case .checksum: "bytes that are not what was written"
            case .sequence: "records that their commit mark does not count"
            case .unreadable: "bytes that the disk cannot read"
            case .missing: "bytes that are missing"
            case .header: "a damaged file header"
            case .foreign: "a file of another history"
            }
        return "\(file): \(what), positions \(from) to \(to)"
    }
}

extension JournalTornTail: CustomStringConvertible {
    package var description: String {
        "\(file): \(byteCount) bytes of a commit that never finished, from position \(position), "
            + "are kept in \(keptAs)"
    }
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .otherVersion(let file, let version):
            "\(file) has format version \(version), this program reads version "
                + "\(JournalFormat.version); start the version of Meter that wrote it"
        case .notAPosition(let checkpoint):
            "the checkpoint \(checkpoint) is no journal position; verify the checkpoint's files"
        }
    }
}

extension ReplayError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .journal(let error): error.description
        case .body(let failure): "\(failure)"
        }
    }
}
