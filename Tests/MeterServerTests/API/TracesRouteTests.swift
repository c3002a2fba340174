import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Spans over a real engine and a real book: what is counted, what is advisory, and what is told of the rest.
@Suite struct TracesRouteTests {
    private static let protobuf = TracesEncoding.protobuf.rawValue
    private static let json = TracesEncoding.json.rawValue

    /// A call of a model that ended now; `number` tells it from others.
    private func span(
        _ server: TestServer,
        _ number: UInt8,
        tokens: Int64 = 10,
        agent: String = "bot",
        minutesAgo: Int64 = 0,
        _ more: TraceModel.Attributes = []
    ) -> TraceModel.Span {
        let end = UInt64(server.context.clock.now().milliseconds - minutesAgo * 60_000) * 1_000_000
        return TraceModel.Span(
            spanID: [UInt8](repeating: number, count: 8),
            start: end - 1_000_000_000,
            end: end,
            attributes: [
                ("gen_ai.operation.name", .text("chat")), ("meter.agent", .text(agent)),
                ("gen_ai.usage.input_tokens", .integer(tokens)),
            ] + more
        )
    }

    private func send(
        _ server: TestServer,
        _ spans: [TraceModel.Span],
        key: String,
        type: String = protobuf,
        resource: TraceModel.Attributes = []
    ) async throws -> TestServer.Reply {
        var seed = Seed(UInt64(spans.count))
        let model = TraceModel(spans, resource: resource)
        let body = type == Self.json ? model.json(&seed) : model.protobuf(&seed)
        return try await server.call("POST", "/v1/traces", bytes: body, key: key, type: type)
    }

    private func sendNative(
        _ server: TestServer,
        key: String,
        tokens: Int,
        agent: String = "bot",
        time: String? = nil
    ) async throws {
        let reply = try await server.call(
            "POST",
            "/api/v1/events",
            """
            {"specversion":"1.0","id":"\(agent)-\(tokens)-\(time ?? "")","source":"/t","type":"call",
            "time":"\(time ?? server.now)","subject":"\(agent)",
            "data":{"tenant":"acme","amounts":{"input_tokens":\(tokens),"agent_calls":1}}}
            """,
            key: key
        )
        #expect(reply.status == 200, "\(reply.text)")
    }

    /// The tenant's total of one component, as the API tells it, and calls as details tell them.
    private func total(
        _ server: TestServer,
        _ component: String = "input_tokens",
        class usageClass: String? = nil,
        agent: String = "bot",
        tenant: String = "acme"
    ) async throws -> [String?] {
        let suffix = usageClass.map { "&class=\($0)" } ?? ""
        let meter = try await server.call(
            "GET", "/api/v1/meters/\(component)/query?tenant=\(tenant)\(suffix)")
        let own = try await server.call(
            "GET", "/api/v1/tenants/\(tenant)/agents/\(agent)/usage?component=\(component)\(suffix)"
        )
        #expect(meter.json["class"]?.string == usageClass ?? "counted")
        #expect(own.json["class"]?.string == usageClass ?? "counted")
        return [
            meter.json["data"]?.array?.first?["value"]?.string,
            own.json["components"]?.array?.first?["total"]?.string,
            own.json["details"]?["calls"]?.string,
        ]
    }

    @Test func `spans are advisory, and never in a total with frames and events`() async throws {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        for type in [Self.protobuf, Self.json] {
            let reply = try await send(
                server, [span(server, 1), span(server, 2)], key: key, type: type)
            #expect(reply.status == 200)
            #expect(reply.headers["content-type"] == type)
            #expect(reply.bytes == (type == Self.json ? Array("{}\n".utf8) : []))
        }
        #expect(try await total(server) == ["0", "0", "0"])
        #expect(try await total(server, class: "advisory") == ["20", "20", "2"])
        try await sendNative(server, key: key, tokens: 7)
        #expect(try await total(server) == ["7", "7", "1"])
        #expect(try await total(server, class: "counted") == ["7", "7", "1"])
        #expect(try await total(server, class: "advisory") == ["20", "20", "2"])
        let bad = try await server.call("GET", "/api/v1/meters/x/query?class=all")
        #expect(bad.status == 400)
        let agents = try await server.call("GET", "/api/v1/tenants/acme/agents?class=advisory")
        #expect(agents.json["agents"]?.array?.first?["calls"]?.string == "2", "\(agents.text)")
    }

