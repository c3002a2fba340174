package import MeterWire

/// Waldur's clock as its `Date` headers show it.
///
/// The header has whole seconds and was written somewhere between the request and its answer, so the
/// skew is known up to an uncertainty. What must not happen after a moment is decided by `latest`, what
/// must not happen before one by `earliest`.
package struct WaldurClock: Equatable, Sendable {
    /// How far Waldur's clock is ahead of ours.
    package private(set) var skewMilliseconds: Int64
    /// The skew is wrong by at most this much, either way.
    package private(set) var uncertaintyMilliseconds: Int64
    /// When it was measured, by our clock.
    package private(set) var measuredAt: Timestamp

    /// Measures from one answer: sent and received by our clock, and its `Date` header.
    package init(date: Timestamp, sent: Timestamp, received: Timestamp) {
        let duration = max(0, received.milliseconds - sent.milliseconds)
        // The header's second is cut, so the moment lies in [date, date + 1 s).
        skewMilliseconds = date.milliseconds + 500 - (sent.milliseconds + duration / 2)
        uncertaintyMilliseconds = duration / 2 + 500
        measuredAt = received
    }

    /// Takes the later measurement where it is at least as sharp, disagrees with this one, or this one
    /// has grown old.
    package mutating func update(with other: WaldurClock) {
        let difference = other.skewMilliseconds - skewMilliseconds
        let age = other.measuredAt.milliseconds - measuredAt.milliseconds
        if other.uncertaintyMilliseconds <= uncertaintyMilliseconds || age > 600_000
            || difference.magnitude
                > (other.uncertaintyMilliseconds + uncertaintyMilliseconds).magnitude
        {
            self = other
        }
    }

    /// Not before this is it at Waldur's.
    package func earliest(at now: Timestamp) -> Timestamp {
        now.advanced(byMilliseconds: skewMilliseconds - uncertaintyMilliseconds)
    }

    /// Not after this is it at Waldur's.
    package func latest(at now: Timestamp) -> Timestamp {
        now.advanced(byMilliseconds: skewMilliseconds + uncertaintyMilliseconds)
    }
}
