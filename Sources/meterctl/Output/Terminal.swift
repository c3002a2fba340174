internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// Data on stdout, talk on stderr.
enum Terminal {
    private static let isReaderGone = Atomic(false)

    /// Writes data.
    ///
    /// A reader that has gone away (`| head`) is no failure: the rest is dropped, and the verb goes on to
    /// its exit code, which a script may still ask for. Where stdout takes nothing for another reason (a
    /// full disk) the program ends with ``ExitStatus/failed``: half an export must not look like a whole one.
    static func data(_ text: String) {
        guard !isReaderGone.load(ordering: .relaxed) else { return }
        let failure = write(text, to: STDOUT_FILENO)
        if failure == EPIPE {
            isReaderGone.store(true, ordering: .relaxed)
        } else if failure != 0 {
            talk("meterctl: the output cannot be written: " + message(failure))
            exit(ExitStatus.failed.rawValue)
        }
    }

    /// Writes a data line.
    static func line(_ text: String) { data(text + "\n") }

    /// Writes lines for the person who looks on; on a terminal they are broken between words, but where they
    /// say what to do next: that is there to be copied.
    static func talk(_ text: String) {
        let width = talkScreen?.width ?? .max
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { line in
            line.hasPrefix("next: ")
                ? [String(line)] : TextWidth.broken(String(line), into: width)
        }
        _ = write(lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
    }

    /// Writes to the person's terminal without ending the line.
    static func prompt(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    /// Whether a person may answer.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 }

    /// What stdout is drawn for.
    static var screen: Screen { screen(STDOUT_FILENO) }

    /// What stderr is drawn for; nil where it is no terminal and progress would only fill a log.
    static var talkScreen: Screen? {
        isatty(STDERR_FILENO) == 1 ? screen(STDERR_FILENO) : nil
    }

    private static func screen(_ descriptor: Int32) -> Screen {
        let isTerminal = isatty(descriptor) == 1
        return Screen(
            width: isTerminal ? width(descriptor) : nil,
            hasColor: wantsColor(ProcessInfo.processInfo.environment, isTerminal: isTerminal)
        )
    }

    /// As https://no-color.org has it: a variable that is set and not empty turns colours off.
    static func wantsColor(_ environment: [String: String], isTerminal: Bool) -> Bool {
        if !environment["NO_COLOR", default: ""].isEmpty { return false }
        if !environment["FORCE_COLOR", default: ""].isEmpty { return true }
        return isTerminal && environment["TERM"] != "dumb"
    }

    private static func width(_ descriptor: Int32) -> Int? {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    /// - Returns: 0, or the errno of the write that failed.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return errno }
            bytes = bytes.dropFirst(count)
        }
        return 0
    }

    private static func message(_ error: Int32) -> String {
        unsafe String(cString: strerror(error))
    }
}
