package import MeterWire

/// Leaves alone what has failed: after each failure in a row for twice as long, spread at random, and never
/// shorter than the other side asks for. When the pause is over one attempt decides what follows.
package struct CircuitBreaker: Sendable {
    /// How often in a row it failed.
    package private(set) var failures = 0
    /// Until when it is left alone; nil where nothing failed.
    package private(set) var until: Timestamp?
    private let longestMilliseconds: Int64
    private static let firstMilliseconds: Int64 = 500

    package init(longestMilliseconds: Int64) { self.longestMilliseconds = longestMilliseconds }

    /// True while it is to be left alone.
    package func isOpen(at now: Timestamp) -> Bool { until.map { now < $0 } ?? false }

    /// Takes in a failure, and says until when it is left alone.
    mutating func fail(
        at now: Timestamp,
        retryAfterMilliseconds: Int64?,
        jitter: inout Jitter
    ) -> Timestamp {
        failures += 1
        let pause = min(longestMilliseconds, Self.firstMilliseconds << Int64(min(failures, 20)))
        let end = now.advanced(
            byMilliseconds: max(jitter.spread(pause), retryAfterMilliseconds ?? 0)
        )
        until = end
        return end
    }

    /// Takes in that it works.
    mutating func succeed() {
        failures = 0
        until = nil
    }
}
