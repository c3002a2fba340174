/// The events of one frame or batch, decoded into flat buffers that are used again for the next one.
///
/// Filled by one call (``decode(payload:eventCount:baseTime:)`` or `FrameOpener.open`), then read through
/// the buffers: no object, no string and no call for each event. Every index in it is within its list.
/// The buffers, and the payload that names point into, are valid until the next change of the batch and
/// for as long as the bytes that were decoded stay alive.
@safe
package struct EventBatch: ~Copyable {
    /// One event. Indexes are into the batch's lists; -1 says that the event has none.
    package struct Event: BitwiseCopyable, Sendable {
        /// Milliseconds since 1970.
        package var time: Int64
        /// Milliseconds; -1 where not known.
        package var duration: Int64
        package var agent: UInt32
        package var shape: UInt32
        /// Where in `amounts` this event's begin, one for each component of its shape.
        package var firstAmount: UInt32
        package var access: Int32
        package var model: Int32
        package var user: Int32
        /// An ``Outcome``'s number.
        package var outcome: UInt8
    }

    /// Where in the payload a name's bytes are.
    package struct NameRange: BitwiseCopyable, Sendable {
        package var offset: UInt32
        package var byteCount: UInt32
    }

    /// An agent: its tenant, and where its name is.
    package struct Agent: BitwiseCopyable, Sendable {
        package var tenant: UInt32
        package var name: NameRange
    }

    /// The components of an event: `count` indexes in `shapeComponents` from `first` on.
    package struct Shape: BitwiseCopyable, Sendable {
        package var first: UInt32
        package var count: UInt32
    }

    /// The payload that was decoded; names are ranges of it.
    package internal(set) var payload: UnsafeRawBufferPointer
    /// When the events happened, the earliest and the latest, in milliseconds since 1970; of no events 0.
    package internal(set) var times: ClosedRange<Int64> = 0...0
    var eventBuffer = ReusableBuffer<Event>()
    var amountBuffer = ReusableBuffer<UInt64>()
    var tenantBuffer = ReusableBuffer<NameRange>()
    var agentBuffer = ReusableBuffer<Agent>()
    var componentBuffer = ReusableBuffer<NameRange>()
    var accessBuffer = ReusableBuffer<AccessID>()
    var modelBuffer = ReusableBuffer<NameRange>()
    var userBuffer = ReusableBuffer<NameRange>()
    var shapeBuffer = ReusableBuffer<Shape>()
    var shapeComponentBuffer = ReusableBuffer<UInt32>()
    /// For each component the last shape (plus one) that named it: finds repetitions.
    var shapeMarks = ReusableBuffer<UInt32>()

    /// An empty batch.
    package init() {
        unsafe payload = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    package var eventCount: Int { eventBuffer.count }
    package var events: UnsafeBufferPointer<Event> { unsafe eventBuffer.elements }
    /// Of every event, one after the other; each at most 2^63 - 1.
    package var amounts: UnsafeBufferPointer<UInt64> { unsafe amountBuffer.elements }
    package var tenants: UnsafeBufferPointer<NameRange> { unsafe tenantBuffer.elements }
    package var agents: UnsafeBufferPointer<Agent> { unsafe agentBuffer.elements }
    package var components: UnsafeBufferPointer<NameRange> { unsafe componentBuffer.elements }
    package var accesses: UnsafeBufferPointer<AccessID> { unsafe accessBuffer.elements }
    package var models: UnsafeBufferPointer<NameRange> { unsafe modelBuffer.elements }
    package var users: UnsafeBufferPointer<NameRange> { unsafe userBuffer.elements }
    package var shapes: UnsafeBufferPointer<Shape> { unsafe shapeBuffer.elements }
    /// Indexes into `components`, of every shape, one after the other.
    package var shapeComponents: UnsafeBufferPointer<UInt32> {
        unsafe shapeComponentBuffer.elements
    }

    /// The bytes of a name.
    package func bytes(_ range: NameRange) -> UnsafeRawBufferPointer {
        let from = Int(range.offset)
        return unsafe UnsafeRawBufferPointer(rebasing: payload[from..<from + Int(range.byteCount)])
    }

    /// A name as a value of its own; allocates.
    package func name(_ range: NameRange) -> Name { unsafe Name(bytes: Array(bytes(range))) }

    /// Forgets the events, keeps the memory.
    package mutating func removeAll() {
        unsafe payload = UnsafeRawBufferPointer(start: nil, count: 0)
        times = 0...0
        eventBuffer.removeAll()
        amountBuffer.removeAll()
        tenantBuffer.removeAll()
        agentBuffer.removeAll()
        componentBuffer.removeAll()
        accessBuffer.removeAll()
        modelBuffer.removeAll()
        userBuffer.removeAll()
        shapeBuffer.removeAll()
        shapeComponentBuffer.removeAll()
        shapeMarks.removeAll()
    }
}

extension EventBatch {
    /// One event as a value of its own; allocates. For tools and tests.
    package func usageEvent(at index: Int) -> UsageEvent {
        let event = unsafe events[index]
        let agent = unsafe agents[Int(event.agent)]
        let shape = unsafe shapes[Int(event.shape)]
        var list: [ComponentAmount] = []
        for position in 0..<Int(shape.count) {
            let component = unsafe shapeComponents[Int(shape.first) + position]
            list.append(
                ComponentAmount(
                    text(unsafe components[Int(component)]),
                    unsafe amounts[Int(event.firstAmount) + position]
                )
            )
        }
        return UsageEvent(
            time: Timestamp(milliseconds: event.time),
            tenant: text(unsafe tenants[Int(agent.tenant)]),
            agent: text(agent.name),
            amounts: list,
            access: event.access < 0 ? nil : unsafe accesses[Int(event.access)],
            model: event.model < 0 ? nil : text(unsafe models[Int(event.model)]),
            user: event.user < 0 ? nil : text(unsafe users[Int(event.user)]),
            outcome: Outcome(rawValue: event.outcome) ?? .ok,
            durationMilliseconds: event.duration < 0 ? nil : UInt64(event.duration)
        )
    }

    private func text(_ range: NameRange) -> String { name(range).description }
}
