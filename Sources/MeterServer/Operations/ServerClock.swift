internal import Glibc
internal import MeterWire

/// The wall clock, moved by the offset that a demonstration asks for.
struct ServerClock: Sendable {
    let offsetMilliseconds: Int64

    init(offsetSeconds: Int = 0) {
        offsetMilliseconds = Int64(offsetSeconds) * 1_000
    }

    /// About 30 ns: no system call, the kernel maps its clock into the process.
    func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
        return Timestamp(milliseconds: milliseconds)
            .advanced(byMilliseconds: offsetMilliseconds)
    }
}
