internal import ArgumentParser
internal import Meter
internal import MeterClient
internal import MeterWire

struct EmitVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Sends one event, as an agent runtime does, and waits for the disk.",
        discussion: """
            Exits 0 when the event is counted and durable, 1 when it was refused, 5 when no answer came \
            in time. A dry run says how large it would be, and what cannot be sent of it.

              meterctl emit --tcp 127.0.0.1:7482 --wire-key-file runtime.key \\
                  --tenant acme --agent support-bot --amount input_tokens=1204
              meterctl emit --udp 127.0.0.1:7481 --insecure --tenant acme \\
                  --agent support-bot --model m1 --outcome error --duration-ms 930
            """
    )

    @Option(help: "The tenant.")
    var tenant: String
    @Option(help: "The agent.")
    var agent: String
    @Option(
        help: ArgumentHelp(
            "How much of a component; may be repeated. agent_calls=1 is added if it is not named.",
            valueName: "component=amount"
        )
    )
    var amount: [String] = []
    @Option(help: "When: 2026-11-22T10:30:00Z; now otherwise.")
    var time: String?
    @Option(help: ArgumentHelp("The access's uuid.", valueName: "uuid"))
    var access: String?
    @Option(help: "The model.")
    var model: String?
    @Option(help: "An opaque user id.")
    var user: String?
    @Option(help: "What became of the call.")
    var outcome: CallOutcome = .ok
    @Option(help: ArgumentHelp("How long the call took.", valueName: "milliseconds"))
    var durationMs: UInt64?
    @Option(help: ArgumentHelp("How long to wait for the server.", valueName: "seconds"))
    var timeout: Int64 = 10
    @OptionGroup var target: EmitterTarget
    @OptionGroup var output: OutputOptions

    /// What became of an agent call, as a word.
    enum CallOutcome: String, ExpressibleByArgument, CaseIterable {
        case ok, error, refused, cached

        var outcome: Outcome {
            switch self {
            case .ok: .ok
            case .error: .error
            case .refused: .refused
            case .cached: .cached
            }
        }
    }

    func validate() throws {
        guard (0...86_400).contains(timeout) else {
            throw ValidationError("--timeout is 0 to 86400 seconds.")
        }
    }

    func perform() async throws(CommandFailure) {
        let event = try event()
        if target.dryRun {
            // An event goes one way only.
            var lanes = Array(try target.planned().prefix(1))
            for lane in lanes.indices {
                lanes[lane].add(event)
                lanes[lane].seal()
            }
            return try target.show(lanes, output)
        }
        let key = try target.key()
        guard let endpoint = try target.endpoints().first else { return }
        let emitter = Emitter(target.options(endpoint, target.protection(key)))
        emitter.record(event)
        let isDurable = emitter.close(timeoutMilliseconds: timeout * 1_000)
        let statistics = emitter.statistics
        if let defect = statistics.lastDefect {
            throw CommandFailure(.failed, "the event cannot be sent: \(defect)")
        }
        guard isDurable else {
            throw CommandFailure(
                .unavailable,
                "no answer from \(endpoint) in \(timeout) s; it is not known whether "
                    + "the event is counted",
                next:
                    "check the address, the key (meterctl keys list) and the server (meterctl status)"
            )
        }
        var table = Table(
            "emitted",
            [.text("source"), .number("accepted"), .number("refused")]
        )
        table.add(
            "\(statistics.source)",
            "\(statistics.accepted)",
            "\(statistics.refused)"
        )
        output.show(table)
        guard statistics.refused == 0 else {
            throw CommandFailure(
                .failed,
                "the server refused the event",
                next:
                    "see why: meterctl sources list; is the key for this tenant? is the time near?"
            )
        }
    }

    private func event() throws(CommandFailure) -> UsageEvent {
        var amounts: [ComponentAmount] = []
        for text in amount {
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let number = UInt64(parts[1]), number <= UInt64(Int64.max)
            else {
                throw CommandFailure(.usage, "--amount \(text) is not component=amount")
            }
            amounts.append(ComponentAmount(String(parts[0]), number))
        }
        if !amounts.contains(where: { $0.component == "agent_calls" }) {
            amounts.append(ComponentAmount("agent_calls", 1))
        }
        var accessID: AccessID?
        if let access {
            guard let id = AccessID(access) else {
                throw CommandFailure(.usage, "--access is a uuid: 32 hexadecimal digits")
            }
            accessID = id
        }
        var moment = Clocks.wall().advanced(byMilliseconds: target.clockOffset * 1_000)
        if let time {
            guard let named = TimeText.timestamp(time) else {
                throw CommandFailure(.usage, "--time is UTC such as 2026-11-22T10:30:00Z")
            }
            moment = named
        }
        return UsageEvent(
            time: moment,
            tenant: tenant,
            agent: agent,
            amounts: amounts,
            access: accessID,
            model: model,
            user: user,
            outcome: outcome.outcome,
            durationMilliseconds: durationMs
        )
    }
}
