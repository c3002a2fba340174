internal import Meter
internal import MeterDisk

/// What a data directory and its file system say about their health, with or without a server.
///
/// Nothing is changed. For the time of a sync a file without a name is written and gone again.
struct DirectoryChecks {
    private(set) var found: [Diagnosis] = []
    private let path: String
    /// Seconds since 1970.
    private let now: Int64

    init(path: String, now: Int64) {
        self.path = path
        self.now = now
    }

    private static let hour: Int64 = 3_600

    /// Everything about the directory itself.
    ///
    /// - Parameter isServed: Whether a server answers that should work on it; nil where none was asked.
    mutating func directory(isServed: Bool?) {
        guard let facts = FileFacts(path), facts.isDirectory else {
            return add(
                "data directory",
                .error,
                "\(path) is not there, or not to be read by this user",
                advice: "name the right one with --data, or run as the server's user"
            )
        }
        let names: [String]
        do throws(DiskError) {
            names = try POSIXDisk(path: path, access: .readOnly).list()
        } catch {
            return add(
                "data directory",
                .error,
                "\(error)",
                advice: "run as the server's user"
            )
        }
        lock(names, isServed)
        permissions(facts, names)
        space()
        syncTime()
        checkpoint(names)
        leftovers(names)
    }

    /// A file that holds a secret, wherever it lies.
    mutating func secret(_ what: String, _ file: String) {
        guard file.hasPrefix("/") else {
            return add(
                what,
                .note,
                "not looked at: \(file) begins where the server was started",
                advice: "give the server the whole path"
            )
        }
        guard let facts = FileFacts(file) else {
            return add(
                what,
                .error,
                "\(file) is not there, or not to be read by this user",
                advice:
                    "without it the server does not start again; restore it from where it is kept"
            )
        }
        guard !facts.isOpenToOthers else {
            return add(
                what,
                .warning,
                "\(file) may be opened by others than its owner (mode \(facts.modeText))",
                advice: "chmod 600 \(file)"
            )
        }
        add(what, .good, "\(file), for its owner only")
    }

    /// Who holds the directory: nobody, or the process that works on it.
    private mutating func lock(_ names: [String], _ isServed: Bool?) {
        guard names.contains("lock") else {
            return add(
                "directory lock",
                isServed == true ? .error : .note,
                isServed == true
                    ? "a server answers, and \(path) has no lock file"
                    : "no server has worked here",
                advice: isServed == true
                    ? "name the server's directory with --data; if it is this one, somebody removed "
                        + "its lock: stop the server, and start it again" : ""
            )
        }
        switch FileLockHolder.find("\(path)/lock") {
        case .unknown:
            add("directory lock", .note, "not looked at: /proc/locks cannot be read")
        case .nobody where isServed == true:
            add(
                "directory lock",
                .error,
                "a server answers, and nobody holds the lock of \(path)",
                advice:
                    "name the server's directory with --data; if it is this one, somebody removed "
                    + "its lock: stop the server, and start it again"
            )
        case .nobody: add("directory lock", .good, "free: no server works on \(path)")
        case .held(let process) where isServed == false:
            add(
                "directory lock",
                .error,
                "held by process \(process), and no server answers",
                advice: "see what it does: its log, ps \(process); it may be starting, or hang"
            )
        case .held(let process):
            add("directory lock", .good, "held by process \(process)")
        }
    }

    private mutating func permissions(_ directory: FileFacts, _ names: [String]) {
        if directory.isOpenToOthers {
            return add(
                "permissions",
                .warning,
                "\(path) is open to others than its owner (mode \(directory.modeText))",
                advice: "chmod 700 \(path)"
            )
        }
        let open = names.sorted().first { FileFacts("\(path)/\($0)")?.isOpenToOthers == true }
        if let open {
            // Nobody else gets through the directory; worth knowing all the same.
            add(
                "permissions",
                .note,
                "\(open) would be open to others if the directory were",
                advice: "chmod 600 \(path)/\(open)"
            )
        } else {
            add("permissions", .good, "directory and files are their owner's alone")
        }
    }

    private mutating func space() {
        guard let disk = DiskFacts(of: path), disk.byteCount > 0 else { return }
        let share = Double(disk.freeByteCount) / Double(disk.byteCount)
        let text =
            "\(Readable.bytes(disk.freeByteCount)) of \(Readable.bytes(disk.byteCount)) are free"
        let verdict: Diagnosis.Verdict =
            disk.freeByteCount < 200_000_000 || share < 0.01
            ? .error : disk.freeByteCount < 2_000_000_000 || share < 0.05 ? .warning : .good
        add(
            "disk space",
            verdict,
            text,
            advice: verdict == .good
                ? "" : "make room: on a full disk nothing is acknowledged until there is some"
        )
    }

    private mutating func syncTime() {
        guard let microseconds = SyncProbe.median(in: path) else {
            return add("sync time", .note, "not measured: the file system has no nameless files")
        }
        let milliseconds = Double(microseconds) / 1_000
        let text = "\((milliseconds * 10).rounded() / 10) ms for a small write and its sync"
        let verdict: Diagnosis.Verdict =
            milliseconds > 200 ? .error : milliseconds > 50 ? .warning : .good
        add(
            "sync time",
            verdict,
            text,
            advice: verdict == .good
                ? "" : "acknowledgements wait for syncs: use a faster disk, or one with less to do"
        )
    }

    private mutating func checkpoint(_ names: [String]) {
        let live = LiveFiles.find(names)
        let journals = names.filter { name in
            if case .journal = DataFileName(name) { true } else { false }
        }
        let newest = journals.compactMap { FileFacts("\(path)/\($0)")?.modified }.max()
        guard let newest else {
            return add(
                "journal",
                .note,
                "there is none yet",
                advice: "a server makes it when it first starts on the directory"
            )
        }
        let bytes = journals.reduce(UInt64(0)) { sum, name in
            sum + (FileFacts("\(path)/\(name)")?.byteCount ?? 0)
        }
        add(
            "journal",
            .good,
            "\(Readable.bytes(bytes)) in \(Readable.plural(journals.count, "file")), last written "
                + "\(Readable.seconds(max(0, now - newest))) ago"
        )
        guard let file = live.dedup?.name, let made = FileFacts("\(path)/\(file)")?.modified else {
            let isLate = bytes > 1 << 30
            return add(
                "checkpoint",
                isLate ? .warning : .note,
                "there is none yet: a start reads the whole journal",
                advice: isLate ? "see why none is made: meterctl status, and the server's log" : ""
            )
        }
        // Checkpoints are made while there is something to write, within minutes.
        let isLate = newest - made > Self.hour
        add(
            "checkpoint",
            isLate ? .warning : .good,
            "at \(Readable.grouped(live.checkpoint)), "
                + "\(Readable.seconds(max(0, now - made))) old",
            advice: isLate ? "see why none is made: meterctl status, and the server's log" : ""
        )
    }

    private mutating func leftovers(_ names: [String]) {
        let torn = names.filter { $0.hasSuffix(".torn") }.sorted()
        if let first = torn.first {
            add(
                "torn ends",
                .note,
                "\(torn.count) kept aside, such as \(first): what a power cut left half written",
                advice: "nothing acknowledged is in them; remove them when you have looked"
            )
        }
    }

    private mutating func add(
        _ check: String,
        _ verdict: Diagnosis.Verdict,
        _ detail: String,
        advice: String = ""
    ) {
        found.append(Diagnosis(check, verdict, detail, advice: advice))
    }
}
