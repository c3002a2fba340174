internal import MeterDisk
package import MeterWire

/// Everything an emitter decides, without sockets, threads or clocks.
///
/// Payloads, acknowledgements and time come in; frames to send come out of ``poll(now:wall:)``. It has
/// one source at a time; when the server quarantines it, a new one takes the events that follow while the
/// old one is sent to its end.
package struct EmitterState: ~Copyable {
    private let parameters: EmitterParameters
    private var generator: any RandomNumberGenerator & Sendable
    private var current: SourceState
    /// Earlier ones of this process, which are sent to their end.
    private var draining: [SourceState] = []
    /// What dead processes have left in the spool.
    private var adopted: [SourceState] = []
    /// Which way frames go now.
    package private(set) var path: SendPath
    private var batch = EventBatch()
    private var nextOrdinal: UInt64 = 0
    private var onSealedFrame: (@Sendable ([UInt8]) -> Void)?
    private let spool: Spool?
    private let spoolWriting: SpoolOptions.Writing
    /// In which frames of dead processes may be sealed.
    private let keys: [WireProtection]
    private var adoptAt = Int64.min / 2
    /// When the server last answered anything.
    private var answeredAt = Int64.min / 2
    private var adoptedCount: UInt64 = 0
    private var foreignCount: UInt64 = 0
    /// The present source is left in the spool.
    private var isLeft = false
    private var isFinishing = false
    /// Of sources that have ended.
    private var past = EmitterStatistics()

    /// A new source, drawn from `generator`, which also gives the nonces of suite 2.
    package init(
        parameters: EmitterParameters,
        generator: any RandomNumberGenerator & Sendable,
        now: Int64,
        spool: Spool? = nil,
        spoolWriting: SpoolOptions.Writing = .beforeSending,
        otherKeys: [WireKey] = [],
        onSealedFrame: (@Sendable ([UInt8]) -> Void)? = nil
    ) {
        self.spool = spool
        self.spoolWriting = spoolWriting
        keys =
            [parameters.protection]
            + ([parameters.protection.key].compactMap(\.self) + otherKeys)
            .flatMap { [.signed($0), .encrypted($0)] }
        self.parameters = parameters
        var generator = generator
        let source = SourceID(high: generator.next(), low: generator.next())
        self.generator = generator
        self.onSealedFrame = onSealedFrame
        path = SendPath(parameters)
        current = SourceState(
            source: source,
            parameters: parameters,
            way: parameters.way,
            spool: spool.map { SpoolUse($0, writing: spoolWriting) },
            now: now
        )
    }

    /// The source that new events belong to.
    package var source: SourceID { current.source }

    /// Seals payloads in the order of their events.
    ///
    /// - Parameter wall: Milliseconds since 1970, for the claim at the beginning of a spool file.
    package mutating func seal(
        _ payloads: borrowing [PayloadEncoder],
        now: Int64,
        wall: Int64
    ) {
        for index in payloads.indices { seal(payloads[index], now: now, wall: wall) }
    }

    private mutating func seal(_ payload: PayloadEncoder, now: Int64, wall: Int64) {
        guard !payload.isEmpty else { return }
        replaceQuarantinedSource(now: now)
        let bytes = payload.payload()
        let lines = unsafe bytes.withUnsafeBytes { bytes in
            do throws(FrameError) {
                try unsafe batch.decode(
                    payload: bytes,
                    eventCount: payload.eventCount,
                    baseTime: payload.baseTime
                )
            } catch {
                preconditionFailure("the encoder writes what the decoder takes: \(error)")
            }
            return UsageLines(batch)
        }
        batch.removeAll()
        let frame = current.seal(
            payload,
            lines: lines,
            ordinal: nextOrdinal,
            now: now,
            wall: wall,
            using: &generator
        )
        nextOrdinal += 1
        onSealedFrame?(frame)
    }

    /// Counts what was recorded and will never be sealed.
    package mutating func add(_ dropped: Recorder.Dropped) { current.add(dropped) }

    /// At most this many ended sources are sent to their end at once; a source is quarantined only where
    /// a machine was copied.
    private static var drainingCountMax: Int { 8 }

    private mutating func replaceQuarantinedSource(now: Int64) {
        guard current.isQuarantined else { return }
        let next = SourceID(high: generator.next(), low: generator.next())
        var old = SourceState(
            source: next,
            parameters: parameters,
            way: path.way,
            spool: spool.map { SpoolUse($0, writing: spoolWriting) },
            now: now
        )
        swap(&current, &old)
        old.finish()
        draining.append(old)
        if draining.count > Self.drainingCountMax { past.add(draining.removeFirst()) }
    }

    /// How often the spool is looked through for what dead processes have left.
    private static var adoptEveryMilliseconds: Int64 { 10_000 }

    /// Takes over what dead processes have left, one source at a time.
    private mutating func adopt(now: Int64) {
        guard let spool, now >= adoptAt, !isFinishing else { return }
        if adopted.count >= Self.drainingCountMax { makeRoom(in: spool, now: now) }
        guard adopted.count < Self.drainingCountMax else { return }
        guard let (files, names) = spool.takeAbandoned() else { return waitToAdopt(now: now) }
        do throws(DiskError) {
            let found = try SpoolRecovery(
                names,
                of: files.source,
                into: files,
                spool: spool,
                keys: keys
            )
            guard let found else {
                foreignCount += 1
                return
            }
            guard let claim = found.claimToTell else { return files.removeAll() }
            adoptedCount += 1
            adopted.append(
                SourceState(
                    recovered: found,
                    claim,
                    files: files,
                    spool: SpoolUse(spool, writing: .beforeSending),
                    parameters: parameters,
                    way: path.way,
                    now: now
                )
            )
        } catch {
            spool.note(error)
        }
    }

    private mutating func waitToAdopt(now: Int64) {
        let wait = Self.adoptEveryMilliseconds
        adoptAt = now + wait * Int64.random(in: 750...1_250, using: &generator) / 1_000
    }

    /// How long a source that was taken over keeps its place without an answer.
    private static var unansweredMilliseconds: Int64 { 60_000 }

    /// While the server answers, what it does not answer keeps nothing waiting that it might: each source in the
    /// spool has its turn.
    private mutating func makeRoom(in spool: Spool, now: Int64) {
        waitToAdopt(now: now)
        let moment = now - Self.unansweredMilliseconds
        guard answeredAt > moment, adopted.contains(where: { $0.isUnanswered(since: moment) }),
            spool.hasUnknownSources
        else { return }
        for state in adopted where state.isUnanswered(since: moment) {
            spool.giveBack(state.source)
        }
        let count = adopted.count
        adopted.removeAll { $0.isUnanswered(since: moment) }
        adoptedCount -= UInt64(count - adopted.count)
        adoptAt = now
    }
}

