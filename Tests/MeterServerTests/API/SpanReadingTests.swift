import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import MeterServer

/// Spans from bytes to events: both codings say the same, and no bytes do any harm.
@Suite struct SpanReadingTests {
    static func fixture(_ name: String) throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(try Data(contentsOf: tests.appending(path: "Fixtures/otlp/\(name)")))
    }

    static func mapping(tenant: String? = nil) throws -> SpanMapping {
        SpanMapping(
            tenant: tenant,
            principal: PrincipalID(rawValue: 1),
            hash: try #require(IdentifierHash(key: [UInt8](repeating: 7, count: 16)))
        )
    }

    /// What became of each span of generative AI, in one line.
    static func lines(_ export: SpanExport, tenant: String? = nil) throws -> [String] {
        let mapping = try mapping(tenant: tenant)
        return export.spans.map { span, resource in
            switch mapping.result(span, resource) {
            case .ignored(let reason): return "ignored \(reason.rawValue)"
            case .refused(let refusal): return "refused \(refusal.reason.rawValue)"
            case .call(let event, _):
                let amounts = event.amounts.map { "\($0.component)=\($0.amount)" }
                return "\(RFC3339.text(event.time)) \(event.tenant) \(event.agent) "
                    + "\(event.model ?? "-") \(event.user ?? "-") \(event.outcome) "
                    + "\(event.durationMilliseconds.map { "\($0)" } ?? "-") "
                    + amounts.joined(separator: " ")
            }
        }
    }

    private static let golden = [
        "2026-11-22T10:30:00.125Z acme support-bot gpt-4o-2024-08-06 u-17 ok 1500 agent_calls=1 "
            + "cached_input_tokens=1920 input_tokens=86 output_tokens=44 reasoning_tokens=256",
        "2026-11-22T10:30:00.127Z acme triage claude - error 1502 agent_calls=1",
        "ignored other-operation",
        "refused token-parts",
    ]

    /// The files were made by OpenTelemetry's own Python classes, from the same export.
    @Test func `the bytes of others' libraries give the same events in both codings`() throws {
        let protobuf = try SpanProtobuf.read(try Self.fixture("export.pb"), spanCountMax: 10)
        let json = try SpanJSON.read(try Self.fixture("export.json"), spanCountMax: 10)
        #expect(try Self.lines(protobuf) == Self.golden)
        #expect(try Self.lines(json) == Self.golden)
        #expect(protobuf == json)
        #expect(protobuf.otherSpanCount == 1)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `protobuf and JSON of the same export are read alike`(number: UInt64) throws {
        var seed = Seed(number)
        let model = TraceModel(&seed)
        let protobuf = try SpanProtobuf.read(model.protobuf(&seed), spanCountMax: 1_000)
        let json = try SpanJSON.read(model.json(&seed), spanCountMax: 1_000)
        #expect(protobuf == json)
        #expect(try Self.lines(protobuf, tenant: "acme") == Self.lines(json, tenant: "acme"))
        #expect(
            protobuf.otherSpanCount + protobuf.spans.count
                == model.resources.reduce(0) { $0 + $1.scopes.reduce(0) { $0 + $1.count } }
        )
    }

    @Test func `random exports reach every end`() throws {
        var ends: Set<String> = []
        for number in 0..<1_000 as Range<UInt64> {
            var seed = Seed(number)
            let model = TraceModel(&seed)
            let export = try SpanProtobuf.read(model.protobuf(&seed), spanCountMax: 1_000)
            for line in try Self.lines(export, tenant: number.isMultiple(of: 2) ? "acme" : nil) {
                let words = line.split(separator: " ")
                let isCall = !["ignored", "refused"].contains(words[0])
                ends.insert(isCall ? "call" : words.joined(separator: " "))
            }
        }
        for end in [
            "call", "ignored other-operation", "ignored no-operation", "refused wrong-type",
            "refused missing-attribute", "refused bad-time", "refused bad-name",
            "refused bad-access", "refused not-an-integer", "refused negative-amount",
            "refused token-parts",
        ] {
            #expect(ends.contains(end), "\(end)")
        }
    }

    @Test func `every flipped bit and every missing end is read or refused`() throws {
        let protobuf = try Self.fixture("export.pb")
        let json = try Self.fixture("export.json")
        var (read, refused) = (0, 0)
        func attempt(_ body: () throws -> SpanExport) throws {
            do {
                _ = try Self.lines(try body(), tenant: "acme")
                read += 1
            } catch let failure as SpanExport.Failure {
                guard case .malformed(let reason) = failure else { throw failure }
                #expect(!reason.isEmpty)
                refused += 1
            }
        }
        for bit in 0..<8 * protobuf.count {
            var bytes = protobuf
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            try attempt { try SpanProtobuf.read(bytes, spanCountMax: 1_000) }
        }
        for count in 0..<protobuf.count {
            try attempt { try SpanProtobuf.read(Array(protobuf[..<count]), spanCountMax: 1_000) }
        }
        for bit in stride(from: 0, to: 8 * json.count, by: 13) {
            var bytes = json
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            try attempt { try SpanJSON.read(bytes, spanCountMax: 1_000) }
        }
        for count in stride(from: 0, to: json.count, by: 31) {
            try attempt { try SpanJSON.read(Array(json[..<count]), spanCountMax: 1_000) }
        }
        var seed = Seed(5)
        for _ in 0..<5_000 {
            let bytes = (0..<seed.below(60)).map { _ in UInt8(seed.below(256)) }
            try attempt { try SpanProtobuf.read(bytes, spanCountMax: 1_000) }
            try attempt { try SpanJSON.read(bytes, spanCountMax: 1_000) }
        }
        #expect(read > 1_000)
        #expect(refused > 1_000)
    }

    @Test func `messages within messages without end are passed over`() throws {
        // A value that is a list with a list in it, and so on: 14 bits of length at each level.
        var value: [UInt8] = []
        for _ in 0..<3_000 {
            let length = value.count
            let inner = [0x0A, UInt8(length & 0x7F) | 0x80, UInt8(length >> 7 & 0x7F)] + value
            value =
                [0x2A, UInt8(inner.count & 0x7F) | 0x80, UInt8(inner.count >> 7 & 0x7F)] + inner
            if value.count > 16_000 { break }
        }
        func field(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
            [tag, UInt8(bytes.count & 0x7F) | 0x80, UInt8(bytes.count >> 7)] + bytes
        }
        let key = Array("gen_ai.operation.name".utf8)
        let attribute = [0x0A, UInt8(key.count)] + key + field(0x12, value)
        let span = field(0x4A, attribute)
        let body = field(0x0A, field(0x12, field(0x12, span)))
        let export = try SpanProtobuf.read(body, spanCountMax: 1)
        #expect(try Self.lines(export) == ["refused wrong-type"])
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: SpanExport.Failure.self) {
            try SpanJSON.read(Array(#"{"x":\#(deep)"#.utf8), spanCountMax: 1)
        }
    }

    @Test func `more spans than allowed are refused as a whole, others are not kept`() throws {
        let call = TraceModel.Span(attributes: [("gen_ai.operation.name", .text("chat"))])
        var seed = Seed(1)
        let four = TraceModel([call, call, TraceModel.Span(), call, TraceModel.Span(), call])
        let bytes = four.protobuf(&seed)
        let json = four.json(&seed)
        #expect(try SpanProtobuf.read(bytes, spanCountMax: 4).spans.count == 4)
        #expect(throws: SpanExport.Failure.tooMany(limit: 3)) {
            try SpanProtobuf.read(bytes, spanCountMax: 3)
        }
        #expect(throws: SpanExport.Failure.tooMany(limit: 3)) {
            try SpanJSON.read(json, spanCountMax: 3)
        }
        let empty = [UInt8]([0x0A, 4, 0x12, 2, 0x12, 0])
        let many = try SpanProtobuf.read(
            Array(repeatElement(empty, count: 100_000).joined()), spanCountMax: 3)
        #expect(many.otherSpanCount == 100_000)
        #expect(many.spans.isEmpty)
    }

    @Test func `what is no request is refused with a reason`() {
        for body in ["", "[]", "null", "{", #"{"resourceSpans":{}}"#, #"{"resourceSpans":[1]}"#] {
            #expect(throws: SpanExport.Failure.self, "\(body)") {
                try SpanJSON.read(Array(body.utf8), spanCountMax: 1)
            }
        }
        for bytes: [UInt8] in [[0], [0x0B], [0x0A, 5, 1], [0x0A], [0xFF], [0x0D, 1, 2]] {
            #expect(throws: SpanExport.Failure.self, "\(bytes)") {
                try SpanProtobuf.read(bytes, spanCountMax: 1)
            }
        }
        // An eleventh byte, and a tenth with more than one bit.
        for end: [UInt8] in [[0x80, 0], [2]] {
            let bytes = [0x08] + [UInt8](repeating: 0x80, count: 9) + end
            #expect(throws: SpanExport.Failure.self) {
                try SpanProtobuf.read(bytes, spanCountMax: 1)
            }
        }
    }
}

