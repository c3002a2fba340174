import Meter
import MeterWaldur
import MeterWire
import Synchronization

/// A book on a disk in memory and a list of amounts: what the reporter needs of the engine.
final class FakeEngine: ReportingEngine {
    struct Amount: Sendable {
        let tenant: Name
        let agent: Name
        let component: Name
        let minute: Minute
        let amount: UInt64
        var access: AccessID?
        var outcome = Outcome.ok
    }

    let book: Book
    private struct Amounts {
        var all: [Amount] = []
        /// Where in it each tenant's and each agent's are.
        private var byTenant: [Name: [Int]] = [:]
        private var byAgent: [AgentKey: [Int]] = [:]
        var durable = 0

        mutating func append(_ amount: Amount) {
            byTenant[amount.tenant, default: []].append(all.count)
            byAgent[AgentKey(tenant: amount.tenant, agent: amount.agent), default: []]
                .append(all.count)
            all.append(amount)
        }

        /// Everything durable of these tenants' agents; of all where nil.
        func durable(of tenants: Set<Name>?, _ agents: Set<Name>?) -> [Amount] {
            guard let tenants else {
                return all.prefix(durable).filter { agents?.contains($0.agent) ?? true }
            }
            let places = tenants.flatMap { tenant in
                agents?.flatMap { byAgent[AgentKey(tenant: tenant, agent: $0)] ?? [] }
                    ?? byTenant[tenant] ?? []
            }
            return places.filter { $0 < durable }.map { all[$0] }
        }
    }

    private let amounts = Mutex(Amounts())
    private let time: Mutex<Timestamp>
    private let booked = Mutex<[(decisions: [Decision], author: String)]>([])
    private let refusal = Mutex<@Sendable (Decision) -> Bool>({ _ in false })

    init(at time: Timestamp) throws {
        book = try Book.open(MemoryDisk()).book
        self.time = Mutex(time)
    }

    var bookState: BookState { book.state }

    func setTime(_ now: Timestamp) { time.withLock { $0 = now } }

    func decide(_ decisions: [Decision], author: String) async throws(ReporterTrouble) {
        try book(decisions, author: author)
    }

    /// Books what another one's book has, in the same order.
    func copyBook(of other: FakeEngine) throws {
        let booked = other.booked.withLock { $0 }
        for entry in booked { try book(entry.decisions, author: entry.author) }
    }

    /// Has heard of what another one has of before a minute.
    func copyUsage(of other: FakeEngine, before minute: Minute) {
        let heard = other.durable.filter { $0.minute < minute }
        amounts.withLock { amounts in
            for amount in heard { amounts.append(amount) }
            amounts.durable = amounts.all.count
        }
    }

    /// Decisions that the book will not take.
    func refuses(_ isRefused: @escaping @Sendable (Decision) -> Bool) {
        refusal.withLock { $0 = isRefused }
    }

    func book(_ decisions: [Decision], author: String = "test") throws(ReporterTrouble) {
        let isRefused = refusal.withLock { $0 }
        guard !decisions.contains(where: isRefused) else {
            throw ReporterTrouble("refused by the test", concernsOne: true)
        }
        do throws(BookError) {
            let entries = try book.append(author: author, at: time.withLock { $0 }) {
                Numbering.apply(decisions, after: $0)
            }
            booked.withLock { $0.append((entries.map(\.decision), author)) }
        } catch {
            throw ReporterTrouble("\(error)", concernsOne: true)
        }
    }

    func record(
        _ component: Name,
        _ amount: UInt64,
        agent: Name,
        tenant: Name,
        at minute: Minute,
        access: AccessID? = nil,
        outcome: Outcome = .ok
    ) {
        amounts.withLock {
            $0.append(
                Amount(
                    tenant: tenant,
                    agent: agent,
                    component: component,
                    minute: minute,
                    amount: amount,
                    access: access,
                    outcome: outcome
                )
            )
        }
    }

    /// What was recorded so far is durable.
    func sync() { amounts.withLock { $0.durable = $0.all.count } }

    /// A power cut: what is not durable is gone.
    func loseUnsynced() {
        amounts.withLock { amounts in
            let kept = amounts.all.prefix(amounts.durable)
            amounts = Amounts()
            for amount in kept { amounts.append(amount) }
            amounts.durable = amounts.all.count
        }
    }

    /// Everything durable.
    var durable: [Amount] { amounts.withLock { $0.durable(of: nil, nil) } }

    func usage(_ query: UsageQuery) async throws(ReporterTrouble) -> UsageAnswer {
        let (durable, position) = amounts.withLock {
            ($0.durable(of: query.tenants, query.agents), $0.durable)
        }
        var totals: [UsageGroup: UsageTotal] = [:]
        for amount in durable {
            guard let window = query.window(of: amount.minute) else { continue }
            var components = [amount.component]
            if query.withVariants, amount.outcome != .ok {
                components.append(
                    ComponentVariant(component: amount.component, outcome: amount.outcome).name
                )
            }
            let by = query.grouping
            for component in components {
                let group = UsageGroup(
                    tenant: by.contains(.tenant) ? amount.tenant : nil,
                    agent: by.contains(.agent) ? amount.agent : nil,
                    access: by.contains(.access) ? amount.access : nil,
                    component: by.contains(.component) ? component : nil,
                    window: by.contains(.window) ? window : nil,
                    way: by.contains(.way) ? .native : nil
                )
                totals[group, default: UsageTotal()].sum += UInt128(amount.amount)
                totals[group, default: UsageTotal()].count += 1
            }
        }
        return UsageAnswer(
            totals: totals,
            position: UInt64(position),
            asOf: time.withLock { $0 },
            completeThrough: nil
        )
    }
}

extension UsageQuery {
    /// Which of the query's windows a minute lies in; nil for none.
    fileprivate func window(of minute: Minute) -> Int? {
        guard let first = windows.first, let last = windows.last, first <= minute, minute < last
        else { return nil }
        var low = 0
        var high = windows.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if windows[middle] <= minute { low = middle } else { high = middle }
        }
        return low
    }
}
