import MeterTesting

@testable import MeterWire

/// What a server keeps of its sources, in the simplest way: every event by its sequence.
struct ModelServer {
    struct Source {
        var events: [UInt64: UsageEvent] = [:]
        /// Events that came but are not "synced" yet, in order of arrival.
        var unsynced: [(first: UInt64, events: [UsageEvent])] = []
        var claim: Claim?
        var claimSealedThrough: UInt64 = 0
        var unsyncedClaims: [(claim: Claim, sealedThrough: UInt64)] = []
        var deferred: [Range<UInt64>] = []
        var duplicates: UInt64 = 0
        var seen: UInt64 = 0
        var isQuarantined = false
        var durable: [Range<UInt64>] = []
    }

    let key: WireKey?
    var sources: [SourceID: Source] = [:]
    var sealedFrames: Set<[UInt8]> = []
    private var opener = Receiver()

    init(key: WireKey?) { self.key = key }

    /// Takes a datagram; nil answers what is not authentic.
    mutating func receive(_ bytes: [UInt8], defers: Bool) -> SourceID? {
        guard let opened = try? opener.open(bytes, key: key) else { return nil }
        var source = sources[opened.header.source, default: Source()]
        let range = opened.header.sequences
        source.seen = max(
            source.seen,
            opened.header.firstSequence + UInt64(opened.header.eventCount)
        )
        switch opened.content {
        case .claim(let claim):
            source.unsyncedClaims.append((claim, opened.header.firstSequence))
        case .events(let events):
            let isKnown =
                source.events[range.lowerBound] != nil
                || source.unsynced.contains { $0.first == range.lowerBound }
            if isKnown {
                source.duplicates += UInt64(events.count)
            } else if defers {
                source.deferred.append(range)
            } else {
                source.deferred.removeAll { $0 == range }
                source.unsynced.append((range.lowerBound, events))
            }
        }
        sources[opened.header.source] = source
        return opened.header.source
    }

    mutating func sync() {
        for id in sources.keys {
            guard var source = sources[id] else { continue }
            for (first, events) in source.unsynced {
                for (offset, event) in events.enumerated() {
                    let sequence = first + UInt64(offset)
                    precondition(source.events[sequence] == nil, "counted twice")
                    source.events[sequence] = event
                }
            }
            if !source.unsynced.isEmpty {
                let arrived = source.unsynced.map { $0.first..<$0.first + UInt64($0.events.count) }
                source.durable = Self.merged(source.durable + arrived)
            }
            source.unsynced = []
            for (claim, sealedThrough) in source.unsyncedClaims
            where claim.number > source.claim?.number ?? 0 {
                source.claim = claim
                source.claimSealedThrough = sealedThrough
            }
            source.unsyncedClaims = []
            sources[id] = source
        }
    }

    /// A crash: everything that was not synced is gone.
    mutating func crash() {
        for id in sources.keys {
            sources[id]?.unsynced = []
            sources[id]?.unsyncedClaims = []
            sources[id]?.deferred = []
        }
    }

    func acknowledgement(_ id: SourceID, byteCountMax: Int) -> [UInt8] {
        let source = sources[id] ?? Source()
        var durable = source.durable
        var through: UInt64 = 0
        if let first = durable.first, first.lowerBound == 0 {
            through = first.upperBound
            durable.removeFirst()
        }
        let limit = max(source.seen, source.claimSealedThrough)
        var missing: [Range<UInt64>] = []
        var position = through
        for range in durable + [limit..<limit] {
            if position < range.lowerBound { missing.append(position..<range.lowerBound) }
            position = max(position, range.upperBound)
        }
        return Acknowledgement(
            source: id,
            durableThrough: through,
            claimNumber: source.claim?.number ?? 0,
            isQuarantined: source.isQuarantined,
            counters: Acknowledgement.Counters(
                accepted: UInt64(source.events.count),
                duplicate: source.duplicates
            ),
            durable: durable,
            missing: missing,
            deferred: Self.merged(source.deferred)
        ).encode(byteCountMax: byteCountMax, key: key)
    }

    private static func merged(_ list: [Range<UInt64>]) -> [Range<UInt64>] {
        var merged: [Range<UInt64>] = []
        for range in list.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound >= range.lowerBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    /// Sums per component of everything that is durable.
    func totals() -> [String: UInt128] {
        var totals: [String: UInt128] = [:]
        for source in sources.values {
            for event in source.events.values {
                for amount in event.amounts {
                    totals[amount.component, default: 0] += UInt128(amount.amount)
                }
            }
        }
        return totals
    }
}

/// Opens frames of both kinds into values.
struct Receiver {
    enum Content {
        case events([UsageEvent])
        case claim(Claim)
    }

    struct Opened {
        let header: FrameHeader
        let content: Content
    }

    func open(_ bytes: [UInt8], key: WireKey?) throws -> Opened {
        var opener = FrameOpener(derivedKeyCount: 1)
        var batch = EventBatch()
        return try unsafe bytes.withUnsafeBytes { bytes in
            let header = try unsafe FrameHeader.parse(bytes)
            let opened =
                if let key {
                    try unsafe opener.open(bytes, header: header, key: key)
                } else {
                    try unsafe opener.openUnauthenticated(bytes, header: header)
                }
            switch header.kind {
            case .claim:
                let claim = try unsafe Claim.decode(
                    payload: opened.payload,
                    baseTime: header.baseTime,
                    sealedThrough: header.firstSequence
                )
                return Opened(header: header, content: .claim(claim))
            case .events:
                try unsafe batch.decode(
                    payload: opened.payload,
                    eventCount: header.eventCount,
                    baseTime: header.baseTime
                )
                let events = (0..<batch.eventCount).map { batch.usageEvent(at: $0) }
                return Opened(header: header, content: .events(events))
            }
        }
    }
}
