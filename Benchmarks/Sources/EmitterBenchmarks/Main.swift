import CAllocationCounter
import Glibc
import MeterClient
import MeterWire

/// What `Emitter.record` costs the thread that calls it: the agent's.
///
///     EmitterBenchmarks [events] [rounds]
///
/// The emitter is a real one with its thread, on another core, and a server that is away: what is sealed stays
/// in memory, within the bound. Prints nanoseconds of the calling thread and calls of malloc on it for each
/// event, and fails where an event was dropped.
@main
struct EmitterBenchmarks {
    private static let warmCount = 100_000

    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let eventCount = arguments.first ?? 400_000
        let rounds = arguments.dropFirst().first ?? 7
        measure("record(event) of 4 amounts, model, outcome, duration", rounds, eventCount) {
            emitter, index in
            emitter.record(event(index))
        }
        measure("record(tenant:agent:) of 3 amounts, model, duration", rounds, eventCount) {
            emitter, index in
            emitter.record(
                tenant: "acme", agent: agents[index & 7], threeAmounts, model: "m1",
                durationMilliseconds: 740)
        }
    }

    private static let agents = (0..<8).map { "support-bot-\($0)" }
    private static let threeAmounts = [
        ComponentAmount("input_tokens", 1_204), ComponentAmount("output_tokens", 300),
        ComponentAmount("cached_input_tokens", 96),
    ]
    private static let fourAmounts = threeAmounts + [ComponentAmount("agent_calls", 1)]

    @inline(__always)
    private static func event(_ index: Int) -> UsageEvent {
        UsageEvent(
            time: Timestamp(milliseconds: 1_794_787_200_000 + Int64(index)), tenant: "acme",
            agent: agents[index & 7], amounts: fourAmounts, model: "m1", outcome: .ok,
            durationMilliseconds: 740)
    }

    private static func measure(
        _ what: String, _ rounds: Int, _ eventCount: Int, _ body: (Emitter, Int) -> Void
    ) {
        var nanoseconds: [Double] = []
        var allocations: [Double] = []
        for round in 0..<rounds {
            let key = WireKey.derived(
                fromMaster: Array(repeating: 7, count: 32), id: KeyID(rawValue: 1))
            // Nobody listens at the discard port.
            let emitter = Emitter(
                EmitterOptions(
                    endpoint: .udp(host: "127.0.0.1", port: 9), protection: .signed(key)))
            for index in 0..<warmCount { body(emitter, index) }
            usleep(300_000)
            let allocationsBefore = meter_allocation_count()
            let before = monotonic()
            for index in 0..<eventCount { body(emitter, index) }
            let elapsed = monotonic() - before
            nanoseconds.append(Double(elapsed) / Double(eventCount))
            allocations.append(
                Double(meter_allocation_count() - allocationsBefore) / Double(eventCount))
            let statistics = emitter.statistics
            guard statistics.dropped == 0, statistics.invalid == 0 else {
                print(
                    "round \(round): \(statistics.dropped) events were dropped, "
                        + "\(statistics.invalid) invalid")
                exit(1)
            }
            emitter.close(timeoutMilliseconds: 0)
        }
        nanoseconds.sort()
        print(
            "emitter, \(what): \(rounded(nanoseconds[rounds / 2])) ns an event "
                + "[\(rounded(nanoseconds[0]))-\(rounded(nanoseconds[rounds - 1]))], "
                + "\(rounded(allocations.max() ?? 0)) allocations an event")
    }

    private static func rounded(_ value: Double) -> String {
        String((value * 100).rounded() / 100)
    }

    private static func monotonic() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
