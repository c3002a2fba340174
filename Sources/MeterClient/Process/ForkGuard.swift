internal import Glibc
internal import Synchronization

/// Keeps emitters usable in the child of a `fork`: holds their locks over it, so that none is left locked
/// by a thread that the child does not have, and counts generations, so that an emitter notices.
///
/// A fork waits until no emitter's thread is in the middle of a turn: there it may hold a lock of the
/// language's runtime, which would stay locked in the child for ever.
@safe
enum ForkGuard {
    /// How many forks lie between this process and the one that made the first emitter.
    static var generation: Int { state.generation.load(ordering: .relaxed) }

    private static let state = State()

    /// Registers an emitter's lock, and the one that its thread holds over each turn; the first call
    /// installs the handlers.
    static func register(
        _ lock: UnsafeMutablePointer<pthread_mutex_t>,
        turn: UnsafeMutablePointer<pthread_mutex_t>
    ) {
        unsafe pthread_mutex_lock(state.registry)
        installHandlers()
        unsafe state.locks.append(lock)
        unsafe state.turns.append(turn)
        unsafe pthread_mutex_unlock(state.registry)
    }

    /// Called with the registry held.
    private static func installHandlers() {
        guard !state.isInstalled else { return }
        state.isInstalled = true
        pthread_atfork(
            { ForkGuard.state.lockAll() },
            { ForkGuard.state.unlockAll() },
            {
                ForkGuard.state.closeAll()
                ForkGuard.state.freeTurns()
                ForkGuard.state.unlockAll()
                ForkGuard.state.generation.add(1, ordering: .relaxed)
            }
        )
    }

    static func unregister(
        _ lock: UnsafeMutablePointer<pthread_mutex_t>,
        turn: UnsafeMutablePointer<pthread_mutex_t>
    ) {
        unsafe pthread_mutex_lock(state.registry)
        unsafe state.locks.removeAll { unsafe $0 == lock }
        unsafe state.turns.removeAll { unsafe $0 == turn }
        unsafe pthread_mutex_unlock(state.registry)
    }

    /// Changes which descriptors every child closes: what they stand for is the parent's alone, and must
    /// end with it. No fork comes in between, so that none is ever opened or closed and not in the list.
    static func withoutForks<Result, Failure: Error>(
        _ body: (inout [CInt]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(state.registry)
        defer { unsafe pthread_mutex_unlock(state.registry) }
        installHandlers()
        return try body(&state.descriptors)
    }

    /// Unchecked: everything but `generation` is touched only while `registry` is held.
    @safe
    private final class State: @unchecked Sendable {
        let generation = Atomic<Int>(0)
        let registry: UnsafeMutablePointer<pthread_mutex_t>
        var locks: [UnsafeMutablePointer<pthread_mutex_t>]
        var turns: [UnsafeMutablePointer<pthread_mutex_t>]
        /// Of the turns, those that this fork holds.
        private var heldTurns: [UnsafeMutablePointer<pthread_mutex_t>]
        var descriptors: [CInt] = []
        var isInstalled = false

        init() {
            unsafe registry = Lock.make()
            unsafe locks = []
            unsafe turns = []
            unsafe heldTurns = []
        }

        /// A turn takes moments, but for one that looks up a host's name.
        private static let patienceMilliseconds: Int64 = 1_000

        func lockAll() {
            let deadline = SystemClock.monotonic() + Self.patienceMilliseconds
            unsafe pthread_mutex_lock(registry)
            // A thread in its turn may wait for the registry: it is let through between two attempts.
            while !lockTurns(), SystemClock.monotonic() < deadline {
                unsafe pthread_mutex_unlock(registry)
                usleep(100)
                unsafe pthread_mutex_lock(registry)
            }
            for index in unsafe locks.indices { unsafe pthread_mutex_lock(locks[index]) }
        }

        /// - Returns: Whether all were free and are held now; otherwise none is.
        private func lockTurns() -> Bool {
            for index in unsafe turns.indices {
                guard unsafe pthread_mutex_trylock(turns[index]) == 0 else {
                    unlockTurns()
                    return false
                }
                unsafe heldTurns.append(turns[index])
            }
            return true
        }

        private func unlockTurns() {
            for index in unsafe heldTurns.indices { unsafe pthread_mutex_unlock(heldTurns[index]) }
            unsafe heldTurns.removeAll(keepingCapacity: true)
        }

        /// In the child, where no turn is under way, whoever held it.
        func freeTurns() {
            unsafe heldTurns.removeAll(keepingCapacity: true)
            for index in unsafe turns.indices { unsafe pthread_mutex_init(turns[index], nil) }
        }

        /// In the child, where their owners never run again.
        func closeAll() {
            for descriptor in descriptors { close(descriptor) }
            descriptors.removeAll(keepingCapacity: true)
        }

        func unlockAll() {
            for index in unsafe locks.indices { unsafe pthread_mutex_unlock(locks[index]) }
            unlockTurns()
            unsafe pthread_mutex_unlock(registry)
        }
    }
}

/// Makes the system's mutexes, which unlike `Mutex` can be held over a fork.
enum Lock {
    static func make() -> UnsafeMutablePointer<pthread_mutex_t> {
        let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(lock, nil)
        return unsafe lock
    }
}
