import Meter
import MeterClient
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

struct ReplayTests {
    private func trace(_ count: Int) throws -> Trace {
        var lines = [Trace.header]
        for index in 0..<count {
            let second = index % 60 < 10 ? "0\(index % 60)" : "\(index % 60)"
            let minute = index / 60 < 10 ? "0\(index / 60)" : "\(index / 60)"
            lines.append("2023-11-16 18:\(minute):\(second).5,\(index),\(index * 2)")
        }
        return try Trace(Array(lines.joined(separator: "\n").utf8))
    }

    @Test func `a trace over both ways is counted once, and its frames once more not at all`()
        throws
    {
        let site = try TestSite(seed: 77)
        let (_, key) = try site.addKey()
        let server = try site.start()
        let trace = try trace(600)
        let assignment = TraceAssignment(
            tenants: ["t1", "t2"],
            agents: ["a1", "a2", "a3"],
            start: TraceAssignment.start(
                now: Clocks.wall(),
                duration: trace.duration,
                speed: nil
            )
        )
        let udp = try #require(server.addresses.udp.flatMap { Endpoint("udp://\($0)") })
        let tcp = try #require(server.addresses.tcp.flatMap { Endpoint("tcp://\($0)") })
        let run = ReplayRun(
            endpoints: [udp, tcp],
            protection: .signed(key),
            keepsFrames: true
        ) {
            EmitterOptions(endpoint: $0, protection: .signed(key))
        }
        run.send(trace, assignment, speed: nil)
        #expect(run.finish(timeoutMilliseconds: 20_000))
        let again = run.resend(timeoutMilliseconds: 20_000)
        #expect(again.frameCount > 1)
        #expect(again.eventCount == 600)
        #expect(again.duplicateCount >= 600)
        let report = run.report(trace, again)
        #expect(report.uncounted == 0)
        #expect(report.outstanding == 0)
        #expect(report.lanes.map(\.statistics.accepted) == [300, 300])
        #expect(server.stop() == 0)
    }
}
