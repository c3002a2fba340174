/// Puts events into a payload until a byte limit: the names into its dictionary, the rest into varints.
///
/// The emitter seals the payload into a frame; the server writes the same coding for HTTP batches.
/// Used again for the next payload, it allocates nothing in the steady state.
package struct PayloadEncoder: Sendable {
    /// What became of an event.
    package enum Appended: Equatable, Sendable {
        case appended
        /// No room: seal what is there, then append again. Nothing was changed.
        case full
        /// Can never be on the wire. Nothing was changed.
        case invalid(EventDefect)
    }

    /// The most bytes that the payload may have.
    package let byteCountMax: Int
    /// The most events that it may have.
    package let eventCountMax: Int
    package private(set) var eventCount = 0
    /// Time of the first event, milliseconds since 1970; 0 while there is none.
    package private(set) var baseTime: Int64 = 0

    private var tenants = EntryTable()
    private var agents = EntryTable()
    private var components = EntryTable()
    private var accesses = EntryTable()
    private var models = EntryTable()
    private var users = EntryTable()
    private var shapes = EntryTable()
    private var events: [UInt8] = []
    private var previousTime: Int64 = 0
    private var scratch: [UInt8] = []
    private var shape: [UInt8] = []

    /// An empty payload.
    package init(byteCountMax: Int, eventCountMax: Int = WireLimits.eventCountMax) {
        self.byteCountMax = byteCountMax
        self.eventCountMax = Swift.min(eventCountMax, WireLimits.eventCountMax)
    }

    package var isEmpty: Bool { eventCount == 0 }

    /// Bytes of the payload as it is now.
    package var byteCount: Int {
        tenants.byteCount + agents.byteCount + components.byteCount + accesses.byteCount
            + models.byteCount + users.byteCount + shapes.byteCount + events.count
    }

    private var entryCount: Int {
        tenants.count + agents.count + components.count + accesses.count + models.count
            + users.count + shapes.count
    }

    /// Adds an event, if there is room and it keeps the rules.
    package mutating func append(_ event: UsageEvent) -> Appended {
        if eventCount >= eventCountMax { return .full }
        let mark = Mark(self)
        do throws(EventDefect) {
            try write(event)
        } catch {
            rollBack(to: mark)
            return .invalid(error)
        }
        if byteCount > byteCountMax || entryCount > WireLimits.dictionaryEntryCountMax {
            rollBack(to: mark)
            return isEmpty ? .invalid(.tooLarge(byteCountMax: byteCountMax)) : .full
        }
        if eventCount == 0 { baseTime = event.time.milliseconds }
        previousTime = event.time.milliseconds
        eventCount += 1
        return .appended
    }

    private mutating func write(_ event: UsageEvent) throws(EventDefect) {
        let agent = try agentIndex(event)
        let shape = try shapeIndex(event.amounts)
        let time = event.time.milliseconds
        let (delta, overflow) = time.subtractingReportingOverflow(isEmpty ? time : previousTime)
        guard !overflow else { throw .time(time) }
        var flags = event.outcome.rawValue
        if event.access != nil { flags |= EventFlags.access }
        if event.model != nil { flags |= EventFlags.model }
        if event.user != nil { flags |= EventFlags.user }
        if event.durationMilliseconds != nil { flags |= EventFlags.duration }
        events.appendVarint(agent)
        events.appendZigzag(delta)
        events.append(flags)
        events.appendVarint(shape)
        if let access = event.access {
            scratch.removeAll(keepingCapacity: true)
            scratch.appendFixed64(access.high)
            scratch.appendFixed64(access.low)
            events.appendVarint(accesses.index(of: scratch))
        }
        if let model = event.model {
            try setScratch(model, .model)
            events.appendVarint(models.index(of: scratch))
        }
        if let user = event.user {
            try setScratch(user, .user)
            events.appendVarint(users.index(of: scratch))
        }
        if let duration = event.durationMilliseconds {
            guard duration <= WireLimits.valueMax else { throw .duration(duration) }
            events.appendVarint(duration)
        }
        for amount in event.amounts { events.appendVarint(amount.amount) }
    }

    private mutating func agentIndex(_ event: UsageEvent) throws(EventDefect) -> Int {
        try setScratch(event.tenant, .tenant)
        let tenant = tenants.index(of: scratch)
        scratch.removeAll(keepingCapacity: true)
        scratch.appendVarint(tenant)
        try appendName(event.agent, .agent)
        return agents.index(of: scratch)
    }

    private mutating func shapeIndex(_ amounts: [ComponentAmount]) throws(EventDefect) -> Int {
        guard amounts.count >= 1, amounts.count <= WireLimits.shapeComponentCountMax else {
            throw .componentCount(amounts.count)
        }
        shape.removeAll(keepingCapacity: true)
        shape.appendVarint(amounts.count)
        for (position, amount) in amounts.enumerated() {
            guard amount.amount <= WireLimits.valueMax else {
                throw .amount(component: amount.component, amount.amount)
            }
            for earlier in amounts[..<position]
            where earlier.component.utf8.elementsEqual(amount.component.utf8) {
                throw .repeatedComponent(amount.component)
            }
            try setScratch(amount.component, .component)
            shape.appendVarint(components.index(of: scratch))
        }
        return shapes.index(of: shape)
    }

    private mutating func setScratch(
        _ name: String,
        _ field: EventDefect.Field
    ) throws(EventDefect) {
        scratch.removeAll(keepingCapacity: true)
        try appendName(name, field)
    }

    private mutating func appendName(
        _ name: String,
        _ field: EventDefect.Field
    ) throws(EventDefect) {
        guard NameRule.accepts(name) else { throw .name(field) }
        scratch.appendVarint(name.utf8.count)
        scratch.append(contentsOf: name.utf8)
    }

    /// Appends the whole payload to `target`.
    package func write(to target: inout [UInt8]) {
        tenants.write(to: &target)
        agents.write(to: &target)
        components.write(to: &target)
        accesses.write(to: &target)
        models.write(to: &target)
        users.write(to: &target)
        shapes.write(to: &target)
        target.append(contentsOf: events)
    }

    /// The payload as bytes of their own.
    package func payload() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        write(to: &bytes)
        return bytes
    }

    /// Begins the next payload, keeps the memory.
    package mutating func removeAll() {
        rollBack(to: Mark())
        eventCount = 0
        baseTime = 0
        previousTime = 0
    }

    /// How much of everything there was before an event.
    private struct Mark {
        var tenants = 0
        var agents = 0
        var components = 0
        var accesses = 0
        var models = 0
        var users = 0
        var shapes = 0
        var events = 0

        init() {}

        init(_ encoder: borrowing PayloadEncoder) {
            tenants = encoder.tenants.count
            agents = encoder.agents.count
            components = encoder.components.count
            accesses = encoder.accesses.count
            models = encoder.models.count
            users = encoder.users.count
            shapes = encoder.shapes.count
            events = encoder.events.count
        }
    }

    private mutating func rollBack(to mark: Mark) {
        tenants.truncate(to: mark.tenants)
        agents.truncate(to: mark.agents)
        components.truncate(to: mark.components)
        accesses.truncate(to: mark.accesses)
        models.truncate(to: mark.models)
        users.truncate(to: mark.users)
        shapes.truncate(to: mark.shapes)
        events.removeLast(events.count - mark.events)
    }
}
