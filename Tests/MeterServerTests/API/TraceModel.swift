import Foundation
import MeterTesting

@testable import MeterServer

/// An export request in the plainest form, from which both codings are made: by other code than that which reads them,
/// in any order of fields, with what is not known in between.
struct TraceModel {
    indirect enum Value {
        case text(String)
        case integer(Int64)
        case double(Double)
        case flag(Bool)
        case bytes([UInt8])
        case list([Value])
        case map([(String, Value)])
    }

    typealias Attributes = [(String, Value)]

    struct Span {
        var traceID = [UInt8](repeating: 1, count: 16)
        var spanID = [UInt8](repeating: 2, count: 8)
        var start: UInt64 = 0
        var end: UInt64 = 0
        var attributes: Attributes = []
        var status: UInt64?
    }

    struct Resource {
        var attributes: Attributes = []
        var scopes: [[Span]] = []
    }

    var resources: [Resource] = []

    /// One resource with these spans.
    init(_ spans: [Span], resource: Attributes = [("service.name", .text("svc"))]) {
        resources = [Resource(attributes: resource, scopes: [spans])]
    }

    // MARK: - Protobuf

    /// - Parameter seed: Shuffles the fields of messages and puts unknown ones among them.
    func protobuf(_ seed: inout Seed) -> [UInt8] {
        var fields = resources.map { resource -> [UInt8] in
            let own = Self.message(
                resource.attributes.map { Self.field(1, Self.protobuf($0, &seed)) },
                &seed,
                keepsOrder: true
            )
            var fields = [Self.field(1, own)]
            for spans in resource.scopes {
                let scope = Self.message(
                    spans.map { Self.field(2, Self.protobuf($0, &seed)) },
                    &seed,
                    keepsOrder: true
                )
                fields.append(Self.field(2, scope))
            }
            // Spans of several scopes stay in order; the resource may stand anywhere among them.
            fields.insert(fields.removeFirst(), at: seed.below(fields.count + 1))
            return Self.field(1, Self.message(fields, &seed, keepsOrder: true))
        }
        if seed.oneIn(3) { fields.append([9 << 3 | 5, 1, 2, 3, 4]) }
        return fields.flatMap { $0 }
    }

    private static func protobuf(_ span: Span, _ seed: inout Seed) -> [UInt8] {
        var fields = [field(1, span.traceID), field(2, span.spanID)]
        if span.start > 0 { fields.append([7 << 3 | 1] + fixed(span.start)) }
        if span.end > 0 { fields.append([8 << 3 | 1] + fixed(span.end)) }
        if let status = span.status {
            fields.append(
                field(15, message([[3 << 3] + varint(status), field(2, [0x6F, 0x6B])], &seed))
            )
        }
        fields.shuffle(using: &seed)
        // The last of several values of one key counts, so attributes stay in order.
        let attributes = span.attributes.map { field(9, protobuf($0, &seed)) }
        return message(fields + attributes, &seed, keepsOrder: true)
    }

    private static func protobuf(
        _ attribute: (String, Value),
        _ seed: inout Seed
    ) -> [UInt8] {
        message(
            [field(1, Array(attribute.0.utf8)), field(2, protobuf(attribute.1, &seed))],
            &seed
        )
    }

    private static func protobuf(_ value: Value, _ seed: inout Seed) -> [UInt8] {
        switch value {
        case .text(let text): field(1, Array(text.utf8))
        case .flag(let flag): [2 << 3, flag ? 1 : 0]
        case .integer(let number): [3 << 3] + varint(UInt64(bitPattern: number))
        case .double(let number): [4 << 3 | 1] + fixed(number.bitPattern)
        case .list(let values):
            field(5, values.flatMap { field(1, protobuf($0, &seed)) })
        case .map(let values):
            field(6, values.flatMap { field(1, protobuf($0, &seed)) })
        case .bytes(let bytes): field(7, bytes)
        }
    }

    private static func message(
        _ fields: [[UInt8]],
        _ seed: inout Seed,
        keepsOrder: Bool = false
    ) -> [UInt8] {
        var fields = fields
        if !keepsOrder { fields.shuffle(using: &seed) }
        if seed.oneIn(5) {
            let unknown = seed.pick([field(100, [1, 2, 3]), varint(77 << 3) + [0xFF, 1]])
            fields.insert(unknown, at: seed.below(fields.count + 1))
        }
        return fields.flatMap { $0 }
    }

