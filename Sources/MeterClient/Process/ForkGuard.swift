internal import Glibc
internal import Synchronization

/// Keeps emitters usable in the child of a `fork`: holds their locks over it, so that none is left locked
/// by a thread that the child does not have, and counts generations, so that an emitter notices.
@safe
enum ForkGuard {
    /// How many forks lie between this process and the one that made the first emitter.
    static var generation: Int { state.generation.load(ordering: .relaxed) }

    private static let state = State()

    /// Registers an emitter's lock; the first call installs the handlers.
    static func register(_ lock: UnsafeMutablePointer<pthread_mutex_t>) {
        unsafe pthread_mutex_lock(state.registry)
        installHandlers()
        unsafe state.locks.append(lock)
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
                ForkGuard.state.unlockAll()
                ForkGuard.state.generation.add(1, ordering: .relaxed)
            }
        )
    }

    static func unregister(_ lock: UnsafeMutablePointer<pthread_mutex_t>) {
        unsafe pthread_mutex_lock(state.registry)
        unsafe state.locks.removeAll { unsafe $0 == lock }
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

    /// Unchecked: `locks`, `descriptors` and `isInstalled` are touched only while `registry` is held.
    @safe
    private final class State: @unchecked Sendable {
        let generation = Atomic<Int>(0)
        let registry: UnsafeMutablePointer<pthread_mutex_t>
        var locks: [UnsafeMutablePointer<pthread_mutex_t>]
        var descriptors: [CInt] = []
        var isInstalled = false

        init() {
            unsafe registry = Lock.make()
            unsafe locks = []
        }

        func lockAll() {
            unsafe pthread_mutex_lock(registry)
            for index in unsafe locks.indices { unsafe pthread_mutex_lock(locks[index]) }
        }

        /// In the child, where their owners never run again.
        func closeAll() {
            for descriptor in descriptors { close(descriptor) }
            descriptors.removeAll(keepingCapacity: true)
        }

        func unlockAll() {
            for index in unsafe locks.indices { unsafe pthread_mutex_unlock(locks[index]) }
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
