import MeterTesting

@testable import MeterWire

/// Keys, sources and events for tests, from a seed.
enum WireSamples {
    static func key(_ seed: inout Seed) -> WireKey {
        WireKey.derived(
            fromMaster: (0..<32).map { _ in UInt8(truncatingIfNeeded: seed.next()) },
            id: KeyID(rawValue: seed.next())
        )
    }

    static func source(_ seed: inout Seed) -> SourceID {
        SourceID(high: seed.next(), low: seed.next())
    }

    static func protection(_ suite: TagSuite, _ seed: inout Seed) -> WireProtection {
        switch suite {
        case .crc32c: .none
        case .hmacSHA256: .signed(key(&seed))
        case .aes256GCM: .encrypted(key(&seed))
        }
    }

    static let names = ["a", "support-bot", "é", "e\u{301}", "日本", "🤖 agent", "0f8a", "x y"]

    static func event(_ seed: inout Seed, near time: Int64 = 1_760_000_000_000) -> UsageEvent {
        let components = [
            "input_tokens", "output_tokens", "agent_calls", "tool_seconds", "é", "e\u{301}",
        ]
        var chosen = components.filter { _ in seed.oneIn(2) }
        if chosen.isEmpty { chosen = ["agent_calls"] }
        return UsageEvent(
            time: Timestamp(milliseconds: time + Int64(seed.below(200_000)) - 100_000),
            tenant: seed.pick(names),
            agent: seed.pick(names),
            amounts: chosen.map { ComponentAmount($0, amount(&seed)) },
            access: seed.oneIn(3) ? AccessID(high: UInt64(seed.below(3)), low: 7) : nil,
            model: seed.oneIn(2) ? seed.pick(names) : nil,
            user: seed.oneIn(3) ? "user-\(seed.below(50))" : nil,
            outcome: seed.pick(Outcome.allCases),
            durationMilliseconds: seed.oneIn(2) ? amount(&seed) : nil
        )
    }

    static func amount(_ seed: inout Seed) -> UInt64 {
        seed.next() >> UInt64(1 + seed.below(63))
    }

    /// A sealed frame with as many random events as fit, and the events in it.
    static func frame(
        _ protection: WireProtection,
        byteCountMax: Int = 1_400,
        _ seed: inout Seed
    ) -> (bytes: [UInt8], events: [UsageEvent], sealer: FrameSealer) {
        let sealer = FrameSealer(source: source(&seed), protection: protection)
        var encoder = PayloadEncoder(byteCountMax: byteCountMax - sealer.overheadByteCount)
        var events: [UsageEvent] = []
        while true {
            let event = event(&seed)
            guard encoder.append(event) == .appended else { break }
            events.append(event)
        }
        let bytes = sealer.seal(
            encoder,
            firstSequence: 1_000,
            durableThrough: 900,
            using: &seed
        )
        return (bytes, events, sealer)
    }
}

/// Opens frames as the server does.
@safe
struct Receiver: ~Copyable {
    var opener = FrameOpener(derivedKeyCount: 4)
    var batch = EventBatch()
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        unsafe memory = .allocate(byteCount: WireLimits.frameByteCountMax + 64, alignment: 8)
    }

    mutating func events(_ bytes: [UInt8], key: WireKey?) throws(FrameError) -> [UsageEvent] {
        _ = try open(bytes, key: key)
        return (0..<batch.eventCount).map { batch.usageEvent(at: $0) }
    }

    /// Returns the header, leaves the events in `batch`, valid until the next frame.
    mutating func open(_ bytes: [UInt8], key: WireKey?) throws(FrameError) -> FrameHeader {
        unsafe memory.copyBytes(from: bytes)
        let frame = unsafe UnsafeRawBufferPointer(rebasing: memory[..<bytes.count])
        let header = try unsafe FrameHeader.parse(frame)
        if let key {
            _ = try unsafe opener.open(frame, header: header, key: key, into: &batch)
        } else {
            let opened = try unsafe opener.openUnauthenticated(frame, header: header)
            try unsafe batch.decode(
                payload: opened.payload,
                eventCount: header.eventCount,
                baseTime: header.baseTime
            )
        }
        return header
    }

    deinit { unsafe memory.deallocate() }
}

/// Decodes a bare payload and gives its events back, or throws.
func decodePayload(
    _ payload: [UInt8],
    eventCount: Int,
    baseTime: Int64 = 0
) throws -> [UsageEvent] {
    var batch = EventBatch()
    return try unsafe payload.withUnsafeBytes { bytes in
        do throws(FrameError) {
            try unsafe batch.decode(payload: bytes, eventCount: eventCount, baseTime: baseTime)
        } catch {
            guard batch.eventCount == 0, unsafe batch.amounts.isEmpty, unsafe batch.tenants.isEmpty
            else { return [] }
            throw error
        }
        return (0..<batch.eventCount).map { batch.usageEvent(at: $0) }
    }
}
