/// Every setting of the server, in the order in which `--help` lists them.
enum Settings {
    static let config = Setting(
        ["config"],
        .text,
        default: nil,
        "A YAML file with settings."
    )
    static let data = Setting(
        ["data"],
        .text,
        default: nil,
        "The directory that holds journal, segments and book; one server at a time."
    )
    static let udp = Setting(
        ["udp"],
        .address,
        default: "127.0.0.1:7481",
        "Where datagrams come in, or off."
    )
    static let tcp = Setting(
        ["tcp"],
        .address,
        default: "127.0.0.1:7482",
        "Where streams of frames come in, or off."
    )
    static let http = Setting(
        ["http"],
        .address,
        default: "127.0.0.1:7480",
        "Where HTTP is served, or off."
    )
    static let corsOrigins = Setting(
        ["http-cors-origins"],
        .text,
        default: nil,
        "Origins of portal pages that may read usage with a portal token, with commas, such as "
            + "https://portal.example. Without it no page of another origin may."
    )
    static let tcpTLS = Setting(
        ["tcp-tls"],
        .address,
        default: "off",
        "Where streams of frames come in inside TLS, or off."
    )
    static let https = Setting(
        ["https"],
        .address,
        default: "off",
        "Where HTTP is served inside TLS, or off."
    )
    static let tlsCertificateFile = Setting(
        ["tls", "certificate-file"],
        .text,
        default: nil,
        "The server's certificate and those up to a root, in PEM. Read again at SIGHUP and when it "
            + "changes."
    )
    static let tlsKeyFile = Setting(
        ["tls", "key-file"],
        .text,
        default: nil,
        "The certificate's private key in PEM, without a passphrase. Read again likewise."
    )
    static let tlsClientCAFile = Setting(
        ["tls", "client-ca-file"],
        .text,
        default: nil,
        "Who signs clients' certificates, in PEM; with it clients are asked for theirs. What they "
            + "send is still known by its keys."
    )
    static let tlsClientCertificates = Setting(
        ["tls", "client-certificates"],
        .choice(["required", "optional"]),
        default: "required",
        "Whether a client without a certificate is refused; one with a wrong certificate always is."
    )
    static let tlsMinimumVersion = Setting(
        ["tls", "minimum-version"],
        .choice(["1.2", "1.3"]),
        default: "1.2",
        "The oldest version of TLS that is spoken; newer ones are preferred."
    )
    static let adminSocket = Setting(
        ["admin-socket"],
        .text,
        default: nil,
        "The Unix socket of the administration; admin.sock in the data directory if not set."
    )
    static let masterKeyFile = Setting(
        ["master-key-file"],
        .text,
        default: nil,
        "A file with 64 hexadecimal digits from which wire keys are derived. Without it UDP and "
            + "TCP do not open."
    )
    static let insecureLoopback = Setting(
        ["insecure-loopback"],
        .flag,
        default: "false",
        "Take events without authentication. Refused unless every address is a loopback one."
    )
    static let logFormat = Setting(
        ["log", "format"],
        .choice(["text", "json"]),
        default: "text",
        "How log lines are written to standard error."
    )
    static let logLevel = Setting(
        ["log", "level"],
        .choice(["trace", "debug", "info", "notice", "warning", "error"]),
        default: "info",
        "The least severe level that is logged."
    )

    static let waldurURL = Setting(
        ["waldur", "url"],
        .text,
        default: nil,
        "Waldur's API, such as https://waldur.example/api/. Also WALDUR_API_URL. Without it "
            + "nothing is reported."
    )
    static let waldurToken = Setting(
        ["waldur", "token"],
        .text,
        default: nil,
        "The token of the reporting account, as WALDUR_API_TOKEN only; a file is safer.",
        isHidden: true,
        isSecret: true
    )
    static let waldurTokenFile = Setting(
        ["waldur", "token-file"],
        .text,
        default: nil,
        "A file with the token of the reporting account. Also WALDUR_API_TOKEN_FILE."
    )
    static let waldurID = Setting(
        ["waldur", "id"],
        .text,
        default: "waldur",
        "How bindings name this Waldur; never change it once bindings exist. Several Waldurs, and several "
            + "accounts of one, are named in the settings file: waldurs.ID.url, "
            + "waldurs.ID.accounts.NAME.token-file."
    )
    static let waldurCurrency = Setting(
        ["waldur", "currency"],
        .text,
        default: nil,
        "The currency of that Waldur's prices, such as EUR; `map check` says where Waldur names another."
    )
    static let waldurTimeZone = Setting(
        ["waldur", "time-zone"],
        .text,
        default: "UTC",
        "The time zone of that Waldur's months: a name of the IANA database, such as Europe/Tallinn, or "
            + "an offset such as +02:00."
    )
    static let waldurHomePort = Setting(
        ["waldur", "homeport-url"],
        .text,
        default: nil,
        "Waldur's pages for people (HomePort), such as https://waldur.example/. Usage answers then link "
            + "each resource there."
    )
    static let waldurReportSeconds = Setting(
        ["waldur", "report-seconds"],
        .count(1...86_400),
        default: "300",
        unit: "seconds",
        "How often figures that changed are told."
    )

