internal import Glibc
internal import MeterClient
internal import MeterWire

/// What was sent a second time, and what the server made of it.
struct ResentFrames: Equatable {
    var frameCount = 0
    var eventCount: UInt64 = 0
    /// Events that the server counted as duplicates meanwhile.
    var duplicateCount: UInt64 = 0

    mutating func add(_ other: ResentFrames) {
        frameCount += other.frameCount
        eventCount += other.eventCount
        duplicateCount += other.duplicateCount
    }
}

/// Sends sealed frames as they are, one after the other, and waits for an acknowledgement of each.
///
/// Blocks its thread. The server's counter of duplicates is that of the source since the server's start,
/// so where the server was started in between, counting begins anew.
struct FrameResender {
    private let endpoint: Endpoint
    private let key: WireKey?
    private var socket: ReplaySocket?
    private var lastCount: UInt64
    private var counted: UInt64 = 0

    /// Milliseconds until a frame is sent again.
    private static let patience = 300

    init(endpoint: Endpoint, key: WireKey?, knownDuplicateCount: UInt64) {
        self.endpoint = endpoint
        self.key = key
        lastCount = knownDuplicateCount
    }

    mutating func resend(_ frames: [[UInt8]], timeoutMilliseconds: Int64) -> ResentFrames {
        let deadline = Clocks.monotonic() + timeoutMilliseconds * 1_000
        var resent = ResentFrames()
        for frame in frames { send(frame, &resent, deadline: deadline) }
        // Answers are never larger than what they answer: after a small frame the counters may be
        // missing, and one more large frame brings them.
        if counted < resent.eventCount, let largest = frames.max(by: { $0.count < $1.count }) {
            send(largest, &resent, deadline: deadline)
        }
        resent.duplicateCount = counted
        return resent
    }

    private mutating func send(
        _ frame: [UInt8], _ resent: inout ResentFrames, deadline: Int64
    ) {
        guard let header = Self.header(frame) else { return }
        while Clocks.monotonic() < deadline {
            guard send(frame) else { continue }
            // Sent twice it is a duplicate twice.
            resent.frameCount += 1
            resent.eventCount += UInt64(header.eventCount)
            if isAcknowledged(header.source) { return }
        }
    }

    private mutating func send(_ frame: [UInt8]) -> Bool {
        if socket == nil { socket = ReplaySocket(endpoint, timeoutMilliseconds: Self.patience) }
        if socket?.send(frame) == true { return true }
        socket = nil
        Clocks.sleep(until: Clocks.monotonic() + 100_000)
        return false
    }

    /// Takes the next acknowledgement of the source; false when none comes in time.
    private mutating func isAcknowledged(_ source: SourceID) -> Bool {
        while let message = socket?.receive() {
            let told = unsafe message.withUnsafeBytes { bytes in
                try? unsafe Acknowledgement.open(bytes, key: key)
            }
            guard let told, told.source == source else { continue }
            if let count = told.counters?.duplicate {
                counted += count >= lastCount ? count - lastCount : count
                lastCount = count
            }
            return true
        }
        // Over a stream that brings nothing more the next frame would wait for ever.
        if case .tcp = endpoint { socket = nil }
        return false
    }

    private static func header(_ frame: [UInt8]) -> FrameHeader? {
        unsafe frame.withUnsafeBytes { bytes in try? unsafe FrameHeader.parse(bytes) }
    }
}
