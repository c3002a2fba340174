internal import MeterWire

/// Amounts by tenant and component with the times they lie between: what claims are made of.
///
/// Bounded: beyond `lineCountMax` pairs nothing more is taken and `isComplete` turns false.
struct UsageLines: Sendable {
    struct Key: Hashable, Sendable {
        let tenant: Name
        let component: Name
    }

    struct Amount: Sendable {
        var sum: UInt128
        var earliest: Int64
        var latest: Int64
    }

    private(set) var amounts: [Key: Amount] = [:]
    private(set) var isComplete = true
    private let lineCountMax: Int

    init(lineCountMax: Int = 4_096) { self.lineCountMax = lineCountMax }

    mutating func add(_ key: Key, _ amount: Amount) {
        if let index = amounts.index(forKey: key) {
            amounts.values[index].sum += amount.sum
            amounts.values[index].earliest = min(amounts.values[index].earliest, amount.earliest)
            amounts.values[index].latest = max(amounts.values[index].latest, amount.latest)
        } else if amounts.count < lineCountMax {
            amounts[key] = amount
        } else {
            isComplete = false
        }
    }

    mutating func add(_ other: UsageLines) {
        for (key, amount) in other.amounts { add(key, amount) }
        if !other.isComplete { isComplete = false }
    }

    /// Something is not in the lines.
    mutating func leaveOut() { isComplete = false }

    /// Adds an event that never comes onto the wire; what of it cannot be named is left out.
    mutating func add(_ event: UsageEvent) {
        let time = event.time.milliseconds
        guard NameRule.accepts(event.tenant), time.magnitude <= WireLimits.timeMax.magnitude else {
            isComplete = false
            return
        }
        for amount in event.amounts {
            guard NameRule.accepts(amount.component), amount.amount <= WireLimits.valueMax else {
                isComplete = false
                continue
            }
            add(
                Key(tenant: Name(event.tenant), component: Name(amount.component)),
                Amount(sum: UInt128(amount.amount), earliest: time, latest: time)
            )
        }
    }

    /// The lines in order of tenant and component.
    func claimLines(_ kind: Claim.LineKind) -> [Claim.Line] {
        let sorted = amounts.sorted { left, right in
            (left.key.tenant, left.key.component) < (right.key.tenant, right.key.component)
        }
        return sorted.map { key, amount in
            Claim.Line(
                kind: kind,
                tenant: key.tenant,
                component: key.component,
                amount: amount.sum,
                earliest: amount.earliest,
                latest: amount.latest
            )
        }
    }
}

extension UsageLines {
    /// The lines of one kind that a claim has. It may have left some out that it had.
    init(_ claim: Claim, _ kind: Claim.LineKind) {
        self.init()
        for line in claim.lines where line.kind == kind {
            let amount = Amount(sum: line.amount, earliest: line.earliest, latest: line.latest)
            add(Key(tenant: line.tenant, component: line.component), amount)
        }
        let isNeeded = kind == .dropped ? claim.droppedCount > 0 : !claim.givenUp.isEmpty
        if isNeeded, !claim.linesAreComplete { leaveOut() }
    }

    /// The lines of a payload that was just encoded.
    init(_ batch: borrowing EventBatch) {
        self.init(lineCountMax: .max)
        var keys: [UInt64: Int] = [:]
        var sums: [(tenant: UInt32, component: UInt32, amount: Amount)] = []
        for index in 0..<batch.eventCount {
            let event = unsafe batch.events[index]
            let tenant = unsafe batch.agents[Int(event.agent)].tenant
            let shape = unsafe batch.shapes[Int(event.shape)]
            for position in 0..<Int(shape.count) {
                let component = unsafe batch.shapeComponents[Int(shape.first) + position]
                let amount = unsafe UInt128(batch.amounts[Int(event.firstAmount) + position])
                let key = UInt64(tenant) << 32 | UInt64(component)
                if let known = keys[key] {
                    sums[known].amount.sum += amount
                    sums[known].amount.earliest = min(sums[known].amount.earliest, event.time)
                    sums[known].amount.latest = max(sums[known].amount.latest, event.time)
                } else {
                    keys[key] = sums.count
                    let first = Amount(sum: amount, earliest: event.time, latest: event.time)
                    sums.append((tenant, component, first))
                }
            }
        }
        for sum in sums {
            let tenant = batch.name(unsafe batch.tenants[Int(sum.tenant)])
            let component = batch.name(unsafe batch.components[Int(sum.component)])
            add(Key(tenant: tenant, component: component), sum.amount)
        }
    }
}
