import NIOCore
import NIOPosix
import Synchronization

/// A TCP server that answers every request with the same bytes, in pieces, whatever was asked.
final class RawServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let received: ReceivedRequests

    /// What came in, as text.
    var requests: [String] { received.all }

    /// - Parameters:
    ///   - pieces: Sent one after the other; the connection is closed after the last one.
    ///   - pauseMilliseconds: Before each piece.
    static func start(
        _ pieces: [String],
        pauseMilliseconds: Int64 = 0
    ) async throws -> RawServer {
        let received = ReceivedRequests()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AnswerHandler(
                            pieces: pieces,
                            pause: .milliseconds(pauseMilliseconds),
                            received: received
                        )
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RawServer(channel: channel, received: received)
    }

    private init(channel: any Channel, received: ReceivedRequests) {
        self.channel = channel
        self.received = received
        port = channel.localAddress?.port ?? 0
    }

    func stop() async throws { try await channel.close() }
}

private final class ReceivedRequests: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) { texts.withLock { $0.append(text) } }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let pieces: [String]
    private let pause: TimeAmount
    private let received: ReceivedRequests
    private var text = ""
    private var answered = false

    init(pieces: [String], pause: TimeAmount, received: ReceivedRequests) {
        self.pieces = pieces
        self.pause = pause
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard !answered, text.contains("\r\n\r\n") else { return }
        answered = true
        received.add(text)
        send(pieces[...], on: context.channel)
    }

    private func send(_ pieces: ArraySlice<String>, on channel: any Channel) {
        guard let piece = pieces.first else {
            channel.close(promise: nil)
            return
        }
        let pause = pause
        channel.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            channel.writeAndFlush(ByteBuffer(string: piece), promise: nil)
            self.send(pieces.dropFirst(), on: channel)
        }
    }
}
