internal import MeterWire

/// One source's life: its frames from sealing until they are durable, and its claims.
///
/// A pure state machine: time comes in, frames to send go out. Milliseconds `now` are of a clock that
/// never goes back; the wall clock only stamps claims.
struct SourceState {
    /// A sealed frame that the server is not known to have.
    private struct Frame {
        enum State {
            case unsent
            case inFlight(since: Int64)
            /// Deferred by the server, or lost: to be sent again from then on.
            case waiting(until: Int64)
        }

        let sequences: Range<UInt64>
        let bytes: [UInt8]
        let lines: UsageLines
        /// Counts the frames of the emitter, over all its sources.
        let ordinal: UInt64
        var state = State.unsent
        var sendCount = 0

        var isUnsent: Bool {
            if case .unsent = state { return true }
            return false
        }
    }

    private struct SealedClaim {
        let number: UInt64
        let bytes: [UInt8]
        var sentAt: Int64?
        var sendCount = 0
    }

    let source: SourceID
    private let parameters: EmitterParameters
    private let sealer: FrameSealer
    private var frames: [Frame] = []
    private(set) var outstandingByteCount = 0
    private(set) var outstandingEventCount: UInt64 = 0
    private var inFlightByteCount = 0
    private var window: Int
    private var windowHalvedAt = Int64.min / 2
    private var smoothedRoundTrip: Int64?

    private(set) var nextSequence: UInt64 = 0
    private(set) var durableThrough: UInt64 = 0
    private(set) var archivedThrough: UInt64?
    private(set) var durableEventCount: UInt64 = 0
    private(set) var isQuarantined = false
    private(set) var serverCounters = Acknowledgement.Counters()

    private var totals: [Name: UInt128] = [:]
    private var dropped = Recorder.Dropped()
    private var givenUp: [Range<UInt64>] = []
    private var givenUpLines = UsageLines()
    private var claim: SealedClaim?
    private var claimNumber: UInt64 = 0
    private var durableClaimNumber: UInt64 = 0
    private var claimMadeAt: Int64
    private var isFinishing = false
    private var lastClaimNumber: UInt64?

    private(set) var framesSent: UInt64 = 0
    private(set) var framesResent: UInt64 = 0
    private(set) var bytesSent: UInt64 = 0
    private(set) var claimsSent: UInt64 = 0

    init(source: SourceID, parameters: EmitterParameters, now: Int64) {
        self.source = source
        self.parameters = parameters
        sealer = FrameSealer(source: source, protection: parameters.protection)
        window =
            parameters.transport == .stream
            ? parameters.windowByteCount : min(parameters.windowByteCount, 64 << 10)
        claimMadeAt = now
    }

    /// True once this source has anything that a claim could tell of.
    var isUsed: Bool { nextSequence > 0 || dropped.count > 0 }

    /// True when every event is durable and, where the source was to end, its last claim is too.
    var isFinished: Bool {
        guard frames.isEmpty, isFinishing else { return false }
        if !isUsed { return true }
        return lastClaimNumber.map { durableClaimNumber >= $0 } ?? false
    }

    /// True when nothing sealed before `ordinal` is missing an acknowledgement, nor claim `number`.
    func isDurable(before ordinal: UInt64, claim number: UInt64) -> Bool {
        durableClaimNumber >= number && !frames.contains { $0.ordinal < ordinal }
    }
}

// MARK: Sealing

extension SourceState {
    /// Seals a payload as the next frame. `batch` is the same payload, decoded.
    mutating func seal(
        _ payload: borrowing PayloadEncoder,
        lines: UsageLines,
        ordinal: UInt64,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        let end = nextSequence + UInt64(payload.eventCount)
        let bytes = sealer.seal(
            payload,
            firstSequence: nextSequence,
            durableThrough: durableThrough,
            using: &generator
        )
        frames.append(
            Frame(sequences: nextSequence..<end, bytes: bytes, lines: lines, ordinal: ordinal)
        )
        nextSequence = end
        outstandingByteCount += bytes.count
        outstandingEventCount += UInt64(payload.eventCount)
        for (key, amount) in lines.amounts { totals[key.component, default: 0] += amount.sum }
        return bytes
    }

    /// Counts what was recorded and will never be sealed.
    mutating func add(_ drops: Recorder.Dropped) {
        dropped.count += drops.count
        dropped.lines.add(drops.lines)
        for (key, amount) in drops.lines.amounts {
            totals[key.component, default: 0] += amount.sum
        }
    }
}

// MARK: Claims

