internal import FoundationEssentials
internal import Meter
internal import MeterDisk
internal import MeterWire

/// Statements as they were signed, in the data directory, beside the key that signs.
///
/// `statement-<SHA-256 of the contents>.json` and `.csv`: the book names the hash, so that a file cannot be
/// taken for another, and a statement that is rendered again has the bytes that it had.
final class StatementFiles: Sendable {
    private let directory: String
    private let disk: POSIXDisk
    let signingKey: SigningKeyFile

    /// - Throws: ``StartError`` when the key can neither be read nor made.
    init(in directory: String) throws {
        self.directory = directory
        disk = try POSIXDisk(path: directory)
        signingKey = try SigningKeyFile(in: directory)
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
}
