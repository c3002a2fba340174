internal import MeterWire

/// One accepted event, its names turned to numbers: what counters and details add up.
struct CountedCall: BitwiseCopyable {
    var series: UInt32
    var minute: UInt32
    /// Where the call's amounts begin in the batch's.
    var firstAmount: UInt32
    /// Where the numbers of its components begin.
    var firstComponent: UInt32
    var componentCount: UInt32
    /// Of its components.
    var shape: UInt32
    /// Of their variants, if the outcome is not ok.
    var variantShape: UInt32
    var model: UInt32
    var user: UInt32
    /// Milliseconds from the start of the quarter hour.
    var offset: UInt32
    var sample: DetailSample
    var outcome: UInt8
    /// The hashes of both keys.
    private(set) var counterHash: UInt64 = 0
    private(set) var detailHash: UInt64 = 0

    @inline(__always)
    var counterKey: CounterKey { CounterKey(series: series, minute: minute, shape: shape) }

    /// Its amounts are counted for the components' variants, too.
    @inline(__always)
    var hasVariants: Bool { outcome != Outcome.ok.rawValue }

    @inline(__always)
    var detailKey: DetailKey {
        DetailKey(
            series: series, quarter: minute / QuarterHour.minuteCount, outcome: outcome,
            model: model, user: user)
    }

    /// Computed once, needed several times.
    @inline(__always)
    mutating func hashKeys() {
        counterHash = counterKey.hash
        detailHash = detailKey.hash
    }
}

/// Adds the accepted events of a decoded batch to live counters and details.
///
/// Names become numbers once per batch; the loop over events stages a few hundred calls in memory that
/// stays in the cache, and the tables are walked with what they need fetched ahead. Live ingest and replay
/// both come through here, so a replayed record counts exactly as it did.
@safe struct BatchCounter: ~Copyable {
    private static let unresolved = UInt32.max
    private static let stagedMax = 256

    private var way = UsageWay.native
    private var isTenantCounted: [Bool] = []
    private var seriesOfAgent: [UInt32] = []
    /// Series of (agent, access) pairs of this batch.
    private var seriesOfAccess: [UInt64: UInt32] = [:]
    private var models: [UInt32] = []
    private var users: [UInt32] = []
    private var shapes: [Shape] = []
    /// The numbers of the batch's `shapeComponents`, then those of their variants that occurred.
    private var components: [UInt32] = []
    /// Whose events were counted last, by index in the batch's tenants; each once.
    private(set) var countedTenants: [Int] = []
    private let staged = UnsafeMutablePointer<CountedCall>.allocate(capacity: stagedMax)
    private var stagedCount = 0
    private var stagedAmountCount = 0

    private struct Shape {
        /// Its number among the live names; its components have numbers, too.
        var number = BatchCounter.unresolved
        /// Bit i: the amount at position i is of tokens. A shape has at most 64 components.
        var tokens: UInt64 = 0
        /// The shapes of its components' variants, by outcome.
        var variants = InlineArray<4, UInt32>(repeating: BatchCounter.unresolved)
    }

    init() {}

    deinit { unsafe staged.deallocate() }

    /// What was counted.
    struct Counted: Equatable {
        var accepted: UInt64 = 0
        /// Of the accepted, those before `behindBefore`.
        var behind: UInt64 = 0
        var refused: [RefusalReason: UInt64] = [:]
    }

    /// Counts every event that `verdict` accepts.
    ///
    /// - Parameters:
    ///   - found: The batch's names, looked up in `live`; those that it did not know get their numbers.
    ///   - way: In which all of them came.
    ///   - behindBefore: Milliseconds since 1970; accepted events before it count as behind.
    mutating func count(
        _ batch: borrowing EventBatch, _ found: inout BatchNames, by way: UsageWay,
        verdict: Verdict, behindBefore: Int64, into live: inout LiveCounters
    ) -> Counted {
        self.way = way
        var counted = Counted()
        countedTenants.removeAll(keepingCapacity: true)
        var refusals: [Verdict.Refusal] = []
        switch verdict {
        case .refused(let reason):
            counted.refused[reason] = UInt64(batch.eventCount)
            return counted
        case .inConflict: return counted
        case .accepted: break
        case .partly(let some):
            refusals = some
            for refusal in some { counted.refused[refusal.reason, default: 0] += 1 }
        }
        prepare(for: batch)
        stage(batch, &found, without: refusals, behindBefore: behindBefore, &counted, &live)
        return counted
    }

    /// Names get numbers when an accepted event needs them: what is only in the dictionary, or in
    /// events that were refused, leaves nothing behind.
    private mutating func prepare(for batch: borrowing EventBatch) {
        isTenantCounted.removeAll(keepingCapacity: true)
        for _ in unsafe 0..<batch.tenants.count { isTenantCounted.append(false) }
        Self.reset(&seriesOfAgent, unsafe batch.agents.count)
        if unsafe batch.accesses.count > 0 { seriesOfAccess.removeAll(keepingCapacity: true) }
        Self.reset(&models, unsafe batch.models.count)
        Self.reset(&users, unsafe batch.users.count)
        Self.reset(&components, unsafe batch.shapeComponents.count)
        shapes.removeAll(keepingCapacity: true)
        for _ in unsafe 0..<batch.shapes.count { shapes.append(Shape()) }
    }

