internal import MeterWire

/// What a file of the data directory holds. Its name begins with the kind, its first two bytes repeat it.
package enum DataFileKind: String, CaseIterable, Sendable {
    /// The rolled-up usage of a span.
    case segment
    /// What admission must remember of frames at a position.
    case dedup
    /// The ids of HTTP events received in a span.
    case identifiers = "ids"
    /// Calls, amounts and histograms of a span by model, user and outcome.
    case details
    /// What a kept journal file has, so that it need not be read to know.
    case kept

    /// The first two bytes of such a file.
    var magic: (UInt8, UInt8) {
        switch self {
        case .segment: (UInt8(ascii: "M"), UInt8(ascii: "S"))
        case .dedup: (UInt8(ascii: "M"), UInt8(ascii: "D"))
        case .identifiers: (UInt8(ascii: "M"), UInt8(ascii: "I"))
        case .details: (UInt8(ascii: "M"), UInt8(ascii: "T"))
        case .kept: (UInt8(ascii: "M"), UInt8(ascii: "K"))
        }
    }

    var pathExtension: String {
        switch self {
        case .segment: "ms"
        case .dedup: "md"
        case .identifiers: "mi"
        case .details: "mt"
        case .kept: "mk"
        }
    }

    /// The kind whose files begin with these bytes.
    package init?(firstBytes bytes: some Sequence<UInt8>) {
        var iterator = bytes.makeIterator()
        guard let first = iterator.next(), let second = iterator.next(),
            let kind = Self.allCases.first(where: { $0.magic == (first, second) })
        else { return nil }
        self = kind
    }
}

/// A file name of the data directory, the one place where kinds and spans are written down:
///
///     journal-<number>   segment-<from>-<to>.ms   dedup-<0>-<to>.md
///     ids-<from>-<to>.mi   details-<from>-<to>.mt   kept-<from>-<to>.mk   <any of them>.tmp
///
/// Positions are 16 lower-case hexadecimal digits, so that names sort like positions. Exactly one text
/// stands for one name: what parses is formatted back to the same text.
package enum DataFileName: Hashable, Sendable {
    /// A journal file, by its number; `JournalFiles` says how it is written.
    case journal(number: UInt64)
    /// A sealed file that covers a span of the journal.
    case sealed(DataFileKind, JournalSpan)
    /// A file that was being written.
    case temporary(String)

    static let temporarySuffix = ".tmp"

    /// Recognises a name; nil for one that Meter never gives.
    package init?(_ text: String) {
        if text.hasSuffix(Self.temporarySuffix) {
            self = .temporary(text)
            return
        }
        guard let parsed = Self.parse(text), parsed.text == text else { return nil }
        self = parsed
    }

    /// The name as it stands in the directory.
    package var text: String {
        switch self {
        case .journal(let number): JournalFiles.name(number)
        case .sealed(let kind, let span):
            "\(kind.rawValue)-\(Hexadecimal.text(span.from))-\(Hexadecimal.text(span.to))."
                + kind.pathExtension
        case .temporary(let text): text
        }
    }

    /// The name under which a sealed file is written before it is complete.
    var temporaryText: String { text + Self.temporarySuffix }

    private static func parse(_ text: String) -> DataFileName? {
        if let number = JournalFiles.number(in: text) { return .journal(number: number) }
        let stem = text.split(separator: ".", omittingEmptySubsequences: false)
        guard stem.count == 2 else { return nil }
        let parts = stem[0].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let kind = DataFileKind(rawValue: String(parts[0])),
            let from = position(parts[1]), let to = position(parts[2]), from < to,
            kind != .dedup || from == 0
        else { return nil }
        return .sealed(kind, JournalSpan(from: from, to: to))
    }

    /// Signs and upper case pass here and fail when the text is compared with the formatted name.
    private static func position(_ digits: Substring) -> UInt64? {
        digits.utf8.count == 16 ? UInt64(digits, radix: 16) : nil
    }
}
