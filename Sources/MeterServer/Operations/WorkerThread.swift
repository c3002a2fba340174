internal import Glibc

/// A named thread that runs one function and can be waited for.
final class WorkerThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    // The identifier is only handed to pthread_join, once, by whoever owns the thread.
    private nonisolated(unsafe) let identifier: pthread_t

    /// Starts the thread.
    ///
    /// - Parameter name: At most 15 bytes, as `ps -L` and `perf` show it.
    init(_ name: String, _ run: @escaping @Sendable () -> Void) throws(SystemCallError) {
        var started = pthread_t()
        let body = unsafe Unmanaged.passRetained(
            Body {
                _ = unsafe pthread_setname_np(pthread_self(), name)
                run()
            })
        let result = unsafe pthread_create(
            &started, nil,
            { pointer in
                guard let pointer = unsafe pointer else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            unsafe body.release()
            throw SystemCallError("pthread_create", result)
        }
        unsafe identifier = started
    }

    /// Waits until the function has returned; to be called once.
    func join() {
        _ = unsafe pthread_join(identifier, nil)
    }
}
