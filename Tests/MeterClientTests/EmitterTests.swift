import Glibc
import MeterTesting
import Synchronization
import Testing

@testable import MeterClient
@testable import MeterWire

/// A model server on a real socket of the loopback, on a thread of its own, that can be "killed": it then
/// loses what it did not sync, and for a while nobody listens.
private final class LoopbackServer: Sendable {
    let key: WireKey?
    let isStream: Bool
    let port: UInt16
    private let model: Mutex<ModelServer>
    private let isStopped = Atomic<Bool>(false)
    private let isStopDone = Atomic<Bool>(false)

    init(stream: Bool, key: WireKey?, port: UInt16 = 0, model: consuming ModelServer? = nil) {
        isStream = stream
        self.key = key
        let kind = CInt(stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        let socket = Glibc.socket(AF_INET, kind | CInt(SOCK_NONBLOCK.rawValue), 0)
        var yes: CInt = 1
        _ = unsafe setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                let status = unsafe bind(socket, pointer, size)
                _ = unsafe getsockname(socket, pointer, &size)
                return status
            }
        }
        precondition(bound == 0, "a loopback port can be had")
        if stream { _ = listen(socket, 8) }
        self.port = UInt16(bigEndian: address.sin_port)
        self.model = Mutex(model ?? ModelServer(key: key))
        let thread = Thread { [self] in serve(socket) }
        thread.start()
    }

    /// Stops at once; gives the model back as a new process would find it on disk.
    func kill() -> ModelServer {
        isStopped.store(true, ordering: .releasing)
        while !isStopDone.load(ordering: .acquiring) { usleep(1_000) }
        return model.withLock { model in
            model.crash()
            return model
        }
    }

    func read<Result>(_ body: (borrowing ModelServer) -> sending Result) -> sending Result {
        model.withLock { body($0) }
    }

    private func serve(_ socket: CInt) {
        var streams: [CInt: [UInt8]] = [:]
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        while !isStopped.load(ordering: .acquiring) {
            if isStream {
                let accepted = accept(socket, nil, nil)
                if accepted >= 0 {
                    _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
                    streams[accepted] = []
                }
                for stream in Array(streams.keys) { serve(stream: stream, &streams, &buffer) }
            } else {
                serveDatagrams(socket, &buffer)
            }
            model.withLock { $0.sync() }
            usleep(500)
        }
        for stream in streams.keys { close(stream) }
        close(socket)
        isStopDone.store(true, ordering: .releasing)
    }

    private func serve(stream: CInt, _ streams: inout [CInt: [UInt8]], _ buffer: inout [UInt8]) {
        let count = unsafe recv(stream, &buffer, buffer.count, 0)
        if count == 0 || (count < 0 && errno != EAGAIN) {
            close(stream)
            streams[stream] = nil
            return
        }
        var bytes = (streams[stream] ?? []) + buffer[..<max(count, 0)]
        var touched: Set<SourceID> = []
        while bytes.count >= 4 {
            let size = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count >= 4 + size else { break }
            let frame = Array(bytes[4..<4 + size])
            bytes.removeFirst(4 + size)
            model.withLock { model in
                if let id = model.receive(frame, defers: false) { touched.insert(id) }
            }
        }
        streams[stream] = bytes
        for id in touched {
            let answer = model.withLock { model in
                model.sync()
                return model.acknowledgement(id, byteCountMax: 1_400)
            }
            var message: [UInt8] = []
            message.appendFixed32(UInt32(answer.count))
            message += answer
            _ = unsafe send(stream, message, message.count, CInt(MSG_NOSIGNAL))
        }
    }

    private func serveDatagrams(_ socket: CInt, _ buffer: inout [UInt8]) {
        while true {
            var address = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let (count, answer) = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    let count = unsafe recvfrom(socket, &buffer, buffer.count, 0, pointer, &size)
                    guard count > 0 else { return (count, [UInt8]()) }
                    let frame = Array(buffer[..<count])
                    let answer: [UInt8] = model.withLock { model in
                        guard let id = model.receive(frame, defers: false) else { return [] }
                        model.sync()
                        return model.acknowledgement(id, byteCountMax: frame.count)
                    }
                    if !answer.isEmpty {
                        _ = unsafe sendto(socket, answer, answer.count, 0, pointer, size)
                    }
                    return (count, answer)
                }
            }
            _ = answer
            if count <= 0 { return }
        }
    }
}

/// A POSIX thread around a closure.
private struct Thread {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    func start() {
        let box = unsafe Unmanaged.passRetained(Box(body))
        var thread = pthread_t()
        _ = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let box = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                box.body()
                return nil
            },
            box.toOpaque()
        )
        pthread_detach(thread)
    }
}

