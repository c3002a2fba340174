import MeterTesting
import MeterWire
import Testing

@testable import Meter

/// A book's head and its signature.
struct SignedBookHeadTests {
    private func signed(_ number: UInt64 = 12) throws -> (SignedBookHead, SigningKey) {
        let key = try #require(SigningKey(seed: [UInt8](repeating: 1, count: 32)))
        let hash = BookHash(of: [UInt8](repeating: 7, count: 9))
        let head = BookHead(number: number, hash: hash)
        let time = Timestamp(milliseconds: 1_794_830_430_000)
        return (try #require(SignedBookHead(head, at: time, key: key)), key)
    }

    @Test(arguments: [0, 12, .max] as [UInt64])
    func `a head reads back`(number: UInt64) throws {
        let (head, key) = try signed(number)
        let read = try SignedBookHead(head.bytes, publicKeys: [key.publicKey])
        #expect(read == head && read.number == number)
        #expect(throws: SignedDocumentDefect.otherKey(key.publicKey)) {
            try SignedBookHead(head.bytes, publicKeys: [])
        }
    }

    @Test func `a statement is no head, also where it is signed with the same key`() throws {
        let (head, key) = try signed()
        let contents = try SignedDocument(head.bytes, publicKeys: nil).contents
        let statement = try #require(SignedDocument(contents, .json, key: key))
        #expect(throws: SignedDocumentDefect.format) {
            try SignedBookHead(statement.bytes, publicKeys: nil)
        }
        // Nor is its signature one of a head with the same contents.
        let bytes = Array(#"{"bookHead":"#.utf8) + statement.bytes.dropFirst(13)
        #expect(throws: SignedDocumentDefect.signature) {
            try SignedBookHead(bytes, publicKeys: nil)
        }
    }

    @Test func `contents that are no head's are refused`() throws {
        let (_, key) = try signed()
        for text in ["{}", #"{"version":1,"decisions":"x"}"#, "\"\"\"\"\"\"\"\"\"\"\"\"\"\""] {
            let document = try #require(SignedDocument(Array(text.utf8), .bookHead, key: key))
            #expect(throws: SignedDocumentDefect.format) {
                try SignedBookHead(document.bytes, publicKeys: nil)
            }
        }
    }
}
