internal import Glibc

/// A named thread that runs one function and can be waited for.
final class WorkerThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let identifier: pthread_t

    /// Starts the thread.
    ///
    /// - Parameter name: At most 15 bytes, as `ps -L` and `perf` show it.
    init(_ name: String, _ run: @escaping @Sendable () -> Void) throws(SystemCallError) {
        var started = pthread_t()
        let body = unsafe Unmanaged.passRetained(
            Body {
                Self.setName(name)
                run()
            }
        )
        let result = unsafe pthread_create(
            &started,
            nil,
            { pointer in
                guard let pointer = unsafe pointer else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            },
            body.toOpaque()
        )
        guard result == 0 else {
            unsafe body.release()
            throw SystemCallError("pthread_create", result)
        }
        identifier = started
    }

    private static func setName(_ name: String) {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // A thread without a name works as well.
        _ = unsafe name.utf8.withContiguousStorageIfAvailable {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
    }

    /// Waits until the function has returned; to be called once.
    func join() {
        _ = pthread_join(identifier, nil)
    }
}
