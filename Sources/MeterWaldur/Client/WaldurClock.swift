package import MeterWire
internal import Synchronization

/// One Waldur's clock as the answers to all of its accounts show it.
package final class MeasuredClock: Sendable {
    private let measured = Mutex<WaldurClock?>(nil)

    package init() {}

    /// nil before the first answer with a date.
    package var clock: WaldurClock? { measured.withLock { $0 } }

    /// Takes another measurement into account.
    func update(with reading: WaldurClock) {
        measured.withLock { clock in
            if clock == nil { clock = reading } else { clock?.update(with: reading) }
        }
    }
}

/// Waldur's clock as its `Date` headers show it.
///
/// The header has whole seconds and was written somewhere between the request and its answer, so each
/// answer gives the skew up to an interval, and several answers give the intersection of theirs. What must
/// not happen after a moment is decided by `latest`, what must not happen before one by `earliest`.
package struct WaldurClock: Equatable, Sendable {
    private var skewMin: Int64
    private var skewMax: Int64
    /// When the newest answer came, by our clock.
    package private(set) var measuredAt: Timestamp

    /// Measures from one answer: sent and received by our clock, and its `Date` header.
    package init(date: Timestamp, sent: Timestamp, received: Timestamp) {
        // The header's second is cut, so the moment lies in [date, date + 1 s), and in [sent, received].
        skewMin = date.milliseconds - max(sent.milliseconds, received.milliseconds)
        skewMax = date.milliseconds + 1000 - sent.milliseconds
        measuredAt = received
    }

    /// How far Waldur's clock is ahead of ours; wrong by at most the uncertainty.
    package var skewMilliseconds: Int64 { skewMin + (skewMax - skewMin) / 2 }

    /// The skew is wrong by at most this much, either way.
    package var uncertaintyMilliseconds: Int64 { (skewMax - skewMin + 1) / 2 }

    /// Takes another measurement into account. Clocks drift, so what was known before grows less certain;
    /// where the two contradict each other, one of the clocks was set and the newer one holds.
    package mutating func update(with other: WaldurClock) {
        let age = max(0, other.measuredAt.milliseconds - measuredAt.milliseconds)
        let drift = age / Self.driftDivisor + 1
        let lower = max(skewMin - drift, other.skewMin)
        let upper = min(skewMax + drift, other.skewMax)
        guard lower <= upper, age < Self.ageMax else {
            self = other
            return
        }
        skewMin = lower
        skewMax = upper
        measuredAt = max(measuredAt, other.measuredAt)
    }

    /// Not before this is it at Waldur's.
    package func earliest(at now: Timestamp) -> Timestamp {
        now.advanced(byMilliseconds: skewMin)
    }

    /// Not after this is it at Waldur's.
    package func latest(at now: Timestamp) -> Timestamp {
        now.advanced(byMilliseconds: skewMax)
    }

    /// One part in 5,000: more than two bad quartz clocks drift apart, or an NTP daemon slews.
    private static let driftDivisor: Int64 = 5_000
    private static let ageMax: Int64 = 3_600_000
}
