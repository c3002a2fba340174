internal import ArgumentParser
internal import Meter
internal import MeterClient
internal import MeterWire

struct ReplayVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Sends a trace of LLM calls as agent runtimes would.",
        discussion: """
            The trace is CSV with the columns TIMESTAMP,ContextTokens,GeneratedTokens. It names nobody \
            and lies in the past, so call i (from 0), with T tenants and A agents, is counted as:

              tenant     number i mod T
              agent      number (i div T) mod A
              amounts    input_tokens ContextTokens, output_tokens GeneratedTokens,
                         agent_calls 1
              time       --start plus the time since the first call, in whole
                         milliseconds
              way        with --udp and --tcp: UDP where (i div (T * A)) mod 2 is 0,
                         otherwise TCP

            Without --start the last call's time is the moment at which it is sent. The server may be \
            killed and started again meanwhile: frames are sent until they are on its disk. A dry run says \
            how many events, frames and bytes it would be, and what they use.

              meterctl replay trace.csv --tcp 127.0.0.1:7482 \\
                  --wire-key-file runtime.key
              meterctl replay trace.csv --udp 127.0.0.1:7481 --tcp 127.0.0.1:7482 \\
                  --insecure --speed 60 --resend

            Exits 0 when every event is counted and durable, 1 when some were refused, 5 when some are \
            not known to be durable after --timeout.
            """
    )

    @Argument(help: "The trace.", completion: .file(extensions: ["csv"]))
    var file: String
    @Option(help: ArgumentHelp("So many tenants, tenant-1 and so on.", valueName: "number"))
    var tenants: Int = 4
    @Option(
        help: ArgumentHelp("So many agents of each tenant, agent-1 and so on.", valueName: "number")
    )
    var agents: Int = 5
    @Option(help: "A tenant's name instead; may be repeated.")
    var tenant: [String] = []
    @Option(help: "An agent's name instead; may be repeated.")
    var agent: [String] = []
    @Option(
        help: ArgumentHelp(
            "The time of the first call: 2026-11-15T10:00:00Z.",
            valueName: "time"
        )
    )
    var start: String?
    @Option(
        help: ArgumentHelp(
            "1 is as fast as the calls were made, 60 an hour in a minute; 0 flat out.",
            valueName: "factor"
        )
    )
    var speed: Double = 0
    @Flag(help: "Afterwards send the same sealed frames once more: every event is a duplicate.")
    var resend = false
    @Option(
        help: ArgumentHelp("Seconds to wait for the server at the end.", valueName: "seconds")
    )
    var timeout: Int64 = 60
    @OptionGroup var target: EmitterTarget
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100_000).contains(tenants), (1...100_000).contains(agents) else {
            throw ValidationError("--tenants and --agents are 1 to 100000.")
        }
        guard speed >= 0, speed.isFinite else { throw ValidationError("--speed is 0 or more.") }
        guard (0...86_400).contains(timeout) else {
            throw ValidationError("--timeout is 0 to 86400 seconds.")
        }
    }

    func perform() async throws(CommandFailure) {
        let trace: Trace
        let bytes = try LocalFile.bytes(file)
        do throws(TraceError) {
            trace = try Trace(bytes)
        } catch {
            throw CommandFailure(.failed, "\(file), \(error)")
        }
        let assignment = try assignment(trace)
        if target.dryRun { return try plan(trace, assignment) }
        let protection = target.protection(try target.key())
        let run = ReplayRun(
            endpoints: try target.endpoints(),
            protection: protection,
            keepsFrames: resend,
            options: { target.options($0, protection) }
        )
        Terminal.talk(
            "\(trace.calls.count) calls over \(Self.seconds(trace.duration)) s, first at "
                + (TimeText.text(assignment.start) ?? "-")
        )
        let isDurable = send(run, trace, assignment)
        let again = resend && isDurable ? run.resend(timeoutMilliseconds: timeout * 1_000) : nil
        let report = run.report(trace, again)
        output.show(report.table, document: report.json)
        if let defect = report.lastDefect {
            throw CommandFailure(.failed, "events could not be sent: \(defect)")
        }
        guard isDurable else {
            throw CommandFailure(
                .unavailable,
                "\(report.outstanding) events are not known to be on the server's disk",
                next: "check the server: meterctl status; what is missing: meterctl sources gaps"
            )
        }
        guard report.uncounted == 0 else {
            throw CommandFailure(
                .failed,
                "\(report.uncounted) events were refused, in conflict or dropped",
                next: "see whose: meterctl sources list"
            )
        }
        if let again, again.duplicateCount < again.eventCount {
            throw CommandFailure(
                .unavailable,
                "the server told \(again.duplicateCount) duplicates of "
                    + "\(again.eventCount) events that were sent again"
            )
        }
    }

    /// Packs the trace at its speed, and sends none of it.
    private func plan(
        _ trace: Trace,
        _ assignment: TraceAssignment
    ) throws(CommandFailure) {
        var lanes = try target.planned()
        for (index, call) in trace.calls.enumerated() {
            let lane = lanes.count == 1 || assignment.isDatagram(index) ? 0 : 1
            let moment = speed == 0 ? nil : Self.microseconds(call.offset, speed)
            lanes[lane].add(assignment.event(index, call), at: moment)
        }
        for lane in lanes.indices { lanes[lane].seal() }
        try target.show(lanes, output)
    }

    /// Sends the trace and waits for the disk; on a terminal, events that are on it are progress.
    private func send(_ run: ReplayRun, _ trace: Trace, _ assignment: TraceAssignment) -> Bool {
        let progress = Progress(
            "replaying",
            total: UInt64(trace.calls.count),
            .things("calls on the disk")
        )
        defer { progress.finish() }
        run.send(trace, assignment, speed: speed == 0 ? nil : speed, progress)
        return run.finish(timeoutMilliseconds: timeout * 1_000, progress)
    }

    private func assignment(_ trace: Trace) throws(CommandFailure) -> TraceAssignment {
        var first = TraceAssignment.start(
            now: Clocks.wall().advanced(byMilliseconds: target.clockOffset * 1_000),
            duration: trace.duration,
            speed: speed == 0 ? nil : speed
        )
        if let start {
            guard let named = TimeText.timestamp(start) else {
                throw CommandFailure(.usage, "--start is UTC such as 2026-11-15T10:00:00Z")
            }
            first = named
        }
        return TraceAssignment(
            tenants: tenant.isEmpty ? (1...tenants).map { "tenant-\($0)" } : tenant,
            agents: agent.isEmpty ? (1...agents).map { "agent-\($0)" } : agent,
            start: first
        )
    }

    /// When a call is due at a speed, at most 292 years later.
    private static func microseconds(_ offset: Int64, _ speed: Double) -> Int64 {
        Int64(exactly: (Double(offset) / speed).rounded(.down)) ?? .max
    }

    private static func seconds(_ microseconds: Int64) -> String {
        "\(microseconds / 1_000_000)"
    }
}
