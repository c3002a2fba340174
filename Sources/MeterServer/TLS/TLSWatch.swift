internal import Logging
internal import MeterWire
internal import ServiceLifecycle
internal import UnixSignals

/// Takes over new certificates: at SIGHUP, and when the files were found changed. Nothing is disconnected, and
/// files that cannot be used leave the certificate in force as it is.
struct TLSWatch: Service {
    let context: ServerContext
    let identity: TLSIdentity?

    private static let interval = Duration.seconds(5)
    /// A certificate that ends sooner is named in `/readyz` and the log.
    private static let noticeSeconds: Int64 = 14 * 86_400

    /// SIGHUP ends no server, with or without TLS: it is what service managers send for "read again".
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        show()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in signals.cancelOnGracefulShutdown() { look(always: true) }
            }
            group.addTask {
                while !Task.isCancelled, !Task.isShuttingDownGracefully {
                    try? await cancelWhenGracefulShutdown {
                        try await Task.sleep(for: Self.interval)
                    }
                    look(always: false)
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func look(always: Bool) {
        guard let identity else { return }
        switch identity.reload(always: always) {
        case .unchanged: break
        case .replaced(let description):
            context.metrics.tls.reloads.add("replaced")
            context.readiness.clear(.certificateFailing)
            context.logger.notice(
                "a new certificate is in force",
                metadata: ["certificate": "\(description)"]
            )
        case .failed(let failure):
            context.metrics.tls.reloads.add("failed")
            let isKnown = context.readiness.entries.contains {
                $0.reason == .certificateFailing && $0.detail == failure.description
            }
            guard !isKnown else { break }
            context.readiness.set(.certificateFailing, failure.description)
            context.logger.error(
                "the new certificate cannot be used; the old one stays in force",
                metadata: ["problem": "\(failure)"]
            )
        }
        show()
    }

    private func show() {
        guard let identity else { return }
        context.metrics.tls.notAfter.set(Int(clamping: identity.notAfter))
        let left = identity.notAfter - context.clock.now().milliseconds / 1_000
        if left < Self.noticeSeconds {
            context.readiness.set(
                .certificateEnding,
                "the certificate \(identity.description) "
                    + (left > 0 ? "ends in \(left / 86_400) days" : "has ended")
                    + "; put a new one in its file"
            )
        } else {
            context.readiness.clear(.certificateEnding)
        }
    }
}
