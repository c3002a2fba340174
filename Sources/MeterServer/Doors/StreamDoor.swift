internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Takes events over TCP: one listening socket, connections spread over the event loops.
final class StreamDoor: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<StreamLoop>]
    private let signals: [StreamLoop.Signals]
    private let listener: any Channel
    private let tasks: [RepeatedTask]

    /// Binds and begins to accept.
    init(_ listen: ListenAddress, context: ServerContext, loopCount: Int) async throws {
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
        let bound = loops
        let metrics = context.metrics
        listener = try await ServerBootstrap(group: group)
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
                        metrics.connectionsRefused.add(limit)
                        throw ConnectionRefused()
                    }
                    guard let loop = bound.first(where: { $0.eventLoop === channel.eventLoop })
                    else { throw ConnectionRefused() }
                    try channel.pipeline.syncOperations.addHandler(
                        StreamConnection(loop: loop.value, remoteAddress: address)
                    )
                }
            }
            .bind(host: listen.host, port: listen.port).get()
        self.group = group
        self.loops = loops
        self.signals = signals
        tasks = loops.map { loop in
            loop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
                _ in loop.value.sweep()
            }
        }
    }

    /// The address with the port that was really bound.
    var address: String {
        "\(listener.localAddress?.ipAddress ?? ""):\(listener.localAddress?.port ?? 0)"
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
        try? await listener.close().get()
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
