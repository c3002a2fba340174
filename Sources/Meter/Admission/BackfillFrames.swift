package import MeterWire

/// The events of a file as frames of one source, numbered in the order of the file, with a claim that ends
/// the source.
///
/// Made once and then kept as these bytes until all of them are in the journal: taken in again they are
/// duplicates.
package struct BackfillFrames: Sendable {
    /// An event that can never be on the wire.
    package struct Defect: Error, Sendable {
        /// Its place in the file, from 0.
        package let index: Int
        package let defect: EventDefect
    }

    private static let payloadByteCountMax = 256 << 10
    private static let eventCountMax = 8_192

    package let eventCount: UInt64
    /// One frame after the other.
    package let bytes: [UInt8]

    package init(_ events: [UsageEvent], source: SourceID) throws(Defect) {
        let sealer = FrameSealer(source: source, protection: .none)
        var encoder = PayloadEncoder(
            byteCountMax: Self.payloadByteCountMax,
            eventCountMax: Self.eventCountMax
        )
        var bytes: [UInt8] = []
        var sealed: UInt64 = 0
        var random = NoRandomness()
        func seal() {
            guard !encoder.isEmpty else { return }
            bytes += sealer.seal(
                encoder,
                firstSequence: sealed,
                durableThrough: 0,
                using: &random
            )
            sealed += UInt64(encoder.eventCount)
            encoder.removeAll()
        }
        var totals: [String: UInt128] = [:]
        for (index, event) in events.enumerated() {
            var appended = encoder.append(event)
            if appended == .full {
                seal()
                appended = encoder.append(event)
            }
            switch appended {
            case .appended: break
            case .full:
                throw Defect(
                    index: index, defect: .tooLarge(byteCountMax: Self.payloadByteCountMax))
            case .invalid(let defect): throw Defect(index: index, defect: defect)
            }
            for amount in event.amounts {
                totals[amount.component, default: 0] += UInt128(amount.amount)
            }
        }
        seal()
        let claim = Claim(
            number: 1,
            isLast: true,
            recordedCount: sealed,
            totals: totals.sorted { $0.key < $1.key }
                .map { Claim.Total(component: Name($0.key), amount: $0.value) }
        )
        let baseTime = events.last?.time.milliseconds ?? 0
        bytes += sealer.seal(
            kind: .claim,
            payload: claim.payload(baseTime: baseTime),
            eventCount: 0,
            firstSequence: sealed,
            baseTime: baseTime,
            durableThrough: 0,
            using: &random
        )
        eventCount = sealed
        self.bytes = bytes
    }

    /// Cuts kept bytes into frames; nil where they are none.
    package static func frames(in bytes: [UInt8]) -> [[UInt8]]? {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let header = FrameHeader(Array(rest.prefix(WireLimits.headerByteCount))),
                rest.count >= header.frameByteCount
            else { return nil }
            frames.append(Array(rest.prefix(header.frameByteCount)))
            rest = rest.dropFirst(header.frameByteCount)
        }
        return frames
    }
}

/// Suite 0 draws nothing.
private struct NoRandomness: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}
