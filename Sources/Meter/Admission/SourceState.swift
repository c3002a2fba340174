package import MeterWire

/// What became of a source's events so far, by outcome.
package struct SourceCounts: Equatable, Sendable {
    package var accepted: UInt64 = 0
    /// Of the accepted, those more than an hour older than their arrival.
    package var behind: UInt64 = 0
    package var refused: [RefusalReason: UInt64] = [:]
    package var inConflict: UInt64 = 0
    /// Re-sent events, since the server's start; duplicates change no state, so they are not journalled.
    package var duplicate: UInt64 = 0
    /// Of the duplicates, those whose frame was no longer remembered to compare with.
    package var unverified: UInt64 = 0

    package init() {}

    mutating func add(_ other: SourceCounts) {
        accepted &+= other.accepted
        behind &+= other.behind
        for (reason, count) in other.refused { refused[reason, default: 0] &+= count }
        inConflict &+= other.inConflict
    }
}

/// A set of tenants by their numbers among live names; empty again where other counters began.
struct TenantMarks {
    private var countersNumber: UInt64 = 0
    private var words: [UInt64] = []

    func has(_ tenant: UInt32, of counters: UInt64) -> Bool {
        let word = Int(tenant / 64)
        return counters == countersNumber && word < words.count
            && words[word] >> UInt64(tenant % 64) & 1 == 1
    }

    mutating func insert(_ tenant: UInt32, of counters: UInt64) {
        if counters != countersNumber {
            countersNumber = counters
            words.removeAll(keepingCapacity: true)
        }
        let word = Int(tenant / 64)
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(tenant % 64)
    }
}

/// All that is kept of one source: dedup, what may be acknowledged, its newest claim.
///
/// Two accounts run side by side: `received` moves when a frame is appended to the journal and decides
/// what is a duplicate; `durable` follows when the sync that covers the frame has returned and is all
/// that an acknowledgement may speak of.
struct SourceState {
    /// One frame that was admitted, to tell its repetition from a conflict.
    struct RecentFrame: Equatable {
        var first: UInt64
        var count: UInt32
        var tag: FrameTag

        var range: Range<UInt64> { first..<(first + UInt64(count)) }
    }

    /// What becomes acknowledgeable once the journal is durable up to `end`.
    struct Pending {
        var end: UInt64
        var range: Range<UInt64>
        var counts: SourceCounts
        var claim: Claim?
    }

    /// The newest claim, with what its frame's header says.
    struct Claimed: Equatable {
        var claim: Claim
        /// Events sealed before the claim.
        var sealedThrough: UInt64
        /// When the emitter made it.
        var time: Timestamp
    }

    /// Frames remembered per source. An emitter's window is far smaller; beyond it a repetition is a
    /// duplicate that nobody compared.
    static let recentFrameMax = 1_024
    /// Conflicting frames remembered per source.
    static let evidenceMax = 64

    let key: SourceKey
    var received = SequenceSet()
    var durable = SequenceSet()
    var pending: [Pending] = []
    var recent: [RecentFrame] = []
    private var nextRecent = 0
    /// Counted when appended; what acknowledgements show is `durableCounts`.
    var counts = SourceCounts()
    var durableCounts = SourceCounts()
    var claimed: Claimed?
    var durableClaimNumber: UInt64 = 0
    /// Two lives used the same identifier: what comes now is kept as evidence and not counted.
    var quarantined = false
    var firstSeen: Timestamp
    /// When something of it was last journalled.
    var lastSeen: Timestamp
    /// Where something of it last came from: for people who look for the host of what is missing. No record
    /// of the journal has it, so that a crash takes it back to what the checkpoint knows.
    var peer: PeerAddress?
    /// When something of it last came again: that changes no state and is forgotten at a restart.
    var lastRepeated: Timestamp
    /// Tenants for whom events of the source were counted, ascending: whom a hole may touch.
    private(set) var tenants: [Name] = []
    /// Which of them need not be looked for, by the numbers that the present counters have for them.
    var noted = TenantMarks()
    /// Tags of conflicting frames that are in the journal, so that sending them again does not fill it.
    /// Forgotten at a restart, but for those that replay finds.
    private var evidence: [FrameTag] = []
    private var nextEvidence = 0

    init(key: SourceKey, firstSeen: Timestamp) {
        self.key = key
        self.firstSeen = firstSeen
        lastSeen = firstSeen
        lastRepeated = firstSeen
    }

    /// How a frame stands to what was received.
    enum Standing { case new, duplicate, unverifiedDuplicate, inConflict }

    func standing(of frame: RecentFrame) -> Standing {
        switch received.relation(of: frame.range) {
        case .absent: return quarantined ? .inConflict : .new
        case .partly: return .inConflict
        case .contained: break
        }
        var known: RecentFrame?
        for other in recent where other.range.overlaps(frame.range) {
            if other.first != frame.first || other.count != frame.count { return .inConflict }
            known = other
        }
        guard let known else { return .unverifiedDuplicate }
        return known.tag.equalsInConstantTime(frame.tag) ? .duplicate : .inConflict
    }

    mutating func remember(_ frame: RecentFrame) {
        received.insert(frame.range)
        if recent.count < SourceState.recentFrameMax {
            recent.append(frame)
        } else {
            recent[nextRecent] = frame
            nextRecent = (nextRecent + 1) % SourceState.recentFrameMax
        }
    }

