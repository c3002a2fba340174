internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// An HTTP connection inside TLS, with the certificate that is in force when it is accepted.
struct TLSChannel<Inner: ServerChildChannel>: ServerChildChannel {
    let inner: Inner
    let identity: TLSIdentity
    let context: ServerContext

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Inner.Value> {
        channel.eventLoop.makeCompletedFuture {
            try TLSPeer.secure(channel, door: "https", identity: identity, context: context)
        }
        .flatMap { inner.setup(channel: channel, logger: logger) }
    }

    func handle(value: Inner.Value, logger: Logger) async {
        await inner.handle(value: value, logger: logger)
    }
}
