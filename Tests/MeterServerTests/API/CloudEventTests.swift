import MeterWire
import Testing

@testable import MeterServer

struct CloudEventTests {
    /// A good event whose members a test replaces: `nil` takes one away.
    static func event(
        _ changes: [String: String?] = [:],
        data: [String: String?] = [:]
    ) -> String {
        var members: [String: String?] = [
            "specversion": "\"1.0\"", "id": "\"1\"", "source": "\"/agents\"",
            "type": "\"agent.call\"", "subject": "\"support-bot\"",
            "time": "\"2026-11-22T10:30:00.125Z\"",
        ]
        var content: [String: String?] = [
            "tenant": "\"acme\"", "amounts": "{\"input_tokens\":12,\"agent_calls\":\"1\"}",
        ]
        for (name, value) in data { content[name] = .some(value) }
        members["data"] = object(content)
        for (name, value) in changes { members[name] = .some(value) }
        return object(members)
    }

    private static func object(_ members: [String: String?]) -> String {
        "{"
            + members.sorted { $0.key < $1.key }.compactMap { name, value in
                value.map { "\"\(name)\":\($0)" }
            }.joined(separator: ",") + "}"
    }

    private func read(
        _ body: String,
        tenant: String? = nil
    ) throws(CloudEventReader.Failure) -> [CloudEvent] {
        try CloudEventReader.read(
            Array(body.utf8),
            rules: CloudEventRules(eventCountMax: 3, tenant: tenant)
        ).events
    }

    private func reason(_ body: String) throws -> ItemRefusal.Reason? {
        let events = try read(body)
        #expect(events.count == 1)
        guard case .failure(let refusal) = events[0].result else { return nil }
        return refusal.reason
    }

