internal import MeterClient
internal import MeterWire
internal import Synchronization

/// One or two emitters that share a trace, and what became of it.
final class ReplayRun {
    private struct Lane {
        let endpoint: Endpoint
        let emitter: Emitter
        let frames: SealedFrames
    }

    private let lanes: [Lane]
    private let protection: WireProtection
    private var began: Int64 = 0
    private var ended: Int64 = 0

    init(
        endpoints: [Endpoint],
        protection: WireProtection,
        keepsFrames: Bool,
        options: (Endpoint) -> EmitterOptions
    ) {
        self.protection = protection
        lanes = endpoints.map { endpoint in
            let frames = SealedFrames()
            var options = options(endpoint)
            if keepsFrames { options.onSealedFrame = { frames.add($0) } }
            return Lane(endpoint: endpoint, emitter: Emitter(options), frames: frames)
        }
    }

    /// Records every call when it is due; nil is flat out, held back only by what is not durable yet.
    func send(
        _ trace: Trace,
        _ assignment: TraceAssignment,
        speed: Double?,
        _ progress: Progress? = nil
    ) {
        began = Clocks.monotonic()
        for (index, call) in trace.calls.enumerated() {
            if index.isMultiple(of: 256) { show(progress) }
            if let speed {
                wait(until: began + Int64(Double(call.offset) / speed), progress)
            } else if index.isMultiple(of: 1_024) {
                holdBack(progress)
            }
            let lane = lanes.count == 1 || assignment.isDatagram(index) ? lanes[0] : lanes[1]
            lane.emitter.record(assignment.event(index, call))
        }
    }

    /// A trace may be larger than the emitters' memory, beyond which they drop.
    private func holdBack(_ progress: Progress?) {
        while lanes.contains(where: { $0.emitter.statistics.outstandingBytes > 16 << 20 }) {
            Clocks.sleep(until: Clocks.monotonic() + 10_000)
            show(progress)
        }
    }

    private func wait(until moment: Int64, _ progress: Progress?) {
        while Clocks.monotonic() + Self.look < moment {
            Clocks.sleep(until: Clocks.monotonic() + Self.look)
            show(progress)
        }
        Clocks.sleep(until: moment)
    }

    /// Microseconds between looks at how far the server is.
    private static let look: Int64 = 100_000

    private func show(_ progress: Progress?) {
        progress?.advance(to: lanes.reduce(0) { $0 + $1.emitter.statistics.durable })
    }

    /// Waits until everything is durable and ends the sources.
    func finish(timeoutMilliseconds: Int64, _ progress: Progress? = nil) -> Bool {
        let deadline = Clocks.monotonic() + timeoutMilliseconds * 1_000
        var isDurable = true
        while progress != nil, Clocks.monotonic() < deadline,
            lanes.contains(where: { $0.emitter.statistics.outstanding > 0 })
        {
            Clocks.sleep(until: Clocks.monotonic() + Self.look)
            show(progress)
        }
        for lane in lanes {
            let left = max(1, (deadline - Clocks.monotonic()) / 1_000)
            if !lane.emitter.close(timeoutMilliseconds: left) { isDurable = false }
        }
        ended = Clocks.monotonic()
        return isDurable
    }

    /// Sends every sealed frame once more, each over the way that it came.
    func resend(timeoutMilliseconds: Int64) -> ResentFrames {
        var total = ResentFrames()
        for lane in lanes {
            let frames = lane.frames.all
            let before = lane.emitter.statistics
            let outcome = FrameReplay.send(
                frames,
                to: lane.endpoint,
                protection: protection,
                timeoutMilliseconds: timeoutMilliseconds
            )
            total.frameCount += frames.count
            total.eventCount += before.sealed
            total.duplicateCount += outcome.duplicate - min(outcome.duplicate, before.duplicate)
        }
        return total
    }

    func report(_ trace: Trace, _ again: ResentFrames?) -> ReplayReport {
        ReplayReport(
            lanes: lanes.map { ($0.endpoint, $0.emitter.statistics) },
            again: again,
            milliseconds: (ended - began) / 1_000
        )
    }
}

/// What was sent a second time, and what the server made of it.
struct ResentFrames: Equatable {
    var frameCount = 0
    var eventCount: UInt64 = 0
    /// Events that the server counted as duplicates meanwhile.
    var duplicateCount: UInt64 = 0
}

/// Frames as they were sealed, in order.
final class SealedFrames: Sendable {
    private let frames = Mutex<[[UInt8]]>([])

    func add(_ frame: [UInt8]) { frames.withLock { $0.append(frame) } }

    var all: [[UInt8]] { frames.withLock { $0 } }
}
