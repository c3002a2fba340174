internal import Glibc
internal import NIOCore

/// The ways in over UDP and TCP, as far as they are open.
final class Doors: Sendable {
    let datagrams: DatagramDoor?
    let streams: StreamDoor?

    /// Binds what the configuration names and begins to receive.
    ///
    /// - Throws: ``StartError`` that names the setting whose address cannot be bound.
    init(_ context: ServerContext) async throws {
        let configuration = context.configuration
        datagrams = try configuration.udp.map { address in
            let threads = configuration.udpThreadCount
            return try Self.binding(Settings.udp, address) {
                try DatagramDoor(
                    address,
                    threadCount: threads > 0 ? threads : max(1, Processors.count - 1),
                    receiveBufferByteCount: configuration.udpReceiveBufferByteCount
                )
            }
        }
        var listeners: [StreamDoor.Listener] = []
        for (setting, address, identity) in [
            (Settings.tcp, configuration.tcp, nil),
            (Settings.tcpTLS, configuration.tcpTLS, configuration.tls),
        ] {
            guard let address else { continue }
            listeners.append(
                StreamDoor.Listener(setting: setting, address: address, identity: identity)
            )
        }
        streams =
            listeners.isEmpty
            ? nil : try await StreamDoor(listeners, context: context, loopCount: Processors.count)
        try datagrams?.start(context)
    }

    /// Called by the committer after each sync.
    func published() {
        datagrams?.published()
        streams?.published()
    }

    var kernelDropCount: UInt64 { datagrams?.kernelDropCount ?? 0 }

    /// Stops receiving, waits for the last acknowledgements, closes.
    func stop() async {
        await streams?.stop()
        datagrams?.stop()
    }

    private static func binding<Door>(
        _ setting: Setting,
        _ address: ListenAddress,
        _ bind: () throws -> Door
    ) throws -> Door {
        do {
            return try bind()
        } catch let error as SystemCallError {
            throw refusal(setting, address, error)
        }
    }

    static func refusal(
        _ setting: Setting,
        _ address: ListenAddress,
        _ error: SystemCallError
    ) -> StartError {
        let hint =
            switch error.number {
            case EADDRINUSE: "another program listens there"
            case EACCES: "ports below 1024 need a permission that this user lacks"
            case EADDRNOTAVAIL: "no interface of this machine has that address"
            default: error.description
            }
        return StartError(.configuration, "\(setting.flag): cannot bind \(address): \(hint)")
    }
}
