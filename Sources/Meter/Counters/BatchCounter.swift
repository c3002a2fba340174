internal import MeterWire

/// Adds the accepted events of a decoded batch to live counters.
///
/// Names become numbers once per batch; the loop over events writes packed keys beside the amounts as
/// they were decoded, and the table is then walked with the memory it needs fetched ahead. Live ingest
/// and replay both come through here, so a replayed record counts exactly as it did.
@safe struct BatchCounter: ~Copyable {
    private static let unresolved = UInt32.max

    private var seriesOfAgent: [UInt32] = []
    /// Series of (agent, access) pairs of this batch.
    private var seriesOfAccess: [UInt64: UInt32] = [:]
    private var componentNumbers: [UInt32] = []
    /// Whose events were counted last, by index in the batch's tenants; each once.
    private(set) var countedTenants: [Int] = []
    private var isTenantCounted: [Bool] = []
    private var keys = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private var amounts = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private var capacity = 1

    init() {}

    deinit {
        unsafe keys.deallocate()
        unsafe amounts.deallocate()
    }

    /// What was counted.
    struct Counted: Equatable {
        var accepted: UInt64 = 0
        /// Of the accepted, those before `behindBefore`.
        var behind: UInt64 = 0
        var refused: [RefusalReason: UInt64] = [:]
    }

    /// Counts every event that `verdict` accepts.
    ///
    /// - Parameter behindBefore: Milliseconds since 1970; accepted events before it count as behind.
    mutating func count(
        _ batch: borrowing EventBatch, verdict: Verdict, behindBefore: Int64,
        into live: inout LiveCounters
    ) -> Counted {
        var counted = Counted()
        countedTenants.removeAll(keepingCapacity: true)
        switch verdict {
        case .refused(let reason):
            counted.refused[reason] = UInt64(batch.eventCount)
            return counted
        case .inConflict: return counted
        case .accepted, .partly: break
        }
        prepare(for: batch, live: &live)
        if case .partly(let refusals) = verdict {
            for refusal in refusals { counted.refused[refusal.reason, default: 0] += 1 }
            let keyCount = countSome(
                batch, refusals, behindBefore: behindBefore, counted: &counted, live: &live)
            unsafe live.add(keys: keys, amounts: amounts, count: keyCount)
        } else {
            let keyCount = countAll(
                batch, behindBefore: behindBefore, counted: &counted, live: &live)
            if let amounts = unsafe batch.amounts.baseAddress {
                unsafe live.add(keys: keys, amounts: amounts, count: keyCount)
            }
        }
        return counted
    }

    private mutating func prepare(for batch: borrowing EventBatch, live: inout LiveCounters) {
        let amountCount = unsafe batch.amounts.count
        if amountCount > capacity {
            unsafe keys.deallocate()
            unsafe amounts.deallocate()
            capacity = amountCount * 2
            unsafe keys = .allocate(capacity: capacity)
            unsafe amounts = .allocate(capacity: capacity)
        }
        seriesOfAgent.removeAll(keepingCapacity: true)
        for _ in unsafe 0..<batch.agents.count { seriesOfAgent.append(BatchCounter.unresolved) }
        if unsafe batch.accesses.count > 0 { seriesOfAccess.removeAll(keepingCapacity: true) }
        // Names are interned when an accepted event needs them: what is only in the dictionary, or in
        // events that were refused, leaves nothing behind.
        componentNumbers.removeAll(keepingCapacity: true)
        for _ in unsafe 0..<batch.components.count {
            componentNumbers.append(BatchCounter.unresolved)
        }
        isTenantCounted.removeAll(keepingCapacity: true)
        for _ in unsafe 0..<batch.tenants.count { isTenantCounted.append(false) }
    }