    private static func reset(_ numbers: inout [UInt32], _ count: Int) {
        numbers.removeAll(keepingCapacity: true)
        for _ in 0..<count { numbers.append(unresolved) }
    }

    private mutating func stage(
        _ batch: borrowing EventBatch, _ found: inout BatchNames,
        without refusals: [Verdict.Refusal], behindBefore: Int64, _ counted: inout Counted,
        _ live: inout LiveCounters
    ) {
        var behind: UInt64 = 0
        var refusal = 0
        var nextRefused = refusals.isEmpty ? Int.max : Int(refusals[0].index)
        let events = unsafe batch.events
        for index in events.indices {
            if index == nextRefused {
                refusal += 1
                nextRefused = refusal < refusals.count ? Int(refusals[refusal].index) : .max
                continue
            }
            let event = unsafe events[index]
            if event.time < behindBefore { behind &+= 1 }
            if stagedCount == Self.stagedMax { add(batch, to: &live) }
            let call = call(event, batch, &found, &live)
            unsafe staged[stagedCount] = call
            stagedCount &+= 1
            stagedAmountCount &+= Int(call.componentCount) &<< (call.hasVariants ? 1 : 0)
        }
        add(batch, to: &live)
        counted.accepted = UInt64(batch.eventCount - refusal)
        counted.behind = behind
    }

    /// Adds what is staged.
    private mutating func add(_ batch: borrowing EventBatch, to live: inout LiveCounters) {
        if let amounts = unsafe batch.amounts.baseAddress {
            let calls = unsafe UnsafeBufferPointer(start: staged, count: stagedCount)
            let amountCount = stagedAmountCount
            unsafe components.withUnsafeBufferPointer { components in
                guard let numbers = components.baseAddress else { return }
                unsafe live.add(
                    calls, amounts: amounts, components: numbers, amountCount: amountCount)
            }
        }
        stagedCount = 0
        stagedAmountCount = 0
    }

    @inline(__always)
    private mutating func call(
        _ event: EventBatch.Event, _ batch: borrowing EventBatch, _ found: inout BatchNames,
        _ live: inout LiveCounters
    ) -> CountedCall {
        let series = series(of: event, in: batch, &found, live: &live)
        if shapes[Int(event.shape)].number == BatchCounter.unresolved {
            resolve(shape: Int(event.shape), in: batch, &found, live: &live)
        }
        let shape = unsafe batch.shapes[Int(event.shape)]
        var variantShape: UInt32 = 0
        if event.outcome != Outcome.ok.rawValue {
            variantShape = variants(of: Int(event.shape), event.outcome, in: batch, live: &live)
        }
        // Admission keeps times within the key's minutes.
        let time = UInt64(bitPattern: event.time)
        let quarter = time / UInt64(QuarterHour.millisecondCount)
        let offset = time &- quarter &* UInt64(QuarterHour.millisecondCount)
        var sample = DetailSample()
        if event.duration >= 0 { sample.set(duration: UInt64(event.duration)) }
        let isTokens = shapes[Int(event.shape)].tokens
        if isTokens != 0 {
            sample.set(tokens: unsafe tokens(batch.amounts, event, shape.count, isTokens))
        }
        var call = CountedCall(
            series: series, minute: UInt32(truncatingIfNeeded: time / 60_000),
            firstAmount: event.firstAmount, firstComponent: shape.first,
            componentCount: shape.count, shape: shapes[Int(event.shape)].number,
            variantShape: variantShape,
            model: event.model < 0 ? DetailKey.none : model(of: event, series, batch, &live),
            user: event.user < 0 ? DetailKey.none : user(of: event, series, batch, &live),
            offset: UInt32(truncatingIfNeeded: offset), sample: sample, outcome: event.outcome)
        call.hashKeys()
        return call
    }

    /// The sum of the amounts that are tokens; 64 of the largest that a histogram tells apart stay far
    /// below 64 bits.
    @inline(__always)
    private func tokens(
        _ amounts: UnsafeBufferPointer<UInt64>, _ event: EventBatch.Event, _ count: UInt32,
        _ isTokens: UInt64
    ) -> UInt64 {
        var sum: UInt64 = 0
        for position in 0..<count {
            let amount = unsafe amounts[Int(event.firstAmount &+ position)]
            let mask = 0 &- (isTokens &>> UInt64(position) & 1)
            sum &+= min(amount, Histogram.valueMax) & mask
        }
        return sum
    }

    // MARK: - Names

