internal import CMeter
internal import Glibc

/// Asks a server's administration socket for something cheap, as a stranger would: event loops, Swift's
/// thread pool and the routes have all to do their part before it is answered.
struct HTTPProbe: Sendable {
    enum Outcome: Equatable {
        case answered(status: Int)
        /// It was asked and said nothing in time.
        case silent
        /// It could not be asked: no server is there, for want of a descriptor or because somebody removed the socket. That
        /// says nothing of HTTP, and is no reason to start the server again.
        case unasked
    }

    let path: String

    private static let patience = timeval(tv_sec: 2, tv_usec: 0)

    /// Takes at most two seconds for each of connecting, sending and receiving.
    ///
    /// - Parameter target: The path of an open route.
    func ask(_ target: String) -> Outcome {
        guard let address = UnixSocketAddress(path: path) else { return .unasked }
        let descriptor = socket(
            AF_UNIX,
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { return .unasked }
        defer { close(descriptor) }
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            var patience = Self.patience
            let size = socklen_t(MemoryLayout<timeval>.size)
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &patience, size)
        }
        let connected = unsafe address.withAddress { unsafe connect(descriptor, $0, $1) }
        guard connected == 0 else { return errno == ENOENT ? .unasked : .silent }
        let request = Array(
            "GET \(target) HTTP/1.1\r\nHost: meter\r\nConnection: close\r\n\r\n".utf8
        )
        let sent = unsafe request.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard sent == request.count else { return .silent }
        // `HTTP/1.1 200`.
        var head = [UInt8](repeating: 0, count: 12)
        let received = unsafe head.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, CInt(MSG_WAITALL))
        }
        guard received == head.count else { return .silent }
        let status = String(decoding: head.suffix(3), as: UTF8.self)
        return .answered(status: Int(status) ?? 0)
    }
}