/// What each rule of Ingest.md makes of a span.
@Suite struct SpanMappingTests {
    private static let time: UInt64 = 1_795_343_400_125_000_000

    private func line(
        _ attributes: TraceModel.Attributes,
        resource: TraceModel.Attributes = [("service.name", .text("svc"))],
        tenant: String? = "acme",
        _ change: (inout TraceModel.Span) -> Void = { _ in }
    ) throws -> String {
        var span = TraceModel.Span(start: Self.time - 7_999_999, end: Self.time)
        span.attributes = attributes
        change(&span)
        var seed = Seed(1)
        let body = TraceModel([span], resource: resource).protobuf(&seed)
        let lines = try SpanReadingTests.lines(
            SpanProtobuf.read(body, spanCountMax: 1), tenant: tenant)
        return lines.first ?? "not-gen-ai"
    }

    private let chat: TraceModel.Attributes = [("gen_ai.operation.name", .text("chat"))]
    private let head = "2026-11-22T10:30:00.125Z"

    @Test func `an agent is named by the span, or else by its resource`() throws {
        func agent(
            _ span: TraceModel.Attributes, _ resource: TraceModel.Attributes
        ) throws
            -> String?
        {
            let line = try line(chat + span, resource: resource)
            let words = line.split(separator: " ").map(String.init)
            return words[0] == "refused" ? nil : words[2]
        }
        let service: TraceModel.Attributes = [("service.name", .text("svc"))]
        let resource: TraceModel.Attributes = service + [("meter.agent", .text("own"))]
        let identified: TraceModel.Attributes = [
            ("gen_ai.agent.name", .text("Name")), ("gen_ai.agent.id", .text("id-1")),
        ]
        #expect(try agent([], service) == "svc")
        #expect(try agent([], resource) == "own")
        #expect(try agent([("gen_ai.agent.name", .text("Name"))], resource) == "Name")
        #expect(try agent(identified, resource) == "id-1")
        #expect(try agent(identified + [("meter.agent", .text("mine"))], resource) == "mine")
        #expect(try agent([], [("service.name", .text("unknown_service:python"))]) == nil)
        #expect(try agent([("service.name", .text("of a span"))], []) == nil)
        #expect(try agent([], []) == nil)
        #expect(try agent([("gen_ai.agent.name", .text(""))], service) == "svc")
        #expect(try agent([("gen_ai.agent.name", .integer(1))], service) == nil)
    }