    @Test func `from a declaration on spans count, and frames and events are advisory`()
        async throws
    {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        let now = try #require(Minute(server.context.clock.now()))
        let from = QuarterHour(of: now).firstMinute
        // Minutes before the quarter hour that runs, and after its beginning.
        let before = Int64(now.rawValue - from.rawValue) + 5
        let earlier = RFC3339.text(
            server.context.clock.now().advanced(byMilliseconds: -before * 60_000))
        _ = try await send(
            server, [span(server, 1, tokens: 1, minutesAgo: before), span(server, 2, tokens: 2)],
            key: key)
        try await sendNative(server, key: key, tokens: 10, time: earlier)
        try await sendNative(server, key: key, tokens: 20)
        #expect(try await total(server) == ["30", "30", "2"])
        _ = try server.context.book.append(
            [
                .countingDeclared(
                    CountingDeclaration(tenant: "acme", way: .otlp, from: from, reason: "test"))
            ], author: "test")
        // What lies before it is as it was.
        #expect(try await total(server) == ["12", "12", "2"])
        #expect(try await total(server, class: "advisory") == ["21", "21", "2"])
        // An agent that sends no spans.
        _ = try server.context.book.append(
            [
                .countingDeclared(
                    CountingDeclaration(
                        tenant: "acme", agent: "batch", way: .native, from: from, reason: "test"))
            ], author: "test")
        try await sendNative(server, key: key, tokens: 500, agent: "batch")
        #expect(try await total(server, agent: "batch") == ["512", "500", "1"])
        #expect(try await total(server, agent: "bot") == ["512", "12", "2"])
    }

