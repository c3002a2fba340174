internal import MeterWire
internal import Synchronization

/// What opening or recovering the engine found.
package struct RecoverySummary: Sendable {
    /// Where the state was taken from; what came after was replayed.
    package internal(set) var checkpoint: UInt64 = 0
    package internal(set) var durable: UInt64 = 0
    package internal(set) var segmentCount = 0
    package internal(set) var sourceCount = 0
    package internal(set) var recordCount: UInt64 = 0
    /// The last run was not stopped gracefully.
    package internal(set) var wasUnclean = false
    /// Damage that was found and named; good data around it is served.
    package internal(set) var damage: [String] = []
    /// Details that are lost or cannot be read, in words; usage is not touched by that.
    package internal(set) var missingDetails: [String] = []
    /// A commit that never finished, kept aside.
    package internal(set) var tornTail: String?
    package internal(set) var removedFiles: [String] = []
}

extension Engine {
    /// Opens the engine on a directory: checkpoint, then the journal's records after it, by their stored
    /// verdicts. Returns when the state is complete and everything it rests on was read and verified.
    ///
    /// - Parameters:
    ///   - policy: Rules for what arrives from now on; replay asks none.
    ///   - random: For file ids and the seed of hash tables.
    /// - Throws: `EngineError`; the directory is as it was, but for files that were kept aside.
    package static func open(
        disk: any Disk, policy: AdmissionPolicy, options: EngineOptions = EngineOptions(),
        random: inout some RandomNumberGenerator
    ) throws(EngineError) -> (Engine, RecoverySummary) {
        let seed: UInt64 = random.next()
        var rebuilding = try Rebuilding(disk: disk, options: options, seed: seed)
        var replayed = Replaying(options: options)
        let journal: Journal
        let found: JournalRecovery
        do throws(ReplayError<EngineError>) {
            (journal, found) = try Journal.open(
                disk: disk, from: rebuilding.checkpoint, options: options.journal, random: &random
            ) { (record) throws(EngineError) in try replayed.apply(record, to: &rebuilding) }
        } catch {
            throw EngineError(error)
        }
        let summary = try rebuilding.summary(journal: journal, found: found)
        let engine = Engine(
            disk: disk, journal: journal, shards: rebuilding.shards,
            identifiers: rebuilding.identifiers,
            generation: rebuilding.generation, policy: policy, options: options, seed: seed)
        engine.adopt(rebuilding.segments)
        engine.findKeptIndexes()
        for shard in engine.shards { shard.state.withLock { engine.held.add($0.live.held) } }
        return (engine, summary)
    }

    /// After a failed commit: gives up everything above the durable position, begins a new journal file
    /// and rebuilds the state from checkpoint and journal.
    ///
    /// Arriving frames are deferred until it has succeeded; queries begun before it are asked again. Does
    /// nothing if the journal has not failed: what is appended then is still on its way.
    ///
    /// - Throws: `EngineError`; nothing has changed and it can be tried again, when there is space.
    package func recover() throws(EngineError) -> RecoverySummary {
        try maintenance.withLock { _ throws(EngineError) in try rebuild() }
    }

    private func rebuild() throws(EngineError) -> RecoverySummary {
        guard journal.failure != nil else { return presentSummary() }
        var rebuilding = try Rebuilding(disk: disk, options: options, seed: seed)
        var replayed = Replaying(options: options)
        let reading: JournalReading
        do throws(ReplayError<EngineError>) {
            reading = try journal.replay(from: rebuilding.checkpoint) {
                (record) throws(EngineError) in
                try replayed.apply(record, to: &rebuilding)
            }
        } catch {
            throw EngineError(error)
        }
        var failure: DiskError?
        let rebuilt = rebuilding.shards
        _ = withFrozenShards { () -> Bool in
            // The journal takes records again from here on; every shard is still locked.
            do throws(DiskError) { try journal.restart() } catch {
                failure = error
                return false
            }
            epoch.add(1, ordering: .acquiringAndReleasing)
            held.reset()
            identifiers.withLock { $0 = rebuilding.identifiers }
            generation.withLock { $0 = rebuilding.generation }
            return true
        } visit: { index, state, hasRestarted in
            guard hasRestarted else { return }
            rebuilt[index].state.withLock { replacement in
                swap(&state, &replacement)
                state.takeOverCounts(from: replacement)
            }
            held.add(state.live.held)
        }
        if let failure { throw .disk(failure) }
        adopt(rebuilding.segments)
        var summary = rebuilding.summary()
        summary.durable = durable
        summary.recordCount = reading.recordCount
        summary.damage = reading.damaged.map(\.description)
        return summary
    }

    private func presentSummary() -> RecoverySummary {
        var summary = RecoverySummary()
        let present = generation.withLock { $0 }
        summary.checkpoint = present.checkpoint
        summary.segmentCount = present.segments.count
        summary.missingDetails = present.missingDetails().map(\.description)
        summary.durable = durable
        summary.sourceCount = shards.reduce(0) { $0 + $1.state.withLock { $0.sources.count } }
        return summary
    }

    /// Takes over what stands beside the shards: the names that tenants have used.
    private func adopt(_ segments: [Segment]) {
        for segment in segments { registry.add(segment.series, segment.components) }
        for shard in shards {
            shard.state.withLock { state in
                registry.add(state.live.names.seriesNames, state.live.names.componentNames)
            }
        }
    }
}

extension EngineError {
    init(_ error: ReplayError<EngineError>) {
        switch error {
        case .journal(let error): self = .journal(error)
        case .body(let error): self = error
        }
    }
}

