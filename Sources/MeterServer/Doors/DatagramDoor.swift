internal import NIOCore
internal import Synchronization

/// Takes events over UDP: one socket and one thread for each of `udp-threads`.
final class DatagramDoor: Sendable {
    private let sockets: [DatagramSocket]
    private let signals: [DatagramReceiver.Signals]
    private let threads = Mutex<[WorkerThread]>([])

    /// Binds the sockets; nothing is received before ``start(_:)``.
    init(_ listen: ListenAddress, threadCount: Int, receiveBufferByteCount: Int) throws {
        sockets = try DatagramSocket.bind(
            listen,
            count: threadCount,
            receiveBufferByteCount: receiveBufferByteCount
        )
        signals = try sockets.map { _ in try DatagramReceiver.Signals() }
    }

    /// The address with the port that was really bound.
    var address: String {
        sockets.first.map { "\($0.address.ipAddress ?? ""):\($0.address.port ?? 0)" } ?? ""
    }

    /// The receive buffer of a socket that the kernel granted.
    var receiveBufferByteCount: Int { sockets.first?.receiveBufferByteCount ?? 0 }

    /// Datagrams that the kernel dropped for want of buffer space, all sockets together.
    var kernelDropCount: UInt64 {
        sockets.reduce(0) { $0 + UInt64(max(0, $1.dropCount)) }
    }

    func start(_ context: ServerContext) throws {
        for (index, socket) in sockets.enumerated() {
            let signals = signals[index]
            let heartbeat = context.vitals.add("udp-\(index)")
            let thread = try WorkerThread("meter-udp-\(index)") {
                DatagramReceiver(
                    socket: socket,
                    context: context,
                    signals: signals,
                    heartbeat: heartbeat
                ).run()
            }
            threads.withLock { $0.append(thread) }
        }
    }

    /// The journal became durable further up: acknowledgements may be due.
    func published() {
        for signal in signals { signal.published() }
    }

    /// Stops receiving once the sockets are empty, sends the last acknowledgements that become due
    /// within two seconds, and waits for the threads.
    func stop() {
        for signal in signals { signal.stop() }
        for thread in threads.withLock({ threads in
            defer { threads = [] }
            return threads
        }) {
            thread.join()
        }
    }
}
