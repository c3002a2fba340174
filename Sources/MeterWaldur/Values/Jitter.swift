/// Spreads waits, so that those who failed together do not come back together. Seeded by whoever makes
/// it; the reporter draws nothing from the system.
struct Jitter: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// Between half of `milliseconds` and all of it.
    mutating func spread(_ milliseconds: Int64) -> Int64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let half = max(0, milliseconds / 2)
        return half + Int64((state >> 33) % UInt64(half + 1))
    }
}
