package import MeterWire

/// Where `record` puts events: payloads that fill up, within a bound of memory.
///
/// Knows no time and no network; what is full is taken by the emitter's thread. In the steady state
/// payloads go round and nothing is allocated.
package struct Recorder: Sendable {
    /// Events that never got a sequence number.
    package struct Dropped: Sendable {
        package internal(set) var count: UInt64 = 0
        var lines = UsageLines()
    }

    private let payloadByteCount: Int
    private let byteCountMax: Int
    private var current: PayloadEncoder
    private var filled: [PayloadEncoder] = []
    private var filledByteCount = 0
    private var spare: [PayloadEncoder] = []
    /// Bytes of sealed frames that the server does not have yet, as the thread said last.
    private var outstandingByteCount = 0
    /// Bytes that were taken last, which the thread's next word will count as outstanding.
    private var takenByteCount = 0
    private var dropped = Dropped()
    /// Events that `record` was called with.
    package private(set) var recordedCount: UInt64 = 0
    /// Events dropped for want of room.
    package private(set) var droppedCount: UInt64 = 0
    /// Events that cannot be on the wire; dropped too.
    package private(set) var invalidCount: UInt64 = 0
    /// What was wrong with the newest of them.
    package private(set) var lastDefect: EventDefect?

    package init(payloadByteCount: Int, byteCountMax: Int) {
        self.payloadByteCount = payloadByteCount
        self.byteCountMax = byteCountMax
        current = PayloadEncoder(byteCountMax: payloadByteCount)
    }

    /// Takes an event, or counts it as dropped. True when a payload became full, so that the thread should
    /// look.
    package mutating func record(_ event: UsageEvent) -> Bool {
        recordedCount += 1
        if current.isEmpty, hasNoRoom {
            droppedCount += 1
            drop(event)
            return false
        }
        switch current.append(event) {
        case .appended: return false
        case .invalid(let defect):
            invalidCount += 1
            lastDefect = defect
            drop(event)
            return false
        case .full:
            if hasNoRoom {
                droppedCount += 1
                drop(event)
                return false
            }
            filledByteCount += current.byteCount
            var next = spare.popLast() ?? PayloadEncoder(byteCountMax: payloadByteCount)
            swap(&current, &next)
            filled.append(next)
            if case .invalid(let defect) = current.append(event) {
                invalidCount += 1
                lastDefect = defect
                drop(event)
            }
            return true
        }
    }

    /// True where one more payload would leave the bound.
    private var hasNoRoom: Bool {
        outstandingByteCount + takenByteCount + filledByteCount + current.byteCount
            + payloadByteCount > byteCountMax
    }

    /// Counts an event that came after the end.
    package mutating func refuse() {
        recordedCount += 1
        droppedCount += 1
    }

    private mutating func drop(_ event: UsageEvent) {
        dropped.count += 1
        dropped.lines.add(event)
    }

    /// True while events wait in a payload that is not full.
    package var hasPartialPayload: Bool { !current.isEmpty }

    /// Gives out the full payloads, and the one that is being filled if asked for, in the order of their
    /// events.
    package mutating func take(partial: Bool, outstandingByteCount: Int) -> [PayloadEncoder] {
        self.outstandingByteCount = outstandingByteCount
        filledByteCount = 0
        var taken: [PayloadEncoder] = []
        swap(&taken, &filled)
        if partial, !current.isEmpty {
            var next = spare.popLast() ?? PayloadEncoder(byteCountMax: payloadByteCount)
            swap(&current, &next)
            taken.append(next)
        }
        takenByteCount = taken.reduce(0) { $0 + $1.byteCount }
        return taken
    }

    /// Gives out what was dropped since the last call; nil for nothing.
    package mutating func takeDropped() -> Dropped? {
        if dropped.count == 0 { return nil }
        let taken = dropped
        dropped = Dropped()
        return taken
    }

    /// Takes payloads back whose events are sealed, for their memory.
    package mutating func giveBack(_ payloads: [PayloadEncoder]) {
        for payload in payloads where spare.count < 8 {
            var empty = payload
            empty.removeAll()
            spare.append(empty)
        }
    }

    /// Forgets everything: after a fork the events are the parent's to send.
    package mutating func reset() {
        self = Recorder(payloadByteCount: payloadByteCount, byteCountMax: byteCountMax)
    }
}
