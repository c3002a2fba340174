internal import Meter
internal import MeterDisk
internal import MeterWaldur

/// Checks a statement against its signature, without a server.
enum StatementCheck {
    /// The public keys of a file: a line each.
    static func publicKeys(_ path: String) throws(CommandFailure) -> Set<String> {
        let text = String(decoding: try LocalFile.bytes(path), as: UTF8.self)
        let keys = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !keys.isEmpty, keys.allSatisfy({ BookHash($0) != nil }) else {
            throw CommandFailure(
                .failed,
                "\(path) does not hold public keys",
                detail: "Each line is one key of 64 hexadecimal digits.",
                next: "meterctl statement keys export > meter.pub"
            )
        }
        return Set(keys)
    }

    /// Whether a book is whole and has the decision that a head names.
    ///
    /// - Parameter publicKeys: nil where nobody says whom to trust: only the contents are checked then.
    static func finding(
        head bytes: [UInt8],
        of disk: any Disk,
        publicKeys: Set<String>?
    ) throws(DiskError) -> Finding {
        let head: SignedBookHead
        do throws(SignedDocumentDefect) {
            head = try SignedBookHead(bytes, publicKeys: publicKeys)
        } catch {
            let detail = "the head \(error)"
            return Finding(file: "head", kind: "head", state: .damaged, detail: detail)
        }
        var found: BookHash?
        var last: UInt64 = 0
        let recovery = try Book.read(disk) { entry in
            if entry.number == head.number { found = entry.hash }
            last = max(last, entry.number)
        }
        let detail: String
        if let damage = recovery.damage.first {
            // What follows damage is read all the same; the chain no longer proves it.
            detail = "\(damage)"
        } else if let found {
            detail =
                found == head.hash
                ? "has decision \(head.number) as the head says, and \(last - head.number) since; signed "
                    + "with \(head.publicKey)"
                : "decision \(head.number) is not the one that the head names: the book was written anew"
        } else {
            detail =
                "ends with decision \(last), the head names \(head.number): its end was cut off"
        }
        let isGood = found == head.hash && recovery.damage.isEmpty
        return Finding(
            file: "book",
            kind: "head",
            state: isGood ? .good : .damaged,
            detail: detail
        )
    }

    /// Whether a file of a data directory is named like a statement.
    static func isName(_ name: String) -> Bool {
        name.hasPrefix("statement-") && (name.hasSuffix(".json") || name.hasSuffix(".csv"))
    }

    /// - Parameter publicKeys: nil where nobody says whom to trust: only the contents are checked then.
    static func finding(_ bytes: [UInt8], file: String, publicKeys: Set<String>?) -> Finding {
        let state: Finding.State
        let detail: String
        do throws(SignedDocumentDefect) {
            let statement = try SignedDocument(bytes, publicKeys: publicKeys)
            guard statement.form != .bookHead else { throw .format }
            state = .good
            detail = "\(summary(statement)), signed with \(statement.publicKey)"
        } catch {
            state = .damaged
            detail = error.description
        }
        return Finding(file: file, kind: "statement", state: state, detail: detail)
    }

    private static func summary(_ statement: SignedDocument) -> String {
        guard statement.form == .json, let json = try? JSONParser.parse(statement.contents) else {
            return "\(statement.form.rawValue), SHA-256 \(statement.hash)"
        }
        return "\(json.cell("period")) of \(json.cell("tenant")), revision "
            + "\(json.cell("revision")), SHA-256 \(statement.hash)"
    }
}
