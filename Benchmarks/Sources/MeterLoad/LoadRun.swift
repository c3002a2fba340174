import CanonicalWorkload
import Glibc
import MeterWire
import Synchronization

/// One connection: a thread reads acknowledgements, the caller's thread writes frames, at most `window`
/// bytes ahead of what is acknowledged.
final class LoadRun: Sendable {
    private struct Progress {
        /// For each source, events acknowledged as durable.
        var durable: [UInt64]
        var acknowledgedBytes = 0
        /// The first frame that is not acknowledged yet.
        var next = 0
        var sentAt: [Double]
        var latencies: [Double] = []
    }

    private let workload: CanonicalWorkload
    private let key: WireKey
    private let socket: CInt
    private let window: Int
    private let numbers: [SourceID: Int]
    private let progress: Mutex<Progress>

    init(_ workload: CanonicalWorkload, key: WireKey, socket: CInt, window: Int) {
        self.workload = workload
        self.key = key
        self.socket = socket
        self.window = window
        numbers = Dictionary(
            uniqueKeysWithValues: workload.sourceIDs.enumerated().map { ($1, $0) })
        progress = Mutex(
            Progress(
                durable: Array(repeating: 0, count: workload.sourceIDs.count),
                sentAt: Array(repeating: 0, count: workload.frames.count)))
    }

    var latencies: [Double] { progress.withLock { $0.latencies } }

    /// Returns when every frame is acknowledged.
    func start() {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<LoadRun>.fromOpaque(context).takeRetainedValue().read()
                return nil
            }, context)
        var sentBytes = 0
        for (index, frame) in workload.frames.enumerated() {
            while sentBytes - progress.withLock({ $0.acknowledgedBytes }) > window { usleep(50) }
            progress.withLock { $0.sentAt[index] = monotonicSeconds() }
            var message: [UInt8] = []
            message.reserveCapacity(frame.count + 4)
            message.appendFixed32(UInt32(frame.count))
            message.append(contentsOf: frame)
            write(message)
            sentBytes += frame.count
        }
        pthread_join(thread, nil)
    }

    private func write(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe send(
                    socket, $0.baseAddress?.advanced(by: offset), bytes.count - offset,
                    CInt(MSG_NOSIGNAL))
            }
            precondition(count > 0, "the server keeps the connection: errno \(errno)")
            offset += count
        }
    }

    private func read() {
        var buffer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while progress.withLock({ $0.next }) < workload.frames.count {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe recv(socket, $0.baseAddress, $0.count, 0)
            }
            precondition(count > 0, "the server keeps the connection: errno \(errno)")
            buffer.append(contentsOf: chunk[0..<count])
            var offset = 0
            while buffer.count - offset >= 4 {
                let length = buffer[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
                guard buffer.count - offset >= 4 + length else { break }
                take(Array(buffer[(offset + 4)..<(offset + 4 + length)]))
                offset += 4 + length
            }
            buffer.removeFirst(offset)
        }
    }

    private func take(_ message: [UInt8]) {
        let acknowledgement = unsafe message.withUnsafeBytes {
            unsafe try? Acknowledgement.open($0, key: key)
        }
        guard let acknowledgement, let number = numbers[acknowledgement.source] else { return }
        precondition(
            acknowledgement.counters?.refused.isEmpty ?? true, "nothing of the workload is refused")
        let now = monotonicSeconds()
        progress.withLock { progress in
            progress.durable[number] = max(progress.durable[number], acknowledgement.durableThrough)
            while progress.next < workload.frames.count,
                progress.durable[workload.sources[progress.next]] >= workload.ends[progress.next]
            {
                progress.latencies.append(now - progress.sentAt[progress.next])
                progress.acknowledgedBytes += workload.frames[progress.next].count
                progress.next += 1
            }
        }
    }
}
