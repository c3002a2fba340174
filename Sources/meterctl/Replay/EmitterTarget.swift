internal import ArgumentParser
internal import Glibc
internal import MeterClient
internal import MeterWire

/// Where emit and replay send frames to, and under which key.
struct EmitterTarget: ParsableArguments {
    @Option(help: ArgumentHelp("Send over UDP.", valueName: "host:port"))
    var udp: String?
    @Option(help: ArgumentHelp("Send over TCP.", valueName: "host:port"))
    var tcp: String?
    @Option(
        help: ArgumentHelp("A file with a wire key (mtrw_...).", valueName: "path"),
        completion: .file()
    )
    var wireKeyFile: String?
    @Flag(help: "Encrypt (suite 2) instead of only signing (suite 1).")
    var encrypt = false
    @Flag(help: "Send without a key, to a server with --insecure-loopback.")
    var insecure = false
    @Option(
        help: ArgumentHelp(
            "Seconds by which the clock on claims is moved, as the server's --clock-offset-seconds.",
            valueName: "seconds"
        )
    )
    var clockOffset: Int64 = 0
    @Flag(help: "Check everything, show what would be sent, and send nothing; needs no key.")
    var dryRun = false

    func validate() throws {
        guard udp != nil || tcp != nil else {
            throw ValidationError("Say where to send: --udp HOST:PORT, --tcp HOST:PORT, or both.")
        }
        guard insecure != (wireKeyFile != nil) || dryRun && !insecure else {
            throw ValidationError("Name a key with --wire-key-file, or send with --insecure.")
        }
    }

    /// The key that is used; nil with `--insecure`. In a dry run without one any stands for it, since all make
    /// frames of one size.
    func key() throws(CommandFailure) -> WireKey? {
        guard let wireKeyFile else {
            return insecure
                ? nil : WireKey.derived(fromMaster: [0], id: KeyID(rawValue: 0))
        }
        guard let key = WireKey(text: try LocalFile.secret(wireKeyFile)) else {
            throw CommandFailure(
                .failed,
                "\(wireKeyFile) does not hold a wire key",
                next: "make one: meterctl keys create wire --platform all > \(wireKeyFile)"
            )
        }
        return key
    }

    /// UDP first where both are named.
    func endpoints() throws(CommandFailure) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for (scheme, address) in [("udp", udp), ("tcp", tcp)] {
            guard let address else { continue }
            guard let endpoint = Endpoint("\(scheme)://\(address)") else {
                throw CommandFailure(.usage, "--\(scheme) \(address) is not HOST:PORT")
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    func protection(_ key: WireKey?) -> WireProtection {
        key.map { encrypt ? .encrypted($0) : .signed($0) } ?? .none
    }

    func options(_ endpoint: Endpoint, _ protection: WireProtection) -> EmitterOptions {
        var options = EmitterOptions(endpoint: endpoint, protection: protection)
        let offset = clockOffset * 1_000
        options.clock = { Clocks.wall().advanced(byMilliseconds: offset) }
        return options
    }
}

extension EmitterTarget {
    /// The ways that frames would go, UDP first where both are named; nothing in them yet.
    func planned() throws(CommandFailure) -> [PlannedFrames] {
        let protection = protection(try key())
        return try endpoints().map { PlannedFrames(options($0, protection)) }
    }

    /// Shows what would be sent.
    ///
    /// - Throws: ``CommandFailure`` where something of it cannot be.
    func show(_ lanes: [PlannedFrames], _ output: OutputOptions) throws(CommandFailure) {
        output.show(PlannedFrames.table(lanes))
        if let defect = lanes.compactMap(\.lastDefect).first {
            let count = lanes.reduce(0) { $0 + $1.invalidCount }
            throw CommandFailure(
                .failed,
                "\(count) event\(count == 1 ? "" : "s") cannot be sent: \(defect)"
            )
        }
        Terminal.talk("a dry run: nothing was sent")
    }
}

/// The system's clocks.
enum Clocks {
    static func wall() -> Timestamp { Timestamp(milliseconds: read(CLOCK_REALTIME) / 1_000) }

    /// Microseconds of a clock that never goes back.
    static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Sleeps until ``monotonic()`` has reached a moment.
    static func sleep(until moment: Int64) {
        while true {
            let left = moment - monotonic()
            guard left > 0 else { return }
            usleep(UInt32(clamping: min(left, 500_000)))
        }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
