internal import FoundationEssentials
internal import Meter
internal import MeterWaldur

/// What one server was told: where it listens, what it keeps, and every limit in its own unit.
///
/// ``Settings`` says of each what happens at the limit.
struct ServerConfiguration: Sendable {
    /// What it was made from, for whoever asks where a value came from.
    let values: ConfigurationValues
    var dataDirectory: String
    var udp: ListenAddress?
    var tcp: ListenAddress?
    var http: ListenAddress?
    /// The same inside TLS.
    var tcpTLS: ListenAddress?
    var https: ListenAddress?
    /// The certificate; nil where neither listens.
    var tls: TLSIdentity?
    /// Origins of pages that may read usage with a portal token.
    var corsOrigins: Set<String>
    /// Each Waldur's pages for people, without a slash at the end.
    var homePorts: [WaldurID: String] = [:]
    var adminSocket: String
    /// What wire keys are derived from; nil where no file was named.
    var masterKey: MasterKey?
    var insecureLoopback: Bool
    var logFormat: LogFormat
    var logLevel: String
    /// Those that are reported to, each with an id of its own.
    var waldurs: [Waldur] = []
    var udpThreadCount: Int
    var udpReceiveBufferByteCount: Int
    var checkpointInterval: Duration
    var detailsRetentionDays: Int
    var retention: Retention
    var stopTimeout: Duration
    var clockOffsetSeconds: Int
    var portFile: String?
    var limits: Limits

    enum LogFormat: String, Sendable { case text, json }

    /// One Waldur and the accounts that report to it.
    struct Waldur: Sendable {
        struct Account: Sendable {
            var account: ReportingAccount
            var token: TokenSource
        }

        var id: WaldurID
        var url: String
        /// At least one.
        var accounts: [Account]
        var zone: WaldurZone
        /// What its prices are in, as the configuration has it.
        var currency: String?
        var reportInterval: Duration
        /// How long a request may go on at Waldur's after nobody waits for it any more.
        var requestLife: Duration
        /// How long before a month's end sending stops.
        var guardTime: Duration
        /// How long into a month nothing is sent.
        var turnDelay: Duration
        /// Waldur's figure stands, rather than Meter's being sent again, where nobody decided.
        var acceptsForeign: Bool
        var foreignDecideHours: Int
    }

    /// How long what is kept; details have a setting of their own.
    struct Retention: Sendable {
        var journalDays: Int
        var journalAgeDays: Int
        var journalByteCount: Int
        var segmentsMonths: Int
        var statementsMonths: Int
    }

    struct Limits: Sendable {
        var connectionCount: Int
        var connectionCountPerAddress: Int
        var firstFrameTimeout: Duration
        var frameTimeout: Duration
        var idleTimeout: Duration
        var journalQueueByteCount: Int
        var liveKeyCount: Int
        var detailsByteCount: Int
        var detailModelCount: Int
        var detailUserCount: Int
        var detailKeyCount: Int
        var httpBodyByteCount: Int
        var httpTimeout: Duration
        var httpConnectionCount: Int
        var liveStreamCount: Int
        /// What every tenant and every principal may have.
        var rules: LimitRules
        var burst: Duration
        var tenantCount: Int
    }

