/// Reads comma-separated values (RFC 4180): fields may be quoted, lines end with CR LF or LF.
///
/// Nothing is read that is larger than its limits, and each refusal names the line.
struct CSVRows {
    struct Malformed: Error, Equatable {
        /// From 1.
        let line: Int
        let detail: String
    }

    struct Row {
        /// The line on which it begins, from 1.
        let line: Int
        let fields: [String]
    }

    static let fieldByteCountMax = 4_096
    static let fieldCountMax = 64

    private let bytes: [UInt8]
    private var index = 0
    private var line = 1

    /// - Parameter bytes: A mark of UTF-8 at the beginning is passed over.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    /// The next row that has anything in it; nil at the end.
    mutating func next() throws(Malformed) -> Row? {
        while index < bytes.count {
            let start = line
            let fields = try row()
            if fields.count > 1 || fields.first?.isEmpty == false {
                return Row(line: start, fields: fields)
            }
        }
        return nil
    }

    private mutating func row() throws(Malformed) -> [String] {
        let start = line
        var fields: [String] = []
        while true {
            guard fields.count < Self.fieldCountMax else {
                throw Malformed(line: start, detail: "more than \(Self.fieldCountMax) fields")
            }
            fields.append(try field())
            guard index < bytes.count else { return fields }
            switch bytes[index] {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "\r") where peek(1) == UInt8(ascii: "\n"):
                index += 2
                line += 1
                return fields
            case UInt8(ascii: "\n"):
                index += 1
                line += 1
                return fields
            default:
                throw Malformed(line: line, detail: "a quoted field goes on after its last quote")
            }
        }
    }

    private mutating func field() throws(Malformed) -> String {
        let start = line
        var text: [UInt8] = []
        if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
            index += 1
            while true {
                guard index < bytes.count else {
                    throw Malformed(line: start, detail: "a quoted field has no end")
                }
                let byte = bytes[index]
                index += 1
                if byte == UInt8(ascii: "\"") {
                    guard peek(0) == UInt8(ascii: "\"") else { break }
                    index += 1
                } else if byte == UInt8(ascii: "\n") {
                    line += 1
                }
                text.append(byte)
                try check(text, start)
            }
        } else {
            while index < bytes.count, bytes[index] != UInt8(ascii: ","),
                bytes[index] != UInt8(ascii: "\n"),
                !(bytes[index] == UInt8(ascii: "\r") && peek(1) == UInt8(ascii: "\n"))
            {
                guard bytes[index] != UInt8(ascii: "\"") else {
                    throw Malformed(line: line, detail: "a quote stands within a field")
                }
                text.append(bytes[index])
                index += 1
                try check(text, start)
            }
        }
        guard let field = String(validating: text, as: UTF8.self) else {
            throw Malformed(line: start, detail: "a field is not UTF-8")
        }
        return field
    }

    private func check(_ text: [UInt8], _ line: Int) throws(Malformed) {
        guard text.count <= Self.fieldByteCountMax else {
            throw Malformed(
                line: line,
                detail: "a field has more than \(Self.fieldByteCountMax) bytes"
            )
        }
    }

    private func peek(_ ahead: Int) -> UInt8? {
        index + ahead < bytes.count ? bytes[index + ahead] : nil
    }
}
