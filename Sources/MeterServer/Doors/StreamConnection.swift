internal import Meter
internal import MeterWire
internal import NIOCore

/// One TCP connection: frames with four bytes of length before each, acknowledgements likewise.
///
/// Frames are handed to the engine where they lie in the read buffer; only one that two reads share is
/// copied. What the engine cannot take now is kept, and nothing more is read until it can: the peer's
/// window fills and its emitter waits.
final class StreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let lengthByteCount = 4

    private let loop: StreamLoop
    private let remoteAddress: String
    private let peer: PeerAddress?
    private var context: ChannelHandlerContext?

    /// The beginning of a frame whose end has not come yet.
    private var partial: [UInt8] = []
    /// What the engine could not take, in order; nothing is read while there is any.
    private var heldBack: [ByteBuffer] = []
    /// When it is worth offering again what was held back for a rate.
    private var rateOpens = NIODeadline.now()
    /// How often the same frame was held back for a rate.
    private var rateHoldCount = 0

    private var owed: [SourceHandle: Owed] = [:]
    /// Who sent the first authentic frame; counts among its connections.
    private var principal: PrincipalID?
    private var isInputClosed = false
    private var isFinishing = false
    private let began = NIODeadline.now()
    private var lastRead = NIODeadline.now()
    private var partialBegan: NIODeadline?
    private var unwritableSince: NIODeadline?

    init(loop: StreamLoop, remoteAddress: String) {
        self.loop = loop
        self.remoteAddress = remoteAddress
        peer = PeerAddress(remoteAddress)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.metrics.connectionsAccepted.add()
        loop.metrics.connectionsOpen.add(1)
        loop.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.remove(self)
        loop.admission.leave(remoteAddress, principal)
        loop.metrics.connectionsOpen.add(-1)
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close("connection-error")
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            isInputClosed = true
            closeIfFinished()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            unwritableSince = nil
            _ = acknowledge(durable: loop.engine.durable)
        } else {
            unwritableSince = .now()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        lastRead = .now()
        loop.metrics.streamBytes.add(buffer.readableBytes)
        guard heldBack.isEmpty else {
            // Reads that were under way when reading was stopped.
            heldBack.append(buffer)
            return
        }
        if !take(&buffer) { holdBack(buffer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if owed.values.contains(where: { $0.isDue(durable: loop.engine.durable) }) {
            _ = acknowledge(durable: loop.engine.durable)
        }
        context.fireChannelReadComplete()
    }

    /// Hands every whole frame to the engine.
    ///
    /// - Returns: False if the engine could not take one: it and what follows is left in the buffer.
    private func take(_ buffer: inout ByteBuffer) -> Bool {
        let now = loop.clock.now()
        var tally = FrameTally()
        defer {
            loop.metrics.tcpFrames.add(tally)
            if !owed.isEmpty { loop.setOwing(self) }
        }
        if !partial.isEmpty, !complete(from: &buffer, at: now, &tally) { return false }
        guard partial.isEmpty, context != nil else { return true }
        var isTaken = true
        let consumed = unsafe buffer.withUnsafeReadableBytes { bytes -> Int in
            var offset = 0
            while bytes.count - offset >= Self.lengthByteCount {
                let length = unsafe Self.length(bytes, at: offset)
                guard isAcceptable(length) else { return bytes.count }
                let end = offset + Self.lengthByteCount + length
                guard end <= bytes.count else { break }
                let frame = unsafe UnsafeRawBufferPointer(
                    rebasing: bytes[(offset + Self.lengthByteCount)..<end]
                )
                switch unsafe receive(frame, at: now, &tally) {
                case .taken: offset = end
                case .heldBack:
                    isTaken = false
                    return offset
                case .refused: return bytes.count
                }
            }
            return offset
        }
        buffer.moveReaderIndex(forwardBy: consumed)
        if isTaken, buffer.readableBytes > 0 {
            partial.append(contentsOf: buffer.readableBytesView)
            partialBegan = .now()
            buffer.moveReaderIndex(forwardBy: buffer.readableBytes)
        }
        return isTaken
    }

    /// Adds bytes to the frame that has begun, and hands it over when it is whole.
    private func complete(
        from buffer: inout ByteBuffer,
        at now: Timestamp,
        _ tally: inout FrameTally
    ) -> Bool {
        extend(to: Self.lengthByteCount, from: &buffer)
        guard partial.count >= Self.lengthByteCount else { return true }
        let length = unsafe partial.withUnsafeBytes { unsafe Self.length($0, at: 0) }
        guard isAcceptable(length) else { return true }
        extend(to: Self.lengthByteCount + length, from: &buffer)
        guard partial.count == Self.lengthByteCount + length else { return true }
        let fate = unsafe partial.withUnsafeBytes { bytes in
            unsafe receive(
                UnsafeRawBufferPointer(rebasing: bytes[Self.lengthByteCount...]),
                at: now,
                &tally
            )
        }
        guard fate != .heldBack else { return false }
        partial.removeAll(keepingCapacity: partial.capacity <= 1 << 17)
        partialBegan = nil
        return true
    }

    private func extend(to count: Int, from buffer: inout ByteBuffer) {
        let missing = min(count - partial.count, buffer.readableBytes)
        guard missing > 0, let slice = buffer.readSlice(length: missing) else { return }
        partial.append(contentsOf: slice.readableBytesView)
    }

    private enum Fate { case taken, heldBack, refused }

    private func receive(
        _ frame: UnsafeRawBufferPointer,
        at now: Timestamp,
        _ tally: inout FrameTally
    ) -> Fate {
        let outcome = unsafe loop.receiver.ingest(
            frame: frame,
            at: now,
            by: .tcp,
            from: peer
        )
        tally.count(outcome.disposition)
        if principal == nil, let source = outcome.source, !identify(source.key.principal) {
            return .refused
        }
        switch outcome.disposition {
        case .ignored(let error):
            loop.metrics.ignored.add("tcp", error.reason)
            guard error.isBeforeAuthentication else { return .taken }
            // Neither the rest of the stream nor its peer can be trusted.
            close("unauthenticated")
            return .refused
        case .deferred(.liveKeys), .deferred(.journal):
            if heldBack.isEmpty {
                loop.metrics.deferrals.add("tcp", Self.reason(outcome.disposition))
            }
            return .heldBack
        case .deferred(.principalRate), .deferred(.tenantRate):
            if rateHoldCount == 0 {
                loop.metrics.deferrals.add("tcp", Self.reason(outcome.disposition))
            }
            waitForRate(outcome.waitMilliseconds)
            return .heldBack
        case .deferred(let reason):
            loop.metrics.deferrals.add("tcp", reason.rawValue)
            if let source = outcome.source {
                owed[source, default: Owed()].defer(outcome.sequences)
            }
            return .taken
        case .new, .duplicate, .inConflict:
            rateHoldCount = 0
            if let source = outcome.source {
                owed[source, default: Owed()].receive(upTo: outcome.position)
            }
            return .taken
        }
    }

    /// Counts the connection among its principal's; closes it if there is one too many.
    private func identify(_ principal: PrincipalID) -> Bool {
        if let hit = loop.admission.identify(principal, loop.engine.limiters) {
            loop.metrics.connectionsRefused.add("\(hit.limit.rawValue)-of-\(hit.subject.kind)")
            close("too-many-of-principal")
            return false
        }
        self.principal = principal
        return true
    }

    private static func reason(_ disposition: FrameOutcome.Disposition) -> String {
        if case .deferred(let reason) = disposition { reason.rawValue } else { "" }
    }

    private func isAcceptable(_ length: Int) -> Bool {
        if length >= WireLimits.headerByteCount, length <= WireLimits.frameByteCountMax {
            return true
        }
        loop.metrics.ignored.add("tcp", "frame-length")
        close("frame-length")
        return false
    }

    private static func length(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        Int(UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    // MARK: - Holding back

    /// Many connections may wait for one bucket, and each frame that is offered again costs its tag: so
    /// each waits longer from time to time, which the bucket's burst makes good.
    private func waitForRate(_ milliseconds: Int64) {
        let patience = Int64(10) << min(rateHoldCount, 7)
        rateHoldCount += 1
        rateOpens = .now() + .milliseconds(min(max(milliseconds, patience), 10_000))
    }

    /// Whether what is held back may be taken now.
    func isWorthRetrying(_ now: NIODeadline) -> Bool { rateHoldCount == 0 || now >= rateOpens }

    private func holdBack(_ buffer: ByteBuffer) {
        heldBack.append(buffer)
        loop.setHeldBack(self)
        loop.metrics.readingPauses.add()
        setReading(false)
    }

    /// Offers what was held back again.
    ///
    /// - Returns: Whether all of it was taken, and reading goes on.
    func retry() -> Bool {
        guard context != nil else { return true }
        while let first = heldBack.first {
            var buffer = first
            guard take(&buffer) else {
                heldBack[0] = buffer
                return false
            }
            heldBack.removeFirst()
        }
        lastRead = .now()
        if !isFinishing { setReading(true) }
        closeIfFinished()
        return true
    }

    private func setReading(_ isReading: Bool) {
        guard let context else { return }
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
        if isReading { context.read() }
    }

    // MARK: - Acknowledging

    /// Sends every acknowledgement that is due.
    ///
    /// - Returns: Whether some are still owed.
    func acknowledge(durable: UInt64) -> Bool {
        guard let context else { return false }
        guard context.channel.isWritable else {
            // The peer reads nothing: it is told everything at once when it does.
            loop.metrics.acknowledgementsHeldBack.add("unwritable")
            return !owed.isEmpty
        }
        var isWritten = false
        for (source, value) in owed where value.isDue(durable: durable) {
            var value = value
            if let bytes = loop.engine.acknowledgement(
                for: source,
                byteCountMax: WireLimits.frameByteCountMax,
                deferred: value.deferred
            ) {
                var buffer = context.channel.allocator.buffer(
                    capacity: Self.lengthByteCount + bytes.count
                )
                buffer.writeInteger(UInt32(bytes.count))
                buffer.writeBytes(bytes)
                context.write(wrapOutboundOut(buffer), promise: nil)
                loop.metrics.acknowledgements.add("tcp")
                isWritten = true
            }
            value.acknowledged(durable: durable)
            owed[source] = value.isEmpty ? nil : value
        }
        if isWritten { context.flush() }
        closeIfFinished()
        return !owed.isEmpty
    }

    // MARK: - Ending

    /// Reads no more, and closes once everything is acknowledged.
    func finish() {
        isFinishing = true
        setReading(false)
        closeIfFinished()
    }

    private func closeIfFinished() {
        guard isInputClosed || isFinishing, owed.isEmpty else { return }
        // What is held back was never acknowledged; the emitter sends it to the next server.
        guard isFinishing || heldBack.isEmpty else { return }
        close(isInputClosed ? "peer" : "stopping")
    }

    func close(_ reason: String) {
        guard let context else { return }
        loop.metrics.connectionsClosed.add(reason)
        self.context = nil
        context.close(promise: nil)
    }

    /// Closes if a time limit has passed. While the engine holds back a known peer, nothing is its fault.
    func checkTime(_ now: NIODeadline) {
        let limits = loop.limits
        if principal == nil, now - began > TimeAmount(limits.firstFrameTimeout) {
            return close("first-frame-timeout")
        }
        guard heldBack.isEmpty else { return }
        if let partialBegan, now - partialBegan > TimeAmount(limits.frameTimeout) {
            close("frame-timeout")
        } else if let unwritableSince, now - unwritableSince > TimeAmount(limits.frameTimeout) {
            close("unwritable-timeout")
        } else if now - lastRead > TimeAmount(limits.idleTimeout) {
            close("idle-timeout")
        }
    }
}
