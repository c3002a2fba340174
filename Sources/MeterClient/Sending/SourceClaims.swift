internal import MeterWire

/// What one source says of itself: how much was recorded in all, and what of it the server may not have.
struct SourceClaims {
    private struct Sealed {
        let number: UInt64
        let bytes: [UInt8]
        var sendAt: Int64
        var sendCount = 0
    }

    private var totals: [Name: UInt128] = [:]
    private(set) var dropped = Recorder.Dropped()
    private var givenUp: [Range<UInt64>] = []
    private var givenUpLines = UsageLines()
    /// The newest, until it is durable.
    private var sealed: Sealed?
    private(set) var number: UInt64 = 0
    private(set) var durableNumber: UInt64 = 0
    private(set) var madeAt: Int64
    private var lastNumber: UInt64?
    private(set) var sentCount: UInt64 = 0

    init(now: Int64) { madeAt = now }

    /// Goes on where the newest claim of a dead process, and the frames behind it, have ended.
    init(_ claim: Claim, bytes: [UInt8], linesBehind: [UsageLines], now: Int64) {
        number = claim.number
        madeAt = now
        sealed = Sealed(number: claim.number, bytes: bytes, sendAt: now)
        if claim.isLast { lastNumber = claim.number }
        for total in claim.totals { totals[total.component] = total.amount }
        givenUp = claim.givenUp
        givenUpLines = UsageLines(claim, .givenUp)
        dropped.count = claim.droppedCount
        dropped.lines = UsageLines(claim, .dropped)
        for lines in linesBehind { add(lines) }
    }

    /// True when the claim that ends the source was made.
    var isLastMade: Bool { lastNumber != nil }

    /// True when the server has the claim that ends the source.
    var isLastDurable: Bool { lastNumber.map { durableNumber >= $0 } ?? false }

    /// Counts what was sealed.
    mutating func add(_ lines: UsageLines) {
        for (key, amount) in lines.amounts { totals[key.component, default: 0] += amount.sum }
    }

    /// Counts what was recorded and will never be sealed.
    mutating func add(_ drops: Recorder.Dropped) {
        dropped.count += drops.count
        dropped.lines.add(drops.lines)
        add(drops.lines)
    }

    /// Names what will never be sent again.
    mutating func giveUp(_ frame: Outbox.Frame) {
        giveUp(frame.sequences)
        givenUpLines.add(frame.lines)
    }

    /// Names what is lost, without knowing what it was worth.
    mutating func giveUpUnknown(_ sequences: Range<UInt64>) {
        giveUp(sequences)
        givenUpLines.leaveOut()
    }

    private mutating func giveUp(_ sequences: Range<UInt64>) {
        if let last = givenUp.last, last.upperBound == sequences.lowerBound {
            givenUp[givenUp.count - 1] = last.lowerBound..<sequences.upperBound
            return
        }
        let all = (givenUp + [sequences]).sorted { $0.lowerBound < $1.lowerBound }
        givenUp = []
        for range in all {
            if let last = givenUp.last, last.upperBound >= range.lowerBound {
                givenUp[givenUp.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                givenUp.append(range)
            }
        }
    }

    /// Where the source stands when a claim is made.
    struct Standing {
        /// Sealed and not acknowledged.
        var pending: UsageLines
        var nextSequence: UInt64
        var durableThrough: UInt64
        var now: Int64
        var wall: Int64
    }

    /// Makes the next claim, which the next turn sends. Returns its number.
    mutating func make(
        isLast: Bool,
        _ standing: Standing,
        sealer: FrameSealer,
        payloadByteCount: Int,
        using generator: inout some RandomNumberGenerator
    ) -> UInt64 {
        number += 1
        madeAt = standing.now
        let content = Claim(
            number: number,
            isLast: isLast,
            linesAreComplete: standing.pending.isComplete && givenUpLines.isComplete
                && dropped.lines.isComplete,
            recordedCount: standing.nextSequence + dropped.count,
            droppedCount: dropped.count,
            totals: totals.sorted { $0.key < $1.key }.map { component, amount in
                Claim.Total(component: component, amount: amount)
            },
            lines: dropped.lines.claimLines(.dropped) + givenUpLines.claimLines(.givenUp)
                + standing.pending.claimLines(.pending),
            givenUp: givenUp
        )
        let bytes = sealer.seal(
            kind: .claim,
            payload: content.payload(baseTime: standing.wall, byteCountMax: payloadByteCount),
            eventCount: 0,
            firstSequence: standing.nextSequence,
            baseTime: standing.wall,
            durableThrough: standing.durableThrough,
            using: &generator
        )
        sealed = Sealed(number: number, bytes: bytes, sendAt: standing.now)
        if isLast { lastNumber = number }
        return number
    }

    /// The newest claim's bytes, until it is durable.
    var newestBytes: [UInt8] { sealed?.bytes ?? [] }

    /// Gives out the newest claim; only while ``dueAt`` is not nil.
    ///
    /// - Parameter answerTime: How long to wait for an answer before it is sent for the second time; for
    ///   every further time twice as long, up to eight times.
    mutating func send(now: Int64, answerTime: Int64) -> [UInt8] {
        guard var waiting = sealed else { return [] }
        waiting.sendAt = now + answerTime << Int64(min(waiting.sendCount, 3))
        waiting.sendCount += 1
        sealed = waiting
        sentCount += 1
        return waiting.bytes
    }

    /// When the newest claim is to be sent, again or not; nil when it is durable.
    var dueAt: Int64? { sealed?.sendAt }

    /// What carried the newest claim is gone.
    mutating func connectionOpened(now: Int64) { sealed?.sendAt = now }

    /// Takes what an acknowledgement says of claims.
    mutating func apply(_ acknowledgement: Acknowledgement) {
        durableNumber = max(durableNumber, min(acknowledgement.claimNumber, number))
        if let waiting = sealed, waiting.number <= durableNumber { sealed = nil }
    }
}
