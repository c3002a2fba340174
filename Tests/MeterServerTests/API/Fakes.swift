import Meter
import MeterWire
import Synchronization

@testable import MeterServer

/// A usage source that adds up a list of amounts as naively as can be.
final class FakeUsage: UsageSource {
    struct Amount {
        var tenant: Name
        var agent: Name
        var access: AccessID?
        var component: Name
        var minute: Minute
        var amount: UInt64
    }

    let amounts: [Amount]
    let moment: Timestamp

    init(_ amounts: [Amount], now: Timestamp) {
        self.amounts = amounts
        moment = now
    }

    func now() -> Timestamp { moment }

    func agents(of tenant: Name) -> Set<Name> {
        Set(amounts.filter { $0.tenant == tenant }.map(\.agent))
    }

    var book: BookState { BookState() }

    var durablePosition: UInt64 { 77 }

    func reconciledThrough() -> Timestamp? { Timestamp(milliseconds: 1_795_300_000_000) }

    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer {
        var totals: [UsageGroup: UsageTotal] = [:]
        for amount in amounts {
            guard query.tenants?.contains(amount.tenant) ?? true,
                query.agents?.contains(amount.agent) ?? true,
                query.accesses?.contains(amount.access) ?? true,
                query.components?.contains(amount.component) ?? true,
                let window = query.windows.lastIndex(where: { $0 <= amount.minute }),
                window + 1 < query.windows.count
            else { continue }
            let grouping = query.grouping
            let group = UsageGroup(
                tenant: grouping.contains(.tenant) ? amount.tenant : nil,
                agent: grouping.contains(.agent) ? amount.agent : nil,
                access: grouping.contains(.access) ? amount.access : nil,
                component: grouping.contains(.component) ? amount.component : nil,
                window: grouping.contains(.window) ? window : nil,
                way: grouping.contains(.way) ? .native : nil
            )
            totals[group, default: UsageTotal()].sum += UInt128(amount.amount)
            totals[group, default: UsageTotal()].count += 1
        }
        return UsageAnswer(
            totals: totals,
            position: 77,
            asOf: moment,
            completeThrough: moment.advanced(byMilliseconds: -5_000)
        )
    }

    func usage(
        _ query: UsageQuery,
        with details: [DetailsQuery]
    ) async throws(Problem) -> UsageWithDetails {
        var answers: [DetailsAnswer] = []
        for query in details { answers.append(try await self.details(query)) }
        return UsageWithDetails(usage: try await usage(query), details: answers)
    }

    /// Its amounts are of no call: `Tests/API` ask a real server about details.
    func details(_ query: DetailsQuery) async throws(Problem) -> DetailsAnswer {
        DetailsAnswer(
            totals: [:],
            position: 77,
            asOf: moment,
            completeThrough: moment.advanced(byMilliseconds: -5_000),
            missing: [],
            retainedFrom: QuarterHour(rawValue: 0)
        )
    }
}

/// A way into no engine: remembers what came and answers as it is told.
final class FakeSink: EventSink {
    struct Call {
        var events: EventsToIngest
        var principal: PrincipalID
    }

    let calls = Mutex<[Call]>([])
    let moment: Timestamp
    private let decide: @Sendable (Int) -> ItemOutcome
    private let problem: Problem?

    init(
        now: Timestamp,
        failing problem: Problem? = nil,
        decide: @escaping @Sendable (Int) -> ItemOutcome = { _ in .accepted }
    ) {
        moment = now
        self.problem = problem
        self.decide = decide
    }

    func now() -> Timestamp { moment }

    func ingest(
        _ events: EventsToIngest,
        from principal: PrincipalID
    ) async throws(Problem) -> [ItemOutcome] {
        if let problem { throw problem }
        calls.withLock { $0.append(Call(events: events, principal: principal)) }
        return events.identities.indices.map(decide)
    }
}

/// Callers of three kinds.
enum FakeCallers {
    static func holder(
        _ kind: Principal.Kind,
        _ scopes: KeyScopes = [.usage, .ingest],
        id: UInt64 = 1
    ) -> Caller {
        .holder(
            Credential(
                key: KeyID(rawValue: id),
                principal: Principal(id: PrincipalID(rawValue: id), kind: kind, label: ""),
                scopes: scopes
            )
        )
    }
}

extension APIAnswer {
    var bodyText: String { String(decoding: body, as: UTF8.self) }
}
