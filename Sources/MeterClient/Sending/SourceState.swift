internal import MeterDisk
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
    /// Where frames lie until they are durable; nil without a spool.
    private var files: SourceSpool?
    private var spool: SpoolUse?
    /// Of a source that a dead process has left.
    private var recovered: Recovered?

    private(set) var nextSequence: UInt64 = 0
    private(set) var durableThrough: UInt64 = 0
    private(set) var durableEventCount: UInt64 = 0
    private(set) var givenUpEventCount: UInt64 = 0
    private(set) var isQuarantined = false
    private(set) var serverCounters = Acknowledgement.Counters()

    private(set) var framesSent: UInt64 = 0
    private(set) var framesResent: UInt64 = 0
    private(set) var bytesSent: UInt64 = 0

    init(
        source: SourceID,
        parameters: EmitterParameters,
        way: SendPath.Way,
        spool: SpoolUse? = nil,
        now: Int64
    ) {
        self.source = source
        self.spool = spool
        self.parameters = parameters
        self.way = way
        sealer = FrameSealer(source: source, protection: parameters.protection)
        window = SendWindow(parameters, way: way, isCautious: false)
        claims = SourceClaims(now: now)
    }

    /// What is known of a source whose process has ended.
    private struct Recovered {
        /// A last claim can be made: nothing is missing behind what was found.
        var isTailCertain: Bool
        /// The server has these, or nobody.
        var unaccounted: [Range<UInt64>]
        /// When it was taken over.
        let since: Int64
        var isHeard = false
    }

    /// Goes on with a source that a dead process has left in its spool, to its end.
    init(
        recovered: SpoolRecovery,
        _ claim: Claim,
        files: SourceSpool,
        spool: SpoolUse,
        parameters: EmitterParameters,
        way: SendPath.Way,
        now: Int64
    ) {
        source = files.source
        var parameters = parameters
        parameters.protection = recovered.protection
        self.parameters = parameters
        self.way = way
        self.files = files
        self.spool = spool
        sealer = FrameSealer(source: files.source, protection: recovered.protection)
        window = SendWindow(parameters, way: way, isCautious: true)
        claims = SourceClaims(
            claim,
            bytes: recovered.claimBytes,
            linesBehind: recovered.linesBehindClaim,
            now: now
        )
        for frame in recovered.frames { outbox.append(frame) }
        nextSequence = recovered.nextSequence
        durableThrough = recovered.durableThrough
        let waiting = recovered.frames.reduce(0) { $0 + UInt64($1.sequences.count) }
        durableEventCount = nextSequence - waiting
        isFinishing = true
        self.spool?.isWriting = true
        self.recovered = Recovered(
            isTailCertain: recovered.isTailCertain,
            unaccounted: recovered.unaccounted,
            since: now
        )
    }

    var outstandingByteCount: Int { outbox.byteCount }
    /// What of it is in memory, with what is kept of frames that lie in the spool.
    var memoryByteCount: Int { outbox.memoryByteCount }
    /// Whether what is sealed is written to the spool now.
    var isSpooling: Bool { spool?.isWriting == true }
    var key: WireKey? { parameters.protection.key }
    var outstandingEventCount: UInt64 { nextSequence - durableEventCount - givenUpEventCount }
    var claimsSent: UInt64 { claims.sentCount }
    /// True once the server has answered this life of the source.
    var isAnswered: Bool { recovered?.isHeard ?? true }
    /// True while frames of events are on the way.
    var isWaiting: Bool { outbox.onTheWayByteCount > 0 }

    /// True of what a dead process has left, if it was taken over by then and no answer has come since.
    func isUnanswered(since moment: Int64) -> Bool {
        recovered.map { !$0.isHeard && $0.since <= moment } ?? false
    }

    /// True once this source has anything that a claim could tell of.
    var isUsed: Bool { nextSequence > 0 || claims.dropped.count > 0 }

    /// True when every event is durable and, where the source was to end, its last claim is too.
    var isFinished: Bool {
        guard outbox.isEmpty, isFinishing else { return false }
        if let recovered, !recovered.isTailCertain {
            return recovered.isHeard && claims.durableNumber >= claims.number
        }
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
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        if spool?.isWriting == true, files?.needsHead ?? true {
            _ = makeClaim(isLast: false, now: now, wall: wall, using: &generator)
        }
        let end = nextSequence + UInt64(payload.eventCount)
        let bytes = sealer.seal(
            payload,
            firstSequence: nextSequence,
            durableThrough: durableThrough,
            using: &generator
        )
        let location = spoolFrame(bytes, endSequence: end, now: now)
        var content = Outbox.Frame.Content.memory(bytes)
        if let location, outbox.memoryByteCount > SpoolUse.memoryByteCount {
            content = .spooled(location)
        }
        if outbox.isEmpty { spool?.waitingSince = now }
        outbox.append(
            Outbox.Frame(
                sequences: nextSequence..<end,
                content: content,
                location: location,
                lines: lines,
                ordinal: ordinal
            )
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
        let number = claims.make(
            isLast: isLast,
            standing,
            sealer: sealer,
            payloadByteCount: parameters.payloadByteCount,
            using: &generator
        )
        spoolClaim(now: now)
        return number
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

// MARK: The spool

extension SourceState {
    /// Writes a frame; nil where it is kept in memory alone.
    private mutating func spoolFrame(
        _ bytes: [UInt8],
        endSequence: UInt64,
        now: Int64
    ) -> SourceSpool.Location? {
        guard spool?.isWriting == true, let files else { return nil }
        do throws(DiskError) {
            return try files.write(frame: bytes, endSequence: endSequence)
        } catch {
            spoolFailed(error, now: now)
            return nil
        }
    }

    private mutating func spoolClaim(now: Int64) {
        guard spool?.isWriting == true else { return }
        if files == nil { files = spool?.shared.begin(source) }
        guard let files else {
            spool?.failed(now: now)
            return
        }
        do throws(DiskError) {
            try files.write(claim: claims.newestBytes, endSequence: nextSequence)
        } catch {
            spoolFailed(error, now: now)
        }
    }

    private mutating func spoolFailed(_ error: DiskError, now: Int64) {
        spool?.shared.note(error)
        spool?.failed(now: now)
        files?.stopWriting()
    }

    /// Begins to write: a claim of how things stand, then every frame that is not on the disk.
    private mutating func beginSpooling(
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        spool?.isWriting = true
        _ = makeClaim(isLast: false, now: now, wall: wall, using: &generator)
        guard spool?.isWriting == true, let files else { return }
        var failure: DiskError?
        outbox.update { frame in
            guard frame.location == nil, case .memory(let bytes) = frame.content else {
                return true
            }
            do throws(DiskError) {
                frame.location = try files.write(
                    frame: bytes,
                    endSequence: frame.sequences.upperBound
                )
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { spoolFailed(failure, now: now) }
    }

    /// Begins to write where it is time to, ends where nothing is left to keep, and waits for the disk
    /// where the options ask for it: before anything is sent.
    private mutating func pollSpool(
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        guard let use = spool else { return }
        if use.isWriting {
            do throws(DiskError) { try files?.sync() } catch { spoolFailed(error, now: now) }
            if use.isOnlyWhenAway, recovered == nil, outbox.isEmpty {
                spool?.isWriting = false
                files?.removeAll()
                files = nil
            }
        } else if use.shouldBegin(
            isWaiting: !outbox.isEmpty,
            memoryByteCount: outbox.memoryByteCount,
            now: now
        ) {
            beginSpooling(now: now, wall: wall, using: &generator)
            do throws(DiskError) { try files?.sync() } catch { spoolFailed(error, now: now) }
        }
    }

    /// Leaves what is not durable in the spool, for the next process. False where the spool does not have
    /// all of it.
    mutating func leaveInSpool(
        now: Int64,
        wall: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> Bool {
        guard spool != nil else { return false }
        if outbox.isEmpty, recovered == nil { return false }
        if recovered == nil { beginSpooling(now: now, wall: wall, using: &generator) }
        do throws(DiskError) { try files?.sync() } catch { spoolFailed(error, now: now) }
        var isKept = true
        outbox.forEach { frame in if frame.location == nil { isKept = false } }
        return isKept && (spool?.isWriting == true || recovered != nil)
    }

    /// The source is at its end: nothing of it is needed any more.
    mutating func removeSpool() {
        files?.removeAll()
        files = nil
    }

    /// The bytes of a frame that is to be sent; nil if the disk does not give them any more, and then the
    /// frame is given up.
    private mutating func bytes(of frame: Outbox.Frame) -> [UInt8]? {
        switch frame.content {
        case .memory(let bytes): return bytes
        case .spooled(let location):
            do throws(DiskError) {
                if let bytes = try files?.read(location) { return bytes }
            } catch {
                spool?.shared.note(error)
            }
            outbox.remove(frame.sequences)
            claims.giveUp(frame)
            givenUpEventCount += UInt64(frame.sequences.count)
            return nil
        }
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
        pollSpool(now: now, wall: wall, using: &generator)
        var leaving: [Outbox.Frame] = []
        let sent = outbox.send(
            Outbox.Allowance(
                windowByteCount: window.byteCount,
                burstByteCount: way == .datagrams ? Self.burstByteCount : .max,
                isPaused: now < window.pausedUntil
            ),
            now: now,
            into: &leaving
        )
        for frame in leaving {
            if let bytes = bytes(of: frame) { due.frames.append(bytes) }
        }
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
        // Of a dead process that may have sent what its spool does not have, even a claim of nothing is sent: only
        // once the server has answered may its files go.
        guard isUsed || recovered != nil else { return }
        if let recovered, !recovered.isTailCertain || claims.isLastMade || !recovered.isHeard {
            // What the process said last is all that can be said, or not known to be wrong yet.
        } else if isFinishing, outbox.isEmpty {
            if !claims.isLastMade {
                for range in recovered?.unaccounted ?? [] { claims.giveUpUnknown(range) }
                _ = makeClaim(isLast: true, now: now, wall: wall, using: &generator)
            }
        } else if now - claims.madeAt >= parameters.claimEveryMilliseconds {
            _ = makeClaim(isLast: false, now: now, wall: wall, using: &generator)
        }
        let claimAt = claims.madeAt + parameters.claimEveryMilliseconds
        due.wake = min(due.wake, max(now + 1, claimAt))
        if spool?.isWriting == true {
            do throws(DiskError) { try files?.sync() } catch { spoolFailed(error, now: now) }
        }
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
        noteRecovered(acknowledgement)
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
        if answer.durableEventCount > 0 {
            spool?.waitingSince = now
            files?.remove(before: outbox.first?.sequences.lowerBound ?? nextSequence)
        }
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

    /// Compares what the server has with what a dead process has left.
    private mutating func noteRecovered(_ acknowledgement: Acknowledgement) {
        guard recovered != nil else { return }
        recovered?.isHeard = true
        let end = max(
            acknowledgement.durableThrough, acknowledgement.durable.last?.upperBound ?? 0)
        // The process has sent more than its spool has: only it knew how much.
        if end > nextSequence || acknowledgement.claimNumber > claims.number {
            recovered?.isTailCertain = false
        }
        recovered?.unaccounted.removeAll { range in
            range.upperBound <= acknowledgement.durableThrough
                || acknowledgement.durable.covers(range)
        }
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