// MARK: Sending and receiving

extension EmitterState {
    /// What to send now, and when to ask again unless something comes in before.
    package struct Due {
        /// Sealed frames of events, to go the present way.
        package var frames: [[UInt8]] = []
        /// Sealed claims, to go behind them.
        package var claims: [[UInt8]] = []
        /// One of the frames, to go as a datagram too: whether datagrams get through again.
        package var probe: [UInt8]?
        /// On the clock of `now`.
        package var wake: Int64
    }

    /// Decides which way frames go now. The caller opens what is needed for it
    /// (``SendPath/usesStream(now:)``) and polls when that way is open.
    package mutating func choosePath(now: Int64) {
        if path.choose(now: now, using: &generator) { startOver(now: now) }
    }

    /// Gives out the frames and claims that are due.
    ///
    /// - Parameters:
    ///   - now: Milliseconds of a clock that never goes back.
    ///   - wall: Milliseconds since 1970, for claims.
    package mutating func poll(now: Int64, wall: Int64) -> Due {
        adopt(now: now)
        var due = Due(wake: now + parameters.claimEveryMilliseconds)
        for index in adopted.indices {
            adopted[index].poll(now: now, wall: wall, into: &due, using: &generator)
        }
        for index in draining.indices {
            draining[index].poll(now: now, wall: wall, into: &due, using: &generator)
        }
        current.poll(now: now, wall: wall, into: &due, using: &generator)
        if !due.frames.isEmpty {
            path.sent(now: now)
            due.probe = path.probe(due.frames, now: now, using: &generator)
        }
        due.wake = min(due.wake, path.wake)
        return due
    }