    @Test func `a declaration is of the future, and is listed`() async throws {
        let server = try await TestServer()
        let early = try await server.call(
            "POST", "/admin/v1/counting",
            #"{"tenant":"acme","counts":"otlp","reason":"r","from":"2026-01-01T00:00:00Z"}"#)
        #expect(early.status == 409)
        #expect(early.text.contains("at the earliest"))
        let now = server.context.clock.now()
        let declared = try await server.call(
            "POST", "/admin/v1/counting",
            #"{"tenant":"acme","agent":"bot","counts":"otlp","reason":"exports every span"}"#)
        #expect(declared.status == 201, "\(declared.text)")
        let from = try #require(RFC3339.time(declared.json["from"]?.string ?? ""))
        // No event of that time can have come yet, and it is not put off longer than it must be.
        #expect(from > now.advanced(byMilliseconds: 5 * 60_000))
        #expect(from <= now.advanced(byMilliseconds: 21 * 60_000))
        #expect(from.milliseconds % (15 * 60_000) == 0)
        let list = try await server.call("GET", "/admin/v1/counting")
        let listed = try #require(list.json["declarations"]?.array?.first)
        #expect(listed["state"]?.string == "planned")
        #expect(listed["agent"]?.string == "bot")
        #expect(listed["counts"]?.string == "otlp")
        #expect(listed["reason"]?.string == "exports every span")
        #expect(listed["author"]?.string == "administration socket")
        for body in [
            #"{"tenant":"acme","counts":"both","reason":"r"}"#,
            #"{"tenant":"acme","counts":"otlp"}"#, #"{"counts":"otlp","reason":"r"}"#,
            #"{"tenant":"acme","counts":"otlp","reason":"r","from":"2099-01-01T00:01:00Z"}"#,
        ] {
            let reply = try await server.call("POST", "/admin/v1/counting", body)
            #expect([400, 409].contains(reply.status), "\(body): \(reply.text)")
        }
    }

    @Test func `a call that is exported twice or by two counts once`() async throws {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        let response: TraceModel.Attributes = [
            ("gen_ai.response.id", .text("msg_01XFDUDYJgAACzvnptvVoYEL"))
        ]
        let call = span(server, 1, response)
        var other = span(server, 2, response)
        other.end += 5_000_000
        let first = try await send(server, [call, call, other], key: key)
        #expect(first.status == 200)
        #expect(first.bytes.isEmpty)
        _ = try await send(server, [other, call], key: key, type: Self.json)
        #expect(try await total(server, class: "advisory") == ["10", "10", "1"])
        // Other amounts under the same id are told, and not counted.
        let wrong = try await send(
            server, [span(server, 3, tokens: 11, response)], key: key, type: Self.json)
        #expect(wrong.status == 200)
        #expect(wrong.json["partialSuccess"]?["rejectedSpans"]?.string == "1")
        #expect(
            wrong.json["partialSuccess"]?["errorMessage"]?.string?.contains("1 in-conflict") == true
        )
        #expect(try await total(server, class: "advisory") == ["10", "10", "1"])
        let metrics = try await server.call("GET", "/metrics").text
        #expect(metrics.contains(#"meter_otlp_spans_total{result="accepted",reason=""} 1"#))
        #expect(metrics.contains(#"meter_otlp_spans_total{result="duplicate",reason=""} 4"#))
        #expect(metrics.contains(#"meter_otlp_spans_total{result="in-conflict",reason=""} 1"#))
    }

    @Test func `what is not counted is told in either coding, and counted by reason`() async throws
    {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        func spans() -> [TraceModel.Span] {
            [
                span(server, 1), span(server, 2, tokens: -1), span(server, 3, tokens: -1),
                span(server, 4, [("meter.tenant", .text("zeta"))]),
                span(server, 5, minutesAgo: 73 * 60), span(server, 6, minutesAgo: -10),
                TraceModel.Span(attributes: [("gen_ai.operation.name", .text("execute_tool"))]),
                TraceModel.Span(attributes: [("gen_ai.system", .text("x"))]), TraceModel.Span(),
            ]
        }
        let json = try await send(server, spans(), key: key, type: Self.json)
        #expect(json.status == 200)
        #expect(json.json["partialSuccess"]?["rejectedSpans"]?.string == "5")
        let message = json.json["partialSuccess"]?["errorMessage"]?.string ?? ""
        #expect(message.hasPrefix("5 of 6 calls are not counted: 2 negative-amount (gen_ai.usage"))
        for reason in ["1 tenant-not-allowed", "1 too-old-for-id-dedup", "1 in-future"] {
            #expect(message.contains(reason), "\(message)")
        }
        #expect(!message.contains("zeta"))
        let protobuf = try await send(server, spans(), key: key)
        var reader = ProtobufReader(protobuf.bytes)
        guard let field = try reader.next(), case .bytes(let range) = field.value else {
            Issue.record("no partial success")
            return
        }
        var partial = reader.message(range)
        guard case .varint(5)? = try partial.next()?.value,
            case .bytes(let text)? = try partial.next()?.value
        else {
            Issue.record("not five")
            return
        }
        // The first one is a duplicate by now.
        #expect(try reader.text(text) == message)
        let metrics = try await server.call("GET", "/metrics").text
        for line in [
            #"{result="accepted",reason=""} 1"#, #"{result="duplicate",reason=""} 1"#,
            #"{result="refused",reason="negative-amount"} 4"#,
            #"{result="refused",reason="tenant-not-allowed"} 2"#,
            #"{result="refused",reason="too-old-for-id-dedup"} 2"#,
            #"{result="refused",reason="in-future"} 2"#,
            #"{result="ignored",reason="not-gen-ai"} 2"#,
            #"{result="ignored",reason="other-operation"} 2"#,
            #"{result="ignored",reason="no-operation"} 2"#,
        ] {
            #expect(metrics.contains("meter_otlp_spans_total" + line), "\(line)")
        }
    }

    /// A status's code, and its message.
    private func status(_ reply: TestServer.Reply) throws -> (code: UInt64, message: String) {
        if reply.headers["content-type"] == Self.json {
            guard case .number(let digits)? = reply.json["code"] else { return (0, "") }
            return (UInt64(digits) ?? 0, reply.json["message"]?.string ?? "")
        }
        var reader = ProtobufReader(reply.bytes)
        guard case .varint(let code)? = try reader.next()?.value,
            case .bytes(let text)? = try reader.next()?.value
        else { return (0, "") }
        return (code, try reader.text(text))
    }

    @Test func `failures are statuses in the coding of the request`() async throws {
        let server = try await TestServer(["--limits-http-body", "1"])
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        let reader = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["usage"]}"#)
        for type in [Self.protobuf, Self.json] {
            func fails(
                _ bytes: [UInt8], key: String?, _ expected: Int, code: UInt64,
                encoding: String? = nil
            ) async throws {
                let reply = try await server.call(
                    "POST", "/v1/traces", bytes: bytes, key: key, type: type, encoding: encoding,
                    door: .network)
                #expect(reply.status == expected)
                #expect(reply.headers["content-type"] == type)
                let (found, message) = try status(reply)
                #expect(found == code)
                #expect(!message.isEmpty)
            }
            try await fails([], key: nil, 401, code: 16)
            try await fails([], key: reader, 403, code: 7)
            try await fails([0xFF], key: key, 400, code: 3)
            try await fails([UInt8](repeating: 0x20, count: 1 << 20 | 1), key: key, 413, code: 8)
            try await fails([], key: key, 415, code: 3, encoding: "br")
            try await fails([1, 2, 3], key: key, 400, code: 3, encoding: "gzip")
        }
        let other = try await server.call(
            "POST", "/v1/traces", bytes: [], key: key, type: "text/plain")
        #expect(other.status == 415)
        #expect(other.headers["content-type"] == "application/problem+json")
        #expect(other.text.contains("application/x-protobuf or application/json"))
        let empty = try await server.call(
            "POST", "/v1/traces", bytes: [], key: key, type: Self.protobuf)
        #expect(empty.status == 200)
        #expect(empty.bytes.isEmpty)
    }

