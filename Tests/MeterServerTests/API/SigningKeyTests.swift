import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import MeterServer

/// The key that signs, over rotations that are interrupted.
struct SigningKeyTests {
    private static let caller = Caller.localAdministrator

    /// A file's bytes in a server's data directory.
    private func bytes(_ server: TestServer, _ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: server.data).appending(path: name))
    }

    private func write(_ bytes: Data, _ server: TestServer, _ name: String) throws {
        try bytes.write(to: URL(filePath: server.data).appending(path: name))
    }

    private func publicKeys(_ server: TestServer) -> [String] {
        server.context.book.state.billing.statementKeys.map(\.publicKey)
    }

    private func has(_ server: TestServer, _ name: String) -> Bool {
        FileManager.default.fileExists(atPath: server.data + "/" + name)
    }

    /// The steps of a rotation after which everything may stop.
    enum Step: CaseIterable { case drawn, booked, inPlace }

    @Test(arguments: Step.allCases)
    func `after a stop in a rotation what was signed verifies, and the book knows what signs on`(
        step: Step
    ) async throws {
        let server = try await TestServer()
        let book = server.context.book
        let files = try SigningKeyFile(in: server.data)
        let old = try files.signer(book, for: Self.caller)
        let signed = try #require(SignedDocument(Array("old".utf8), .json, key: old))
        let oldSeed = try bytes(server, SigningKeyFile.name)
        switch step {
        case .drawn:
            try write(Data(repeating: 9, count: 32), server, SigningKeyFile.nextName)
        case .booked:
            try files.rotate(book, label: "next", for: Self.caller)
            try write(try bytes(server, SigningKeyFile.name), server, SigningKeyFile.nextName)
            try write(oldSeed, server, SigningKeyFile.name)
        case .inPlace: try files.rotate(book, label: "next", for: Self.caller)
        }
        let known = publicKeys(server)

        // The next start.
        let restarted = try SigningKeyFile(in: server.data)
        let signer = try restarted.signer(book, for: Self.caller)
        #expect(signer.publicKey == known.last)
        #expect((signer.publicKey == old.publicKey) == (step == .drawn))
        #expect(publicKeys(server) == known)
        let next = try #require(SignedDocument(Array("new".utf8), .json, key: signer))
        for document in [signed, next] {
            #expect(
                try SignedDocument(document.bytes, publicKeys: Set(known)) == document)
        }
        // And the one after it, without what was left over.
        let again = try SigningKeyFile(in: server.data).signer(book, for: Self.caller)
        #expect(again.publicKey == signer.publicKey)
        #expect(has(server, SigningKeyFile.nextName) == (step == .drawn))
        try restarted.rotate(book, label: nil, for: Self.caller)
        #expect(publicKeys(server).count == known.count + 1)
        #expect(!has(server, SigningKeyFile.nextName))
    }

    @Test func `a rotation that the book does not take leaves the key as it is`() async throws {
        let server = try await TestServer()
        let book = server.context.book
        let files = try SigningKeyFile(in: server.data)
        let old = try files.signer(book, for: Self.caller)
        let seed = try bytes(server, SigningKeyFile.name)
        let label = String(repeating: "x", count: 2 << 20)
        #expect(throws: Problem.self) { try files.rotate(book, label: label, for: Self.caller) }
        #expect(try bytes(server, SigningKeyFile.name) == seed)
        #expect(publicKeys(server) == [old.publicKey])
        #expect(try files.signer(book, for: Self.caller).publicKey == old.publicKey)
        let restarted = try SigningKeyFile(in: server.data)
        #expect(try restarted.signer(book, for: Self.caller).publicKey == old.publicKey)
    }

    @Test func `a key file from before a rotation signs on`() async throws {
        let server = try await TestServer()
        let book = server.context.book
        let files = try SigningKeyFile(in: server.data)
        let old = try files.signer(book, for: Self.caller)
        let seed = try bytes(server, SigningKeyFile.name)
        try files.rotate(book, label: nil, for: Self.caller)
        try write(seed, server, SigningKeyFile.name)
        let restored = try SigningKeyFile(in: server.data)
        #expect(try restored.signer(book, for: Self.caller).publicKey == old.publicKey)
        #expect(publicKeys(server).count == 2)
    }
}
