import Foundation
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

    @Test func `what a dry run says is what is sent then, and needs neither key nor server`() throws
    {
        let site = try TestSite(seed: 78)
        let (_, key) = try site.addKey()
        let server = try site.start()
        let trace = try trace(600)
        let path = site.directory.path + "/trace.csv"
        let lines = (0..<600).map { "2023-11-16 18:\(10 + $0 / 60):\(10 + $0 % 60 / 2),\($0),7" }
        let text = ([Trace.header] + lines).joined(separator: "\n")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let tcp = try #require(server.addresses.tcp.flatMap { Endpoint("tcp://\($0)") })
        let options = EmitterOptions(endpoint: tcp, protection: .signed(key))
        let assignment = TraceAssignment(
            tenants: ["t1", "t2"],
            agents: ["a1", "a2", "a3"],
            start: TraceAssignment.start(now: Clocks.wall(), duration: trace.duration, speed: nil)
        )
        var planned = PlannedFrames(options)
        for (index, call) in trace.calls.enumerated() { planned.add(assignment.event(index, call)) }
        planned.seal()

        // As if all were recorded at once: nothing is sealed before it is full.
        var sent = options
        sent.sealAfterMilliseconds = 60_000
        sent.claimEveryMilliseconds = 60_000
        let frames = SealedFrames()
        sent.onSealedFrame = { frames.add($0) }
        let emitter = Emitter(sent)
        for (index, call) in trace.calls.enumerated() {
            emitter.record(assignment.event(index, call))
        }
        #expect(emitter.close(timeoutMilliseconds: 20_000))
        // Of the kinds of frames only those with events are planned.
        let events = frames.all.filter { FrameHeader($0)?.kind == .events }
        #expect(planned.eventCount == 600 && planned.frameCount == UInt64(events.count))
        #expect(planned.byteCount == UInt64(events.reduce(0) { $0 + $1.count }))
        #expect(
            planned.amounts["output_tokens"]
                == UInt128(trace.calls.reduce(0) { $0 + $1.outputTokens }))
        #expect(server.stop() == 0)

        let tool = Program("meterctl")
        let dry = try tool.run(
            [
                "replay", path, "--tcp", "127.0.0.1:1", "--udp", "127.0.0.1:1", "--dry-run", "-o",
                "csv",
            ])
        #expect(dry.code == 0 && dry.errors.contains("nothing was sent"), "\(dry.errors)")
        #expect(dry.output.contains("events,300,300,600"), "\(dry.output)")
        #expect(dry.output.contains("output_tokens,"), "\(dry.output)")
        let one = ["emit", "--tcp", "127.0.0.1:1", "--agent", "a", "--dry-run", "-o", "csv"]
        let emit = try tool.run(one + ["--tenant", "acme", "--amount", "input_tokens=1204"])
        #expect(emit.code == 0 && emit.output.contains("input_tokens,1204"), "\(emit.errors)")
        #expect(emit.output.contains("events,1\nframes,1\nbytes,"))
        let wrong = try tool.run(one + ["--tenant", ""])
        #expect(wrong.code == 1 && wrong.errors.contains("cannot be sent"), "\(wrong.errors)")
        let noKey = try tool.run(Array(one.dropLast(3)) + ["--tenant", "acme"])
        #expect(noKey.code == ExitStatus.usage.rawValue && noKey.errors.contains("--wire-key-file"))
        let badKey = try tool.run(one + ["--tenant", "acme", "--wire-key-file", path])
        #expect(badKey.code == 1 && badKey.errors.contains("does not hold a"), "\(badKey.errors)")
    }
}
