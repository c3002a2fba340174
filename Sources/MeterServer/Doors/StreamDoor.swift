internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Takes events over TCP, plain and inside TLS: a listening socket for each, connections spread over the
/// same event loops and bounded together.
final class StreamDoor: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<StreamLoop>]
    private let signals: [StreamLoop.Signals]
    /// By the names of their settings.
    private let listeners: [String: any Channel]
    private let tasks: [RepeatedTask]

    /// An address to listen at, and the TLS that is spoken there, if any.
    struct Listener {
        let setting: Setting
        let address: ListenAddress
        let identity: TLSIdentity?
    }

    /// Binds and begins to accept.
    ///
    /// - Throws: ``StartError`` that names the setting whose address cannot be bound.
    init(_ listen: [Listener], context: ServerContext, loopCount: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        let admission = ConnectionAdmission(context.configuration.limits)
        var loops: [NIOLoopBound<StreamLoop>] = []
        var signals: [StreamLoop.Signals] = []
        for eventLoop in group.makeIterator() {
            let signal = StreamLoop.Signals()
            signals.append(signal)
            let heartbeat = context.vitals.add("tcp-\(signals.count - 1)")
            loops.append(
                try await eventLoop.submit {
                    NIOLoopBound(
                        StreamLoop(
                            eventLoop: eventLoop,
                            context: context,
                            admission: admission,
                            signals: signal,
                            heartbeat: heartbeat
                        ),
                        eventLoop: eventLoop
                    )
                }.get()
            )
        }
        var listeners: [String: any Channel] = [:]
        for listener in listen {
            listeners[listener.setting.path] = try await Self.bind(
                listener,
                group,
                loops,
                admission,
                context
            )
        }
        self.group = group
        self.loops = loops
        self.signals = signals
        self.listeners = listeners
        tasks = loops.map { loop in
            loop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
                _ in loop.value.sweep()
            }
        }
    }

    private static func bind(
        _ listener: Listener,
        _ group: MultiThreadedEventLoopGroup,
        _ loops: [NIOLoopBound<StreamLoop>],
        _ admission: ConnectionAdmission,
        _ context: ServerContext
    ) async throws -> any Channel {
        let identity = listener.identity
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 1 << 12,
                    initial: 1 << 16,
                    maximum: 1 << 19
                )
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let address = channel.remoteAddress?.ipAddress ?? ""
                    if let limit = admission.enter(address) {
                        context.metrics.connectionsRefused.add(limit)
                        throw ConnectionRefused()
                    }
                    guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop })
                    else { throw ConnectionRefused() }
                    if let identity {
                        try TLSPeer.secure(
                            channel,
                            door: "tcp",
                            identity: identity,
                            context: context
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        StreamConnection(loop: loop.value, remoteAddress: address)
                    )
                }
            }
        do {
            return
                try await bootstrap
                .bind(host: listener.address.host, port: listener.address.port).get()
        } catch let error as IOError {
            throw Doors.refusal(
                listener.setting,
                listener.address,
                SystemCallError("bind", error.errnoCode)
            )
        }
    }

    /// The addresses, by the names of their settings, with the ports that were really bound.
    var addresses: [String: String] {
        listeners.mapValues { listener in
            "\(listener.localAddress?.ipAddress ?? ""):\(listener.localAddress?.port ?? 0)"
        }
    }

    /// The journal became durable further up: acknowledgements may be due.
    func published() {
        for (loop, signal) in zip(loops, signals) {
            guard signal.isOwing.load(ordering: .sequentiallyConsistent),
                !signal.isScheduled.exchange(true, ordering: .sequentiallyConsistent)
            else { continue }
            loop.eventLoop.execute { loop.value.acknowledge() }
        }
    }

    /// Stops accepting and reading, gives connections up to two seconds to get their acknowledgements,
    /// and closes them.
    func stop() async {
        for listener in listeners.values { try? await listener.close().get() }
        for loop in loops { loop.eventLoop.execute { loop.value.stop() } }
        for _ in 0..<100 {
            var isEmpty = true
            for loop in loops {
                let isLoopEmpty = try? await loop.eventLoop.submit { loop.value.isEmpty }.get()
                isEmpty = isEmpty && (isLoopEmpty ?? true)
            }
            if isEmpty { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        for task in tasks { task.cancel() }
        for loop in loops {
            _ = try? await loop.eventLoop.submit { loop.value.closeAll() }.get()
        }
        try? await group.shutdownGracefully()
    }

    private struct ConnectionRefused: Error {}
}