    /// The keys of every event; the amounts are used where they were decoded.
    private mutating func countAll(
        _ batch: borrowing EventBatch, behindBefore: Int64, counted: inout Counted,
        live: inout LiveCounters
    ) -> Int {
        var keyCount = 0
        var behind: UInt64 = 0
        let events = unsafe batch.events
        for index in events.indices {
            let event = unsafe events[index]
            if event.time < behindBefore { behind &+= 1 }
            appendKeys(of: event, in: batch, at: &keyCount, live: &live)
        }
        counted.accepted = UInt64(batch.eventCount)
        counted.behind = behind
        return keyCount
    }

    /// The keys and amounts of the events between the refused ones.
    private mutating func countSome(
        _ batch: borrowing EventBatch, _ refusals: [Verdict.Refusal], behindBefore: Int64,
        counted: inout Counted, live: inout LiveCounters
    ) -> Int {
        var keyCount = 0
        var nextRefusal = 0
        let events = unsafe batch.events
        for index in events.indices {
            if nextRefusal < refusals.count, Int(refusals[nextRefusal].index) == index {
                nextRefusal += 1
                continue
            }
            let event = unsafe events[index]
            if event.time < behindBefore { counted.behind += 1 }
            counted.accepted += 1
            let first = keyCount
            appendKeys(of: event, in: batch, at: &keyCount, live: &live)
            for position in 0..<(keyCount - first) {
                unsafe amounts[first + position] = batch.amounts[Int(event.firstAmount) + position]
            }
        }
        return keyCount
    }

    @inline(__always)
    private mutating func appendKeys(
        of event: EventBatch.Event, in batch: borrowing EventBatch, at keyCount: inout Int,
        live: inout LiveCounters
    ) {
        let series = series(of: event, in: batch, live: &live)
        // Admission keeps times within the key's minutes.
        let minute = UInt32(truncatingIfNeeded: event.time / 60_000)
        let shape = unsafe batch.shapes[Int(event.shape)]
        for position in 0..<Int(shape.count) {
            let component = unsafe batch.shapeComponents[Int(shape.first) &+ position]
            var number = componentNumbers[Int(component)]
            if number == BatchCounter.unresolved {
                number = resolve(component: Int(component), in: batch, live: &live)
            }
            unsafe keys[keyCount] =
                CounterKey(
                    series: series, component: number, minute: minute
                ).rawValue
            keyCount &+= 1
        }
    }

    @inline(never)
    private mutating func resolve(
        component: Int, in batch: borrowing EventBatch, live: inout LiveCounters
    ) -> UInt32 {
        let number = unsafe live.internComponent(batch.bytes(batch.components[component]))
        componentNumbers[component] = number
        return number
    }

    @inline(__always)
    private mutating func series(
        of event: EventBatch.Event, in batch: borrowing EventBatch, live: inout LiveCounters
    ) -> UInt32 {
        if event.access < 0 {
            let known = seriesOfAgent[Int(event.agent)]
            if known != BatchCounter.unresolved { return known }
        }
        return resolve(event, in: batch, live: &live)
    }

    @inline(never)
    private mutating func resolve(
        _ event: EventBatch.Event, in batch: borrowing EventBatch, live: inout LiveCounters
    ) -> UInt32 {
        let agent = unsafe batch.agents[Int(event.agent)]
        let tenant = unsafe batch.tenants[Int(agent.tenant)]
        if !isTenantCounted[Int(agent.tenant)] {
            isTenantCounted[Int(agent.tenant)] = true
            countedTenants.append(Int(agent.tenant))
        }
        if event.access < 0 {
            let number = unsafe live.internSeries(
                tenant: batch.bytes(tenant), agent: batch.bytes(agent.name), access: nil)
            seriesOfAgent[Int(event.agent)] = number
            return number
        }
        let pair = UInt64(event.agent) << 32 | UInt64(UInt32(bitPattern: event.access))
        if let known = seriesOfAccess[pair] { return known }
        let number = unsafe live.internSeries(
            tenant: batch.bytes(tenant), agent: batch.bytes(agent.name),
            access: batch.accesses[Int(event.access)])
        seriesOfAccess[pair] = number
        return number
    }
}

/// The counter owns its memory alone and cannot be copied, so handing it to another thread hands over all of it.
extension BatchCounter: @unchecked Sendable {}
