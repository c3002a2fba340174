/// How many bytes of one source may be on the way, and when to send again: it grows with what is
/// acknowledged and shrinks with what is lost, deferred or not answered.
///
/// Below the threshold it doubles in a round trip, above it it grows by one frame. A loss takes a third
/// away, a deferral half. Where no answer comes only the oldest two frames go again, after twice the time
/// each time: a server that comes back meets a trickle and not what piled up. Waits after a failure are
/// spread by a quarter, so that many emitters do not come at the same moment.
struct SendWindow {
    private let frameByteCount: Int
    private let ceiling: Int
    private let pauseAfterDeferral: Int64
    private let resendAfter: Int64
    private(set) var byteCount: Int
    private var threshold: Int
    private var reducedAt = Int64.min / 2
    private(set) var smoothedRoundTrip: Int64?
    /// One after the other without an answer in between.
    private var timeoutCount = 0
    private var deferralCount = 0
    /// Until then nothing new is sent: the server has said that it takes nothing now.
    private(set) var pausedUntil = Int64.min / 2

    /// - Parameter isCautious: The server may be away, or may just have come back.
    init(_ parameters: EmitterParameters, way: SendPath.Way, isCautious: Bool) {
        frameByteCount = parameters.frameByteCount
        pauseAfterDeferral = parameters.resendAfterMilliseconds
        switch way {
        case .datagrams:
            ceiling = parameters.datagramWindowByteCount
            resendAfter = parameters.resendAfterMilliseconds
            byteCount = min(ceiling, 64 << 10)
        case .stream:
            ceiling = parameters.streamWindowByteCount
            // What a stream carries is not lost on the way, only with it.
            resendAfter = max(5_000, parameters.resendAfterMilliseconds)
            byteCount = min(ceiling, 256 << 10)
        }
        threshold = ceiling
        if isCautious { byteCount = floor }
    }

    private var floor: Int { 2 * frameByteCount }

    private static var delayMax: Int64 { 8_000 }

    // MARK: What the server says

    /// Frames came to be durable.
    ///
    /// - Parameters:
    ///   - inFlight: Bytes that were on the way before.
    ///   - roundTrip: Of the newest of them that was sent once.
    mutating func acknowledged(_ acknowledged: Int, inFlight: Int, roundTrip: Int64?) {
        timeoutCount = 0
        deferralCount = 0
        if let roundTrip {
            smoothedRoundTrip = ((smoothedRoundTrip ?? roundTrip) * 7 + roundTrip) / 8
        }
        // A window that was not filled proves nothing of a larger one.
        guard inFlight * 2 >= byteCount else { return }
        let growth =
            byteCount < threshold
            ? acknowledged : max(1, frameByteCount * acknowledged / byteCount)
        byteCount = min(ceiling, byteCount + growth)
    }

    /// Something was overtaken by what was sent later.
    mutating func lost(now: Int64) {
        // What left in the same round trip was lost for the same cause.
        guard now - reducedAt > smoothedRoundTrip ?? resendAfter else { return }
        reducedAt = now
        byteCount = max(floor, byteCount * 2 / 3)
        threshold = byteCount
    }

    /// The server has not taken what came, because of a limit.
    mutating func deferred(now: Int64, using generator: inout some RandomNumberGenerator) {
        timeoutCount = 0
        guard now >= pausedUntil else { return }
        byteCount = max(floor, byteCount / 2)
        threshold = byteCount
        let pause = Self.doubled(pauseAfterDeferral, deferralCount)
        pausedUntil = now + Self.spread(pause, using: &generator)
        deferralCount += 1
    }

    /// No answer came in time.
    mutating func timedOut() {
        if timeoutCount == 0 { threshold = max(floor, byteCount / 2) }
        byteCount = floor
        timeoutCount += 1
    }

    // MARK: Waiting

    /// How long to wait for an answer to what leaves now.
    func answerTime(using generator: inout some RandomNumberGenerator) -> Int64 {
        let base = max(resendAfter, 3 * (smoothedRoundTrip ?? 0))
        if timeoutCount == 0 { return min(base, Self.delayMax) }
        return Self.spread(Self.doubled(base, timeoutCount), using: &generator)
    }

    /// How long something must be on the way before what the server misses counts as lost.
    var overtakenAfter: Int64 { max(20, smoothedRoundTrip.map { $0 * 3 / 2 } ?? resendAfter / 2) }

    private static func doubled(_ delay: Int64, _ times: Int) -> Int64 {
        min(max(delay, delayMax), delay << Int64(min(times, 10)))
    }

    private static func spread(
        _ delay: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> Int64 {
        delay * Int64.random(in: 750...1_250, using: &generator) / 1_000
    }
}
