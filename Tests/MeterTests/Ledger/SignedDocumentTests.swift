import MeterTesting
import MeterWire
import Testing

@testable import Meter

/// A statement's file and its signature.
struct SignedDocumentTests {
    private static let contents: [SignedDocument.Form: String] = [
        .json: #"{"version":1,"tenant":"a","lines":[{"metered":"12"}]}"#,
        .csv: "record,tenant\r\nline,a\r\n",
        .bookHead: #"{"version":1,"decisions":"12"}"#,
    ]

    private func key(_ byte: UInt8) throws -> SigningKey {
        try #require(SigningKey(seed: [UInt8](repeating: byte, count: 32)))
    }

    private func statement(_ form: SignedDocument.Form) throws -> SignedDocument {
        let contents = Array((Self.contents[form] ?? "").utf8)
        return try #require(SignedDocument(contents, form, key: key(1)))
    }

    @Test(arguments: SignedDocument.Form.allCases)
    func `a statement reads back, and the same contents and key give the same bytes`(
        form: SignedDocument.Form
    ) throws {
        let statement = try statement(form)
        let trusted: Set = [try key(2).publicKey, try key(1).publicKey]
        #expect(try SignedDocument(statement.bytes, publicKeys: trusted) == statement)
        #expect(try self.statement(form).bytes == statement.bytes)
        #expect(String(decoding: statement.contents, as: UTF8.self) == Self.contents[form])
    }

    @Test(arguments: SignedDocument.Form.allCases)
    func `no bit of the file can change, and nothing can be added or cut off`(
        form: SignedDocument.Form
    ) throws {
        let bytes = try statement(form).bytes
        let trusted: Set = [try key(1).publicKey]
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: SignedDocumentDefect.self, "byte \(index), bit \(bit)") {
                    try SignedDocument(changed, publicKeys: trusted)
                }
            }
        }
        for count in 0..<bytes.count {
            #expect(throws: SignedDocumentDefect.self) {
                try SignedDocument(Array(bytes.prefix(count)), publicKeys: trusted)
            }
        }
        for more in [[0x0A], bytes] {
            #expect(throws: SignedDocumentDefect.self) {
                try SignedDocument(bytes + more, publicKeys: trusted)
            }
        }
    }

    @Test func `a key that is not trusted is named, and one form is no other`() throws {
        let statement = try statement(.json)
        #expect(throws: SignedDocumentDefect.otherKey(try key(1).publicKey)) {
            try SignedDocument(statement.bytes, publicKeys: [try key(2).publicKey])
        }
        // Its contents signed as JSON, put into the frame of a table.
        let table = try #require(SignedDocument(statement.contents, .csv, key: try key(1)))
        let asTable =
            statement.contents
            + Array(
                "signature,Ed25519,\(table.publicKey),\(table.hash),".utf8
            ) + Array(statement.bytes.dropLast(4).suffix(128)) + Array("\r\n".utf8)
        #expect(throws: SignedDocumentDefect.signature) {
            try SignedDocument(asTable, publicKeys: nil)
        }
        #expect(SigningKey(seed: [1, 2, 3]) == nil)
    }
}