    @Test func `every member finds its place`() throws {
        let body = Self.event(
            data: [
                "access": "\"0123456789ABCDEF-0123456789abcdef\"", "model": "\"m-1\"",
                "user": "\"u\"", "outcome": "\"cached\"", "duration_ms": "250",
                "agent": "\"support-bot\"", "future_member": "[1,{\"x\":null}]",
            ])
        let events = try read(body)
        #expect(events.count == 1)
        #expect(events[0].id == "1")
        #expect(events[0].source == "/agents")
        let usage = try events[0].result.get()
        #expect(
            usage
                == UsageEvent(
                    time: Timestamp(milliseconds: 1_795_343_400_125),
                    tenant: "acme",
                    agent: "support-bot",
                    amounts: [
                        ComponentAmount("agent_calls", 1), ComponentAmount("input_tokens", 12),
                    ],
                    access: AccessID(high: 0x0123_4567_89ab_cdef, low: 0x0123_4567_89ab_cdef),
                    model: "m-1",
                    user: "u",
                    outcome: .cached,
                    durationMilliseconds: 250
                )
        )
    }

    @Test func `optional members may be null or missing`() throws {
        let nulls = Self.event(
            data: [
                "access": "null", "model": "null", "user": "null", "outcome": "null",
                "duration_ms": "null", "agent": "null",
            ])
        #expect(try read(nulls)[0].result == read(Self.event())[0].result)
    }

    @Test func `the tenant comes from the credential where the event names none`() throws {
        let body = Self.event(data: ["tenant": nil])
        #expect(try reason(body) == .missingAttribute)
        let usage = try read(body, tenant: "own")[0].result.get()
        #expect(usage.tenant == "own")
        // A tenant that is named is what the engine judges, also where it is another one.
        #expect(try read(Self.event(), tenant: "own")[0].result.get().tenant == "acme")
    }

    @Test func `the agent may stand in subject, in data, or in both alike`() throws {
        let inData = Self.event(["subject": nil], data: ["agent": "\"b\""])
        #expect(try read(inData)[0].result.get().agent == "b")
        #expect(try reason(Self.event(data: ["agent": "\"b\""])) == .agentMismatch)
        #expect(try reason(Self.event(["subject": nil])) == .missingAttribute)
        // Equal under Unicode, other bytes: other agents.
        let other = Self.event(["subject": "\"\\u00e9\""], data: ["agent": "\"e\\u0301\""])
        #expect(try reason(other) == .agentMismatch)
    }

    @Test(arguments: [
        ("specversion", "\"0.3\"", ItemRefusal.Reason.specversion),
        ("specversion", "1.0", .wrongType),
        ("id", "7", .wrongType), ("id", "\"\"", .badName), ("id", "null", .wrongType),
        ("source", "{}", .wrongType), ("type", "[]", .wrongType),
        ("type", "\"\"", .missingAttribute),
        ("time", "1795343400", .wrongType), ("time", "\"2026-11-22T10:30:00\"", .badTime),
        ("time", "\"2026-11-31T10:30:00Z\"", .badTime),
        ("time", "\"1969-12-31T23:59:59Z\"", .badTime),
        ("subject", "true", .wrongType), ("subject", "\"\"", .badName),
        ("subject", "\"a\\u0007\"", .badName), ("data", "[]", .wrongType),
        ("data", "\"{}\"", .wrongType),
        ("data", "null", .wrongType), ("data_base64", "\"e30=\"", .unsupportedData),
        ("datacontenttype", "\"text/plain\"", .unsupportedData),
    ])
    func `an attribute that breaks a rule refuses its event`(
        name: String,
        value: String,
        expected: ItemRefusal.Reason
    ) throws {
        #expect(try reason(Self.event([name: value])) == expected)
    }

    @Test(arguments: ["specversion", "id", "source", "type", "time", "data"])
    func `an attribute that must be there is asked for`(name: String) throws {
        #expect(try reason(Self.event([name: nil])) == .missingAttribute)
    }

    @Test(arguments: [
        ("amounts", "{}", ItemRefusal.Reason.noAmounts), ("amounts", "[]", .wrongType),
        ("amounts", "{\"x\":-1}", .negativeAmount), ("amounts", "{\"x\":\"-1\"}", .negativeAmount),
        ("amounts", "{\"x\":1.5}", .notAnInteger), ("amounts", "{\"x\":\"1.5\"}", .notAnInteger),
        ("amounts", "{\"x\":1e3}", .notAnInteger), ("amounts", "{\"x\":\"\"}", .notAnInteger),
        ("amounts", "{\"x\":9223372036854775808}", .amountTooLarge),
        ("amounts", "{\"x\":\"9223372036854775808\"}", .amountTooLarge),
        ("amounts", "{\"x\":true}", .wrongType), ("amounts", "{\"x\":null}", .wrongType),
        ("amounts", "{\"x\":{\"y\":1}}", .wrongType), ("amounts", "{\"\":1}", .badName),
        ("amounts", "{\"x\":1,\"x\":1}", .repeatedMember),
        ("amounts", "{\"x\":1,\"\\u0078\":1}", .repeatedMember),
        ("tenant", "5", .wrongType), ("tenant", "\"a\\nb\"", .badName), ("model", "[]", .wrongType),
        ("user", "{}", .wrongType), ("outcome", "\"fine\"", .unknownOutcome),
        ("outcome", "1", .wrongType), ("access", "\"xyz\"", .badAccess),
        ("access", "12", .wrongType),
        ("duration_ms", "-1", .negativeAmount), ("duration_ms", "1.5", .notAnInteger),
        ("duration_ms", "\"x\"", .notAnInteger), ("duration_ms", "[]", .wrongType),
    ])
    func `data that breaks a rule refuses its event`(
        name: String,
        value: String,
        expected: ItemRefusal.Reason
    ) throws {
        #expect(try reason(Self.event(data: [name: value])) == expected)
    }

    @Test func `names have at most 255 bytes and components number at most 64`() throws {
        func named(_ count: Int) -> String { "\"" + String(repeating: "a", count: count) + "\"" }
        #expect(try reason(Self.event(["subject": named(255)])) == nil)
        #expect(try reason(Self.event(["subject": named(256)])) == .badName)
        #expect(try reason(Self.event(["id": named(1_024)])) == nil)
        #expect(try reason(Self.event(["id": named(1_025)])) == .badName)
        func amounts(_ count: Int) -> String {
            "{" + (0..<count).map { "\"c\($0)\":1" }.joined(separator: ",") + "}"
        }
        #expect(try reason(Self.event(data: ["amounts": amounts(64)])) == nil)
        #expect(try reason(Self.event(data: ["amounts": amounts(65)])) == .tooManyComponents)
    }

    @Test func `a member that is there twice decides nothing`() throws {
        let body = Self.event().dropLast() + ",\"id\":\"2\"}"
        #expect(try reason(String(body)) == .repeatedMember)
        let data = Self.event(["data": "{\"tenant\":\"a\",\"tenant\":\"b\",\"amounts\":{\"x\":1}}"])
        #expect(try reason(data) == .repeatedMember)
    }

    @Test func `extensions, sequence among them, decide nothing`() throws {
        let plain = try read(Self.event())[0]
        let extended = try read(
            Self.event(["sequence": "\"5\"", "sequencetype": "\"Integer\"", "traceparent": "[{}]"])
        )[0]
        #expect(extended.result == plain.result)
        #expect(extended.id == plain.id)
    }

    @Test func `one bad event leaves the others of its batch alone`() throws {
        let body = "[" + Self.event() + ",17," + Self.event(["id": "\"2\""]) + "]"
        let events = try read(body)
        #expect(events.count == 3)
        #expect((try? events[0].result.get()) != nil)
        #expect(events[1].result == .failure(ItemRefusal(.wrongType, "an event is an object")))
        #expect((try? events[2].result.get()) != nil)
        #expect(events[2].id == "2")
    }

    @Test func `a body that is not JSON is refused whole, wherever it breaks`() {
        let good = Self.event()
        for body in [
            "[" + good, "[" + good + ",]", good + "x", "[" + good + "]]", "", "[" + good + " {}]",
        ] {
            #expect(throws: CloudEventReader.Failure.self) { try read(body) }
        }
        #expect(throws: CloudEventReader.Failure.notEvents) { try read("42") }
        #expect(throws: CloudEventReader.Failure.notEvents) { try read("null") }
    }

    @Test func `too many events are refused, unless the body is not even JSON`() throws {
        #expect(try read("[]").isEmpty)
        #expect(try read("[1,2,3]").count == 3)
        #expect(throws: CloudEventReader.Failure.tooMany(limit: 3)) { try read("[1,2,3,4]") }
        #expect(throws: CloudEventReader.Failure.notJSON(JSONError(.notAValue, at: 9))) {
            try read("[1,2,3,4,]")
        }
    }

    @Test func `equal events have equal content, whatever their order and spelling`() throws {
        let one = try read(Self.event(data: ["amounts": "{\"a\":1,\"b\":\"2\"}"]))[0].result.get()
        let other = try read(
            Self.event(
                ["time": "\"2026-11-22T11:30:00.125+01:00\""],
                data: ["amounts": "{\"\\u0062\":2,\"a\":\"1\"}", "outcome": "\"ok\""]
            )
        )[0].result.get()
        #expect(one.normalisedContent == other.normalisedContent)
        var changed = one
        changed.amounts[0].amount += 1
        #expect(changed.normalisedContent != one.normalisedContent)
        changed = one
        changed.user = ""
        #expect(changed.normalisedContent != one.normalisedContent)
    }
}
