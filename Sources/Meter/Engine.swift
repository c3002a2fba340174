package import MeterWire
internal import Synchronization

/// The whole pipeline: admit → journal → counters → segments, and the questions asked of it.
///
/// ```
///  Receiver.ingest ─► shard lock: dedup, verdict, counters ─► journal buffer ─► commit (write, sync)
///                                                                                  │
///  query at an append position ◄── live + flushing + segments        acknowledgement, once durable
/// ```
///
/// Synchronous: threads, sockets, the clock and randomness are the caller's. Any thread may call anything
/// but `commit` and `recover`, which belong to one committer, and the three checkpoint calls, which belong
/// to one checkpointer. Locks are taken in the order
/// maintenance, shards (by number), identifiers, generation, journal.
package final class Engine: Sendable {
    package let options: EngineOptions
    let disk: any Disk
    let journal: Journal
    let shards: [Shard]
    let registry: NameRegistry
    /// Who has used how much of its rates.
    package let limiters: Limiters
    let identifiers: Mutex<IdentifierIndex>
    let generation: Mutex<Generation>
    private let currentPolicy: Mutex<AdmissionPolicy>
    private let currentErasures = Mutex(DetailsErasures())
    private let currentRetention: Mutex<RetentionRule>
    /// Held while files are made the state that counts: a checkpoint's end, a merge, a recovery.
    let maintenance = Mutex<Void>(())
    /// Of finished journal files, as far as they are written.
    let keptIndexes = Mutex<KeptIndexes>(KeptIndexes())
    /// Live and flushing counters together.
    let held = HeldCounters()
    /// Grows with each recovery: what was pinned before says nothing of the state after it.
    let epoch = Atomic<UInt64>(0)
    let seed: UInt64

    init(
        disk: any Disk, journal: Journal, shards: [Shard], identifiers: consuming IdentifierIndex,
        generation: Generation, policy: AdmissionPolicy, options: EngineOptions, seed: UInt64
    ) {
        self.disk = disk
        self.journal = journal
        self.shards = shards
        self.identifiers = Mutex(identifiers)
        self.generation = Mutex(generation)
        currentPolicy = Mutex(policy)
        currentRetention = Mutex(RetentionRule(options))
        self.options = options
        self.seed = seed
        registry = NameRegistry(tenantCountMax: options.tenantCountMax)
        var rules = options.limits
        rules.own = policy.limits
        limiters = Limiters(
            rules, burstMilliseconds: options.burstMilliseconds,
            tenantCountMax: options.tenantCountMax)
    }

    /// Who may emit what from now on. What was admitted before keeps its verdict.
    package var policy: AdmissionPolicy {
        get { currentPolicy.withLock { $0 } }
        set {
            var rules = options.limits
            rules.own = newValue.limits
            limiters.rules = rules
            currentPolicy.withLock { $0 = newValue }
        }
    }

    /// Which users' details were erased, by the book. Queries keep to it at once; files are rewritten by
    /// ``eraseNext()``.
    package var erasures: DetailsErasures {
        get { currentErasures.withLock { $0 } }
        set { currentErasures.withLock { $0 = newValue } }
    }

    /// What is needed no more, by the book and the settings. Files are removed at the next checkpoint or
    /// merge, and by ``applyRetention()``.
    package var retention: RetentionRule {
        get { currentRetention.withLock { $0 } }
        set { currentRetention.withLock { $0 = newValue } }
    }

    /// Where the next record will begin.
    package var appended: UInt64 { journal.appended }
    /// Everything before this is on disk.
    package var durable: UInt64 { journal.durable }

    /// Writes and syncs what is appended; returns the durable position.
    ///
    /// - Throws: `DiskError`; nothing above the durable position will be served, and everything that
    ///   arrives is deferred until `recover` has succeeded.
    package func commit() throws(DiskError) -> UInt64 { try journal.commit() }

    /// Waits until something is appended that is not durable yet, the journal was told to stop, or
    /// ``wakeCommitter()`` was called.
    ///
    /// - Returns: Whether there is something to commit.
    package func waitForAppend() -> Bool { journal.waitForAppend() }

    /// Lets ``waitForAppend()`` return false once, so that a committer with nothing to do shows that it
    /// is there.
    package func wakeCommitter() { journal.wakeCommitter() }

    /// Visits every shard while all of them are locked.
    ///
    /// `pin` runs when all locks are held: nothing is appended between what it reads and what any visit
    /// sees. Each shard's lock is released after its own visit.
    func withFrozenShards<Pinned: Sendable, E: Error>(
        _ pin: () throws(E) -> Pinned, visit: (Int, inout ShardState, Pinned) -> Void
    ) throws(E) -> Pinned {
        try frozen(from: 0, pin, visit)
    }

    private func frozen<Pinned: Sendable, E: Error>(
        from index: Int, _ pin: () throws(E) -> Pinned,
        _ visit: (Int, inout ShardState, Pinned) -> Void
    ) throws(E) -> Pinned {
        guard index < shards.count else { return try pin() }
        return try shards[index].state.withLock { (state) throws(E) -> Pinned in
            let pinned = try frozen(from: index + 1, pin, visit)
            visit(index, &state, pinned)
            return pinned
        }
    }
}

extension SourceKey {
    /// Which of `count` shards a source lives in.
    func shardIndex(of count: Int) -> Int {
        let mixed = (source.low ^ source.high ^ principal.rawValue)
            .multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int((mixed.high ^ mixed.low) % UInt64(count))
    }
}

extension PrincipalID {
    /// Which of `count` shards a principal's batches are counted in.
    func shardIndex(of count: Int) -> Int { Int(rawValue % UInt64(count)) }
}

/// Sources and their counters, behind one lock.
final class Shard: Sendable {
    let state: Mutex<ShardState>

    init(seed: UInt64, limits: DetailLimits) {
        state = Mutex(ShardState(seed: seed, limits: limits))
    }
}

/// Why the engine could not open, recover or write a checkpoint.
package enum EngineError: Error, Sendable {
    case disk(DiskError)
    case journal(JournalError)
    /// A dedup, id or segment file that counts is damaged or cannot be read.
    case file(SealedFileError)
    case segment(SegmentError)
    /// A journal record with a right checksum that does not mean anything: written by a newer version.
    case record(position: UInt64, FrameError)
    /// The checkpoint's position is not durable yet: wait and finish again.
    case notDurable(position: UInt64, durable: UInt64)
    /// The checkpoint is finished already, or was begun before a recovery and means nothing any more.
    case outlived
    /// An answer would have more groups than the query allows.
    case tooManyGroups(limit: Int)
}
