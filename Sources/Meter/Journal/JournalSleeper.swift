internal import Glibc

/// Where the committer sleeps while there is nothing to commit.
///
/// `@unchecked Sendable`: a POSIX semaphore is made to be used by several threads, and it stays at one
/// address for its whole life.
@safe
final class JournalSleeper: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Returns after one `wake`, which may have come before.
    func sleep() {
        while unsafe sem_wait(semaphore) != 0 && errno == EINTR {}
    }

    func wake() { unsafe sem_post(semaphore) }
}
