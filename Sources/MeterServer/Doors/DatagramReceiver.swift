internal import CMeter
internal import Glibc
internal import Meter
internal import MeterWire
internal import Synchronization

/// One thread that receives datagrams on one socket, hands each to the engine, and sends the
/// acknowledgements that have become due.
///
/// Answers only authenticated sources, and never with more bytes than came from them since the last
/// answer, so that nobody can be flooded through the server. One acknowledgement covers everything
/// that a source sent before a sync.
@safe
final class DatagramReceiver {
    /// Calls the kernel for this many at once.
    private static let batchCount = 64
    /// More than any UDP datagram holds.
    private static let capacity = 65_536
    private static let answerCapacity = WireLimits.datagramByteCount

    @safe private struct Debt {
        var owed = Owed()
        var address = sockaddr_storage()
        var addressByteCount: UInt32 = 0
        /// Bytes that came from the address and were not answered yet.
        var budget = 0

        mutating func received(_ datagram: meter_datagram) {
            if unsafe !isFrom(datagram) {
                unsafe address = datagram.address
                addressByteCount = unsafe datagram.address_count
                budget = 0
            }
            budget = min(budget + Int(unsafe datagram.count), 1 << 20)
        }

        private func isFrom(_ datagram: meter_datagram) -> Bool {
            guard unsafe addressByteCount == datagram.address_count else { return false }
            let count = Int(min(addressByteCount, UInt32(MemoryLayout<sockaddr_storage>.size)))
            return unsafe withUnsafeBytes(of: address) { known in
                unsafe withUnsafeBytes(of: datagram.address) { new in
                    guard let known = known.baseAddress, let new = new.baseAddress else {
                        return false
                    }
                    return unsafe memcmp(known, new, count) == 0
                }
            }
        }
    }

    private let socket: DatagramSocket
    private let engine: Engine
    private let receiver: Receiver
    private let clock: ServerClock
    private let metrics: ServerMetrics
    private let signals: Signals
    private let heartbeat: Heartbeat
    private let datagrams: UnsafeMutableBufferPointer<meter_datagram>
    private let answers: UnsafeMutableBufferPointer<meter_datagram>
    private let slab: UnsafeMutableRawPointer
    private let answerSlab: UnsafeMutableRawPointer
    private var debts: [SourceHandle: Debt] = [:]
    private var hasUrgent = false
    private var answeredDurable: UInt64 = 0

    /// What other threads tell this one.
    final class Signals: Sendable {
        let wakeUp: WakeUp
        let isOwing = Atomic(false)
        let isStopping = Atomic(false)

        init() throws(SystemCallError) { wakeUp = try WakeUp() }

        /// The journal became durable further up.
        func published() {
            if isOwing.load(ordering: .acquiring) { wakeUp.signal() }
        }

        func stop() {
            isStopping.store(true, ordering: .releasing)
            wakeUp.signal()
        }
    }

    init(
        socket: DatagramSocket,
        context: ServerContext,
        signals: Signals,
        heartbeat: Heartbeat
    ) {
        self.socket = socket
        self.signals = signals
        self.heartbeat = heartbeat
        engine = context.engine
        receiver = Receiver(engine: context.engine)
        clock = context.clock
        metrics = context.metrics
        unsafe datagrams = .allocate(capacity: Self.batchCount)
        unsafe answers = .allocate(capacity: Self.batchCount)
        unsafe slab = .allocate(byteCount: Self.batchCount * Self.capacity, alignment: 64)
        unsafe answerSlab = .allocate(
            byteCount: Self.batchCount * Self.answerCapacity,
            alignment: 64
        )
        unsafe datagrams.initialize(repeating: meter_datagram())
        unsafe answers.initialize(repeating: meter_datagram())
        for index in 0..<Self.batchCount {
            unsafe datagrams[index].bytes = slab + index * Self.capacity
            unsafe datagrams[index].capacity = UInt32(Self.capacity)
            unsafe answers[index].bytes = answerSlab + index * Self.answerCapacity
        }
    }

    deinit {
        unsafe datagrams.deallocate()
        unsafe answers.deallocate()
        unsafe slab.deallocate()
        unsafe answerSlab.deallocate()
    }

    /// Receives until it is told to stop, then until the socket is empty.
    func run() {
        defer { heartbeat.end() }
        while true {
            heartbeat.beat()
            let count = unsafe meter_receive_datagrams(
                socket.descriptor,
                datagrams.baseAddress,
                UInt32(Self.batchCount)
            )
            if count > 0 {
                take(Int(count))
                answerIfDue()
                continue
            }
            let number = errno
            answerIfDue()
            if signals.isStopping.load(ordering: .acquiring) {
                drain()
                return
            }
            if number != EAGAIN {
                metrics.datagramReceiveErrors.add("\(number)")
                usleep(1_000)
            }
            sleep(milliseconds: 1_000)
        }
    }

    /// Waits for the sync that covers what was received last, and answers. An emitter that misses the
    /// answer sends again to the next server, which knows the frames as duplicates.
    private func drain() {
        for _ in 0..<20 where !debts.isEmpty {
            sleep(milliseconds: 100)
            answerIfDue()
        }
    }

    // MARK: - Receiving