    @Test func `a tenant is the key's, unless span or resource name one`() throws {
        func tenant(
            _ span: TraceModel.Attributes, _ more: TraceModel.Attributes, of key: String?
        ) throws -> String {
            let service: TraceModel.Attributes = [("service.name", .text("svc"))]
            let line = try line(chat + span, resource: service + more, tenant: key)
            let words = line.split(separator: " ").map(String.init)
            return words[0] == "refused" ? words[1] : words[1]
        }
        #expect(try tenant([], [], of: "acme") == "acme")
        #expect(try tenant([], [], of: nil) == "missing-attribute")
        #expect(try tenant([], [("meter.tenant", .text("r"))], of: nil) == "r")
        #expect(
            try tenant([("meter.tenant", .text("s"))], [("meter.tenant", .text("r"))], of: "acme")
                == "s")
    }

    @Test func `only calls of models count`() throws {
        for operation in ["chat", "text_completion", "generate_content", "embeddings"] {
            let line = try line([("gen_ai.operation.name", .text(operation))])
            #expect(line == "\(head) acme svc - - ok 7 agent_calls=1")
        }
        for operation in ["invoke_agent", "create_agent", "execute_tool", "something_new"] {
            #expect(
                try line([
                    ("gen_ai.operation.name", .text(operation)),
                    ("gen_ai.usage.input_tokens", .integer(5)),
                ]) == "ignored other-operation")
        }
        #expect(try line([("gen_ai.request.model", .text("m"))]) == "ignored no-operation")
        #expect(try line([("http.method", .text("GET"))]) == "not-gen-ai")
        // Instrumentations from before there were operations, with the names of that time.
        #expect(
            try line([
                ("gen_ai.usage.prompt_tokens", .integer(5)),
                ("gen_ai.usage.completion_tokens", .integer(2)),
            ]) == "\(head) acme svc - - ok 7 agent_calls=1 input_tokens=5 output_tokens=2")
    }

    @Test func `tokens are parts of their totals`() throws {
        func tokens(_ counts: [(String, Int64)]) throws -> String {
            let line = try line(
                chat + counts.map { ("gen_ai.usage." + $0.0, TraceModel.Value.integer($0.1)) })
            return line.split(separator: " ").dropFirst(7).joined(separator: " ")
        }
        #expect(
            try tokens([
                ("input_tokens", 100_298), ("cache_read.input_tokens", 100_000),
                ("cache_creation.input_tokens", 248), ("output_tokens", 503),
                ("reasoning.output_tokens", 100),
            ])
                == "agent_calls=1 cache_creation_input_tokens=248 cached_input_tokens=100000 "
                + "input_tokens=50 output_tokens=403 reasoning_tokens=100")
        #expect(
            try tokens([("input_tokens", 0), ("output_tokens", 7)])
                == "agent_calls=1 output_tokens=7")
        #expect(
            try line(chat + [("gen_ai.usage.input_tokens", .integer(-1))])
                == "refused negative-amount")
        for value: TraceModel.Value in [.double(5), .text("5"), .flag(true)] {
            #expect(
                try line(chat + [("gen_ai.usage.input_tokens", value)]) == "refused not-an-integer")
        }
        #expect(
            try line(chat + [("gen_ai.usage.reasoning.output_tokens", .integer(1))])
                == "refused token-parts")
    }

    @Test func `times, outcome, model and user`() throws {
        #expect(
            try line(
                chat + [
                    ("gen_ai.request.model", .text("asked")),
                    ("gen_ai.response.model", .text("answered")), ("enduser.id", .text("e")),
                    ("user.id", .text("u")),
                ]
            ) { $0.status = 2 } == "\(head) acme svc answered u error 7 agent_calls=1")
        #expect(
            try line(chat + [("gen_ai.request.model", .text("asked"))]) { $0.status = 1 }
                == "\(head) acme svc asked - ok 7 agent_calls=1")
        #expect(
            try line(chat) { $0.start = 0 } == "\(head) acme svc - - ok - agent_calls=1")
        #expect(
            try line(chat) { $0.start = Self.time + 1 }
                == "\(head) acme svc - - ok - agent_calls=1")
        // A span that has not ended is of the time at which it began.
        #expect(
            try line(chat) { ($0.start, $0.end) = (Self.time, 0) }
                == "\(head) acme svc - - ok 0 agent_calls=1")
        #expect(try line(chat) { ($0.start, $0.end) = (0, 0) } == "refused bad-time")
        #expect(
            try line(chat + [("gen_ai.request.model", .text("a\nb"))]) == "refused bad-name")
        #expect(try line(chat + [("meter.access", .text("x"))]) == "refused bad-access")
    }

    private func identity(
        _ attributes: TraceModel.Attributes,
        principal: UInt64 = 1,
        tenant: String = "acme",
        _ change: (inout TraceModel.Span) -> Void = { _ in }
    ) throws -> EventIdentity? {
        var span = TraceModel.Span(start: Self.time - 5_000_000, end: Self.time)
        span.attributes = chat + attributes
        change(&span)
        var seed = Seed(2)
        let export = try SpanProtobuf.read(
            TraceModel([span]).protobuf(&seed), spanCountMax: 1)
        let mapping = SpanMapping(
            tenant: tenant,
            principal: PrincipalID(rawValue: principal),
            hash: try #require(IdentifierHash(key: [UInt8](repeating: 7, count: 16)))
        )
        let (record, resource) = try #require(export.spans.first)
        guard case .call(_, let identity) = mapping.result(record, resource) else { return nil }
        return identity
    }

    @Test func `a call is known by the provider's id, or else by trace and span`() throws {
        let response: TraceModel.Attributes = [
            ("gen_ai.response.id", .text("chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l"))
        ]
        let plain = try #require(try identity([]))
        #expect(try identity([]) == plain)
        #expect(try identity([]) { $0.spanID[0] = 3 } != plain)
        #expect(try identity([]) { $0.traceID[0] = 3 } != plain)
        #expect(try identity([], principal: 2)?.high != plain.high)
        #expect(try identity([], tenant: "other")?.high != plain.high)
        // Another instrumentation of the same call: other ids and times, the same call.
        let known = try #require(try identity(response))
        #expect(known.high != plain.high)
        #expect(
            try identity(response) {
                $0.spanID[0] = 9
                $0.traceID[0] = 9
                $0.end += 3_000_000
                $0.start += 1_000_000
            } == known)
        #expect(try identity(response, tenant: "other")?.high != known.high)
        // Other amounts under the same id contradict it.
        let other = try #require(
            try identity(response + [("gen_ai.usage.input_tokens", .integer(1))]))
        #expect((other.high, other.low) == (known.high, known.low))
        #expect(other.content != known.content)
        // Local runtimes number their answers with three digits.
        let short: TraceModel.Attributes = [("gen_ai.response.id", .text("chatcmpl-123"))]
        #expect(try identity(short) == plain)
        #expect(try identity([]) { $0.traceID = [UInt8](repeating: 0, count: 16) } == nil)
        #expect(try identity([]) { $0.spanID = [] } == nil)
        #expect(try identity(response) { $0.spanID = [] } == known)
    }
}