    /// Takes one datagram or one message of the stream. What is not an acknowledgement under our key is
    /// counted and changes nothing.
    package mutating func receive(
        _ bytes: UnsafeRawBufferPointer,
        over way: SendPath.Way,
        now: Int64
    ) {
        guard let acknowledgement = unsafe open(bytes) else {
            past.invalidAcknowledgements += 1
            return
        }
        past.acknowledgements += 1
        answeredAt = now
        var isNews = false
        if acknowledgement.source == current.source {
            isNews = current.apply(acknowledgement, now: now, using: &generator)
        } else if let index = draining.firstIndex(where: { $0.source == acknowledgement.source }) {
            isNews = draining[index].apply(acknowledgement, now: now, using: &generator)
            if draining[index].isFinished {
                draining[index].removeSpool()
                past.add(draining.remove(at: index))
            }
        } else if let index = adopted.firstIndex(where: { $0.source == acknowledgement.source }) {
            isNews = adopted[index].apply(acknowledgement, now: now, using: &generator)
            if adopted[index].isFinished {
                adopted[index].removeSpool()
                adopted.remove(at: index)
            }
        } else {
            return
        }
        if isNews {
            let isWaiting =
                current.isWaiting || draining.contains(where: \.isWaiting)
                || adopted.contains(where: \.isWaiting)
            path.answered(over: way, now: now, isWaiting: isWaiting)
        }
        if path.heard(over: way, now: now) { startOver(now: now) }
    }

    /// A stream was opened: everything not acknowledged goes over it again.
    package mutating func streamOpened(now: Int64) {
        path.streamOpened()
        if path.way == .stream { startOver(now: now) }
    }

    /// The stream is not open, or not any more.
    package mutating func streamClosed(now: Int64) { path.streamClosed(now: now) }

    /// The system has refused a datagram as larger than the network takes.
    package mutating func datagramTooLarge(now: Int64) {
        if path.datagramTooLarge(now: now, using: &generator) { startOver(now: now) }
    }

    private mutating func startOver(now: Int64) {
        current.startOver(path.way, now: now)
        for index in draining.indices { draining[index].startOver(path.way, now: now) }
        for index in adopted.indices { adopted[index].startOver(path.way, now: now) }
    }

    /// Verifies with the present key, or with that of a source that was sealed with another one.
    private func open(_ bytes: UnsafeRawBufferPointer) -> Acknowledgement? {
        var tried: Set<KeyID> = []
        for key in [parameters.protection.key] + adopted.map(\.key) {
            guard tried.insert(key?.id ?? KeyID(rawValue: 0)).inserted else { continue }
            if let opened = try? unsafe Acknowledgement.open(bytes, key: key) { return opened }
        }
        return nil
    }

    /// Takes acknowledgements that came as an array.
    package mutating func receive(
        _ bytes: [UInt8],
        over way: SendPath.Way = .datagrams,
        now: Int64
    ) {
        unsafe bytes.withUnsafeBytes { unsafe receive($0, over: way, now: now) }
    }
}

// MARK: The end

extension EmitterState {
    /// What a flush waits for.
    package struct FlushMark: Sendable {
        let ordinal: UInt64
        let claim: UInt64
        let source: SourceID
    }

    /// Makes a claim now, and a mark that ``isDurable(_:)`` waits for: everything sealed so far.
    package mutating func beginFlush(now: Int64, wall: Int64) -> FlushMark {
        let claim =
            current.isUsed
            ? current.makeClaim(isLast: false, now: now, wall: wall, using: &generator) : 0
        return FlushMark(ordinal: nextOrdinal, claim: claim, source: current.source)
    }

