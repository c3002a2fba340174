import MeterTesting

@testable import MeterClient
@testable import MeterWire

/// An emitter's state machine, a network that loses, repeats and reorders datagrams and breaks streams, and
/// a model server.
struct Simulation: ~Copyable {
    /// What the network does.
    struct Network {
        /// One datagram of so many is lost; 0 for none.
        var lossOneIn = 5
        /// Nothing gets through at all.
        var isCut = false
        /// Datagrams larger than this vanish without a word.
        var datagramByteCountMax = Int.max
        /// Streams cannot be opened, and those that are break.
        var isStreamBlocked = false
    }

    private struct Packet {
        let at: Int64
        let way: SendPath.Way
        let bytes: [UInt8]
    }

    /// Something that left the emitter.
    struct Departure {
        let at: Int64
        let way: SendPath.Way
        let bytes: [UInt8]

        var isEvents: Bool { bytes[4] == FrameKind.events.rawValue }
    }

    var seed: Seed
    let key: WireKey?
    var server: ModelServer
    /// One frame of so many is deferred; 0 for none.
    var defersOneIn = 8
    var network = Network()
    var recorder: Recorder
    var state: EmitterState
    let parameters: EmitterParameters
    let memoryByteCountMax: Int
    var now: Int64 = 0
    private(set) var departures: [Departure] = []
    private(set) var recorded: [String: UInt128] = [:]
    private(set) var recordedCount: UInt64 = 0
    private var toServer: [Packet] = []
    private var toEmitter: [Packet] = []
    private var isStreamOpen = false
    private var lifeNumber: UInt64
    private let spool: SpoolSetting?

    /// The spool of every life of the emitter.
    struct SpoolSetting {
        let directory: SimulatedSpoolDirectory
        var byteCountMax = 1 << 20
        var isSynced = false
        var writing = SpoolOptions.Writing.beforeSending
        var otherKeys: [WireKey] = []
    }

    init(
        _ number: UInt64,
        memoryByteCountMax: Int = 1 << 20,
        spool: SpoolSetting? = nil,
        change: (inout EmitterParameters) -> Void = { _ in }
    ) {
        seed = Seed(number)
        let key = WireKey.derived(fromMaster: [9], id: KeyID(rawValue: 3))
        let protection: WireProtection =
            seed.oneIn(3) ? .none : seed.oneIn(2) ? .signed(key) : .encrypted(key)
        var parameters = EmitterParameters(
            way: .datagrams,
            protection: protection,
            frameByteCount: 500,
            datagramWindowByteCount: 8_000,
            streamWindowByteCount: 20_000,
            claimEveryMilliseconds: 1_000,
            resendAfterMilliseconds: 100
        )
        change(&parameters)
        self.parameters = parameters
        self.key = parameters.protection.key
        server = ModelServer(key: parameters.protection.key)
        self.memoryByteCountMax = memoryByteCountMax
        recorder = Recorder(
            payloadByteCount: parameters.payloadByteCount,
            byteCountMax: memoryByteCountMax
        )
        self.spool = spool
        lifeNumber = number &* 77
        state = Self.state(parameters, spool, Seed(lifeNumber), now: 0)
    }

    private static func state(
        _ parameters: EmitterParameters,
        _ spool: SpoolSetting?,
        _ seed: Seed,
        now: Int64
    ) -> EmitterState {
        EmitterState(
            parameters: parameters,
            generator: seed,
            now: now,
            spool: spool.map {
                Spool(
                    $0.directory,
                    bootID: $0.directory.bootID,
                    byteCountMax: $0.byteCountMax,
                    isSynced: $0.isSynced
                )
            },
            spoolWriting: spool?.writing ?? .beforeSending,
            otherKeys: spool?.otherKeys ?? []
        )
    }

    /// The emitter's process is killed, and another one begins.
    mutating func killEmitter() {
        recorder.reset()
        isStreamOpen = false
        lifeNumber &+= 1
        // The dead one's rights go before the new one asks for its own.
        state = Self.state(parameters, nil, Seed(0), now: now)
        state = Self.state(parameters, spool, Seed(lifeNumber), now: now)
    }

    /// Whether the process is dead by now: its disk answers nothing any more.
    private var isDead: Bool { spool?.directory.isDead ?? false }

    mutating func record() {
        let components = ["input_tokens", "output_tokens", "agent_calls"]
        let count = 1 + seed.below(3)
        let event = UsageEvent(
            time: Timestamp(milliseconds: 1_000_000 + now),
            tenant: "t\(seed.below(3))",
            agent: "agent-\(seed.below(10))",
            amounts: (0..<count).map {
                ComponentAmount(components[$0], UInt64(seed.below(100_000)))
            }
        )
        for amount in event.amounts {
            recorded[amount.component, default: 0] += UInt128(amount.amount)
        }
        recordedCount += 1
        _ = recorder.record(event)
    }