    /// Checks the values and reads the files that hold secrets.
    ///
    /// - Throws: ``ConfigurationError`` that names the first key that is wrong.
    init(_ values: ConfigurationValues) throws(ConfigurationError) {
        guard let data = values.value(Settings.data) else {
            throw values.error(Settings.data, "needs the directory to keep everything in")
        }
        self.values = values
        dataDirectory = data.text
        udp = try Self.address(values, Settings.udp)
        tcp = try Self.address(values, Settings.tcp)
        http = try Self.address(values, Settings.http)
        tcpTLS = try Self.address(values, Settings.tcpTLS)
        https = try Self.address(values, Settings.https)
        corsOrigins = try Self.origins(values)
        adminSocket = Self.adminSocket(values) ?? ""
        // sockaddr_un has 108 bytes with the final zero.
        guard adminSocket.utf8.count <= 107 else {
            throw values.error(
                Settings.adminSocket,
                "a socket's path has at most 107 bytes, \(adminSocket) has more; name a shorter one"
            )
        }
        insecureLoopback = try Self.flag(values, Settings.insecureLoopback)
        logFormat =
            LogFormat(rawValue: try Self.choice(values, Settings.logFormat)) ?? .text
        logLevel = try Self.choice(values, Settings.logLevel)
        udpThreadCount = try Self.count(values, Settings.udpThreads)
        udpReceiveBufferByteCount = try Self.count(values, Settings.udpReceiveBuffer) << 20
        checkpointInterval = try Self.seconds(values, Settings.checkpointSeconds)
        detailsRetentionDays = try Self.count(values, Settings.detailsRetentionDays)
        retention = Retention(
            journalDays: try Self.count(values, Settings.journalDays),
            journalAgeDays: try Self.count(values, Settings.journalAgeDays),
            journalByteCount: try Self.count(values, Settings.journalSize) << 30,
            segmentsMonths: try Self.count(values, Settings.segmentsMonths),
            statementsMonths: try Self.count(values, Settings.statementsMonths)
        )
        stopTimeout = try Self.seconds(values, Settings.stopSeconds)
        clockOffsetSeconds = try Self.count(values, Settings.clockOffsetSeconds)
        portFile = values.value(Settings.portFile)?.text
        limits = Limits(
            connectionCount: try Self.count(values, Settings.connections),
            connectionCountPerAddress: try Self.count(values, Settings.connectionsPerAddress),
            firstFrameTimeout: try Self.seconds(values, Settings.firstFrameSeconds),
            frameTimeout: try Self.seconds(values, Settings.frameSeconds),
            idleTimeout: try Self.seconds(values, Settings.idleSeconds),
            journalQueueByteCount: try Self.count(values, Settings.journalQueue) << 20,
            liveKeyCount: try Self.count(values, Settings.liveKeys),
            detailsByteCount: try Self.count(values, Settings.detailsMemory) << 20,
            detailModelCount: try Self.count(values, Settings.detailModels),
            detailUserCount: try Self.count(values, Settings.detailUsers),
            detailKeyCount: try Self.count(values, Settings.detailKeys),
            httpBodyByteCount: try Self.count(values, Settings.httpBody) << 20,
            httpTimeout: try Self.seconds(values, Settings.httpSeconds),
            httpConnectionCount: try Self.count(values, Settings.httpConnections),
            liveStreamCount: try Self.count(values, Settings.liveStreams),
            rules: try Self.limitRules(values),
            burst: try Self.seconds(values, Settings.burstSeconds),
            tenantCount: try Self.count(values, Settings.tenants)
        )
        masterKey = try Self.masterKey(values)
        try setWaldurs(values)
        if tcpTLS != nil || https != nil { tls = try Self.tls(values) }
        try checkAuthentication(values)
    }

    /// The zones of the configured Waldurs.
    var zones: [WaldurID: WaldurZone] {
        Dictionary(waldurs.map { ($0.id, $0.zone) }, uniquingKeysWith: { first, _ in first })
    }

    /// Where the administration socket is; nil where neither it nor the data directory is set.
    static func adminSocket(_ values: ConfigurationValues) -> String? {
        values.value(Settings.adminSocket)?.text
            ?? values.value(Settings.data).map { "\($0.text)/admin.sock" }
    }

    // MARK: - Rules over several settings

    private func checkAuthentication(_ values: ConfigurationValues) throws(ConfigurationError) {
        if insecureLoopback {
            for (setting, address) in [
                (Settings.udp, udp), (Settings.tcp, tcp), (Settings.http, http),
                (Settings.tcpTLS, tcpTLS), (Settings.https, https),
            ] {
                guard let address, !address.isLoopback else { continue }
                throw values.error(
                    Settings.insecureLoopback,
                    "refused, since \(setting.path) listens on \(address), which is not loopback"
                )
            }
        } else if masterKey == nil, udp != nil || tcp != nil || tcpTLS != nil {
            throw values.error(
                Settings.masterKeyFile,
                "UDP and TCP need the master key: name its file, set --udp off and --tcp off, or "
                    + "try things out with --insecure-loopback"
            )
        }
    }

