import CAllocationCounter
import CanonicalWorkload
import Glibc
import Meter
import MeterWire

/// The whole engine in memory: authenticate, decode, dedup, count, journal buffer; the disk discards.
///
///     MeterBenchmarks [events per frame] [frames] [rounds]
///
/// Prints millions of amounts a second of the thread's own processor time for each tag suite, after
/// comparing the totals with the generator's, and, once everything is warm, allocations per event and
/// retains per frame; events that allocate or retain end it with 1.
@main
struct MeterBenchmarks {
    /// 2026-11-16T00:00Z.
    static let start: Int64 = 1_794_787_200_000

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let eventsPerFrame = arguments.first ?? 200
        let frameCount = arguments.dropFirst().first ?? 20_000
        let rounds = arguments.dropFirst(2).first ?? 5
        let key = WireKey.derived(
            fromMaster: Array(repeating: 7, count: 32), id: KeyID(rawValue: 1))
        for suite in [TagSuite.hmacSHA256, .aes256GCM, .crc32c] {
            let workload = CanonicalWorkload(
                frameCount: frameCount, eventsPerFrame: eventsPerFrame, suite: suite, key: key,
                start: start)
            var rates: [Double] = []
            var allocations: [Double] = []
            var retains = 0.0
            for _ in 0..<rounds {
                let result = try run(workload, key: key)
                rates.append(result.amountsPerSecond / 1e6)
                allocations.append(result.allocationsPerEvent)
                retains = max(retains, result.retainsPerFrame)
            }
            rates.sort()
            let bytes = workload.frames.reduce(0) { $0 + $1.count }
            print(
                "engine in memory, suite \(suite.rawValue), \(eventsPerFrame) events a frame, "
                    + "\(rounded(Double(bytes) / Double(workload.eventCount))) B an event: "
                    + "\(rounded(rates[rates.count / 2])) M amounts/s/core "
                    + "[\(rounded(rates[0]))-\(rounded(rates[rates.count - 1]))], "
                    + "\(rounded(allocations.max() ?? 0)) allocations an event, "
                    + "\(rounded(retains)) retains a frame, totals equal")
            // Some allocations a frame come from the tag, more from opening suite 2; none may come from
            // an event.
            if (allocations.max() ?? 0) * Double(eventsPerFrame) >= 48 {
                print("events allocate memory: \(allocations) an event in the rounds")
                exit(1)
            }
            // What is held once more are a frame's own objects and its names'. One retain an event would
            // go beyond this.
            let names = Double(workload.nameCount) / Double(workload.frames.count)
            if retains > 2 * names + 128 {
                print("events retain objects: \(retains) a frame of \(names) names")
                exit(1)
            }
        }
    }

    static func rounded(_ value: Double) -> String {
        let scaled = (value * 100).rounded() / 100
        return String(scaled)
    }

    struct Result {
        let amountsPerSecond: Double
        let allocationsPerEvent: Double
        let retainsPerFrame: Double
    }

    static func run(
        _ workload: CanonicalWorkload, key: WireKey
    ) throws -> Result {
        let principal = PrincipalID(rawValue: 1)
        let insecure = PrincipalID.insecureLoopback
        var options = EngineOptions()
        options.shardCount = 1
        options.journal.bufferBytesMax = 64 << 20
        var random = SplitMix(state: 1)
        let (engine, _) = try Engine.open(
            disk: DiscardingDisk(),
            policy: AdmissionPolicy(
                credentials: [
                    key.id: AdmissionPolicy.Credential(key: key, principal: principal)
                ], principals: [principal: .all, insecure: .all], insecurePrincipal: insecure),
            options: options, random: &random)
        let receiver = Receiver(engine: engine)
        let now = Timestamp(milliseconds: start + 26 * 60_000)
        // The first half warms tables and buffers up; what is measured is the steady state of the rest.
        let half = workload.frames.count / 2
        var cpu = 0.0
        var allocations: UInt64 = 0
        var retains: UInt64 = 0
        for (part, range) in [0..<half, half..<workload.frames.count].enumerated() {
            let before = processorSeconds()
            let allocationsBefore = meter_allocation_count()
            let retainsBefore = meter_retain_count()
            for index in range {
                let outcome = unsafe workload.frames[index].withUnsafeBytes {
                    unsafe receiver.ingest(frame: $0, at: now, by: .tcp)
                }
                precondition(
                    outcome.disposition == .new, "every frame is new: \(outcome.disposition)")
                if index % 2_000 == 1_999 { _ = try engine.commit() }
            }
            if part == 1 {
                cpu = processorSeconds() - before
                allocations = meter_allocation_count() - allocationsBefore
                retains = meter_retain_count() - retainsBefore
            }
        }
        try compare(workload, engine, now)
        let events =
            Double(workload.frames.count - half) * Double(workload.eventCount)
            / Double(workload.frames.count)
        return Result(
            amountsPerSecond: events * 4 / cpu, allocationsPerEvent: Double(allocations) / events,
            retainsPerFrame: Double(retains) / Double(workload.frames.count - half))
    }

    static func compare(
        _ workload: CanonicalWorkload, _ engine: Engine, _ now: Timestamp
    ) throws {
        let pending = try engine.query(
            UsageQuery(
                windows: [Minute(rawValue: 0), Minute(rawValue: .max)], grouping: [.component]),
            at: now)
        _ = try engine.commit()
        let totals = engine.answer(pending)?.totals ?? [:]
        for (component, expected) in workload.totals {
            let found = totals[UsageGroup(component: Name(component))]?.sum ?? 0
            precondition(found == expected, "\(component): counted \(found), sent \(expected)")
        }
    }

    static func processorSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
