internal import Crypto
internal import FoundationEssentials
internal import MeterWire

/// The key that documents for others are signed with: Ed25519 (RFC 8032).
package struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// - Parameter seed: 32 bytes, drawn once; nil for any other number of them.
    package init?(seed: [UInt8]) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            return nil
        }
        self.key = key
    }

    /// What verifies: 64 hexadecimal digits.
    package var publicKey: String { Hexadecimal.text(key.publicKey.rawRepresentation) }

    /// nil if the system refuses.
    fileprivate func signature(_ message: [UInt8]) -> [UInt8]? {
        (try? key.signature(for: Data(message))).map { Array($0) }
    }
}

/// Why a file is no document that a key has signed.
package enum SignedDocumentDefect: Error, Equatable, Sendable, CustomStringConvertible {
    /// It is not as Meter writes signed documents.
    case format
    /// The contents are not those that the hash was made of.
    case hash
    /// Signed with a key that is not among those given.
    case otherKey(String)
    case signature

    package var description: String {
        switch self {
        case .format: "is not as Meter signs, or its end was changed"
        case .hash: "its contents are not those that were signed"
        case .otherKey(let key): "is signed with the key \(key), which is not among those given"
        case .signature: "its signature is not one of the key that it names"
        }
    }
}

/// A statement, credit requests or a head of the book with its signature, as it is kept and handed out: a JSON
/// document, or CSV whose last line is the signature.
///
/// The signature covers a word for the form and every byte of the contents. The end of the file has a
/// fixed length and is made again for comparison, so that no byte of the file can change unseen.
package struct SignedDocument: Equatable, Sendable {
    package enum Form: String, Sendable, CaseIterable {
        /// Of statements and credit requests.
        case json, csv
        /// How far a book went (``SignedBookHead``).
        case bookHead = "book-head"
    }

    package let form: Form
    /// What was signed.
    package let contents: [UInt8]
    /// SHA-256 of the contents, 64 hexadecimal digits.
    package let hash: String
    package let publicKey: String
    private let signature: String

    /// Signs; nil if the system refuses.
    package init?(_ contents: [UInt8], _ form: Form, key: SigningKey) {
        guard let signature = key.signature(Self.message(contents, form)) else { return nil }
        self.form = form
        self.contents = contents
        hash = Self.hash(contents)
        publicKey = key.publicKey
        self.signature = Hexadecimal.text(signature)
    }

    /// Reads and checks a file.
    ///
    /// - Parameter publicKeys: Those that are trusted; nil checks the contents, and not who signed them.
    package init(_ file: [UInt8], publicKeys: Set<String>?) throws(SignedDocumentDefect) {
        let form = Form.allCases.first { $0 != .csv && file.starts(with: Self.head($0)) } ?? .csv
        let blank = Self.end(form, Self.digits(64), Self.digits(64), Self.digits(128))
        let head = Self.head(form)
        guard file.count >= head.count + blank.count else { throw .format }
        let end = Array(file.suffix(blank.count))
        let parts = Self.offsets(form).map { offset, count in
            String(decoding: end[offset..<offset + count], as: UTF8.self)
        }
        guard parts.count == 3, Self.end(form, parts[0], parts[1], parts[2]) == end,
            parts.allSatisfy({ $0.utf8.allSatisfy(Self.isDigit) })
        else { throw .format }
        self.form = form
        contents = Array(file[head.count..<(file.count - blank.count)])
        publicKey = parts[0]
        hash = parts[1]
        signature = parts[2]
        guard Self.hash(contents) == hash else { throw .hash }
        if let publicKeys, !publicKeys.contains(publicKey) { throw .otherKey(publicKey) }
        guard let raw = Hexadecimal.bytes(publicKey), let signed = Hexadecimal.bytes(signature),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw),
            key.isValidSignature(signed, for: Data(Self.message(contents, form)))
        else { throw .signature }
    }

    /// The file.
    package var bytes: [UInt8] {
        Self.head(form) + contents + Self.end(form, publicKey, hash, signature)
    }

    // MARK: -

    private static func message(_ contents: [UInt8], _ form: Form) -> [UInt8] {
        let kind = form == .bookHead ? form.rawValue : "statement \(form.rawValue)"
        return Array("meter \(kind) 1\n".utf8) + contents
    }

    private static func hash(_ contents: [UInt8]) -> String {
        Hexadecimal.text(SHA256.hash(data: contents))
    }

    private static func head(_ form: Form) -> [UInt8] {
        switch form {
        case .json: Array(#"{"statement":"#.utf8)
        case .bookHead: Array(#"{"bookHead":"#.utf8)
        case .csv: []
        }
    }

    private static func end(
        _ form: Form,
        _ publicKey: String,
        _ hash: String,
        _ signature: String
    ) -> [UInt8] {
        switch form {
        case .json, .bookHead:
            Array(
                (#","signature":{"algorithm":"Ed25519","publicKey":""# + publicKey
                    + #"","sha256":""# + hash + #"","signature":""# + signature + "\"}}\n").utf8
            )
        case .csv: Array("signature,Ed25519,\(publicKey),\(hash),\(signature)\r\n".utf8)
        }
    }

    /// Where key, hash and signature stand in the end.
    private static func offsets(_ form: Form) -> [(Int, Int)] {
        let names: [String] =
            form != .csv
            ? [
                #","signature":{"algorithm":"Ed25519","publicKey":""#, #"","sha256":""#,
                #"","signature":""#,
            ] : ["signature,Ed25519,", ",", ","]
        var offset = 0
        return zip(names, [64, 64, 128]).map { name, count in
            offset += name.utf8.count + count
            return (offset - count, count)
        }
    }

    private static func digits(_ count: Int) -> String { String(repeating: "0", count: count) }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
