internal import MeterWire

/// One source's life: its frames from sealing until they are durable, and its claims.
///
/// A pure state machine: time comes in, frames to send go out. Milliseconds `now` are of a clock that
/// never goes back; the wall clock only stamps claims.
struct SourceState {
    let source: SourceID
    private let parameters: EmitterParameters
    private let sealer: FrameSealer
    private var outbox = Outbox()
    private var claims: SourceClaims
    private var window: SendWindow
    private var way: SendPath.Way
    /// When something on the way counts as not answered; nil while nothing is.
    private var answerBy: Int64?
    private var isFinishing = false

    private(set) var nextSequence: UInt64 = 0
    private(set) var durableThrough: UInt64 = 0
    private(set) var durableEventCount: UInt64 = 0
    private(set) var givenUpEventCount: UInt64 = 0
    private(set) var isQuarantined = false
    private(set) var serverCounters = Acknowledgement.Counters()

    private(set) var framesSent: UInt64 = 0
    private(set) var framesResent: UInt64 = 0
    private(set) var bytesSent: UInt64 = 0

    init(source: SourceID, parameters: EmitterParameters, way: SendPath.Way, now: Int64) {
        self.source = source
        self.parameters = parameters
        self.way = way
        sealer = FrameSealer(source: source, protection: parameters.protection)
        window = SendWindow(parameters, way: way, isCautious: false)
        claims = SourceClaims(now: now)
    }

    var outstandingByteCount: Int { outbox.byteCount }
    var outstandingEventCount: UInt64 { nextSequence - durableEventCount - givenUpEventCount }
    var claimsSent: UInt64 { claims.sentCount }
    /// True while frames of events are on the way.
    var isWaiting: Bool { outbox.onTheWayByteCount > 0 }

    /// True once this source has anything that a claim could tell of.
    var isUsed: Bool { nextSequence > 0 || claims.dropped.count > 0 }

    /// True when every event is durable and, where the source was to end, its last claim is too.
    var isFinished: Bool {
        guard outbox.isEmpty, isFinishing else { return false }
        return !isUsed || claims.isLastDurable
    }

    /// True when nothing sealed before `ordinal` is missing an acknowledgement, nor claim `number`.
    func isDurable(before ordinal: UInt64, claim number: UInt64) -> Bool {
        claims.durableNumber >= number && outbox.first.map { $0.ordinal >= ordinal } ?? true
    }
}

// MARK: Sealing

extension SourceState {
    /// Seals a payload as the next frame. `lines` are of the same payload.
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
        outbox.append(
            Outbox.Frame(
                sequences: nextSequence..<end, bytes: bytes, lines: lines, ordinal: ordinal)
        )
        nextSequence = end
        claims.add(lines)
        return bytes
    }

    /// Counts what was recorded and will never be sealed.
    mutating func add(_ drops: Recorder.Dropped) { claims.add(drops) }

    /// Makes a claim of how things stand, to be sent by the next poll. Returns its number.
    mutating func makeClaim(
        isLast: Bool,
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> UInt64 {
        var pending = UsageLines()
        outbox.forEach { pending.add($0.lines) }
        let standing = SourceClaims.Standing(
            pending: pending,
            nextSequence: nextSequence,
            durableThrough: durableThrough,
            now: now,
            wall: wall
        )
        return claims.make(
            isLast: isLast,
            standing,
            sealer: sealer,
            payloadByteCount: parameters.payloadByteCount,
            using: &generator
        )
    }

    /// The source takes no more events; when all are durable its last claim is sent.
    mutating func finish() { isFinishing = true }

    /// Gives up every frame that is not durable: the last claim will name them.
    mutating func giveUp() {
        givenUpEventCount += outstandingEventCount
        outbox.forEach { claims.giveUp($0) }
        outbox.removeAll()
        answerBy = nil
    }
}

// MARK: Sending

extension SourceState {
    /// Bytes of datagrams that leave in one turn at most: a socket's buffer holds more.
    private static var burstByteCount: Int { 64 << 10 }

