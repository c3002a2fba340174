import MeterWire
import Testing

@testable import meterctl

struct TraceTests {
    private func trace(_ lines: String...) throws(TraceError) -> Trace {
        try Trace(Array(([Trace.header] + lines).joined(separator: "\r\n").utf8))
    }

    @Test func `a trace is read with CRLF and without a last line end`() throws {
        let trace = try trace(
            "2023-11-16 18:17:03.9799600,4808,10",
            "2023-11-16 18:17:04.0319600,3180,8",
            "2023-11-17 00:00:00,0,999999999999999999"
        )
        #expect(
            trace.calls == [
                TraceCall(offset: 0, inputTokens: 4_808, outputTokens: 10),
                TraceCall(offset: 52_000, inputTokens: 3_180, outputTokens: 8),
                TraceCall(
                    offset: 20_576_020_040,
                    inputTokens: 0,
                    outputTokens: 999_999_999_999_999_999
                ),
            ]
        )
        #expect(trace.duration == 20_576_020_040)
        let unix = try Trace(
            Array("\(Trace.header)\n2024-02-29 23:59:59.5,1,2\n2024-03-01 00:00:00,3,4\n".utf8)
        )
        #expect(unix.calls.map(\.offset) == [0, 500_000])
    }

    @Test(arguments: [
        ("", 1), ("TIMESTAMP,ContextTokens\n", 1), ("TIMESTAMP,ContextTokens,GeneratedTokens\n", 1),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1", 2),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16T18:17:03,1,2", 2),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 18:17:03,1,2", 2),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,-1,2", 2),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1.5,2", 2),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.,1,2", 2),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,2\n2023-11-16 18:17:02,1,2",
            3
        ),
    ])
    func `what is not a trace is refused with its line`(text: String, line: Int) {
        do throws(TraceError) {
            _ = try Trace(Array(text.utf8))
            Issue.record("taken")
        } catch {
            #expect(error.line == line)
        }
    }

    @Test func `calls are assigned by the documented rule`() {
        let assignment = TraceAssignment(
            tenants: ["t0", "t1"],
            agents: ["a0", "a1", "a2"],
            start: Timestamp(milliseconds: 1_000)
        )
        let call = TraceCall(offset: 2_999, inputTokens: 7, outputTokens: 8)
        let names = (0..<8).map { index in
            let event = assignment.event(index, call)
            return "\(event.tenant) \(event.agent) \(assignment.isDatagram(index) ? "udp" : "tcp")"
        }
        #expect(
            names == [
                "t0 a0 udp", "t1 a0 udp", "t0 a1 udp", "t1 a1 udp", "t0 a2 udp", "t1 a2 udp",
                "t0 a0 tcp", "t1 a0 tcp",
            ]
        )
        let event = assignment.event(0, call)
        #expect(event.time == Timestamp(milliseconds: 1_002))
        #expect(
            event.amounts == [
                ComponentAmount("input_tokens", 7), ComponentAmount("output_tokens", 8),
                ComponentAmount("agent_calls", 1),
            ]
        )
    }

    @Test func `without a start the last call is of the moment at which it is sent`() {
        let now = Timestamp(milliseconds: 1_000_000_000)
        let hour: Int64 = 3_600_000_000
        #expect(
            TraceAssignment.start(now: now, duration: hour, speed: nil).milliseconds
                == 1_000_000_000 - 3_600_000
        )
        #expect(TraceAssignment.start(now: now, duration: hour, speed: 1) == now)
        #expect(
            TraceAssignment.start(now: now, duration: hour, speed: 60).milliseconds
                == 1_000_000_000 - 3_600_000 + 60_000
        )
    }
}
