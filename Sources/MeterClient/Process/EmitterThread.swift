internal import Glibc
internal import MeterDisk
internal import MeterWire

/// The emitter's one thread: carries payloads from the recorder to the state machine, and frames and
/// acknowledgements between that and the socket.
enum EmitterThread {
    /// False if the system gives no thread; the emitter then only drops.
    static func start(core: EmitterCore, wake: CInt) -> Bool {
        let start = unsafe Unmanaged.passRetained(Start(core: core, wake: wake))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                let core = start.core
                core.enterTurn()
                var loop = EmitterLoop(core, wake: start.wake)
                loop.run()
                core.leaveTurn()
                return nil
            },
            start.toOpaque()
        )
        guard status == 0 else {
            unsafe start.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private final class Start {
        let core: EmitterCore
        let wake: CInt

        init(core: EmitterCore, wake: CInt) {
            self.core = core
            self.wake = wake
        }
    }
}

/// One turn after the other until the emitter is closed.
private struct EmitterLoop: ~Copyable {
    private let core: EmitterCore
    private let options: EmitterOptions
    /// The way of the endpoint, and the one to fall back to.
    private let links: [Link]
    private let wake: CInt
    private var state: EmitterState
    /// Why there is no spool although one was asked for.
    private let spoolRefusal: String?
    private var connections: UInt64 = 0
    private var spare: [PayloadEncoder] = []
    private var partialSince: Int64?
    private var flushesSealed: UInt64 = 0
    private var flush: (count: UInt64, mark: EmitterState.FlushMark)?
    private var isFinishing = false
    private var gaveUp = false
    private var lastChance: Int64 = .max

    init(_ core: EmitterCore, wake: CInt) {
        self.core = core
        self.wake = wake
        options = core.options
        links = [core.options.endpoint, core.options.streamToFallBackTo].compactMap { endpoint in
            endpoint.map { Link($0) }
        }
        let spool = Self.spool(core.options.spool)
        state = EmitterState(
            parameters: core.options.parameters,
            generator: SystemRandomNumberGenerator(),
            now: SystemClock.monotonic(),
            spool: spool.spool,
            spoolWriting: core.options.spool?.writing ?? .beforeSending,
            otherKeys: core.options.spool?.otherKeys ?? [],
            onSealedFrame: core.options.onSealedFrame
        )
        spoolRefusal = spool.refusal
    }

    /// The spool that the options ask for; where its directory cannot be had, why.
    private static func spool(_ options: SpoolOptions?) -> (spool: Spool?, refusal: String?) {
        guard let options else { return (nil, nil) }
        do throws(DiskError) {
            let directory = try POSIXSpoolDirectory(path: options.path)
            let spool = Spool(
                directory,
                bootID: BootID.read(),
                byteCountMax: options.byteCountMax,
                isSynced: options.isSynced
            )
            return (spool, nil)
        } catch {
            return (nil, "\(error)")
        }
    }

    private var statistics: EmitterStatistics {
        var statistics = state.statistics
        statistics.connections = connections
        if let spoolRefusal {
            statistics.spoolFailures = 1
            statistics.lastSpoolFailure = spoolRefusal
        }
        return statistics
    }

    mutating func run() {
        while true {
            let now = SystemClock.monotonic()
            takePayloads(now: now)
            let wakeAt = exchange(now: now)
            finishFlush()
            if isFinishing, state.isFinished || SystemClock.monotonic() >= lastChance { break }
            Link.wait(
                links, milliseconds: wakeAt - SystemClock.monotonic(), wake: wake, between: core)
            drainWake()
        }
        state.close()
        core.finished(statistics: statistics, gaveUp: gaveUp || !state.isOwnFinished)
    }

    private mutating func takePayloads(now: Int64) {
        let isAged = partialSince.map { now - $0 >= options.sealAfterMilliseconds } ?? false
        let turn = core.beginTurn(
            partial: isAged,
            statistics: statistics,
            outstandingByteCount: state.occupied(of: options.memoryByteCountMax),
            spare: spare,
            flushesSealed: flushesSealed
        )
        if isAged || !turn.hasPartialPayload { partialSince = nil }
        if turn.hasPartialPayload, partialSince == nil { partialSince = now }
        if let dropped = turn.dropped { state.add(dropped) }
        state.seal(turn.payloads, now: now, wall: wall())
        spare = turn.payloads
        if turn.flushesWanted > flushesSealed {
            flushesSealed = turn.flushesWanted
            flush = (flushesSealed, state.beginFlush(now: now, wall: wall()))
        }
        if turn.isClosing, !isFinishing {
            isFinishing = true
            state.finish()
        }
        if isFinishing, now >= turn.giveUpAt, lastChance == .max {
            gaveUp = !state.isOwnFinished
            state.leaveOrGiveUp(now: now, wall: wall())
            lastChance = now + 1_000
        }
    }

    /// Sends what is due and takes what has come. Returns when to turn again.
    private mutating func exchange(now: Int64) -> Int64 {
        state.choosePath(now: now)
        var wakeAt = now + options.sealAfterMilliseconds
        for link in links {
            openOrClose(link, now: now)
            let way = link.way
            unsafe link.receive(now: now) { unsafe state.receive($0, over: way, now: now) }
            if let openAt = link.openAt, openAt > now { wakeAt = min(wakeAt, openAt) }
        }
        // What came in may have changed the way.
        if let link = links.first(where: { $0.way == state.path.way }), link.isOpen,
            !link.isCongested
        {
            let due = state.poll(now: now, wall: wall())
            var isTooLarge = false
            for frame in due.frames where !link.send(frame) { isTooLarge = true }
            for claim in due.claims { link.send(claim) }
            if let probe = due.probe { links.first { $0.way == .datagrams }?.send(probe) }
            if isTooLarge { state.datagramTooLarge(now: now) }
            wakeAt = min(wakeAt, due.wake)
        }
        for link in links { link.flush(now: now) }
        return max(wakeAt, now + 1)
    }

    private mutating func openOrClose(_ link: Link, now: Int64) {
        guard link.way == .stream else {
            _ = link.open(now: now)
            return
        }
        guard state.path.usesStream(now: now) else { return link.close() }
        if link.open(now: now) {
            connections += 1
            state.streamOpened(now: now)
        }
        if !link.isOpen { state.streamClosed(now: now) }
    }

    private mutating func finishFlush() {
        guard let (count, mark) = flush, state.isDurable(mark) else { return }
        flush = nil
        core.finishedFlushes(count, statistics: statistics)
    }

    private func wall() -> Int64 { options.clock().milliseconds }

    private func drainWake() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while unsafe read(wake, &bytes, bytes.count) == bytes.count {}
    }
}