    mutating func record(_ count: Int) { for _ in 0..<count { record() } }

    /// Ten milliseconds go by.
    mutating func tick(partial: Bool) {
        now += 10
        if let dropped = recorder.takeDropped() { state.add(dropped) }
        let payloads = recorder.take(
            partial: partial,
            outstandingByteCount: state.occupied(of: memoryByteCountMax)
        )
        state.seal(payloads, now: now, wall: 1_000_000 + now)
        recorder.giveBack(payloads)
        send()
        deliver()
        if seed.oneIn(3) { server.sync() }
    }

    /// Time goes by until the emitter is finished, or for so many ticks.
    mutating func finish(ticks: Int = 4_000) -> Bool {
        state.finish()
        for _ in 0..<ticks where !state.isFinished { tick(partial: true) }
        return state.isFinished
    }

    private mutating func send() {
        state.choosePath(now: now)
        openOrCloseStream()
        let way = state.path.way
        guard way == .datagrams || isStreamOpen else { return }
        let due = state.poll(now: now, wall: 1_000_000 + now)
        if isDead { return }
        for bytes in due.frames + due.claims { depart(bytes, way) }
        if let probe = due.probe { depart(probe, .datagrams) }
    }

    private mutating func openOrCloseStream() {
        let isPossible = !network.isCut && !network.isStreamBlocked
        if !state.path.usesStream(now: now) || !isPossible {
            isStreamOpen = false
            toServer.removeAll { $0.way == .stream }
            toEmitter.removeAll { $0.way == .stream }
            state.streamClosed(now: now)
        } else if !isStreamOpen {
            isStreamOpen = true
            state.streamOpened(now: now)
        }
    }

    private mutating func depart(_ bytes: [UInt8], _ way: SendPath.Way) {
        departures.append(Departure(at: now, way: way, bytes: bytes))
        guard way == .datagrams else {
            toServer.append(Packet(at: now + 20, way: way, bytes: bytes))
            return
        }
        guard !isLost(bytes) else { return }
        for _ in 0..<(seed.oneIn(6) ? 2 : 1) {
            let at = now + Int64(seed.below(60))
            toServer.append(Packet(at: at, way: way, bytes: bytes))
        }
    }

    private mutating func isLost(_ bytes: [UInt8]) -> Bool {
        network.isCut || bytes.count > network.datagramByteCountMax
            || (network.lossOneIn > 0 && seed.oneIn(network.lossOneIn))
    }

    private mutating func deliver() {
        let arriving = toServer.filter { $0.at <= now }
        toServer.removeAll { $0.at <= now }
        for way in [SendPath.Way.datagrams, .stream] {
            var touched: Set<SourceID> = []
            for packet in arriving where packet.way == way {
                let defers = defersOneIn > 0 && seed.oneIn(defersOneIn)
                if let id = server.receive(packet.bytes, defers: defers) { touched.insert(id) }
            }
            for id in touched.sorted() { answer(id, way) }
        }
        let answers = toEmitter.filter { $0.at <= now }
        toEmitter.removeAll { $0.at <= now }
        for packet in answers { state.receive(packet.bytes, over: packet.way, now: now) }
    }

    private mutating func answer(_ id: SourceID, _ way: SendPath.Way) {
        let bytes = server.acknowledgement(id, byteCountMax: 400)
        guard way == .stream || !isLost(bytes) else { return }
        let delay = way == .stream ? 20 : Int64(seed.below(60))
        toEmitter.append(Packet(at: now + delay, way: way, bytes: bytes))
    }

    /// The server's process ends: what it did not sync is gone, streams break.
    mutating func crashServer() {
        server.crash()
        isStreamOpen = false
        toServer.removeAll { $0.way == .stream }
        toEmitter.removeAll { $0.way == .stream }
    }

    /// What is on its way to the server is lost.
    mutating func loseWhatIsOnTheWay() { toServer.removeAll() }

    /// What the server holds, and what the claims say that it never will.
    func accounted() -> [String: UInt128] {
        var totals = server.totals()
        for source in server.sources.values {
            for line in source.claim?.lines ?? [] where line.kind != .pending {
                totals[line.component.description, default: 0] += line.amount
            }
        }
        return totals
    }

    func claimedTotals() -> [String: UInt128] {
        var totals: [String: UInt128] = [:]
        for source in server.sources.values {
            for total in source.claim?.totals ?? [] {
                totals[total.component.description, default: 0] += total.amount
            }
        }
        return totals
    }

    /// Bytes of events' frames that left within a time.
    func eventBytesSent(_ times: Range<Int64>) -> Int {
        departures.reduce(0) { sum, departure in
            times.contains(departure.at) && departure.isEvents
                ? sum + departure.bytes.count : sum
        }
    }
}
