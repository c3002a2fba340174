import Meter
import MeterTesting
import MeterWire
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

extension UsageEvent {
    /// One call of an agent, `minutes` after the workload's start, with one component.
    static func call(
        of tenant: String = "acme",
        agent: String = "bot",
        component: String = "agent_calls",
        _ amount: UInt64 = 1,
        minutes: Int64 = 0,
        access: AccessID? = nil
    ) -> UsageEvent {
        UsageEvent(
            time: EventWorkload.start.advanced(byMilliseconds: minutes * 60_000),
            tenant: tenant,
            agent: agent,
            amounts: [ComponentAmount(component, amount)],
            access: access
        )
    }
}

extension IngestBatch {
    /// Events with ids; an event's content is its number of tokens unless given.
    init(
        _ events: [(id: UInt64, event: UsageEvent)],
        principal: PrincipalID = EngineHarness.principal
    ) {
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        for (_, event) in events {
            let appended = encoder.append(event)
            precondition(appended == .appended, "a test's event can be encoded: \(appended)")
        }
        self.init(
            principal: principal,
            baseTime: encoder.baseTime,
            payload: encoder.payload(),
            identities: events.map { id, event in
                EventIdentity(
                    high: id,
                    low: principal.rawValue,
                    content: event.amounts.reduce(0) { $0 &* 31 &+ $1.amount }
                )
            }
        )
    }
}

extension NaiveMeter {
    init(_ events: some Sequence<UsageEvent>) {
        self.init()
        count(events)
    }

    /// A group of `earlier` that has less here, in words; nil if nothing has fallen.
    func fallen(since earlier: [UsageGroup: UsageTotal]) -> String? {
        for (group, total) in earlier {
            let now = totals[group] ?? UsageTotal()
            if now.sum < total.sum || now.count < total.count {
                return "\(group): \(total) before, \(now) now"
            }
        }
        return nil
    }

    /// Everything added up.
    var sum: UInt128 { totals.values.reduce(0) { $0 + $1.sum } }
}

extension UsageQuery {
    /// Everything, by all that distinguishes totals but time.
    static var everything: UsageQuery {
        UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
            grouping: [.tenant, .agent, .access, .component],
            withVariants: true
        )
    }
}

extension EngineHarness {
    /// Starts the engine again on its disk, as after a crash or a kill.
    func reopened(
        policy: AdmissionPolicy = EngineHarness.policy(),
        options: EngineOptions = EngineHarness.options
    ) throws -> EngineHarness {
        try EngineHarness(disk: disk, policy: policy, options: options, now: now)
    }

    /// The counts of the harness's principal since the engine's start.
    var counts: AdmissionCounts {
        engine.admissionCounts()[EngineHarness.principal] ?? AdmissionCounts()
    }

    /// The summary of a maker's source.
    func source(of maker: FrameMaker) -> SourceSummary? {
        engine.sources().first { $0.key.source == maker.source }
    }
}

/// Threads of the operating system: the engine's calls block, so tasks are not for them.
enum Threads {
    private final class Work: Sendable {
        let body: @Sendable () throws -> Void
        let failure: Mutex<(any Error)?>

        init(_ body: @escaping @Sendable () throws -> Void) {
            self.body = body
            failure = Mutex(nil)
        }
    }

    /// Runs every body in a thread of its own, waits for all, and throws what the first one threw.
    static func run(_ bodies: [@Sendable () throws -> Void]) throws {
        let works = bodies.map { Work($0) }
        var threads: [pthread_t] = []
        for work in works {
            var thread = pthread_t()
            let argument = unsafe Unmanaged.passRetained(work).toOpaque()
            let code = unsafe pthread_create(
                &thread,
                nil,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                    do { try work.body() } catch { work.failure.withLock { $0 = error } }
                    return nil
                },
                argument
            )
            precondition(code == 0, "the system gives a test its threads")
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        for work in works {
            if let failure = work.failure.withLock({ $0 }) { throw failure }
        }
    }
}
