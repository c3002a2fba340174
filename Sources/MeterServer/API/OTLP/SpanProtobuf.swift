/// Reads an `ExportTraceServiceRequest` from protobuf: opentelemetry-proto 1.x, `trace.proto`.
///
/// Fields that are not listed here are passed over, and so are listed ones of another type, as protobuf has it.
struct SpanProtobuf {
    private typealias Malformed = ProtobufReader.Malformed
    private var export: SpanExport

    private enum Field {
        static let resourceSpans: UInt64 = 1
        static let resource: UInt64 = 1
        static let scopeSpans: UInt64 = 2
        static let resourceAttributes: UInt64 = 1
        static let spans: UInt64 = 2
        static let traceID: UInt64 = 1
        static let spanID: UInt64 = 2
        static let start: UInt64 = 7
        static let end: UInt64 = 8
        static let spanAttributes: UInt64 = 9
        static let status: UInt64 = 15
        static let statusCode: UInt64 = 3
        static let key: UInt64 = 1
        static let value: UInt64 = 2
        static let string: UInt64 = 1
        static let integer: UInt64 = 3
        /// The types of values from text to bytes.
        static let values: ClosedRange<UInt64> = 1...7
    }

    static func read(
        _ body: [UInt8],
        spanCountMax: Int
    ) throws(SpanExport.Failure) -> SpanExport {
        var reader = SpanProtobuf(export: SpanExport(spanCountMax: spanCountMax))
        do {
            try reader.request(ProtobufReader(body))
        } catch let failure as SpanExport.Failure {
            throw failure
        } catch let malformed as ProtobufReader.Malformed {
            throw .malformed("\(malformed.reason.rawValue), at byte \(malformed.offset)")
        } catch {
            throw .malformed("the message cannot be read")
        }
        return reader.export
    }

    private mutating func request(_ message: ProtobufReader) throws {
        var message = message
        while let field = try message.next() {
            guard field.number == Field.resourceSpans, case .bytes(let range) = field.value else {
                continue
            }
            try resourceSpans(message.message(range))
        }
    }

    private mutating func resourceSpans(_ message: ProtobufReader) throws {
        var message = message
        var resource = TelemetryAttributes()
        while let field = try message.next() {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case Field.resource:
                var inner = message.message(range)
                while let field = try inner.next() {
                    guard field.number == Field.resourceAttributes,
                        case .bytes(let range) = field.value
                    else { continue }
                    try Self.attribute(inner.message(range), &resource)
                }
            case Field.scopeSpans: try scopeSpans(message.message(range))
            default: break
            }
        }
        export.end(resource)
    }

    private mutating func scopeSpans(_ message: ProtobufReader) throws {
        var message = message
        while let field = try message.next() {
            guard field.number == Field.spans, case .bytes(let range) = field.value else {
                continue
            }
            try export.add(try Self.span(message.message(range)))
        }
    }

    private static func span(_ message: ProtobufReader) throws -> SpanRecord {
        var message = message
        var span = SpanRecord()
        while let field = try message.next() {
            switch (field.number, field.value) {
            case (Field.traceID, .bytes(let range)): span.traceID = Array(message.slice(range))
            case (Field.spanID, .bytes(let range)): span.spanID = Array(message.slice(range))
            case (Field.start, .fixed64(let time)): span.start = time
            case (Field.end, .fixed64(let time)): span.end = time
            case (Field.spanAttributes, .bytes(let range)):
                try attribute(message.message(range), &span.attributes)
            case (Field.status, .bytes(let range)):
                var inner = message.message(range)
                while let field = try inner.next() {
                    guard field.number == Field.statusCode, case .varint(let code) = field.value
                    else { continue }
                    span.isError = code == SpanStatus.error
                }
            default: break
            }
        }
        return span
    }

    private static func attribute(
        _ message: ProtobufReader,
        _ attributes: inout TelemetryAttributes
    ) throws {
        var message = message
        var key: Range<Int>?
        var value: Range<Int>?
        while let field = try message.next() {
            switch (field.number, field.value) {
            case (Field.key, .bytes(let range)): key = range
            case (Field.value, .bytes(let range)): value = range
            default: break
            }
        }
        guard let key, let name = attributes.note(key: message.slice(key)), let value else {
            return
        }
        var inner = message.message(value)
        while let field = try inner.next() {
            switch (field.number, field.value) {
            case (Field.string, .bytes(let range)):
                attributes.set(name, .text(try inner.text(range)))
            case (Field.integer, .varint(let number)):
                attributes.set(name, .integer(Int64(bitPattern: number)))
            default:
                if Field.values.contains(field.number) { attributes.set(name, .other) }
            }
        }
    }
}

/// How a span says that its call failed.
enum SpanStatus {
    static let error: UInt64 = 2
}
