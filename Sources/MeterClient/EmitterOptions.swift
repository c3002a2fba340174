public import MeterWire

/// Where an emitter sends to.
public enum Endpoint: Hashable, Sendable {
    /// Datagrams; what is lost on the way is sent again.
    case udp(host: String, port: UInt16)
    /// A stream, opened again whenever it breaks.
    case tcp(host: String, port: UInt16)

    /// Reads `udp://host:port` or `tcp://host:port`, an IPv6 address in brackets; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let scheme = text.firstIndex(of: ":"), text[scheme...].hasPrefix("://") else {
            return nil
        }
        let address = text[scheme...].dropFirst(3)
        guard let colon = address.lastIndex(of: ":"), colon > address.startIndex,
            let port = UInt16(address[address.index(after: colon)...]), port > 0
        else { return nil }
        var host = String(address[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        switch text[..<scheme] {
        case "udp": self = .udp(host: host, port: port)
        case "tcp": self = .tcp(host: host, port: port)
        default: return nil
        }
    }
}

extension Endpoint: CustomStringConvertible {
    /// The form that `init` reads.
    public var description: String {
        switch self {
        case .udp(let host, let port): "udp://\(Self.bracketed(host)):\(port)"
        case .tcp(let host, let port): "tcp://\(Self.bracketed(host)):\(port)"
        }
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }
}

/// How an emitter works; the defaults suit an agent runtime.
public struct EmitterOptions: Sendable {
    /// Where to send.
    public var endpoint: Endpoint
    /// Key and suite.
    public var protection: WireProtection
    /// A stream that takes the same frames where datagrams do not get through: blocked, lost, or too large
    /// for a network on the way. Only of use where ``endpoint`` is `.udp`; must be `.tcp`.
    public var fallBack: Endpoint?
    /// How long datagrams may stay without an answer before the stream is tried.
    public var fallBackAfterMilliseconds: Int64 = 5_000
    /// After how long on the stream a frame goes as a datagram too, to see whether they get through
    /// again; each further time after twice as long, up to 16 times this.
    public var probeEveryMilliseconds: Int64 = 30_000
    /// Bytes of a frame over UDP, header and tag included.
    public var datagramByteCount = 1_400
    /// Bytes of a frame over TCP, header and tag included.
    public var streamFrameByteCount = 65_536
    /// Bytes of events that are kept until the server has them; beyond it new events are dropped and
    /// told of in claims.
    public var memoryByteCountMax = 64 << 20
    /// Where sealed frames are kept for the next process; nil keeps them in memory alone.
    public var spool: SpoolOptions?
    /// How long an event waits for others before its frame is sealed.
    public var sealAfterMilliseconds: Int64 = 200
    /// How often a claim is sent.
    public var claimEveryMilliseconds: Int64 = 3_000
    /// Bytes on the way over UDP at most; the emitter goes below it while datagrams are lost.
    public var datagramWindowByteCount = 256 << 10
    /// Bytes on the way over TCP at most.
    public var streamWindowByteCount = 4 << 20
    /// The least time after which a datagram without an answer is sent again; it grows with the round trip
    /// and doubles from failure to failure, up to 8 seconds.
    public var resendAfterMilliseconds: Int64 = 250
    /// The time on events and claims; by default the system's clock.
    public var clock: @Sendable () -> Timestamp = { SystemClock.now() }
    /// Called with every sealed frame of events before it is sent first, on the emitter's own thread.
    public var onSealedFrame: (@Sendable ([UInt8]) -> Void)?

    /// Options with every default.
    public init(endpoint: Endpoint, protection: WireProtection) {
        self.endpoint = endpoint
        self.protection = protection
    }

    /// ``fallBack`` where it makes sense.
    var streamToFallBackTo: Endpoint? {
        guard case .udp = endpoint, case .tcp = fallBack else { return nil }
        return fallBack
    }

    /// What of this the state machine needs.
    package var parameters: EmitterParameters {
        var parameters = EmitterParameters(
            way: .stream,
            protection: protection,
            frameByteCount: streamFrameByteCount,
            datagramWindowByteCount: datagramWindowByteCount,
            streamWindowByteCount: streamWindowByteCount,
            claimEveryMilliseconds: claimEveryMilliseconds,
            resendAfterMilliseconds: resendAfterMilliseconds
        )
        if case .udp = endpoint {
            parameters.way = .datagrams
            parameters.frameByteCount = datagramByteCount
            if streamToFallBackTo != nil {
                parameters.fallBack = EmitterParameters.FallBack(
                    afterMilliseconds: fallBackAfterMilliseconds,
                    probeEveryMilliseconds: probeEveryMilliseconds
                )
            }
        }
        return parameters
    }
}

/// What the state machine of an emitter goes by.
package struct EmitterParameters: Sendable {
    /// When the other way is tried.
    package struct FallBack: Sendable {
        package var afterMilliseconds: Int64
        package var probeEveryMilliseconds: Int64

        package init(afterMilliseconds: Int64, probeEveryMilliseconds: Int64) {
            self.afterMilliseconds = afterMilliseconds
            self.probeEveryMilliseconds = probeEveryMilliseconds
        }
    }

    /// The way that frames go at first.
    package var way: SendPath.Way
    /// Nil where there is only one way.
    package var fallBack: FallBack?
    package var protection: WireProtection
    package var frameByteCount: Int
    package var datagramWindowByteCount: Int
    package var streamWindowByteCount: Int
    package var claimEveryMilliseconds: Int64
    package var resendAfterMilliseconds: Int64

    package init(
        way: SendPath.Way,
        fallBack: FallBack? = nil,
        protection: WireProtection,
        frameByteCount: Int,
        datagramWindowByteCount: Int,
        streamWindowByteCount: Int,
        claimEveryMilliseconds: Int64,
        resendAfterMilliseconds: Int64
    ) {
        self.way = way
        self.fallBack = fallBack
        self.protection = protection
        self.frameByteCount = frameByteCount
        self.datagramWindowByteCount = datagramWindowByteCount
        self.streamWindowByteCount = streamWindowByteCount
        self.claimEveryMilliseconds = claimEveryMilliseconds
        self.resendAfterMilliseconds = resendAfterMilliseconds
    }

    /// Bytes of payload that fit into a frame.
    package var payloadByteCount: Int {
        let suite = protection.suite
        return Swift.min(Swift.max(frameByteCount, 256), WireLimits.frameByteCountMax)
            - WireLimits.headerByteCount - suite.nonceByteCount - suite.tagByteCount
    }
}
