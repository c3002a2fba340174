internal import Glibc

/// Ends another thread's `poll`; keeps at most one byte in flight.
final class WakeUp: Sendable {
    /// To be polled for reading.
    let descriptor: CInt
    private let writer: CInt

    init() throws(SystemCallError) {
        var ends: (CInt, CInt) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe bytes.withMemoryRebound(to: CInt.self) { ends in
                unsafe pipe(ends.baseAddress)
            }
        }
        guard result == 0 else { throw SystemCallError("pipe", errno) }
        (descriptor, writer) = ends
        for end in [descriptor, writer] {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    func signal() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one byte does.
        _ = unsafe write(writer, &byte, 1)
    }

    /// Takes what was signalled, so that the next `poll` waits again.
    func clear() {
        var bytes: (UInt64, UInt64) = (0, 0)
        while unsafe read(descriptor, &bytes, 16) == 16 {}
    }
}

/// A system call that failed and what the system said.
struct SystemCallError: Error, Equatable, CustomStringConvertible {
    let call: String
    let number: CInt

    init(_ call: String, _ number: CInt) {
        self.call = call
        self.number = number
    }

    var description: String {
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(number, base, 256) == 0 else {
                return "unknown error"
            }
            return unsafe String(cString: base)
        }
        return "\(call): \(text) (errno \(number))"
    }
}