    /// The remembered frames, oldest first.
    var recentInOrder: [RecentFrame] { Array(recent[nextRecent...] + recent[..<nextRecent]) }

    /// Whether a claim says something new.
    func isNews(_ claim: Claim) -> Bool { claim.number > (claimed?.claim.number ?? 0) }

    /// Adds a tenant, unless it is noted already; `name` makes it from its bytes.
    mutating func note(tenant: UnsafeRawBufferPointer, name: () -> Name) {
        var low = 0
        var high = tenants.count
        while low < high {
            let middle = (low + high) / 2
            let order = unsafe tenants[middle].order(to: tenant)
            if order == 0 { return }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        tenants.insert(name(), at: low)
    }

    mutating func note(tenant: Name) {
        unsafe tenant.bytes.withUnsafeBytes { unsafe note(tenant: $0) { tenant } }
    }

    /// Shares the names of tenants with other sources.
    mutating func share(_ names: inout SharedNames) {
        tenants = tenants.map { names.shared($0) }
    }

    mutating func rememberEvidence(_ tag: FrameTag) {
        if evidence.count < SourceState.evidenceMax {
            evidence.append(tag)
        } else {
            evidence[nextEvidence] = tag
            nextEvidence = (nextEvidence + 1) % SourceState.evidenceMax
        }
    }

    /// Whether a conflicting frame is in the journal already.
    func isEvidence(_ tag: FrameTag) -> Bool {
        evidence.contains { $0.equalsInConstantTime(tag) }
    }

    /// Moves to the acknowledged side whatever the journal has made durable.
    mutating func settle(durablePosition: UInt64) {
        var settled = 0
        while settled < pending.count, pending[settled].end <= durablePosition {
            let entry = pending[settled]
            durable.insert(entry.range)
            durableCounts.add(entry.counts)
            if let claim = entry.claim {
                durableClaimNumber = max(durableClaimNumber, claim.number)
                durable.insert(ascending: claim.givenUp)
            }
            settled += 1
        }
        if settled > 0 { pending.removeFirst(settled) }
    }

    /// Numbers that were received or given up.
    var known: SequenceSet {
        var known = received
        known.insert(ascending: claimed?.claim.givenUp ?? [])
        return known
    }

    /// Ranges above the watermark that a frame would leave, without those that are open only because of
    /// numbers given up: nothing fills them any more.
    func openRangeCount(afterReceiving range: Range<UInt64>, atMost limit: Int) -> Int {
        let count = received.rangeCount(afterInserting: range)
        return count <= limit ? count : known.rangeCount(afterInserting: range)
    }

    /// Numbers that are neither received nor given up, below the highest that the source has used.
    var openHoles: [Range<UInt64>] {
        let known = known
        let sealed = claimed?.sealedThrough ?? 0
        return sealed > known.end ? known.holes + [known.end..<sealed] : known.holes
    }

    /// Numbers given up that have not arrived after all: holes with a name.
    var namedHoles: [Range<UInt64>] {
        (claimed?.claim.givenUp ?? []).filter { received.relation(of: $0) != .contained }
    }

    /// The earliest event time that this source could still change: the last moment when nothing can
    /// change any more, the first where that is unknown.
    ///
    /// A claim without a hole says that everything up to its own time has come. With a hole or with
    /// usage given up, nothing from the earliest unmet line on is certain. 1970 or before is unknown. Of a
    /// source that was retired nothing more comes than what is known to be missing.
    ///
    /// - Parameter retired: When a person said that it will not come back; nil if nobody did.
    func completeThrough(retired: Timestamp?) -> Timestamp {
        let unknown = Timestamp(milliseconds: 0)
        let end = Timestamp(milliseconds: .max)
        guard !quarantined else { return unknown }
        let isRetired = isRetired(at: retired)
        guard let claimed else { return isRetired && openHoles.isEmpty ? end : unknown }
        let isOpen = !openHoles.isEmpty || !namedHoles.isEmpty || claimed.claim.droppedCount > 0
        guard isOpen else { return claimed.claim.isLast || isRetired ? end : claimed.time }
        guard claimed.claim.linesAreComplete,
            let earliest = claimed.claim.lines.map(\.earliest).min()
        else { return unknown }
        return min(Timestamp(milliseconds: earliest), claimed.time)
    }

    /// Whether a retirement holds: nothing has come since it was decided.
    func isRetired(at decided: Timestamp?) -> Bool {
        Self.isRetired(at: decided, lastSeen: max(lastSeen, lastRepeated))
    }

    static func isRetired(at decided: Timestamp?, lastSeen: Timestamp) -> Bool {
        decided.map { lastSeen <= $0 } ?? false
    }

    /// Whether what has not come of this source may belong to one of these tenants: those for whom it was
    /// counted, those of its claim's unmet lines, and if it has named nobody, all of its principal's.
    func mayTouch(_ asked: Set<Name>, allowed: AdmissionPolicy.Tenants?) -> Bool {
        let lines = claimed?.claim.lines ?? []
        if tenants.isEmpty, lines.isEmpty {
            return asked.contains { (allowed ?? .all).contains($0) }
        }
        return tenants.contains { asked.contains($0) }
            || lines.contains { asked.contains($0.tenant) }
    }
}