    private static func tls(
        _ values: ConfigurationValues
    ) throws(ConfigurationError) -> TLSIdentity {
        func path(_ setting: Setting) throws(ConfigurationError) -> String {
            guard let path = values.value(setting)?.text else {
                throw values.error(setting, "TLS needs it; name the file in PEM")
            }
            return path
        }
        let files = TLSFiles(
            certificate: try path(Settings.tlsCertificateFile),
            key: try path(Settings.tlsKeyFile),
            clientAuthorities: values.value(Settings.tlsClientCAFile)?.text,
            requiresClientCertificate: try choice(values, Settings.tlsClientCertificates)
                == "required",
            requiresTLS13: try choice(values, Settings.tlsMinimumVersion) == "1.3"
        )
        do throws(TLSFiles.Failure) {
            return try TLSIdentity(files)
        } catch {
            let setting =
                switch error.file {
                case files.certificate: Settings.tlsCertificateFile
                case files.key: Settings.tlsKeyFile
                default: Settings.tlsClientCAFile
                }
            throw values.error(setting, error.description)
        }
    }

    private static func limitRules(
        _ values: ConfigurationValues
    ) throws(ConfigurationError) -> LimitRules {
        var rules = LimitRules()
        for entry in Settings.ofLimits {
            let value = UInt64(try count(values, entry.setting))
            switch entry.kind {
            case .tenant: rules.tenant[entry.limit] = value
            case .principal: rules.principal[entry.limit] = value
            }
        }
        return rules
    }

    private static func origins(
        _ values: ConfigurationValues
    ) throws(ConfigurationError) -> Set<String> {
        guard let text = values.value(Settings.corsOrigins)?.text else { return [] }
        guard let origins = CrossOrigin.origins(text) else {
            throw values.error(
                Settings.corsOrigins,
                "an origin is scheme, host and port as browsers send them, such as "
                    + "https://portal.example or http://localhost:3000; there is no * for all"
            )
        }
        return origins
    }

    private static func masterKey(
        _ values: ConfigurationValues
    ) throws(ConfigurationError) -> MasterKey? {
        guard let path = values.value(Settings.masterKeyFile)?.text else { return nil }
        let contents = try smallFile(values, Settings.masterKeyFile, path)
        do {
            return try MasterKey(file: contents)
        } catch {
            throw values.error(
                Settings.masterKeyFile,
                "\(path): \(error); make one with: openssl rand -hex 32"
            )
        }
    }

    // MARK: - Kinds

    private static func address(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> ListenAddress? {
        guard let text = values.value(setting)?.text, text != "off" else { return nil }
        guard let address = ListenAddress(text) else {
            throw values.error(
                setting,
                "\(text) is not an address; write HOST:PORT with an IP address, or off"
            )
        }
        return address
    }

    private static func flag(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> Bool {
        values.value(setting)?.text == "true"
    }

    static func choice(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> String {
        guard case .choice(let known) = setting.kind, let text = values.value(setting)?.text,
            known.contains(text)
        else {
            throw values.error(setting, "must be one of \(setting.kind.range)")
        }
        return text
    }

    static func count(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> Int {
        guard case .count(let range) = setting.kind, let text = values.value(setting)?.text,
            let number = Int(text), range.contains(number)
        else {
            throw values.error(
                setting,
                "must be a whole number of \(setting.unit) in \(setting.kind.range)"
            )
        }
        return number
    }

    static func seconds(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> Duration {
        .seconds(try count(values, setting))
    }

    static func smallFile(
        _ values: ConfigurationValues,
        _ setting: Setting,
        _ path: String
    ) throws(ConfigurationError) -> [UInt8] {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw values.error(setting, "\(path) cannot be read")
        }
        guard data.count <= 4_096 else {
            throw values.error(setting, "\(path) is too large to be a secret")
        }
        return Array(data)
    }
}

extension Setting.Kind {
    /// What may be written, for messages and `--help`.
    var range: String {
        switch self {
        case .text: "text"
        case .address: "HOST:PORT or off"
        case .flag: "true or false"
        case .count(let range): "\(range.lowerBound)...\(range.upperBound)"
        case .choice(let known): known.joined(separator: ", ")
        }
    }
}