    static let waldurRequestLifeSeconds = Setting(
        ["waldur", "request-life-seconds"],
        .count(1...3_600),
        default: "120",
        unit: "seconds",
        "How long a request may still be running at Waldur's when nobody waits for it any more; "
            + "the longest that its workers and every proxy before it allow."
    )

    static let waldurGuardSeconds = Setting(
        ["waldur", "guard-seconds"],
        .count(1...86_400),
        default: "120",
        unit: "seconds",
        "How long before a month's end, by Waldur's clock, sending stops; at least request-life-seconds."
    )
    static let waldurTurnDelaySeconds = Setting(
        ["waldur", "turn-delay-seconds"],
        .count(0...86_400),
        default: "1800",
        unit: "seconds",
        "How long into a month nothing is sent, though Waldur was seen to have turned it."
    )
    static let waldurForeignDefault = Setting(
        ["waldur", "foreign-default"],
        .choice(["reassert", "accept"]),
        default: "reassert",
        "What becomes of a figure that somebody else wrote in Waldur and nobody decided about."
    )
    static let waldurForeignDecideHours = Setting(
        ["waldur", "foreign-decide-hours"],
        .count(0...744),
        default: "24",
        unit: "hours",
        "How long before sending stops for the month that default decides."
    )

    static let udpThreads = Setting(
        ["udp-threads"],
        .count(0...64),
        default: "0",
        unit: "threads",
        "Threads that receive datagrams; 0 is one less than the processors, at least one."
    )
    static let udpReceiveBuffer = Setting(
        ["udp-receive-buffer"],
        .count(1...1_024),
        default: "8",
        unit: "MiB",
        "The kernel's buffer of each UDP socket. When it is full the kernel drops datagrams, "
            + "counts them, and emitters send again."
    )
    static let checkpointSeconds = Setting(
        ["checkpoint-seconds"],
        .count(1...86_400),
        default: "300",
        unit: "seconds",
        "The longest time between checkpoints while there is something to write."
    )
    static let detailsRetentionDays = Setting(
        ["details-retention-days"],
        .count(1...36_500),
        default: "400",
        unit: "days",
        "How long details (models, users, outcomes, percentiles) are kept. Usage and what is billed "
            + "are not touched by it."
    )
    static let journalDays = Setting(
        ["retention", "journal-days"],
        .count(0...36_500),
        default: "35",
        unit: "days",
        "How long journal files are kept after every billing period that they concern is closed."
    )
    static let journalAgeDays = Setting(
        ["retention", "journal-age-days"],
        .count(1...36_500),
        default: "100",
        unit: "days",
        "How long journal files are kept after their events, where no Waldur has a binding."
    )
    static let journalSize = Setting(
        ["retention", "journal-size"],
        .count(1...1_000_000),
        default: "64",
        unit: "GiB",
        "What the kept journal may take. Beyond it, or when less than a tenth of the disk is free, the oldest "
            + "files go, and an alarm names the date from which on it is kept."
    )
    static let segmentsMonths = Setting(
        ["retention", "segments-months"],
        .count(13...1_200),
        default: "25",
        unit: "months",
        "How long usage by the minute is kept, of closed periods only; sums, carries and statements stay."
    )
    static let statementsMonths = Setting(
        ["retention", "statements-months"],
        .count(13...1_200),
        default: "120",
        unit: "months",
        "How long files of statements are kept; their hashes stay in the book for ever."
    )
    static let stopSeconds = Setting(
        ["stop-seconds"],
        .count(1...300),
        default: "9",
        unit: "seconds",
        "How long a stop may wait for open connections before it closes them."
    )

