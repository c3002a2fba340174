/// Reads an `ExportTraceServiceRequest` from OTLP's JSON: ids in hexadecimal, 64-bit numbers as text or numbers,
/// enumerations as numbers; what is not known is passed over.
struct SpanJSON {
    private var scanner: JSONScanner
    private var export: SpanExport

    static func read(
        _ body: [UInt8],
        spanCountMax: Int
    ) throws(SpanExport.Failure) -> SpanExport {
        var reader = SpanJSON(
            scanner: JSONScanner(body),
            export: SpanExport(spanCountMax: spanCountMax)
        )
        do {
            try reader.object("the body") { (reader, name) throws in
                guard reader.scanner.equals(name, "resourceSpans") else { return false }
                try reader.each("resourceSpans") { reader throws in try reader.resourceSpans() }
                return true
            }
            try reader.scanner.end()
        } catch let failure as SpanExport.Failure {
            throw failure
        } catch let error as JSONError {
            throw .malformed("not JSON: \(error)")
        } catch {
            throw .malformed("the body cannot be read")
        }
        return reader.export
    }

    private mutating func resourceSpans() throws {
        var resource = TelemetryAttributes()
        try object("resourceSpans") { reader, name throws in
            if reader.scanner.equals(name, "resource") {
                try reader.object("resource") { reader, name throws in
                    guard reader.scanner.equals(name, "attributes") else { return false }
                    try reader.each("attributes") { reader throws in
                        try reader.attribute(&resource)
                    }
                    return true
                }
            } else if reader.scanner.equals(name, "scopeSpans") {
                try reader.each("scopeSpans") { reader throws in try reader.scopeSpans() }
            } else {
                return false
            }
            return true
        }
        export.end(resource)
    }

    private mutating func scopeSpans() throws {
        try object("scopeSpans") { reader, name throws in
            guard reader.scanner.equals(name, "spans") else { return false }
            try reader.each("spans") { reader throws in
                try reader.export.add(try reader.span())
            }
            return true
        }
    }

    private mutating func span() throws -> SpanRecord {
        var span = SpanRecord()
        try object("spans") { reader, name throws in
            if reader.scanner.equals(name, "traceId") {
                span.traceID = try reader.identifier()
            } else if reader.scanner.equals(name, "spanId") {
                span.spanID = try reader.identifier()
            } else if reader.scanner.equals(name, "startTimeUnixNano") {
                span.start = UInt64(try reader.digits()) ?? 0
            } else if reader.scanner.equals(name, "endTimeUnixNano") {
                span.end = UInt64(try reader.digits()) ?? 0
            } else if reader.scanner.equals(name, "attributes") {
                try reader.each("attributes") { reader throws in
                    try reader.attribute(&span.attributes)
                }
            } else if reader.scanner.equals(name, "status") {
                try reader.object("status") { reader, name throws in
                    guard reader.scanner.equals(name, "code") else { return false }
                    span.isError = UInt64(try reader.digits()) == SpanStatus.error
                    return true
                }
            } else {
                return false
            }
            return true
        }
        return span
    }

    private mutating func attribute(_ attributes: inout TelemetryAttributes) throws {
        var key: [UInt8] = []
        var value: TelemetryAttributes.Value?
        try object("attributes") { reader, name throws in
            if reader.scanner.equals(name, "key") {
                key = try reader.text()
            } else if reader.scanner.equals(name, "value") {
                try reader.object("value") { reader, name throws in
                    if let read = try reader.value(name) { value = read }
                    return true
                }
            } else {
                return false
            }
            return true
        }
        guard let name = attributes.note(key: key[...]), let value else { return }
        attributes.set(name, value)
    }

    /// One member of a value, which has one: its name is its type.
    private mutating func value(
        _ name: JSONScanner.Text
    ) throws -> TelemetryAttributes.Value? {
        if scanner.equals(name, "stringValue"), try scanner.peek() == .string {
            return .text(String(decoding: try text(), as: UTF8.self))
        }
        if scanner.equals(name, "intValue") {
            return Int64(try digits()).map { .integer($0) } ?? .other
        }
        let isNull = try scanner.peek() == .null
        try scanner.skip()
        return isNull ? nil : .other
    }

    // MARK: -

    /// Reads an object's members; those that `read` leaves alone are passed over. Null is like nothing.
    private mutating func object(
        _ what: String,
        _ read: (inout SpanJSON, JSONScanner.Text) throws -> Bool
    ) throws {
        guard try isThere(.object, what, "an object") else { return }
        var member = try scanner.firstMember()
        while let name = member {
            // Null stands for what is not there, whatever it would be.
            if try scanner.peek() == .null {
                try scanner.skip()
            } else if try !read(&self, name) {
                try scanner.skip()
            }
            member = try scanner.nextMember()
        }
    }

    private mutating func each(
        _ what: String,
        _ read: (inout SpanJSON) throws -> Void
    ) throws {
        guard try isThere(.array, what, "an array") else { return }
        var more = try scanner.firstElement()
        while more {
            try read(&self)
            more = try scanner.nextElement()
        }
    }

    private mutating func isThere(
        _ kind: JSONScanner.Kind,
        _ what: String,
        _ shape: String
    ) throws -> Bool {
        guard try scanner.peek() == kind else {
            throw SpanExport.Failure.malformed("\(what) is not \(shape)")
        }
        return true
    }

    private mutating func text() throws -> [UInt8] {
        guard try scanner.peek() == .string else {
            throw SpanExport.Failure.malformed("an id or a key is not a string")
        }
        return scanner.bytes(of: try scanner.text())
    }

    /// A number, or the text of one; what else there is has no digits.
    private mutating func digits() throws -> String {
        switch try scanner.peek() {
        case .number: return String(decoding: try scanner.number().written, as: UTF8.self)
        case .string: return String(decoding: try text(), as: UTF8.self)
        default:
            try scanner.skip()
            return ""
        }
    }

    /// Bytes in hexadecimal; none where it is something else.
    private mutating func identifier() throws -> [UInt8] {
        let text = try text()
        guard text.count.isMultiple(of: 2) else { return [] }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: text.count, by: 2) {
            guard
                let byte = UInt8(
                    String(decoding: text[index..<index + 2], as: UTF8.self), radix: 16)
            else { return [] }
            bytes.append(byte)
        }
        return bytes
    }
}
