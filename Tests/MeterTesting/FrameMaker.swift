package import MeterWire

/// An emitter without a network: seals its events into frames.
package struct FrameMaker {
    package let source: SourceID
    package private(set) var nextSequence: UInt64 = 0
    private let sealer: FrameSealer
    private var random: Seed

    package init(source: UInt64, protection: WireProtection = .signed(EngineHarness.key)) {
        self.source = SourceID(high: 0x5EED, low: source)
        random = Seed(source)
        sealer = FrameSealer(source: self.source, protection: protection)
    }

    /// Seals the next events.
    package mutating func frame(_ events: [UsageEvent]) -> [UInt8] {
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        for event in events {
            let appended = encoder.append(event)
            precondition(appended == .appended, "a test's event can be encoded: \(appended)")
        }
        defer { nextSequence += UInt64(events.count) }
        return sealer.seal(
            encoder, firstSequence: nextSequence, durableThrough: 0, using: &random)
    }

    /// Seals a claim of everything that was sealed so far.
    package mutating func claim(_ claim: Claim, at time: Timestamp) -> [UInt8] {
        sealer.seal(
            kind: .claim, payload: claim.payload(baseTime: time.milliseconds), eventCount: 0,
            firstSequence: nextSequence, baseTime: time.milliseconds, durableThrough: 0,
            using: &random)
    }

    /// Leaves numbers out, as if their frames were lost.
    package mutating func skip(_ count: Int) { nextSequence += UInt64(count) }

    /// Goes back, as a second life with the same identifier would.
    package mutating func restart(at sequence: UInt64) { nextSequence = sequence }
}