extension SourceState {
    /// Makes a claim of how things stand, to be sent by the next poll. Returns its number.
    mutating func makeClaim(
        isLast: Bool,
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> UInt64 {
        claimNumber += 1
        claimMadeAt = now
        var pending = UsageLines()
        for frame in frames { pending.add(frame.lines) }
        let content = Claim(
            number: claimNumber,
            isLast: isLast,
            linesAreComplete: pending.isComplete && givenUpLines.isComplete
                && dropped.lines.isComplete,
            recordedCount: nextSequence + dropped.count,
            droppedCount: dropped.count,
            totals: totals.sorted { $0.key < $1.key }.map { component, amount in
                Claim.Total(component: component, amount: amount)
            },
            lines: dropped.lines.claimLines(.dropped) + givenUpLines.claimLines(.givenUp)
                + pending.claimLines(.pending),
            givenUp: givenUp
        )
        let payload = content.payload(
            baseTime: wall,
            byteCountMax: parameters.payloadByteCount
        )
        let bytes = sealer.seal(
            kind: .claim,
            payload: payload,
            eventCount: 0,
            firstSequence: nextSequence,
            baseTime: wall,
            durableThrough: durableThrough,
            using: &generator
        )
        claim = SealedClaim(number: claimNumber, bytes: bytes)
        if isLast { lastClaimNumber = claimNumber }
        return claimNumber
    }

    /// The source takes no more events; when all are durable its last claim is sent.
    mutating func finish() { isFinishing = true }

    /// Gives up every frame that is not durable: the last claim will name them.
    mutating func giveUp() {
        for frame in frames {
            if let end = givenUp.last?.upperBound, end == frame.sequences.lowerBound {
                givenUp[givenUp.count - 1] =
                    givenUp[givenUp.count - 1].lowerBound..<frame.sequences.upperBound
            } else {
                givenUp.append(frame.sequences)
            }
            givenUpLines.add(frame.lines)
        }
        frames.removeAll()
        outstandingByteCount = 0
        outstandingEventCount = 0
        inFlightByteCount = 0
    }
}

// MARK: Sending

extension SourceState {
    /// How long an unanswered frame waits before it is sent again for the n-th time.
    private func resendDelay(_ sendCount: Int) -> Int64 {
        let base = max(parameters.resendAfterMilliseconds, 3 * (smoothedRoundTrip ?? 0))
        return min(base << Int64(min(max(sendCount - 1, 0), 4)), max(base, 8_000))
    }

    /// Appends what is due now to `due` and returns when to ask again.
    mutating func poll(
        now: Int64,
        wall: Int64,
        into due: inout [[UInt8]],
        using generator: inout some RandomNumberGenerator
    ) -> Int64 {
        var wake = now + parameters.claimEveryMilliseconds
        resendDue(now: now, into: &due, wake: &wake)
        sendNew(now: now, into: &due, wake: &wake)
        sendClaim(now: now, wall: wall, into: &due, wake: &wake, using: &generator)
        return wake
    }

    private mutating func resendDue(now: Int64, into due: inout [[UInt8]], wake: inout Int64) {
        for index in frames.indices {
            switch frames[index].state {
            case .unsent: return
            case .inFlight(let since):
                let at = since + resendDelay(frames[index].sendCount)
                if at > now {
                    wake = min(wake, at)
                    continue
                }
                halveWindow(now: now)
                inFlightByteCount -= frames[index].bytes.count
                send(index, now: now, into: &due)
            case .waiting(let until):
                if until > now {
                    wake = min(wake, until)
                } else {
                    send(index, now: now, into: &due)
                }
            }
        }
    }

    private mutating func sendNew(now: Int64, into due: inout [[UInt8]], wake: inout Int64) {
        guard var index = frames.firstIndex(where: \.isUnsent) else { return }
        while index < frames.count {
            let byteCount = frames[index].bytes.count
            guard inFlightByteCount == 0 || inFlightByteCount + byteCount <= window else { return }
            send(index, now: now, into: &due)
            wake = min(wake, now + resendDelay(1))
            index += 1
        }
    }

    private mutating func send(_ index: Int, now: Int64, into due: inout [[UInt8]]) {
        let byteCount = frames[index].bytes.count
        due.append(frames[index].bytes)
        framesSent += 1
        bytesSent += UInt64(byteCount)
        if frames[index].sendCount > 0 { framesResent += 1 }
        frames[index].sendCount += 1
        frames[index].state = .inFlight(since: now)
        inFlightByteCount += byteCount
    }

