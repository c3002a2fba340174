internal import Synchronization

/// A count that only grows; one relaxed addition an event.
final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    func add(_ count: Int = 1) {
        value.wrappingAdd(UInt64(truncatingIfNeeded: count), ordering: .relaxed)
    }

    var count: UInt64 { value.load(ordering: .relaxed) }
}

/// A value that goes up and down.
final class Gauge: Sendable {
    private let value = Atomic<Int>(0)

    func set(_ value: Int) { self.value.store(value, ordering: .relaxed) }
    func add(_ count: Int) { value.wrappingAdd(count, ordering: .relaxed) }

    var current: Int { value.load(ordering: .relaxed) }
}

/// Counts by one or more labels. A bounded number of label values is kept; what comes after is counted
/// under `__other__`, so that nobody outside can grow it.
final class CounterFamily: Sendable {
    static let limit = 256

    private let counts = Mutex<[[String]: UInt64]>([:])

    func add(_ labels: String..., count: Int = 1) { add(labels, count: count) }

    func add(_ labels: [String], count: Int = 1) {
        counts.withLock { counts in
            let known = counts[labels] != nil || counts.count < Self.limit
            let key = known ? labels : labels.map { _ in "__other__" }
            counts[key, default: 0] &+= UInt64(truncatingIfNeeded: count)
        }
    }

    /// Every combination counted so far, sorted.
    var samples: [(labels: [String], count: UInt64)] {
        counts.withLock { $0.map { ($0.key, $0.value) } }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }
}

/// How often durations fell into ranges that grow by factors.
final class DurationHistogram: Sendable {
    /// Upper bounds in seconds.
    static let bounds: [Double] = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    struct Snapshot: Sendable {
        /// One count a bound and one for what is above all of them; not accumulated.
        var counts: [UInt64]
        var seconds: Double
    }

    private let state = Mutex(
        Snapshot(counts: Array(repeating: 0, count: bounds.count + 1), seconds: 0)
    )

    func record(_ duration: Duration) {
        let parts = duration.components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        let index = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock {
            $0.counts[index] &+= 1
            $0.seconds += seconds
        }
    }

    var snapshot: Snapshot { state.withLock { $0 } }
}
