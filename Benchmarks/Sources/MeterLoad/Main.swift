import CanonicalWorkload
import Glibc
import MeterWire
import Synchronization

/// Sends the canonical workload over one TCP connection and waits until all of it is acknowledged as
/// durable.
///
///     MeterLoad HOST PORT KEYFILE SERVERPID [events per frame] [frames] [window KiB]
///
/// Prints one line of JSON: events, wall seconds, the server's processor seconds meanwhile, and the
/// latency from a frame's sending to the acknowledgement that covers it. Totals per component follow, to
/// be compared with what the server says.
@main
struct MeterLoad {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 5, let port = UInt16(arguments[2]), let pid = Int32(arguments[4]),
            let key = WireKey(text: line(of: arguments[3]))
        else {
            print("usage: MeterLoad HOST PORT KEYFILE SERVERPID [events] [frames] [window KiB]")
            exit(64)
        }
        let numbers = arguments.dropFirst(5).compactMap { Int($0) }
        let eventsPerFrame = numbers.first ?? 1_000
        let frameCount = numbers.dropFirst().first ?? 5_000
        let window = (numbers.dropFirst(2).first ?? 1_024) << 10
        var wall = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &wall)
        let workload = CanonicalWorkload(
            frameCount: frameCount, eventsPerFrame: eventsPerFrame, suite: .hmacSHA256, key: key,
            start: Int64(wall.tv_sec) * 1_000 - 26 * 60_000)
        let run = LoadRun(
            workload, key: key, socket: try connected(arguments[1], port), window: window)
        let processorBefore = processorSeconds(of: pid)
        let began = monotonicSeconds()
        run.start()
        let seconds = monotonicSeconds() - began
        let processor = processorSeconds(of: pid) - processorBefore
        let latencies = run.latencies.sorted()
        func latency(_ share: Double) -> Double {
            latencies.isEmpty ? 0 : latencies[Int(Double(latencies.count - 1) * share)] * 1_000
        }
        let bytes = workload.frames.reduce(0) { $0 + $1.count }
        let totals = workload.totals.sorted { $0.key < $1.key }
            .map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
        print(
            "{\"events\":\(workload.eventCount),\"amounts\":\(workload.amountCount),"
                + "\"bytes\":\(bytes),\"seconds\":\(seconds),\"processorSeconds\":\(processor),"
                + "\"acknowledgementMilliseconds\":{\"p50\":\(latency(0.5)),\"p99\":\(latency(0.99))},"
                + "\"totals\":{\(totals)}}")
    }

    static func connected(_ host: String, _ port: UInt16) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        unsafe inet_pton(AF_INET, host, &address.sin_addr)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "the server takes connections: errno \(errno)")
        return descriptor
    }

    static func line(of path: String) -> String {
        guard let file = unsafe fopen(path, "r") else { return "" }
        defer { unsafe fclose(file) }
        var buffer = [CChar](repeating: 0, count: 512)
        guard unsafe fgets(&buffer, 512, file) != nil else { return "" }
        let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// User and system time of a process, from /proc.
    static func processorSeconds(of pid: Int32) -> Double {
        let fields = line(of: "/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 13, let user = Double(fields[11]),
            let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }
}

func monotonicSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
