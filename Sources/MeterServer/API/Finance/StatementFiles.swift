internal import FoundationEssentials
internal import Meter
internal import MeterDisk
internal import MeterWire
internal import Synchronization

/// Statements as they were signed, in the data directory, and the key that signs them.
///
/// `statement-<SHA-256 of the contents>.json` and `.csv`: the book names the hash, so that a file cannot be
/// taken for another, and a statement that is rendered again has the bytes that it had.
final class StatementFiles: Sendable {
    private static let keyName = "statement.key"
    private let directory: String
    private let disk: POSIXDisk
    private let key: Mutex<SigningKey>

    /// - Throws: ``StartError`` when the key can neither be read nor made.
    init(in directory: String) throws {
        self.directory = directory
        disk = try POSIXDisk(path: directory)
        key = Mutex(
            try Self.key(
                DataKeyFile.key(
                    Self.keyName,
                    byteCount: 32,
                    in: directory,
                    consequence: "restore it, or remove it and have statements signed with another"
                )
            )
        )
    }

    /// What new statements are signed with; its public half is in the book from then on.
    func signer(_ book: BookStore, for caller: Caller) throws(Problem) -> SigningKey {
        let key = key.withLock { $0 }
        if book.state.billing.statementKeys.last?.publicKey != key.publicKey {
            _ = try book.decide(
                [.statementKeySet(StatementKeySet(publicKey: key.publicKey))],
                caller
            )
        }
        return key
    }

    /// Draws another key. Statements so far stay good: their public key stays in the book.
    func rotate(_ book: BookStore, label: String?, for caller: Caller) throws(Problem) {
        do {
            let drawn = try Self.key(
                DataKeyFile.draw(Self.keyName, byteCount: 32, in: directory)
            )
            key.withLock { $0 = drawn }
            _ = try book.decide(
                [.statementKeySet(StatementKeySet(publicKey: drawn.publicKey, label: label))],
                caller
            )
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .unavailable("The statement key could not be drawn: \(error).")
        }
    }

    /// Keeps a statement in both forms; durable when this returns.
    func keep(_ statement: SignedDocument, _ table: SignedDocument) throws(Problem) {
        do throws(DiskError) {
            try disk.writeWhole(table.bytes, to: Self.name(statement.hash, .csv))
            try disk.writeWhole(statement.bytes, to: Self.name(statement.hash, .json))
            try disk.syncDirectory()
        } catch {
            throw .unavailable("The statement could not be kept, and nothing is closed: \(error).")
        }
    }

    /// A statement's bytes; nil where the file is gone.
    func bytes(_ hash: String, _ form: SignedDocument.Form) -> [UInt8]? {
        let url = URL(filePath: directory).appending(path: Self.name(hash, form))
        return (try? Data(contentsOf: url)).map { Array($0) }
    }

    static func name(_ hash: String, _ form: SignedDocument.Form) -> String {
        "statement-\(hash).\(form.rawValue)"
    }

    private static func key(_ seed: [UInt8]) throws(StartError) -> SigningKey {
        guard let key = SigningKey(seed: seed) else {
            throw StartError(.damaged, "\(keyName) is no Ed25519 key")
        }
        return key
    }
}