    @Test func `bodies may be gzipped, within the limit of the inflated one`() async throws {
        let server = try await TestServer(["--limits-http-body", "1"])
        let key = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        func send(_ bytes: [UInt8]) async throws -> TestServer.Reply {
            try await server.call(
                "POST", "/v1/traces", bytes: bytes, key: key, type: Self.protobuf,
                encoding: "gzip")
        }
        var seed = Seed(1)
        let body = TraceModel([span(server, 1)]).protobuf(&seed)
        let packed = GzipBodies.stored(body)
        #expect(try await send(packed).status == 200)
        #expect(try await total(server, class: "advisory") == ["10", "10", "1"])
        for damaged in [
            Array(packed.dropLast()), Array(packed.dropLast(9)), packed + [0], [],
            Array(packed[..<10]), body,
        ] {
            #expect(try await send(damaged).status == 400)
        }
        // Behind the header, and the five bits of the first block that say nothing.
        for byte in 11..<packed.count {
            var flipped = packed
            flipped[byte] ^= 0x10
            #expect(try await send(flipped).status == 400, "byte \(byte)")
        }
        let zeros = GzipBodies.zeros
        let count = 1 << 20 | 1
        #expect(zeros.count < 1_100)
        #expect(try Gzip.inflate(zeros, upTo: count) == [UInt8](repeating: 0, count: count))
        #expect(try await send(zeros).status == 413)
        #expect(throws: Gzip.Failure.tooLarge) { try Gzip.inflate(zeros, upTo: count - 1) }
    }

    @Test func `limits hold back spans like events, and say when to come again`() async throws {
        let server = try await TestServer(["--limits-burst-seconds", "1"])
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["all"],"scopes":["ingest"]}"#)
        _ = try await server.call(
            "PUT", "/admin/v1/limits", #"{"tenant":"acme","limits":{"events-per-second":10}}"#)
        let flood = (0..<60).map { span(server, UInt8($0 + 1)) }
        func send(_ spans: [TraceModel.Span], _ tenant: String) async throws -> TestServer.Reply {
            try await self.send(
                server, spans, key: key, resource: [("meter.tenant", .text(tenant))])
        }
        #expect(try await send(flood, "acme").status == 200)
        let held = try await send([span(server, 100)], "acme")
        #expect(held.status == 429)
        #expect(held.headers["retry-after"] != nil)
        #expect(try status(held).code == 8)
        #expect(try await send(flood, "other").status == 200)
        let metrics = try await server.call("GET", "/metrics").text
        #expect(metrics.contains(#"meter_frames_deferred_total{transport="otlp",reason=""#))
        _ = try await server.call(
            "PUT", "/admin/v1/limits", #"{"principal":1,"limits":{"ids":121}}"#)
        #expect(try await send([span(server, 101)], "other").status == 200)
        let full = try await send([span(server, 102)], "other")
        #expect(full.status == 429)
        #expect(try status(full).message.contains("ids = 121"))
        // What was accepted is still known.
        #expect(try await send([span(server, 101)], "other").status == 200)
    }

    @Test func `tenants of one platform have their own spans and totals`() async throws {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["acme","zeta"],"scopes":["ingest"]}"#)
        for (tenant, tokens) in [("acme", 10), ("zeta", 90)] as [(String, Int64)] {
            // The same trace and span ids: each tenant's own.
            let reply = try await send(
                server, [span(server, 1, tokens: tokens)], key: key,
                resource: [("meter.tenant", .text(tenant))])
            #expect(reply.bytes.isEmpty)
        }
        let nobody = try await send(server, [span(server, 2)], key: key, type: Self.json)
        #expect(
            nobody.json["partialSuccess"]?["errorMessage"]?.string?.contains("meter.tenant") == true
        )
        #expect(try await total(server, class: "advisory") == ["10", "10", "1"])
        #expect(try await total(server, class: "advisory", tenant: "zeta") == ["90", "90", "1"])
        let own = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["usage"]}"#)
        let foreign = try await server.call(
            "GET", "/api/v1/tenants/zeta/agents/bot/usage?class=advisory", key: own)
        #expect(foreign.status == 404)
        let all = try await server.call(
            "GET", "/api/v1/meters/input_tokens/query?class=advisory", key: own)
        #expect(all.json["data"]?.array?.first?["value"]?.string == "10")
    }
}
