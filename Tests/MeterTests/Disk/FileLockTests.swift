import Glibc
import Meter
import MeterTesting
import Synchronization
import Testing

@Suite struct FileLockTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a lock that is held is refused, naming its process, and free when it is let go`()
        throws
    {
        let path = directory.path + "/a.lock"
        do {
            let lock = try FileLock(path: path)
            let refusal = DiskError(.lock, file: path, .locked(byProcess: getpid()))
            #expect(throws: refusal) { try FileLock(path: path) }
            withExtendedLifetime(lock) {}
        }
        _ = try FileLock(path: path)
    }

    /// Whoever waits for a lock may open its file just before the holder removes it: the lock of a file
    /// that no longer has a name keeps nobody out.
    @Test func `holders that remove the file are never two at once`() async {
        let path = directory.path + "/b.lock"
        let holders = Holders()
        let takenCount = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var taken = 0
                    for _ in 0..<3_000 {
                        guard let lock = try? FileLock(path: path) else { continue }
                        taken += 1
                        holders.enterAndLeave()
                        _ = unsafe unlink(path)
                        withExtendedLifetime(lock) {}
                    }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(takenCount > 100)
        #expect(holders.most == 1)
    }

    private final class Holders: Sendable {
        private let now = Atomic<Int>(0)
        private let mostAtOnce = Atomic<Int>(0)

        var most: Int { mostAtOnce.load(ordering: .relaxed) }

        func enterAndLeave() {
            let count = now.add(1, ordering: .relaxed).newValue
            mostAtOnce.max(count, ordering: .relaxed)
            sched_yield()
            now.subtract(1, ordering: .relaxed)
        }
    }
}