    /// Whether the server has everything up to a mark.
    package func isDurable(_ mark: FlushMark) -> Bool {
        let claim = mark.source == current.source ? mark.claim : 0
        return current.isDurable(before: mark.ordinal, claim: claim)
            && draining.allSatisfy { $0.isDurable(before: mark.ordinal, claim: 0) }
    }

    /// No more events will come: last claims are sent when everything is durable.
    package mutating func finish() {
        isFinishing = true
        current.finish()
        for index in draining.indices { draining[index].finish() }
    }

    /// Leaves what is not durable in the spool, for the next process; what the spool does not have is given
    /// up, and last claims name it.
    package mutating func leaveOrGiveUp(now: Int64, wall: Int64) {
        // Their files are as they were; the rights to them go with the values.
        adopted = []
        if !current.isFinished {
            isLeft = current.leaveInSpool(now: now, wall: wall, using: &generator)
            if !isLeft { current.giveUp() }
        }
        var kept: [SourceState] = []
        for var state in draining {
            if state.leaveInSpool(now: now, wall: wall, using: &generator) {
                past.add(state)
            } else {
                state.giveUp()
                kept.append(state)
            }
        }
        draining = kept
    }

    /// True after ``finish()`` when the last claims are durable, or what is not is left in the spool.
    ///
    /// Sources of dead processes are waited for only where the server answers them: what it does not take,
    /// of a key that was revoked for instance, would hold up the end of every process after.
    package var isFinished: Bool { isOwnFinished && !adopted.contains(where: \.isAnswered) }

    /// The same of the sources of this process alone.
    package var isOwnFinished: Bool {
        (isLeft || current.isFinished) && draining.allSatisfy(\.isFinished)
    }

    /// Removes what the spool has of sources that are at their end; the last call.
    package mutating func close() {
        if current.isFinished { current.removeSpool() }
        for index in draining.indices where draining[index].isFinished {
            draining[index].removeSpool()
        }
    }

    /// Bytes of sealed frames that are not durable, wherever they lie.
    package var outstandingByteCount: Int {
        draining.reduce(current.outstandingByteCount) { $0 + $1.outstandingByteCount }
    }

    /// How much of a bound of memory is taken; all of it while the spool is full.
    package func occupied(of byteCountMax: Int) -> Int {
        let sources = [current] + draining + adopted
        let memory = sources.reduce(0) { $0 + $1.memoryByteCount }
        guard let spool, current.isSpooling else { return memory }
        return max(memory, byteCountMax - spool.remainingByteCount)
    }

    /// Figures of all sources; what only the recorder knows is 0.
    package var statistics: EmitterStatistics {
        var statistics = past
        for state in draining { statistics.add(state) }
        statistics.add(current)
        statistics.source = current.source
        statistics.sourceCount = past.sourceCount + UInt64(draining.count) + 1
        statistics.outstandingBytes = UInt64(outstandingByteCount)
        if let spool {
            statistics.spoolBytes = UInt64(spool.byteCount)
            statistics.spoolFailures = spool.failureCount
            statistics.damagedSpoolFiles = spool.damagedFileCount
            statistics.lastSpoolFailure = spool.lastFailure.map { "\($0)" }
        }
        statistics.adoptedSources = adoptedCount
        statistics.foreignSources = foreignCount
        statistics.adoptedOutstanding = adopted.reduce(0) { $0 + $1.outstandingEventCount }
        statistics.fallBacks = path.fallBackCount
        statistics.isFallenBack = path.fallBackCount > 0 && path.way == .stream
        return statistics
    }
}

extension EmitterStatistics {
    mutating func add(_ state: SourceState) {
        sourceCount += 1
        sealed += state.nextSequence
        durable += state.durableEventCount
        outstanding += state.outstandingEventCount
        framesSent += state.framesSent
        framesResent += state.framesResent
        bytesSent += state.bytesSent
        claimsSent += state.claimsSent
        accepted += state.serverCounters.accepted
        behind += state.serverCounters.behind
        duplicate += state.serverCounters.duplicate + state.serverCounters.unverifiedDuplicate
        inConflict += state.serverCounters.inConflict
        refused += state.serverCounters.refused.reduce(0) { $0 + $1.count }
    }
}