    private static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(content.count)) + content
    }

    private static func fixed(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }

    private static func varint(_ number: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = number
        repeat {
            bytes.append(UInt8(truncatingIfNeeded: rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    // MARK: - JSON

    /// - Parameter seed: Shuffles members and puts unknown ones among them.
    func json(_ seed: inout Seed) -> [UInt8] {
        var resources: [JSONOutput] = []
        for resource in self.resources {
            var scopes: [JSONOutput] = []
            for spans in resource.scopes {
                let list = spans.map { Self.json($0, &seed) }
                scopes.append(Self.object([JSONMember("spans", .array(list))], &seed))
            }
            let attributes = resource.attributes.map { Self.json($0, &seed) }
            let own = Self.object([JSONMember("attributes", .array(attributes))], &seed)
            resources.append(
                Self.object(
                    [JSONMember("resource", own), JSONMember("scopeSpans", .array(scopes))],
                    &seed
                )
            )
        }
        return Self.object([JSONMember("resourceSpans", .array(resources))], &seed).encoded
    }

    private static func json(_ span: Span, _ seed: inout Seed) -> JSONOutput {
        var members = [
            JSONMember("traceId", .string(hexadecimal(span.traceID, &seed))),
            JSONMember("spanId", .string(hexadecimal(span.spanID, &seed))),
            JSONMember("attributes", .array(span.attributes.map { json($0, &seed) })),
        ]
        if span.start > 0 {
            members.append(JSONMember("startTimeUnixNano", number("\(span.start)", &seed)))
        }
        if span.end > 0 {
            members.append(JSONMember("endTimeUnixNano", number("\(span.end)", &seed)))
        }
        if let status = span.status {
            members.append(
                JSONMember(
                    "status",
                    object(
                        [JSONMember("code", .integer(Int64(status))), JSONMember("message", "ok")],
                        &seed
                    )
                )
            )
        }
        return object(members, &seed)
    }

    private static func json(_ attribute: (String, Value), _ seed: inout Seed) -> JSONOutput {
        object(
            [
                JSONMember("key", .string(attribute.0)),
                JSONMember("value", .object([json(attribute.1, &seed)])),
            ],
            &seed
        )
    }

    private static func json(_ value: Value, _ seed: inout Seed) -> JSONMember {
        switch value {
        case .text(let text): return JSONMember("stringValue", .string(text))
        case .flag(let flag): return JSONMember("boolValue", .boolean(flag))
        case .integer(let integer): return JSONMember("intValue", number("\(integer)", &seed))
        case .double(let double):
            return JSONMember("doubleValue", .written(Array("\(double)".utf8)))
        case .bytes(let bytes):
            return JSONMember("bytesValue", .string(Data(bytes).base64EncodedString()))
        case .list(let values):
            let list = values.map { JSONOutput.object([json($0, &seed)]) }
            return JSONMember("arrayValue", ["values": .array(list)])
        case .map(let values):
            let list = values.map { json($0, &seed) }
            return JSONMember("kvlistValue", ["values": .array(list)])
        }
    }

    private static func object(_ members: [JSONMember], _ seed: inout Seed) -> JSONOutput {
        var members = members
        if seed.oneIn(5) {
            members.append(JSONMember("somethingNew", ["a": .array([.null, "b", .integer(1)])]))
        }
        if seed.oneIn(8) { members.append(JSONMember("schemaUrl", .null)) }
        members.shuffle(using: &seed)
        return .object(members)
    }

    private static func number(_ digits: String, _ seed: inout Seed) -> JSONOutput {
        seed.oneIn(2) ? .string(digits) : .written(Array(digits.utf8))
    }

    private static func hexadecimal(_ bytes: [UInt8], _ seed: inout Seed) -> String {
        let text = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        return seed.oneIn(4) ? text.uppercased() : text
    }

    // MARK: - At random

    private static let keys =
        TelemetryAttributes.Name.allCases.map(\.rawValue)
        + ["gen_ai.input.messages", "gen_ai.system", "http.request.method", "gen_ai", "", "é"]

    private static func value(_ seed: inout Seed, depth: Int = 0) -> Value {
        let texts = [
            "", "chat", "invoke_agent", "a\"\\\n\u{1}ü", "gpt-4o", "0123456789abcdef", "acme",
        ]
        switch seed.below(depth < 3 ? 10 : 6) {
        case 0: return .double(0.5)
        case 1: return .flag(seed.oneIn(2))
        case 2: return .bytes([0, 0xFF, UInt8(seed.below(256))])
        case 3: return .integer(seed.pick([0, -1, .min, .max, 5]))
        case 4: return .integer(Int64(seed.below(3_000)))
        case 5...7: return .text(seed.pick(texts))
        case 8: return .list((0..<seed.below(3)).map { _ in value(&seed, depth: depth + 1) })
        default:
            return .map((0..<seed.below(3)).map { ("k\($0)", value(&seed, depth: depth + 1)) })
        }
    }

    private static func attributes(_ seed: inout Seed) -> Attributes {
        (0..<seed.below(9)).map { _ in (seed.pick(keys), value(&seed)) }
    }

    /// Of a call, which mostly breaks no rule.
    private static func call(_ seed: inout Seed) -> Attributes {
        let counts = [
            "input_tokens", "output_tokens", "cache_read.input_tokens", "reasoning.output_tokens",
        ]
        var attributes: Attributes = [
            ("gen_ai.operation.name", .text("chat")), ("meter.agent", .text("bot")),
        ]
        for name in counts where seed.oneIn(2) {
            attributes.append(("gen_ai.usage." + name, .integer(Int64(seed.below(40) - 1))))
        }
        return seed.oneIn(2) ? attributes : attributes + [(seed.pick(keys), value(&seed))]
    }

    init(_ seed: inout Seed) {
        for _ in 0..<seed.below(4) {
            var resource = Resource(attributes: Self.attributes(&seed))
            for _ in 0..<seed.below(3) {
                resource.scopes.append(
                    (0..<seed.below(4)).map { _ in
                        let length = seed.pick([0, 8, 8, 8, 16])
                        return Span(
                            traceID: (0..<2 * length).map { _ in UInt8(seed.below(256)) },
                            spanID: (0..<length).map { _ in UInt8(seed.below(2)) },
                            start: seed.pick([0, 1, 1_795_343_400_000_000_000]),
                            end: seed.pick([0, 1_795_343_400_125_999_999, .max]),
                            attributes: seed.oneIn(2)
                                ? Self.call(&seed) : Self.attributes(&seed),
                            status: seed.pick([nil, 0, 1, 2])
                        )
                    }
                )
            }
            resources.append(resource)
        }
    }
}
