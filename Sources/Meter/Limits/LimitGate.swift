internal import MeterWire

/// One receiving thread's view of the limiters: finds those of a frame without a lock and, once it knows
/// them, without an allocation.
///
/// What tenants use is gathered here and taken from their buckets in portions of a 64th of a second's
/// worth, so that a frame of many tenants costs some additions and no traffic between processors.
struct LimitGate: ~Copyable {
    private struct Tenant {
        let limiter: Limiter
        /// Used and not taken from the buckets yet.
        var events = 0
        var bytes = 0
        var portion: Limiter.Portion
    }

    private let limiters: Limiters
    private var principals: [PrincipalID: Limiter] = [:]
    private var names: NameTable
    /// By the numbers of their names.
    private var tenants: [Tenant] = []
    /// Which rules the portions were made for.
    private var rulesNumber: UInt64 = 0
    /// Of each tenant of the batch looked at last: its events there.
    private var eventCounts: [Int] = []
    /// Of each tenant of that batch: its number here; -1 where it has no limits.
    private var numbers: [Int] = []

    init(limiters: Limiters, seed: UInt64) {
        self.limiters = limiters
        names = NameTable(seed: seed)
    }

    mutating func limiter(of principal: PrincipalID) -> Limiter {
        if let known = principals[principal] { return known }
        let limiter = limiters.principal(principal)
        principals[principal] = limiter
        return limiter
    }

    /// The limit that keeps a decoded batch out now; nil if none does.
    ///
    /// A batch of several tenants is taken as long as one of them is within its rates: only platforms mix
    /// tenants, their own rates bound them, and one tenant's flood must not hold up what others used.
    mutating func hit(
        _ batch: borrowing EventBatch, of principal: Limiter, allowed: AdmissionPolicy.Tenants,
        at now: Timestamp
    ) -> LimitHit? {
        let time = BucketTime(now)
        if let hit = principal.hit(at: time) { return hit }
        find(batch, allowed)
        var soonest: LimitHit?
        for index in numbers.indices where eventCounts[index] > 0 {
            let number = numbers[index]
            guard number >= 0, let hit = tenants[number].limiter.hit(at: time) else { return nil }
            if soonest.map({ hit.waitMilliseconds < $0.waitMilliseconds }) ?? true {
                soonest = hit
            }
        }
        return soonest
    }

    /// Counts the batch that ``hit(_:of:allowed:at:)`` looked at last as taken: each tenant for its own
    /// events, and for its share of the bytes.
    mutating func take(
        _ batch: borrowing EventBatch, byteCount: Int, of principal: Limiter, at now: Timestamp
    ) {
        let time = BucketTime(now)
        let eventCount = batch.eventCount
        principal.take(events: eventCount, bytes: byteCount, at: time)
        let byteShare = byteCount / max(1, eventCount)
        for index in numbers.indices {
            let number = numbers[index]
            let count = eventCounts[index]
            guard number >= 0, count > 0 else { continue }
            tenants[number].events &+= count
            tenants[number].bytes &+= count &* byteShare
            if tenants[number].events >= tenants[number].portion.events
                || tenants[number].bytes >= tenants[number].portion.bytes
            {
                takePortion(of: number, at: time)
            }
        }
    }

    @inline(never)
    private mutating func takePortion(of number: Int, at time: BucketTime) {
        let tenant = tenants[number]
        tenant.limiter.take(events: tenant.events, bytes: tenant.bytes, at: time)
        tenants[number].events = 0
        tenants[number].bytes = 0
    }

    /// Which tenants the batch is of, and how many events each has.
    private mutating func find(
        _ batch: borrowing EventBatch, _ allowed: AdmissionPolicy.Tenants
    ) {
        refreshPortions()
        eventCounts.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        for index in 0..<(unsafe batch.tenants.count) {
            let tenant = unsafe batch.tenants[index]
            eventCounts.append(0)
            numbers.append(unsafe number(of: batch.bytes(tenant), allowed))
        }
        countEvents(of: batch)
    }

    private mutating func countEvents(of batch: borrowing EventBatch) {
        if eventCounts.count == 1 {
            eventCounts[0] = batch.eventCount
            return
        }
        let events = unsafe batch.events
        for index in events.indices {
            let agent = unsafe batch.agents[Int(events[index].agent)]
            eventCounts[Int(agent.tenant)] &+= 1
        }
    }

    private mutating func refreshPortions() {
        let current = limiters.rulesNumber
        if current == rulesNumber { return }
        rulesNumber = current
        for number in tenants.indices {
            tenants[number].portion = tenants[number].limiter.portion
        }
    }

    /// A tenant that the principal may not send for is not charged: its events are refused by name, and
    /// nobody uses up another's rates.
    private mutating func number(
        of tenant: UnsafeRawBufferPointer, _ allowed: AdmissionPolicy.Tenants
    ) -> Int {
        if let known = unsafe names.find(tenant) {
            let number = Int(known)
            if case .only(let names) = allowed,
                case .tenant(let name) = tenants[number].limiter.subject, !names.contains(name)
            {
                return -1
            }
            return number
        }
        let name = unsafe Name(bytes: Array(tenant))
        guard allowed.contains(name), let limiter = limiters.tenant(name) else { return -1 }
        tenants.append(Tenant(limiter: limiter, portion: limiter.portion))
        return Int(unsafe names.intern(tenant))
    }
}