    @inline(never)
    private mutating func resolve(
        shape: Int, in batch: borrowing EventBatch, _ found: inout BatchNames,
        live: inout LiveCounters
    ) {
        let entry = unsafe batch.shapes[shape]
        var tokens: UInt64 = 0
        for position in 0..<Int(entry.count) {
            let index = Int(entry.first) + position
            let component = unsafe Int(batch.shapeComponents[index])
            if found.components[component] == BatchNames.unknown {
                let name = unsafe batch.bytes(batch.components[component])
                found.components[component] = unsafe live.names.component(name)
            }
            let number = found.components[component]
            components[index] = number
            if live.names.isTokens(number) { tokens |= 1 << UInt64(position) }
        }
        let first = Int(entry.first)
        shapes[shape].number = live.names.shape(
            of: components[first..<first + Int(entry.count)])
        shapes[shape].tokens = tokens
    }

    /// The shape of the variants that a resolved shape's components have for an outcome.
    @inline(never)
    private mutating func variants(
        of shape: Int, _ outcome: UInt8, in batch: borrowing EventBatch,
        live: inout LiveCounters
    ) -> UInt32 {
        let known = shapes[shape].variants[Int(outcome)]
        if known != BatchCounter.unresolved { return known }
        let entry = unsafe batch.shapes[shape]
        let first = components.count
        for position in 0..<Int(entry.count) {
            let component = components[Int(entry.first) + position]
            components.append(live.names.variant(of: component, outcome))
        }
        let number = live.names.shape(of: components[first...])
        shapes[shape].variants[Int(outcome)] = number
        return number
    }

    @inline(__always)
    private mutating func series(
        of event: EventBatch.Event, in batch: borrowing EventBatch, _ found: inout BatchNames,
        live: inout LiveCounters
    ) -> UInt32 {
        if event.access < 0 {
            let known = seriesOfAgent[Int(event.agent)]
            if known != BatchCounter.unresolved { return known }
        }
        return resolve(event, in: batch, &found, live: &live)
    }

    @inline(never)
    private mutating func resolve(
        _ event: EventBatch.Event, in batch: borrowing EventBatch, _ found: inout BatchNames,
        live: inout LiveCounters
    ) -> UInt32 {
        let pair = UInt64(event.agent) << 32 | UInt64(UInt32(bitPattern: event.access))
        if event.access >= 0, let known = seriesOfAccess[pair] { return known }
        let known = agent(Int(event.agent), in: batch, &found, live: &live)
        if event.access < 0 {
            let number = live.names.series(of: known, nil, by: way)
            seriesOfAgent[Int(event.agent)] = number
            return number
        }
        let access = unsafe batch.accesses[Int(event.access)]
        let number = live.names.series(of: known, access, by: way)
        seriesOfAccess[pair] = number
        return number
    }

    /// The number of an agent of the batch of which an event is counted.
    private mutating func agent(
        _ index: Int, in batch: borrowing EventBatch, _ found: inout BatchNames,
        live: inout LiveCounters
    ) -> UInt32 {
        let agent = unsafe batch.agents[index]
        let tenant = Int(agent.tenant)
        if !isTenantCounted[tenant] {
            isTenantCounted[tenant] = true
            countedTenants.append(tenant)
            if found.tenants[tenant] == BatchNames.unknown {
                let name = unsafe batch.bytes(batch.tenants[tenant])
                found.tenants[tenant] = unsafe live.names.tenant(name)
            }
        }
        if found.agents[index] == BatchNames.unknown {
            found.agents[index] = unsafe live.names.agent(
                batch.bytes(agent.name), of: found.tenants[tenant])
        }
        return found.agents[index]
    }

    @inline(__always)
    private mutating func model(
        of event: EventBatch.Event, _ series: UInt32, _ batch: borrowing EventBatch,
        _ live: inout LiveCounters
    ) -> UInt32 {
        let known = models[Int(event.model)]
        if known != BatchCounter.unresolved { return known }
        let name = unsafe batch.models[Int(event.model)]
        let tenant = live.names.tenant(ofSeries: series)
        guard let code = unsafe live.details.model(batch.bytes(name), of: tenant) else {
            return DetailKey.other
        }
        models[Int(event.model)] = code
        return code
    }

    @inline(__always)
    private mutating func user(
        of event: EventBatch.Event, _ series: UInt32, _ batch: borrowing EventBatch,
        _ live: inout LiveCounters
    ) -> UInt32 {
        let known = users[Int(event.user)]
        if known != BatchCounter.unresolved { return known }
        let name = unsafe batch.users[Int(event.user)]
        let tenant = live.names.tenant(ofSeries: series)
        guard let code = unsafe live.details.user(batch.bytes(name), of: tenant) else {
            return DetailKey.other
        }
        users[Int(event.user)] = code
        return code
    }
}

/// The counter owns its memory alone and cannot be copied, so handing it to another thread hands over all of it.
extension BatchCounter: @unchecked Sendable {}