/// A state that is being put together from files, apart from the one in use.
struct Rebuilding {
    let checkpoint: UInt64
    let shards: [Shard]
    let segments: [Segment]
    private var details: [DetailsFile] = []
    private var damagedDetails: [String: String] = [:]
    var identifiers: IdentifierIndex
    private let disk: any Disk
    private let live: LiveFiles

    /// Reads the checkpoint's files.
    init(disk: any Disk, options: EngineOptions, seed: UInt64) throws(EngineError) {
        self.disk = disk
        do throws(DiskError) { live = LiveFiles.find(try disk.list()) } catch { throw .disk(error) }
        checkpoint = live.checkpoint
        shards = (0..<options.shardCount).map { _ in
            Shard(seed: seed, limits: options.detailLimits)
        }
        do throws(SegmentError) {
            var opened: [Segment] = []
            for file in live.segments { opened.append(try Segment.open(file.name, on: disk)) }
            segments = opened
        } catch { throw .segment(error) }
        do throws(SealedFileError) {
            var opened: [IdentifierFile] = []
            for file in live.identifiers {
                opened.append(try IdentifierFile.open(file.name, on: disk))
            }
            identifiers = IdentifierIndex(files: opened)
        } catch { throw .file(error) }
        for file in live.details {
            do throws(SealedFileError) {
                details.append(try DetailsFile.open(file.name, on: disk))
            } catch {
                // Nothing that is billed rests on details: the rest is served without them.
                damagedDetails[file.name] = error.description
            }
        }
        if let dedup = live.dedup { try readSources(dedup.name) }
    }

    var generation: Generation {
        Generation(
            checkpoint: checkpoint, segments: segments, details: details,
            damagedDetails: damagedDetails)
    }

    private func readSources(_ name: String) throws(EngineError) {
        let file: SealedFile
        var pieces: [[UInt8]] = []
        do throws(SealedFileError) {
            file = try SealedFile.open(name, on: disk)
            for index in 0..<file.pieceCount { pieces.append(try file.piece(index)) }
        } catch { throw .file(error) }
        do throws(FrameError) {
            for piece in pieces {
                for source in try SourceCoding.decode(piece) {
                    let index = source.key.shardIndex(of: shards.count)
                    shards[index].state.withLock { $0.restore(source) }
                }
            }
        } catch { throw .record(position: checkpoint, error) }
    }

    func summary() -> RecoverySummary {
        var summary = RecoverySummary()
        summary.checkpoint = checkpoint
        summary.segmentCount = segments.count
        summary.missingDetails = generation.missingDetails().map(\.description)
        summary.sourceCount = shards.reduce(0) { $0 + $1.state.withLock { $0.sources.count } }
        return summary
    }

    /// Also removes what an interrupted checkpoint left, now that the journal is known to go on from here.
    func summary(
        journal: Journal, found: JournalRecovery
    ) throws(EngineError) -> RecoverySummary {
        var summary = summary()
        summary.durable = journal.durable
        summary.recordCount = found.recordCount
        summary.wasUnclean = found.wasUnclean
        summary.damage = found.damaged.map(\.description)
        summary.tornTail = found.tornTail?.description
        let goesOn = found.damaged.isEmpty
        summary.removedFiles = live.superseded + live.temporary + (goesOn ? live.unfinished : [])
        do throws(DiskError) {
            for name in summary.removedFiles { try disk.remove(name) }
            if !summary.removedFiles.isEmpty { try disk.syncDirectory() }
        } catch { throw .disk(error) }
        return summary
    }
}

/// Applies journal records to a state by the verdicts that they hold.
struct Replaying: ~Copyable {
    private let options: EngineOptions
    private var reader = AdmittedRecordReader()
    private var found = BatchNames()

    init(options: EngineOptions) { self.options = options }

    mutating func apply(
        _ journalled: JournalRecord, to rebuilding: inout Rebuilding
    ) throws(EngineError) {
        let admitted: AdmittedRecord
        do throws(FrameError) { admitted = try reader.read(journalled) } catch {
            throw .record(position: journalled.position, error)
        }
        let end = journalled.end
        switch admitted {
        case .claim(let record, let claim):
            Self.change(record, rebuilding.shards, end: end) { state in
                state.apply(record, claim, end: end)
            }
        case .frame(let record, isWellFormed: true):
            Self.change(record, rebuilding.shards, end: end) { state in
                found.find(reader.batch, in: state.live.names)
                _ = state.apply(record, reader.batch, &found, end: end, options: options)
            }
        case .frame(let record, isWellFormed: false):
            Self.change(record, rebuilding.shards, end: end) { state in
                state.applyMalformed(record, end: end)
            }
        case .batch(let record):
            let shard = rebuilding.shards[record.principal.shardIndex(of: rebuilding.shards.count)]
            shard.state.withLock { state in
                found.find(reader.batch, in: state.live.names)
                _ = state.apply(record, reader.batch, &found, options: options)
            }
            rebuilding.identifiers.insert(acceptedIn: record)
        }
    }

    /// Changes the state of a frame's source, and settles it: what is replayed is durable.
    private static func change(
        _ record: FrameRecord, _ shards: [Shard], end: UInt64, _ body: (inout ShardState) -> Void
    ) {
        let key = SourceKey(principal: record.principal, source: record.header.source)
        shards[key.shardIndex(of: shards.count)].state.withLock { state in
            body(&state)
            state.settle(key, durablePosition: end)
        }
    }
}
