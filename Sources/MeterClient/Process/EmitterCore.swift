internal import Glibc
internal import MeterWire

/// What the callers of `record` and the emitter's thread share, behind one lock held for moments.
///
/// Unchecked: every stored property that changes is touched only while `lock` is held.
@safe
final class EmitterCore: @unchecked Sendable {
    let options: EmitterOptions
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    /// Held by the thread but while it waits, so that a fork finds it waiting.
    private let turn: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var recorder: Recorder
    private var generation: Int
    private var isRunning = false
    private var statistics = EmitterStatistics()
    /// The pipe that wakes the thread: read and write end.
    private var wakeRead: CInt = -1
    private var wakeWrite: CInt = -1

    private var flushesWanted: UInt64 = 0
    private var flushesDone: UInt64 = 0
    private var isClosing = false
    private var giveUpAt: Int64 = .max
    private var isClosed = false
    private var gaveUp = false

    init(_ options: EmitterOptions) {
        self.options = options
        unsafe lock = Lock.make()
        unsafe turn = Lock.make()
        recorder = Recorder(
            payloadByteCount: options.parameters.payloadByteCount,
            byteCountMax: options.memoryByteCountMax
        )
        unsafe changed = .allocate(capacity: 1)
        unsafe changed.initialize(to: pthread_cond_t())
        generation = ForkGuard.generation
        makeCondition()
        unsafe ForkGuard.register(lock, turn: turn)
        withLock { start() }
    }

    deinit {
        unsafe ForkGuard.unregister(lock, turn: turn)
        closePipe()
        unsafe pthread_cond_destroy(changed)
        unsafe changed.deallocate()
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
        unsafe pthread_mutex_destroy(turn)
        unsafe turn.deallocate()
    }

    private func makeCondition() {
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(changed, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return body()
    }

    // MARK: Callers

    func record(_ event: UsageEvent) {
        unsafe pthread_mutex_lock(lock)
        if generation != ForkGuard.generation { startAgainAfterFork() }
        var wake: CInt = -1
        if isClosing {
            recorder.refuse()
        } else if recorder.record(event) {
            wake = wakeWrite
        }
        unsafe pthread_mutex_unlock(lock)
        if wake >= 0 { Self.ring(wake) }
    }

    func currentStatistics() -> EmitterStatistics {
        withLock {
            var now = statistics
            now.recorded = recorder.recordedCount
            now.dropped = recorder.droppedCount
            now.invalid = recorder.invalidCount
            now.lastDefect = recorder.lastDefect
            return now
        }
    }

    func flush(milliseconds: Int64) -> Bool {
        let deadline = SystemClock.monotonic() + milliseconds
        return withLock {
            if generation != ForkGuard.generation { startAgainAfterFork() }
            if isClosed { return true }
            flushesWanted += 1
            let wanted = flushesWanted
            Self.ring(wakeWrite)
            return wait(until: deadline) { flushesDone >= wanted || isClosed }
                && flushesDone >= wanted
        }
    }

    /// Waits for everything to be durable and the last claim with it; what is not at the deadline is given
    /// up and named in the last claim, for which as long again is allowed, at most a second.
    func close(milliseconds: Int64) -> Bool {
        let deadline = SystemClock.monotonic() + milliseconds
        return withLock {
            if generation != ForkGuard.generation { startAgainAfterFork() }
            guard isRunning else { return true }
            isClosing = true
            giveUpAt = min(giveUpAt, deadline)
            Self.ring(wakeWrite)
            _ = wait(until: deadline + min(1_000, milliseconds) + 200) { isClosed }
            return isClosed && statistics.outstanding == 0 && !gaveUp
        }
    }

    /// Begins to close without waiting for it.
    func abandon() {
        withLock {
            isClosing = true
            giveUpAt = min(giveUpAt, SystemClock.monotonic() + 5_000)
            Self.ring(wakeWrite)
        }
    }

    /// Called with the lock held.
    private func wait(until deadline: Int64, _ condition: () -> Bool) -> Bool {
        while !condition() {
            let now = SystemClock.monotonic()
            if now >= deadline { return condition() }
            var time = timespec(
                tv_sec: Int(deadline / 1_000),
                tv_nsec: Int(deadline % 1_000) * 1_000_000
            )
            unsafe pthread_cond_timedwait(changed, lock, &time)
        }
        return true
    }

    // MARK: The thread

    func enterTurn() { unsafe pthread_mutex_lock(turn) }

    func leaveTurn() { unsafe pthread_mutex_unlock(turn) }

    /// What the thread takes with it for one turn.
    struct Turn {
        var payloads: [PayloadEncoder]
        var dropped: Recorder.Dropped?
        var flushesWanted: UInt64
        var isClosing: Bool
        var giveUpAt: Int64
        var hasPartialPayload: Bool
        var generation: Int
    }

    /// Called by the thread once in each turn. `partial` asks for the payload that is being filled.
    func beginTurn(
        partial: Bool,
        statistics: EmitterStatistics,
        outstandingByteCount: Int,
        spare: [PayloadEncoder],
        flushesSealed: UInt64
    ) -> Turn {
        withLock {
            recorder.giveBack(spare)
            self.statistics = statistics
            let takesAll = partial || isClosing || flushesWanted > flushesSealed
            return Turn(
                payloads: recorder.take(
                    partial: takesAll,
                    outstandingByteCount: outstandingByteCount
                ),
                dropped: recorder.takeDropped(),
                flushesWanted: flushesWanted,
                isClosing: isClosing,
                giveUpAt: giveUpAt,
                hasPartialPayload: recorder.hasPartialPayload,
                generation: generation
            )
        }
    }

    /// Called by the thread when flushes have come to their end.
    func finishedFlushes(_ count: UInt64, statistics: EmitterStatistics) {
        withLock {
            flushesDone = max(flushesDone, count)
            self.statistics = statistics
            unsafe pthread_cond_broadcast(changed)
        }
    }

    /// Called by the thread as its last act.
    func finished(statistics: EmitterStatistics, gaveUp: Bool) {
        withLock {
            self.statistics = statistics
            self.gaveUp = gaveUp
            isClosed = true
            isRunning = false
            unsafe pthread_cond_broadcast(changed)
        }
    }

    // MARK: Starting

    /// Called with the lock held.
    private func start() {
        var ends: [CInt] = [-1, -1]
        if unsafe pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            }
        }
        wakeRead = ends[0]
        wakeWrite = ends[1]
        isRunning = EmitterThread.start(core: self, wake: wakeRead)
    }

    /// In the child of a fork the thread is gone and what was recorded is the parent's to send. Called
    /// with the lock held.
    private func startAgainAfterFork() {
        generation = ForkGuard.generation
        recorder.reset()
        statistics = EmitterStatistics()
        flushesWanted = 0
        flushesDone = 0
        isClosing = false
        isClosed = false
        gaveUp = false
        giveUpAt = .max
        closePipe()
        makeCondition()
        start()
    }

    private func closePipe() {
        if wakeRead >= 0 { Glibc.close(wakeRead) }
        if wakeWrite >= 0 { Glibc.close(wakeWrite) }
    }

    private static func ring(_ descriptor: CInt) {
        var byte: UInt8 = 1
        _ = unsafe write(descriptor, &byte, 1)
    }
}
