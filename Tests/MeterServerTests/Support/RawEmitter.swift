internal import Foundation
internal import MeterTesting
internal import MeterWire

/// An emitter that keeps every frame and knows what was acknowledged: the oracle of the kill tests.
struct RawEmitter {
    struct Sent {
        let sequences: Range<UInt64>
        let bytes: [UInt8]
        let events: [UsageEvent]
    }

    let source: SourceID
    let key: WireKey?
    private let sealer: FrameSealer
    private var workload: EventWorkload
    /// Whose all events are; the workload's own tenants if nil.
    private let tenant: String?
    private var random: Seed
    private(set) var frames: [Sent] = []
    /// Largest acknowledged watermark and the ranges above it.
    private(set) var durableThrough: UInt64 = 0
    private(set) var durableRanges: Set<UInt64> = []
    private(set) var last: Acknowledgement?
    private(set) var acknowledgementCount = 0
    private(set) var acknowledgementByteCount = 0
    private var incoming: [UInt8] = []

    init(seed: UInt64, key: WireKey?, encrypted: Bool = false, tenant: String? = nil) {
        self.tenant = tenant
        random = Seed(seed)
        source = SourceID(high: random.next(), low: random.next())
        self.key = key
        let protection = key.map { encrypted ? WireProtection.encrypted($0) : .signed($0) } ?? .none
        sealer = FrameSealer(source: source, protection: protection)
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        workload = EventWorkload(
            seed: seed,
            start: Timestamp(milliseconds: now - 10 * 60_000)
        )
    }

    var nextSequence: UInt64 { frames.last?.sequences.upperBound ?? 0 }

    /// Seals the next events and remembers them.
    mutating func makeFrame(_ count: Int) -> [UInt8] {
        var events = workload.events(count)
        if let tenant { for index in events.indices { events[index].tenant = tenant } }
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        for event in events { _ = encoder.append(event) }
        let first = nextSequence
        let bytes = sealer.seal(
            encoder,
            firstSequence: first,
            durableThrough: min(durableThrough, first),
            using: &random
        )
        frames.append(
            Sent(sequences: first..<(first + UInt64(count)), bytes: bytes, events: events)
        )
        return bytes
    }

    /// Frames that no acknowledgement has covered.
    var outstanding: [Sent] {
        frames.filter { frame in
            frame.sequences.upperBound > durableThrough
                && !durableRanges.contains(frame.sequences.lowerBound)
        }
    }

    /// Events that must be on the server's disk, whatever happens.
    var acknowledgedEventCount: Int {
        frames.reduce(0) { $0 + (isAcknowledged($1) ? $1.events.count : 0) }
    }

    func isAcknowledged(_ frame: Sent) -> Bool {
        frame.sequences.upperBound <= durableThrough
            || durableRanges.contains(frame.sequences.lowerBound)
    }

    /// What the server must add up to once everything is acknowledged.
    var totals: NaiveMeter {
        var meter = NaiveMeter()
        for frame in frames { meter.count(frame.events) }
        return meter
    }

    /// What it must have at least.
    var acknowledgedTotals: NaiveMeter {
        var meter = NaiveMeter()
        for frame in frames where isAcknowledged(frame) { meter.count(frame.events) }
        return meter
    }

    /// A frame as it goes over TCP.
    static func framed(_ bytes: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) } + bytes
    }

    /// Bytes of a stream came in.
    mutating func receive(_ bytes: [UInt8]) throws {
        incoming += bytes
        while incoming.count >= 4 {
            let length = incoming.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard incoming.count >= 4 + length else { return }
            try take(Array(incoming[4..<(4 + length)]))
            incoming.removeFirst(4 + length)
        }
    }

    /// A connection ended: what it left half said means nothing.
    mutating func forgetIncoming() { incoming = [] }

    /// One acknowledgement came in.
    mutating func take(_ bytes: [UInt8]) throws {
        let acknowledgement = try unsafe bytes.withUnsafeBytes {
            unsafe try Acknowledgement.open($0, key: key)
        }
        acknowledgementCount += 1
        acknowledgementByteCount += bytes.count
        guard acknowledgement.source == source else { return }
        durableThrough = max(durableThrough, acknowledgement.durableThrough)
        for range in acknowledgement.durable {
            for frame in frames
            where frame.sequences.lowerBound >= range.lowerBound
                && frame.sequences.upperBound <= range.upperBound
            {
                durableRanges.insert(frame.sequences.lowerBound)
            }
        }
        last = acknowledgement
    }

    /// Sends everything outstanding over a new connection and waits for its acknowledgement.
    ///
    /// - Returns: Whether everything is acknowledged.
    mutating func settle(tcp address: String, milliseconds: Int32 = 10_000) throws -> Bool {
        let socket = try TestSocket(tcp: address)
        forgetIncoming()
        let end = Date().addingTimeInterval(Double(milliseconds) / 1_000)
        for frame in outstanding {
            try socket.send(Self.framed(frame.bytes))
            while let bytes = socket.receive(milliseconds: 0), !bytes.isEmpty { try receive(bytes) }
        }
        while !outstanding.isEmpty, Date() < end {
            guard let bytes = socket.receive(milliseconds: 100) else { continue }
            if bytes.isEmpty { break }
            try receive(bytes)
        }
        return outstanding.isEmpty
    }
}
