internal import CMeter
internal import Glibc

/// Tells systemd how the service is doing: what sd_notify(3) does, a datagram a message.
final class ServiceManager: Sendable {
    /// How often systemd wants to hear ``Message/alive``; nil where nobody asked for that.
    let watchdogInterval: Duration?
    private let address: UnixSocketAddress
    private let descriptor: CInt

    enum Message {
        /// Everything is open.
        case ready
        /// A stop was asked for and has begun.
        case stopping
        /// Every part of the server moves on.
        case alive
        /// What `systemctl status` shows: one line for people.
        case status(String)

        fileprivate var text: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            case .status(let line): "STATUS=" + line.split(separator: "\n").joined(separator: " ")
            }
        }
    }

    /// - Returns: Nil where the environment names no manager.
    /// - Throws: ``StartError`` if it names one that cannot be told anything: the start would never be
    ///   seen to end.
    static func find(in environment: [String: String]) throws -> ServiceManager? {
        guard let place = environment["NOTIFY_SOCKET"], !place.isEmpty else { return nil }
        guard let address = UnixSocketAddress(managerSocket: place) else {
            throw StartError(
                .configuration,
                "NOTIFY_SOCKET: \(place) is neither a path nor an abstract name (@…) of a socket"
            )
        }
        return try ServiceManager(address, watchdogInterval: watchdogInterval(environment))
    }

    private init(_ address: UnixSocketAddress, watchdogInterval: Duration?) throws {
        self.address = address
        self.watchdogInterval = watchdogInterval
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw StartError(.failed, "\(SystemCallError("socket", errno))")
        }
        // A manager that does not read must not stop who tells it something.
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        _ = unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_SNDTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    deinit { close(descriptor) }

    /// Sends the messages as one datagram; waits a second at most.
    ///
    /// - Throws: What the kernel said.
    func tell(_ messages: Message...) throws(SystemCallError) {
        let bytes = Array(messages.map(\.text).joined(separator: "\n").utf8)
        let sent = unsafe bytes.withUnsafeBytes { bytes in
            unsafe address.withAddress { address, count in
                unsafe sendto(
                    descriptor,
                    bytes.baseAddress,
                    bytes.count,
                    CInt(MSG_NOSIGNAL),
                    address,
                    count
                )
            }
        }
        if sent < 0 { throw SystemCallError("sendto", errno) }
    }

    /// Half of what was asked for by `WATCHDOG_USEC` is the usual pace; who is meant stands in
    /// `WATCHDOG_PID`.
    private static func watchdogInterval(_ environment: [String: String]) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text),
            microseconds > 0
        else { return nil }
        if let process = environment["WATCHDOG_PID"], process != "\(getpid())" { return nil }
        return .microseconds(microseconds)
    }
}
