internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Stands behind the TLS of one connection: counts what became of its handshake and for what reason it
/// failed, says who the client is, and ends a handshake that takes too long.
///
/// A client's certificate lets it in and nothing more: what it sends is known by its keys.
final class TLSPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let door: String
    private let context: ServerContext
    private var timeout: Scheduled<Void>?
    private var isDone = false

    init(door: String, context: ServerContext) {
        self.door = door
        self.context = context
    }

    /// Adds TLS and this handler to a connection that was just accepted.
    static func secure(
        _ channel: any Channel,
        door: String,
        identity: TLSIdentity,
        context: ServerContext
    ) throws {
        try channel.pipeline.syncOperations.addHandlers([
            NIOSSLServerHandler(context: identity.context),
            TLSPeer(door: door, context: context),
        ])
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let limit = self.context.configuration.limits.firstFrameTimeout
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
            self.fail("timeout", context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        if !isDone { fail("disconnected", context) }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { succeed(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isDone else {
            // Many peers close without saying so in TLS. Frames and requests say themselves where they
            // end, so nothing is taken for whole that is not.
            if case .uncleanShutdown = error as? NIOSSLError { return }
            return context.fireErrorCaught(error)
        }
        self.context.logger.debug(
            "a TLS handshake failed",
            metadata: [
                "door": "\(door)", "problem": "\(error)",
                "address": "\(context.remoteAddress?.ipAddress ?? "")",
            ]
        )
        fail(Self.reason(of: error), context)
    }

    private func succeed(_ context: ChannelHandlerContext) {
        isDone = true
        timeout?.cancel()
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        let version = handler?.tlsVersion == .tlsv13 ? "1.3" : "1.2"
        self.context.metrics.tls.handshakes.add(door, version)
        guard let certificate = handler?.peerCertificate else { return }
        let name = Self.name(of: certificate)
        self.context.metrics.tls.clients.add(door, name)
        self.context.logger.info(
            "a client showed its certificate",
            metadata: [
                "door": "\(door)", "client": "\(name)",
                "address": "\(context.remoteAddress?.ipAddress ?? "")",
            ]
        )
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        timeout?.cancel()
        self.context.metrics.tls.failures.add(door, reason)
        context.close(promise: nil)
    }

    /// One of few words: they are labels of a metric.
    static func reason(of error: any Error) -> String {
        if case .noCertificateToValidate = error as? NIOSSLError { return "no-client-certificate" }
        let text = "\(error)"
        return words.first { text.contains($0.part) }?.reason ?? "other"
    }

    /// Parts of BoringSSL's errors. What begins with `ALERT` the client said.
    private static let words: [(part: String, reason: String)] = [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "no-client-certificate"),
        ("CERTIFICATE_VERIFY_FAILED", "client-certificate-refused"),
        ("HTTP_REQUEST", "not-tls"), ("WRONG_VERSION_NUMBER", "not-tls"),
        ("HTTPS_PROXY_REQUEST", "not-tls"), ("UNEXPECTED_MESSAGE", "not-tls"),
        ("UNSUPPORTED_PROTOCOL", "old-version"), ("NO_SHARED_CIPHER", "no-shared-cipher"),
        ("ALERT_UNKNOWN_CA", "server-certificate-refused"),
        ("ALERT_CERTIFICATE", "server-certificate-refused"),
        ("ALERT_BAD_CERTIFICATE", "server-certificate-refused"),
        // In TLS 1.3 clients on OpenSSL say in plain, too short to be anything encrypted, that they do not
        // like the certificate.
        ("BAD_PACKET_LENGTH", "server-certificate-refused"),
        ("EOF during handshake", "disconnected"),
    ]

    /// What a certificate says of its holder, in one line without control characters.
    static func name(of certificate: NIOSSLCertificate) -> String {
        let text = certificate.description
            .replacing("<NIOSSLCertificate;", with: "").prefix(200)
        let scalars = text.unicodeScalars.filter {
            $0 != ">" && $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
