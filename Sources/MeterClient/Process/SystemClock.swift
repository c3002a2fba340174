internal import Glibc
internal import MeterWire

/// The operating system's clocks.
enum SystemClock {
    /// The time of day.
    static func now() -> Timestamp { Timestamp(milliseconds: read(CLOCK_REALTIME)) }

    /// Milliseconds of a clock that never goes back; its zero means nothing.
    static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
