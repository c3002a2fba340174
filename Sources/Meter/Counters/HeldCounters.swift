internal import Synchronization

/// How much counters and details hold in memory, which is what checkpoints and limits go by.
struct HeldAmount {
    /// Distinct (series, component, minute), and sums set aside.
    var keyCount = 0
    /// Bytes of details.
    var detailByteCount = 0

    static func - (left: HeldAmount, right: HeldAmount) -> HeldAmount {
        HeldAmount(
            keyCount: left.keyCount - right.keyCount,
            detailByteCount: left.detailByteCount - right.detailByteCount)
    }
}

/// What live and flushing counters of all shards hold together; each shard adds what it took.
final class HeldCounters: Sendable {
    private let keyCount = Atomic<Int>(0)
    private let detailByteCount = Atomic<Int>(0)

    func load() -> HeldAmount {
        HeldAmount(
            keyCount: keyCount.load(ordering: .relaxed),
            detailByteCount: detailByteCount.load(ordering: .relaxed))
    }

    func add(_ amount: HeldAmount) {
        keyCount.add(amount.keyCount, ordering: .relaxed)
        detailByteCount.add(amount.detailByteCount, ordering: .relaxed)
    }

    func subtract(_ amount: HeldAmount) { add(HeldAmount() - amount) }

    func reset() {
        keyCount.store(0, ordering: .relaxed)
        detailByteCount.store(0, ordering: .relaxed)
    }
}
