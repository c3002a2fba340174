internal import Glibc
internal import MeterClient

/// A connected socket that blocks for a bounded time: a datagram socket, or a stream of messages with
/// their length before them.
final class ReplaySocket {
    private let descriptor: CInt
    private let isStream: Bool

    /// nil where nobody answers at the address.
    init?(_ endpoint: Endpoint, timeoutMilliseconds: Int) {
        let (host, port, kind) =
            switch endpoint {
            case .udp(let host, let port): (host, port, CInt(SOCK_DGRAM.rawValue))
            case .tcp(let host, let port): (host, port, CInt(SOCK_STREAM.rawValue))
            }
        isStream = kind == CInt(SOCK_STREAM.rawValue)
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = kind
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0,
            let address = unsafe found
        else { return nil }
        defer { unsafe freeaddrinfo(found) }
        descriptor = unsafe socket(
            address.pointee.ai_family, kind | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(
            tv_sec: timeoutMilliseconds / 1_000, tv_usec: timeoutMilliseconds % 1_000 * 1_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard unsafe connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0
        else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sends one frame; false when the connection is of no more use.
    func send(_ frame: [UInt8]) -> Bool {
        guard isStream else {
            // A refused datagram says that nobody listens now; it is sent again after the wait.
            return write(frame[...]) || errno == ECONNREFUSED
        }
        let count = UInt32(truncatingIfNeeded: frame.count)
        let head = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
        return write((head + frame)[...])
    }

    /// The next message; nil when none came in time or the connection is closed.
    func receive() -> [UInt8]? {
        guard isStream else {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
            }
            return count > 0 ? Array(buffer[..<count]) : nil
        }
        guard let head = read(4) else { return nil }
        let count = head.reduce(0) { $0 << 8 | Int($1) }
        return count > 0 && count <= 1 << 20 ? read(count) : nil
    }

    private func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.send(
                    descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let part = unsafe bytes.withUnsafeMutableBytes { target in
                unsafe recv(
                    descriptor, target.baseAddress.map { unsafe $0 + filled }, count - filled, 0)
            }
            guard part > 0 else { return nil }
            filled += part
        }
        return bytes
    }
}