    private mutating func sendClaim(
        now: Int64,
        wall: Int64,
        into due: inout [[UInt8]],
        wake: inout Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        guard isUsed else { return }
        if isFinishing, frames.isEmpty {
            if lastClaimNumber == nil {
                _ = makeClaim(isLast: true, now: now, wall: wall, using: &generator)
            }
        } else if now - claimMadeAt >= parameters.claimEveryMilliseconds {
            _ = makeClaim(isLast: false, now: now, wall: wall, using: &generator)
        }
        wake = min(wake, max(now + 1, claimMadeAt + parameters.claimEveryMilliseconds))
        guard var waiting = claim, waiting.number > durableClaimNumber else { return }
        let at = waiting.sentAt.map { $0 + resendDelay(waiting.sendCount) } ?? now
        if at <= now {
            waiting.sentAt = now
            waiting.sendCount += 1
            due.append(waiting.bytes)
            claimsSent += 1
            bytesSent += UInt64(waiting.bytes.count)
            claim = waiting
            wake = min(wake, now + resendDelay(waiting.sendCount))
        } else {
            wake = min(wake, at)
        }
    }

    private mutating func halveWindow(now: Int64) {
        guard parameters.transport == .datagrams,
            now - windowHalvedAt > parameters.resendAfterMilliseconds
        else { return }
        windowHalvedAt = now
        window = max(window / 2, 8 * parameters.frameByteCount)
    }

    /// A new connection: whatever the old one carried and was not acknowledged goes again, in order.
    mutating func connectionOpened() {
        for index in frames.indices { frames[index].state = .unsent }
        inFlightByteCount = 0
        claim?.sentAt = nil
    }
}

// MARK: Acknowledgements

extension SourceState {
    /// Takes an acknowledgement of this source, however old or often it comes.
    mutating func apply(_ acknowledgement: Acknowledgement, now: Int64) {
        // More than was ever sealed here: another process goes by the same number.
        if acknowledgement.isQuarantined || acknowledgement.durableThrough > nextSequence {
            isQuarantined = true
        }
        durableThrough = max(durableThrough, min(acknowledgement.durableThrough, nextSequence))
        durableClaimNumber = max(durableClaimNumber, min(acknowledgement.claimNumber, claimNumber))
        if let archived = acknowledgement.archivedThrough {
            archivedThrough = max(archivedThrough ?? 0, archived)
        }
        if let counters = acknowledgement.counters, counters.total >= serverCounters.total {
            serverCounters = counters
        }
        removeDurable(acknowledgement.durable, now: now)
        // What is on the way may only have been overtaken.
        let overtaken = max(20, smoothedRoundTrip ?? parameters.resendAfterMilliseconds / 2)
        for index in frames.indices {
            guard case .inFlight(let since) = frames[index].state else { continue }
            if acknowledgement.deferred.overlaps(frames[index].sequences) {
                let later = now + parameters.resendAfterMilliseconds
                frames[index].state = .waiting(until: later)
            } else if now - since > overtaken,
                acknowledgement.missing.overlaps(frames[index].sequences)
            {
                frames[index].state = .waiting(until: now)
            }
        }
        inFlightByteCount = 0
        for frame in frames {
            if case .inFlight = frame.state { inFlightByteCount += frame.bytes.count }
        }
    }

    private mutating func removeDurable(_ durable: [Range<UInt64>], now: Int64) {
        var kept: [Frame] = []
        kept.reserveCapacity(frames.count)
        for frame in frames {
            guard
                frame.sequences.upperBound <= durableThrough
                    || durable.covers(frame.sequences)
            else {
                kept.append(frame)
                continue
            }
            outstandingByteCount -= frame.bytes.count
            let eventCount = UInt64(frame.sequences.count)
            outstandingEventCount -= eventCount
            durableEventCount += eventCount
            if case .inFlight(let since) = frame.state, frame.sendCount == 1 {
                let roundTrip = max(now - since, 0)
                smoothedRoundTrip = ((smoothedRoundTrip ?? roundTrip) * 7 + roundTrip) / 8
                window = min(parameters.windowByteCount, window + frame.bytes.count / 2)
            }
        }
        frames = kept
    }
}

extension Acknowledgement.Counters {
    /// Everything that was counted; only ever grows over a source's life.
    fileprivate var total: UInt64 {
        refused.reduce(accepted &+ duplicate &+ unverifiedDuplicate &+ inConflict) {
            $0 &+ $1.count
        }
    }
}

extension [Range<UInt64>] {
    /// Whether one of the ranges, which are in order, holds all of `range`.
    fileprivate func covers(_ range: Range<UInt64>) -> Bool {
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
