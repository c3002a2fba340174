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

    private var tenants = EntryTable(.name)
    private var agents = EntryTable(.numberedName)
    private var components = EntryTable(.name)
    private var accesses = EntryTable(.bare)
    private var models = EntryTable(.name)
    private var users = EntryTable(.name)
    private var shapes = EntryTable(.bare)
    private var events: [UInt8] = []
    private var previousTime: Int64 = 0
    /// The component numbers of the event before, whose shape most events have too.
    private var recentComponents: [Int] = []
    private var recentShape = 0
    private var scratch: [UInt8] = []

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
            recentComponents.removeAll(keepingCapacity: true)
            rollBack(to: mark)
            return .invalid(error)
        }
        if byteCount > byteCountMax || entryCount > WireLimits.dictionaryEntryCountMax {
            recentComponents.removeAll(keepingCapacity: true)
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
        guard time.magnitude <= WireLimits.timeMax.magnitude else { throw .time(time) }
        let delta = isEmpty ? 0 : time - previousTime
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
            events.appendVarint(bareIndex(in: &accesses))
        }
        if let model = event.model {
            events.appendVarint(try Self.index(of: model, .model, in: &models))
        }
        if let user = event.user {
            events.appendVarint(try Self.index(of: user, .user, in: &users))
        }
        if let duration = event.durationMilliseconds {
            guard duration <= WireLimits.valueMax else { throw .duration(duration) }
            events.appendVarint(duration)
        }
        for amount in event.amounts { events.appendVarint(amount.amount) }
    }

    private mutating func agentIndex(_ event: UsageEvent) throws(EventDefect) -> Int {
        let tenant = try Self.index(of: event.tenant, .tenant, in: &tenants)
        return try Self.index(of: event.agent, .agent, number: UInt32(tenant), in: &agents)
    }

    private mutating func shapeIndex(_ amounts: [ComponentAmount]) throws(EventDefect) -> Int {
        guard amounts.count >= 1, amounts.count <= WireLimits.shapeComponentCountMax else {
            throw .componentCount(amounts.count)
        }
        for amount in amounts where amount.amount > WireLimits.valueMax {
            throw .amount(component: amount.component, amount.amount)
        }
        if hasRecentShape(amounts) { return recentShape }
        recentComponents.removeAll(keepingCapacity: true)
        scratch.removeAll(keepingCapacity: true)
        scratch.appendVarint(amounts.count)
        for amount in amounts {
            let component = try Self.index(of: amount.component, .component, in: &components)
            if recentComponents.contains(component) {
                throw .repeatedComponent(amount.component)
            }
            recentComponents.append(component)
            scratch.appendVarint(component)
        }
        recentShape = bareIndex(in: &shapes)
        return recentShape
    }

    private func hasRecentShape(_ amounts: [ComponentAmount]) -> Bool {
        guard amounts.count == recentComponents.count, recentShape < shapes.count else {
            return false
        }
        for position in 0..<amounts.count {
            let component = recentComponents[position]
            let isSame = unsafe withBytes(of: amounts[position].component) { name in
                unsafe components.matches(component, name)
            }
            if !isSame { return false }
        }
        return true
    }

    /// The number of the entry whose bytes are in `scratch`.
    private func bareIndex(in table: inout EntryTable) -> Int {
        unsafe scratch.withUnsafeBytes { unsafe table.index(of: $0) ?? 0 }
    }

    /// The number of a name, which is checked when it is new.
    private static func index(
        of name: String,
        _ field: EventDefect.Field,
        number: UInt32 = 0,
        in table: inout EntryTable
    ) throws(EventDefect) -> Int {
        let index = unsafe withBytes(of: name) { bytes in
            unsafe table.index(of: bytes, number: number) { unsafe NameRule.accepts($0) }
        }
        guard let index else { throw .name(field) }
        return index
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
        recentComponents.removeAll(keepingCapacity: true)
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

/// Gives the UTF-8 of a text, in place where it lies in one piece.
private func withBytes<Result>(
    of text: String,
    _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    let result = unsafe text.utf8.withContiguousStorageIfAvailable { utf8 in
        unsafe body(UnsafeRawBufferPointer(utf8))
    }
    if let result { return result }
    return unsafe Array(text.utf8).withUnsafeBytes { unsafe body($0) }
}