    private func take(_ count: Int) {
        let now = clock.now()
        var tally = FrameTally()
        var deferrals: [Deferral: Int] = [:]
        var byteCount = 0
        for index in 0..<count {
            let datagram = unsafe datagrams[index]
            byteCount += Int(unsafe datagram.count)
            guard unsafe datagram.truncated == 0 else {
                metrics.datagramsTooLarge.add()
                continue
            }
            let outcome = unsafe receiver.ingest(
                frame: UnsafeRawBufferPointer(start: datagram.bytes, count: Int(datagram.count)),
                at: now,
                by: .udp,
                from: unsafe PeerAddress(datagram)
            )
            tally.count(outcome.disposition)
            if case .ignored(let error) = outcome.disposition {
                metrics.ignored.add("udp", error.reason)
            }
            if case .deferred(let reason) = outcome.disposition {
                deferrals[reason, default: 0] += 1
            }
            guard let source = outcome.source else { continue }
            unsafe debts[source, default: Debt()].received(datagram)
            if case .deferred = outcome.disposition {
                debts[source]?.owed.defer(outcome.sequences)
                hasUrgent = true
            } else {
                debts[source]?.owed.receive(upTo: outcome.position)
                // What repeats something durable waits for no sync: none may come.
                if outcome.position <= answeredDurable { hasUrgent = true }
            }
        }
        metrics.datagrams.add(count)
        metrics.datagramBytes.add(byteCount)
        metrics.udpFrames.add(tally)
        for (reason, count) in deferrals {
            metrics.deferrals.add("udp", reason.rawValue, count: count)
        }
        if !debts.isEmpty { signals.isOwing.store(true, ordering: .releasing) }
    }

    private func sleep(milliseconds: CInt) {
        signals.isOwing.store(!debts.isEmpty, ordering: .sequentiallyConsistent)
        // What became durable between the last look and the flag would not wake us.
        if isAnswerDue { return }
        var polled = (
            pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
        )
        _ = unsafe withUnsafeMutableBytes(of: &polled) { bytes in
            unsafe bytes.withMemoryRebound(to: pollfd.self) { descriptors in
                unsafe poll(descriptors.baseAddress, nfds_t(descriptors.count), milliseconds)
            }
        }
        if polled.1.revents != 0 { signals.wakeUp.clear() }
    }

    // MARK: - Answering

    private var isAnswerDue: Bool {
        !debts.isEmpty && (hasUrgent || engine.durable != answeredDurable)
    }

    private func answerIfDue() {
        guard isAnswerDue else { return }
        let durable = engine.durable
        hasUrgent = false
        answeredDurable = durable
        var count = 0
        for source in debts.filter({ $0.value.owed.isDue(durable: durable) }).keys {
            guard var debt = debts[source] else { continue }
            guard debt.budget >= Acknowledgement.byteCountMin else {
                // Answered when the source has sent more.
                metrics.acknowledgementsHeldBack.add("byte-budget")
                continue
            }
            guard
                let bytes = engine.acknowledgement(
                    for: source,
                    byteCountMax: min(debt.budget, Self.answerCapacity),
                    deferred: debt.owed.deferred
                )
            else {
                // Its key was revoked meanwhile.
                debts[source] = nil
                continue
            }
            unsafe put(bytes, for: debt, into: &answers[count])
            count += 1
            debt.budget -= bytes.count
            debt.owed.acknowledged(durable: durable)
            debts[source] = debt.owed.isEmpty ? nil : debt
            if count == Self.batchCount {
                send(count)
                count = 0
            }
        }
        if count > 0 { send(count) }
    }

    private func put(_ bytes: [UInt8], for debt: Debt, into answer: inout meter_datagram) {
        unsafe answer.address = debt.address
        unsafe answer.address_count = debt.addressByteCount
        unsafe answer.count = UInt32(min(bytes.count, Self.answerCapacity))
        let target = unsafe UnsafeMutableRawBufferPointer(
            start: answer.bytes,
            count: Self.answerCapacity
        )
        unsafe target.copyBytes(from: bytes.prefix(Self.answerCapacity))
    }

    /// An acknowledgement that the kernel does not take is lost like any datagram: the emitter sends
    /// again and is answered again.
    private func send(_ count: Int) {
        var sent = 0
        while sent < count {
            guard let base = unsafe answers.baseAddress else { return }
            let result = unsafe meter_send_datagrams(
                socket.descriptor,
                base + sent,
                UInt32(count - sent)
            )
            if result <= 0 {
                metrics.acknowledgementsHeldBack.add("send-failed", count: 1)
                sent += 1
            } else {
                metrics.acknowledgements.add("udp", count: Int(result))
                sent += Int(result)
            }
        }
    }
}

extension PeerAddress {
    /// Whose datagram it is; nil for an address of another family.
    ///
    /// Read where Linux has it: `sin_addr` behind family and port, `sin6_addr` behind the flow besides.
    fileprivate init?(_ datagram: meter_datagram) {
        let address = unsafe datagram.address
        let (ipv4, high, low) = unsafe withUnsafeBytes(of: address) { bytes in
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            )
        }
        switch Int32(address.ss_family) {
        case AF_INET: self.init(ipv4: UInt32(bigEndian: ipv4))
        case AF_INET6: self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        default: return nil
        }
    }
}
