package import MeterWire

/// How far a book went at one time, signed with the statement key.
///
/// The book's chain shows a change in its middle, not that its end was cut off. Whoever keeps a head outside
/// the data directory can show that, too: the entry of that number must still be there with that hash.
package struct SignedBookHead: Equatable, Sendable {
    /// The number of the last decision, which is how many there were.
    package let number: UInt64
    package let hash: BookHash
    package let publicKey: String
    private let document: SignedDocument

    /// Signs; nil if the system refuses.
    ///
    /// - Parameter time: RFC 3339, of the moment.
    package init?(_ head: BookHead, at time: Timestamp, key: SigningKey) {
        let contents =
            #"{"version":1,"decisions":""# + String(head.number) + #"","sha256":""#
            + head.hash.description + #"","time":""# + (TimeText.text(time) ?? "") + #""}"#
        guard let signed = SignedDocument(Array(contents.utf8), .bookHead, key: key) else {
            return nil
        }
        document = signed
        number = head.number
        hash = head.hash
        publicKey = signed.publicKey
    }

    /// Reads and checks a file.
    ///
    /// - Parameter publicKeys: Those that are trusted; nil checks the contents, and not who signed them.
    package init(_ file: [UInt8], publicKeys: Set<String>?) throws(SignedDocumentDefect) {
        let signed = try SignedDocument(file, publicKeys: publicKeys)
        guard signed.form == .bookHead, let head = Self.head(signed.contents) else { throw .format }
        document = signed
        number = head.number
        hash = head.hash
        publicKey = signed.publicKey
    }

    /// The file.
    package var bytes: [UInt8] { document.bytes }

    /// The members that ``init(_:at:key:)`` writes, at their places.
    private static func head(_ contents: [UInt8]) -> BookHead? {
        let parts = String(decoding: contents, as: UTF8.self).split(
            separator: "\"",
            omittingEmptySubsequences: false
        )
        guard parts.count == 15, parts[1] == "version", parts[2] == ":1,", parts[3] == "decisions",
            parts[7] == "sha256", let number = UInt64(parts[5]), let hash = BookHash(parts[9])
        else { return nil }
        return BookHead(number: number, hash: hash)
    }
}
