internal import MeterWire

/// Who told a figure, as it stands in the `description` of Waldur's row: `meter 17, journal 123456, entry 3fa9…`.
///
/// The hash of the intent's entry covers the whole book before it, so that two books that were one part with the
/// first entry after that: what a restored copy writes has a mark that this book never gave. And whose journal was
/// further says which of two Meters knows of more usage.
package struct SubmissionMark: Hashable, Codable, Sendable {
    /// The intent's.
    package let number: UInt64
    /// The journal position at which the totals were exact.
    package let position: UInt64
    /// The first bytes of the hash of the intent's entry.
    package let entry: UInt64

    package init(number: UInt64, position: UInt64, entry: UInt64) {
        self.number = number
        self.position = position
        self.entry = entry
    }

    init(_ intent: SubmissionIntent, in hash: BookHash) {
        number = intent.number
        position = intent.position
        entry = hash.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let words = ["meter ", " journal ", " entry "]

    /// Reads what `description` writes; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 3, zip(parts, Self.words).allSatisfy({ $0.hasPrefix($1) }),
            let number = UInt64(parts[0].dropFirst(Self.words[0].count)),
            let position = UInt64(parts[1].dropFirst(Self.words[1].count)),
            let entry = UInt64(parts[2].dropFirst(Self.words[2].count), radix: 16)
        else { return nil }
        self.init(number: number, position: position, entry: entry)
        guard description == text else { return nil }
    }

    /// Whether a row's description is this one, or that of a version which wrote the number only.
    package func isIn(_ text: String) -> Bool { text == description || text == "meter \(number)" }
}

extension SubmissionMark: CustomStringConvertible {
    package var description: String {
        "meter \(number), journal \(position), entry \(Hexadecimal.text(entry))"
    }
}

extension SubmissionMark {
    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: SubmissionMark.self) { SubmissionMark($0) }
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(description, to: encoder) }
}
