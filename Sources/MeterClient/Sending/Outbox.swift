internal import MeterWire

/// The sealed frames of one source that the server is not known to have, in the order of their events:
/// first those in flight, which were sent at least once, then those in the queue.
struct Outbox {
    /// A sealed frame, and what a claim says of it.
    struct Frame {
        /// The sealed bytes, or where they lie.
        enum Content {
            case memory([UInt8])
            case spooled(SourceSpool.Location)
        }

        let sequences: Range<UInt64>
        let content: Content
        /// Where the bytes lie too; nil where the spool does not have them.
        var location: SourceSpool.Location?
        let lines: UsageLines
        /// Counts the frames of the emitter, over all its sources.
        let ordinal: UInt64

        init(
            sequences: Range<UInt64>,
            content: Content,
            location: SourceSpool.Location? = nil,
            lines: UsageLines,
            ordinal: UInt64
        ) {
            self.sequences = sequences
            self.content = content
            self.location = location
            self.lines = lines
            self.ordinal = ordinal
            if case .spooled(let place) = content { self.location = place }
        }

        var byteCount: Int {
            switch content {
            case .memory(let bytes): bytes.count
            case .spooled(let location): location.byteCount
            }
        }

        /// What the frame takes of memory, or nearly so.
        var memoryByteCount: Int {
            let lines = 160 + 160 * lines.amounts.count
            if case .memory(let bytes) = content { return bytes.count + lines }
            return lines
        }
    }

    private struct Flying {
        enum State {
            case onTheWay(since: Int64)
            /// To be sent again when the window lets.
            case lost
            /// Not taken by the server: to be sent again when its pause is over.
            case deferred
        }

        var frame: Frame
        var state: State
        var sendCount = 1

        var isOnTheWay: Bool {
            if case .onTheWay = state { return true }
            return false
        }
    }

    private var flight: [Flying] = []
    private var queue: [Frame] = []
    private var queueStart = 0
    /// Bytes of flight and queue, wherever they lie.
    private(set) var byteCount = 0
    /// What of it is in memory.
    private(set) var memoryByteCount = 0
    /// Bytes of frames that may still arrive.
    private(set) var onTheWayByteCount = 0

    var isEmpty: Bool { flight.isEmpty && queueStart == queue.count }

    /// True while frames wait that were never sent.
    var hasUnsent: Bool { queueStart < queue.count }

    /// Of the oldest frame; nil without one.
    var first: Frame? { flight.first?.frame ?? (hasUnsent ? queue[queueStart] : nil) }

    /// Takes the next frame.
    mutating func append(_ frame: Frame) {
        queue.append(frame)
        byteCount += frame.byteCount
        memoryByteCount += frame.memoryByteCount
    }

    /// Every frame, in order.
    func forEach(_ body: (Frame) -> Void) {
        for flying in flight { body(flying.frame) }
        for frame in queue[queueStart...] { body(frame) }
    }

    /// Changes every frame, in order, until `body` says false.
    mutating func update(_ body: (inout Frame) -> Bool) {
        for index in flight.indices {
            guard body(&flight[index].frame) else { return }
        }
        for index in queue.indices[queueStart...] {
            guard body(&queue[index]) else { return }
        }
    }

    /// Takes out what cannot be read any more.
    mutating func remove(_ sequences: Range<UInt64>) {
        flight.removeAll { $0.frame.sequences == sequences }
        queue.removeSubrange(..<queueStart)
        queueStart = 0
        queue.removeAll { $0.sequences == sequences }
        recount()
    }

    private mutating func recount() {
        (byteCount, memoryByteCount, onTheWayByteCount) = (0, 0, 0)
        for flying in flight {
            byteCount += flying.frame.byteCount
            memoryByteCount += flying.frame.memoryByteCount
            if flying.isOnTheWay { onTheWayByteCount += flying.frame.byteCount }
        }
        for frame in queue[queueStart...] {
            byteCount += frame.byteCount
            memoryByteCount += frame.memoryByteCount
        }
    }

    /// Takes everything out.
    mutating func removeAll() {
        self = Outbox()
    }
}

// MARK: Sending

extension Outbox {
    /// What may leave in one turn.
    struct Allowance {
        /// Bytes on the way at most; one frame may always be.
        var windowByteCount: Int
        /// Bytes that leave now at most; at least one frame.
        var burstByteCount: Int
        /// The server takes nothing now: nothing new, and nothing that it deferred.
        var isPaused: Bool
    }

    /// What left.
    struct Sent {
        var count: UInt64 = 0
        var againCount: UInt64 = 0
        var byteCount = 0
        /// More could leave, were it not for the burst.
        var isCut = false
    }

    /// Appends what leaves now to `due`: what was lost or deferred first, in order.
    mutating func send(_ allowance: Allowance, now: Int64, into due: inout [Frame]) -> Sent {
        var sent = Sent()
        for index in flight.indices {
            switch flight[index].state {
            case .onTheWay: continue
            case .deferred where allowance.isPaused: continue
            case .lost, .deferred: break
            }
            guard mayLeave(flight[index].frame, allowance, &sent) else { return sent }
            flight[index].state = .onTheWay(since: now)
            flight[index].sendCount += 1
            sent.againCount += 1
            due.append(flight[index].frame)
        }
        while hasUnsent, !allowance.isPaused {
            let frame = queue[queueStart]
            guard mayLeave(frame, allowance, &sent) else { return sent }
            queueStart += 1
            flight.append(Flying(frame: frame, state: .onTheWay(since: now)))
            due.append(frame)
        }
        dropSentFromQueue()
        return sent
    }

