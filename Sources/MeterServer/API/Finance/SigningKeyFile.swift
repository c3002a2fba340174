internal import FoundationEssentials
internal import Meter
internal import MeterDisk
internal import MeterWire
internal import Synchronization

/// The key that statements, credit requests and heads of the book are signed with, in the data directory.
///
/// Nothing is signed with a key that the book does not know. A new key is put beside the old one, then
/// booked, and only then put in its place. After a stop between two of these steps the book says which of
/// both signs: the new one once it is booked, the old one before.
final class SigningKeyFile: Sendable {
    static let name = "statement.key"
    static let nextName = "statement.key.next"
    private static let byteCount = 32

    private let directory: String
    private let disk: POSIXDisk
    private let key: Mutex<SigningKey>

    /// - Throws: ``StartError`` when the key can neither be read nor made.
    init(in directory: String) throws {
        self.directory = directory
        disk = try POSIXDisk(path: directory)
        let seed = try DataKeyFile.key(
            Self.name,
            byteCount: Self.byteCount,
            in: directory,
            consequence: "restore it, or remove it and have statements signed with another"
        )
        guard let read = SigningKey(seed: seed) else {
            throw StartError(.damaged, "\(Self.name) is no Ed25519 key")
        }
        key = Mutex(read)
    }

    /// What is signed with from now on; its public half is in the book.
    func signer(_ book: BookStore, for caller: Caller) throws(Problem) -> SigningKey {
        try key.withLock { (key) throws(Problem) -> SigningKey in
            key = try settled(key, book, caller)
            return key
        }
    }

    /// Draws another key. What was signed so far stays good: its public key stays in the book.
    func rotate(_ book: BookStore, label: String?, for caller: Caller) throws(Problem) {
        try key.withLock { (key) throws(Problem) -> Void in
            key = try settled(key, book, caller)
            var random = SystemRandomNumberGenerator()
            let seed = (0..<Self.byteCount).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            guard let drawn = SigningKey(seed: seed) else { throw .internalError }
            try write { () throws(DiskError) in try disk.writeWhole(seed, to: Self.nextName) }
            _ = try book.decide(
                [.statementKeySet(StatementKeySet(publicKey: drawn.publicKey, label: label))],
                caller
            )
            key = drawn
            try takeNext()
        }
    }

    /// The key that the book wants to be signed with, if it is here; otherwise the one that is, which the
    /// book gets to know.
    private func settled(
        _ key: SigningKey,
        _ book: BookStore,
        _ caller: Caller
    ) throws(Problem) -> SigningKey {
        let known = book.state.billing.statementKeys.map(\.publicKey)
        if known.last == key.publicKey { return key }
        if let next, known.last == next.publicKey {
            try takeNext()
            return next
        }
        // A file from before a rotation, as a copy may have it, signs on: the book knows it already.
        if known.contains(key.publicKey) { return key }
        _ = try book.decide(
            [.statementKeySet(StatementKeySet(publicKey: key.publicKey))],
            caller
        )
        return key
    }

    /// The key of a rotation that did not come to its end.
    private var next: SigningKey? {
        let url = URL(filePath: directory).appending(path: Self.nextName)
        return (try? Data(contentsOf: url)).flatMap { SigningKey(seed: Array($0)) }
    }

    private func takeNext() throws(Problem) {
        try write { () throws(DiskError) in
            try disk.rename(Self.nextName, to: Self.name)
            try disk.syncDirectory()
        }
    }

    private func write(_ step: () throws(DiskError) -> Void) throws(Problem) {
        do throws(DiskError) {
            try step()
        } catch {
            throw .unavailable("The statement key could not be written: \(error).")
        }
    }
}
