package import MeterWire

/// When the last cycle of a month must begin, by arithmetic on what cycles have cost.
package struct FinalFlush: Equatable, Sendable {
    /// How long the turns of single resources took, newest last.
    private var turns: [Int64] = []
    private static let kept = 500

    package init() {}

    /// Takes in how long one resource's turn took, with everything that was read and sent in it.
    package mutating func note(milliseconds: Int64) {
        turns.append(max(0, milliseconds))
        if turns.count > Self.kept { turns.removeFirst(turns.count - Self.kept) }
    }

    /// Some turn was measured.
    package var isMeasured: Bool { !turns.isEmpty }

    /// What 95 of 100 turns took at most.
    package var turnMilliseconds: Int64 {
        turns.isEmpty ? 2_000 : turns.sorted()[(turns.count * 95 - 1) / 100]
    }

    /// How long it takes to tell so many resources, half as long again for what nobody foresaw.
    package func milliseconds(resources: Int) -> Int64 {
        Int64(resources) * turnMilliseconds * 3 / 2
    }

    /// When it must begin to be done at the guard.
    package func start(guardStart: Timestamp, resources: Int) -> Timestamp {
        guardStart.advanced(byMilliseconds: -milliseconds(resources: resources))
    }
}
