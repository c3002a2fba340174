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
    private var draining: [SourceState] = []
    /// Which way frames go now.
    package private(set) var path: SendPath
    private var batch = EventBatch()
    private var nextOrdinal: UInt64 = 0
    private var onSealedFrame: (@Sendable ([UInt8]) -> Void)?
    /// Of sources that have ended.
    private var past = EmitterStatistics()

    /// A new source, drawn from `generator`, which also gives the nonces of suite 2.
    package init(
        parameters: EmitterParameters,
        generator: any RandomNumberGenerator & Sendable,
        now: Int64,
        onSealedFrame: (@Sendable ([UInt8]) -> Void)? = nil
    ) {
        self.parameters = parameters
        var generator = generator
        let source = SourceID(high: generator.next(), low: generator.next())
        self.generator = generator
        self.onSealedFrame = onSealedFrame
        path = SendPath(parameters)
        current = SourceState(
            source: source, parameters: parameters, way: parameters.way, now: now)
    }

    /// The source that new events belong to.
    package var source: SourceID { current.source }

    /// Seals payloads in the order of their events.
    package mutating func seal(_ payloads: borrowing [PayloadEncoder], now: Int64) {
        for index in payloads.indices { seal(payloads[index], now: now) }
    }

    private mutating func seal(_ payload: PayloadEncoder, now: Int64) {
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
        let frame = current.seal(payload, lines: lines, ordinal: nextOrdinal, using: &generator)
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
        var old = SourceState(source: next, parameters: parameters, way: path.way, now: now)
        swap(&current, &old)
        old.finish()
        draining.append(old)
        if draining.count > Self.drainingCountMax { past.add(draining.removeFirst()) }
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
        var due = Due(wake: now + parameters.claimEveryMilliseconds)
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
        let acknowledgement: Acknowledgement
        do throws(FrameError) {
            acknowledgement = try unsafe Acknowledgement.open(bytes, key: parameters.protection.key)
        } catch {
            past.invalidAcknowledgements += 1
            return
        }
        past.acknowledgements += 1
        var isNews = false
        if acknowledgement.source == current.source {
            isNews = current.apply(acknowledgement, now: now, using: &generator)
        } else if let index = draining.firstIndex(where: { $0.source == acknowledgement.source }) {
            isNews = draining[index].apply(acknowledgement, now: now, using: &generator)
            if draining[index].isFinished { past.add(draining.remove(at: index)) }
        } else {
            return
        }
        if isNews {
            let isWaiting = current.isWaiting || draining.contains(where: \.isWaiting)
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
        current.finish()
        for index in draining.indices { draining[index].finish() }
    }

    /// Gives up what is not durable; the last claims name it.
    package mutating func giveUp() {
        current.giveUp()
        for index in draining.indices { draining[index].giveUp() }
    }

    /// True after ``finish()`` when the last claims are durable.
    package var isFinished: Bool { current.isFinished && draining.allSatisfy(\.isFinished) }

    /// Bytes of sealed frames that are not durable.
    package var outstandingByteCount: Int {
        draining.reduce(current.outstandingByteCount) { $0 + $1.outstandingByteCount }
    }

    /// Figures of all sources; what only the recorder knows is 0.
    package var statistics: EmitterStatistics {
        var statistics = past
        for state in draining { statistics.add(state) }
        statistics.add(current)
        statistics.source = current.source
        statistics.sourceCount = past.sourceCount + UInt64(draining.count) + 1
        statistics.outstandingBytes = UInt64(outstandingByteCount)
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