@Suite(.serialized) struct EmitterTests {
    private func options(_ server: LoopbackServer, _ protection: WireProtection) -> EmitterOptions {
        var options = EmitterOptions(
            endpoint: server.isStream
                ? .tcp(host: "127.0.0.1", port: server.port)
                : .udp(host: "127.0.0.1", port: server.port),
            protection: protection
        )
        options.sealAfterMilliseconds = 20
        options.claimEveryMilliseconds = 200
        options.resendAfterMilliseconds = 50
        return options
    }

    private func record(_ emitter: Emitter, _ count: Int) {
        for number in 0..<count {
            emitter.record(
                tenant: "t",
                agent: "agent-\(number % 7)",
                [ComponentAmount("input_tokens", UInt64(number))]
            )
        }
    }

    private func sum(_ count: Int) -> UInt128 { UInt128(count) * UInt128(count - 1) / 2 }

    @Test(arguments: [false, true], TagSuite.allCases)
    func `what is recorded is on the server after close`(stream: Bool, suite: TagSuite) {
        let key = WireKey.derived(fromMaster: [5], id: KeyID(rawValue: 8))
        let protection: WireProtection =
            suite == .crc32c ? .none : suite == .hmacSHA256 ? .signed(key) : .encrypted(key)
        let server = LoopbackServer(stream: stream, key: protection.key)
        let emitter = Emitter(options(server, protection))
        record(emitter, 5_000)
        #expect(emitter.flush(timeoutMilliseconds: 60_000))
        #expect(emitter.statistics.durable == 5_000)
        record(emitter, 3)
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        let statistics = emitter.statistics
        #expect(statistics.recorded == 5_003 && statistics.durable == 5_003)
        #expect(statistics.accepted == 5_003)
        let source = server.read { $0.sources[statistics.source] }
        #expect(source?.claim?.isLast == true)
        #expect(source?.claim?.recordedCount == 5_003)
        #expect(server.read { $0.totals() }["input_tokens"] == sum(5_000) + 3)
        #expect(server.read { $0.totals() }["agent_calls"] == 5_003)
        emitter.record(tenant: "t", agent: "a", [ComponentAmount("input_tokens", 1)])
        #expect(emitter.statistics.dropped == 1)
        _ = server.kill()
    }

    @Test(arguments: [false, true])
    func `a server that is killed and started again misses nothing`(stream: Bool) {
        let key = WireKey.derived(fromMaster: [5], id: KeyID(rawValue: 8))
        var server = LoopbackServer(stream: stream, key: key)
        let kept = Mutex<[[UInt8]]>([])
        var options = options(server, .signed(key))
        options.onSealedFrame = { frame in kept.withLock { $0.append(frame) } }
        let emitter = Emitter(options)
        for _ in 0..<3 {
            record(emitter, 2_000)
            usleep(20_000)
            let model = server.kill()
            record(emitter, 1_000)
            usleep(150_000)
            server = LoopbackServer(stream: stream, key: key, port: server.port, model: model)
        }
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        let statistics = emitter.statistics
        #expect(stream ? statistics.connections >= 2 : statistics.framesResent > 0)
        #expect(
            server.read { $0.totals() }["input_tokens"] == 3 * sum(2_000) + 3 * sum(1_000)
        )