    static let connections = Setting(
        ["limits", "connections"],
        .count(1...1_000_000),
        default: "4096",
        unit: "connections",
        "Open TCP connections; one more is closed when it is accepted."
    )
    static let connectionsPerAddress = Setting(
        ["limits", "connections-per-address"],
        .count(1...1_000_000),
        default: "1024",
        unit: "connections",
        "Open TCP connections of one remote address; one more is closed when it is accepted."
    )
    static let firstFrameSeconds = Setting(
        ["limits", "first-frame-seconds"],
        .count(1...3_600),
        default: "10",
        unit: "seconds",
        "How long a new TCP connection may wait with its first whole frame; then it is closed."
    )
    static let frameSeconds = Setting(
        ["limits", "frame-seconds"],
        .count(1...3_600),
        default: "30",
        unit: "seconds",
        "How long a frame that has begun may take to arrive; then the connection is closed."
    )
    static let idleSeconds = Setting(
        ["limits", "idle-seconds"],
        .count(1...86_400),
        default: "300",
        unit: "seconds",
        "How long a TCP connection may be silent; then it is closed."
    )
    static let journalQueue = Setting(
        ["limits", "journal-queue"],
        .count(3...1_024),
        default: "16",
        unit: "MiB",
        "Journal bytes that wait for the disk; twice as much memory is reserved. At the limit TCP stops reading, UDP defers and "
            + "HTTP answers 429."
    )
    static let liveKeys = Setting(
        ["limits", "live-keys"],
        .count(1_000...100_000_000),
        default: "4000000",
        unit: "counters",
        "Counters in memory. At half of it a checkpoint starts; at the limit TCP stops reading, "
            + "UDP defers and HTTP answers 429 until it is done."
    )
    static let detailsMemory = Setting(
        ["limits", "details-memory"],
        .count(8...65_536),
        default: "1024",
        unit: "MiB",
        "Details in memory. At a quarter of it a checkpoint starts; at the limit TCP stops reading, "
            + "UDP defers and HTTP answers 429 until it is done."
    )
    static let detailModels = Setting(
        ["limits", "detail-models"],
        .count(1...1_000_000),
        default: "100",
        unit: "models",
        "Models of a tenant that details tell apart between two checkpoints, in each shard; the "
            + "calls of others are counted under __other__."
    )
    static let detailUsers = Setting(
        ["limits", "detail-users"],
        .count(1...10_000_000),
        default: "10000",
        unit: "users",
        "Users of a tenant that details tell apart, likewise."
    )
    static let detailKeys = Setting(
        ["limits", "detail-keys"],
        .count(1...100_000_000),
        default: "200000",
        unit: "keys",
        "Distinct agents, models, users, outcomes and quarter hours of a tenant together that "
            + "details tell apart, likewise."
    )
    static let httpBody = Setting(
        ["limits", "http-body"],
        .count(1...256),
        default: "4",
        unit: "MiB",
        "The largest HTTP request body; a larger one is refused with 413."
    )
    static let httpSeconds = Setting(
        ["limits", "http-seconds"],
        .count(1...600),
        default: "30",
        unit: "seconds",
        "How long a request may take to arrive or to become durable; then 408 or 503."
    )
    static let httpConnections = Setting(
        ["limits", "http-connections"],
        .count(1...1_000_000),
        default: "1024",
        unit: "connections",
        "Open HTTP connections; more wait to be accepted."
    )

    static let liveStreams = Setting(
        ["limits", "live-streams"],
        .count(1...10_000),
        default: "64",
        unit: "streams",
        "Open streams of live totals, of which one tenant has a quarter at most; one more is told 429."
    )
    static let burstSeconds = Setting(
        ["limits", "burst-seconds"],
        .count(1...3_600),
        default: "10",
        unit: "seconds",
        "How many seconds' worth of a rate a tenant or principal may use at once, after it was quiet."
    )
    static let tenants = Setting(
        ["limits", "tenants"],
        .count(1...10_000_000),
        default: "100000",
        unit: "names",
        "Names of tenants; events of new ones beyond are refused by name."
    )

    static let clockOffsetSeconds = Setting(
        ["clock-offset-seconds"],
        .count(-10_000_000_000...10_000_000_000),
        default: "0",
        unit: "seconds",
        "Moves the server's clock, for demonstrations.",
        isHidden: true
    )
    static let portFile = Setting(
        ["port-file"],
        .text,
        default: nil,
        "Writes the addresses that were bound to this file, as JSON, once the server is ready.",
        isHidden: true
    )

    static let all: [Setting] =
        [
            config, data, udp, tcp, tcpTLS, http, https, tlsCertificateFile, tlsKeyFile,
            tlsClientCAFile, tlsClientCertificates, tlsMinimumVersion,
            corsOrigins, adminSocket, masterKeyFile, insecureLoopback,
            logFormat,
            logLevel, waldurURL, waldurToken, waldurTokenFile, waldurID, waldurTimeZone,
            waldurCurrency, waldurHomePort,
            waldurReportSeconds, waldurRequestLifeSeconds, waldurGuardSeconds,
            waldurTurnDelaySeconds, waldurForeignDefault, waldurForeignDecideHours, udpThreads,
            udpReceiveBuffer,
            checkpointSeconds, journalDays, journalAgeDays, journalSize, segmentsMonths,
            statementsMonths, detailsRetentionDays, stopSeconds,
            connections, connectionsPerAddress, firstFrameSeconds, frameSeconds, idleSeconds,
            journalQueue, liveKeys, detailsMemory, detailModels, detailUsers, detailKeys, httpBody,
            httpSeconds, httpConnections, liveStreams,
            burstSeconds, tenants,
        ] + ofLimits.map(\.setting) + [clockOffsetSeconds, portFile]
}
