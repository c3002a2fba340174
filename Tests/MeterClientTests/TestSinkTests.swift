import MeterClient
import MeterWire
import Testing

// What an agent runtime would have; its tests are in Documentation/Emitters.md, word for word.
private struct Agent {
    let meter: Emitter

    func answer(_ question: String, for tenant: String) {
        meter.record(
            tenant: tenant,
            agent: "support-bot",
            [
                ComponentAmount("input_tokens", UInt64(question.utf8.count)),
                ComponentAmount("output_tokens", 3),
            ],
            model: "m1"
        )
    }
}

// example of Emitters.md
@Suite struct AgentTests {
    @Test func `an answer is metered for the tenant that asked`() {
        let sink = TestSink()
        let agent = Agent(meter: sink.emitter)
        agent.answer("hello", for: "acme")
        #expect(sink.total("input_tokens", tenant: "acme") == 5)
        #expect(sink.total("agent_calls", tenant: "acme", agent: "support-bot") == 1)
        #expect(sink.events.map(\.model) == ["m1"])
        #expect(sink.defects.isEmpty)
    }
}
// end of the example

@Suite struct TestSinkTests {
    private let clock: @Sendable () -> Timestamp = { Timestamp(milliseconds: 77) }

    @Test func `events are kept as they were recorded, in order`() {
        let sink = TestSink(clock: clock)
        let emitter = sink.emitter
        let given = UsageEvent(
            time: Timestamp(milliseconds: 5),
            tenant: "t",
            agent: "a",
            amounts: [ComponentAmount("tool_seconds", 1_500)],
            outcome: .error
        )
        emitter.record(given)
        emitter.record(tenant: "t", agent: "b", [ComponentAmount("input_tokens", 2)], user: "u")
        #expect(sink.events.first == given)
        #expect(sink.events.last?.time == clock())
        #expect(
            sink.events.last?.amounts
                == [ComponentAmount("input_tokens", 2), ComponentAmount("agent_calls", 1)])
        #expect(sink.total("input_tokens") == 2 && sink.total("input_tokens", agent: "a") == 0)
        #expect(emitter.statistics.recorded == 2 && emitter.statistics.durable == 2)
        sink.removeAll()
        #expect(sink.events.isEmpty && emitter.statistics.recorded == 0)
    }

    @Test func `what breaks a rule of the format is told and not kept`() {
        let sink = TestSink()
        let emitter = sink.emitter
        emitter.record(tenant: "", agent: "a", [ComponentAmount("input_tokens", 1)])
        emitter.record(
            tenant: "t",
            agent: "a",
            [ComponentAmount("input_tokens", 1), ComponentAmount("input_tokens", 2)]
        )
        let long = String(repeating: "n", count: 250)
        let names = (0..<64).map { ComponentAmount("\(long)\($0)", 1) }
        emitter.record(
            UsageEvent(time: clock(), tenant: "t", agent: "a", amounts: names))
        #expect(sink.events.isEmpty)
        #expect(sink.defects.count == 3)
        #expect(sink.defects.first == .name(.tenant))
        #expect(sink.defects[1] == .repeatedComponent("input_tokens"))
        guard case .tooLarge = sink.defects.last else {
            Issue.record("\(sink.defects)")
            return
        }
        #expect(emitter.statistics.invalid == 3)
        #expect(emitter.statistics.lastDefect == sink.defects.last)
    }

    @Test func `a flush and a close come to their end at once, and nothing is taken after it`() {
        let sink = TestSink()
        let emitter = sink.emitter
        emitter.record(tenant: "t", agent: "a", [ComponentAmount("input_tokens", 1)])
        #expect(emitter.flush(timeoutMilliseconds: 0))
        #expect(!sink.isClosed)
        #expect(emitter.close(timeoutMilliseconds: 0))
        #expect(sink.isClosed)
        emitter.record(tenant: "t", agent: "a", [ComponentAmount("input_tokens", 1)])
        #expect(sink.events.count == 1)
        #expect(emitter.statistics.dropped == 1)
    }

    @Test func `tasks may record at once`() async {
        let sink = TestSink()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    let emitter = sink.emitter
                    for _ in 0..<500 {
                        emitter.record(tenant: "t", agent: "a", [ComponentAmount("x", 2)])
                    }
                }
            }
        }
        #expect(sink.total("x") == 4_000)
        #expect(sink.events.count == 2_000)
    }
}
