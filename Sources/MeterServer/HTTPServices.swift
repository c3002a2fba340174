internal import CMeter
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import MeterWaldur
internal import NIOCore
internal import ServiceLifecycle

/// The HTTP listeners: the network's, and the administration's Unix socket.
enum HTTPServices {
    /// - Throws: ``StartError`` if an address is taken.
    static func make(
        _ context: ServerContext,
        _ start: StartBarrier,
        _ reporters: [ReporterService],
        _ files: DataKeepers
    ) throws -> [any Service] {
        let configuration = context.configuration
        let clock = context.clock
        let api = try API(
            context,
            reporting: SeveralWaldurs.control(
                reporters.map { WaldurReporting($0, now: { clock.now() }) },
                context
            ),
            files: files
        )
        var services: [any Service] = [
            application(
                api.responder(for: .administrationSocket),
                at: .unixDomainSocket(path: configuration.adminSocket),
                nil,
                context
            ) { _ in start.opened("admin", at: configuration.adminSocket) }
        ]
        for (setting, address, identity) in [
            (Settings.http, configuration.http, nil),
            (Settings.https, configuration.https, configuration.tls),
        ] {
            guard let address else { continue }
            try checkFree(address, setting)
            services.append(
                application(
                    api.responder(for: .network),
                    at: .hostname(address.host, port: address.port),
                    identity,
                    context
                ) { channel in
                    let bound = channel.localAddress
                    start.opened(
                        setting.path,
                        at: "\(bound?.ipAddress ?? address.host):\(bound?.port ?? 0)"
                    )
                }
            )
        }
        return services
    }

    private static func application(
        _ responder: some HTTPResponder<BasicRequestContext>,
        at address: BindAddress,
        _ identity: TLSIdentity?,
        _ context: ServerContext,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some Service {
        let limits = context.configuration.limits
        var logger = context.logger
        logger[metadataKey: "part"] = "http"
        let http = HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(limits.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10,
                maxHeaderListSize: 32 << 10,
                maxHeaderFieldCount: 100
            )
        )
        return Application(
            responder: responder,
            server: HTTPServerBuilder { responder in
                let plain = HTTP1Channel(responder: responder, configuration: http)
                guard let identity else { return plain }
                return TLSChannel(inner: plain, identity: identity, context: context)
            },
            configuration: ApplicationConfiguration(
                address: address,
                backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    limits.httpConnectionCount
                )
            ),
            onServerRunning: onRunning,
            logger: logger
        )
    }

    /// Finds out before anything else starts that somebody has the address; the server that binds it
    /// later would only say so in its own words.
    private static func checkFree(_ address: ListenAddress, _ setting: Setting) throws {
        guard address.port != 0 else { return }
        let socketAddress = try address.socketAddress()
        let family = socketAddress.protocol == .inet6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket", errno) }
        defer { close(descriptor) }
        var one: CInt = 1
        _ = unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_REUSEADDR,
            &one,
            socklen_t(MemoryLayout<CInt>.size)
        )
        let result = unsafe socketAddress.withSockAddr { pointer, count in
            unsafe bind(descriptor, pointer, socklen_t(count))
        }
        if result != 0 {
            throw Doors.refusal(setting, address, SystemCallError("bind", errno))
        }
    }
}
