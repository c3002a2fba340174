import Foundation
import Meter
import MeterTesting
import Testing

/// Checking statements with the program itself, away from any server.
struct StatementTests {
    private static let program = Program("meterctl")

    @Test func `a statement verifies with its key, and not with another or with one byte changed`()
        throws
    {
        let directory = try TemporaryDirectory()
        func write(_ name: String, _ bytes: [UInt8]) throws -> String {
            let path = directory.path + "/" + name
            try Data(bytes).write(to: URL(filePath: path))
            return path
        }
        let key = try #require(SigningKey(seed: [UInt8](repeating: 1, count: 32)))
        let other = try #require(SigningKey(seed: [UInt8](repeating: 2, count: 32)))
        let contents = Array(#"{"tenant":"acme","period":"2026-11","revision":1}"#.utf8)
        let bytes = try #require(SignedDocument(contents, .json, key: key)).bytes
        var flipped = bytes
        flipped[25] ^= 1
        let trusted = try write("a.pub", Array("\(other.publicKey)\n\(key.publicKey)\n".utf8))
        let stranger = try write("b.pub", Array("\(other.publicKey)\n".utf8))
        let good = try write("good.json", bytes)
        for (keys, file, code, words) in [
            (trusted, good, 0, "2026-11 of acme, revision 1"),
            (trusted, try write("flipped.json", flipped), 3, "not those that were signed"),
            (stranger, good, 3, "not among those given"), (good, good, 1, ""),
        ] as [(String, String, Int32, String)] {
            let shown = try Self.program.run(["verify", "--public-key", keys, file])
            #expect(shown.code == code, "\(shown.output) \(shown.errors)")
            #expect(words.isEmpty || shown.output.contains(words), "\(shown.output)")
        }
        let hash = try SignedDocument(bytes, publicKeys: nil).hash
        _ = try write("statement-\(hash).json", flipped)
        let shown = try Self.program.run(["verify", directory.path])
        #expect(shown.code == 3 && shown.output.contains("not those that were signed"))
    }
}