    private mutating func mayLeave(
        _ frame: Frame,
        _ allowance: Allowance,
        _ sent: inout Sent
    ) -> Bool {
        let byteCount = frame.byteCount
        if onTheWayByteCount > 0, onTheWayByteCount + byteCount > allowance.windowByteCount {
            return false
        }
        if sent.count > 0, sent.byteCount + byteCount > allowance.burstByteCount {
            sent.isCut = true
            return false
        }
        onTheWayByteCount += byteCount
        sent.count += 1
        sent.byteCount += byteCount
        return true
    }

    private mutating func dropSentFromQueue() {
        if queueStart == queue.count {
            queue.removeAll(keepingCapacity: true)
            queueStart = 0
        } else if queueStart > 1_024, queueStart * 2 > queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
    }

    /// What was on the way will not arrive any more, as far as anybody knows.
    mutating func loseEverythingOnTheWay() {
        for index in flight.indices where flight[index].isOnTheWay { flight[index].state = .lost }
        onTheWayByteCount = 0
    }
}

// MARK: Answers

extension Outbox {
    /// What an acknowledgement changed.
    struct Answer {
        var durableEventCount: UInt64 = 0
        var durableByteCount = 0
        var durableMemoryByteCount = 0
        /// Of the newest durable frame that was sent once.
        var roundTrip: Int64?
        /// Something on the way was deferred.
        var isDeferred = false
        /// Something on the way was overtaken.
        var isLost = false
    }

    /// Removes what is durable, and marks what is to be sent again.
    ///
    /// - Parameter overtakenAfter: How long a missing frame must be on the way to count as lost; before
    ///   that it may only be slower than the acknowledgement.
    mutating func apply(
        _ acknowledgement: Acknowledgement,
        overtakenAfter: Int64,
        now: Int64
    ) -> Answer {
        var answer = Answer()
        let durableEnd = Swift.max(
            acknowledgement.durableThrough, acknowledgement.durable.last?.upperBound ?? 0)
        if let first, first.sequences.lowerBound < durableEnd {
            removeDurable(acknowledgement, before: durableEnd, now: now, &answer)
        }
        onTheWayByteCount = 0
        for index in flight.indices {
            guard case .onTheWay(let since) = flight[index].state else { continue }
            let sequences = flight[index].frame.sequences
            if acknowledgement.deferred.overlaps(sequences) {
                flight[index].state = .deferred
                answer.isDeferred = true
            } else if now - since > overtakenAfter, acknowledgement.missing.overlaps(sequences) {
                flight[index].state = .lost
                answer.isLost = true
            } else {
                onTheWayByteCount += flight[index].frame.byteCount
            }
        }
        return answer
    }

    private mutating func removeDurable(
        _ acknowledgement: Acknowledgement,
        before durableEnd: UInt64,
        now: Int64,
        _ answer: inout Answer
    ) {
        func isDurable(_ frame: Frame) -> Bool {
            frame.sequences.upperBound <= acknowledgement.durableThrough
                || acknowledgement.durable.covers(frame.sequences)
        }
        flight.removeAll { flying in
            guard isDurable(flying.frame) else { return false }
            answer.count(flying.frame)
            if case .onTheWay(let since) = flying.state, flying.sendCount == 1 {
                answer.roundTrip = Swift.max(now - since, 0)
            }
            return true
        }
        // What was never sent is there only if an earlier life of the source has sent it.
        if hasUnsent, queue[queueStart].sequences.lowerBound < durableEnd {
            queue.removeSubrange(..<queueStart)
            queueStart = 0
            queue.removeAll { frame in
                guard isDurable(frame) else { return false }
                answer.count(frame)
                return true
            }
        }
        byteCount -= answer.durableByteCount
        memoryByteCount -= answer.durableMemoryByteCount
    }
}

extension Outbox.Answer {
    fileprivate mutating func count(_ frame: Outbox.Frame) {
        durableEventCount += UInt64(frame.sequences.count)
        durableByteCount += frame.byteCount
        durableMemoryByteCount += frame.memoryByteCount
    }
}

extension [Range<UInt64>] {
    /// Whether one of the ranges, which are in order, holds all of `range`.
    func covers(_ range: Range<UInt64>) -> Bool {
        guard let candidate = first(endingAfter: range.lowerBound) else { return false }
        return candidate.lowerBound <= range.lowerBound && candidate.upperBound >= range.upperBound
    }

    /// Whether one of the ranges, which are in order, has a sequence of `range`.
    fileprivate func overlaps(_ range: Range<UInt64>) -> Bool {
        first(endingAfter: range.lowerBound).map { $0.lowerBound < range.upperBound } ?? false
    }

    private func first(endingAfter sequence: UInt64) -> Range<UInt64>? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound > sequence { high = middle } else { low = middle + 1 }
        }
        return low < count ? self[low] : nil
    }
}