    /// Adds what is due now, and when to ask again.
    mutating func poll(
        now: Int64,
        wall: Int64,
        into due: inout EmitterState.Due,
        using generator: inout some RandomNumberGenerator
    ) {
        if let answerBy, answerBy <= now {
            outbox.loseEverythingOnTheWay()
            window.timedOut()
            self.answerBy = nil
        }
        let sent = outbox.send(
            Outbox.Allowance(
                windowByteCount: window.byteCount,
                burstByteCount: way == .datagrams ? Self.burstByteCount : .max,
                isPaused: now < window.pausedUntil
            ),
            now: now,
            into: &due.frames
        )
        framesSent += sent.count
        framesResent += sent.againCount
        bytesSent += UInt64(sent.byteCount)
        if sent.count > 0, answerBy == nil {
            answerBy = now + window.answerTime(using: &generator)
        }
        if sent.isCut { due.wake = now + 1 }
        if let answerBy { due.wake = min(due.wake, answerBy) }
        if window.pausedUntil > now { due.wake = min(due.wake, window.pausedUntil) }
        pollClaim(now: now, wall: wall, into: &due, using: &generator)
    }

    private mutating func pollClaim(
        now: Int64,
        wall: Int64,
        into due: inout EmitterState.Due,
        using generator: inout some RandomNumberGenerator
    ) {
        guard isUsed else { return }
        if isFinishing, outbox.isEmpty {
            if !claims.isLastMade {
                _ = makeClaim(isLast: true, now: now, wall: wall, using: &generator)
            }
        } else if now - claims.madeAt >= parameters.claimEveryMilliseconds {
            _ = makeClaim(isLast: false, now: now, wall: wall, using: &generator)
        }
        let claimAt = claims.madeAt + parameters.claimEveryMilliseconds
        due.wake = min(due.wake, max(now + 1, claimAt))
        guard let dueAt = claims.dueAt else { return }
        if dueAt <= now {
            let claim = claims.send(
                now: now,
                answerTime: window.answerTime(using: &generator)
            )
            bytesSent += UInt64(claim.count)
            due.claims.append(claim)
        }
        due.wake = min(due.wake, claims.dueAt ?? .max)
    }

    /// Frames go another way from now on, or over a new stream: whatever was on the way goes again, in
    /// order.
    mutating func startOver(_ way: SendPath.Way, now: Int64) {
        self.way = way
        outbox.loseEverythingOnTheWay()
        answerBy = nil
        window = SendWindow(parameters, way: way, isCautious: true)
        claims.connectionOpened(now: now)
    }
}

// MARK: Acknowledgements

extension SourceState {
    /// Takes an acknowledgement of this source, however old or often it comes. True if it tells something
    /// new of frames that were sent.
    mutating func apply(
        _ acknowledgement: Acknowledgement,
        now: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> Bool {
        // More than was ever sealed here: another process goes by the same number.
        if acknowledgement.isQuarantined || acknowledgement.durableThrough > nextSequence {
            isQuarantined = true
        }
        durableThrough = max(durableThrough, min(acknowledgement.durableThrough, nextSequence))
        claims.apply(acknowledgement)
        if let counters = acknowledgement.counters, counters.total >= serverCounters.total {
            serverCounters = counters
        }
        let inFlight = outbox.onTheWayByteCount
        let answer = outbox.apply(
            acknowledgement,
            overtakenAfter: window.overtakenAfter,
            now: now
        )
        durableEventCount += answer.durableEventCount
        if answer.durableByteCount > 0 {
            window.acknowledged(
                answer.durableByteCount,
                inFlight: inFlight,
                roundTrip: answer.roundTrip
            )
        }
        if answer.isLost { window.lost(now: now) }
        if answer.isDeferred { window.deferred(now: now, using: &generator) }
        let isNews = answer.durableByteCount > 0 || answer.isDeferred
        if outbox.onTheWayByteCount == 0 {
            answerBy = nil
        } else if isNews {
            answerBy = now + window.answerTime(using: &generator)
        }
        return isNews
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
