/// Which way frames go: as datagrams, or, where those do not get through, over a stream.
///
/// Only frames of events count as getting through: where a network carries small datagrams and drops
/// large ones, claims are answered and frames are not. Over the stream one frame goes as a datagram too,
/// now and then; when it is answered, datagrams are used again. Where neither way gets through the server
/// is away, and both are tried in turn.
package struct SendPath: Sendable {
    package enum Way: Sendable, Hashable { case datagrams, stream }

    /// The present one.
    package private(set) var way: Way
    /// Times that datagrams were given up for the stream.
    package private(set) var fallBackCount: UInt64 = 0
    private let fallBack: EmitterParameters.FallBack?
    /// Since when datagrams are on the way without an answer; nil while none are.
    private var unansweredSince: Int64?
    /// Since when the stream is wanted and not open.
    private var streamDownSince: Int64?
    private var probeAt = Int64.max
    private var probeDelay: Int64 = 0
    private var probedAt: Int64?
    private var returnedAt = Int64.min / 2

    init(_ parameters: EmitterParameters) {
        way = parameters.way
        fallBack = parameters.fallBack
    }

    /// An answer to a probe counts for so long.
    private static var probeAnswerMax: Int64 { 10_000 }
    /// The stream is listened to for so long after datagrams are used again.
    private static var lingerMilliseconds: Int64 { 2_000 }
    private static var probeDelayFactorMax: Int64 { 16 }

    /// Whether the stream should be opened, or kept.
    package func usesStream(now: Int64) -> Bool {
        way == .stream || (fallBack != nil && now < returnedAt + Self.lingerMilliseconds)
    }

    /// Frames of events were sent.
    mutating func sent(now: Int64) {
        if way == .datagrams, unansweredSince == nil { unansweredSince = now }
    }

    /// The server told something new of frames that were sent.
    ///
    /// - Parameter isWaiting: More is on the way.
    mutating func answered(over answerWay: Way, now: Int64, isWaiting: Bool) {
        if answerWay == .datagrams { unansweredSince = isWaiting ? now : nil }
    }

    /// Any answer of the server came in. True where datagrams are used again.
    mutating func heard(over answerWay: Way, now: Int64) -> Bool {
        guard fallBack != nil, way == .stream, answerWay == .datagrams, let probedAt,
            now - probedAt <= Self.probeAnswerMax
        else { return false }
        way = .datagrams
        self.probedAt = nil
        returnedAt = now
        unansweredSince = nil
        return true
    }

    /// A datagram was too large for the way to the server: none of its size will get through. True if
    /// the way changed.
    mutating func datagramTooLarge(
        now: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> Bool {
        guard way == .datagrams, let fallBack else { return false }
        beginStream(fallBack, now: now, using: &generator)
        return true
    }

    mutating func streamOpened() { streamDownSince = nil }

    mutating func streamClosed(now: Int64) {
        if streamDownSince == nil { streamDownSince = now }
    }

    /// Changes the way if it is time to. True if it did.
    mutating func choose(now: Int64, using generator: inout some RandomNumberGenerator) -> Bool {
        guard let fallBack else { return false }
        switch way {
        case .datagrams:
            guard let since = unansweredSince, now - since >= fallBack.afterMilliseconds else {
                return false
            }
            beginStream(fallBack, now: now, using: &generator)
            return true
        case .stream:
            guard let since = streamDownSince, now - since >= fallBack.afterMilliseconds else {
                return false
            }
            way = .datagrams
            unansweredSince = nil
            probedAt = nil
            return true
        }
    }

    /// When to call ``choose(now:using:)`` again unless something happens.
    var wake: Int64 {
        guard let fallBack else { return .max }
        let since = way == .datagrams ? unansweredSince : streamDownSince
        return since.map { $0 + fallBack.afterMilliseconds } ?? .max
    }

    private mutating func beginStream(
        _ fallBack: EmitterParameters.FallBack,
        now: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        way = .stream
        fallBackCount += 1
        streamDownSince = now
        probedAt = nil
        probeDelay = fallBack.probeEveryMilliseconds
        setProbe(now: now, using: &generator)
    }

    private mutating func setProbe(
        now: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        probeAt = now + probeDelay * Int64.random(in: 750...1_250, using: &generator) / 1_000
    }

    /// Which of the frames that go over the stream now should go as a datagram, too: the largest.
    mutating func probe(
        _ frames: [[UInt8]],
        now: Int64,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8]? {
        guard let fallBack, way == .stream, now >= probeAt,
            let largest = frames.max(by: { $0.count < $1.count })
        else { return nil }
        probedAt = now
        probeDelay = min(
            probeDelay * 2, fallBack.probeEveryMilliseconds * Self.probeDelayFactorMax)
        setProbe(now: now, using: &generator)
        return largest
    }
}