        // The same frames once more: every event a duplicate, no figure changed.
        let before = server.read { $0.totals() }
        let duplicates = server.read { $0.sources.values.reduce(0) { $0 + $1.duplicates } }
        let frames = kept.withLock { $0 }
        let outcome = FrameReplay.send(
            frames,
            to: options.endpoint,
            protection: options.protection
        )
        #expect(outcome.framesSent == frames.count)
        #expect(server.read { $0.totals() } == before)
        let after = server.read { $0.sources.values.reduce(0) { $0 + $1.duplicates } }
        #expect(after - duplicates == 9_000)
        #expect(outcome.duplicate == after)
        _ = server.kill()
    }

    @Test func `without a server memory is bounded and drops are counted`() {
        var options = EmitterOptions(
            endpoint: .udp(host: "127.0.0.1", port: 9),
            protection: .none
        )
        options.memoryByteCountMax = 50_000
        options.sealAfterMilliseconds = 10
        let emitter = Emitter(options)
        for _ in 0..<5 {
            record(emitter, 10_000)
            usleep(20_000)
        }
        let statistics = emitter.statistics
        #expect(statistics.recorded == 50_000)
        #expect(statistics.dropped > 30_000)
        #expect(statistics.outstandingBytes <= 60_000)
        #expect(!emitter.flush(timeoutMilliseconds: 50))
        #expect(!emitter.close(timeoutMilliseconds: 100))
    }

    @Test func `many threads record at once`() {
        let server = LoopbackServer(stream: true, key: nil)
        let emitter = Emitter(options(server, .none))
        let countdown = Countdown(4)
        for _ in 0..<4 {
            Thread {
                for number in 0..<2_000 {
                    emitter.record(
                        tenant: "t",
                        agent: "a",
                        [ComponentAmount("input_tokens", UInt64(number))]
                    )
                }
                countdown.left.subtract(1, ordering: .releasing)
            }.start()
        }
        while countdown.left.load(ordering: .acquiring) > 0 { usleep(1_000) }
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        #expect(server.read { $0.totals() }["input_tokens"] == 4 * sum(2_000))
        _ = server.kill()
    }

    /// Datagrams go to a port behind which nobody reads, then to one where a server listens again.
    @Test func `datagrams that nobody answers go over the stream, and back when somebody does`() {
        let key = WireKey.derived(fromMaster: [5], id: KeyID(rawValue: 8))
        let stream = LoopbackServer(stream: true, key: key)
        let silent = LoopbackServer(stream: false, key: key)
        _ = silent.kill()
        var options = EmitterOptions(
            endpoint: .udp(host: "127.0.0.1", port: silent.port),
            protection: .signed(key)
        )
        options.fallBack = .tcp(host: "127.0.0.1", port: stream.port)
        options.fallBackAfterMilliseconds = 300
        options.probeEveryMilliseconds = 200
        options.sealAfterMilliseconds = 20
        options.resendAfterMilliseconds = 50
        let emitter = Emitter(options)
        record(emitter, 1_000)
        #expect(emitter.flush(timeoutMilliseconds: 60_000))
        #expect(emitter.statistics.isFallenBack)
        #expect(emitter.statistics.connections == 1)
        #expect(stream.read { $0.totals() }["input_tokens"] == sum(1_000))
        // The datagram server knows what the stream's has: they are two doors of one.
        let datagrams = LoopbackServer(
            stream: false,
            key: key,
            port: silent.port,
            model: stream.read { $0 }
        )
        for _ in 0..<1_200 where emitter.statistics.isFallenBack {
            record(emitter, 10)
            usleep(50_000)
        }
        #expect(!emitter.statistics.isFallenBack)
        #expect(emitter.statistics.fallBacks >= 1)
        #expect(datagrams.read { $0.sources.values.reduce(0) { $0 + $1.events.count } } > 1_000)
        _ = emitter.close(timeoutMilliseconds: 500)
        _ = stream.kill()
        _ = datagrams.kill()
    }

    private final class Countdown: Sendable {
        let left: Atomic<Int>
        init(_ count: Int) { left = Atomic(count) }
    }

    @Test func `after a fork parent and child each send their own`() async {
        await #expect(processExitsWith: .success) {
            let server = LoopbackServer(stream: false, key: nil)
            var options = EmitterOptions(
                endpoint: .udp(host: "127.0.0.1", port: server.port),
                protection: .none
            )
            options.sealAfterMilliseconds = 20
            let emitter = Emitter(options)
            for _ in 0..<100 {
                emitter.record(tenant: "t", agent: "parent", [ComponentAmount("input_tokens", 1)])
            }
            let child = fork()
            if child == 0 {
                alarm(120)
                for _ in 0..<50 {
                    emitter.record(
                        tenant: "t",
                        agent: "child",
                        [ComponentAmount("input_tokens", 1)]
                    )
                }
                let isDone = emitter.close(timeoutMilliseconds: 60_000)
                _exit(isDone && emitter.statistics.recorded == 50 ? 0 : 1)
            }
            var status: CInt = 1
            _ = unsafe waitpid(child, &status, 0)
            let isDone = emitter.close(timeoutMilliseconds: 60_000)
            let counts = server.read { $0.sources.values.map(\.events.count).sorted() }
            // Which of the three it was, for whoever reads the exit code.
            exit((status == 0 ? 0 : 2) + (isDone ? 0 : 4) + (counts == [50, 100] ? 0 : 8))
        }
    }

    @Test func `a dropped event with an impossible time does not spoil the claim`() {
        let server = LoopbackServer(stream: true, key: nil)
        let emitter = Emitter(options(server, .none))
        for time in [Int64.min, 0, .max] {
            emitter.record(
                UsageEvent(
                    time: Timestamp(milliseconds: time),
                    tenant: "t",
                    agent: "a",
                    amounts: [ComponentAmount("agent_calls", 1)]
                )
            )
        }
        #expect(emitter.close(timeoutMilliseconds: 60_000))
        #expect(emitter.statistics.invalid == 2)
        let claim = server.read { $0.sources.values.first?.claim }
        #expect(claim?.isLast == true && claim?.recordedCount == 3 && claim?.droppedCount == 2)
        #expect(claim?.linesAreComplete == false)
        _ = server.kill()
    }

    @Test func `endpoints are read and written`() {
        #expect(Endpoint("udp://localhost:7401") == .udp(host: "localhost", port: 7_401))
        #expect(Endpoint("tcp://[::1]:80") == .tcp(host: "::1", port: 80))
        #expect(Endpoint("tcp://[::1]:80")?.description == "tcp://[::1]:80")
        for wrong in ["http://a:1", "udp://a", "udp://:1", "udp://a:0", "udp://a:70000", ""] {
            #expect(Endpoint(wrong) == nil)
        }
    }
}
