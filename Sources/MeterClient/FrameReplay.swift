public import MeterWire

/// Sends sealed frames that were kept (``EmitterOptions/onSealedFrame``) once more, as they are.
///
/// The server counts each as a duplicate, or as new where it never had it; no figure changes twice.
public enum FrameReplay {
    /// What came of a replay.
    public struct Outcome: Sendable, Equatable {
        /// Frames that were handed to the socket.
        public var framesSent = 0
        /// Bytes of them.
        public var bytesSent = 0
        /// Acknowledgements under our key that came back.
        public var acknowledgements = 0
        /// Events of the frames' sources that the server accepted over their lives, as it said last.
        public var accepted: UInt64 = 0
        /// Events that came to it more than once, as it said last.
        public var duplicate: UInt64 = 0
        /// Events in conflict, as it said last.
        public var inConflict: UInt64 = 0
    }

    /// Sends every frame once, at a pace that a server's buffers stand, and waits until no more answers
    /// come. Blocks the caller.
    ///
    /// - Parameters:
    ///   - frames: Sealed frames of events; over UDP each must fit into a datagram.
    ///   - quietMilliseconds: How long to wait for an answer after the last one.
    ///   - timeoutMilliseconds: How long all of it may take.
    public static func send(
        _ frames: [[UInt8]],
        to endpoint: Endpoint,
        protection: WireProtection,
        quietMilliseconds: Int64 = 500,
        timeoutMilliseconds: Int64 = 60_000
    ) -> Outcome {
        let link = Link(endpoint)
        let start = SystemClock.monotonic()
        var outcome = Outcome()
        var newest: [SourceID: Acknowledgement] = [:]
        var heardAt = start
        var next = 0
        while true {
            let now = SystemClock.monotonic()
            if now - start >= timeoutMilliseconds { break }
            if next == frames.count, now - heardAt >= quietMilliseconds { break }
            // A stream that broke may have lost what it carried: all of it goes again.
            if link.open(now: now), case .tcp = endpoint { next = 0 }
            var burst = 0
            while link.isOpen, !link.isCongested, next < frames.count, burst < 32 {
                link.send(frames[next])
                outcome.framesSent += 1
                outcome.bytesSent += frames[next].count
                next += 1
                burst += 1
                heardAt = now
            }
            link.flush(now: now)
            unsafe link.receive(now: now) { bytes in
                guard let answer = try? unsafe Acknowledgement.open(bytes, key: protection.key)
                else { return }
                outcome.acknowledgements += 1
                heardAt = now
                let known = newest[answer.source]?.counters?.duplicate ?? 0
                if let counters = answer.counters, counters.duplicate >= known {
                    newest[answer.source] = answer
                }
            }
            Link.wait([link], milliseconds: next < frames.count ? 1 : 20, wake: -1)
        }
        for counters in newest.values.compactMap(\.counters) {
            outcome.accepted += counters.accepted
            outcome.duplicate += counters.duplicate + counters.unverifiedDuplicate
            outcome.inConflict += counters.inConflict
        }
        return outcome
    }
}
