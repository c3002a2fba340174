internal import Glibc

/// What the kernel says about this process; read when somebody asks.
enum ProcessFacts {
    /// Allows as many open files as the system lets this process have.
    static func raiseFileLimit() {
        guard var limit = fileLimit, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Descriptors that may be open at once.
    static var openFileCountMax: Int { Int(clamping: fileLimit?.rlim_cur ?? 0) }

    private static var fileLimit: rlimit? {
        var limit = rlimit()
        let result = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return result == 0 ? limit : nil
    }

    /// Bytes of memory that are in use now.
    static var residentByteCount: Int {
        let fields = text(of: "/proc/self/statm").split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * Int(sysconf(CInt(_SC_PAGESIZE)))
    }

    /// Milliseconds of processor time used since the start.
    static var cpuMilliseconds: Int64 {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// When the process began, in seconds since 1970.
    static let startSeconds: Int = {
        // The fields behind the name, which may have anything in it, begin with the third.
        let fields = text(of: "/proc/self/stat").split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 19, let ticks = Int(fields[19]) else { return 0 }
        var wall = timespec()
        var boot = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &wall) == 0,
            unsafe clock_gettime(CLOCK_BOOTTIME, &boot) == 0
        else { return 0 }
        return wall.tv_sec - (boot.tv_sec - ticks / Int(sysconf(CInt(_SC_CLK_TCK))))
    }()

    /// Descriptors that are open now.
    static var openFileCount: Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the descriptor that counts.
        return max(0, count - 3)
    }

    private static func text(of path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe read(descriptor, $0.baseAddress, $0.count)
        }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
